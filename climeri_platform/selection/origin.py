"""Which store a frozen selection is from, here or at another centre.

The file names the store as its owner calls it (``shared``, ``own``, the folder of a group's), never
by its path, which means nothing elsewhere and may hold a user's name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog import CatalogView
from climeri_platform.catalog.stores import named_stores
from climeri_platform.core.errors import StoreError, StoreMissing, UnknownFamily

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["frozen_from", "label_of", "views_of"]


def label_of(store: Path) -> str:
    """Return what a store is called: its label among those of the settings, or its folder's name."""
    place = os.path.realpath(store)
    labels = (each.label for each in named_stores() if os.path.realpath(each.path) == place)
    return next(labels, store.name)


def frozen_from(content: dict[str, Any]) -> str:
    """Return where the files of a frozen selection were, for people: catalog, store and roots.

    Parameters
    ----------
    content
        Of the file. Those of older releases do not name their store.
    """
    roots = ", ".join(dict.fromkeys(str(each.get("root")) for each in content["datasets"]))
    of = f" of the store {content['store']!r}" if content.get("store") else ""
    return f"the catalog {content['catalog']}{of} (roots: {roots or 'none'})"


def views_of(
    content: dict[str, Any], path: str | os.PathLike[str], store: str | os.PathLike[str] | None
) -> tuple[list[CatalogView], list[str]]:
    """Return the catalogs that may hold a frozen selection, and what is wrong with other stores.

    Parameters
    ----------
    content
        Of the file.
    path
        The file.
    store
        The only store to look in; by default all that the settings name, first the one that is
        called as the one in which it was frozen.

    Raises
    ------
    UnknownFamily
        If none has a catalog of that name; it says where the selection is from.
    StoreError
        If no store answers: what the first one says.
    """
    name = content["catalog"]
    if store is not None:
        return [CatalogView.open(name, store)], []
    stores = sorted(named_stores(), key=lambda each: each.label != content.get("store"))
    found: list[CatalogView] = []
    problems: list[str] = []
    answered = False
    first: StoreError | None = None
    for each in stores:
        try:
            found.append(CatalogView.open(name, each.path))
        except UnknownFamily as problem:
            answered = True
            problems.append(f"{each.label}: {problem.message}")
        except StoreError as problem:
            problems.append(f"{each.label}: {problem.message}")
            if each.expected or not isinstance(problem, StoreMissing):
                first = first or problem
    if found:
        return found, problems
    if first is not None and not answered:
        raise first
    raise UnknownFamily(
        f"{path} was frozen from {frozen_from(content)}, which no store here has: "
        f"{'; '.join(problems) or 'no store was named'}",
        hint="Name the store that has it (store=..., --store DIR), or catalogue these files where "
        f"they are here: climeri catalog add ROOT --family {name}.",
    )
