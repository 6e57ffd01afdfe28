"""What the user holds: `open_catalog`, `open_selection` and `Selection`."""

from __future__ import annotations

from climeri_platform.selection.catalogs import Catalogs, MissingCatalogWarning, Trouble
from climeri_platform.selection.changes import Changes
from climeri_platform.selection.cost import Cost
from climeri_platform.selection.results import Coverage, Pairs
from climeri_platform.selection.selection import (
    FrozenSelection,
    Selection,
    open_catalog,
    open_selection,
)
from climeri_platform.selection.staging import RecallScript, Staging

__all__ = [
    "Catalogs",
    "Changes",
    "Cost",
    "Coverage",
    "FrozenSelection",
    "MissingCatalogWarning",
    "Pairs",
    "RecallScript",
    "Selection",
    "Staging",
    "Trouble",
    "open_catalog",
    "open_selection",
]
