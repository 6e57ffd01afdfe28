"""Series whose years are only counted, beside each other by the time since each began.

Control runs begin in year 1 of one model and in 1850 of another, and no date of theirs means one of
the calendar. Here each is moved by whole years, so that all begin in year 1: seasons stay what they
are, and bounds move along. What would put other seasons, lengths of steps or holes beside each other
is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr

from climeri_platform.access.alignment import calendars_of, one_time_name, unit_of_steps
from climeri_platform.access.clock import calendar_of, time_dimension
from climeri_platform.access.overlaps import steps_between
from climeri_platform.access.reindexing import reindexed, say_names
from climeri_platform.access.stamps import (
    begins_of,
    dates_like,
    ends_of,
    later_by,
    middles_of,
    numbers_of,
)
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ORIGINAL_TIME", "Elapsed", "align_elapsed"]

ORIGINAL_TIME = "original_time"
_TOLD = 5
_DAY = 86_400
_MONTH = 31 * _DAY  # of the numbers of steps: see `numbers_of`
_YEAR = 12 * _MONTH
_DAYS = {"year": (359, 367), "month": (27, 32), "day": (0.99, 1.01)}
_ONE_LENGTH = ("noleap", "360_day", "all_leap", "366_day")
_WHOLE_YEARS = "Cut each to whole years first: open(period='first_100Y')."


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Datasets that begin together.

    Attributes
    ----------
    datasets
        Label to Dataset, all with one time axis that begins in year 1.
    time
        The name of that axis; "" where none has time.
    original
        Label to the dates that each step had, on the calendar of the axis; where a series was
        padded, they are counted on.
    notes
        What was done.
    """

    datasets: dict[str, xr.Dataset]
    time: str
    original: dict[str, np.ndarray]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Start:
    """The first step: its year, and where in the year it lies."""

    year: int
    place: int
    said: str


def align_elapsed(datasets: Mapping[str, xr.Dataset], *, pad: bool = False) -> Elapsed:
    """Move series by whole years, so that all of them begin in year 1.

    Parameters
    ----------
    datasets
        Label to Dataset, decoded, whole, and of one frequency; those without time are all or none.
    pad
        False cuts all to the length of the shortest; True fills the shorter ones with missing values.

    Returns
    -------
    Elapsed
        The calendar is that of the first series (padded: of the first of the longest).

    Raises
    ------
    DatasetInconsistent
        If frequencies differ; if a series has a hole; if they begin in different months (or days);
        or if steps of a month or less than that mean different things in their calendars.
    """
    times = {label: time_dimension(each) for label, each in datasets.items()}
    if not any(times.values()):
        return Elapsed(dict(datasets), "", {}, [])
    time = one_time_name(times, datasets)
    unit = unit_of_steps(datasets, time)
    believed = _check_steps(datasets, time, unit)
    calendars = calendars_of(datasets, time)
    _check_calendars(calendars, unit)
    for label, each in datasets.items():
        _check_whole(label, each, time, unit)
    starts = _starts(datasets, time, unit)
    sizes = {label: each.sizes[time] for label, each in datasets.items()}
    length = max(sizes.values()) if pad else min(sizes.values())
    leader = next(label for label, size in sizes.items() if size >= length)
    notes = [_told(starts, calendars, leader, datasets[leader], time)]
    if believed:
        notes.append(believed)
    if cut := _lengths(sizes, length, pad=pad):
        notes.append(cut)
    moved = {
        name: each.isel({time: slice(length)})
        for name, each in _moved(datasets[leader], time, 1 - starts[leader].year).items()
    }
    placed = {
        label: _placed(each, time, length, moved, own=label == leader)
        for label, each in datasets.items()
    }
    axis = moved[time].values
    original = {
        label: _counted_on(dates_like(each[time].values, axis), axis, starts[label].year - 1)
        for label, each in datasets.items()
    }
    return Elapsed(placed, time, original, notes)


def _check_steps(datasets: Mapping[str, xr.Dataset], time: str, unit: str) -> str:
    """Refuse steps of other lengths, and return what is to be known of those that have none."""
    single = {label: each for label, each in datasets.items() if each.sizes[time] == 1}
    blind = [label for label, each in single.items() if ends_of(each, time) is None]
    if blind and len(single) < len(datasets):
        note = (
            f"one step without bounds is taken for as long as those of others: {say_names(blind)}"
        )
    else:
        note = ""
    if unit:
        _check_single(single, time, unit)
        return note
    steps = {
        label: float(steps_between(each[time].values[:2])[0])
        for label, each in datasets.items()
        if each.sizes[time] > 1
    }
    if len(set(steps.values())) > 1:
        said = ", ".join(
            f"{label} {step / 3600:.3g}" for label, step in list(steps.items())[:_TOLD]
        )
        raise DatasetInconsistent(
            f"steps of time differ (hours): {said}",
            hint="Choose one frequency, or average one of them first.",
        )
    return note


def _check_single(single: Mapping[str, xr.Dataset], time: str, unit: str) -> None:
    """Refuse one step whose bounds are not as long as the steps of the others: no other tells it."""
    shortest, longest = _DAYS[unit]
    for label, each in single.items():
        ends = ends_of(each, time)
        if ends is None:
            continue
        days = float(steps_between(ends[0])[0]) / _DAY
        if not shortest <= days <= longest:
            raise DatasetInconsistent(
                f"{label} has one step, of {days:.3g} days, and those of others are of a {unit}",
                hint="Choose one frequency, or average one of them first.",
            )


def _check_calendars(calendars: Mapping[str, list[str]], unit: str) -> None:
    said = "; ".join(f"{name}: {say_names(labels)}" for name, labels in calendars.items())
    if "not known" in calendars:
        raise DatasetInconsistent(
            f"nothing says which dates they have ({said}), so that no year can be counted",
            hint="Leave out what has no calendar.",
        )
    if unit in ("year", "month"):
        return
    if len(calendars) > 1:
        raise DatasetInconsistent(
            f"calendars differ: {said}",
            hint="A day means different things in them: average to months first, or "
            "open(calendar='noleap') gives all one calendar.",
        )
    if next(iter(calendars)) not in _ONE_LENGTH:
        raise DatasetInconsistent(
            f"years of the calendar {said} are of different length: days that lie as far from the "
            "first of their series need not be the same day of the year",
            hint="open(calendar='noleap') gives all a calendar of equal years; or average to months.",
        )


def _check_whole(label: str, dataset: xr.Dataset, time: str, unit: str) -> None:
    """Refuse a series that is not one step after the other."""
    axis = dataset[time]
    if unit in ("year", "month"):
        length = _YEAR if unit == "year" else _MONTH
        at = _broken(numbers_of(axis) // length)
        if at is None:
            return
        middles = middles_of(dataset, time)  # stamps may be uneven where bounds are not
        if middles is not None and _broken(numbers_of(middles) // length) is None:
            return
    else:
        steps = steps_between(axis.values)
        odd = np.flatnonzero(steps != steps[:1])
        if not odd.size:
            return
        at = int(odd[0])
    before, after = (str(axis.values[n])[:16] for n in (at, at + 1))
    raise DatasetInconsistent(
        f"{label} is not one step after the other: {before} is followed by {after}",
        hint="Steps are counted from the first: fill the hole, or cut the series before it with "
        "open(period=...).",
    )


def _broken(numbers: np.ndarray) -> int | None:
    """Return the place before which consecutive numbers end."""
    found = np.flatnonzero(np.diff(numbers) != 1)
    return int(found[0]) if found.size else None


def _starts(datasets: Mapping[str, xr.Dataset], time: str, unit: str) -> dict[str, _Start]:
    """Return the first steps; they lie at one place of the year.

    Bounds say where a step lies, as far as it has them: a stamp may stand at its end.
    """
    first = {label: each.isel({time: slice(1)}) for label, each in datasets.items()}
    middles = {label: middles_of(each, time) for label, each in first.items()}
    if not unit and any(each is None for each in middles.values()):
        middles = dict.fromkeys(first)  # stamps with stamps
    starts: dict[str, _Start] = {}
    for label, each in first.items():
        middle = middles[label]
        number = int(numbers_of(each[time] if middle is None else middle)[0])
        part = {"year": _YEAR, "month": _MONTH, "day": _DAY}.get(unit, 1)
        months = number // _MONTH
        said = f"{months // 12:04}-{months % 12 + 1:02}"
        if unit not in ("year", "month"):
            said += f"-{number % _MONTH // _DAY + 1:02}"
        if not unit:
            said += f" {number % _DAY // 3600:02}:{number % 3600 // 60:02}"
        starts[label] = _Start(months // 12, number % _YEAR // part, said)
    places = {each.place for each in starts.values()}
    if unit == "year":  # a year may begin in July
        begins = [begins_of(each, time) for each in first.values()]
        places = {int(numbers_of(each)[0]) % _YEAR // _MONTH for each in begins if each is not None}
    if len(places) > 1:
        said = ", ".join(f"{label} {each.said}" for label, each in list(starts.items())[:_TOLD])
        raise DatasetInconsistent(
            f"they begin at different places of the year: {said}", hint=_WHOLE_YEARS
        )
    return starts


def _told(
    starts: Mapping[str, _Start],
    calendars: Mapping[str, list[str]],
    leader: str,
    dataset: xr.Dataset,
    time: str,
) -> str:
    begin: dict[str, list[str]] = {}
    for label, each in starts.items():
        begin.setdefault(each.said, []).append(label)
    told = [f"{say_names(labels)} {said}" for said, labels in begin.items()]
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    text = (
        f"matched by the time since each begins ({'; '.join(told[:_TOLD])}{more}): all begin in year "
        f"1, and {ORIGINAL_TIME} holds the dates that they had"
    )
    if len(calendars) > 1:
        said = "; ".join(f"{name}: {say_names(labels)}" for name, labels in calendars.items())
        text += f"; calendars differ ({said}), dates are on that of {leader}, "
        text += calendar_of(dataset, time)
    return text


def _lengths(sizes: Mapping[str, int], length: int, *, pad: bool) -> str:
    other = {label: size for label, size in sizes.items() if size != length}
    if not other:
        return ""
    said = ", ".join(f"{label} {size}" for label, size in list(other.items())[:_TOLD])
    more = f" and {len(other) - _TOLD} more" if len(other) > _TOLD else ""
    how = f"padded to {length} steps with missing values" if pad else f"cut to {length} steps"
    return f"lengths differ, {how}: {said}{more}"


def _moved(dataset: xr.Dataset, time: str, years: int) -> dict[str, xr.Variable]:
    """Return the time axis and its bounds, moved by some years; numbers are read when asked for."""
    axis = dataset.variables[time]
    # numpy's dates have the calendar of today in any year
    calendar = "proleptic_gregorian" if axis.dtype.kind == "M" else calendar_of(dataset, time)
    encoding = {"units": "days since 0001-01-01", "calendar": calendar}
    attributes = {
        **axis.attrs,
        "long_name": "time since each series began, which is year 1",
        "climeri_years": "elapsed",
    }
    found = {time: xr.Variable((time,), later_by(axis.values, years), attributes, encoding)}
    name = axis.attrs.get("bounds") or axis.encoding.get("bounds")
    if name in dataset.variables and dataset.variables[name].dtype.kind in "MO":
        bounds = dataset.variables[name]
        data: Any = bounds.data
        if bounds.chunks is None:
            data = later_by(bounds.values, years)
        else:
            like = later_by(np.empty(0, bounds.dtype), years)
            data = da.map_blocks(later_by, data, years, dtype=like.dtype, meta=like.reshape((0, 0)))
        found[str(name)] = xr.Variable(bounds.dims, data, bounds.attrs, dict(encoding))
    return found


def _placed(
    dataset: xr.Dataset, time: str, length: int, moved: Mapping[str, xr.Variable], *, own: bool
) -> xr.Dataset:
    """Return a dataset with as many steps, and the axis of all."""
    bounds = dataset[time].attrs.get("bounds") or dataset[time].encoding.get("bounds")
    dates = [
        name
        for name, each in dataset.variables.items()
        if time in each.dims
        and name != time
        and (name in moved or name == bounds or (each.dims == (time,) and _is_date(each)))
    ]
    steps = np.arange(length)
    at = np.where(steps < dataset.sizes[time], steps, -1)
    rest = reindexed(dataset.drop_vars(dates), time, at, None)
    axis = xr.Dataset(coords={time: moved[time]})[time]
    others = {name: each for name, each in moved.items() if name != time and (own or name in dates)}
    return rest.assign_coords({time: axis}).assign(others)


def _is_date(variable: xr.Variable) -> bool:
    if variable.dtype.kind == "M":
        return True
    held = variable.dtype == object and variable.chunks is None and variable.size
    return bool(held) and hasattr(variable.values.flat[0], "calendar")


def _counted_on(dates: np.ndarray, axis: np.ndarray, years: int) -> np.ndarray:
    """Return as many dates as the axis has steps: those that were padded are counted on."""
    if dates.size >= axis.size:
        return dates[: axis.size]
    return np.append(dates, later_by(axis[dates.size :], years))
