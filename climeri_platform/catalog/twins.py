"""Files that are met twice: links of every kind, and what publishing tools keep beside the versions.

A file that two versions share belongs to both. A file that one version holds under two paths is
one row.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.parsing import aside
from climeri_platform.catalog.tables import version_number

if TYPE_CHECKING:
    from climeri_platform.catalog.walk import Skipped

__all__ = ["latest_that_disagree", "version_places", "without_twins"]

_SAME = ["device", "inode"]
_DEEP = 3  # levels between a version and its files, at most


def without_twins(rows: pl.DataFrame, skipped: Skipped) -> pl.DataFrame:
    """Return the rows with each file once in each version.

    Of paths to the same file, the one in the directory of a version stays, not the one beside it.

    Parameters
    ----------
    rows
        With ``dataset``, ``version``, ``path``, ``size``, ``device`` and ``inode``.
    skipped
        Is told what was left out, and how many bytes the rows count more than once.
    """
    rows = rows.with_columns(aside=aside(), at=pl.int_range(pl.len(), dtype=pl.UInt32))
    one = rows.filter(pl.col("inode").is_not_null())
    one = one.filter(pl.struct(_SAME).is_duplicated()) if _repeats(one) else one.clear()
    pairs = [_pairs(one, one, [*_SAME, "dataset", "version"])]
    beside, inside = rows.filter("aside"), rows.filter(~pl.col("aside"))
    if beside.height:
        of = ["dataset", "version", "name"]
        name = pl.col("path").str.extract(r"([^/]*)$").alias("name")
        pairs.append(
            _pairs(beside, inside.filter(pl.col("inode").is_not_null()), [*_SAME, "dataset"])
        )
        pairs.append(_pairs(beside.with_columns(name), inside.with_columns(name), of))
    twins = pl.concat(pairs).unique("at", keep="first", maintain_order=True).sort("other")
    if twins.height:
        skipped.repeated += list(twins.select("stays", "other").iter_rows())
        rows = rows.filter(~pl.col("at").is_in(twins["at"].implode()))
        one = one.filter(~pl.col("at").is_in(twins["at"].implode()))
    skipped.shared += int(one["size"].sum() - one.unique(_SAME)["size"].sum())
    return rows.drop("aside", "at")


def _repeats(rows: pl.DataFrame) -> bool:
    return rows["inode"].n_unique() < rows.height


def _pairs(rows: pl.DataFrame, among: pl.DataFrame, same: list[str]) -> pl.DataFrame:
    """Return, of rows that have the same, the one that stays, and each other."""
    best = among.sort("aside", "path").group_by(same, maintain_order=True).first()
    found = rows.join(
        best.select(*same, stays="path"), on=same, how="inner", nulls_equal=True
    ).filter(pl.col("path") != pl.col("stays"))
    return found.select("at", "stays", other="path")


def version_places(files: pl.DataFrame) -> pl.DataFrame:
    """Return the ``folder`` and the ``version`` of files, each pair once."""
    folder = pl.col("path").str.extract(r"^(.*)/[^/]*$")
    return files.select(folder.alias("folder"), "version").unique().drop_nulls()


def latest_that_disagree(places: pl.DataFrame, latest: list[tuple[str, str]]) -> list[str]:
    """Return where a link ``latest`` leads to another version than the newest that is there.

    Parameters
    ----------
    places
        `version_places` of all files of one root.
    latest
        Links and their targets.
    """
    if not latest or not places.height:
        return []
    parts = [places.with_columns(above=pl.col("folder"))]
    for _ in range(_DEEP):
        parts.append(
            parts[-1].with_columns(pl.col("above").str.extract(r"^(?:(.*)/)?[^/]+$").fill_null(""))
        )
    links = pl.DataFrame(
        [(posixpath.dirname(path), path, target) for path, target in latest],
        schema=["above", "path", "target"],
        orient="row",
    )
    told = (
        # a version is a level of the path below the link's own folder
        pl.concat(parts[1:])
        .join(links, on="above")
        .filter(
            pl.col("folder")
            .str.slice(pl.col("above").str.len_chars())
            .str.strip_chars_start("/")
            .str.extract(r"^([^/]+)")
            == pl.col("version")
        )
        .sort(version_number(), "version")
        .group_by("path", "target")
        .agg(pl.col("version").last())
        .filter(
            pl.col("target").str.strip_chars_end("/").str.extract(r"([^/]+)$") != pl.col("version")
        )
        .sort("path")
    )
    return [
        f"{path} leads to {target}, the newest version there is {version}"
        for path, target, version in told.iter_rows()
    ]
