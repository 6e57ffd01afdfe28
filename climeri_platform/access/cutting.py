"""Datasets cut to a period.

What a step stands for is what its bounds say, wherever in it the stamp lies: January stamped on the
1st, on the 16th or on 1 February is January. A step belongs to a period if all of it does; one of a
day or less, if its middle does: there are days from 21 h to 21 h.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from climeri_platform.access.asked import AskedPeriod, as_asked, files_of_period, nothing_of
from climeri_platform.access.clock import time_dimension
from climeri_platform.access.coordinates import bounds_of, read_here
from climeri_platform.access.periods import HOLE
from climeri_platform.access.region import cut_region
from climeri_platform.core.errors import DatasetInconsistent
from climeri_platform.core.timespan import last_day_of_month

if TYPE_CHECKING:
    import xarray as xr

    from climeri_platform.access.asked import Region
    from climeri_platform.catalog.asking import Period

__all__ = ["AskedPeriod", "cut", "cut_period", "files_of_period"]

Moment = Any  # numpy.datetime64 or cftime.datetime, as the axis has it
_SLACK = 0.01  # of a step: bounds in single precision, or written with other rounding
_OPEN = 9999_12_31_2359


def cut(
    dataset: xr.Dataset, period: AskedPeriod | None, region: Region | None
) -> tuple[xr.Dataset, list[str]]:
    """Return what a dataset has of a period and a region, and notes for the report.

    Parameters
    ----------
    dataset
        Lazy.
    period, region
        None cuts nothing.

    Raises
    ------
    DataError
        If there is nothing of them, as `cut_period` and `cut_region` say.
    """
    notes: list[str] = []
    if period is not None:
        dataset, notes = cut_period(dataset, period)
    if region is not None:
        dataset, said = cut_region(dataset, region)
        notes = [*notes, *said]
    return dataset, notes


def cut_period(dataset: xr.Dataset, period: str | AskedPeriod) -> tuple[xr.Dataset, list[str]]:
    """Return the steps of a dataset that lie in a period.

    A step lies in it if its bounds do, within 1 % of its length; one of a day or less, if the middle
    of its bounds does; without bounds, if its stamp does. Of time bounds, those near the ends of the period are read, and nothing else.

    Parameters
    ----------
    dataset
        Decoded, its time axis in memory.
    period
        As `AskedPeriod.parse` takes it. ``last_30Y`` are the last 30 whole years, from 1 January to
        31 December: a series that ends in June 2014 gives 1984 to 2013. Where there are fewer, those.

    Returns
    -------
    dataset
        Lazy as it was. Fixed fields and climatologies stay as they are.
    notes
        For the report: what of the period it does not hold, and steps that lie in it in part.

    Raises
    ------
    UsageError
        If the period is none.
    DataError
        If the dataset has nothing of it, or no whole year where years are counted.
    DatasetInconsistent
        If its times are no dates.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> days = np.arange("2000-01-01", "2002-01-01", dtype="M8[D]").astype("M8[us]")
    >>> series = xr.Dataset({"tas": ("time", np.zeros(731))}, coords={"time": days})
    >>> cut, notes = cut_period(series, "2001-02")
    >>> cut.sizes["time"], notes
    (28, [])
    """
    asked = as_asked(period)
    time = time_dimension(dataset)
    if asked.which == "full" or time not in dataset.coords:
        return dataset, []
    if "climatology" in dataset[time].attrs:
        return dataset, [f"it is a climatology: period={asked.text} does not cut it"]
    steps = _Steps(dataset, time)
    if asked.dates is None:
        asked = asked.counted(*steps.whole_years())
    dates = cast("Period", asked.dates)
    begin, stop = steps.moments(dates)
    inside, partly = steps.inside(begin, stop)
    where = np.flatnonzero(inside)
    if not where.size:
        first, last = (str(each)[:10] for each in steps.extent(0, -1))
        raise nothing_of(dates.text, first, last)
    notes = [asked.note] if asked.note else []
    if steps.between_months(where):
        notes.append(
            f"period={asked.text}: months are stamped between two months and have no bounds; "
            "each stamp is taken to begin its month"
        )
    if partly:
        notes.append(
            f"{partly} steps lie in period={asked.text} in part, and are left out: "
            "their bounds reach beyond it"
        )
    first, last = steps.extent(int(where[0]), int(where[-1]))
    if steps.lacks(begin, stop, first, last, partly=partly > 0):
        held = f"{str(first)[:10]} to {str(last)[:10]}"
        notes.append(f"{HOLE}: period={asked.text}, and of it the dataset holds {held}")
    if where.size == inside.size:
        return dataset, notes
    run = bool(where[-1] - where[0] + 1 == where.size)
    index = slice(int(where[0]), int(where[-1]) + 1) if run else where
    return dataset.isel({time: index}), notes


class _Steps:
    """A time axis: its stamps, and what the steps stand for where that matters."""

    def __init__(self, dataset: xr.Dataset, time: str) -> None:
        axis = dataset[time]
        values = axis.values
        ends = axis.isel({time: [0, -1]}) if values.size else axis
        if not values.size or ends.isnull().any() or values.dtype.kind not in "MO":
            raise DatasetInconsistent(
                f"it cannot be cut to a period: its times ({time}) are no dates",
                hint="Their units are missing or wrong: open it whole and look at them.",
            )
        self.cftime = values.dtype.kind == "O"
        self.stamps = values if self.cftime else values.astype("M8[us]")
        self.calendar = str(ends.dt.calendar)
        self.day = timedelta(days=1) if self.cftime else np.timedelta64(1, "D").astype("m8[us]")
        # of a long axis a few steps tell how long they are; of a single one nobody knows
        some = range(0, values.size - 1, max(1, values.size // 99))
        steps = np.sort(np.array([self.stamps[at + 1] - self.stamps[at] for at in some]))
        self.step = steps[steps.size // 2] if steps.size else None
        if not axis.to_index().is_monotonic_increasing:
            raise DatasetInconsistent(
                f"it cannot be cut to a period: its times ({time}) do not increase",
                hint="Open it whole and look at them.",
            )
        name = bounds_of(dataset, time)
        self._bounds = dataset[name] if name else None
        if self._bounds is not None and self._bounds.dims[:1] != (time,):
            self._bounds = None
        self._time = time

    def _moment(self, year: int, month: int, day: int) -> Moment:
        if month > 12:
            year, month = year + 1, 1
        if not self.cftime:
            return np.datetime64(f"{year:04}-{month:02}-{day:02}", "us")
        if (year, month) == (1582, 10) and self.calendar in ("standard", "gregorian"):
            day = 15 if 5 <= day <= 14 else day  # these days never were
        return self.stamps[0].replace(
            year=year, month=month, day=day, hour=0, minute=0, second=0, microsecond=0
        )

    def _in_day(self, at: int, minutes: int) -> Moment:
        """Return a moment YYYYMMDDhhmm and some minutes; a day that a month lacks is its end."""
        year, month, day = at // 10**8, at // 10**6 % 100, at // 10**4 % 100
        last = last_day_of_month(year, month, self.calendar)
        if day > last:
            return self._moment(year, month + 1, 1)
        minutes += at // 100 % 100 * 60 + at % 100
        if minutes >= 24 * 60 and day == last:
            return self._moment(year, month + 1, 1)
        midnight = self._moment(year, month, day)
        return midnight + np.timedelta64(minutes, "m").astype(object if self.cftime else "m8[us]")

    def moments(self, dates: Period) -> tuple[Moment, Moment]:
        """Return where a period begins, and the first moment after it; None for an open side."""
        begin = self._in_day(dates.start, 0) if dates.start else None
        if dates.end == _OPEN:
            return begin, None
        if not dates.precise:  # to the end of a month, which the calendar knows
            return begin, self._moment(dates.end // 10**8, dates.end // 10**6 % 100 + 1, 1)
        return begin, self._in_day(dates.end, 1)

    def _cells(self, where: np.ndarray) -> np.ndarray | None:
        """Return the bounds of some steps, (n, 2), NaT or None where they say nothing."""
        if self._bounds is None or not where.size:
            return None
        try:
            cells = read_here(self._bounds.isel({self._time: where}))
        except Exception:  # noqa: BLE001 - what cannot be read of bounds is told when they are
            return None
        if cells.ndim != 2 or cells.shape[1] != 2 or cells.dtype.kind != self.stamps.dtype.kind:
            return None
        return cells if self.cftime else cells.astype("M8[us]")

    def inside(self, begin: Moment, stop: Moment) -> tuple[np.ndarray, int]:
        """Return which steps lie between two moments, and how many do in part."""
        inside = np.zeros(self.stamps.size, bool)
        inside[self._place(begin, 0) : self._place(stop, inside.size)] = True
        near = np.zeros(self.stamps.size, bool)
        for moment in (begin, stop):
            if moment is not None and self.step is not None:
                reach = 2 * self.step
                near[self._place(moment - reach) : self._place(moment + reach)] = True
        near |= self.step is None
        where = np.flatnonzero(near)
        cells = self._cells(where)
        partly = 0
        for place, cell in zip(where, cells if cells is not None else (), strict=False):
            if not _sound(cell, self.stamps[place]):
                continue
            if cell[1] - cell[0] <= self.day:
                middle = cell[0] + (cell[1] - cell[0]) / 2
                inside[place] = (begin is None or middle >= begin) and (
                    stop is None or middle < stop
                )
                continue
            slack = (cell[1] - cell[0]) * _SLACK
            after = begin is None or cell[0] >= begin - slack
            before = stop is None or cell[1] <= stop + slack
            touches = (begin is None or cell[1] > begin + slack) and (
                stop is None or cell[0] < stop - slack
            )
            inside[place] = after and before
            partly += int(touches and not inside[place])
        return inside, partly

    def between_months(self, where: np.ndarray) -> bool:
        """Say whether stamps could begin their months as well as end them: nothing else tells."""
        if self._bounds is not None or self.step is None:
            return False
        if not 27 * self.day <= self.step <= 32 * self.day:
            return False
        ends = [self.stamps[at] for at in (where[0], where[-1])]
        if not self.cftime:
            return all(bool(each == each.astype("M8[M]")) for each in ends)
        return all((each.day, each.hour, each.minute, each.second) == (1, 0, 0, 0) for each in ends)

    def _place(self, moment: Moment, otherwise: int = 0) -> int:
        """Return the place of the first stamp that is not before a moment."""
        return otherwise if moment is None else int(np.searchsorted(self.stamps, moment))

    def extent(self, first: int, last: int) -> tuple[Moment, Moment]:
        """Return where one step begins and another one ends: by bounds, else by stamps."""
        ends = []
        for place, side in ((first, 0), (last, 1)):
            stamp = self.stamps[place]
            cells = self._cells(np.array([place % self.stamps.size]))
            told = cells is not None and _sound(cells[0], stamp)
            if told and cells is not None and self.step is not None:
                # a month with the bounds of a day in its middle begins elsewhere
                told = bool(cells[0][1] - cells[0][0] > self.step * 0.5)
            ends.append((cells[0][side], True) if told and cells is not None else (stamp, False))
        self._known = (ends[0][1], ends[1][1])
        return ends[0][0], ends[1][0]

    def lacks(
        self, begin: Moment, stop: Moment, first: Moment, last: Moment, *, partly: bool = False
    ) -> bool:
        """Say whether steps are missing between these moments and those of `extent`."""
        if self.step is None:
            return False
        slack = self.step * (0.5 if self.step <= self.day else _SLACK)
        # stamps alone lie anywhere in what they stand for, but for its end
        early, late = (slack if known else self.step for known in self._known)
        if not self._known[0]:  # 31 December is in its year, leap or not; 1 February in no January
            early *= 1.01 if self.step > 300 * self.day else 0.999
        late = late if self._known[1] else late * 1.01
        if partly:  # one that was left out is there
            early, late = early + self.step, late + self.step
        return bool(
            (begin is not None and first - begin > early)
            or (stop is not None and stop - last > late)
        )

    def whole_years(self) -> tuple[int, int]:
        """Return the first and the last year of which nothing is missing at the ends."""
        begin, end = self.extent(0, -1)
        first, last = (
            int(each.year) if self.cftime else int(each.astype("M8[Y]").astype(int)) + 1970
            for each in (begin, end)
        )
        if self.step is None and not all(self._known):
            return first, last
        if self.lacks(self._moment(first, 1, 1), None, begin, end):
            first += 1
        # bounds that end on 1 January end the year before
        years = (last, last - 1, last - 2)
        whole = (y for y in years if not self.lacks(None, self._moment(y + 1, 1, 1), begin, end))
        return first, next(whole, last - 2)


def _sound(cell: np.ndarray, stamp: Moment) -> bool:
    """Say whether bounds have a length and hold their stamp; all-fill bounds have none."""
    try:
        return bool(cell[0] < cell[1] and cell[0] <= stamp <= cell[1])
    except TypeError:  # None, or dates of another calendar
        return False
