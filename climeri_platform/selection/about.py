"""What the catalog knows of each dataset, for those who harmonise what was opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from climeri_platform.catalog import CatalogView

__all__ = ["facets_of"]


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
