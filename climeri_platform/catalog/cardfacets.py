"""The facets that simulation cards add to a family that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from climeri_platform.catalog.vocabulary import shared_names

__all__ = ["PARAMETERS", "WithCards", "number_text", "spread_parameters"]

PARAMETERS = "params."
"""What the facet of a parameter begins with."""
_COMMON = ("model", "experiment", "member")
_FACETS = (*_COMMON, "configuration", "forcing", "card")


class WithCards(BaseModel):
    """The part of a family that knows of cards.

    Attributes
    ----------
    cards
        Whether its rows have the facets of a card: the common ``model``, ``experiment`` and
        ``member``, as the card says them or else as the family does; ``configuration``,
        ``forcing``, and ``card``, which is ``carded`` or ``uncarded``.
    parameters
        What the cards of a catalog name, a facet each; a build fills them in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: list[str]
    common: dict[str, str] = {}
    cards: bool = False
    parameters: list[str] = []

    @cached_property
    def card_facets(self) -> list[str]:
        """The facets that cards say; none for a family without cards."""
        if not self.cards:
            return []
        return [*_FACETS, *(f"{PARAMETERS}{each}" for each in self.parameters)]

    @cached_property
    def behind_cards(self) -> dict[str, str | None]:
        """Each common name that a card may say, to the facet that stands for it otherwise."""
        found = {}
        for name in _COMMON:
            its = (each for each in shared_names()[name] if each in self.dataset)
            found[name] = self.common.get(name) or next(its, None)
        return found

    def check_cards(self, own: set[str]) -> None:
        """Refuse facets of the family's own that have the name of a card's.

        Raises
        ------
        ValueError
            If there is one.
        """
        if self.cards and (taken := sorted(own & set(_FACETS))):
            raise ValueError(
                f"with cards, {', '.join(taken)} must be another word: the card says it, and "
                "`common` names the facet that stands for it without one"
            )


def number_text(value: object) -> str:
    """Return a value of a parameter in the one way in which it is stored and searched.

    Examples
    --------
    >>> number_text(0.1), number_text("1e-3"), number_text("0.10"), number_text("Tiedtke")
    ('0.1', '0.001', '0.1', 'Tiedtke')
    """
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    for each in (number, float(f"{number:.12g}")):  # 0.1 * 3 is 0.3
        if each.is_integer() and abs(each) < 1e15:
            return str(int(each))
    return f"{number:.12g}"


def spread_parameters(facets: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked with one facet for each parameter, its values as they are stored.

    Examples
    --------
    >>> spread_parameters({"variable": "tas", "parameter": {"tau": [0.10, "2e-1"]}})
    {'variable': 'tas', 'params.tau': ['0.1', '0.2']}
    """
    found: dict[str, Any] = {}
    for name, given in facets.items():
        if name == "parameter" and isinstance(given, Mapping):
            found |= {f"{PARAMETERS}{each}": _stored(value) for each, value in given.items()}
        else:
            found[name] = _stored(given) if name.startswith(PARAMETERS) else given
    return found


def _stored(given: Any) -> Any:
    if isinstance(given, str | int | float):
        return number_text(given)
    if isinstance(given, Iterable):
        return [_stored(each) for each in given]
    return given
