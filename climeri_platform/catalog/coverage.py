"""The availability matrix: which model has which variable of which experiment, and for when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.members import member_of, variable_of
from climeri_platform.catalog.narrowing import ROW, climatology_expr, follows_expr

if TYPE_CHECKING:
    from climeri_platform.catalog.search import CatalogView

__all__ = ["coverage_table"]

_YEAR = 100_000_000  # of YYYYMMDDhhmm
_GROUPS = ["model", "experiment", "table", "variable", "climatology"]
_CLIMATOLOGY = ("time_range", "frequency", "product_frequency", "branding_suffix")


def coverage_table(view: CatalogView) -> pl.DataFrame:
    """Return one row for each model, experiment, table (or frequency) and variable of a view.

    Parameters
    ----------
    view
        What to look at; of several replicas of a dataset the one with the most files counts.

    Returns
    -------
    polars.DataFrame
        ``model``, ``experiment``, ``table``, ``variable``; ``climatology``, true for means over
        years, which have rows of their own; ``members`` (of native runs, simulations) and
        ``whole`` (how many of them have no hole and as many years as the longest); ``first`` and
        ``last`` year; ``years`` that the longest member has data for, in whichever of its
        datasets (null for fixed fields and climatologies; the years at the ends count whole);
        ``holes`` (the spans between files in which some member has nothing); ``files`` and
        ``size`` of all of it.
    """
    per_member = _per_member(_files(view))
    longest = pl.col("years") == pl.col("years").max()
    return (
        per_member.group_by(_GROUPS)
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
        .sort(_GROUPS, nulls_last=True)
    )


def _files(view: CatalogView) -> pl.DataFrame:
    """Return the files of one replica of each dataset, with what they are called in a matrix."""
    names, facets = view.family.names, view.family.facets
    nothing = pl.lit(None, dtype=pl.String)
    member = member_of(view) if "member" in names else nothing
    # beside a table of CMIP there may be rows that have a frequency only
    tables = [each for each in (names.get("table"), "frequency") if each in facets]
    variable = variable_of(view) if "variable" in names else view.family.variable
    labels = {
        "model": pl.col(names["model"]) if "model" in names else nothing,
        "experiment": pl.col(names["experiment"]) if "experiment" in names else nothing,
        "table": pl.coalesce(tables) if tables else nothing,
        "variable": pl.col(variable),
        "member": member,
        "grid": pl.col("grid_label") if "grid_label" in facets else nothing,
    }
    marks = [each for each in _CLIMATOLOGY if each in facets or each == "time_range"]
    columns = {name for each in labels.values() for name in each.meta.root_names()}
    files = view.files(*dict.fromkeys([*columns, *marks, *ROW, "start", "end", "size"]))
    if variable in view.asked:  # all that a stream holds would be hundreds of rows for each file
        files = _with_variables(view, files, variable)
    files = files.select(
        *[each.alias(f"_{label}") for label, each in labels.items()],
        climatology_expr(marks).alias("_climatology"),
        *[*ROW, "start", "end", "size"],
    )
    # one replica of each: the most complete, the first by name where several are
    counts = files.group_by(ROW).len().sort("len", "root", descending=[True, False])
    chosen = counts.unique(["dataset", "version"], keep="first", maintain_order=True)
    files = files.join(chosen.select(ROW), on=ROW, how="semi", nulls_equal=True)
    return files.drop("dataset", "version", "root").rename(lambda each: each.removeprefix("_"))


def _with_variables(view: CatalogView, files: pl.DataFrame, variable: str) -> pl.DataFrame:
    """Return the files with one row for each variable of a stream that was asked for."""
    if view.contents is None or variable not in view.contents.facets:
        return files
    marks = view.select(*ROW, "contents").lazy()
    rows = files.lazy().join(marks, on=ROW, how="left", nulls_equal=True, maintain_order="left")
    return view.spread(rows, variable).select(files.columns).collect()


def _per_member(files: pl.DataFrame) -> pl.DataFrame:
    # a member may be in several datasets (output1 and output2 of CMIP5): what one lacks another has
    member = [*_GROUPS, "member", "grid"]
    files = files.sort(*member, "start", nulls_last=True)
    before = pl.col("end").cum_max().shift(1).over(member)
    series = ~pl.col("climatology")
    gap = ~follows_expr(before, pl.col("start")) & series
    first, last = pl.col("start") // _YEAR, pl.col("end") // _YEAR
    # years that a file adds to those before it
    new = last - pl.max_horizontal(first, (before // _YEAR + 1).fill_null(first)) + 1
    hole = pl.format("{}-{}", _month(before), _month(pl.col("start")))
    return (
        files.with_columns(
            _new=new.clip(lower_bound=0), _hole=pl.when(gap).then(hole).otherwise(None)
        )
        .group_by(member, maintain_order=True)
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            pl.when((pl.col("start").is_not_null() & series).any())
            .then(pl.col("_new").sum())
            .otherwise(None)
            .alias("years"),
            pl.col("_hole").drop_nulls().str.join("; ").alias("holes"),
            pl.len().cast(pl.Int64).alias("files"),
            pl.col("size").sum(),
        )
    )


def _month(moment: pl.Expr) -> pl.Expr:
    return (moment // 1_000_000).cast(pl.String).str.zfill(6)
