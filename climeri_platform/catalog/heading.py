"""Which headers a night reads, and how what they say reaches the rows.

Read are files that are new or changed, those that nobody has read yet, and each night a share of
the others, the longest unread first, so that a change that left size and times alone is seen too.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.contents import of_many
from climeri_platform.catalog.header_names import ON_TAPE
from climeri_platform.catalog.headers import read_headers
from climeri_platform.catalog.known import as_known
from climeri_platform.catalog.renewal import SAME
from climeri_platform.catalog.tables import FROM_HEADERS, ROW_COLUMNS, UNREADABLE
from climeri_platform.catalog.variable_lists import contents_text, list_of, read_lists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.renewal import Renewal

__all__ = ["CAN_BE_READ", "files_to_read", "read_some", "rows_in_order", "with_headers"]

CAN_BE_READ = (
    pl.col("stale").is_null()
    & (pl.col("format") == "netcdf")
    & pl.col("online").fill_null(value=True)
)
"""Whether the file of a row can be opened, and is not on tape."""
_NAMES = {"grid": "horizontal_grid", "problem": "header_problem"}
_BATCH = 2000  # files whose headers are kept together: what a killed night loses
_SLOW = 0.25  # seconds a file, on the average of a batch: slower is a mount that hangs
_START = 120.0  # and as much for the first file that does not answer
_READ = {name: ROW_COLUMNS[name] for name in (*SAME, *FROM_HEADERS)} | {"lists": pl.String}


def files_to_read(renewal: Renewal, *, nights: int, today: date | None = None) -> pl.DataFrame:
    """Return the rows of the files whose headers are to be read, the most urgent first.

    Parameters
    ----------
    renewal
        The rows of a root.
    nights
        After how many nights every header was read again.
    today
        By default today, in UTC.
    """
    many = of_many(renewal.family) & pl.col("header_problem").is_null()
    unsaid = many & ~pl.col("contents").is_in(list(renewal.contents)).fill_null(value=False)
    # of files that an older release read, nobody knows yet what they hold
    unread = (pl.col("header_read").is_null() | unsaid).alias("unread")
    fresh = renewal.fresh.with_row_index("row").filter(CAN_BE_READ)
    again = pl.col("path").is_in(renewal.same.implode())
    nowhere = pl.lit(None, pl.UInt32)
    rest = [fresh.filter(again).select("row", "header_read", unread, at=nowhere)]
    names = [renewal.family.name_in_files, "header_problem", "contents"]
    for at, piece in renewal.pieces("stale", "format", "online", "header_read", *names):
        rows = piece.with_columns(at=at, row=nowhere).filter(CAN_BE_READ)
        rest.append(rows.select("row", "header_read", unread, "at"))
    seen = pl.concat(rest)
    never = seen.filter("unread").drop("unread")
    seen = seen.filter(~pl.col("unread")).drop("unread")
    day = today or datetime.now(UTC).date()
    due = (day - timedelta(days=nights)).isoformat()
    # a share each night, even if they were all read in one
    old = seen.sort("header_read", "at", "row").head(math.ceil(seen.height / nights))
    old = old.filter(pl.col("header_read") < day.isoformat())
    overdue = seen.filter(pl.col("header_read") < due)
    order = pl.concat([never, old, overdue]).unique(maintain_order=True)
    new = fresh.filter(~again).select("row", "header_read", at=nowhere)
    return rows_in_order(renewal, pl.concat([new, order]))


def rows_in_order(renewal: Renewal, order: pl.DataFrame) -> pl.DataFrame:
    """Return the fresh rows at ``row``, and the known ones at ``at``, in this order.

    Parameters
    ----------
    renewal
        The rows of a root.
    order
        ``row``, ``at`` and ``header_read``: one of the first two is null.
    """
    columns = [*SAME, "format", *renewal.family.facets, "time_range", "header_read"]
    columns = list(dict.fromkeys(each for each in columns if each in renewal.fresh.columns))
    at = order["at"].drop_nulls().sort()
    row = order["row"].drop_nulls()
    nothing = pl.lit(None, pl.UInt32)
    rows = pl.concat(
        [
            renewal.fresh.select(columns)[row].with_columns(row=row, at=nothing),
            renewal.rows(at, *columns).with_columns(row=nothing, at=at),
        ]
    )
    keys = order.select("row", "at")
    found = keys.join(rows, on=["row", "at"], how="left", nulls_equal=True, maintain_order="left")
    return found.select(columns)


def read_some(
    files: pl.DataFrame,
    renewal: Renewal,
    journal: Path,
    *,
    on_disk: bool = False,
    client: Any = None,
    deadline: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Read headers, keeping what was read: a killed night does not open a file twice.

    Parameters
    ----------
    files
        Rows of `files_to_read`.
    renewal
        Of which root.
    journal
        A folder for what was read.
    on_disk
        Whether files that went to tape since they were listed are left out, and not opened.
    client
        A Dask client; without one, processes on this machine read.
    deadline
        A moment of `time.monotonic` after which no file is opened.
    progress
        Is called with the number of headers read so far.

    Returns
    -------
    polars.DataFrame
        The columns that name a file as it is now (path, size, times, inode), `FROM_HEADERS`, and
        ``lists``: what some marks of contents stand for. Files that the time did not allow are left
        out.

    Raises
    ------
    MissingExtra
        If netCDF4 is not installed.
    """
    journal.mkdir(parents=True, exist_ok=True)
    parts = [*_kept(journal)]
    if parts:
        files = files.join(pl.concat(parts), on=SAME, how="anti", nulls_equal=True)
    done = 0
    for start in range(0, files.height, _BATCH):
        batch = files.slice(start, _BATCH)
        until = time.monotonic() + _START + _SLOW * batch.height
        until = min(until, deadline or until)
        answered = _read(batch, renewal, client, until, on_disk=on_disk)
        away = pl.col("header_problem") == ON_TAPE
        rows = answered.filter(~away.fill_null(value=False))
        if rows.height:
            path = journal / f"{len(parts):06}.parquet"
            rows.write_parquet(path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
            parts.append(rows)
        done += rows.height
        if progress is not None:
            progress(done)
        if answered.height < batch.height:
            break
    if not parts:
        return pl.DataFrame(schema=_READ)
    return pl.concat(parts).unique(SAME, keep="last")


def _kept(journal: Path) -> Iterator[pl.DataFrame]:
    for each in sorted(journal.glob("*.parquet")):
        try:
            yield pl.read_parquet(each).select(list(_READ))
        except UNREADABLE:
            each.unlink(missing_ok=True)  # of a power cut, or of an older version: read again


def _read(
    batch: pl.DataFrame, renewal: Renewal, client: Any, deadline: float | None, *, on_disk: bool
) -> pl.DataFrame:
    family = renewal.family
    # models that write their own names say them in the file
    name = family.name_in_files
    facets = [each for each in family.facets if each not in {"version", *family.constants}]
    wanted = batch.select(
        (pl.lit(renewal.root.mount + "/") + pl.col("path")).alias("path"),
        pl.col(name).alias("variable"),
        *[each for each in facets if each not in {"path", "variable"}],
        "time_range",
    )
    said = read_headers(wanted, client=client, deadline=deadline, on_disk=on_disk).rename(_NAMES)
    below = pl.col("path").str.strip_prefix(renewal.root.mount + "/")
    said = said.with_columns(path=below, header_read=pl.lit(datetime.now(UTC).date().isoformat()))
    rows = batch.join(said, on="path", how="inner", suffix="_said").with_columns(
        pl.col(f"{each}_said").alias(each) for each in FROM_HEADERS if each in batch.columns
    )
    return _marked(rows, family).select(list(_READ))


def _marked(rows: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return rows with the marks of their contents, and of each mark the list, once."""
    nothing = pl.lit(None, pl.String)
    if not family.contents:
        return rows.with_columns(contents=nothing, lists=nothing)
    marks: list[str | None] = []
    lists: list[str | None] = []
    seen: set[str] = set()
    for row in rows.iter_rows(named=True):
        mark = text = None
        if row[family.name_in_files] is None and row["contents"] is not None:
            mark, its = list_of(row["contents"].split(), row, family)
            text = None if mark in seen else contents_text({mark: its}, family)
            seen.add(mark)
        marks.append(mark)
        lists.append(text)
    kinds = {"contents": pl.String, "lists": pl.String}
    return rows.with_columns(pl.DataFrame({"contents": marks, "lists": lists}, schema=kinds))


def with_headers(renewal: Renewal, said: pl.DataFrame) -> Renewal:
    """Return the rows of a root with what headers say of them; only files that are still the same.

    Where a name does not tell the period, the file's own stands for it.

    Parameters
    ----------
    renewal
        The rows.
    said
        What `read_some` gave.
    """
    if not said.height:
        return renewal
    lists = dict(renewal.contents)
    for text in said["lists"].drop_nulls().unique():
        lists |= read_lists(text)
    fresh = replace(renewal, fresh=_told(renewal.fresh, said), contents=lists)
    found = []
    for at, piece in renewal.pieces(*SAME):
        row = piece.with_row_index("row").join(said, on=SAME, how="semi", nulls_equal=True)["row"]
        found.append(at.gather(row.sort()))
    if not found:
        return fresh
    at = pl.concat(found)
    rows = as_known(renewal.rows(at), renewal.family)
    return fresh.with_fresh(at, _told(rows, said))


def _told(files: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Return rows with what headers say of them."""
    joined = files.join(
        said.select(*SAME, *FROM_HEADERS),
        on=SAME,
        how="left",
        nulls_equal=True,
        suffix="_said",
        maintain_order="left",
    )
    # a header that could be read once, and not now, of a file that is the same: an error that passes
    failed = pl.col("header_problem_said").is_not_null() & pl.col("header_read").is_not_null()
    read = pl.col("header_read_said").is_not_null() & ~failed
    columns = [
        pl.when(read).then(pl.col(f"{name}_said")).otherwise(pl.col(name)).alias(name)
        for name in FROM_HEADERS
    ]
    columns[FROM_HEADERS.index("header_problem")] = (
        pl.when(pl.col("header_read_said").is_not_null())
        .then(pl.col("header_problem_said"))
        .otherwise(pl.col("header_problem"))
        .alias("header_problem")
    )
    filled = joined.with_columns(columns).with_columns(
        start=pl.col("start").fill_null(pl.col("start_in_file")),
        end=pl.col("end").fill_null(pl.col("end_in_file")),
    )
    return filled.select(files.columns)
