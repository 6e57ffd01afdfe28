"""Catalogs: walk, parse, publish, search. Returns plain query results and opens no data file."""

from __future__ import annotations

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
