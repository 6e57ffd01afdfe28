"""The night: every source of a site is scanned, compared with the last night, and published.

One root that cannot be had costs that root: its rows stay as they were, marked stale, and the rest
is published. What an interrupted night had finished is not done again.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.apart import load_scan, scan_apart
from climeri_platform.catalog.build import nothing_found
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.heading import files_to_read, read_some, with_headers
from climeri_platform.catalog.history import changes
from climeri_platform.catalog.known import known_table
from climeri_platform.catalog.layout import store_path
from climeri_platform.catalog.lock import holding
from climeri_platform.catalog.night import (
    NightReport,
    RootNight,
    bytes_by_model,
    duplicated,
    shortened,
)
from climeri_platform.catalog.publish import current_or_none, prepare_store, publish, writing
from climeri_platform.catalog.renewal import SAME, assemble, carry_root, renew, unchanged
from climeri_platform.catalog.reporting import write_report
from climeri_platform.catalog.retraction import mark_retracted
from climeri_platform.catalog.scan import Walking
from climeri_platform.catalog.sources import load_sources
from climeri_platform.core.errors import ClimeriError, RootUnusable, StoreError
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal
    from climeri_platform.catalog.scan import Scan
    from climeri_platform.catalog.sources import Source
    from climeri_platform.sites import Site

__all__ = ["refresh"]

_JOURNAL = ".refresh"
_FRESH = timedelta(hours=20)  # a scan that an interrupted night left is used within a day


@dataclass(slots=True)
class _Root:
    """One source on its way through the night; `until` is when its time is up."""

    source: Source
    site: Site
    rules: Family | None
    told: RootNight
    scan: Scan | None = None
    problem: ClimeriError | None = None
    until: float | None = None
    headers: pl.DataFrame | None = None
    renewal: Renewal | None = None


def refresh(
    site: str | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    sources: str | os.PathLike[str] | None = None,
    accept_loss: Sequence[str] = (),
    at_once: int = 2,
    client: Any = None,
    progress: Callable[[str, int], None] | None = None,
) -> NightReport:
    """Refresh the catalogs of a site, and publish them as one snapshot.

    Parameters
    ----------
    site
        The site; by default the setting ``site``.
    store
        The folder of the catalogs, made if need be; by default the setting ``store``.
    sources
        A folder of source files; by default ``catalogs/SITE`` of the installation.
    accept_loss
        Root ids of which any number of files may be gone.
    at_once
        How many roots are scanned at the same time.
    client
        A Dask client whose workers read the headers; by default processes on this machine.
    progress
        Is called with a root id and the number of files seen in it so far.

    Returns
    -------
    NightReport
        Also written to ``reports`` of the store, as JSON and a page. Its ``problems`` name the roots
        that were carried forward.

    Raises
    ------
    UsageError, UnknownSite
        If the site or its sources are not valid.
    StoreBusy
        If another refresh, or another writer, has the store.
    StoreError
        If the store cannot be written. What was published before stays.
    """
    began, clock = datetime.now(UTC), time.perf_counter()
    profile = load_site(site)
    wanted = load_sources(profile, sources)
    folder = store_path(store)
    prepare_store(folder)
    report = NightReport(profile.site, str(folder), began=began.isoformat(timespec="seconds"))
    with holding(folder, "refreshing", purpose=f"the refresh of the site {profile.site}"):
        before = current_or_none(folder)
        roots = [_Root(each, profile, *_prepared(each)) for each in wanted]
        report.roots = [each.told for each in roots]
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda root: _scan(root, folder, before, progress), roots))
        for each in roots:
            _read_headers(each, folder, before, client, progress)
        with writing(folder):
            # others may have published other roots meanwhile
            previous = current_or_none(folder)
            for each in roots:
                _renew(each, previous, any_loss=each.source.root in accept_loss)
            renewals = [each.renewal for each in roots if each.renewal is not None]
            if previous is None and not renewals:
                raise _nothing_at_all(roots, folder)
            tables, cards = assemble(previous, renewals)
            tables = [each for each in tables if not unchanged(previous, each, renewals)]
            snapshot = publish(folder, tables, cards, site=site, previous=previous)
        shutil.rmtree(folder / _JOURNAL, ignore_errors=True)
    report.snapshot = snapshot.name
    report.previous = previous.name if previous is not None else None
    _compare(report, snapshot, previous)
    report.seconds = round(time.perf_counter() - clock, 3)
    write_report(report.as_dict(), folder)
    return report


def _prepared(source: Source) -> tuple[Family | None, RootNight]:
    told = RootNight(source.root, source.family, source.path)
    try:
        rules = load_family(source.family)
    except ClimeriError as problem:
        told.state, told.reason = "carried forward", problem.message
        return None, told
    told.family = rules.family
    return rules, told


def _scan(
    root: _Root,
    store: Path,
    previous: Snapshot | None,
    progress: Callable[[str, int], None] | None,
) -> None:
    """Scan one root, or take the scan that an interrupted night left."""
    source = root.source
    if root.rules is None:
        return
    budget = source.seconds(datetime.now().astimezone())
    if budget == 0:
        root.told.state = "not its hour"
        return
    root.until = None if budget is None else time.monotonic() + budget
    how = Walking(
        walkers=source.walkers,
        calls_per_second=source.calls_per_second,
        seconds=budget,
        first=tuple(_pending(previous, source.root, root.rules.family)),
        tape=source.tape,
    )
    known = known_table(previous, root.rules, source.root, source.path)
    job = {
        "family": source.family,
        "place": source.path,
        "root_id": source.root,
        "inventory": source.inventory,
        "how": asdict(how),
        "cards": source.cards,
        "known": str(known) if known is not None else None,
    }
    folder = store / _JOURNAL / _mark(source, root.rules)
    try:
        root.scan = _left_over(folder)
        if root.scan is not None:
            root.told.resumed = True
        else:

            def follow(seen: int) -> None:
                if progress is not None:
                    progress(source.root, seen)

            root.scan = scan_apart(folder, job, patience=source.patience, progress=follow)
        if not root.scan.files.height and not root.scan.skipped.unseen:
            root.problem = nothing_found(root.rules, Path(source.path), root.scan)
        root.told.took(root.scan)
    except ClimeriError as problem:
        root.problem = problem
    except OSError as problem:
        root.problem = StoreError(f"the scan of {source.path} cannot be kept: {problem}")


def _mark(source: Source, rules: Family) -> str:
    """Return the name of a job: another source, or other rules, is another job."""
    what = source.model_dump_json() + rules.model_dump_json()
    return f"{source.root}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def _left_over(folder: Path) -> Scan | None:
    try:
        scan = load_scan(folder)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError):
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(scan.walked)
    return scan if timedelta(0) <= age < _FRESH else None


def _pending(previous: Snapshot | None, root_id: str, family: str) -> list[str]:
    for each in previous.card.roots if previous is not None else []:
        if (each.root_id, each.family) == (root_id, family):
            return each.pending
    return []


def _renewal(
    root: _Root, rules: Family, scan: Scan, previous: Snapshot | None, *, loss: float
) -> Renewal:
    source = root.source
    return renew(
        previous,
        rules,
        source.root,
        source.path,
        scan,
        loss=loss,
        here=root.site,
        walked=source.inventory is None,
    )


def _read_headers(
    root: _Root,
    store: Path,
    previous: Snapshot | None,
    client: Any,
    progress: Callable[[str, int], None] | None,
) -> None:
    """Open the files of a root that have to be opened, if its source says so."""
    source, told = root.source, root.told
    if not source.headers or root.rules is None or root.scan is None or root.problem is not None:
        return
    try:
        now = _renewal(root, root.rules, root.scan, previous, loss=1.0)
        wanted = files_to_read(now, nights=source.recheck_nights)

        def follow(read: int) -> None:
            if progress is not None:
                progress(f"{source.root}: headers", read)

        root.headers = read_some(
            wanted,
            now,
            store / _JOURNAL / f"{_mark(source, root.rules)}-headers",
            client=client,
            deadline=root.until,
            progress=follow,
        )
    except ClimeriError as problem:
        told.headers_problem = problem.message
        return
    failed = root.headers.filter(pl.col("header_problem").is_not_null())
    told.headers_failed = failed.select("path", "header_problem").rows()
    read = wanted.join(root.headers, on=SAME, how="semi", nulls_equal=True).height
    told.headers, told.headers_left = read, wanted.height - read


def _renew(root: _Root, previous: Snapshot | None, *, any_loss: bool) -> None:
    """Make the rows of a root: of this night, or of the last one that had it."""
    source, told = root.source, root.told
    if root.rules is None or told.state == "not its hour":
        return
    if root.scan is not None and root.problem is None:
        loss = 1.0 if any_loss else source.loss
        try:
            scan = mark_retracted(root.scan, source.retracted)
            renewal = _renewal(root, root.rules, scan, previous, loss=loss)
            if root.headers is not None:
                files = with_headers(renewal.files, root.headers)
                renewal = replace(renewal, files=files)
            root.renewal = renewal
        except ClimeriError as problem:
            root.problem = problem
    if root.problem is not None:
        told.state, told.reason = "carried forward", root.problem.message
        try:
            if previous is not None:
                root.renewal = carry_root(previous, root.rules, source.root)
        except StoreError as problem:
            told.reason += f"; and its rows cannot be read: {problem.message}"
    if root.renewal is not None:
        told.count(root.renewal)
        # nobody asks for them again, and they are as large as the table
        root.renewal = replace(root.renewal, before=root.renewal.before.clear())
    root.scan = None


def _nothing_at_all(roots: Sequence[_Root], store: Path) -> RootUnusable:
    reasons = "; ".join(
        f"{each.told.root_id}: {each.told.reason or each.told.state}" for each in roots
    )
    return RootUnusable(
        f"none of the {len(roots)} sources could be catalogued: {reasons}",
        hint=f"Nothing was published in {store}.",
    )


def _compare(report: NightReport, snapshot: Snapshot, previous: Snapshot | None) -> None:
    for name in snapshot.families:
        report.duplicated += duplicated(snapshot, name)
        report.bytes_by_model += bytes_by_model(snapshot, snapshot.rules(name))
    if previous is not None:
        found = changes(previous.name, snapshot.name, store=snapshot.store)
        report.changes = [shortened(each) for each in found]
