"""The fixes, in their order."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.bounds import name_bounds
from climeri_platform.access.harmonise.directions import check_directions
from climeri_platform.access.harmonise.faults import FAULTS
from climeri_platform.access.harmonise.fields import places_in_memory
from climeri_platform.access.harmonise.halos import mask_halos, one_turn
from climeri_platform.access.harmonise.latitudes import increasing_latitudes
from climeri_platform.access.harmonise.longitudes import longitudes_from_zero
from climeri_platform.access.harmonise.naming import name_coordinates
from climeri_platform.access.harmonise.times import one_time_axis
from climeri_platform.access.harmonise.units import canonical_units
from climeri_platform.access.steps import Step, remember
from climeri_platform.core.errors import DataError, UnknownValue, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import xarray as xr

    Fix = Callable[[xr.Dataset, Mapping[str, str]], tuple[xr.Dataset, list[Step]]]

__all__ = ["FIXES", "harmonise"]

# names first, for all that follows asks by name; faults before units, for what is declared is
# believed after them; places last, when coordinates are right
FIXES: dict[str, Fix] = {
    "names": name_coordinates,
    "times": one_time_axis,
    "bounds": name_bounds,
    **FAULTS,
    "units": canonical_units,
    "directions": check_directions,
    "one-turn": one_turn,
    "halos": mask_halos,
    "latitudes": increasing_latitudes,
    "longitudes": longitudes_from_zero,
}

# a name that one coordinate gives up may be another's: once more, until nothing is renamed
_NAMING = ("names", "times", "bounds")
_ROUNDS = 9

# what an odd file makes xarray and NumPy raise
_ODD = (DataError, ValueError, TypeError, KeyError, IndexError, ArithmeticError)


def harmonise(
    dataset: xr.Dataset, about: Mapping[str, str], *, without: Collection[str] = ()
) -> tuple[xr.Dataset, list[Step]]:
    """Bring a dataset to the common vocabulary, units and order, lazily.

    What cannot be done safely is left as it is, and a step says so. Done twice, it changes nothing
    more.

    Parameters
    ----------
    dataset
        Of one model, decoded; it is not changed. Its fields are not read: axes are, and
        two-dimensional latitudes and longitudes, of large grids a few rows and columns.
    about
        What is known of it: the common facets (``model``, ``variable``, ``domain``, ``realm``).
        Any of them may be absent.
    without
        Fixes to leave out, by the names of `FIXES`.

    Returns
    -------
    dataset : xarray.Dataset
        Where values or their order changed, the variable's attribute ``climeri_steps`` says how,
        and ``native_name`` and ``native_units`` what it was.
    steps : list of Step
        All that was done, and all that was seen and left.

    Raises
    ------
    UnknownValue
        If ``without`` names no fix.
    MissingExtra
        If cf-units is not installed.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> ice = xr.Dataset(
    ...     {"siconc": (("latitude",), np.array([1.0, 0.0], "f4"), {"units": "1"})},
    ...     coords={"latitude": ("latitude", [80.0, -80.0], {"units": "degrees_north"})},
    ... )
    >>> ice, steps = harmonise(ice, {"variable": "siconc"})
    >>> [step.fix for step in steps]
    ['names', 'units', 'latitudes']
    >>> ice["siconc"].values.tolist(), ice["lat"].values.tolist()
    ([0.0, 100.0], [-80.0, 80.0])
    """
    for name in without:
        if name not in FIXES:
            near = ", ".join(nearest(name, FIXES) or FIXES)
            raise UnknownValue(f"without={name!r}: no fix has that name", hint=f"Names: {near}.")
    done: list[Step] = []
    wanted = [name for name in FIXES if name not in without]
    naming = [name for name in wanted if name in _NAMING]
    for _ in range(_ROUNDS):
        dataset, steps = _in_turn(dataset, about, naming)
        done += [step for step in steps if step.kind != "noted"]
        if all(step.kind == "noted" for step in steps):
            break
    done += [step for step in steps if step.kind == "noted"]
    with suppress(*_ODD):  # what cannot be read, the fixes say
        dataset = places_in_memory(dataset)
    dataset, steps = _in_turn(dataset, about, [name for name in wanted if name not in _NAMING])
    return dataset, done + steps


def _in_turn(
    dataset: xr.Dataset, about: Mapping[str, str], names: list[str]
) -> tuple[xr.Dataset, list[Step]]:
    done: list[Step] = []
    for name in names:
        try:
            changed, steps = FIXES[name](dataset, about)
            dataset = remember(changed, steps) if steps else changed
        except _ODD as problem:
            text = " ".join(str(problem).split())[:200]
            said = f"it is left as it is: {type(problem).__name__}: {text}"
            steps = [Step(name, "", said)]
        done += steps
    return dataset, done
