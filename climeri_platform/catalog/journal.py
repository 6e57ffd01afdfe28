"""What a night that was interrupted has finished already, and the next one goes on with.

Each job has a folder in the journal of the store. It is removed when its night is published.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.apart import load_scan
from climeri_platform.catalog.folders import known_folders
from climeri_platform.catalog.known import known_table
from climeri_platform.catalog.reader import reader_mark
from climeri_platform.catalog.tables import UNREADABLE, files_schema
from climeri_platform.catalog.walk import Walking

if TYPE_CHECKING:
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.scan import Difference
    from climeri_platform.catalog.sources import Source

__all__ = ["JOURNAL", "job_mark", "job_of", "left_over", "pending_of"]

JOURNAL = ".refresh"
_FRESH = timedelta(hours=44)  # what one night left, the next one uses


def job_mark(source: Source, rules: Family) -> str:
    """Return the name of a job: another source, or other rules, is another job."""
    what = f"{reader_mark()} {files_schema(rules)} {source.model_dump_json()} {rules.model_dump_json()}"
    if source.inventory is not None:
        with suppress(OSError):
            about = Path(source.inventory).stat()
            what += f" {about.st_size} {about.st_mtime_ns}"
    return f"{source.root}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def job_of(
    source: Source, rules: Family, previous: Snapshot | None, budget: float | None
) -> dict[str, Any]:
    """Return the job of a night for one source, as `scan_apart` takes it.

    Parameters
    ----------
    source, rules
        What is scanned.
    previous
        The snapshot by which it goes.
    budget
        The seconds that the walk has; None for any time.
    """
    how = Walking(
        walkers=source.walkers,
        calls_per_second=source.calls_per_second,
        seconds=budget,
        first=tuple(pending_of(previous, source.root, rules.family)),
        tape=source.tape,
    )
    known = known_table(previous, rules, source.root, source.path)
    trust = None
    if source.trust_directories:
        folders, mark = known_folders(previous, rules.family, source.root)
        trust = {"nights": source.recheck_nights, "known": folders, "mark": mark}
    return {
        "family": source.family,
        "place": source.path,
        "root_id": source.root,
        "inventory": source.inventory,
        "how": asdict(how),
        "cards": source.cards,
        "known": str(known) if known is not None else None,
        "trust": trust,
    }


def left_over(folder: Path) -> Difference | None:
    """Return the scan that a folder holds; None if there is none that can be used."""
    try:
        scan = load_scan(folder)
    except (ValueError, TypeError, LookupError, AttributeError, *UNREADABLE):
        return None
    if not scan.files:
        return None  # a mount that was not there may be there now
    age = datetime.now(UTC) - datetime.fromisoformat(scan.walked)
    return scan if timedelta(0) <= age < _FRESH else None


def pending_of(previous: Snapshot | None, root_id: str, family: str) -> list[str]:
    """Return the directories that the last walk of a root left for the next one."""
    for each in previous.card.roots if previous is not None else []:
        if (each.root_id, each.family) == (root_id, family):
            return each.pending
    return []
