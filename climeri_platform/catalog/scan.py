"""Scanning a root: its files as the rows of a catalog, from a walk or an inventory.

No file is opened: all that is known comes from names, places and what the file system says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.carding import find_cards
from climeri_platform.catalog.family import Family, Place, Rejected
from climeri_platform.catalog.inventory import read_inventory
from climeri_platform.catalog.tables import REJECTED, files_schema
from climeri_platform.catalog.walk import FoundFile, Skipped, readable, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from climeri_platform.catalog.carding import FoundCard

__all__ = ["Scan", "Walking", "scan_root"]


@dataclass(frozen=True, slots=True)
class Walking:
    """How a root is walked.

    Attributes
    ----------
    walkers
        How many directories are read at the same time; more than one hides the latency of a
        network file system.
    calls_per_second
        The limit of metadata calls, so that others can use the file system; None for none.
    seconds
        The budget: directories that are not begun when it is spent are left for the next night.
    first
        Directories, relative to the root, with which to begin: what the last night left.
    tape
        Whether the root is backed by tape: a file without blocks is then not online.
    """

    walkers: int = 1
    calls_per_second: float | None = None
    seconds: float | None = None
    first: tuple[str, ...] = ()
    tape: bool = False


@dataclass(slots=True)
class Scan:
    """What a root holds.

    Attributes
    ----------
    files
        One row for each file that follows the family's rules; `latest` is null.
    rejected
        One row for each other data file, with the reason.
    skipped
        What was not taken.
    walked
        When it began, in UTC, ISO 8601.
    seconds
        How long it took.
    cards
        The simulation cards that were found beside and above the files; None if nobody looked.
    """

    files: pl.DataFrame
    rejected: pl.DataFrame
    skipped: Skipped
    walked: str
    seconds: float
    cards: list[FoundCard] | None = None

    def look_for_cards(
        self,
        rules: Family,
        place: Path,
        root_id: str,
        *,
        folder: str | os.PathLike[str] | None,
        look: bool,
    ) -> None:
        """Look for simulation cards, as `find_cards` does; those that are wrong are not readable."""
        told = find_cards(rules, place, root_id, self.files["path"], folder=folder, look=look)
        self.cards = told.cards
        self.skipped.unreadable += told.problems


def scan_root(
    rules: Family,
    place: Path,
    root_id: str,
    *,
    inventory: str | os.PathLike[str] | None = None,
    how: Walking | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Return the rows of one root.

    Parameters
    ----------
    rules
        The archive family.
    place
        The root's absolute path, as `check_root` returns it.
    root_id
        The name under which its paths are stored.
    inventory
        A list of the root's files, in place of a walk.
    how
        How to walk; by default one walker without limits.
    progress
        Is called with the number of files seen so far.

    Returns
    -------
    Scan

    Raises
    ------
    RootUnusable
        If the inventory cannot be read.
    """
    walked, began = datetime.now(UTC), time.perf_counter()
    skipped = Skipped()
    rows = _Rows({column: [] for column in files_schema(rules)})
    listing = (
        walk(place, skipped) if inventory is None else read_inventory(inventory, place, skipped)
    )
    _collect(rules, place, root_id, rows, listing, progress)
    return Scan(
        files=pl.DataFrame(rows.files, schema=files_schema(rules)),
        rejected=pl.DataFrame(rows.rejected, schema=REJECTED),
        skipped=skipped,
        walked=walked.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - began,
    )


@dataclass(slots=True)
class _Rows:
    """Rows under way, column by column."""

    files: dict[str, list[Any]]
    rejected: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in REJECTED})


def _collect(
    rules: Family,
    place: Path,
    name: str,
    rows: _Rows,
    listing: Iterable[tuple[str, list[FoundFile]]],
    progress: Callable[[int], None] | None,
) -> None:
    above = place.parts[1:]
    seen = 0
    for relative, found in listing:
        parts = (*above, *relative.split("/")) if relative else above
        try:
            candidates = rules.parse_directory(parts)
        except Rejected as no:
            for each in found:
                _reject(rows, name, relative, each, no)
        else:
            for each in found:
                _take(rules, rows, name, relative, each, candidates)
        seen += len(found)
        if progress is not None:
            progress(seen)


def _reject(rows: _Rows, root: str, relative: str, found: FoundFile, no: Rejected) -> None:
    path = readable(f"{relative}/{found.name}" if relative else found.name)
    values = (root, path, found.size, no.code, no.reason)
    for column, value in zip(REJECTED, values, strict=True):
        rows.rejected[column].append(value)


def _take(
    rules: Family,
    rows: _Rows,
    root: str,
    relative: str,
    found: FoundFile,
    candidates: list[Place],
) -> None:
    path = f"{relative}/{found.name}" if relative else found.name
    try:
        _check_file(path, found.size)
        parsed = rules.parse_name(found.name, candidates)
    except Rejected as no:
        _reject(rows, root, relative, found, no)
        return
    values: dict[str, Any] = {
        **parsed.facets,
        "dataset": rules.key(dict(parsed.facets)),
        "time_range": parsed.time_range,
        "start": parsed.span.start if parsed.span else None,
        "end": parsed.span.end if parsed.span else None,
        "root": root,
        "path": path,
        "size": found.size,
        "mtime": found.mtime,
        "format": found.format,
    }
    for column, cells in rows.files.items():
        cells.append(values.get(column))


def _check_file(path: str, size: int | None) -> None:
    if size == 0:
        raise Rejected("empty file", "the file has zero bytes")
    if not path.isascii() and readable(path) != path:
        raise Rejected("encoding", "the path is not UTF-8")
