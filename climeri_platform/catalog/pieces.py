"""Tables that are larger than the memory should be: read and written piece by piece."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["height", "pieces", "rows_at", "whole_datasets", "write_pieces"]

_PIECE = 200_000  # rows of a few columns that are in memory at the same time
_WHOLE = 200_000  # rows of all columns
_GROUP = 100_000  # rows of a group in Parquet, of which a search reads few


def height(frame: pl.LazyFrame) -> int:
    """Return the number of rows of a table."""
    return int(frame.select(pl.len()).collect().item())


def pieces(frame: pl.LazyFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield a table in pieces, each with the place of its first row."""
    for first in range(0, height(frame), _PIECE):
        yield first, frame.slice(first, _PIECE).collect()


def rows_at(frame: pl.LazyFrame, at: pl.Series) -> Iterator[pl.DataFrame]:
    """Yield the rows at some places of a table, which ascend, reading a piece of it at a time."""
    done = 0
    while done < len(at):
        first = int(at[done])
        end = int(at.search_sorted(first + _WHOLE))
        piece = frame.slice(first, int(at[end - 1]) + 1 - first).collect()
        yield piece if end - done == piece.height else piece[at[done:end] - first]
        done = end


def whole_datasets(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield a table in which the rows of a dataset stand together, in pieces that part none."""
    rows = height(frame)
    rest: pl.DataFrame | None = None
    for first in range(0, rows, _WHOLE):
        piece = frame.slice(first, _WHOLE).collect()
        if rest is not None:
            piece = pl.concat([rest, piece])
        if first + _WHOLE < rows:  # the next piece may have more of the last dataset
            last = piece["dataset"] == piece["dataset"][-1]
            piece, rest = piece.filter(~last), piece.filter(last)
        if piece.height:
            yield piece


def _taken(frames: list[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    while frames:
        yield frames.pop(0)


def write_pieces(
    frames: Iterable[pl.DataFrame], schema: dict[str, pl.DataType] | pl.Schema, path: Path
) -> None:
    """Write frames, one below the other, as one Parquet file, holding one of them at a time.

    Parameters
    ----------
    frames
        The pieces; an error that they raise is raised here.
    schema
        Their columns.
    path
        The file.
    """
    given = iter(frames)
    first = next(given, pl.DataFrame(schema=schema))
    second = next(given, None)
    if second is None:  # most tables are small, and this is faster
        first.write_parquet(path, compression="zstd", row_group_size=_GROUP, statistics=True)
        return
    begun, wrong = [first, second], list[BaseException]()
    del first, second  # nobody holds them once they are written

    def give(*_: object) -> Iterator[pl.DataFrame]:
        try:
            for frame in chain(_taken(begun), given):
                yield from frame.iter_slices(_GROUP)
        except BaseException as problem:
            wrong.append(problem)  # polars would tell it in words of its own
            raise

    rows = register_io_source(give, schema=dict(schema))
    try:
        rows.sink_parquet(path, compression="zstd", row_group_size=_GROUP, statistics=True)
    except BaseException:
        with suppress(KeyboardInterrupt):
            time.sleep(0)  # polars tells a Ctrl-C once more: it would end the cleaning up
        if wrong:
            raise wrong[0] from None
        raise
