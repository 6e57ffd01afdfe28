"""The simulations of a catalog, one row each, with what their cards say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.cardfacets import PARAMETERS
from climeri_platform.catalog.carding import Lookup, stored_cards
from climeri_platform.catalog.runs import run_expr, run_levels
from climeri_platform.core.errors import UnknownFacet

if TYPE_CHECKING:
    from climeri_platform.catalog.search import CatalogView

__all__ = ["simulations_table"]

_CARD = (
    *("title", "contact", "institution", "resolution", "forcing"),
    *("calendar", "calendar_shift", "embargo", "licence", "doi", "description"),
)
_RUN = ("calendar", "begin", "end", "done", "state")


def simulations_table(view: CatalogView) -> pl.DataFrame:
    """Return one row for each simulation of a view, with its card.

    Parameters
    ----------
    view
        Of a family with cards.

    Returns
    -------
    polars.DataFrame
        ``simulation``, ``card`` (``carded`` or ``uncarded``), the facets of cards, ``datasets``,
        the rest of the card, ``parent``, ``branch``, what ``config.card`` says, ``root``, and
        ``run``: the levels that tell it from others of that name. Values of parameters are numbers
        where all of a parameter are.

    Raises
    ------
    UnknownFacet
        If the family knows no simulations.
    """
    family = view.family
    simulation = family.names.get("simulation")
    if not family.cards or simulation is None:
        raise UnknownFacet(
            f"{family.family} has no simulation cards",
            hint="A family of one's own has them with `cards: true` and `common: {simulation: ...}`.",
        )
    cards = stored_cards(view.snapshot, family.family)
    lookups = {
        root: Lookup.of([each for each in cards if each.root == root])
        for root in {each.root for each in cards}
    }
    levels = run_levels(family)
    files = view.files("root", "path", "dataset", *dict.fromkeys([*levels, *family.card_facets]))
    first = [pl.col(name).drop_nulls().first() for name in ("path", *family.card_facets)]
    runs = (
        files.with_columns(run_expr(family).alias("run"))
        .group_by("root", "run", maintain_order=True)
        .agg(
            pl.col("dataset").n_unique().cast(pl.Int64).alias("datasets"),
            pl.col(simulation).first().alias("simulation"),
            *first,
        )
    )
    rows = [_row(each, lookups) for each in runs.to_dicts()]
    schema: dict[str, Any] = {"simulation": pl.String, "card": pl.String}
    schema |= dict.fromkeys((each for each in family.card_facets if each != "card"), pl.String)
    schema |= {"datasets": pl.Int64} | dict.fromkeys(_CARD, pl.String)
    schema |= dict.fromkeys(("parent", "branch", *_RUN, "root", "run"), pl.String)
    schema["calendar_shift"] = pl.Int64
    return _with_numbers(pl.DataFrame(rows, schema=schema, orient="row"))


def _row(found: dict[str, Any], lookups: dict[str, Lookup]) -> dict[str, Any]:
    row = dict(found)
    folder = found["path"].rpartition("/")[0]
    lookup = lookups.get(found["root"]) or Lookup.of([])
    card, run = lookup.card(folder, found["simulation"]), lookup.run(folder)
    if run is not None:
        row |= {name: getattr(run, name) or None for name in _RUN} | {"title": run.title or None}
    if card is not None:
        said = card.model_dump(mode="json", exclude_none=True)
        row |= {name: said[name] for name in _CARD if name in said}
        if card.parent is not None:
            row |= {"parent": card.parent.simulation, "branch": card.parent.branch}
    return row


def _with_numbers(table: pl.DataFrame) -> pl.DataFrame:
    numbers = []
    for name in table.columns:
        if name.startswith(PARAMETERS):
            cast = table[name].cast(pl.Float64, strict=False)
            if cast.null_count() == table[name].null_count():
                numbers.append(cast)
    return table.with_columns(numbers)
