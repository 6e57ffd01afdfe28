"""The snapshots of a store: what each holds, what changed between two, and going back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.layout import (
    load_snapshot,
    open_snapshot,
    snapshot_names,
    store_path,
)
from climeri_platform.core.errors import StoreError, UnknownValue, nearest

if TYPE_CHECKING:
    import os

    from climeri_platform.catalog.layout import Snapshot

__all__ = ["Change", "LogEntry", "changes", "check_store", "snapshot_log"]

_KEY = ["root", "path"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One snapshot in the log.

    Attributes
    ----------
    snapshot, created
        Its name, and when it was published (UTC, ISO 8601).
    current
        Whether readers get this one.
    files
        Family to the number of its catalogued files.
    problem
        Why it cannot be read; empty if it can.
    """

    snapshot: str
    created: str
    current: bool
    files: dict[str, int]
    problem: str = ""


@dataclass(slots=True)
class Change:
    """What changed in one family between two snapshots.

    Attributes
    ----------
    family
        The archive family.
    added, gone, changed
        Paths of files, as ``root:path``; changed are those of another size or time.
    moved
        Old and new path of files with one name, size and time.
    re_versioned
        Dataset, its newest version before and after.
    """

    family: str
    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    re_versioned: list[tuple[str, str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.changed or self.moved or self.re_versioned)


def named_snapshot(store: str | os.PathLike[str] | None, name: str | None = None) -> Snapshot:
    """Return a snapshot by its name, or the published one.

    Parameters
    ----------
    store
        The folder of the catalogs; by default the setting ``store``.
    name
        As `snapshot_log` lists it.

    Raises
    ------
    UnknownValue
        If the store has no such snapshot; the nearest are named.
    StoreError
        If the store or the snapshot cannot be read.
    """
    current = open_snapshot(store)
    if name is None or name == current.name:
        return current
    names = snapshot_names(current.store)
    if name not in names:
        like = nearest(name, names) or names[-3:]
        raise UnknownValue(
            f"the store {current.store} has no snapshot {name!r}",
            hint=f"Did you mean {' or '.join(like)}? `climeri catalog log` lists them.",
        )
    return load_snapshot(current.store, name)


def snapshot_log(store: str | os.PathLike[str] | None = None) -> list[LogEntry]:
    """Return the snapshots of a store, the newest first.

    Parameters
    ----------
    store
        The folder of the catalogs; by default the setting ``store``.

    Returns
    -------
    list of LogEntry

    Raises
    ------
    StoreError
        If the store cannot be read.
    """
    current = open_snapshot(store)
    entries = []
    for name in reversed(snapshot_names(current.store)):
        try:
            card = load_snapshot(current.store, name).card
        except StoreError as problem:
            entries.append(LogEntry(name, "", name == current.name, {}, problem.message))
            continue
        files: dict[str, int] = {}
        for root in card.roots:
            files[root.family] = files.get(root.family, 0) + root.catalogued
        entries.append(LogEntry(name, card.created, name == current.name, files))
    return entries


def changes(
    before: str, after: str | None = None, *, store: str | os.PathLike[str] | None = None
) -> list[Change]:
    """Return what changed between two snapshots, one entry for each family that changed.

    Parameters
    ----------
    before, after
        Names of snapshots; ``after`` is the published one by default.
    store
        The folder of the catalogs; by default the setting ``store``.

    Returns
    -------
    list of Change

    Raises
    ------
    UnknownValue
        If the store has no such snapshot.
    StoreError
        If one of them cannot be read.
    """
    old, new = named_snapshot(store, before), named_snapshot(store, after)
    found = []
    for family in sorted({*old.families, *new.families}):
        change = _of_family(_files(old, family), _files(new, family), family)
        if change:
            found.append(change)
    return found


def _files(snapshot: Snapshot, family: str) -> pl.DataFrame:
    columns = [*_KEY, "size", "mtime", "dataset", "version", "latest"]
    if family not in snapshot.families:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).with_columns(
            pl.col("size", "mtime").cast(pl.Int64), pl.col("latest").cast(pl.Boolean)
        )
    return snapshot.read(family, "files").select(columns)


def _of_family(old: pl.DataFrame, new: pl.DataFrame, family: str) -> Change:
    change = Change(family)
    added = new.join(old, on=_KEY, how="anti")
    gone = old.join(new, on=_KEY, how="anti")
    both = old.join(new, on=_KEY, suffix="_after")
    differs = (pl.col("size") != pl.col("size_after")) | (pl.col("mtime") != pl.col("mtime_after"))
    change.changed = _names(both.filter(differs))
    moved = _moved(gone, added)
    change.moved = [
        (f"{row['root']}:{row['path']}", f"{row['root_after']}:{row['path_after']}")
        for row in moved.sort(_KEY).iter_rows(named=True)
    ]
    change.gone = _names(gone.join(moved, on=_KEY, how="anti"))
    after = ["root_after", "path_after"]
    change.added = _names(added.join(moved, left_on=_KEY, right_on=after, how="anti"))
    versions = _newest(old).join(_newest(new), on="dataset", suffix="_after")
    changed = versions.filter(pl.col("version") != pl.col("version_after")).sort("dataset")
    change.re_versioned = list(changed.select("dataset", "version", "version_after").iter_rows())
    return change


def _moved(gone: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """Return the files that went from one place to another: same name, size and time.

    Where several could be meant on one side nobody knows which is which: they are gone and new.
    """
    same = ["name", "size", "mtime"]
    name = pl.col("path").str.split("/").list.last()
    # once on both sides before they are joined: thousands of equal ones would be millions of pairs
    was, now = (
        files.with_columns(name=name).unique(same, keep="none", maintain_order=True)
        for files in (gone, added)
    )
    return was.join(now, on=same, suffix="_after", how="inner")


def _names(files: pl.DataFrame) -> list[str]:
    return [f"{root}:{path}" for root, path in files.select(_KEY).sort(_KEY).iter_rows()]


def _newest(files: pl.DataFrame) -> pl.DataFrame:
    return files.filter("latest").select("dataset", "version").unique("dataset", keep="first")


def check_store(store: str | os.PathLike[str] | None = None) -> list[str]:
    """Look at everything that the published snapshot consists of.

    Parameters
    ----------
    store
        The folder of the catalogs; by default the setting ``store``.

    Returns
    -------
    list of str
        One sentence for each defect; empty if there is none.

    Raises
    ------
    StoreError
        If there is no published snapshot to look at.
    """
    snapshot = open_snapshot(store_path(store))
    found: list[str] = []
    for family in snapshot.families:
        try:
            counts = {
                table: snapshot.read(family, table).group_by("root").len()
                for table in ("files", "rejected")
            }
            listed = snapshot.read(family, "datasets")["files"].sum()
        except StoreError as problem:
            found.append(problem.message)
            continue
        found += _count_roots(
            snapshot, family, {name: dict(t.iter_rows()) for name, t in counts.items()}
        )
        total = sum(n for n in counts["files"]["len"])
        if listed != total:
            found.append(f"{family}: the datasets have {listed} files, and the files are {total}")
        described = snapshot.store / "export" / snapshot.card.site / f"{family}.json"
        if not described.is_file():
            found.append(f"{family}: the description for intake-esm, {described}, is missing")
    return found


def _count_roots(snapshot: Snapshot, family: str, counts: dict[str, dict[Any, int]]) -> list[str]:
    found = []
    for root in snapshot.card.roots:
        if root.family != family:
            continue
        for table, said in (("files", root.catalogued), ("rejected", root.rejected)):
            there = counts[table].get(root.root_id, 0)
            if there != said:
                found.append(
                    f"{family}: the root {root.root_id} had {said} rows in `{table}`, and has {there}"
                )
    return found
