"""Spans of time as archives write them in file names.

A moment is an integer ``YYYYMMDDhhmm`` beside the name of a calendar: no timestamp type holds
30 February or the year 7999. A span is closed: its end is the last minute that the name covers.
"""

from __future__ import annotations

import re
from calendar import isleap
from dataclasses import dataclass
from functools import lru_cache

from climeri_platform.core.errors import UsageError

__all__ = ["TimeSpan", "follows", "last_day_of_month", "parse_time_range"]

# digits of a label -> what completes it to YYYYMMDDhhmm at its start
_START = {4: "01010000", 6: "010000", 8: "0000", 10: "00", 12: ""}
_LABEL = re.compile(r"(\d{4,14})(?:-(\d{4,14}))?(-clim|-CLIM)?", re.ASCII)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NO_LEAP = frozenset({"noleap", "365_day"})
_ALL_LEAP = frozenset({"all_leap", "366_day"})


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A closed span of time.

    Attributes
    ----------
    start, end
        First and last minute, as ``YYYYMMDDhhmm``.
    digits
        How precise the label was: 4 for years, 6 for months, 8 for days, 10 for hours, 12 for
        minutes.
    climatology
        Whether the label ends in ``-clim``.
    """

    start: int
    end: int
    digits: int
    climatology: bool = False


def last_day_of_month(year: int, month: int, calendar: str | None) -> int:
    """Return the last day of a month in a calendar.

    Parameters
    ----------
    year, month
        The month.
    calendar
        A CF calendar, or None when it is not known: the proleptic Gregorian one is used then.

    Returns
    -------
    int
        28, 29, 30 or 31.

    Examples
    --------
    >>> last_day_of_month(2000, 2, "360_day"), last_day_of_month(2000, 2, "noleap")
    (30, 28)
    """
    if calendar == "360_day":
        return 30
    if month != 2:
        return _DAYS[month - 1]
    if calendar in _NO_LEAP:
        return 28
    if calendar in _ALL_LEAP or (year % 4 == 0 if calendar == "julian" else isleap(year)):
        return 29
    return 28


def _check(label: str, calendar: str | None) -> None:
    month = int(label[4:6] or 1)
    if not 1 <= month <= 12:
        raise UsageError(f"{label!r} is no moment: there is no month {month}")
    day = int(label[6:8] or 1)
    # without a calendar, day 30 of February may be right (360_day)
    last = 31 if calendar is None else last_day_of_month(int(label[:4]), month, calendar)
    if not 1 <= day <= last:
        raise UsageError(f"{label!r} is no moment: there is no day {day} in that month")
    # 24:00 closes a day in the names of sub-daily files
    if int(label[8:12].ljust(4, "0")) > 2400 or int(label[10:12] or 0) > 59:
        raise UsageError(f"{label!r} is no moment: there is no such hour or minute")


def _end(label: str, calendar: str | None) -> int:
    year = int(label[:4])
    if len(label) == 4:
        last = last_day_of_month(year, 12, calendar)
        return int(f"{label}12{last:02d}2359")
    if len(label) == 6:
        return int(f"{label}{last_day_of_month(year, int(label[4:6]), calendar):02d}2359")
    return int(label + {8: "2359", 10: "59", 12: ""}[len(label)])


@lru_cache(maxsize=65536)
def parse_time_range(text: str, calendar: str | None = None) -> TimeSpan:
    """Parse the time range of a file name.

    Parameters
    ----------
    text
        Such as ``185001-201412``, ``19500101-19501231``, ``1850``, ``185001-201412-clim``.
        Seconds are accepted and dropped.
    calendar
        The calendar, where it is known: it decides the last day of a month.

    Returns
    -------
    TimeSpan

    Raises
    ------
    UsageError
        If the text is no time range, or ends before it starts.

    Examples
    --------
    >>> span = parse_time_range("185001-201412")
    >>> span.start, span.end
    (185001010000, 201412312359)
    >>> parse_time_range("200001-200002", "360_day").end
    200002302359
    """
    match = _LABEL.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no time range such as 185001-201412")
    first, last, climatology = match[1][:12], (match[2] or match[1])[:12], match[3] is not None
    for label in (first, last):
        if len(label) not in _START:
            beyond = ", and years are from 0001 to 9999" if len(label) % 2 else ""
            raise UsageError(
                f"{text!r} is no time range: {label!r} has {len(label)} digits{beyond}"
            )
        _check(label, calendar)
    span = TimeSpan(int(first + _START[len(first)]), _end(last, calendar), len(first), climatology)
    if span.end < span.start:
        raise UsageError(f"{text!r} is no time range: it ends before it starts")
    return span


def follows(end: int, start: int) -> bool:
    """Say whether a file that starts at ``start`` may continue one that ends at ``end``.

    Whole days are compared, and any day from the 28th may be the last of its month, because names
    do not say the calendar.

    Parameters
    ----------
    end, start
        ``YYYYMMDDhhmm``.

    Returns
    -------
    bool
        False where at least a day is missing between them.

    Examples
    --------
    >>> follows(184912312359, 185001010000), follows(184912312359, 185002010000)
    (True, False)
    """
    last, first = end // 10_000, start // 10_000
    if first <= last + 1:
        return True
    year, month, day = last // 10_000, last // 100 % 100, last % 100
    next_month = (year + 1) * 10_000 + 101 if month == 12 else year * 10_000 + (month + 1) * 100 + 1
    return day >= 28 and first <= next_month
