"""Files of one version that cover the same time: which steps of which file are taken.

The rule looks at time stamps only, because opening reads no data:

1. A file whose steps another file has too, stamp for stamp, is left out. Of two with the very same
   steps the first by name stays.
2. Where the end of a file and the beginning of a later one have the same stamps, the earlier file
   is cut where the later one begins: a run that was taken up again goes on with what the later file
   says, and from there on no file changes.
3. Anything else, stamps that lie between each other's or differ, is refused.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OVERLAP", "Kept", "resolve_overlaps", "steps_between"]

OVERLAP = "overlap in time"
"""The beginning of the notes on files of which only a part is taken."""
# of a step: files written apart round the same moment differently
_ROUNDING = 1e-3


class Kept(NamedTuple):
    """The steps that are taken from one file.

    Attributes
    ----------
    number
        Of the file, in the order in which files were given.
    start, stop
        Its first step that is taken, and the one after the last.
    """

    number: int
    start: int
    stop: int


def resolve_overlaps(
    files: Sequence[tuple[str, np.ndarray]],
) -> tuple[list[Kept], list[str]]:
    """Say which steps of which file make one series.

    Parameters
    ----------
    files
        Path and time axis of each: numpy datetimes, cftime objects of one calendar, or numbers of
        one unit. An axis that does not increase is taken as it is.

    Returns
    -------
    kept
        In the order of time; a file that is left out has none.
    notes
        What was left out, and why.

    Raises
    ------
    DatasetInconsistent
        If two files cover the same time with other stamps.

    Examples
    --------
    >>> resolve_overlaps([("a.nc", np.arange(10)), ("b.nc", np.arange(6, 20))])[0]
    [Kept(number=0, start=0, stop=6), Kept(number=1, start=0, stop=14)]
    >>> resolve_overlaps([("a.nc", np.arange(10)), ("b.nc", np.arange(20))])[0]
    [Kept(number=1, start=0, stop=20)]
    """
    order = sorted(
        (number for number, (_, axis) in enumerate(files) if axis.size),
        # of those that begin together the longest first, which holds the others
        key=lambda number: (files[number][1][0], -files[number][1].size, number),
    )
    whole = [Kept(number, 0, files[number][1].size) for number in order]
    if all(files[a][1][-1] < files[b][1][0] for a, b in pairwise(order)):
        return whole, []
    notes: list[str] = []
    kept: list[Kept] = []
    for each in whole:
        if kept and (holder := _holder(kept, each, files)) is not None:
            _say_left_out(notes, files, each.number, holder.number)
            continue
        _cut_before(kept, each, files, notes)
        kept.append(each)
    return kept, notes


def _holder(kept: list[Kept], this: Kept, files: Sequence[tuple[str, np.ndarray]]) -> Kept | None:
    """Return the file taken so far that has all steps of this one."""
    axis = files[this.number][1]
    for other in reversed(kept):
        has = files[other.number][1]
        if axis[-1] > has[-1] and not _alike(axis[-1:], has[-1:], has):
            continue
        start, stop = _range(has, axis[0], axis[-1])
        if _alike(has[start:stop], axis, axis):
            return other
    return None


def _cut_before(
    kept: list[Kept],
    this: Kept,
    files: Sequence[tuple[str, np.ndarray]],
    notes: list[str],
) -> None:
    if not kept:
        return
    path, axis = files[this.number]
    last = kept[-1]  # the one before it was cut where this one begins
    before, has = files[last.number]
    at, _ = _range(has, axis[0], has[-1])
    common = has.size - at
    if not common and has[-1] < axis[0]:
        return
    if not _increases(has) or not _increases(axis) or not _alike(has[at:], axis[:common], axis):
        raise DatasetInconsistent(
            f"{path} begins at {axis[0]}, before {before} ends at {has[-1]}, "
            "and their time stamps are not the same there",
            hint="Two of the files cover the same time: name the version, or tell the centre.",
        )
    notes.append(
        f"{OVERLAP}: {before} and {path} both have {axis[0]} to {has[-1]}; this is taken from the "
        "later file (stamps are the same, values were not compared)"
    )
    kept[-1] = last._replace(stop=at)


def _say_left_out(
    notes: list[str], files: Sequence[tuple[str, np.ndarray]], number: int, holder: int
) -> None:
    (path, axis), (other, has) = files[number], files[holder]
    same = "the same steps as" if axis.size == has.size else "no step that is not in"
    notes.append(
        f"{OVERLAP}: {path} has {same} {other}, and is left out "
        "(stamps are the same, values were not compared)"
    )


def _range(axis: np.ndarray, first: Any, last: Any) -> tuple[int, int]:
    """Return where an axis has the steps from one moment to another, up to rounding."""
    slack = _slack(axis)
    return (
        int(np.searchsorted(axis, first - slack)),
        int(np.searchsorted(axis, last + slack, side="right")),
    )


def _slack(axis: np.ndarray) -> Any:
    return (axis[1] - axis[0]) * _ROUNDING if axis.size > 1 else axis[0] - axis[0]


def _alike(here: np.ndarray, there: np.ndarray, steps: np.ndarray) -> bool:
    return here.shape == there.shape and bool((abs(here - there) <= abs(_slack(steps))).all())


def steps_between(axis: np.ndarray) -> np.ndarray:
    """Return the steps of a time axis, in seconds where its unit is known.

    Parameters
    ----------
    axis
        Numpy datetimes, cftime objects, or numbers.
    """
    steps = np.diff(axis)
    if axis.dtype == object:
        return np.array([each.total_seconds() for each in steps], dtype=float)
    if axis.dtype.kind == "M":
        return np.asarray(steps / np.timedelta64(1, "s"), dtype=float)
    return np.asarray(steps, dtype=float)


def _increases(axis: np.ndarray) -> bool:
    return bool((steps_between(axis) > 0).all())
