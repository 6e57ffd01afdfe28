"""Which dimension is time, of a file as of a Dataset, and in which calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from climeri_platform.access.engines.header import StoredVariable
from climeri_platform.access.times import is_dated

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from climeri_platform.access.engines.header import Header

__all__ = ["TIME_BESIDE", "TIME_NAMES", "calendar_of", "calendar_of_times", "time_dimension"]

TIME_NAMES = ("time", "time_counter")  # of the dimension, where a file does not say it otherwise
TIME_BESIDE = ("time_centered", "time_instant")  # of XIOS, along it


def time_dimension(held: Header | xr.Dataset) -> str:
    """Return the name of the time dimension, or "" for fixed fields.

    Parameters
    ----------
    held
        As it is in the file, or decoded: the answer is the same.
    """
    variables: dict[str, Any] = {str(name): each for name, each in held.variables.items()}
    used = {dim for each in variables.values() for dim in each.dims}
    for known in TIME_NAMES:
        if known in used:
            return known
    alone = {name: each for name, each in variables.items() if each.dims == (name,)}
    for name, each in alone.items():
        if each.attrs.get("standard_name") == "time":
            return name
    for name, each in alone.items():
        if each.attrs.get("axis") == "T" or is_dated(each.attrs) or _holds_dates(each):
            return name
    return ""


def _holds_dates(axis: StoredVariable | xr.Variable) -> bool:
    # decoding takes the units away
    return not isinstance(axis, StoredVariable) and calendar_of_times(axis.values) != "not known"


def calendar_of(dataset: xr.Dataset, time: str) -> str:
    """Return the calendar of a time axis; ``not known`` where no unit explains its numbers."""
    return calendar_of_times(dataset[time].values)


def calendar_of_times(times: np.ndarray[Any, Any]) -> str:
    """Return the calendar of decoded times; ``not known`` of numbers, and where there is none."""
    if times.dtype.kind == "M":  # xarray would call it standard or proleptic by the year
        return "gregorian"
    return str(getattr(times.ravel()[0], "calendar", "not known")) if times.size else "not known"
