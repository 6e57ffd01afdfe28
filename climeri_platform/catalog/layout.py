"""How a store lies on disk, and reading what was published in it.

.. code-block:: text

    DIR/store.json                       format, min_reader, written_by
    DIR/CURRENT                          the name of the published snapshot
    DIR/snapshots/<snapshot>/snapshot.json
    DIR/snapshots/<snapshot>/<family>/{files,datasets,rejected,facets}.parquet
    DIR/snapshots/<snapshot>/<family>/family.json    the rules that it was built with
    DIR/snapshots/<snapshot>/<family>/contents.json  what its streams hold
    DIR/snapshots/<snapshot>/<family>/folders/<root>.parquet    what is known of directories
    DIR/snapshots/<snapshot>/export/<site>/<family>.{parquet,csv.gz}
    DIR/export/<site>/<family>.json      for intake-esm; names its snapshot's table
    DIR/export/<site>/master_latest.yml  lists them, for intake

A snapshot never changes once it has its name. CURRENT is replaced by one rename.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from climeri_platform.catalog.family import Family, load_family
from climeri_platform.catalog.tables import UNREADABLE
from climeri_platform.core.errors import (
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreTooNew,
    UnknownFamily,
    UsageError,
    nearest,
)
from climeri_platform.core.settings import setting

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "FORMAT",
    "Root",
    "Snapshot",
    "StoreFormat",
    "load_snapshot",
    "open_snapshot",
    "snapshot_names",
    "store_path",
]

FORMAT = 1
_DELETE_IT = (
    "Delete it: the next `climeri catalog build` goes on from the newest folder of snapshots/."
)
Table = Literal["files", "datasets", "rejected"]
_NAME = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")


class StoreFormat(BaseModel):
    """The content of ``store.json``; later formats may say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: int
    min_reader: int
    written_by: str


class Root(BaseModel):
    """One root, catalogued for one family.

    Attributes
    ----------
    root_id
        The name under which paths below it are stored.
    mount
        Its absolute path where it was walked.
    family
        The archive family.
    walked
        When, in UTC, ISO 8601.
    found, catalogued, rejected
        Numbers of files.
    carried
        How many of them the last walk could not look at: they are as they were before.
    stale
        Since when the root as a whole is carried forward; None if it was walked.
    pending
        Directories that the time did not allow, with which the next walk begins.
    declared_by
        The site whose sources name it; "" of roots that were built by hand.
    site
        The site that walked it; "" of older stores, and where an inventory stood for the walk.
    read_by
        What read its names (`catalog.reader`); "" of older stores.
    retractions
        A mark of the lists of retracted datasets that were used for it; "" if there was none.
    also_retracted
        A mark of the lists that were last used for all roots of its family, this one included.
    folders
        A mark of what is known of its directories (`catalog.folders`); "" if nothing is.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    root_id: str
    mount: str
    family: str
    walked: str
    found: int
    catalogued: int
    rejected: int
    carried: int = 0
    stale: str | None = None
    pending: list[str] = []
    site: str = ""
    declared_by: str = ""
    read_by: str = ""
    retractions: str = ""
    also_retracted: str = ""
    folders: str = ""


class SnapshotCard(BaseModel):
    """The content of ``snapshot.json``; `exported` is how the export of the site has each root."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    snapshot: str
    created: str
    site: str
    roots: list[Root]
    exported: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published state of a store; reading it again gives the same."""

    store: Path
    card: SnapshotCard

    @property
    def name(self) -> str:
        """The snapshot's name, a UTC time."""
        return self.card.snapshot

    @property
    def folder(self) -> Path:
        """Where its tables are."""
        return self.store / "snapshots" / self.name

    def path_of(self, family: str, table: Table) -> Path:
        """Return the file of a table, whether it is there or not."""
        return self.folder / family / f"{table}.parquet"

    @property
    def families(self) -> list[str]:
        """The families that are catalogued in it."""
        return sorted({root.family for root in self.card.roots})

    @property
    def mounts(self) -> dict[str, str]:
        """Root id to the absolute path of its mount."""
        return {root.root_id: root.mount for root in self.card.roots}

    def rules(self, family: str) -> Family:
        """Return the rules that a family was catalogued with.

        They are kept beside the tables: neither a newer release nor the loss of somebody's own
        family file changes how a catalog is read.

        Raises
        ------
        UnknownFamily
            If the snapshot has none, as old ones do, and no such family is installed.
        StoreDamaged
            If they cannot be read.
        """
        path = self.folder / family / "family.json"
        if not path.exists():
            # so old that its tables have no column of cards or contents either
            older = {"cards": False, "contents": False}
            return Family.model_validate({**load_family(family).model_dump(), **older})
        try:
            return Family.model_validate(_read_json(path))
        except ValidationError as problem:
            raise self._damaged(family, path, problem) from problem

    def scan(self, family: str, table: Table) -> pl.LazyFrame:
        """Return a table, lazily.

        Raises
        ------
        UnknownFamily
            If the store has no catalog of that family.
        StoreDamaged
            If the table is missing or is not Parquet.
        """
        if family not in self.families:
            like = nearest(family, self.families) or self.families
            raise UnknownFamily(
                f"the store {self.store} has no catalog {family!r}",
                hint=f"It has {', '.join(like)}. "
                f"`climeri catalog build {family} ROOT --store {self.store}` makes one.",
            )
        path = self.path_of(family, table)
        try:
            frame = pl.scan_parquet(path, glob=False)
            frame.collect_schema()
        except UNREADABLE as problem:
            raise self._damaged(family, path, problem) from problem
        return frame

    def read(self, family: str, table: Table, where: pl.Expr | None = None) -> pl.DataFrame:
        """Return the rows of a table, or those that a condition chooses.

        Raises
        ------
        UnknownFamily
            If the store has no catalog of that family.
        StoreDamaged
            If the table is missing, damaged, or lacks a column.
        """
        frame = self.scan(family, table)
        return self.collect(frame if where is None else frame.filter(where), family, table)

    def collect(self, frame: pl.LazyFrame, family: str, table: Table) -> pl.DataFrame:
        """Return the rows of a question that was put to a scanned table.

        Raises
        ------
        StoreDamaged
            If the table is damaged or lacks a column, or if the snapshot was pruned since.
        """
        with self.reading(family, table):
            return frame.collect()

    @contextmanager
    def reading(self, family: str, table: Table) -> Iterator[None]:
        """Tell what goes wrong while a table is read as damage of that table.

        Raises
        ------
        StoreDamaged
        """
        try:
            yield
        except UNREADABLE as problem:
            path = self.path_of(family, table)
            raise self._damaged(family, path, problem) from problem

    def _damaged(self, family: str, path: Path, problem: BaseException) -> StoreDamaged:
        if not self.folder.exists():
            return StoreDamaged(
                f"the snapshot {self.name} of {self.store} is there no longer",
                hint="Newer ones were published since: open the catalog again.",
            )
        said = f"cannot be read: {_first_line(problem)}"
        if isinstance(problem, pl.exceptions.PanicException):  # which tells of its own code
            said = "is damaged: polars broke off while it read it, as where a file is cut short"
        return StoreDamaged(
            f"the table {path} {said}",
            hint=f"Rebuild it: climeri catalog build {family} ROOT --store {self.store}",
        )


def _first_line(problem: BaseException) -> str:
    said = (str(problem).splitlines() or [type(problem).__name__])[0]
    return shorten(said, 200, placeholder=" ...")  # polars 2 goes on with the plan of its query


def store_path(store: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of the store: the argument, or what the settings say.

    Raises
    ------
    UsageError
        If nothing says where the store is.
    """
    value = setting("store", store)
    if not value:
        raise UsageError(
            "no catalog store was named",
            hint="Give --store DIR (store=... in Python), or set CLIMERI_STORE.",
        )
    return Path(os.path.expanduser(value)).absolute()  # noqa: PTH111 - keeps an unknown ~name


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise StoreDamaged(
            f"{path} cannot be read: {_first_line(problem)}",
            hint="The store was not written to its end, or was changed by hand: build it again "
            "in another directory, or restore this file.",
        ) from problem


def check_format(store: Path, *, to_write: bool = False) -> None:
    """Refuse a folder that is no store, or one that a newer version wrote.

    A newer format may still allow this version to read (``min_reader``), never to write.

    Raises
    ------
    StoreMissing, StoreDamaged, StoreTooNew
    StoreError
        If it may not be looked into.
    """
    path = store / "store.json"
    try:
        there = path.exists()
    except OSError as problem:
        raise StoreError(
            f"the store {store} cannot be read: {problem.strerror or problem}",
            hint="Ask for the group that may read it, or name another one with --store.",
        ) from problem
    if not there:
        what = "is not a catalog store" if store.is_dir() else "does not exist"
        if store.is_file():
            what = "is a file"
        raise StoreMissing(
            f"the store {store} {what}",
            hint=f"`climeri catalog build FAMILY ROOT --store {store}` makes one.",
        )
    try:
        written = StoreFormat.model_validate(_read_json(path))
    except ValidationError as problem:
        raise StoreDamaged(f"{path} is not a store's: {problem.errors()[0]['msg']}") from problem
    if written.min_reader > FORMAT or (to_write and written.format > FORMAT):
        does = "writes" if to_write else "reads"
        raise StoreTooNew(
            f"the store {store} has format {written.format} of {written.written_by}, "
            f"and this version {does} up to {FORMAT}",
            hint="Upgrade climeri-platform.",
        )


def open_snapshot(
    store: str | os.PathLike[str] | None = None, snapshot: str | None = None
) -> Snapshot:
    """Return the published snapshot of a store, or an older one.

    Parameters
    ----------
    store
        Its folder; by default the setting ``store``.
    snapshot
        The name of one that is kept; by default the published one.

    Returns
    -------
    Snapshot

    Raises
    ------
    StoreMissing
        If there is no store, if nothing was published in it, or if it keeps no such snapshot.
    StoreDamaged
        If part of it is missing or unreadable.
    StoreTooNew
        If a newer version wrote it.
    """
    folder = store_path(store)
    check_format(folder)
    if snapshot is not None:
        kept = snapshot_names(folder)
        if snapshot not in kept:
            raise StoreMissing(
                f"the store {folder} keeps no snapshot {snapshot!r}",
                hint=f"It keeps {', '.join(kept) or 'none'}; older ones are pruned. "
                "A frozen selection outlives its snapshot.",
            )
        return load_snapshot(folder, snapshot)
    try:
        name = (folder / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if snapshot_names(folder):
            raise StoreDamaged(
                f"{folder / 'CURRENT'} is missing, though there are snapshots",
                hint="The next `climeri catalog build` goes on from the newest of them.",
            ) from None
        raise StoreMissing(
            f"nothing was published in the store {folder} yet",
            hint=f"`climeri catalog build FAMILY ROOT --store {folder}` does.",
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise StoreDamaged(
            f"{folder / 'CURRENT'} cannot be read: {problem}", hint=_DELETE_IT
        ) from problem
    if not _NAME.fullmatch(name):
        raise StoreDamaged(
            f"{folder / 'CURRENT'} does not name a snapshot: {name[:40]!r}", hint=_DELETE_IT
        )
    return load_snapshot(folder, name)


def snapshot_names(store: Path) -> list[str]:
    """Return the names of the snapshots that were finished, the oldest first."""
    try:
        found = [
            (match[1], int(match[2] or 1), each.name)
            for each in (store / "snapshots").iterdir()
            if (match := _NAME.fullmatch(each.name))
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for *_, name in sorted(found)]


def load_snapshot(store: Path, name: str) -> Snapshot:
    """Return one snapshot of a store.

    Raises
    ------
    StoreDamaged
        If it is not there, or its card cannot be read.
    """
    path = store / "snapshots" / name / "snapshot.json"
    try:
        card = SnapshotCard.model_validate(_read_json(path))
    except ValidationError as problem:
        raise StoreDamaged(f"{path} is not a snapshot's: {problem.errors()[0]['msg']}") from problem
    if card.snapshot != name:
        raise StoreDamaged(f"{path} is the card of another snapshot, {card.snapshot!r}")
    return Snapshot(store, card)
