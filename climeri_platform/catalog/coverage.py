"""The availability matrix: which model has which variable of which experiment, and for when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.narrowing import ROW, follows_expr

if TYPE_CHECKING:
    from climeri_platform.catalog.search import CatalogView

__all__ = ["coverage_table"]

_YEAR = 100_000_000  # of YYYYMMDDhhmm


def coverage_table(view: CatalogView) -> pl.DataFrame:
    """Return one row for each model, experiment, table (or frequency) and variable of a view.

    Parameters
    ----------
    view
        What to look at; of several replicas of a dataset the one with the most files counts.

    Returns
    -------
    polars.DataFrame
        ``model``, ``experiment``, ``table``, ``variable``; ``members`` and ``whole`` (how many
        of them have no hole and as many years as the longest); ``first`` and ``last`` year;
        ``years`` that the longest member has data for (null for fixed fields; the years at the
        ends count whole); ``holes`` (the spans between files in which some member has nothing);
        ``files`` and ``size`` of all of it.
    """
    names = view.family.names
    table = names.get("table", "frequency")
    labels = {
        "model": names.get("model"),
        "experiment": names.get("experiment"),
        "table": table if table in view.family.facets else None,
        "variable": names.get("variable", view.family.variable),
        "member": names.get("member"),
    }
    files = view.files(
        *dict.fromkeys([*filter(None, labels.values()), *ROW, "start", "end", "size"])
    )
    per_member = _per_dataset(files, labels)
    groups = ["model", "experiment", "table", "variable"]
    longest = pl.col("years") == pl.col("years").max()
    return (
        per_member.group_by(groups)
        .agg(
            pl.col("member").n_unique().alias("members"),
            pl.col("member")
            .filter((longest | pl.col("years").is_null()) & (pl.col("holes") == ""))
            .n_unique()
            .alias("whole"),
            (pl.col("start").min() // _YEAR).alias("first"),
            (pl.col("end").max() // _YEAR).alias("last"),
            pl.col("years").max(),
            pl.col("holes").filter(pl.col("holes") != "").unique().sort().str.join("; "),
            pl.col("files").sum(),
            pl.col("size").sum(),
        )
        .sort(groups, nulls_last=True)
    )


def _per_dataset(files: pl.DataFrame, labels: dict[str, str | None]) -> pl.DataFrame:
    named = files.with_columns(
        [
            (pl.col(facet) if facet else pl.lit(None, dtype=pl.String)).alias(f"_{label}")
            for label, facet in labels.items()
        ]
    ).sort(*ROW, "start", nulls_last=True)
    before = pl.col("end").cum_max().shift(1).over(ROW)
    gap = ~follows_expr(before, pl.col("start"))
    first, last = pl.col("start") // _YEAR, pl.col("end") // _YEAR
    # years that a file adds to those before it
    new = last - pl.max_horizontal(first, (before // _YEAR + 1).fill_null(first)) + 1
    hole = pl.format("{}-{}", _month(before), _month(pl.col("start")))
    rows = (
        named.with_columns(
            _new=new.clip(lower_bound=0), _hole=pl.when(gap).then(hole).otherwise(None)
        )
        .group_by(ROW, maintain_order=True)
        .agg(
            *[pl.col(f"_{label}").first().alias(label) for label in labels],
            pl.col("start").min(),
            pl.col("end").max(),
            pl.when(pl.col("start").is_not_null().any())
            .then(pl.col("_new").sum())
            .otherwise(None)
            .alias("years"),
            pl.col("_hole").drop_nulls().str.join("; ").alias("holes"),
            pl.len().cast(pl.Int64).alias("files"),
            pl.col("size").sum(),
        )
    )
    # one replica of each: the most complete, the first by name where several are
    rows = rows.sort("files", "root", descending=[True, False])
    return rows.unique(["dataset", "version"], keep="first", maintain_order=True)


def _month(moment: pl.Expr) -> pl.Expr:
    return (moment // 1_000_000).cast(pl.String).str.zfill(6)
