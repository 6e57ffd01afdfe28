"""Moments of a time axis as numbers, and on another calendar."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from climeri_platform.access.coordinates import bounds_of, read_here

__all__ = [
    "begins_of",
    "dates_like",
    "ends_of",
    "later_by",
    "middles_of",
    "moment_like",
    "numbers_of",
    "on_calendar",
    "parts_of",
]


def numbers_of(axis: xr.DataArray | None) -> np.ndarray:
    """Return a number for each step: a second in a calendar whose months all have 31 days."""
    assert axis is not None
    if axis.dtype.kind not in "MO":
        return axis.values
    if axis.dtype.kind == "M":
        of = axis.dt
        days = (12 * of.year.values.astype("i8") + of.month.values - 1) * 31 + of.day.values - 1
        seconds = 3600 * of.hour.values + 60 * of.minute.values + of.second.values
        rest: np.ndarray = np.round(of.microsecond.values / 1e6).astype("i8")
        numbers: np.ndarray = 86_400 * days + seconds + rest
        return numbers
    # five times as fast as differences of the objects
    return np.fromiter(map(_number, axis.values), dtype="i8", count=axis.size)


def _number(moment: Any) -> int:
    days = (12 * moment.year + moment.month - 1) * 31 + moment.day - 1
    seconds = 3600 * moment.hour + 60 * moment.minute + moment.second
    return int(86_400 * days + seconds + round(moment.microsecond / 1e6))


def middles_of(dataset: xr.Dataset, time: str) -> xr.DataArray | None:
    """Return the middle of each step by its bounds; None where these do not say it of all steps."""
    values = ends_of(dataset, time)
    if values is None:
        return None
    return xr.DataArray(values[:, 0] + (values[:, 1] - values[:, 0]) / 2, dims=(time,))


def begins_of(dataset: xr.Dataset, time: str) -> xr.DataArray | None:
    """Return the beginning of each step by its bounds, as `middles_of`."""
    values = ends_of(dataset, time)
    return None if values is None else xr.DataArray(values[:, 0], dims=(time,))


def ends_of(dataset: xr.Dataset, time: str) -> np.ndarray | None:
    """Return the beginning and the end of each step by its bounds, as `middles_of`."""
    name = bounds_of(dataset, time)
    if name is None:
        return None
    bounds = dataset[name]
    if bounds.dims[:1] != (time,) or bounds.ndim != 2 or bounds.dtype.kind not in "MO":
        return None
    values = read_here(bounds)
    return None if xr.Variable(bounds.dims, values).isnull().any() else values


def on_calendar(axis: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return stamps of months or years with the calendar of others: the 15th is in all of them."""
    parts = [(*parts_of(each)[:2], min(parts_of(each)[2], 28)) for each in axis]
    if like.dtype.kind == "M":
        return np.array([f"{y:04}-{m:02}-{d:02}" for y, m, d in parts], dtype=like.dtype)
    return np.array([moment_like(like[0], each) for each in parts], dtype=object)


def moment_like(like: Any, parts: tuple[int, ...]) -> Any:
    """Return a cftime object of the same calendar."""
    words = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return like.replace(**dict(zip(words, (*parts, 0, 0, 0, 0), strict=False)))


def parts_of(moment: Any) -> tuple[int, ...]:
    """Return year, month, day, hour, minute, second and microsecond of a moment of either kind."""
    if isinstance(moment, np.datetime64):
        moment = moment.astype("M8[us]").item()
    return (
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
        moment.microsecond,
    )  # fmt: skip


def later_by(values: np.ndarray, years: int) -> np.ndarray:
    """Return dates so many years later; 29 February is the 28th where there is none.

    Examples
    --------
    >>> later_by(np.array(["1850-01-16", "1852-02-29"], "M8[D]"), -1849).astype("M8[D]").tolist()
    [datetime.date(1, 1, 16), datetime.date(3, 2, 28)]
    """
    if values.dtype.kind == "M":
        exact = values.astype("M8[us]")
        months = exact.astype("M8[M]")
        there = months + np.timedelta64(12 * years, "M")
        moved = there.astype("M8[us]") + (exact - months)
        spilt = moved.astype("M8[M]") != there
        shorter: np.ndarray = np.where(spilt, moved - np.timedelta64(1, "D"), moved)
        return shorter
    made = np.empty(values.shape, dtype=object)
    for at, each in np.ndenumerate(values):
        made[at] = _later(each, years) if hasattr(each, "calendar") else each
    return made


def _later(moment: Any, years: int) -> Any:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)


def dates_like(axis: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return dates as others are: numpy's or objects, and of their calendar."""
    if axis.dtype.kind == like.dtype.kind == "M":
        return axis.astype("M8[us]")
    if axis.dtype == like.dtype and axis[0].calendar == like[0].calendar:
        return axis
    alike = {"gregorian", "standard", "proleptic_gregorian"}
    names = {"gregorian" if each.dtype.kind == "M" else each[0].calendar for each in (axis, like)}
    if not names <= alike:
        return on_calendar(axis, like)
    there = [_day_of_all(parts_of(each)) for each in axis]
    if like.dtype.kind == "M":
        said = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}"
        return np.array([said.format(*each) for each in there], dtype="M8[us]")
    return np.array([moment_like(like[0], each) for each in there], dtype=object)


def _day_of_all(parts: tuple[int, ...]) -> tuple[int, ...]:
    """Return a moment without 29 February, which 1500 has in one of the calendars and not in another."""
    year, month, day, *rest = parts
    return (year, month, min(day, 28) if month == 2 else day, *rest)
