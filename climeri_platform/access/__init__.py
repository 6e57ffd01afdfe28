"""Rows of a catalog become lazy xarray objects, and a report.

The door is lazy: where the packages that read data are missing, it says which extra brings them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.access.engines.recognising import engine_of
    from climeri_platform.access.files import open_file
    from climeri_platform.access.guard import LoadCost, confirm_large
    from climeri_platform.access.opened import DatasetFiles, Opened
    from climeri_platform.access.opening import open_datasets
    from climeri_platform.access.report import Entry, IncompleteDataWarning, OpenReport

__all__ = [
    "DatasetFiles",
    "Entry",
    "IncompleteDataWarning",
    "LoadCost",
    "OpenReport",
    "Opened",
    "confirm_large",
    "engine_of",
    "open_datasets",
    "open_file",
]

_WHERE = {
    "DatasetFiles": "opened",
    "Entry": "report",
    "IncompleteDataWarning": "report",
    "LoadCost": "guard",
    "OpenReport": "report",
    "Opened": "opened",
    "confirm_large": "guard",
    "engine_of": "engines.recognising",
    "open_datasets": "opening",
    "open_file": "files",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE, extra="access", doing="opening data")
