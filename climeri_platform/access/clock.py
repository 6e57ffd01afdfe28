"""Which dimension of a Dataset is time, and in which calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.axis import TIME_NAMES

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["calendar_of", "time_dimension"]


def time_dimension(dataset: xr.Dataset) -> str | None:
    """Return the name of the time dimension, or None for fixed fields."""
    for known in TIME_NAMES:
        if known in dataset.dims:
            return known
    for name, coordinate in dataset.coords.items():
        if coordinate.dims == (name,) and coordinate.attrs.get("standard_name") == "time":
            return str(name)
    return None


def calendar_of(dataset: xr.Dataset, time: str) -> str:
    """Return the calendar of a time axis; ``not known`` where no unit explains its numbers."""
    axis = dataset[time]
    if axis.dtype.kind == "M":  # xarray would call it standard or proleptic by the year
        return "gregorian"
    return str(axis.dt.calendar) if axis.dtype == object and axis.size else "not known"
