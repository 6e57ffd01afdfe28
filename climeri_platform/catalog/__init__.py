"""Catalogs: walk, parse, publish, search. Returns plain query results.

The door is lazy: processes that read headers pass it, and need no polars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.catalog.build import BuildReport, build_catalog
    from climeri_platform.catalog.family import Family, family_names, load_family
    from climeri_platform.catalog.layout import Snapshot, open_snapshot, store_path
    from climeri_platform.catalog.search import CatalogView

__all__ = [
    "BuildReport",
    "CatalogView",
    "Family",
    "Snapshot",
    "build_catalog",
    "family_names",
    "load_family",
    "open_snapshot",
    "store_path",
]

_WHERE = {
    "BuildReport": "build",
    "CatalogView": "search",
    "Family": "family",
    "Snapshot": "layout",
    "build_catalog": "build",
    "family_names": "family",
    "load_family": "family",
    "open_snapshot": "layout",
    "store_path": "layout",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE)
