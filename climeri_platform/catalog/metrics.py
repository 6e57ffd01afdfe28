"""What Prometheus reads of a night, through the textfile collector of its node exporter.

The numbers of roots are those of the last night that published, so that they do not vanish when a
night fails; when it ran, how long and how it ended are of the last run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.night import STALE, UNCOUNTED
from climeri_platform.catalog.page import complete_report
from climeri_platform.core.errors import ClimeriError, UsageError
from climeri_platform.core.extras import needs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import CollectorRegistry

__all__ = ["METRICS", "check_metrics_file", "night_metrics", "write_metrics"]

_ROOT = ("site", "root", "family")
# name -> (what it is, labels)
METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "climeri_refresh_last_run_timestamp_seconds": ("When the last refresh began.", ("site",)),
    "climeri_refresh_duration_seconds": ("How long the last refresh took.", ("site",)),
    "climeri_refresh_exit_code": (
        "How the last refresh ended: 0 published, 12 published with roots carried forward.",
        ("site",),
    ),
    "climeri_refresh_last_success_timestamp_seconds": (
        "When the last refresh that published ended.",
        ("site",),
    ),
    "climeri_refresh_snapshot_info": (
        "1; the labels name what it published and what came before.",
        ("site", "snapshot", "previous"),
    ),
    "climeri_refresh_duplicated_datasets": (
        "Datasets of which files stand at several roots.",
        ("site",),
    ),
    "climeri_refresh_duplicated_bytes": ("What one copy of each file less would free.", ("site",)),
    "climeri_root_stale": (
        "Whether the rows of the root are those of an earlier night, and marked so: 1 or 0.",
        _ROOT,
    ),
    "climeri_root_stale_since_timestamp_seconds": (
        "The day since which they are; absent otherwise.",
        _ROOT,
    ),
    "climeri_root_walked": ("Whether this night walked it to its end: 1 or 0.", _ROOT),
    "climeri_root_files": ("Files catalogued.", _ROOT),
    "climeri_root_bytes": ("Bytes of them.", _ROOT),
    "climeri_root_datasets": ("Datasets, each version by itself.", _ROOT),
    "climeri_root_new_files": ("Files that were not there the night before.", _ROOT),
    "climeri_root_changed_files": ("Files of another size, time or inode.", _ROOT),
    "climeri_root_gone_files": ("Files that are not there any longer.", _ROOT),
    "climeri_root_carried_files": ("Files that nobody could look at, kept as they were.", _ROOT),
    "climeri_root_rejected_files": (
        "Files that do not follow the rules of the family, by reason.",
        (*_ROOT, "code"),
    ),
    "climeri_root_unreadable_paths": ("Paths that could not be read.", _ROOT),
    "climeri_root_pending_directories": ("Directories left for the next night.", _ROOT),
    "climeri_root_unreadable_headers": ("Files of which the header could not be read.", _ROOT),
    "climeri_root_contradicting_headers": (
        "Files of which the header contradicts the name.",
        _ROOT,
    ),
    "climeri_root_pending_headers": ("Headers left for the next night.", _ROOT),
    "climeri_root_scan_duration_seconds": ("How long the scan took.", _ROOT),
}
"""Every metric, what it is, and its labels; all are gauges."""
_COUNTED = {
    "climeri_root_files": "catalogued",
    "climeri_root_bytes": "size",
    "climeri_root_datasets": "datasets",
    "climeri_root_new_files": "new",
    "climeri_root_changed_files": "changed",
    "climeri_root_gone_files": "gone",
    "climeri_root_carried_files": "carried",
    "climeri_root_pending_directories": "pending",
    "climeri_root_unreadable_paths": "unreadable_count",
    "climeri_root_unreadable_headers": "headers_failed_count",
    "climeri_root_contradicting_headers": "contradictions_count",
    "climeri_root_pending_headers": "headers_left",
    "climeri_root_scan_duration_seconds": "seconds",
}


def night_metrics(
    report: Mapping[str, Any] | None,
    *,
    site: str,
    began: datetime,
    seconds: float,
    exit_code: int,
) -> CollectorRegistry:
    """Return the metrics of a site after a run.

    Parameters
    ----------
    report
        That of the last night that published; None if there is none yet.
    site
        The site.
    began, seconds, exit_code
        When the last run began, how long it took, and how it ended.

    Returns
    -------
    prometheus_client.CollectorRegistry

    Raises
    ------
    MissingExtra
        If the extra ``nightly`` is not installed.
    """
    with needs("nightly", "writing metrics"):
        from prometheus_client import CollectorRegistry, Gauge
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(name, text, labels, registry=registry)
        for name, (text, labels) in METRICS.items()
    }

    def say(name: str, value: float, *labels: str) -> None:
        gauges[name].labels(site, *labels).set(value)

    say("climeri_refresh_last_run_timestamp_seconds", began.timestamp())
    say("climeri_refresh_duration_seconds", seconds)
    say("climeri_refresh_exit_code", exit_code)
    if report is None:
        return registry
    told = complete_report(dict(report))
    ended = _moment(told["began"]) + timedelta(seconds=told["seconds"])
    say("climeri_refresh_last_success_timestamp_seconds", ended.timestamp())
    say("climeri_refresh_snapshot_info", 1, told["snapshot"], told["previous"] or "")
    say("climeri_refresh_duplicated_datasets", told["duplicated_count"])
    say("climeri_refresh_duplicated_bytes", told["duplicated_size"])
    for root in told["roots"]:
        for name, value in _of_root(root).items():
            say(name, value, root["root_id"], root["family"])
        for code, count in root["reasons"].items():
            say("climeri_root_rejected_files", count, root["root_id"], root["family"], code)
    return registry


def _of_root(root: dict[str, Any]) -> dict[str, float]:
    stale = root["state"] in STALE
    found: dict[str, float] = {
        "climeri_root_stale": stale,
        "climeri_root_walked": root["state"] == "walked",
    }
    if stale and root["stale"]:
        found["climeri_root_stale_since_timestamp_seconds"] = _moment(root["stale"]).timestamp()
    if root["state"] in UNCOUNTED:
        return found  # nobody counted: a zero would look like an empty root
    return found | {name: root[counted] for name, counted in _COUNTED.items()}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_metrics_file(file: str) -> None:
    """Refuse, before a long night, a file that no collector would read.

    Parameters
    ----------
    file
        What was given.

    Raises
    ------
    UsageError
        If its name does not end in ``.prom``.
    MissingExtra
        If the extra ``nightly`` is not installed.
    """
    if not file.endswith(".prom"):
        raise UsageError(
            f"the metrics file {file} has another ending than .prom: no collector would read it",
            hint="Such as --metrics /var/lib/prometheus/node-exporter/climeri.prom",
        )
    with needs("nightly", "writing metrics"):
        import prometheus_client  # noqa: F401 - only whether it is there


def write_metrics(file: str, registry: CollectorRegistry) -> None:
    """Write metrics so that a collector finds the old ones or the new ones, whole.

    Parameters
    ----------
    file
        Ends in ``.prom``; the folder exists.
    registry
        What `night_metrics` gives.

    Raises
    ------
    ClimeriError
        If the disk refuses.
    """
    from prometheus_client import write_to_textfile

    try:
        write_to_textfile(file, registry)
        Path(file).chmod(0o644)  # another user collects them, whatever our umask
    except OSError as problem:
        raise ClimeriError(
            f"the metrics cannot be written to {file}: {problem.strerror or problem}",
            hint="Make the folder, and give the user that refreshes the right to write in it.",
        ) from problem
