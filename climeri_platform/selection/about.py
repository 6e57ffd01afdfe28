"""What the catalog knows of each dataset, for those who open it and harmonise what was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.catalog.narrowing import ROW
from climeri_platform.catalog.vocabulary import shared_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from climeri_platform.catalog import CatalogView, Family

__all__ = ["facets_of", "in_common_words", "variables_asked"]


def facets_of(view: CatalogView) -> dict[tuple[str, str | None], dict[str, str]]:
    """Return the facets of each version of each dataset as text, with the ``family``.

    Parameters
    ----------
    view
        Of the catalog.

    Returns
    -------
    dict
        Key of the dataset and version to facets, under the names that all families share and under
        their own; those that a dataset has not are not in it. ``start`` and ``end`` are those of
        its files' names, YYYYMMDDhhmm.
    """
    family = view.family
    common = _common(family)
    found: dict[tuple[str, str | None], dict[str, str]] = {}
    for row in view.datasets.iter_rows(named=True):
        its = {name: str(value) for name, value in row.items() if value is not None}
        shared = {word: its[own] for word, own in common.items() if own in its}
        found[row["dataset"], row["version"]] = {**shared, **its, "family": family.family}
    return found


def in_common_words(its: Mapping[str, str], family: Family) -> dict[str, str]:
    """Return facets once each: by the common name where there is one, else by the family's own.

    Parameters
    ----------
    its
        Of one dataset, as `facets_of` has them; what is no facet is left out.
    family
        Whose they are.
    """
    words = _common(family)
    words |= {each: each for each in family.facets if each not in words.values()}
    said = {word: its[own] for word, own in words.items() if its.get(own)}
    return {"family": family.family, **said}


def _common(family: Family) -> dict[str, str]:
    """Return the words that all families share, to this family's own."""
    # where cards say the members, the word for a simulation is none of a member
    words = [*shared_names(), *(["simulation"] if family.cards else [])]
    return {word: family.names[word] for word in words if word in family.names}


def variables_asked(
    view: CatalogView, *, every: bool = False
) -> dict[tuple[str, str | None, str], dict[str, str]]:
    """Return which variables of streams were asked for.

    Parameters
    ----------
    view
        Of the catalog.
    every
        Whether those of which all is wanted are told too, as far as it is known.

    Returns
    -------
    dict
        Dataset, version and root to variables: what files call them, and CMIP. Streams of which
        all is wanted are not in it.
    """
    held = view.contents
    chosen = [name for each in view.also for name in each.variables]
    if held is None or not (every or chosen or {*view.asked} & {*held.facets}):
        return {}
    # what was chosen once is wanted, though nobody may know any more which stream has it
    other = {name: name for name in chosen}
    found: dict[tuple[str, str | None, str], dict[str, str]] = {}
    for dataset, version, root, mark, native in view.select(
        *ROW, "contents", held.native
    ).iter_rows():
        its = held.lists[mark].variables if mark in held.lists else other
        if native is None and its:
            found[dataset, version, root] = its
    return found
