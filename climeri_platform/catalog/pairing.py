"""Tables of pairs: datasets beside their partners, or beside the reason why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.narrowing import Narrowing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = [
    "OF_A_RUN",
    "PAIRS",
    "Rows",
    "by_facets",
    "few",
    "of_any_simulation",
    "of_keys",
    "pairs_of",
    "rows_of",
    "same_facets",
    "unasked",
]

PAIRS = {"dataset": pl.String, "partner": pl.String, "reason": pl.String}
"""Columns of a table of pairs: a key, its partner's or null, and why it is null."""

Rows = list[dict[str, Any]]
OF_A_RUN = ("experiment", "activity_id", "version", "product", "institution")
"""What is asked of a run says nothing of its partner."""


def of_keys(view: CatalogView, keys: Iterable[str], said: str) -> CatalogView:
    """Return the view of some datasets."""
    table = pl.DataFrame({"dataset": list(dict.fromkeys(keys))}, schema={"dataset": pl.String})
    return view.narrow(Narrowing(said, within=table))


def unasked(view: CatalogView, *names: str) -> CatalogView:
    """Return the view without what was asked of some facets, as far as the family has them."""
    known = view.family.names
    return view.without(*{known[each] for each in names if each in known})


def of_any_simulation(view: CatalogView) -> CatalogView:
    """Return the view without what was asked of the simulation, where runs are known by it."""
    return unasked(view, "simulation") if view.family.cards else view


def rows_of(view: CatalogView, facets: Sequence[str]) -> Rows:
    """Return some facets of each dataset, and its first time: null for fixed fields."""
    columns = list(dict.fromkeys([*facets, "dataset", "start"]))
    found = view.select(*columns).unique("dataset", keep="first", maintain_order=True)
    return found.to_dicts()


def same_facets(view: CatalogView, *but: str) -> list[str]:
    """Return the facets of a dataset in which partners agree."""
    known = view.family.names
    # the activity and the institution follow from the experiment: CMIP beside ScenarioMIP
    differ = {known.get(each, each) for each in (*but, "experiment", "institution")}
    differ |= {"activity_id", "product"}
    facets = view.family.dataset
    if view.family.cards:
        # a native run has the names of its job and of its experiment in each of its levels
        behind = set(view.family.behind_cards.values())
        differ |= {known.get("simulation", ""), "expid", "ensemble_name", "ensemble_date"}
        differ.update(filter(None, behind))
        facets = [*facets, *({"model", "member"} - differ)]
    return [each for each in facets if each not in differ]


def by_facets(rows: Rows, facets: Sequence[str]) -> dict[tuple[Any, ...], Rows]:
    """Return the rows that have the same values of some facets, by these values."""
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[each] for each in facets), []).append(row)
    return found


def pairs_of(rows: Rows, partner: Callable[[dict[str, Any]], str | Rows]) -> pl.DataFrame:
    """Return the table of the partners, or of what is said instead of one."""
    told: list[tuple[str, str | None, str | None]] = []
    for row in rows:
        found = partner(row)
        if isinstance(found, str):
            told.append((row["dataset"], None, found))
        else:
            told.append((row["dataset"], found[0]["dataset"], None))
    return pl.DataFrame(told, schema=PAIRS, orient="row")


def few(words: Sequence[str]) -> str:
    """Return the first of some words, and how many more there are."""
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return ", ".join(words[:4]) + more
