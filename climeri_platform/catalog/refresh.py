"""The night: every source of a site is scanned, compared with the last night, and published.

One root that cannot be had costs that root: its rows stay as they were, marked stale, and the rest
is published. What an interrupted night had finished is not done again.
"""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.apart import scan_apart
from climeri_platform.catalog.assembly import assemble
from climeri_platform.catalog.build import nothing_found
from climeri_platform.catalog.carding import check_given_cards
from climeri_platform.catalog.contents_reading import contents_to_read
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.heading import files_to_read, read_some, with_headers
from climeri_platform.catalog.journal import JOURNAL, job_mark, job_of, left_over
from climeri_platform.catalog.layout import store_path
from climeri_platform.catalog.lock import holding
from climeri_platform.catalog.night import NAMED, NightReport, RootNight, compare
from climeri_platform.catalog.publish import current_or_none, prepare_store, publish, writing_soon
from climeri_platform.catalog.renewal import SAME, carry_root, renew
from climeri_platform.catalog.reporting import write_report
from climeri_platform.catalog.retraction import listed_together, read_retractions
from climeri_platform.catalog.sources import load_sources
from climeri_platform.catalog.tables import UNREADABLE
from climeri_platform.core.errors import (
    ClimeriError,
    RootUnusable,
    StoreBusy,
    StoreError,
    UsageError,
)
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal
    from climeri_platform.catalog.retraction import RetractionList
    from climeri_platform.catalog.scan import Difference
    from climeri_platform.catalog.sources import Source
    from climeri_platform.core.errors import StoreDamaged
    from climeri_platform.sites import Site

__all__ = ["refresh"]


@dataclass(slots=True)
class _Root:
    """One source on its way through the night; `budget` is the time that it has, in seconds."""

    source: Source
    site: Site
    rules: Family | None
    told: RootNight
    any_loss: bool = False
    scan: Difference | None = None
    listed: RetractionList | None = None
    problem: ClimeriError | None = None
    budget: float | None = None
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
    if unknown := sorted(set(accept_loss) - {each.root for each in wanted}):
        raise UsageError(
            f"the site {profile.site} has no root {unknown[0]!r} of which a loss could be accepted",
            hint=f"Its roots are {', '.join(sorted({each.root for each in wanted}))}.",
        )
    folder = store_path(store)
    prepare_store(folder)
    report = NightReport(profile.site, str(folder), began=began.isoformat(timespec="seconds"))
    with holding(folder, "refreshing", purpose=f"the refresh of the site {profile.site}"):
        before = current_or_none(folder)
        roots = [
            _Root(each, profile, *_prepared(each), any_loss=each.root in accept_loss)
            for each in wanted
        ]
        _refuse_twice(roots)
        report.roots = [each.told for each in roots]
        stop = threading.Event()
        with ThreadPoolExecutor(at_once) as pool:
            try:
                list(pool.map(lambda root: _scan(root, folder, before, progress, stop), roots))
            except BaseException:
                stop.set()  # otherwise the pool waits for scans that nobody wants any more
                raise
        for each in roots:
            _read_headers(each, folder, before, client, progress)
        with writing_soon(folder):
            snapshot, previous = _publish(folder, profile, roots, report, site)
        shutil.rmtree(folder / JOURNAL, ignore_errors=True)
    report.snapshot = snapshot.name
    report.previous = previous.name if previous is not None else None
    compare(report, snapshot, previous)
    report.seconds = round(time.perf_counter() - clock, 3)
    write_report(report.as_dict(), folder)
    return report


def _publish(
    folder: Path, profile: Site, roots: Sequence[_Root], report: NightReport, site: str | None
) -> tuple[Snapshot, Snapshot | None]:
    """Publish what the night has, and return the snapshot and the one before."""
    # others may have published other roots meanwhile
    previous = current_or_none(folder)
    for each in roots:
        _read_list(each)
        _renew(each, previous)
    undeclared = _undeclared(profile, roots, previous)
    report.roots += [told for told, _ in undeclared]
    renewals = [each.renewal for each in roots if each.renewal is not None]
    renewals += [each for _, each in undeclared]
    if previous is None and not renewals:
        raise _nothing_at_all(roots, folder)

    def lost(family: str, problem: StoreDamaged) -> None:
        for each in report.roots:
            if each.family == family:
                each.state, each.reason = "carried forward", problem.message
                each.new = each.changed = each.gone = 0

    lists = [(each.rules.family, each.listed) for each in roots if each.rules and each.listed]
    tables, cards = assemble(previous, renewals, listed_together(lists), lost)
    tables = [each for each in tables if not each.same]
    learned = {
        (each.root.family, each.root.root_id): each.folders for each in renewals if each.folders
    }
    return publish(folder, tables, cards, site=site, previous=previous, folders=learned), previous


def _refuse_twice(roots: Sequence[_Root]) -> None:
    """Refuse two sources that catalogue one root for one family, however its name is spelled.

    Raises
    ------
    UsageError
    """
    seen: set[tuple[str, str]] = set()
    for each in roots:
        if each.rules is None:
            continue
        if (key := (each.source.root, each.rules.family)) in seen:
            raise UsageError(
                f"two sources catalogue the root {key[0]!r} for the family {key[1]}",
                hint="Leave one of them out.",
            )
        seen.add(key)


def _prepared(source: Source) -> tuple[Family | None, RootNight]:
    told = RootNight(source.root, source.family, source.path)
    try:
        rules = load_family(source.family)
        check_given_cards(rules, source.cards)
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
    stop: threading.Event,
) -> None:
    """Scan one root, or take the scan that an interrupted night left."""
    source = root.source
    if root.rules is None or stop.is_set():
        return
    budget = source.seconds(datetime.now().astimezone())
    if budget == 0:
        root.told.state = "not its hour"
        return
    root.budget = budget
    job = job_of(source, root.rules, previous, budget)
    folder = store / JOURNAL / job_mark(source, root.rules)
    try:
        root.scan = left_over(folder)
        if root.scan is not None:
            root.told.resumed = True
        else:

            def follow(seen: int) -> None:
                if progress is not None:
                    progress(source.root, seen)

            root.scan = scan_apart(
                folder, job, patience=source.patience, progress=follow, stop=stop
            )
        nothing = not root.scan.files and not root.scan.skipped.unseen
        if nothing and not root.any_loss:
            root.problem = nothing_found(root.rules, Path(source.path), root.scan)
        root.told.took(root.scan)
    except ClimeriError as problem:
        root.problem = problem
    except OSError as problem:
        root.problem = StoreError(f"the scan of {source.path} cannot be kept: {problem}")


def _renewal(
    root: _Root, rules: Family, scan: Difference, previous: Snapshot | None, *, loss: float
) -> Renewal:
    source = root.source
    renewal = renew(
        previous,
        rules,
        source.root,
        source.path,
        scan,
        loss=loss,
        here=root.site,
        walked=source.inventory is None,
        moved=root.any_loss,
    )
    card = renewal.root.model_copy(update={"declared_by": root.site.site})
    return replace(renewal, root=card)


def _deadline(root: _Root, scan: Difference) -> float | None:
    """Return until when headers may be read: other roots' time is not counted, the window's is."""
    if root.budget is None:
        return None
    left = root.source.seconds(datetime.now().astimezone())
    own = root.budget - (0.0 if root.told.resumed else scan.seconds)
    return time.monotonic() + max(0.0, min(own, own if left is None else left))


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
        if source.headers == "contents":
            wanted = contents_to_read(now)
        else:
            wanted = files_to_read(now, nights=source.recheck_nights)

        def follow(read: int) -> None:
            if progress is not None:
                progress(f"{source.root}: headers", read)

        root.headers = read_some(
            wanted,
            now,
            store / JOURNAL / f"{job_mark(source, root.rules)}-headers",
            on_disk=source.headers == "contents",
            client=client,
            deadline=_deadline(root, root.scan),
            progress=follow,
        )
    except ClimeriError as problem:
        told.headers_problem = problem.message
        return
    except UNREADABLE as problem:
        told.headers_problem = f"what was read cannot be kept: {problem}"
        return
    failed = root.headers.filter(pl.col("header_problem").is_not_null())
    told.headers_failed = failed.select("path", "header_problem").head(NAMED).rows()
    told.headers_failed_count = failed.height
    read = wanted.join(root.headers, on=SAME, how="semi", nulls_equal=True).height
    told.headers, told.headers_left = read, wanted.height - read


def _renew(root: _Root, previous: Snapshot | None) -> None:
    """Make the rows of a root: of this night, or of the last one that had it."""
    source, told = root.source, root.told
    if root.rules is None:
        root.renewal = _without_rules(source, previous)
    elif told.state == "not its hour":
        return  # its numbers are those of the last night that had it, and its rows stay as they are
    elif root.scan is not None and root.problem is None:
        try:
            root.renewal = _of_this_night(root, root.rules, root.scan, previous)
        except StoreBusy:
            told.state = "overtaken"  # the rows of a later walk stay, and are not stale
            return
        except ClimeriError as problem:
            root.problem = problem
        except UNREADABLE as problem:
            root.problem = StoreError(f"what was known of it can no longer be read: {problem}")
    if root.rules is not None and root.problem is not None:
        told.state, told.reason = "carried forward", root.problem.message
        root.renewal = _as_it_was(root, root.rules, previous)
    if root.renewal is not None:
        told.count(root.renewal)
        told.family = root.renewal.root.family
    root.scan = None


def _of_this_night(
    root: _Root, rules: Family, scan: Difference, previous: Snapshot | None
) -> Renewal:
    loss = 1.0 if root.any_loss else root.source.loss
    renewal = _renewal(root, rules, scan, previous, loss=loss)
    if root.listed is not None:
        renewal = replace(renewal, listed=root.listed.table)
    return renewal if root.headers is None else with_headers(renewal, root.headers)


def _as_it_was(root: _Root, rules: Family, previous: Snapshot | None) -> Renewal | None:
    if previous is None:
        return None
    try:
        return carry_root(previous, rules, root.source.root)
    except StoreError as problem:
        root.told.reason += f"; and its rows cannot be read: {problem.message}"
        return None


def _undeclared(
    site: Site, roots: Sequence[_Root], previous: Snapshot | None
) -> list[tuple[RootNight, Renewal]]:
    """Return the roots that this site declared once, and that no source names any more: stale."""
    named = {(each.source.root, each.told.family) for each in roots}
    unread = {each.source.root for each in roots if each.rules is None}
    found: list[tuple[RootNight, Renewal]] = []
    if previous is None:
        return found
    for card in previous.card.roots:
        here = card.declared_by == site.site and card.root_id not in unread
        if not here or (card.root_id, card.family) in named:
            continue
        told = RootNight(card.root_id, card.family, card.mount, state="no longer declared")
        told.reason = "no source names it any more"
        try:
            renewal = carry_root(previous, previous.rules(card.family), card.root_id)
        except ClimeriError as problem:
            told.reason += f"; and its rows cannot be read: {problem.message}"
            continue
        if renewal is not None:
            told.count(renewal)
            found.append((told, renewal))
    return found


def _read_list(root: _Root) -> None:
    """Read the list of retracted datasets of a root, if its source names one."""
    if root.source.retracted is None or root.rules is None:
        return
    try:
        root.listed = read_retractions(root.source.retracted)
    except RootUnusable as problem:
        root.told.notes.append(problem.message)
        root.problem = root.problem or problem
    else:
        unread = root.listed.unread
        root.told.notes += [f"the list of retracted datasets: {line}" for line in unread]


def _without_rules(source: Source, previous: Snapshot | None) -> Renewal | None:
    """Carry a root forward by the rules of the snapshot, as its own cannot be read."""
    name = Path(source.family).stem if source.family.endswith((".yaml", ".yml")) else source.family
    if previous is None or name not in previous.families:
        return None
    try:
        return carry_root(previous, previous.rules(name), source.root)
    except StoreError:
        return None  # what is damaged stays damaged, and `check` tells it


def _nothing_at_all(roots: Sequence[_Root], store: Path) -> RootUnusable:
    reasons = "; ".join(
        f"{each.told.root_id}: {each.told.reason or each.told.state}" for each in roots
    )
    return RootUnusable(
        f"none of the {len(roots)} sources could be catalogued: {reasons}",
        hint=f"Nothing was published in {store}.",
    )
