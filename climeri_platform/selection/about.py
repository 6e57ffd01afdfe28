"""What the catalog knows of each dataset, for those who harmonise what was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.catalog.narrowing import ROW

if TYPE_CHECKING:
    from climeri_platform.catalog import CatalogView

__all__ = ["facets_of", "variables_asked"]


def facets_of(view: CatalogView) -> dict[str, dict[str, str]]:
    """Return the facets of each dataset as text, common and own, with the ``family``.

    Parameters
    ----------
    view
        Of the catalog.

    Returns
    -------
    dict
        Key of the dataset to facets; those that a dataset has not are not in it. ``start`` and
        ``end`` are those of its files' names, YYYYMMDDhhmm.
    """
    family = view.family
    found: dict[str, dict[str, str]] = {}
    for row in view.datasets.iter_rows(named=True):
        its = {name: str(value) for name, value in row.items() if value is not None}
        shared = {name: its[own] for name, own in family.shared.items() if own and own in its}
        found[row["dataset"]] = {**shared, **its, "family": family.family}
    return found


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
