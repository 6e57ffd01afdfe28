"""The reports of a store: written when a night ends, kept for a while, read in the morning.

.. code-block:: text

    DIR/reports/<snapshot>.{json,html}          a night that published
    DIR/reports/failed-<UTC time>.{json,html}   one that did not come to its end
    DIR/reports/latest.{json,html}              the last of them, for a bookmark

Every file is there whole, or as it was. The reports of the last 90 nights are kept, and however many
failed since, the one of the last night that published: the metrics go on from it.
"""

from __future__ import annotations

import json
import logging
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.layout import check_format, store_path
from climeri_platform.catalog.page import night_page
from climeri_platform.core.errors import (
    MissingExtra,
    NothingFound,
    StoreDamaged,
    StoreError,
    UnknownValue,
    nearest,
)
from climeri_platform.core.writing import write_whole

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["KEPT_REPORTS", "failed_night", "last_published", "read_report", "write_report"]

KEPT_REPORTS = 90  # a season of nights
_HOUR = 3600.0  # no report takes that long to write
_LOGGER = logging.getLogger(__name__)
_NIGHT = re.compile(r"(failed-)?(\d{8}T\d{6}Z)(?:-(\d+))?\.json")


def write_report(report: dict[str, Any], store: Path) -> None:
    """Write the report of a night, as JSON and as a page, and let go of the oldest.

    Without the extra ``nightly`` there is no page; a warning says so.

    Parameters
    ----------
    report
        What `NightReport.as_dict` or `failed_night` gives.
    store
        The folder of the catalogs.

    Raises
    ------
    StoreError
        If the disk refuses. What was published stays so.
    """
    folder = store / "reports"
    name = report["snapshot"] or f"failed-{_stamp(report['began'])}"
    try:
        folder.mkdir(exist_ok=True)
        _sweep(folder)
        text = json.dumps(report, indent=1)
        write_whole(folder / f"{name}.json", text)
        write_whole(folder / "latest.json", text)
        try:
            page = night_page(report)
        except MissingExtra as problem:
            # a page of another night under this name would be worse than none
            (folder / "latest.html").unlink(missing_ok=True)
            _LOGGER.warning("%s; the report is JSON only. %s", problem.message, problem.hint)
        else:
            write_whole(folder / f"{name}.html", page)
            write_whole(folder / "latest.html", page)
        _prune(folder)
    except OSError as problem:
        done = f"the snapshot {report['snapshot']} is published" if report["snapshot"] else ""
        raise StoreError(
            f"{done or 'the refresh failed'}, but its report cannot be written to {folder}: "
            f"{problem.strerror or problem}",
            hint="Check the space and the rights.",
        ) from problem


def failed_night(
    site: str,
    store: Path,
    *,
    began: datetime,
    seconds: float,
    exit_code: int,
    message: str,
    hint: str = "",
) -> dict[str, Any]:
    """Return the report of a night that did not come to its end.

    Parameters
    ----------
    site, store
        Where.
    began, seconds
        When, and after how long it ended.
    exit_code, message, hint
        How, and what was said.

    Returns
    -------
    dict
        As plain as a night's that published: ``snapshot`` is empty, ``previous`` is what readers
        have, and ``failure`` says why.
    """
    try:
        current = (store / "CURRENT").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        current = ""
    return {
        "site": site,
        "store": str(store),
        "snapshot": "",
        "previous": current or None,
        "began": began.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "failure": {"exit_code": exit_code, "message": message, "hint": hint},
    }


def read_report(
    store: str | os.PathLike[str] | None = None, name: str | None = None
) -> dict[str, Any]:
    """Return a report as it was written.

    Parameters
    ----------
    store
        The folder of the catalogs; by default the setting ``store``.
    name
        A snapshot, or ``failed-`` and a time; by default the last night, however it ended.

    Returns
    -------
    dict

    Raises
    ------
    StoreError
        If there is no store, or the report is damaged.
    NothingFound
        If no refresh has ended in it.
    UnknownValue
        If it keeps no such report; the nearest are named.
    """
    place = store_path(store)
    check_format(place)
    names = [each.removesuffix(".json") for each in _nights(place / "reports")]
    if not names:
        raise NothingFound(
            f"the store {place} has no report: no refresh has ended in it",
            hint="`climeri catalog refresh` writes one.",
        )
    if name is not None and name not in names:
        like = nearest(name, names) or names[-3:]
        raise UnknownValue(
            f"the store {place} has no report {name!r}",
            hint=f"Did you mean {' or '.join(like)}? The last {KEPT_REPORTS} are kept.",
        )
    return _read(place / "reports" / f"{name or names[-1]}.json")


def last_published(store: Path) -> dict[str, Any] | None:
    """Return the report of the last night that published; None if none is there.

    Parameters
    ----------
    store
        The folder of the catalogs.

    Raises
    ------
    StoreDamaged
        If it cannot be read.
    """
    names = [each for each in _nights(store / "reports") if not each.startswith("failed-")]
    return _read(store / "reports" / names[-1]) if names else None


def _stamp(began: str) -> str:
    return datetime.fromisoformat(began).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _nights(folder: Path) -> list[str]:
    """Return the names of the reports, the oldest first."""
    try:
        found = [
            (match[2], int(match[3] or 1), each.name)
            for each in folder.iterdir()
            if (match := _NIGHT.fullmatch(each.name))
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for *_, name in sorted(found)]


def _read(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise StoreDamaged(f"the report {path} cannot be read: {problem}") from problem
    if not isinstance(report, dict):
        raise StoreDamaged(f"{path} holds no report")
    return report


def _sweep(folder: Path) -> None:
    """Remove what writers that were killed have left, and nothing of one that still writes."""
    for left in folder.glob(".*.*.*"):
        pid = left.name.rpartition(".")[2]
        if pid.isdigit() and time.time() - left.stat().st_mtime > _HOUR:
            left.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    nights = _nights(folder)
    published = [each for each in nights if not each.startswith("failed-")]
    for old in nights[:-KEPT_REPORTS]:
        if old not in published[-1:]:
            (folder / old).unlink(missing_ok=True)
            (folder / old).with_suffix(".html").unlink(missing_ok=True)
