"""The tables of a catalog: their columns and types, and how one follows from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from climeri_platform.catalog.family import Family

__all__ = [
    "REJECTED",
    "datasets_of",
    "files_schema",
    "mark_latest",
    "sort_files",
    "version_number",
]

REJECTED: dict[str, Any] = {
    "root": pl.String,
    "path": pl.String,
    "size": pl.Int64,
    "code": pl.String,
    "reason": pl.String,
}


def files_schema(family: Family) -> dict[str, Any]:
    """Return the columns of a family's `files` table, in order.

    ``start`` and ``end`` are YYYYMMDDhhmm in the file's own ``calendar``, null where nothing says
    it; ``mtime`` is in nanoseconds since 1970; ``path`` is relative to the root.
    """
    return {
        **dict.fromkeys(family.facets, pl.String),
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
    }


def version_number(version: str = "version") -> pl.Expr:
    """Return the expression that orders versions: v2 < v10 < v20190101.

    A plain directory ``latest`` says nothing of its age and gives way to any dated version.
    """
    return pl.col(version).str.extract(r"(\d+)").cast(pl.Int64, strict=False).fill_null(-1)


def mark_latest(files: pl.DataFrame) -> pl.DataFrame:
    """Return the files with ``latest`` true for the newest version of each dataset."""
    number = version_number()
    return files.with_columns(latest=number == number.max().over("dataset"))


def sort_files(files: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return the files in the order in which searches skip most: by the facets, then in time."""
    return files.sort([*family.dataset, "version", "root", "start", "path"], nulls_last=True)


def datasets_of(files: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return one row for each version of each dataset at each root.

    Columns are the facets, ``dataset``, ``latest``, ``root``, and over its files: how many,
    ``size`` in bytes, first ``start`` and last ``end``.
    """
    return (
        files.group_by("dataset", "version", "root", maintain_order=True)
        .agg(
            *[pl.col(name).first() for name in family.facets if name != "version"],
            pl.col("latest").first(),
            pl.len().cast(pl.Int64).alias("files"),
            pl.col("size").sum(),
            pl.col("start").min(),
            pl.col("end").max(),
        )
        .select(*family.facets, "dataset", "latest", "root", "files", "size", "start", "end")
    )
