"""The snapshots of a store: what each holds, what changed between two, and going back."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.layout import (
    load_snapshot,
    open_snapshot,
    snapshot_names,
    store_path,
)
from climeri_platform.catalog.pieces import pieces, rows_at
from climeri_platform.catalog.tables import ROW_COLUMNS
from climeri_platform.core.errors import StoreError, UnknownValue, nearest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from climeri_platform.catalog.layout import Snapshot, Table

__all__ = ["Change", "LogEntry", "changes", "check_store", "snapshot_log"]

_KEY = ["root", "path"]
_SHARES = 16  # of the files are compared one after the other
_HASHES = ["one", "two"]  # 128 bits together: see `catalog.known`


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
        if _shared(old, new, family):
            continue
        change = _of_family(_Tables.of(old, family), _Tables.of(new, family), family)
        if change:
            found.append(change)
    return found


def _shared(old: Snapshot, new: Snapshot, family: str) -> bool:
    """Tell whether two snapshots have one file for a table: nothing in it changed."""
    one, two = (each.path_of(family, "files") for each in (old, new))
    try:
        return one.samefile(two)
    except OSError:
        return False


@dataclass(frozen=True)
class _Tables:
    """A family's tables in a snapshot, as numbers; names are read of what differs."""

    files: pl.LazyFrame
    datasets: pl.LazyFrame
    reading: Callable[[Table], AbstractContextManager[None]] = lambda _: nullcontext()

    @classmethod
    def of(cls, snapshot: Snapshot, family: str) -> _Tables:
        """Return those of a snapshot; without rows if it has no such family."""
        if family not in snapshot.families:
            none = pl.LazyFrame(schema={"version": pl.String, **ROW_COLUMNS})
            return cls(none, none)
        return cls(
            snapshot.scan(family, "files"),
            snapshot.scan(family, "datasets"),
            partial(snapshot.reading, family),
        )

    def numbers(self) -> pl.DataFrame:
        """Return two hashes of root and path, size, time and place of each file."""
        hashes = [_hash(_KEY, seed).alias(name) for seed, name in enumerate(_HASHES, 1)]
        with self.reading("files"):
            return _numbered(self.files.select(*hashes, "size", "mtime"))

    def newest(self) -> pl.DataFrame:
        """Return two hashes of each dataset, its newest version, and a place where its name is."""
        hashes = [_hash(["dataset"], seed).alias(name) for seed, name in enumerate(_HASHES, 1)]
        with self.reading("datasets"):
            found = _numbered(self.datasets.select(*hashes, "version", "latest"))
        return found.filter("latest").unique(_HASHES, keep="first", maintain_order=True)

    def files_at(self, at: pl.Series) -> pl.DataFrame:
        """Return root, path, size and time of the files at some places."""
        frame = self.files.select(*_KEY, "size", "mtime")
        with self.reading("files"):
            return pl.concat([frame.head(0).collect(), *rows_at(frame, at)])

    def datasets_at(self, at: pl.Series) -> pl.Series:
        """Return the names of the datasets at some places."""
        frame = self.datasets.select("dataset")
        with self.reading("datasets"):
            return pl.concat([frame.head(0).collect(), *rows_at(frame, at)])["dataset"]


def _numbered(frame: pl.LazyFrame) -> pl.DataFrame:
    found = [piece.with_row_index("at", first) for first, piece in pieces(frame)]
    return pl.concat([frame.head(0).collect().with_row_index("at"), *found])


def _hash(names: list[str], seed: int) -> pl.Expr:
    # one number each: polars 2 takes no more
    first, *rest = (pl.col(name).hash(seed << 8 | at) for at, name in enumerate(names))
    return reduce(pl.Expr.xor, rest, first)


def _of_family(old: _Tables, new: _Tables, family: str) -> Change:
    change = Change(family)
    places = _that_differ(old.numbers(), new.numbers())
    gone, added = old.files_at(places["gone"]), new.files_at(places["added"])
    change.changed = _names(old.files_at(places["changed"]))
    moved = _moved(gone, added)
    change.moved = [
        (f"{row['root']}:{row['path']}", f"{row['root_after']}:{row['path_after']}")
        for row in moved.sort(_KEY).iter_rows(named=True)
    ]
    change.gone = _names(gone.join(moved, on=_KEY, how="anti"))
    after = ["root_after", "path_after"]
    change.added = _names(added.join(moved, left_on=_KEY, right_on=after, how="anti"))
    versions = _joined(old.newest(), new.newest())
    changed = versions.filter(pl.col("version") != pl.col("version_after")).sort("at")
    named = changed.with_columns(dataset=old.datasets_at(changed["at"])).sort("dataset")
    change.re_versioned = list(named.select("dataset", "version", "version_after").iter_rows())
    return change


def _that_differ(was: pl.DataFrame, now: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the places of files: those gone and those changed before, those added after."""
    found: dict[str, list[pl.Series]] = {"gone": [], "added": [], "changed": []}
    differs = (pl.col("size") != pl.col("size_after")) | (pl.col("mtime") != pl.col("mtime_after"))
    for share in range(_SHARES):
        here = pl.col("one") % _SHARES == share
        one, two = was.filter(here), now.filter(here)
        both = _joined(one, two)
        found["gone"].append(one["at"].filter(~one["at"].is_in(both["at"].implode())))
        found["added"].append(two["at"].filter(~two["at"].is_in(both["at_after"].implode())))
        found["changed"].append(both["at"].filter(both.select(differs).to_series()))
    return {kind: pl.concat(places).sort() for kind, places in found.items()}


def _joined(one: pl.DataFrame, two: pl.DataFrame) -> pl.DataFrame:
    # one hash is a key, which is fast, and the other tells apart those that share it
    both = one.join(two, on="one", suffix="_after")
    return both.filter(pl.col("two") == pl.col("two_after"))


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
            counts = {table: _whole(snapshot, family, table) for table in ("files", "rejected")}
            listed = snapshot.read(family, "datasets")["files"].sum()
        except StoreError as problem:
            found.append(problem.message)
            continue
        found += _count_roots(snapshot, family, counts)
        total = counts["files"].total()
        if listed != total:
            found.append(f"{family}: the datasets have {listed} files, and the files are {total}")
        described = snapshot.store / "export" / snapshot.card.site / f"{family}.json"
        if not described.is_file():
            found.append(f"{family}: the description for intake-esm, {described}, is missing")
    return found


def _whole(snapshot: Snapshot, family: str, table: Table) -> Counter[str]:
    """Read all of a table, and return how many rows each root has."""
    found: Counter[str] = Counter()
    frame = snapshot.scan(family, table)
    with snapshot.reading(family, table):
        for _, piece in pieces(frame):
            found.update(dict(piece.group_by("root").len().iter_rows()))
    return found


def _count_roots(snapshot: Snapshot, family: str, counts: dict[str, Counter[str]]) -> list[str]:
    found = []
    for root in snapshot.card.roots:
        if root.family != family:
            continue
        for table, said in (("files", root.catalogued), ("rejected", root.rejected)):
            there = counts[table][root.root_id]
            if there != said:
                found.append(
                    f"{family}: the root {root.root_id} had {said} rows in `{table}`, and has {there}"
                )
    return found
