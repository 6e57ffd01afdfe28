"""The export: the same catalog for intake-esm, unmodified.

Each family becomes ``NAME.json`` over Parquet for intake-esm 2025.12 and newer, and
``NAME-csv.json`` over csv.gz for older ones. Paths are absolute and columns are plain strings:
categorical columns break intake-esm's keys. The version is one of the grouping facets, so that
intake-esm never mixes two; of several replicas only the one is in it that the site reads.
``master_latest.yml`` lists them all.
"""

from __future__ import annotations

import gzip
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from climeri_platform.catalog.pieces import whole_datasets, write_pieces
from climeri_platform.catalog.replicas import one_replica

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.replicas import Replica

__all__ = ["MASTER", "export_description", "export_frame", "export_master", "export_tables"]

MASTER = "master_latest.yml"  # as ESPRI calls the list of its catalogs


_ROWS = 20_000  # whose text is in memory at the same time


def _columns(family: Family) -> list[str]:
    return [*family.facets, "latest", "time_range", "start", "end", "format", "path"]


def export_frame(
    files: pl.DataFrame, family: Family, replicas: Mapping[str, Replica]
) -> pl.DataFrame:
    """Return rows of a family's `files` table as intake-esm wants them: plain strings, whole paths.

    Only the replica of each dataset that the site reads, and nothing that is not there.

    Parameters
    ----------
    files
        The rows.
    family
        Its rules.
    replicas
        The roots as the site has them, from `mounts_for`.
    """
    mounts = {root: each.mount for root, each in replicas.items() if each.mount is not None}
    here = files.filter(pl.col("root").is_in(list(mounts)))
    mount = pl.col("root").replace_strict(mounts, return_dtype=pl.String)
    table = (
        one_replica(here, replicas)
        .with_columns(
            path=mount + "/" + pl.col("path"),
            latest=pl.col("latest").cast(pl.String),
            start=pl.col("start").cast(pl.String),
            end=pl.col("end").cast(pl.String),
            # intake-esm's words; rows of older stores were all NetCDF
            format=pl.col("format").fill_null("netcdf").replace("kerchunk", "reference"),
        )
        .select(_columns(family))
    )
    # intake-esm drops, or refuses, groups with nulls in a grouping column
    return table.with_columns(pl.col(name).fill_null("") for name in family.facets)


def export_tables(
    files: pl.LazyFrame, family: Family, replicas: Mapping[str, Replica], folder: Path
) -> None:
    """Write a family's rows as Parquet and as csv.gz.

    Parameters
    ----------
    files
        The family's `files` table.
    family
        Its rules.
    replicas
        The roots as the site has them, from `mounts_for`.
    folder
        Where to write ``<family>.parquet`` and ``<family>.csv.gz``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys([*_columns(family), "dataset", "version", "root"]))
    table = files.select(columns)
    schema = export_frame(table.head(0).collect(), family, replicas).schema
    with (
        (folder / f"{family.family}.csv.gz").open("wb") as to,
        gzip.GzipFile("", "wb", 3, to, mtime=0) as text,
    ):
        text.write(pl.DataFrame(schema=schema).write_csv().encode())

        def exported() -> Iterator[pl.DataFrame]:
            for piece in whole_datasets(table):
                rows = export_frame(piece, family, replicas)
                for part in rows.iter_slices(_ROWS):
                    lines = BytesIO()
                    part.write_csv(lines, include_header=False)
                    text.write(lines.getbuffer())
                yield rows

        write_pieces(exported(), schema, folder / f"{family.family}.parquet")


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
    # carried over from an older release
    if table.exists() and "format" not in pl.read_parquet_schema(table):
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


def export_master(described: Iterable[Mapping[str, Any]], snapshot: Snapshot, site: str) -> str:
    """Return the intake catalog that lists the exports of a site, as YAML.

    Its entries are relative to itself, so that a store may be moved.

    Parameters
    ----------
    described
        The JSON descriptions that stand beside it.
    snapshot
        The snapshot that they describe.
    site
        The site whose paths they hold.

    Returns
    -------
    str
        The content of ``master_latest.yml``.
    """
    sources = {
        each["id"]: {
            "description": f"{each['title']} ({'csv' if each['id'].endswith('-csv') else 'Parquet'})",
            "driver": "intake_esm.core.esm_datastore",
            "args": {"obj": f"{{{{ CATALOG_DIR }}}}/{each['id']}.json", "sep": "."},
            "metadata": {"snapshot": snapshot.name, "site": site},
        }
        for each in described
    }
    metadata = {
        "version": 1,
        "description": f"All catalogs at {site}; snapshot {snapshot.name}",
        "parameters": {},
    }
    content = {"metadata": metadata, "sources": sources}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
