"""Datasets of several catalogs, opened as one."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from climeri_platform.access import IncompleteDataWarning, Opened
from climeri_platform.access.report import Entry
from climeri_platform.core.errors import StoreError
from climeri_platform.selection.doubles import without_doubles
from climeri_platform.selection.elsewhere import readable, told_of_others
from climeri_platform.selection.opening import check_variables, open_gathered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access import DatasetFiles
    from climeri_platform.catalog.union import Located
    from climeri_platform.selection.opening import FilesOf

__all__ = ["open_together"]


def open_together(
    parts: Sequence[Located], every: Sequence[Located], options: Mapping[str, Any]
) -> Opened:
    """Open what several catalogs have as if it were of one, under keys that say which it is of.

    Parameters
    ----------
    parts
        The catalogs, each without what another one is asked for.
    every
        The catalogs with all that they have.
    options
        As `Selection.open` takes them.

    Raises
    ------
    DataError
        If nothing could be opened, or at the first defect with ``on_error="raise"``.
    StoreError
        If no catalog can be read, or one cannot and ``on_error="raise"``.
    """
    damaged: list[tuple[str, StoreError]] = []

    def gather(files_of: FilesOf) -> list[DatasetFiles]:
        found: list[tuple[Located, DatasetFiles]] = []
        for part in parts:
            try:
                held = [] if part.emptied or not len(part.view) else files_of(part.view)
                found += [(part, each) for each in held]
            except StoreError as problem:
                if options["on_error"] == "raise":
                    raise
                damaged.append((f"{part.store}:{part.family}", problem))
        if damaged and not found:
            raise damaged[0][1]
        found = readable(every, found, files_of)
        return _named(without_doubles(told_of_others(every, found)))

    opened = open_gathered(gather, **options)
    if damaged:
        lines = [Entry(name, "skipped", "", its.message, its.hint) for name, its in damaged]
        opened.report.entries[:0] = lines
        told = "; ".join(f"{each.dataset}: {each.cause}" for each in lines)
        warnings.warn(told, IncompleteDataWarning, stacklevel=3)
    check_variables(options["units"], opened)
    return opened


def _named(found: Sequence[tuple[Located, DatasetFiles]]) -> list[DatasetFiles]:
    """Return what is to be opened under keys that are its own among all catalogs."""
    versions: dict[tuple[str, str], set[str]] = {}
    for part, each in found:
        name = part.family, each.attributes["dataset"]
        versions.setdefault(name, set()).add(each.attributes.get("version", ""))
    return [
        replace(
            each,
            key=_key(part, each, len(versions[part.family, each.attributes["dataset"]]) > 1),
            attributes={
                **each.attributes,
                "catalog": part.family,
                "store": str(part.view.snapshot.store),
            },
        )
        for part, each in found
    ]


def _key(part: Located, wanted: DatasetFiles, several: bool) -> str:
    name = f"{part.family}:{wanted.attributes['dataset']}"
    if not several:
        return name
    version = wanted.attributes.get("version")
    return f"{name}.{version}" if version else f"{name}@{part.store}"
