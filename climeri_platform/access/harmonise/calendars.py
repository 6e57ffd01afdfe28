"""From one calendar to another, where somebody asks for it; nobody's calendar is changed unasked.

Steps of a month or more stay in their month: a mean of February is one in every calendar. Steps of
days have to go somewhere, and there are two ways for years of 360 days: by their place in the year,
which spreads the days that are too many or too few, or by their date (CF Conventions 1.11, chapter
4.4.1, has the calendars; xarray's ``convert_calendar`` calls the ways ``year`` and ``date``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import cftime
import dask.array as da
import numpy as np
import xarray as xr

from climeri_platform.access.clock import calendar_of, time_dimension
from climeri_platform.access.coordinates import is_bounds
from climeri_platform.access.steps import Step, remember
from climeri_platform.core.errors import DatasetInconsistent, UnknownValue, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_calendar", "convert_calendar"]

_FIX = "calendar"
_ONE_NAME = {"gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}
_KNOWN = ("standard", "proleptic_gregorian", "noleap", "all_leap", "360_day", "julian")
_NUMPY = {"standard": datetime(1582, 10, 15), "proleptic_gregorian": datetime(1, 1, 1)}  # noqa: DTZ001 - calendars have no zone
_NO_YEAR_ZERO = ("standard", "julian")
_MONTHLY = timedelta(days=27)
_OF_DAYS = ("day", "hr", "hour", "subhr")

Moment = Any  # datetime.datetime or cftime.datetime
LeapDays = Literal["absent", "missing"]
Day30 = Literal["year", "date"]


def check_calendar(calendar: str) -> str:
    """Return the one name of a calendar.

    Raises
    ------
    UnknownValue
        If CF has no such calendar; the nearest is named.

    Examples
    --------
    >>> check_calendar("365_day"), check_calendar("gregorian")
    ('noleap', 'standard')
    """
    name = _ONE_NAME.get(str(calendar).lower(), str(calendar).lower())
    if name not in _KNOWN:
        near = nearest(name, [*_KNOWN, *_ONE_NAME]) or _KNOWN
        raise UnknownValue(
            f"calendar={calendar!r}: there is no such calendar", hint=f"Names: {', '.join(near)}."
        )
    return name


def convert_calendar(
    dataset: xr.Dataset,
    calendar: str,
    *,
    leap_days: LeapDays = "absent",
    day_30: Day30 = "year",
) -> tuple[xr.Dataset, list[Step]]:
    """Bring the time of a dataset to another calendar, lazily.

    Steps of a month or more keep their year and month, and their place in it: no step is lost, and
    bounds stay those of months. Shorter steps keep their date and hour; those that the new calendar
    has not (29 February in ``noleap``) are left out, and the step says how many.

    Parameters
    ----------
    dataset
        Decoded. Fields are not read; bounds go the way of their steps when they are.
    calendar
        CF's name: ``standard``, ``proleptic_gregorian``, ``noleap``, ``all_leap``, ``360_day``,
        ``julian``.
    leap_days
        Of steps of days, where the new calendar has days that the old one has not: ``"absent"``
        leaves them out of the axis, ``"missing"`` puts them there with missing values. Holes that
        were there before stay.
    day_30
        From or to ``360_day``, for steps of days: ``"year"`` puts a day at its place in the year,
        which leaves out five or six of a year, spread over it, or leaves as many without data;
        ``"date"`` keeps dates, and with them leaves out 30 February, or every 31st.

    Returns
    -------
    dataset : xarray.Dataset
        Its times are datetime64 where numpy can say them in that calendar, else cftime. A dataset
        without time, or of that calendar, is the same.
    steps : list of Step
        How many steps were left out, and how many days have no data.

    Raises
    ------
    UnknownValue
        If there is no such calendar.
    UsageError
        If ``leap_days`` or ``day_30`` is none of these.
    DatasetInconsistent
        If times are no dates, do not increase, or the new calendar lacks their year.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> days = np.arange("2004-02-27", "2004-03-02", dtype="M8[D]").astype("M8[us]")
    >>> series = xr.Dataset({"tas": ("time", np.arange(4.0))}, {"time": days})
    >>> out, (step,) = convert_calendar(series, "noleap")
    >>> out["tas"].values.tolist()
    [0.0, 1.0, 3.0]
    >>> step.said
    'standard to noleap by date: 1 of 4 steps is left out, its day is not in the new calendar'
    """
    wanted = check_calendar(calendar)
    for name, word, words in (
        ("leap_days", leap_days, ("absent", "missing")),
        ("day_30", day_30, ("year", "date")),
    ):
        if word not in words:
            raise UsageError(f"{name}={word!r}: it is {words[0]!r} or {words[1]!r}")
    time = time_dimension(dataset)
    if time not in dataset.coords or not dataset.sizes[time]:
        return dataset, []
    own = calendar_of(dataset, time)
    old = _moments(dataset[time])
    own = _ONE_NAME.get(own, own)
    if own == wanted:
        return dataset, []
    if _of_months(dataset, time, old):
        way, plan = "each step in its month", _by_month(old, wanted)
    elif "360_day" in (own, wanted) and day_30 == "year":
        way, plan = "by the place in the year", _by_place(old, wanted)
    else:
        way, plan = "by date", _by_date(old, wanted)
    if not plan.kept:
        raise DatasetInconsistent(
            f"none of its {len(old)} times is a date of the calendar {wanted}",
            hint='day_30="year" goes by the place in the year.',
        )
    lost, none = len(old) - len(plan.kept), 0
    if not plan.monthly:
        plan, none = _with_new_days(plan, old, fill=leap_days == "missing")
    said = f"{own} to {wanted} {way}{_told(lost, none, len(old), leap_days)}"
    step = Step(_FIX, time, said, "numbers")
    return remember(_moved(dataset, time, old, plan), [step]), [step]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which steps are taken, when they are, and which of them only stand for a day without data."""

    kept: list[int]
    times: list[Moment]
    calendar: str
    monthly: bool = False
    empty: tuple[bool, ...] = ()


def _told(lost: int, none: int, of: int, leap_days: LeapDays) -> str:
    said = []
    if lost:
        be, whose = ("is", "its day is") if lost == 1 else ("are", "their days are")
        said.append(f"{lost} of {of} steps {be} left out, {whose} not in the new calendar")
    if none:
        are = "missing values" if leap_days == "missing" else "absent"
        said.append(f"steps of days that only the new calendar has, {none}, are {are}")
    return f": {'; '.join(said)}" if said else ", and none is lost"


def _moments(axis: xr.DataArray) -> list[Moment]:
    values = np.asarray(axis.values)
    if values.dtype.kind == "M" and not np.isnat(values).any():
        values = values.astype("M8[us]").astype(object)
    moments = values.tolist() if values.dtype.kind == "O" else []
    if not moments or not all(isinstance(each, datetime | cftime.datetime) for each in moments):
        raise DatasetInconsistent(f"its times ({axis.name}) are no dates, and have no calendar")
    if any(one >= other for one, other in pairwise(moments)):
        raise DatasetInconsistent(f"its times ({axis.name}) do not increase")
    return moments


def _step(moments: Sequence[Moment]) -> timedelta | None:
    gaps = sorted(b - a for a, b in pairwise(moments))
    return gaps[len(gaps) // 2] if gaps else None


def _of_months(dataset: xr.Dataset, time: str, old: list[Moment]) -> bool:
    """Whether steps are of months or longer, or means over the same months of many years."""
    step = _step(old)
    if "climatology" in dataset[time].attrs or (step is not None and step >= _MONTHLY):
        return True
    frequency = str(dataset.attrs.get("frequency", ""))
    return step is None and not any(word in frequency for word in _OF_DAYS)


def _made(calendar: str, *parts: int) -> Moment:
    if parts[0] == 0 and calendar in _NO_YEAR_ZERO:
        raise DatasetInconsistent(f"it has the year 0, which the calendar {calendar} has not")
    return cftime.datetime(*parts, calendar=calendar)


@lru_cache(maxsize=64)
def _new_year(year: int, calendar: str) -> Moment:
    return _made(calendar, year, 1, 1)


def _days_of(year: int, calendar: str) -> int:
    return int((_new_year(year + 1, calendar) - _new_year(year, calendar)).days)


def _begin(moment: Moment, calendar: str) -> tuple[Moment, timedelta]:
    """Return the beginning of a moment's month in a calendar, and its length."""
    year, month = moment.year, moment.month
    begin = _made(calendar, year, month, 1)
    end = _made(calendar, year + month // 12, month % 12 + 1, 1)
    return begin, end - begin


def _calendar(moment: Moment) -> str:
    return "proleptic_gregorian" if isinstance(moment, datetime) else str(moment.calendar)


def _same_calendar(moment: Moment) -> Moment:
    """Return a moment that can be subtracted from others of its calendar."""
    if not isinstance(moment, datetime):
        return moment
    parts = moment.timetuple()[:6]
    return cftime.datetime(*parts, moment.microsecond, calendar="proleptic_gregorian")


def _in_month(moment: Moment, calendar: str) -> Moment:
    """Return the moment at the same place of the same month, to the second."""
    begin, length = _begin(moment, _calendar(moment))
    there, new_length = _begin(moment, calendar)
    share = (_same_calendar(moment) - begin) / length
    return there + timedelta(seconds=round(share * new_length.total_seconds()))


def _by_month(old: list[Moment], calendar: str) -> _Plan:
    times = [_in_month(each, calendar) for each in old]
    return _Plan([*range(len(old))], times, calendar, monthly=True)


def _by_date(old: list[Moment], calendar: str) -> _Plan:
    kept, times = [], []
    for at, each in enumerate(old):
        day = (each.year, each.month, each.day)
        try:
            when = _made(calendar, *day, each.hour, each.minute, each.second, each.microsecond)
        except ValueError as problem:
            if isinstance(problem, DatasetInconsistent):
                raise
            continue
        kept.append(at)
        times.append(when)
    return _Plan(kept, times, calendar)


def _by_place(old: list[Moment], calendar: str) -> _Plan:
    kept: list[int] = []
    times: list[Moment] = []
    for at, each in enumerate(old):
        here = _new_year(each.year, _calendar(each))
        since = _same_calendar(each) - here
        scale = _days_of(each.year, calendar) / _days_of(each.year, _calendar(each))
        day = round((since.days + 1) * scale) - 1
        when = _new_year(each.year, calendar) + timedelta(days=max(day, 0), seconds=since.seconds)
        if not times or when > times[-1]:
            kept.append(at)
            times.append(when)
    return _Plan(kept, times, calendar)


def _with_new_days(plan: _Plan, old: list[Moment], *, fill: bool) -> tuple[_Plan, int]:
    """Return the plan with the steps that only the new calendar has, and how many these are."""
    step = _step(old)
    if step is None:
        return plan, 0
    kept, times, empty, count = [plan.kept[0]], [plan.times[0]], [False], 0
    for before, at, begin, when in zip(
        plan.kept, plan.kept[1:], plan.times, plan.times[1:], strict=False
    ):
        # a hole of the file stays one, whatever days would be in it
        whole = round((old[at] - old[before]) / step) == at - before
        more = max(0, round((when - begin) / step) - 1) if whole else 0
        count += more
        for number in range(1, more + 1) if fill else ():
            kept.append(before)
            times.append(begin + number * step)
            empty.append(True)
        kept.append(at)
        times.append(when)
        empty.append(False)
    return _Plan(kept, times, plan.calendar, empty=tuple(empty)), count


def _as_axis(times: Sequence[Moment], *, numpy: bool) -> np.ndarray:
    if not numpy:
        made = np.empty(len(times), object)
        made[:] = times
        return made
    parts = ((*each.timetuple()[:6], each.microsecond) for each in times)
    return np.array([datetime(*each) for each in parts], "M8[us]")  # noqa: DTZ001 - as above


def _by_numpy(times: Sequence[Moment], calendar: str) -> bool:
    first = _NUMPY.get(calendar)
    if first is None or not 1 <= times[0].year <= times[-1].year <= 9999:
        return False
    begin = cftime.datetime(first.year, first.month, first.day, calendar=calendar)
    return bool(times[0] >= begin)


def _moved(dataset: xr.Dataset, time: str, old: list[Moment], plan: _Plan) -> xr.Dataset:
    """Return the steps that are kept, at their new times, with what else tells of time along them."""
    numpy = _by_numpy(plan.times, plan.calendar)
    axis = dataset[time]
    whole = plan.kept == [*range(len(old))]
    taken = dataset if whole else dataset.isel({time: plan.kept})
    shifted = {
        str(name): _shifted(each, [old[at] for at in plan.kept], plan, numpy=numpy)
        for name, each in taken.variables.items()
        if name != time
        and each.dims[:1] == (time,)
        and each.dtype.kind in "MO"
        and (each.dtype.kind == "M" or is_bounds(dataset, name) or str(name).startswith("time"))
    }
    new = xr.Variable((time,), _as_axis(plan.times, numpy=numpy), dict(axis.attrs))
    new.encoding["calendar"] = plan.calendar
    coords = {name: each for name, each in shifted.items() if name in dataset.coords}
    taken = taken.assign({name: each for name, each in shifted.items() if name not in coords})
    taken = taken.assign_coords({time: new, **coords})
    if any(plan.empty):
        there = xr.DataArray(~np.array(plan.empty), dims=time)
        held = {
            name: each.where(there)
            for name, each in taken.data_vars.items()
            if time in each.dims and each.dtype.kind in "fiuc" and str(name) not in shifted
        }
        taken = taken.assign(
            {name: each.transpose(*taken[name].dims) for name, each in held.items()}
        )
    return taken


def _shifted(variable: xr.Variable, old: list[Moment], plan: _Plan, *, numpy: bool) -> xr.Variable:
    """Return bounds, or another time along the axis, moved as their steps are; lazy if they were."""
    move = _Move(plan.calendar, plan.monthly, numpy)
    shape = (len(old), *(1,) * (variable.ndim - 1))
    begin = _as_axis(old, numpy=False).reshape(shape)
    there = _as_axis(plan.times, numpy=False).reshape(shape)
    kind = np.dtype("M8[us]") if numpy else np.dtype(object)
    if variable.chunks is None:
        held: Any = move(np.asarray(variable.values), begin, there)
    else:
        chunks = (variable.chunks[0], *((1,),) * (variable.ndim - 1))
        parts = (da.from_array(each, chunks=chunks) for each in (begin, there))
        held = da.map_blocks(
            move, variable.data, *parts, dtype=kind, meta=np.empty((0,) * variable.ndim, kind)
        )
    new = xr.Variable(variable.dims, held, dict(variable.attrs))
    new.encoding["calendar"] = plan.calendar
    return new


@dataclass(frozen=True, slots=True)
class _Move:
    """Moves times as the steps that they belong to; a class, so that it can be sent to a worker."""

    calendar: str
    monthly: bool
    numpy: bool

    def __call__(self, values: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "M":
            values = values.astype("M8[us]").astype(object)
        begin, there = np.broadcast_arrays(old, new)
        made = np.empty(values.shape, object)
        for at in np.ndindex(values.shape):
            where = (at[0], *(0,) * (values.ndim - 1))
            made[at] = self._one(values[at], begin[where], there[where])
        if not self.numpy:
            return made
        known = [None if each is None else each.isoformat() for each in made.flat]
        return np.array(known, "M8[us]").reshape(made.shape)

    def _one(self, value: Moment, old: Moment, new: Moment) -> Moment:
        if not isinstance(value, datetime | cftime.datetime):
            return None  # fill
        if self.monthly:
            return _in_month(value, self.calendar)
        return new + (_same_calendar(value) - _same_calendar(old))
