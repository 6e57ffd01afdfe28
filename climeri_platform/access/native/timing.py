"""The time of native files: one axis, called time, whose values are good."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.clock import TIME_BESIDE
from climeri_platform.access.coordinates import bounds_of, read_here
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["name_time"]

_FIX = "native time"
_AXIS = re.compile(r"time_counter|t_(?:ave|inst)_\w+")


def name_time(dataset: xr.Dataset, *, undated: bool = False) -> tuple[xr.Dataset, list[Step]]:
    """Make the time axis of a native file ``time``, with ``time_bnds``.

    XIOS writes the same moments up to three times; old NEMO names its axis after the operation and
    the interval. The file's own axis is kept unless it is broken, or counts the ends of the periods
    whose means are given, while their centres stand beside it.

    Parameters
    ----------
    dataset
        As it was decoded.
    undated
        Take also an axis that no units make times, as one whose dates come from elsewhere.

    Returns
    -------
    dataset, steps
        As they were if there is no such axis.
    """
    native = next((str(each) for each in dataset.dims if _AXIS.fullmatch(str(each))), None)
    if native is None or "time" in {*dataset.variables, *dataset.dims}:
        return dataset, []
    of_time = [
        str(name)
        for name, each in dataset.variables.items()
        if each.dims == (native,) and (_AXIS.fullmatch(str(name)) or name in TIME_BESIDE)
    ]
    good = [name for name in of_time if dataset[name].dtype.kind in "MO"]
    if undated and not good:
        return dataset.drop_vars(of_time).rename({native: "time"}), []
    if not good:
        said = f"{native} keeps its name: it counts steps, and no units make them times"
        return dataset, [Step(_FIX, native, said, native_name=native)]
    ends = {name: _ends(dataset[name].variable) for name in good}
    chosen, why = _best(dataset, native, ends)
    said = f"{chosen} is time" + (f", {why}" if why else "")
    others = [name for name in of_time if name not in (chosen, native)]
    repeated = [name for name in others if name in ends and _same(ends[name], ends[chosen])]
    # of one axis under two names either may have the bounds
    bounds = next(filter(None, (bounds_of(dataset, name) for name in (chosen, *repeated))), None)
    of_others = {n for name in (*others, native) if (n := bounds_of(dataset, name)) and n != bounds}
    if chosen != native:
        axis = dataset[chosen].variable.copy(deep=False)
        dataset = dataset.drop_vars([chosen, native], errors="ignore")
        dataset = dataset.assign_coords(
            {native: (native, read_here(axis), axis.attrs, axis.encoding)}
        )
    left = [*repeated, *sorted(of_others)]
    said += f", its bounds {bounds} are time_bnds" if bounds else ""
    said += f"; {', '.join(left)} left out" if left else ""
    dataset = dataset.drop_vars(left)
    dataset = dataset.rename({native: "time"} | ({bounds: "time_bnds"} if bounds else {}))
    if native in dataset.encoding.get("unlimited_dims", ()):
        dataset.encoding = {**dataset.encoding, "unlimited_dims": {"time"}}
    attrs = {**dataset["time"].attrs, "standard_name": "time", "axis": "T", "native_name": chosen}
    dataset["time"].attrs = attrs | ({"bounds": "time_bnds"} if bounds else {})
    for name in others:
        if name in dataset.coords:  # a second time axis is what iris and others stumble over
            its = dataset[name].attrs
            kept = {key: its[key] for key in its if key not in ("standard_name", "bounds")}
            dataset[name].attrs = kept
    return dataset, [Step(_FIX, "time", said, kind="names", native_name=chosen)]


def _best(dataset: xr.Dataset, native: str, ends: Mapping[str, np.ndarray]) -> tuple[str, str]:
    """Return which of the axes is taken, and why, if it is not the file's own."""
    if native not in ends or _broken(dataset[native]):
        sound = [name for name in ends if name != native and not _broken(dataset[name])]
        found = "is broken" if native in dataset.variables else "has no values"
        return (sound[0], f"as {native} {found}") if sound else (native, "")
    wanted = "time_instant" if _instants(dataset) else "time_centered"
    if wanted in ends and not _same(ends[native], ends[wanted]) and not _broken(dataset[wanted]):
        kind = "are of moments" if wanted == "time_instant" else "are means"
        return wanted, f"as the values {kind} and {native} is another axis"
    return native, ""


def _instants(dataset: xr.Dataset) -> bool:
    kinds = {each.attrs.get("online_operation") for each in dataset.data_vars.values()}
    return kinds - {None, "once"} == {"instant"}


def _broken(axis: xr.DataArray) -> bool:
    values = read_here(axis.variable)
    try:  # what is missing is neither after another nor itself
        return not ((values[1:] > values[:-1]).all() and (values[:1] == values[:1]).all())
    except TypeError:  # a date beside what is none
        return True


def _ends(axis: xr.Variable) -> np.ndarray:
    return read_here(axis[[0, -1]] if axis.size else axis)


def _same(here: np.ndarray, there: np.ndarray) -> bool:
    return here.dtype.kind == there.dtype.kind and bool(np.array_equal(here, there))
