"""Building a catalog: walk a root, parse its names, publish."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.carding import FoundCards, completed, find_cards, join_cards
from climeri_platform.catalog.family import Family, Place, Rejected, load_family
from climeri_platform.catalog.inventory import read_inventory
from climeri_platform.catalog.layout import Root, store_path
from climeri_platform.catalog.publish import current_or_none, prepare_store, publish, writing
from climeri_platform.catalog.tables import (
    REJECTED,
    aligned,
    files_schema,
    mark_latest,
    sort_files,
)
from climeri_platform.catalog.walk import FoundFile, Skipped, check_root, readable, walk
from climeri_platform.core.errors import RootShrunk, RootUnusable, StoreDamaged, UsageError
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from climeri_platform.catalog.layout import Snapshot

__all__ = ["LOSS_LIMIT", "BuildReport", "build_catalog", "default_root_id"]

LOSS_LIMIT = 0.1  # of a root's files: more than a night of retractions, less than a mount

_ROOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build found and did.

    Attributes
    ----------
    family, root_id, root, store, snapshot
        What was built, from where, and where it is.
    found, catalogued, rejected
        Numbers of NetCDF files by name; ``found == catalogued + rejected``.
    reasons
        Code of a rejection to how many files.
    datasets
        How many datasets the catalogued files form, versions counted once.
    other, links, unreadable
        Files of other kinds; directory links that were not followed; paths that could not be
        read, with the system's reason.
    size
        Bytes of the catalogued files.
    seconds
        How long it took.
    """

    family: str
    root_id: str
    root: str
    store: str
    snapshot: str
    found: int
    catalogued: int
    rejected: int
    reasons: dict[str, int]
    datasets: int
    other: int
    links: int
    unreadable: list[tuple[str, str]]
    size: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Rows:
    """Rows under way, column by column."""

    files: dict[str, list[Any]]
    rejected: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in REJECTED})


def default_root_id(root: Path) -> str:
    """Return the id of a root that was given none: its name and a mark of its place.

    Examples
    --------
    >>> from pathlib import Path
    >>> default_root_id(Path("/bdd/CMIP6"))
    'CMIP6-374ef0'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-._") or "root"
    return f"{name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"


def build_catalog(
    family: str | os.PathLike[str],
    root: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    root_id: str | None = None,
    site: str = "local",
    inventory: str | os.PathLike[str] | None = None,
    cards: str | os.PathLike[str] | None = None,
    accept_loss: bool = False,
    progress: Callable[[int], None] | None = None,
) -> BuildReport:
    """Catalogue one root of an archive family, and publish it.

    No file is opened. Rows of other families and of other roots stay as they are; rows of this
    root are replaced.

    Parameters
    ----------
    family
        An archive family: `family_names` lists them. Or the path of a YAML file of one's own.
    root
        The top of the tree, or any folder in it.
    store
        The folder of the catalogs, made if need be; by default the setting ``store``.
    root_id
        The name under which paths of this root are stored; by default from the root's path.
    site
        The site whose export is written.
    inventory
        A list of the root's files, taken in place of a walk (see `catalog.inventory`); the root
        need not be mounted here then.
    cards
        A folder of simulation cards, beside those in the runs' own folders.
    accept_loss
        Publish even if more than a tenth of the root's catalogued files is gone.
    progress
        Is called with the number of files seen so far.

    Returns
    -------
    BuildReport

    Raises
    ------
    UnknownFamily, UnknownSite
        If there is no such family or site.
    UsageError
        If the root id is not one, or stands for another root already.
    RootUnusable
        If the root cannot be walked, or holds no file of the family. Nothing is published then.
    RootShrunk
        If too much of the root vanished since the last build. Nothing is published then.
    StoreError
        If the store cannot be written. What was published before stays.
    """
    began = time.perf_counter()
    rules = load_family(family)
    load_site(site)
    place = check_root(root) if inventory is None else Path(os.path.abspath(root))  # noqa: PTH100 - as there
    name = root_id or default_root_id(place)
    if not _ROOT_ID.fullmatch(name):
        raise UsageError(f"{name!r} is no root id: letters, digits, '.', '_' and '-' only")
    folder = store_path(store)
    prepare_store(folder)
    skipped = Skipped()
    rows = _Rows({column: [] for column in files_schema(rules)})
    listing = (
        walk(place, skipped) if inventory is None else read_inventory(inventory, place, skipped)
    )
    _collect(rules, place, name, rows, listing, progress)
    catalogued = len(rows.files["path"])
    if catalogued == 0:
        raise _nothing(rules, place, rows, skipped)
    told = find_cards(rules, place, name, rows.files["path"], folder=cards, look=inventory is None)
    skipped.unreadable += told.problems
    limit = 1.0 if accept_loss else LOSS_LIMIT
    size = sum(each for each in rows.files["size"] if each is not None)
    with writing(folder):
        snapshot, datasets = _publish(
            rules, place, name, rows, folder, site, limit=limit, cards=told
        )
    codes = rows.rejected["code"]
    return BuildReport(
        family=rules.family,
        root_id=name,
        root=str(place),
        store=str(folder),
        snapshot=snapshot,
        found=catalogued + len(codes),
        catalogued=catalogued,
        rejected=len(codes),
        reasons={code: codes.count(code) for code in sorted(set(codes))},
        datasets=datasets,
        other=skipped.other,
        links=len(skipped.links),
        unreadable=skipped.unreadable,
        size=size,
        seconds=round(time.perf_counter() - began, 3),
    )


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


def _nothing(rules: Family, place: Path, rows: _Rows, skipped: Skipped) -> RootUnusable:
    reasons = rows.rejected["reason"]
    if not reasons:
        seen = f"it holds {skipped.other} other files" if skipped.other else "it is empty"
        if skipped.unreadable:
            seen = f"{len(skipped.unreadable)} paths in it cannot be read"
        return RootUnusable(
            f"no NetCDF file was found under {place}: {seen}",
            hint="Nothing was published. Is the mount there, and is it the right folder?",
        )
    example = rows.rejected["path"][0]
    return RootUnusable(
        f"none of the {len(reasons)} NetCDF files under {place} follows {rules.family}; "
        f"the first: {example}: {reasons[0]}",
        hint="Nothing was published. Is it another archive family?",
    )


def _guard(previous: Snapshot, files: pl.DataFrame, root: str, family: str, limit: float) -> None:
    """Refuse when a mount that went away half would empty the catalog.

    Raises
    ------
    RootShrunk
        If more than ``limit`` of the root's catalogued files is gone.
    """
    try:
        before = previous.read(family, "files", pl.col("root") == root).select("path")
    except StoreDamaged:
        return  # there is nothing to compare with, and this build mends it
    gone = before.join(files.select("path"), on="path", how="anti").height
    if before.height and gone > limit * before.height:
        raise RootShrunk(
            f"{gone} of the {before.height} {family} files of the root {root} are gone, "
            f"more than {limit:.0%}",
            hint="Nothing was published, the last catalog stays. Is the mount whole? "
            "If they were meant to go: --accept-loss.",
        )


def _publish(
    rules: Family,
    place: Path,
    name: str,
    rows: _Rows,
    folder: Path,
    site: str,
    *,
    limit: float,
    cards: FoundCards,
) -> tuple[str, int]:
    files = pl.DataFrame(rows.files, schema=files_schema(rules))
    rejected = pl.DataFrame(rows.rejected, schema=REJECTED)
    datasets = files["dataset"].n_unique()
    previous = current_or_none(folder)
    roots = list(previous.card.roots) if previous else []
    taken = next(
        (each for each in roots if each.root_id == name and each.mount != str(place)), None
    )
    if taken is not None:
        raise UsageError(
            f"the root id {name!r} stands for {taken.mount}, not for {place}",
            hint="Give another one with --root-id.",
        )
    if previous is not None and limit < 1 and rules.family in previous.families:
        _guard(previous, files, name, rules.family, limit)
    rules, files, beside = join_cards(rules, files, cards, previous, name)
    roots = [each for each in roots if (each.root_id, each.family) != (name, rules.family)]
    # only if there are any: a damaged table is mended by building its one root again
    if previous is not None and rules.family in {each.family for each in roots}:
        others = pl.col("root") != name
        kept = previous.read(rules.family, "files", others)
        files = pl.concat([aligned(kept, files_schema(rules)), files])
        refused = previous.read(rules.family, "rejected", others)
        rejected = pl.concat([refused.select(rejected.columns), rejected])
    this = Root(
        root_id=name,
        mount=str(place),
        family=rules.family,
        walked=datetime.now(UTC).isoformat(timespec="seconds"),
        found=len(rows.files["path"]) + len(rows.rejected["path"]),
        catalogued=len(rows.files["path"]),
        rejected=len(rows.rejected["path"]),
    )
    snapshot = publish(
        folder,
        rules,
        sort_files(mark_latest(completed(files, rules)), rules),
        rejected.sort("root", "path"),
        sorted([*roots, this], key=lambda each: (each.family, each.root_id)),
        site=site,
        previous=previous,
        beside=beside,
    )
    return snapshot.name, datasets
