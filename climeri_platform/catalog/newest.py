"""The newest version of a dataset over several stores, which each know only the newest of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.catalog.tables import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = ["newest_of_all"]


def newest_of_all(views: Sequence[CatalogView]) -> list[CatalogView]:
    """Return views of one family, each without the versions that another store has newer ones of.

    As in one store, the newest counts whatever else was asked: a period that only an older version
    holds does not bring that one back. Views that were asked for versions stay as they are.

    Parameters
    ----------
    views
        Of one family in several stores, the largest first: of that, only what others have is read.
    """
    found = list(views)
    choosing = [n for n, view in enumerate(found) if "version" not in view.asked]
    if len(choosing) < 2:
        return found
    first, *others = (found[n] for n in choosing)
    tables = [_versions(each) for each in others]
    datasets = pl.concat(tables)["dataset"].unique()
    if not len(datasets):
        return found
    tables.append(_versions(first, datasets))
    newest = pl.col("number").max().over("dataset")
    older = pl.concat(tables).filter(pl.col("number") < newest).select("dataset", "version")
    if older.height:
        once = Narrowing("that no other store has newer", without=older.unique())
        for n in choosing:
            found[n] = found[n].narrow(once)
    return found


def _versions(view: CatalogView, datasets: pl.Series | None = None) -> pl.DataFrame:
    """Return the newest versions of a view's datasets and their rank, whatever its periods."""
    whole = replace(view, also=())
    rows = whole.rows
    if datasets is not None:
        rows = rows.filter(pl.col("dataset").is_in(datasets.implode()))
    if "retracted" not in rows.collect_schema():  # stores of older releases
        rows = rows.with_columns(retracted=pl.lit(None, pl.Boolean))
    rows = rows.select("dataset", "version", standing().alias("number")).unique()
    return view.snapshot.collect(rows, view.family.family, "datasets")
