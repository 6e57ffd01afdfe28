"""Publishing: a new snapshot beside the old one, then one rename.

Whatever happens on the way, a reader finds the old catalog or the new one, whole.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform import __version__
from climeri_platform.catalog.contents import contents_in
from climeri_platform.catalog.export import (
    MASTER,
    export_description,
    export_master,
    export_tables,
)
from climeri_platform.catalog.facets import FACETS_TABLE, facet_table
from climeri_platform.catalog.folders import share_file, share_folders
from climeri_platform.catalog.layout import (
    FORMAT,
    SnapshotCard,
    StoreFormat,
    check_format,
    load_snapshot,
    open_snapshot,
    snapshot_names,
)
from climeri_platform.catalog.lock import Held, holding, still_held
from climeri_platform.catalog.pieces import whole_datasets, write_pieces
from climeri_platform.catalog.replicas import mounts_for
from climeri_platform.catalog.tables import UNREADABLE, datasets_of, files_schema
from climeri_platform.catalog.variable_lists import CONTENTS_FILE
from climeri_platform.core.errors import StoreBusy, StoreError
from climeri_platform.core.writing import sync, write_whole
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from climeri_platform.catalog.assembly import FamilyTables
    from climeri_platform.catalog.layout import Root, Snapshot
    from climeri_platform.catalog.replicas import Replica

__all__ = ["KEPT_SNAPSHOTS", "prepare_store", "publish", "roll_back", "writing", "writing_soon"]

_WAIT = 600.0  # seconds for another writer, which publishes in less
KEPT_SNAPSHOTS = 7  # a week of nights


def prepare_store(store: Path) -> None:
    """Make sure that a folder is a store that this version may write to.

    Raises
    ------
    StoreError
        If it cannot be created, or holds something else.
    StoreTooNew, StoreDamaged
        If it is a store that this version cannot continue.
    """
    try:
        store.mkdir(parents=True, exist_ok=True)
        foreign = not (store / "store.json").exists() and any(
            not each.name.startswith(".") for each in store.iterdir()
        )
    except OSError as problem:
        raise StoreError(
            f"the store {store} cannot be made: {problem.strerror}",
            hint="Name a directory that you may write to with --store.",
        ) from problem
    if foreign:
        raise StoreError(
            f"{store} holds something that is not a catalog store",
            hint="Name an empty directory, or an existing store, with --store.",
        )
    if (store / "store.json").exists():
        check_format(store, to_write=True)
        return
    card = StoreFormat(
        format=FORMAT, min_reader=FORMAT, written_by=f"climeri-platform {__version__}"
    )
    try:
        write_whole(store / "store.json", card.model_dump_json(indent=2))
        with suppress(PermissionError):  # a folder may be passed through and not be read
            sync(store.parent)
    except OSError as problem:
        raise StoreError(
            f"the store {store} cannot be written: {problem.strerror}",
            hint="Name a directory that you may write to with --store.",
        ) from problem


@contextmanager
def writing(store: Path) -> Iterator[Held]:
    """Hold the store for one publish; see `catalog.lock`.

    Raises
    ------
    StoreBusy
        If another process holds it.
    StoreError
        If the folder may not be written to.
    """
    with holding(store, "writing", purpose="a publish") as held:
        yield held


@contextmanager
def writing_soon(store: Path) -> Iterator[None]:
    """Wait for a writer that is at it: a build of seconds must not cost a night."""
    until = time.monotonic() + _WAIT
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(writing(store))
                break
            except StoreBusy:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
        yield


def _new_name(store: Path, now: datetime) -> str:
    # later than every other, also within a second and when the clock went back
    stem = now.strftime("%Y%m%dT%H%M%SZ")
    last, _, number = (snapshot_names(store) or [""])[-1].partition("-")
    return stem if last < stem else f"{last}-{int(number or 1) + 1}"


def publish(
    store: Path,
    tables: Sequence[FamilyTables],
    roots: list[Root],
    *,
    site: str | None,
    previous: Snapshot | None,
    ends: Collection[str] = (),
    folders: Mapping[tuple[str, str], str] | None = None,
) -> Snapshot:
    """Publish the tables of some families, keeping every other family as it was.

    Parameters
    ----------
    store
        A prepared store, held by `writing`.
    tables
        Families, each with all its rows from all its roots.
    roots
        Every root of the store after this.
    site
        The site whose export is written; None stands for the setting ``site``.
    previous
        The snapshot that this one follows.
    ends
        Families that are in it, and no longer in the new one.
    folders
        Family and root id to the file of what was learned of directories; of others, the last
        snapshot's stays.

    Returns
    -------
    Snapshot
        The new one.

    Raises
    ------
    StoreBusy
        If the lock was taken over meanwhile; nothing is published then.
    UnknownSite
        If there is no such site, or its profile names a variable that is not set.
    StoreError
        If the disk refuses; what was published before is untouched.
    """
    here = load_site(site)
    replicas = mounts_for(roots, here)
    now = datetime.now(UTC)
    name = _new_name(store, now)
    finished = store / "snapshots" / name
    building = store / "snapshots" / f".building-{name}"
    card = SnapshotCard(
        snapshot=name,
        created=now.isoformat(timespec="seconds"),
        site=here.site,
        roots=roots,
        exported={root: f"{each.rank} {each.mount}" for root, each in replicas.items()},
    )
    still_held(store)  # before another writer's work is swept away
    try:
        finished.parent.mkdir(exist_ok=True)
        _sweep(store)
        _fill(building, tables, card, previous, ends, replicas)
        share_folders(building, card.roots, previous, folders or {})
        (building / "snapshot.json").write_text(card.model_dump_json(indent=2), encoding="utf-8")
        for path in [*building.rglob("*"), building]:
            sync(path)
        building.replace(finished)
        sync(finished.parent)
        sync(store)  # CURRENT must not outlive a power cut that the folder of snapshots did not
    except BaseException as problem:  # also a damaged table, and somebody who ends it
        _discard(building, finished)
        if isinstance(problem, UNREADABLE):
            raise _refused(store, name, problem) from problem
        raise
    try:
        write_whole(store / "CURRENT", name + "\n", until=partial(still_held, store))
    except (OSError, StoreError) as problem:
        # only the last step, the sync of the folder, can fail after CURRENT names the snapshot
        if not _is_current(store, name):
            _discard(finished)
        if isinstance(problem, StoreError):
            raise  # the lock was taken over
        raise _refused(store, name, problem) from problem
    snapshot = open_snapshot(store)
    try:
        _describe(snapshot)
    except OSError as problem:
        raise StoreError(
            f"the snapshot {name} is published, but its export for intake-esm cannot be written "
            f"to {store}: {problem.strerror or problem}",
            hint="Check the space and the rights, then build again.",
        ) from problem
    _prune(store, keep=name)
    return snapshot


def roll_back(store: Path, name: str) -> Snapshot:
    """Publish an older snapshot again; the newer ones stay, so that this can be undone.

    Parameters
    ----------
    store
        The folder of the catalogs.
    name
        A snapshot of it.

    Returns
    -------
    Snapshot
        The one that readers get from now on.

    Raises
    ------
    StoreBusy
        If another process writes to the store.
    StoreDamaged
        If that snapshot cannot be read as a whole; nothing is changed then.
    StoreError
        If the disk refuses.
    """
    check_format(store, to_write=True)
    with writing(store):
        snapshot = load_snapshot(store, name)
        for family in snapshot.families:
            for table in ("files", "datasets", "rejected"):
                snapshot.scan(family, table)
        try:
            write_whole(store / "CURRENT", name + "\n", until=partial(still_held, store))
            _describe(snapshot)
        except OSError as problem:
            raise StoreError(
                f"the store {store} cannot be rolled back to {name}: {problem.strerror or problem}",
                hint="Check the space and the rights, then run it again.",
            ) from problem
    return snapshot


def _is_current(store: Path, name: str) -> bool:
    try:
        return open_snapshot(store).name == name
    except StoreError:
        return False


def _discard(*folders: Path) -> None:
    for each in folders:
        shutil.rmtree(each, ignore_errors=True)


def _refused(store: Path, name: str, problem: Exception) -> StoreError:
    return StoreError(
        f"the snapshot {name} cannot be written to {store}: "
        f"{getattr(problem, 'strerror', None) or problem}",
        hint="What was published before is unchanged. Check the space and the rights.",
    )


def _sweep(store: Path) -> None:
    # what writers that died have left; we hold the lock
    for left in (store / "snapshots").glob(".building-*"):
        shutil.rmtree(left, ignore_errors=True)
    for pattern in (".CURRENT.*", ".store.json.*", "export/*/.*.json.*", f"export/*/.{MASTER}.*"):
        for left in store.glob(pattern):
            left.unlink(missing_ok=True)


def _write_family(building: Path, tables: FamilyTables) -> None:
    folder = building / tables.family.family
    folder.mkdir(parents=True)
    family, files, datasets = tables.family, folder / "files.parquet", folder / "datasets.parquet"
    schema = files_schema(family)
    write_pieces(tables.parts, schema, files)
    table = pl.scan_parquet(files, glob=False)
    columns = datasets_of(pl.DataFrame(schema=schema), family).schema
    wanted = [each for each in (*columns, "path") if each != "files"]
    write_pieces(
        (datasets_of(each, family) for each in whole_datasets(table.select(wanted))),
        columns,
        datasets,
    )
    its = pl.scan_parquet(datasets, glob=False)
    held = contents_in(its, family, tables.beside.get(CONTENTS_FILE, "{}"))
    counts = facet_table(its, family.facets, held)
    counts.write_parquet(folder / FACETS_TABLE, compression="zstd")
    tables.rejected.write_parquet(folder / "rejected.parquet", compression="zstd")
    rules = family.model_dump_json(indent=2, exclude_defaults=True)
    for small, text in {**tables.beside, "family.json": rules}.items():
        (folder / small).write_text(text, encoding="utf-8")


def _fill(
    building: Path,
    tables: Sequence[FamilyTables],
    card: SnapshotCard,
    previous: Snapshot | None,
    ends: Collection[str],
    replicas: Mapping[str, Replica],
) -> None:
    """Write the tables of a snapshot and their exports, and share those that stay as they are."""
    export = building / "export" / card.site
    names = {*ends, *(each.family.family for each in tables)}
    moved = previous is not None and not _exports_alike(previous.card, card)
    _carry_over(building, previous, without=names, but=card.site if moved else None)
    if previous is not None and moved:
        for old in sorted({*previous.families} - names):
            with previous.reading(old, "files"):
                files = previous.scan(old, "files")
                export_tables(files, previous.rules(old), replicas, export)
    for each in tables:
        _write_family(building, each)
        files = pl.scan_parquet(building / each.family.family / "files.parquet", glob=False)
        export_tables(files, each.family, replicas, export)


def _exports_alike(one: SnapshotCard, other: SnapshotCard) -> bool:
    return (one.site, one.exported) == (other.site, other.exported)


def _carry_over(
    building: Path, previous: Snapshot | None, *, without: set[str], but: str | None
) -> None:
    """Share the files of the last snapshot; not those of some families, nor the export of a site."""
    building.mkdir()
    if previous is None:
        return
    for old in previous.folder.rglob("*"):
        relative = old.relative_to(previous.folder)
        if old.is_dir() or relative.name == "snapshot.json":
            continue
        # a name may hold dots: the export's files are NAME.parquet and NAME.csv.gz
        name = relative.name.removesuffix(".gz").rpartition(".")[0]
        exported = relative.parts[0] == "export" and (name in without or relative.parts[1] == but)
        if relative.parts[0] in without or exported or relative.parts[1:2] == ("folders",):
            continue
        share_file(old, building / relative)


def _describe(snapshot: Snapshot) -> None:
    # every site for which the snapshot has a table, not only the one of this build
    described = set()
    for tables in sorted((snapshot.folder / "export").glob("*")):
        folder = snapshot.store / "export" / tables.name
        folder.mkdir(parents=True, exist_ok=True)
        listed = []
        for table in sorted(tables.glob("*.parquet")):
            for name, content in export_description(snapshot, table.stem, folder.name).items():
                write_whole(folder / name, json.dumps(content, indent=2))
                described.add(folder / name)
                listed.append(content)
        # last: what it lists is there
        write_whole(folder / MASTER, export_master(listed, snapshot, folder.name))
        described.add(folder / MASTER)
    for old in [
        *(snapshot.store / "export").glob("*/*.json"),
        *snapshot.store.glob(f"export/*/{MASTER}"),
    ]:
        if old not in described:
            old.unlink()


def _prune(store: Path, *, keep: str) -> None:
    for old in snapshot_names(store)[:-KEPT_SNAPSHOTS]:
        if old != keep:
            shutil.rmtree(store / "snapshots" / old, ignore_errors=True)


def current_or_none(store: Path) -> Snapshot | None:
    """Return the snapshot to go on from, or None in a store that has none yet.

    Without CURRENT, because a first build was killed or somebody deleted it, that is the newest
    one: a snapshot is whole once it has its name, and no catalog is lost.
    """
    if (store / "CURRENT").exists():
        return open_snapshot(store)
    names = snapshot_names(store)
    return load_snapshot(store, names[-1]) if names else None
