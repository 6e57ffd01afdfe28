"""The tables of a catalog: their columns and types, and how one follows from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from climeri_platform.catalog.vocabulary import in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.catalog.family import Family

__all__ = [
    "FROM_HEADERS",
    "REJECTED",
    "ROW_COLUMNS",
    "UNREADABLE",
    "aligned",
    "datasets_of",
    "facet_order",
    "files_schema",
    "in_member_order",
    "mark_latest",
    "sort_files",
    "standing",
    "version_number",
    "with_shared_columns",
]

_Frame = TypeVar("_Frame", pl.DataFrame, pl.LazyFrame)
_RETRACTED = 10**18  # more than any version's number

UNREADABLE = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What reading a damaged table raises. Where a file is cut short polars panics, and that is no `Exception`."""
REJECTED: dict[str, Any] = {
    "root": pl.String,
    "path": pl.String,
    "size": pl.Int64,
    "code": pl.String,
    "reason": pl.String,
}

ROW_COLUMNS: dict[str, Any] = {
    "dataset": pl.String,
    "latest": pl.Boolean,
    "time_range": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "calendar": pl.String,
    "root": pl.String,
    "path": pl.String,
    "size": pl.Int64,
    "mtime": pl.Int64,
    "format": pl.String,
    "ctime": pl.Int64,
    "inode": pl.UInt64,
    "online": pl.Boolean,
    "retracted": pl.Boolean,
    "unix_group": pl.String,
    "public": pl.Boolean,
    "stale": pl.String,
    "units": pl.String,
    "horizontal_grid": pl.String,
    "steps": pl.Int64,
    "start_in_file": pl.Int64,
    "end_in_file": pl.Int64,
    "tracking_id": pl.String,
    "chunks": pl.String,
    "variable_in_file": pl.String,
    "contents": pl.String,
    "contradiction": pl.String,
    "header_problem": pl.String,
    "header_read": pl.String,
}
"""The columns that every family's `files` have, beside its facets: no facet may take their names."""
FROM_HEADERS = ["calendar", *list(ROW_COLUMNS)[list(ROW_COLUMNS).index("units") :]]
"""Those that only the files themselves say."""


def files_schema(family: Family) -> dict[str, Any]:
    """Return the columns of a family's `files` table, in order.

    ``start`` and ``end`` are YYYYMMDDhhmm in the file's own ``calendar``, null where nothing says
    it; ``mtime`` and ``ctime`` are in nanoseconds since 1970; ``path`` is relative to the root;
    ``format`` is netcdf, zarr or kerchunk, and ``size`` is null for a store that is a directory.
    ``online`` is false for what is on tape only, ``public`` whether everybody may read it, and
    ``unix_group`` who else may; null is unknown, as it is for ``retracted``. ``stale`` is the date
    since when nobody could see the file; null while it is seen.

    What headers say is null until they are read, on the date ``header_read``: ``calendar``,
    ``units`` of the variable, the ``horizontal_grid``, the number of time ``steps``,
    ``start_in_file`` and ``end_in_file``, ``tracking_id``, ``chunks`` of the variable,
    ``variable_in_file``, the ``contents`` of a file of many variables (a mark: `catalog.contents`),
    the ``contradiction`` with the name, and the ``header_problem``.
    """
    return {
        **dict.fromkeys(family.facets, pl.String),
        **ROW_COLUMNS,
    }


def aligned(files: _Frame, schema: Mapping[str, Any]) -> _Frame:
    """Return rows that other rules wrote with the columns of these; what they lack is null."""
    there = set(files.collect_schema())
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in there]
    return files.with_columns(missing).select(list(schema))


def with_shared_columns(rows: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return rows with the columns that all families have in common, whatever its own are called.

    Where the family has no such facet the column is null; a facet of that very name stays.
    """
    return rows.with_columns(
        (pl.lit(None, pl.String) if facet is None else pl.col(facet)).alias(name)
        for name, facet in family.shared.items()
        if name != facet
    )


def version_number(version: str = "version") -> pl.Expr:
    """Return the expression that orders versions: v2 < v10 < v20190101.

    A plain directory ``latest`` says nothing of its age and gives way to any dated version.
    """
    text = pl.col(version)
    whole = text.str.extract(r"(\d+)").cast(pl.Int64, strict=False)
    part = text.str.extract(r"\d+\.(\d{1,3})").cast(pl.Int64, strict=False).fill_null(0)
    return (whole * 1000 + part).fill_null(-1)  # v23.0e < v23.1e


def standing() -> pl.Expr:
    """Return the expression that ranks the versions of a dataset: retracted ones below all others."""
    return version_number() - pl.when(pl.col("retracted")).then(_RETRACTED).otherwise(0)


def mark_latest(files: pl.DataFrame) -> pl.DataFrame:
    """Return the files with ``latest`` true for the newest version of each dataset.

    A retracted version is the newest only of datasets that have no other.
    """
    number = standing()
    return files.with_columns(latest=number == number.max().over("dataset"))


def in_member_order(rows: pl.DataFrame, member: str) -> pl.Expr:
    """Return the expression that orders members by their numbers: r2 before r10."""
    members = sorted(rows[member].drop_nulls().unique(), key=in_order)
    ranks = {each: rank for rank, each in enumerate(members)}
    return pl.col(member).replace_strict(ranks, default=None, return_dtype=pl.Int64)


def sort_files(files: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return the files in the order in which searches skip most: by the facets, then in time.

    Members and versions are in the order of their numbers.
    """
    facets = facet_order(files, family, family.dataset)
    by = [*facets, version_number(), "version", "root", "start", "path"]
    return files.sort(by, nulls_last=True)


def facet_order(rows: pl.DataFrame, family: Family, facets: Sequence[str]) -> list[pl.Expr]:
    """Return what orders rows by some facets: members by their numbers, all others as text."""
    members = {family.shared["member"], family.behind_cards["member"]}
    return [in_member_order(rows, each) if each in members else pl.col(each) for each in facets]


def datasets_of(files: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return one row for each version of each dataset at each root.

    Columns are the facets, ``dataset``, ``latest``, ``root``, and over its files: how many,
    ``size`` in bytes (null if none is known), first ``start`` and last ``end``, whether it is
    ``retracted`` or wholly ``online`` (null where nobody knows), and since when it is ``stale``.
    Where files hold many variables: the ``contents`` of the newest that was read.
    """
    held = [pl.col("contents").drop_nulls().last()] if family.contents else []
    return (
        files.group_by("dataset", "version", "root", maintain_order=True)
        .agg(
            *[pl.col(name).first() for name in family.facets if name != "version"],
            pl.col("latest").first(),
            pl.col("format").first(),
            pl.len().cast(pl.Int64).alias("files"),
            pl.when(pl.col("size").is_not_null().any()).then(pl.col("size").sum()).alias("size"),
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("retracted").any(ignore_nulls=False),
            pl.col("online").all(ignore_nulls=False),
            pl.col("stale").min(),
            *held,
        )
        .select(
            *family.facets,
            *("dataset", "latest", "format", "root", "files", "size", "start", "end"),
            *("retracted", "online", "stale"),
            *(["contents"] if held else []),
        )
    )
