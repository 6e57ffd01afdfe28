"""Time axes in the calendars of the models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cftime
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TimeAxis", "daily", "day_number", "month_days", "monthly", "year_means"]

_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class TimeAxis:
    """Steps of a simulation, one entry a step.

    ``bounds`` are days since the reference of ``units`` in ``calendar``; ``days`` is the length
    of the step, ``month`` counts from 0.
    """

    calendar: str
    units: str
    year: NDArray[np.int64]
    month: NDArray[np.int64]
    days: NDArray[np.float64]
    bounds: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.float64]:
        """The middle of each step, days since the reference."""
        centres: NDArray[np.float64] = self.bounds.mean(axis=1)
        return centres

    def __len__(self) -> int:
        return len(self.year)

    def cut(self, first_year: int, last_year: int) -> tuple[slice, TimeAxis]:
        """Return the part between two years, and where it lies in this axis."""
        inside = np.flatnonzero((self.year >= first_year) & (self.year <= last_year))
        part = slice(int(inside[0]), int(inside[-1]) + 1)
        return part, TimeAxis(
            self.calendar,
            self.units,
            self.year[part],
            self.month[part],
            self.days[part],
            self.bounds[part],
        )


def is_leap(year: int, calendar: str) -> bool:
    """Say whether a year has 366 days in a calendar (years from 1583 on)."""
    if calendar not in {"standard", "gregorian", "proleptic_gregorian"}:
        return False
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year: int, calendar: str) -> tuple[int, ...]:
    """Return the lengths of the twelve months of a year."""
    if calendar == "360_day":
        return (30,) * 12
    return tuple(29 if m == 1 and is_leap(year, calendar) else d for m, d in enumerate(_MONTHS))


def day_number(year: int, calendar: str, units: str) -> float:
    """Return the first of January of a year as days since the reference of ``units``."""
    first = cftime.datetime(year, 1, 1, calendar=calendar)
    return float(cftime.date2num(first, units, calendar))


def monthly(first_year: int, years: int, calendar: str, units: str) -> TimeAxis:
    """Return the axis of monthly means over whole years.

    Examples
    --------
    >>> monthly(1850, 1, "360_day", "days since 1850-01-01").bounds[-1].tolist()
    [330.0, 360.0]
    """
    lengths = [month_days(first_year + n, calendar) for n in range(years)]
    days = np.array(lengths, dtype=np.float64).ravel()
    edges = day_number(first_year, calendar, units) + np.concatenate([[0.0], np.cumsum(days)])
    return TimeAxis(
        calendar,
        units,
        np.repeat(np.arange(first_year, first_year + years), 12),
        np.tile(np.arange(12), years),
        days,
        np.stack([edges[:-1], edges[1:]], axis=1),
    )


def year_means(values: NDArray[np.float64], axis: TimeAxis) -> NDArray[np.float64]:
    """Return the annual means of monthly values, months weighted by their length."""
    months = values.reshape(-1, 12) * axis.days.reshape(-1, 12)
    means: NDArray[np.float64] = months.sum(axis=1) / axis.days.reshape(-1, 12).sum(axis=1)
    return means


def daily(months: TimeAxis) -> TimeAxis:
    """Return the days of some months."""
    lengths = months.days.astype(np.int64)
    first = months.bounds[0, 0] + np.arange(int(lengths.sum()))
    return TimeAxis(
        months.calendar,
        months.units,
        np.repeat(months.year, lengths),
        np.repeat(months.month, lengths),
        np.ones(len(first)),
        np.stack([first, first + 1.0], axis=1),
    )
