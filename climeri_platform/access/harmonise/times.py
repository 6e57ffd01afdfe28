"""One time axis, called time.

XIOS writes ``time_counter`` with ``time_centered`` or ``time_instant`` beside it, all with the
standard name of time; IOIPSL called it ``t_ave_01month``. Tools that look for the one coordinate
with that standard name refuse such files (ESMValCore, native IPSL-CM6; XIOS reference guide,
``time_counter`` attribute of a file). The dimension's own coordinate is the axis; others stay
beside it, without the standard name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.clock import TIME_BESIDE, TIME_NAMES
from climeri_platform.access.coordinates import is_bounds
from climeri_platform.access.harmonise.fields import direction, fields
from climeri_platform.access.harmonise.naming import renamed
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["one_time_axis"]

_FIX = "times"
_NO_TIMES = ("lat", "lon", "rlat", "rlon", "lev", "plev", "member")
_WAS = "climeri_native_standard_name"


def one_time_axis(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Call the time axis time, and leave the standard name to it alone.

    Parameters
    ----------
    dataset
        Decoded; calendars, dates and whether they are cftime or datetime64 stay as they are.
    about
        Common facets; ``variable`` is used.
    """
    steps: list[Step] = []
    axis = _axis(dataset, about)
    if axis is None:
        return dataset, steps
    if axis not in dataset.coords:
        dataset, steps = _from_beside(dataset, axis)
    elif axis != "time":
        if "time" in dataset.variables or "time" in dataset.dims:
            said = f"the time axis is {axis}, and time is something else here: it keeps its name"
            return dataset, [Step(_FIX, axis, said)]
        dataset = renamed(dataset, axis, "time")
        steps.append(Step(_FIX, "time", f"{axis} is called time", "names", native_name=axis))
    if "time" not in dataset.coords or dataset["time"].dims != ("time",):
        return dataset, steps
    dataset = dataset.copy(deep=False)
    dataset["time"].attrs.setdefault("standard_name", "time")
    for name, each in dataset.coords.items():
        if name != "time" and each.attrs.get("standard_name") == "time" and "time" in each.dims:
            each.attrs[_WAS] = each.attrs.pop("standard_name")
            each.attrs.pop("axis", None)
            said = f"{name} lies beside time; the standard name is time's alone"
            steps.append(Step(_FIX, str(name), said, "names"))
    return dataset, steps


def _is_time(each: xr.DataArray) -> bool:
    # the type of an index is known; of other objects only their attributes are
    if each.name in _NO_TIMES or direction(str(each.name), each.attrs) is not None:
        return False
    if "standard_name" in each.attrs:
        return bool(each.attrs["standard_name"] == "time")
    return bool(each.dtype.kind == "M" or each.attrs.get("axis") == "T")


def _axis(dataset: xr.Dataset, about: Mapping[str, str]) -> str | None:
    dims = {str(dim) for name in fields(dataset, about) for dim in dataset[name].dims}
    dims = dims or {str(dim) for dim in dataset.dims}
    for known in TIME_NAMES:
        if known in dims:
            return known
    found = [
        dim
        for dim in sorted(dims)
        if any(
            _is_time(each)
            for name, each in dataset.coords.items()
            if each.dims == (dim,) and not is_bounds(dataset, name)
        )
    ]
    return found[0] if len(found) == 1 else None


def _from_beside(dataset: xr.Dataset, axis: str) -> tuple[xr.Dataset, list[Step]]:
    """Make the axis of the one coordinate that lies along a dimension without values."""
    along = [
        str(n) for n, each in dataset.coords.items() if each.dims == (axis,) and _is_time(each)
    ]
    along = [n for n in along if n in TIME_BESIDE] or along
    taken = axis != "time" and "time" in dataset.dims
    if len(along) != 1 or taken or ("time" in dataset.variables and along[0] != "time"):
        if not along:
            return dataset, []
        said = f"{axis} has no values of its own, and {', '.join(along)} could be its; they stay"
        return dataset, [Step(_FIX, along[0], said)]
    old = along[0]
    if dataset[old].chunks is not None:  # an index is in memory; a small one, read in this thread
        dataset = dataset.assign_coords({old: dataset[old].compute(scheduler="synchronous")})
    dataset = renamed(dataset.swap_dims({axis: old}), old, "time")
    said = f"{axis} has no values of its own; {old} is the time axis"
    return dataset, [Step(_FIX, "time", said, "names", native_name=old)]
