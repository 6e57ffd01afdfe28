"""Values of facets and their counts, without holding a table in memory.

A snapshot never changes, so what was read once is kept for the life of the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.vocabulary import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.layout import Snapshot

__all__ = ["FACETS_TABLE", "count_facets", "facet_table", "facet_values", "missing_values"]

FACETS_TABLE = "facets.parquet"
"""What a publish puts beside the other tables (`facet_table`); without it they are counted."""
_FEW = 1_000_000  # rows whose facets fit in memory at once, some 100 MB
_KEPT: dict[tuple[str, str, str], list[str]] = {}
_COUNTED: dict[tuple[str, str], dict[str, dict[str, int]]] = {}


def _place(snapshot: Snapshot, family: str) -> tuple[str, str]:
    return str(snapshot.folder), family


def facet_values(snapshot: Snapshot, family: str, facet: str) -> list[str]:
    """Return every value that a facet has in a catalog, all versions included, sorted."""
    place = (*_place(snapshot, family), facet)
    if place not in _KEPT:
        column = snapshot.scan(family, "datasets").select(facet).unique()
        found = snapshot.collect(column, family, "datasets")[facet].drop_nulls()
        _KEPT[place] = sorted(found, key=in_order)
    return _KEPT[place]


def missing_values(snapshot: Snapshot, family: str, facet: str, values: Sequence[str]) -> list[str]:
    """Return those of the values that no row of a catalog has; reads one column."""
    if (known := _KEPT.get((*_place(snapshot, family), facet))) is not None:
        return [each for each in values if each not in known]
    column = snapshot.scan(family, "datasets").select(facet)
    asked = column.filter(pl.col(facet).is_in(list(values))).unique()
    found = set(snapshot.collect(asked, family, "datasets")[facet])
    return [each for each in values if each not in found]


def facet_table(datasets: pl.LazyFrame, facets: Sequence[str]) -> pl.DataFrame:
    """Return facet, value and number of datasets, for the newest version of each dataset.

    Parameters
    ----------
    datasets
        The `datasets` table; replicas of a dataset follow one another in it.
    facets
        The family's.
    """
    counts = _count_each(_once(datasets.filter("latest")), facets)
    return pl.DataFrame(
        [
            (facet, value, count)
            for facet, values in counts.items()
            for value, count in values.items()
        ],
        schema={"facet": pl.String, "value": pl.String, "datasets": pl.Int64},
        orient="row",
    )


def _once(datasets: pl.LazyFrame) -> pl.LazyFrame:
    # replicas stand together: the table is sorted by facets and version before the root
    return datasets.filter(
        pl.col("dataset").ne_missing(pl.col("dataset").shift(1))
        | pl.col("version").ne_missing(pl.col("version").shift(1))
    )


def _counts(column: pl.Series) -> dict[str, int]:
    return _in_order(column.drop_nulls().value_counts().rows())


def _in_order(counts: list[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda each: in_order(each[0])))


def _count_each(datasets: pl.LazyFrame, facets: Sequence[str]) -> dict[str, dict[str, int]]:
    # one column after the other: together they would fill the memory
    counts = {}
    for facet in facets:
        rows = datasets.group_by(facet).len().drop_nulls().collect()
        if rows.height:
            counts[facet] = _in_order(rows.rows())
    return counts


def _written(snapshot: Snapshot, family: str) -> dict[str, dict[str, int]]:
    try:
        rows = pl.read_parquet(snapshot.folder / family / FACETS_TABLE)
        counts: dict[str, dict[str, int]] = {}
        for facet, value, count in rows.iter_rows():
            counts.setdefault(facet, {})[value] = count
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return {}  # older stores have none; it holds nothing that the datasets do not
    return counts


def count_facets(
    snapshot: Snapshot,
    family: str,
    datasets: pl.LazyFrame,
    facets: Sequence[str],
    *,
    narrowed: bool,
) -> dict[str, dict[str, int]]:
    """Return each facet's values and how many datasets have them.

    Parameters
    ----------
    snapshot, family
        The catalog.
    datasets
        The chosen rows of its `datasets` table, in its order.
    facets
        Which to count.
    narrowed
        False if the rows are the newest version of every dataset: these counts are kept.
    """
    place = _place(snapshot, family)
    if not narrowed and place in _COUNTED:
        return _COUNTED[place]
    if not narrowed and (written := _written(snapshot, family)):
        _COUNTED[place] = written
        return written
    replicas = sum(root.family == family for root in snapshot.card.roots) > 1
    chosen = _once(datasets) if replicas else datasets
    size = snapshot.collect(datasets.select(pl.len()), family, "datasets").item()
    if size > _FEW:
        with snapshot.reading(family, "datasets"):
            counts = _count_each(chosen, facets)
    else:
        rows = snapshot.collect(chosen.select(facets), family, "datasets")
        counts = {facet: found for facet in facets if (found := _counts(rows[facet]))}
    if not narrowed:
        _COUNTED[place] = counts
    return counts
