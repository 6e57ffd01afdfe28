"""By which files the contents of streams are read: the newest of each, on disk, and once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.contents import of_many
from climeri_platform.catalog.heading import CAN_BE_READ, read_some, rows_in_order

if TYPE_CHECKING:
    from climeri_platform.catalog.renewal import Renewal

__all__ = ["contents_to_read", "read_contents"]


def contents_to_read(renewal: Renewal) -> pl.DataFrame:
    """Return the rows of the files by which the contents of streams are read: one of each.

    That is the newest file that is not on tape and could be read, if nobody has read it yet. No file
    is touched here: `read_some` looks at each once more before it opens it (``on_disk``).

    Parameters
    ----------
    renewal
        The rows of a root.
    """
    keys = ["dataset", "version"]
    some = [*keys, "path", "end", "header_read", "header_problem", "contents"]
    can = CAN_BE_READ & of_many(renewal.family)
    nowhere = pl.lit(None, pl.UInt32)
    fresh = renewal.fresh.with_row_index("row").filter(can)
    found = [fresh.select(*some, "row", at=nowhere)]
    names = ["stale", "format", "online", renewal.family.name_in_files]
    for at, piece in renewal.pieces(*some, *names):
        # the newest of a piece is enough of it
        rows = _newest(piece.with_columns(at=at, row=nowhere).filter(can), keys)
        found.append(rows.select(*some, "row", "at"))
    newest = _newest(pl.concat(found), keys)
    known = pl.col("contents").is_in(list(renewal.contents)).fill_null(value=False)
    tried = pl.col("header_read").is_not_null() & pl.col("header_problem").is_not_null()
    return rows_in_order(renewal, newest.filter(~known & ~tried).select("row", "header_read", "at"))


def read_contents(renewal: Renewal) -> pl.DataFrame:
    """Read what streams hold, as `read_some` does, and keep nothing for another time.

    Raises
    ------
    MissingExtra
        If netCDF4 is not installed.
    """
    with TemporaryDirectory() as journal:
        return read_some(contents_to_read(renewal), renewal, Path(journal), on_disk=True)


def _newest(files: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the newest file of each dataset, one of which nothing is known after all others."""
    # a time axis that cannot be read leaves the contents, which were read before it
    broken = pl.col("header_problem").is_not_null() & pl.col("contents").is_null()
    ranked = files.sort(broken, "end", "path", descending=[False, True, True], nulls_last=True)
    return ranked.unique(keys, keep="first", maintain_order=True)
