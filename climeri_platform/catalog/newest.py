"""The newest version of a dataset over several stores, which each know only the newest of their own.

Nor does each know what was retracted: lists are read where a catalog is built. What one store knows
counts in all that are asked together (`retracted_in_any`), before anything is searched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.catalog.tables import mark_latest, standing
from climeri_platform.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = ["newest_of_all", "overlaid", "retracted_in_any"]

_KEY = ["dataset", "version"]


def retracted_in_any(views: Sequence[CatalogView]) -> list[CatalogView]:
    """Return views of one family, each with what any of their stores knows to be retracted.

    Such a version is retracted in all of them, and gives way to any other of its dataset.

    Parameters
    ----------
    views
        Of whole catalogs, in several stores. One that cannot be read tells nothing and is as it was.
    """
    if len(views) < 2:
        return list(views)
    known = [_retracted(each) for each in views]
    every = pl.concat(known).unique()
    if not every.height:
        return list(views)
    return [
        _told(view, every.join(own, on=_KEY, how="anti", nulls_equal=True))
        for view, own in zip(views, known, strict=True)
    ]


def _retracted(view: CatalogView) -> pl.DataFrame:
    rows = view.snapshot.scan(view.family.family, "datasets")
    nothing = pl.DataFrame(schema=dict.fromkeys(_KEY, pl.String))
    if "retracted" not in rows.collect_schema():  # stores of older releases
        return nothing
    try:
        found = rows.filter("retracted").select(_KEY).unique()
        return view.snapshot.collect(found, view.family.family, "datasets")
    except StoreError:  # told when it is asked for its datasets
        return nothing


def _told(view: CatalogView, news: pl.DataFrame) -> CatalogView:
    if not news.height:
        return view
    rows = view.snapshot.scan(view.family.family, "datasets")
    if "retracted" not in rows.collect_schema():
        rows = rows.with_columns(retracted=pl.lit(None, pl.Boolean))
    rows = rows.filter(pl.col("dataset").is_in(news["dataset"].unique().implode()))
    try:
        own = view.snapshot.collect(
            rows.select(*_KEY, "retracted").unique(_KEY), view.family.family, "datasets"
        )
    except StoreError:
        return view
    news = news.with_columns(_news=pl.lit(value=True))
    found = own.join(news, on=_KEY, how="left", nulls_equal=True).filter(
        pl.col("_news").any().over("dataset")
    )
    if not found.height:
        return view
    found = found.with_columns(retracted=pl.coalesce("_news", "retracted"))
    return replace(view, elsewhere=mark_latest(found).select(*_KEY, "latest", "retracted"))


def overlaid(rows: pl.LazyFrame, elsewhere: pl.DataFrame) -> pl.LazyFrame:
    """Return rows with what other stores know of their versions: ``latest`` and ``retracted``."""
    if "retracted" not in rows.collect_schema():
        rows = rows.with_columns(retracted=pl.lit(None, pl.Boolean))
    news = {name: f"{name}_elsewhere" for name in ("latest", "retracted")}
    rows = rows.join(
        elsewhere.lazy().rename(news), on=_KEY, how="left", nulls_equal=True, maintain_order="left"
    )
    return rows.with_columns(
        pl.coalesce(there, here).alias(here) for here, there in news.items()
    ).drop(news.values())


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
