"""Ways to narrow a view that are no facet's values: periods, groups that have it all, lists of rows.

Each becomes a condition on rows of the `datasets` table, or a small table of which rows stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.asking import CALENDARS

if TYPE_CHECKING:
    from collections.abc import Collection

    from climeri_platform.catalog.asking import Item, Period

__all__ = [
    "ROW",
    "Narrowing",
    "climatology_expr",
    "covering",
    "follows_expr",
    "groups_with_all",
    "overlapping",
]

ROW = ("dataset", "version", "root")
"""What names a row of the `datasets` table."""
# the publishers of CMIP5 split one series between output1 and output2, by what was asked of them
_PRODUCT = pl.col("product").str.replace(r"^output\d*$", "output")
_NUMBER = "_number"
_DAYS = 100_000_000  # more than any YYYYMMDD


@dataclass(frozen=True, eq=False)
class Narrowing:
    """One way in which a view is narrowed.

    Attributes
    ----------
    said
        What was asked, for people.
    where
        A condition on rows of the `datasets` table.
    within, without
        The rows that agree with one of these stay, or go.
    files
        The only files that belong to the view: root and path.
    variables
        The only variables of streams that belong to it, as files call them; none: all.
    """

    said: str
    where: pl.Expr | None = None
    within: pl.DataFrame | None = None
    without: pl.DataFrame | None = None
    files: pl.DataFrame | None = None
    variables: tuple[str, ...] = ()

    def apply(self, datasets: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows of the `datasets` table that stay, in their order."""
        if self.where is not None:
            datasets = datasets.filter(self.where)
        for table, how in ((self.within, "semi"), (self.without, "anti")):
            if table is not None:
                datasets = datasets.join(
                    table.lazy(),
                    on=table.columns,
                    how=how,  # type: ignore[arg-type] # the two are among polars' words
                    nulls_equal=True,
                    maintain_order="left",
                )
        return datasets


def climatology_expr(columns: Collection[str]) -> pl.Expr:
    """Return whether a row is a climatology: its period is what it is the mean of, no time series.

    Parameters
    ----------
    columns
        Those of the table; what it has no column for cannot tell.
    """
    marks = {
        "time_range": pl.col("time_range").str.ends_with("-clim"),
        "frequency": pl.col("frequency").is_in(["monClim", "monC", "1hrCM"]),
        # libIGCM's seasonal files, whatever the number of years; the time label of CMIP7
        "product_frequency": pl.col("product_frequency").str.starts_with("SE"),
        "branding_suffix": pl.col("branding_suffix").str.starts_with("tclm"),
    }
    known = [mark.fill_null(value=False) for name, mark in marks.items() if name in columns]
    return pl.any_horizontal(pl.lit(value=False), *known)


def follows_expr(end: pl.Expr, start: pl.Expr) -> pl.Expr:
    """Return `core.timespan.follows` for columns: whether nothing is missing in between."""
    last, first = end // 10_000, start // 10_000
    month_end = last // 100 % 100 == 12
    next_month = pl.when(month_end).then((last // 10_000 + 1) * 10_000 + 101)
    next_month = next_month.otherwise(last // 100 * 100 + 101)  # type: ignore[assignment]
    return (first <= last + 1) | ((last % 100 >= 28) & (first <= next_month))


def overlapping(period: Period, datasets: pl.LazyFrame, files: pl.LazyFrame) -> Narrowing:
    """Return what keeps the datasets of which at least one file overlaps a period.

    Rows without a period are kept: fixed fields hold at any time.

    Parameters
    ----------
    period
        What was asked.
    datasets, files
        The rows so far, of both tables.
    """
    where = pl.col("start").is_null() | (
        (pl.col("start") <= period.end) & (pl.col("end") >= period.start)
    )
    # a dataset that is there before and after may still have a hole where it is asked for
    around = datasets.filter(
        (pl.col("start") < period.start) & (pl.col("end") > period.end)
    ).select(ROW)
    there = files.filter((pl.col("start") <= period.end) & (pl.col("end") >= period.start))
    without = around.join(there.select(ROW), on=ROW, how="anti", nulls_equal=True).collect()
    return Narrowing(f"period={period.text}", where, without=without if without.height else None)


def covering(
    period: Period,
    datasets: pl.LazyFrame,
    files: pl.LazyFrame,
    series: Collection[str] = (),
) -> Narrowing:
    """Return what keeps the datasets whose files hold the whole of a period, without a hole.

    Climatologies hold no period: theirs is what they are the mean of. Where CMIP5's ``output1`` and
    ``output2`` hold a period only together, each that has a part of it is kept.

    Parameters
    ----------
    period
        What was asked.
    datasets, files
        The rows so far, of both tables.
    series
        The facets that name a series whose parts are in several products of a root; none where
        each dataset is a series of its own.
    """
    of_series = ~climatology_expr(datasets.collect_schema().names())
    first, last = period.latest_start, period.least_end()
    if series:  # a part of it may do
        first, last = period.end, period.start
    # what no calendar says is the loosest: the files tell below
    where = pl.col("start").is_null() | (
        (pl.col("start") <= first) & (pl.col("end") >= last) & of_series
    )
    # a number in place of the words that name a row, by which files are sorted
    asked = datasets.filter(where & pl.col("start").is_not_null()).with_row_index(_NUMBER)
    rows = asked.select(_NUMBER, *dict.fromkeys([*ROW, *series])).collect()
    inside = (
        files.filter(~climatology_expr(files.collect_schema().names()))
        .filter((pl.col("start") <= period.end) & (pl.col("end") >= period.start))
        .join(rows.lazy().select(_NUMBER, *ROW), on=ROW, nulls_equal=True)
    )
    if "calendar" not in inside.collect_schema():
        inside = inside.with_columns(calendar=pl.lit(None, pl.String))
    times = inside.select(_NUMBER, "start", "end", "calendar").collect()
    good = _holding(period, times, _NUMBER)
    if series:
        good = good.append(_held_together(period, rows, times, good, [*series, "root"]))
    without = rows.filter(~pl.col(_NUMBER).is_in(good.implode())).select(ROW)
    return Narrowing(f"covers={period.text}", where, without=without if without.height else None)


def _held_together(
    period: Period, rows: pl.DataFrame, times: pl.DataFrame, good: pl.Series, key: list[str]
) -> pl.Series:
    """Return the rows that hold a period with others of their series, and none by itself."""
    parts = rows.filter(pl.col(_NUMBER).is_in(times[_NUMBER].unique().implode()))
    parts = parts.with_columns(_PRODUCT, _good=pl.col(_NUMBER).is_in(good.implode()))
    # where one product holds all of it, what others have besides is not wanted
    split = (pl.len() > 1) & ~pl.col("_good").any()
    names = parts.group_by(key).agg(split).filter("len").drop("len").with_row_index("_series")
    parts = parts.join(names, on=key, nulls_equal=True).select(_NUMBER, "_series")
    together = _holding(period, times.join(parts, on=_NUMBER), "_series")
    return parts.filter(pl.col("_series").is_in(together.implode()))[_NUMBER]


def _holding(period: Period, times: pl.DataFrame, key: str) -> pl.Series:
    """Return the keys of which the files within a period hold all of it, without a hole."""
    ends = {each: period.least_end(each) for each in CALENDARS}
    least = pl.col("calendar").replace_strict(
        ends, default=period.least_end(), return_dtype=pl.Int64
    )
    # days up to which the files before hold it; one running maximum for all keys, for speed
    first = pl.col(key).cast(pl.Int64) * _DAYS
    before = (first + pl.col("end") // 10_000).cum_max().shift(1) - first
    before = pl.when(before >= 0).then(before * 10_000)
    return (
        times.select(key, "start", "end", _reaches=pl.col("end") >= least)
        .sort(key, "start")
        .with_columns(_hole=~follows_expr(before, pl.col("start")))
        .group_by(key)
        .agg(pl.col("start").min(), pl.col("_reaches").any(), pl.col("_hole").any())
        .filter((pl.col("start") <= period.latest_start) & pl.col("_reaches") & ~pl.col("_hole"))
    )[key]


def groups_with_all(
    groups: list[str], asked: dict[str, list[tuple[Item, list[str]]]], datasets: pl.LazyFrame
) -> Narrowing:
    """Return what keeps the groups that have every combination of what was asked.

    Parameters
    ----------
    groups
        The facets that together make a group.
    asked
        Of every other facet, each item with the values that it stands for; a glob or a regular
        expression is met by any one of them.
    datasets
        The rows so far.
    """
    facets = [name for name in asked if name not in groups]
    rows = datasets.select(list(dict.fromkeys([*groups, *facets]))).unique()
    combinations = 1
    for facet in facets:
        pairs = [
            (number, value) for number, (_, values) in enumerate(asked[facet]) for value in values
        ]
        numbered = pl.LazyFrame(
            pairs, schema={f"#{facet}": pl.Int64, facet: pl.String}, orient="row"
        )
        rows = rows.join(numbered, on=facet)
        combinations *= len(asked[facet])
    has = rows.select(*groups, *[f"#{name}" for name in facets]).unique().group_by(groups).len()
    within = has.filter(pl.col("len") == combinations).select(groups).drop_nulls().collect()
    return Narrowing(f"all of it on {', '.join(groups)}", within=within)
