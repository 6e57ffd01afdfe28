"""Which datasets are not public yet, as the cards of their runs say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from climeri_platform.catalog.carding import Lookup, stored_cards

if TYPE_CHECKING:
    from datetime import date

    from climeri_platform.catalog.search import CatalogView

__all__ = ["embargoes"]


def embargoes(
    view: CatalogView, today: date | None = None
) -> dict[tuple[str, str | None, str], date]:
    """Return the rows of a view that are under embargo: dataset, version and root to the last day.

    Parameters
    ----------
    view
        Of a family with cards; of others nothing is.
    today
        The day, by default that of now in UTC.
    """
    if not view.family.cards:
        return {}
    day = today or datetime.now(UTC).date()
    cards = stored_cards(view.snapshot, view.family.family)
    if not any(each.card and each.card.embargo and each.card.embargo > day for each in cards):
        return {}
    lookups = {
        root: Lookup.of([each for each in cards if each.root == root])
        for root in {each.root for each in cards}
    }
    simulation = view.family.names.get("simulation", view.family.dataset[0])
    found: dict[tuple[str, str | None, str], date] = {}
    files = view.files(*dict.fromkeys(("dataset", "version", "root", "path", simulation)))
    for row in files.iter_rows(named=True):
        lookup = lookups.get(row["root"])
        card = lookup and lookup.card(row["path"].rpartition("/")[0], row[simulation])
        if card and card.embargo and card.embargo > day:
            place = row["dataset"], row["version"], row["root"]
            found[place] = max(card.embargo, found.get(place, day))
    return found
