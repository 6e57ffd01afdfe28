r"""The records of an inventory, in tables, whatever its form.

Files are read in pieces, so that a list of millions needs little memory. What polars reads as a
table is read that way; a piece that holds names with tabs, line ends or bytes that are not UTF-8
is read record by record.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.walk import Skipped, readable
from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FIND_FORMAT", "RECORD", "is_long", "records", "unknown_of"]

FIND_FORMAT = r"%y\t%s\t%T@\t%C@\t%i\t%b\t%m\t%G\t%P\t%l\0"
_LONG = ["type", "size", "mtime", "ctime", "inode", "blocks", "mode", "group", "path", "target"]
_SHORT = ["path", "size", "mtime"]
_MORE = {
    "ctime": "rewrites in place (no ctime)",
    "inode": "files that two paths share (no inode)",
    "blocks": "what is on tape only (no blocks)",
    "group": "who may read a file (no group)",
}
_LINKS = "what links lead to: a version that is laid out by them is not seen"
_NUMBERS: dict[str, Any] = {"size": pl.Int64, "inode": pl.UInt64, "blocks": pl.Int64}
_DIGITS = 10  # of a fraction of a second, as find prints it
_PIECE = 8 * 2**20

RECORD: dict[str, Any] = {
    "type": pl.String,
    "path": pl.String,
    "size": pl.Int64,
    "mtime": pl.Int64,
    "ctime": pl.Int64,
    "inode": pl.UInt64,
    "online": pl.Boolean,
    "public": pl.Boolean,
    "group": pl.String,
    "target": pl.String,
}


def is_long(file: Path) -> bool:
    """Return whether a list is in the long form, whose records end with NUL."""
    if file.suffix in {".csv", ".parquet"}:
        return False
    with file.open("rb") as opened:
        return b"\0" in opened.read(2**16)


def unknown_of(file: Path, *, long: bool) -> list[str]:
    """Return what a list could not say, in words."""
    if long:
        return []
    has: list[str] = []
    if file.suffix == ".csv":
        has = pl.scan_csv(file).collect_schema().names()
    elif file.suffix == ".parquet":
        has = list(pl.read_parquet_schema(file))
    return [_LINKS, *(said for name, said in _MORE.items() if name not in has)]


def records(
    file: Path, odd: list[tuple[str, int | None]], skipped: Skipped
) -> Iterator[pl.DataFrame]:
    """Yield the records of a list, in tables of the columns `RECORD`.

    Parameters
    ----------
    file
        The list.
    odd
        Is filled with files whose path is not UTF-8, readably, and their sizes.
    skipped
        Counts what is neither a file, a directory nor a link.

    Raises
    ------
    OSError
        If it cannot be read.
    RootUnusable
        If a record is not in its form.
    """
    if file.suffix in {".csv", ".parquet"}:
        yield _named(file)
        return
    long = is_long(file)
    names, end = (_LONG, b"\0") if long else (_SHORT, b"\n")
    number = 1
    for piece in _pieces(file, end):
        table = _quick(piece, names, end)
        if table is None:
            lines = piece.split(end)
            table = _slow(lines, file, number, odd, skipped, long=long)
        elif long:
            skipped.other += table.filter(~pl.col("type").is_in(["f", "d", "l"])).height
        number += piece.count(end)
        yield table


def _pieces(file: Path, end: bytes) -> Iterator[bytes]:
    left = b""
    with file.open("rb") as opened:
        while block := opened.read(_PIECE):
            block = left + block if left else block
            cut = block.rfind(end) + 1
            if cut:
                yield block[:cut]
            left = block[cut:]
    if left:
        yield left + end


def _quick(piece: bytes, names: list[str], end: bytes) -> pl.DataFrame | None:
    """Read a piece as a table; None if it holds anything that wants a closer look."""
    if b"\r" in piece or (end == b"\0" and b"\n" in piece):
        return None
    if piece.count(b"\t") != (len(names) - 1) * piece.count(end):
        return None
    try:
        table = pl.read_csv(
            piece,
            has_header=False,
            separator="\t",
            eol_char=end.decode(),
            quote_char=None,
            schema={each: _NUMBERS.get(each, pl.String) for each in names},
        ).with_columns(pl.col(pl.String).fill_null(""))  # the keyword for it has two names
        numbers = table.select(pl.col(each) for each in names if each in _NUMBERS)
        return None if any(each.null_count() for each in numbers) else _typed(table)
    except pl.exceptions.PolarsError:
        return None


def _nanoseconds(table: pl.DataFrame, column: str) -> pl.Expr:
    point = pl.col(column).str.slice(-_DIGITS - 1, 1) == "."
    if table.height and table.select(point.all()).item():
        head, tail = pl.col(column).str.head(-_DIGITS - 1), pl.col(column).str.slice(-_DIGITS, 9)
        return pl.concat_str(head, tail).cast(pl.Int64).alias(column)
    parts = pl.col(column).str.splitn(".", 2).struct
    whole = parts.field("field_0")
    rest = parts.field("field_1").fill_null("").str.slice(0, 9).str.pad_end(9, "0").cast(pl.Int64)
    sign = pl.when(whole.str.starts_with("-")).then(-1).otherwise(1)
    return (whole.cast(pl.Int64) * 10**9 + sign * rest).alias(column)


def _typed(table: pl.DataFrame) -> pl.DataFrame:
    if "type" not in table:
        typed = table.select(
            pl.lit("f").alias("type"),
            "path",
            pl.col("size").cast(pl.Int64),
            _nanoseconds(table, "mtime"),
        )
    else:
        typed = table.select(
            "type",
            "path",
            pl.col("size").cast(pl.Int64),
            _nanoseconds(table, "mtime"),
            _nanoseconds(table, "ctime"),
            pl.col("inode").cast(pl.UInt64),
            online=pl.col("blocks").cast(pl.Int64) > 0,
            public=pl.col("mode").str.slice(-1).cast(pl.Int64) >= 4,
            group="group",
            target="target",
        )
    missing = [pl.lit(None, kind).alias(name) for name, kind in RECORD.items() if name not in typed]
    return typed.with_columns(missing).select(list(RECORD))


def _slow(
    lines: list[bytes],
    file: Path,
    first: int,
    odd: list[tuple[str, int | None]],
    skipped: Skipped,
    *,
    long: bool,
) -> pl.DataFrame:
    rows = []
    names = _LONG if long else _SHORT
    for number, raw in enumerate(lines, first):
        if not raw.strip():
            continue
        record = os.fsdecode(raw if long else raw.removesuffix(b"\r"))
        try:
            row = _long(record) if long else _short(record)
            table = pl.DataFrame([[readable(each) for each in row]], names, orient="row")
            _typed(table)
        except (ValueError, pl.exceptions.PolarsError):
            raise _not_in_form(file, number, record) from None
        kind, path, size = (row[0], row[8], row[1]) if long else ("f", row[0], row[1])
        if kind not in {"f", "d", "l"}:
            skipped.other += 1
        elif readable(path) == path:
            rows.append([readable(each) for each in row])
        elif kind == "f" and _is_data(path):
            odd.append((readable(path), int(size)))
    return _typed(pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row"))


def _is_data(path: str) -> bool:
    return path.endswith((".nc", ".nc4"))


def _long(record: str) -> list[str]:
    *before, rest = record.split("\t", len(_LONG) - 2)
    # a name may hold a tab; what follows the last one is the target, empty but for links
    path, tab, target = rest.rpartition("\t")
    if len(before) != len(_LONG) - 2 or not tab:
        raise ValueError(record)
    return [*before, path, target]


def _short(record: str) -> list[str]:
    path, size, mtime = record.rsplit("\t", 2)
    return [path, size, mtime]


def _not_in_form(file: Path, number: int, record: str) -> RootUnusable:
    return RootUnusable(
        f"the inventory {file}: record {number} is in none of the accepted forms: {record[:80]!r}",
        hint=f"Make it with: find ROOT -printf '{FIND_FORMAT}'",
    )


def _named(file: Path) -> pl.DataFrame:
    """Read a table whose columns have names."""
    seconds = [(pl.col(each).cast(pl.Float64) * 1e9).cast(pl.Int64) for each in ("mtime", "ctime")]
    try:
        frame = pl.scan_csv(file) if file.suffix == ".csv" else pl.scan_parquet(file)
        has = frame.collect_schema().names()
        optional = {
            "ctime": seconds[1],
            "inode": pl.col("inode").cast(pl.UInt64),
            "blocks": (pl.col("blocks").cast(pl.Int64) > 0).alias("online"),
            "group": pl.col("group").cast(pl.String),
        }
        table = frame.select(
            pl.lit("f").alias("type"),
            pl.col("path").cast(pl.String),
            pl.col("size").cast(pl.Int64),
            seconds[0],
            *(column for name, column in optional.items() if name in has),
        ).collect()
    except pl.exceptions.PolarsError as problem:
        raise RootUnusable(
            f"the inventory {file} has no usable columns {', '.join(_SHORT)}: "
            f"{(str(problem).splitlines() or [''])[0]}",
            hint="Paths, bytes, and seconds since 1970; other columns do not matter.",
        ) from problem
    if table.select(_SHORT).null_count().sum_horizontal().item():
        raise RootUnusable(
            f"the inventory {file} has rows without path, size or mtime",
            hint="Write it again: what is missing there would be missing here.",
        )
    missing = [pl.lit(None, kind).alias(name) for name, kind in RECORD.items() if name not in table]
    return table.with_columns(missing).select(list(RECORD))
