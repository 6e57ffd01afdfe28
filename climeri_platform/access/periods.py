"""What a dataset lacks of the time that its names promise."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.joined import Note
from climeri_platform.access.overlaps import Kept, resolve_overlaps
from climeri_platform.core.errors import DatasetInconsistent
from climeri_platform.core.timespan import follows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.access.axis import Axis

__all__ = [
    "HOLE",
    "RETRACTED",
    "check_files",
    "holes",
    "holes_in_names",
    "in_order",
    "months_of",
    "not_covered",
    "shorter_than_named",
    "tell_holes",
    "tell_short_files",
]

# of a median step: months are 28 to 31 days, so 1.5 separates a hole from a long month
_HOLE = 1.5

HOLE = "a hole in time"
RETRACTED = "retracted"
"""The beginnings of notes of which nobody may remain unaware: they are warned of."""
Span = tuple[int, int]


def holes_in_names(spans: Sequence[Span]) -> list[tuple[str, str]]:
    """Return the ends and beginnings between which the names of the files leave something out.

    Parameters
    ----------
    spans
        Start and end of each file, ``YYYYMMDDhhmm``, in order.
    """
    ends = accumulate((end for _, end in spans), max)  # files may overlap
    return [
        (str(end), str(begin))
        for end, (begin, _) in zip(ends, spans[1:], strict=False)
        if begin > end and not follows(end, begin)
    ]


def not_covered(wanted: Sequence[Span], spans: Sequence[Span]) -> list[Span]:
    """Return those spans that others do not cover, alone or joined.

    Parameters
    ----------
    wanted
        The spans that should be there.
    spans
        Those that are.

    Examples
    --------
    >>> decades = [(185001010000, 185912312359), (186001010000, 186912312359)]
    >>> not_covered([(185001010000, 186912312359), (187001010000, 187912312359)], decades)
    [(187001010000, 187912312359)]
    """
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and follows(joined[-1][1], begin):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return [span for span in wanted if not any(a <= span[0] and span[1] <= b for a, b in joined)]


def holes(axis: Axis) -> list[tuple[str, str]]:
    """Return the steps of a time axis between which something is missing.

    Parameters
    ----------
    axis
        Of all files of a dataset.

    Returns
    -------
    list of tuple
        Last moment before and first moment after each hole, as text.

    Raises
    ------
    DatasetInconsistent
        If the axis does not increase, or lacks a value.
    """
    absent = np.isnan(axis.numbers)
    if absent.any():
        raise DatasetInconsistent(
            f"{int(absent.sum())} of {absent.size} time steps have no time, "
            f"the first is number {int(np.argmax(absent)) + 1}",
            hint="The file was not written to its end: fetch it again, or ask its author.",
        )
    steps = np.diff(axis.numbers)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        raise DatasetInconsistent(
            f"time does not increase: {axis.values[at]} is followed by {axis.values[at + 1]}",
            hint="The file joins several runs, or was written twice: ask its author.",
        )
    if not steps.size or axis.values.dtype.kind not in "MO":
        return []  # numbers that no unit explains: a step of theirs may be anything
    where = np.flatnonzero(steps > _HOLE * np.median(steps))
    return [(str(axis.values[i]), str(axis.values[i + 1])) for i in where]


def check_files(axis: Axis, paths: Sequence[str]) -> None:
    """Refuse files that hold no time step, and other calendars.

    Raises
    ------
    DatasetInconsistent
        If one does.
    """
    for path, steps, calendar in zip(paths, axis.steps, axis.calendars, strict=True):
        if not steps:
            raise DatasetInconsistent(f"{path} holds no time step", hint="Fetch it again.")
        if calendar != axis.calendars[0]:
            raise DatasetInconsistent(
                f"the calendar is {axis.calendars[0]} in {paths[0]}, {calendar} in {path}",
                hint="Open the files one by one; a season or a day means different things in them.",
            )


def in_order(axis: Axis, paths: Sequence[str]) -> tuple[list[Kept], list[str]]:
    """Return which steps of which file make one series, and what was left out.

    Raises
    ------
    DatasetInconsistent
        If two files cover the same time with other stamps.
    """
    ends = np.cumsum(axis.steps)
    if (
        np.isnan(axis.numbers).any()
        or (axis.numbers[ends[:-1]] > axis.numbers[ends[:-1] - 1]).all()
    ):
        return [Kept(number, 0, steps) for number, steps in enumerate(axis.steps)], []
    return resolve_overlaps(
        [(path, axis.values[axis.of_file(number)]) for number, path in enumerate(paths)]
    )


def tell_holes(axis: Axis, spans: Sequence[Span | None]) -> list[Note]:
    """Return between which moments something is missing, by the time axis or else by the names.

    Raises
    ------
    DatasetInconsistent
        If the axis does not increase, or lacks a value.
    """
    known = [span for span in spans if span is not None]
    found = holes(axis) or (holes_in_names(known) if len(known) == len(spans) else [])
    return [Note(f"{HOLE} between {before} and {after}") for before, after in found]


def tell_short_files(axis: Axis, files: Sequence[tuple[str, Span | None]]) -> list[Note]:
    """Return which files hold less than their names promise.

    Parameters
    ----------
    axis
        Of all files, with all of their steps.
    files
        Path of each, and its start and end by its name.
    """
    if axis.climatology or axis.values.dtype.kind not in "MO" or np.isnan(axis.numbers).any():
        return []
    months, notes = months_of(axis.values), []
    for number, (path, span) in enumerate(files):
        where = axis.of_file(number)
        if span is not None and (
            cause := shorter_than_named(axis.values[where], months[where], span)
        ):
            notes.append(Note(cause, path))
    return notes


def months_of(dates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the months of dates, counted from year 0."""
    if dates.dtype.kind == "M":
        return dates.astype("datetime64[M]").astype(np.int64) + 12 * 1970
    return np.array([12 * each.year + each.month - 1 for each in dates], np.int64)


def shorter_than_named(
    dates: np.ndarray[Any, Any], months: np.ndarray[Any, Any], span: Span
) -> str:
    """Return what a file lacks of the months that its name promises; "" if nothing.

    A step of slack is left at both ends, because stamps lie anywhere in their period.

    Parameters
    ----------
    dates
        Its time axis.
    months
        `months_of` it.
    span
        Start and end by its name, ``YYYYMMDDhhmm``.
    """
    if not months.size:
        return ""
    step = max(1, int(np.ceil(np.median(np.diff(months))))) if months.size > 1 else 12
    begin, end = (12 * (at // 10**8) + at // 10**6 % 100 - 1 for at in span)
    if months[0] - begin <= step and end - months[-1] <= step:
        return ""
    first, last = (str(dates[at])[:10] for at in (0, -1))
    return f"{HOLE}: it holds {first} to {last}, its name says {span[0] // 10**6} to {span[1] // 10**6}"
