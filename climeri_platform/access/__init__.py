"""Rows of a catalog become lazy xarray objects, and a report."""

from __future__ import annotations

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
