"""Values of facets and their counts, without holding a table in memory.

A snapshot never changes, so what was read once is kept for the life of the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.contents import contents_of
from climeri_platform.catalog.tables import UNREADABLE
from climeri_platform.catalog.vocabulary import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.contents import Contents
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
        found = set(snapshot.collect(column, family, "datasets")[facet].drop_nulls())
        if (held := _contents(snapshot, family, facet)) is not None:
            found |= held.values(facet)
        _KEPT[place] = sorted(found, key=in_order)
    return _KEPT[place]


def _contents(snapshot: Snapshot, family: str, facet: str) -> Contents | None:
    """Return what streams hold, if the facet is said by that."""
    rules = snapshot.rules(family)
    return contents_of(snapshot, rules) if facet in rules.held else None


def missing_values(snapshot: Snapshot, family: str, facet: str, values: Sequence[str]) -> list[str]:
    """Return those of the values that no row of a catalog has; reads one column."""
    if (known := _KEPT.get((*_place(snapshot, family), facet))) is not None:
        return [each for each in values if each not in known]
    column = snapshot.scan(family, "datasets").select(facet)
    asked = column.filter(pl.col(facet).is_in(list(values))).unique()
    found = set(snapshot.collect(asked, family, "datasets")[facet])
    if not {*values} <= found and (held := _contents(snapshot, family, facet)) is not None:
        found |= held.values(facet)
    return [each for each in values if each not in found]


def facet_table(
    datasets: pl.LazyFrame, facets: Sequence[str], held: Contents | None = None
) -> pl.DataFrame:
    """Return facet, value and number of datasets, for the newest version of each dataset.

    Parameters
    ----------
    datasets
        The `datasets` table; replicas of a dataset follow one another in it.
    facets
        The family's.
    held
        What its streams hold.
    """
    counts = _count_each(_once(datasets.filter("latest")), facets, held)
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


def _count_each(
    datasets: pl.LazyFrame, facets: Sequence[str], held: Contents | None
) -> dict[str, dict[str, int]]:
    # one column after the other: together they would fill the memory
    counts = {}
    for facet in facets:
        if held is not None and facet in held.facets:
            found = _count_held(datasets, facet, held)
        else:
            found = datasets.group_by(facet).len().drop_nulls().collect()
        if found.height:
            counts[facet] = _in_order(found.rows())
    return counts


def _count_held(datasets: pl.LazyFrame, facet: str, held: Contents) -> pl.DataFrame:
    """Count a facet that streams have many values of: lists are spread once, not for each row."""
    rows = datasets.group_by(facet, "contents").len()
    spread = held.spread(rows, [facet]).group_by(facet).agg(pl.col("len").sum())
    return spread.drop_nulls().collect()


def _written(snapshot: Snapshot, family: str) -> dict[str, dict[str, int]]:
    try:
        rows = pl.read_parquet(snapshot.folder / family / FACETS_TABLE)
        counts: dict[str, dict[str, int]] = {}
        for facet, value, count in rows.iter_rows():
            counts.setdefault(facet, {})[value] = count
    except (ValueError, *UNREADABLE):
        return {}  # older stores have none; it holds nothing that the datasets do not
    return counts


def count_facets(
    snapshot: Snapshot,
    family: str,
    datasets: pl.LazyFrame,
    facets: Sequence[str],
    *,
    narrowed: bool,
    held: Contents | None = None,
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
    held
        What streams hold, if one of the facets is said by that.
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
            counts = _count_each(chosen, facets, held)
    else:
        columns = [*facets, *(["contents"] if held is not None else [])]
        rows = snapshot.collect(chosen.select(columns), family, "datasets")
        counts = {facet: found for facet in facets if (found := _counts(rows[facet]))}
        if held is not None:
            counts |= _count_each(rows.lazy(), [e for e in facets if e in held.facets], held)
            counts = {facet: counts[facet] for facet in facets if facet in counts}
    if not narrowed:
        _COUNTED[place] = counts
    return counts
