"""What a dataset lacks of the time that its names promise."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.combine import time_dimension
from climeri_platform.core.timespan import follows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["HOLE", "RETRACTED", "holes_in_names", "not_covered", "shorter_than_named"]

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


def shorter_than_named(dataset: xr.Dataset, span: Span) -> str:
    """Return what a file lacks of the months that its name promises; "" if nothing.

    A step of slack is left at both ends, because stamps lie anywhere in their period.

    Parameters
    ----------
    dataset
        One decoded file; its time axis is in memory, and nothing is computed.
    span
        Start and end by its name, ``YYYYMMDDhhmm``.
    """
    time = time_dimension(dataset)
    if time is None or time not in dataset.coords or dataset[time].dtype.kind not in "MO":
        return ""
    if not dataset.sizes[time] or "climatology" in dataset[time].attrs:
        return ""
    months = (12 * dataset[time].dt.year + dataset[time].dt.month - 1).values
    step = max(1, int(np.ceil(np.median(np.diff(months))))) if months.size > 1 else 12
    begin, end = (12 * (at // 10**8) + at // 10**6 % 100 - 1 for at in span)
    if months[0] - begin <= step and end - months[-1] <= step:
        return ""
    first, last = (str(dataset[time].values[at])[:10] for at in (0, -1))
    return f"{HOLE}: it holds {first} to {last}, its name says {span[0] // 10**6} to {span[1] // 10**6}"
