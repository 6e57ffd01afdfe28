"""The export: the same catalog for intake-esm, unmodified.

Each family becomes ``NAME.json`` over Parquet for intake-esm 2025.12 and newer, and
``NAME-csv.json`` over csv.gz for older ones. Paths are absolute and columns are plain strings:
categorical columns break intake-esm's keys. The version is one of the grouping facets, so that
intake-esm never mixes two.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot

__all__ = ["export_description", "export_frame", "export_tables"]


def _columns(family: Family) -> list[str]:
    return [*family.facets, "latest", "time_range", "start", "end", "format", "path"]


def export_frame(files: pl.DataFrame, family: Family, mounts: dict[str, str]) -> pl.DataFrame:
    """Return rows of a family's `files` table as intake-esm wants them: plain strings, whole paths.

    Parameters
    ----------
    files
        The rows.
    family
        Its rules.
    mounts
        Root id to the absolute path of its mount.
    """
    mount = pl.col("root").replace_strict(mounts, return_dtype=pl.String)
    table = files.with_columns(
        path=mount + "/" + pl.col("path"),
        latest=pl.col("latest").cast(pl.String),
        start=pl.col("start").cast(pl.String),
        end=pl.col("end").cast(pl.String),
        # intake-esm's words; rows of older stores were all NetCDF
        format=pl.col("format").fill_null("netcdf").replace("kerchunk", "reference"),
    ).select(_columns(family))
    # intake-esm drops, or refuses, groups with nulls in a grouping column
    return table.with_columns(pl.col(name).fill_null("") for name in family.facets)


def export_tables(
    files: pl.DataFrame, family: Family, mounts: dict[str, str], folder: Path
) -> None:
    """Write a family's rows as Parquet and as csv.gz.

    Parameters
    ----------
    files
        The family's `files` table.
    family
        Its rules.
    mounts
        Root id to the absolute path of its mount.
    folder
        Where to write ``<family>.parquet`` and ``<family>.csv.gz``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = export_frame(files, family, mounts)
    table.write_parquet(folder / f"{family.family}.parquet", compression="zstd")
    text = table.write_csv().encode()
    (folder / f"{family.family}.csv.gz").write_bytes(gzip.compress(text, 3, mtime=0))


def export_description(snapshot: Snapshot, name: str, site: str) -> dict[str, dict[str, Any]]:
    """Return the JSON descriptions of a family's export, by file name.

    Parameters
    ----------
    snapshot
        The snapshot whose tables they name.
    name
        The family.
    site
        The site whose paths they hold.

    Returns
    -------
    dict
        ``NAME.json`` and ``NAME-csv.json`` to their contents.
    """
    family = snapshot.rules(name)
    grouping = [
        facet
        for facet in [*family.dataset, "version"]
        if facet != family.variable or family.variable in family.optional
    ]
    assets = {"column_name": "path", "format_column_name": "format"}
    table = snapshot.folder / "export" / site / f"{name}.parquet"
    if "format" not in pl.read_parquet_schema(table):  # carried over from an older release
        assets = {"column_name": "path", "format": "netcdf"}
    common: dict[str, Any] = {
        "esmcat_version": "0.1.0",
        "title": f"{family.title} at {site}",
        "description": f"{family.title}; snapshot {snapshot.name}, site {site}",
        "last_updated": snapshot.card.created,
        "attributes": [{"column_name": facet, "vocabulary": ""} for facet in family.facets],
        "assets": assets,
        "aggregation_control": {
            "variable_column_name": family.variable,
            "groupby_attrs": grouping,
            "aggregations": [
                {"type": "union", "attribute_name": family.variable},
                {
                    "type": "join_existing",
                    "attribute_name": "time_range",
                    "options": {"dim": "time", "coords": "minimal", "compat": "override"},
                },
            ],
        },
    }
    # relative to export/<site>/, so that a store may be moved
    tables = f"../../snapshots/{snapshot.name}/export/{site}/{name}"
    return {
        f"{name}.json": {**common, "id": name, "catalog_file": f"{tables}.parquet"},
        f"{name}-csv.json": {**common, "id": f"{name}-csv", "catalog_file": f"{tables}.csv.gz"},
    }
