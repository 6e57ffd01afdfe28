"""What Prometheus reads: every number of the night, under the names that the alerts use."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from climeri_platform.catalog.metrics import (
    METRICS,
    check_metrics_file,
    night_metrics,
    write_metrics,
)
from climeri_platform.catalog.night import NightReport, RootNight
from climeri_platform.core.errors import ClimeriError, MissingExtra, UsageError

ALERTS = Path(__file__).resolve().parents[2] / "deploy/nightly/alerts.yaml"
RUN = {"site": "ipsl", "began": datetime(2026, 1, 2, 1, tzinfo=UTC), "seconds": 60.5}


def a_night():
    walked = RootNight("bdd", "CMIP6", "/bdd", catalogued=7, size=70, datasets=2, new=3)
    walked.changed, walked.gone, walked.carried, walked.pending = 4, 5, 6, 8
    walked.reasons, walked.rejected, walked.seconds = {"name": 2, "directory": 9}, 11, 1.5
    walked.unreadable, walked.headers_failed, walked.headers_left = [("a", "b")], [("c", "d")], 12
    walked.contradictions = [("e", "f")] * 3
    lost = RootNight("lost", "CMIP5", "/lost", state="carried forward", stale="2025-12-24")
    lost.catalogued = lost.carried = 99
    never = RootNight("never", "CMIP5", "/never", state="carried forward", reason="no mount")
    closed = RootNight("closed", "CORDEX", "/closed", state="not its hour")
    report = NightReport(
        "ipsl", "/srv", "20260102T010100Z", None, "2026-01-02T01:00:00+00:00", 60.5
    )
    report.roots = [walked, lost, never, closed]
    report.duplicated = [{"size": 10}, {"size": 20}]
    return report.as_dict()


def samples(registry):
    """What a collector reads of the text: (name, labels) to value."""
    text = generate_latest(registry).decode()
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def one(found, name, **labels):
    return found.get((f"climeri_{name}", tuple(sorted({"site": "ipsl", **labels}.items()))))


def test_every_number_is_there():
    found = samples(night_metrics(a_night(), exit_code=12, **RUN))
    assert one(found, "refresh_exit_code") == 12
    assert one(found, "refresh_duration_seconds") == 60.5
    began = datetime(2026, 1, 2, 1, tzinfo=UTC).timestamp()
    assert one(found, "refresh_last_run_timestamp_seconds") == began
    assert one(found, "refresh_last_success_timestamp_seconds") == began + 60.5
    assert one(found, "refresh_snapshot_info", snapshot="20260102T010100Z", previous="") == 1
    assert one(found, "refresh_duplicated_datasets") == 2
    assert one(found, "refresh_duplicated_bytes") == 30
    here = {"root": "bdd", "family": "CMIP6"}
    told = {
        "files": 7, "bytes": 70, "datasets": 2, "new_files": 3, "changed_files": 4, "gone_files": 5,
        "carried_files": 6, "pending_directories": 8, "unreadable_paths": 1, "unreadable_headers": 1,
        "pending_headers": 12, "contradicting_headers": 3, "scan_duration_seconds": 1.5, "stale": 0, "walked": 1,
        "stale_since_timestamp_seconds": None,
    }  # fmt: skip
    assert {name: one(found, f"root_{name}", **here) for name in told} == told
    assert one(found, "root_rejected_files", code="name", **here) == 2
    assert one(found, "root_rejected_files", code="directory", **here) == 9
    assert {name for name, _ in found} == set(METRICS), "each metric is said by this night"


def test_a_root_as_it_was_keeps_its_numbers_and_says_since_when():
    found = samples(night_metrics(a_night(), exit_code=12, **RUN))
    lost = {"root": "lost", "family": "CMIP5"}
    since = datetime(2025, 12, 24, tzinfo=UTC).timestamp()
    assert one(found, "root_stale_since_timestamp_seconds", **lost) == since
    assert (one(found, "root_stale", **lost), one(found, "root_files", **lost)) == (1, 99)
    never = {"root": "never", "family": "CMIP5"}
    assert one(found, "root_stale", **never) == 1
    assert one(found, "root_stale_since_timestamp_seconds", **never) is None
    closed = {"root": "closed", "family": "CORDEX"}
    assert one(found, "root_files", **closed) is None, "a zero would look like an empty root"
    assert (one(found, "root_stale", **closed), one(found, "root_walked", **closed)) == (0, 0)


def test_a_failure_before_any_night_has_its_time_and_code():
    found = samples(night_metrics(None, exit_code=5, **RUN))
    assert {name.removeprefix("climeri_refresh_") for name, _ in found} == {
        "exit_code",
        "duration_seconds",
        "last_run_timestamp_seconds",
    }


def test_numbers_are_those_of_the_night_and_not_of_the_lists():
    root = RootNight("bdd", "CMIP6", "/bdd")
    root.unreadable = root.contradictions = root.headers_failed = [("a.nc", "no")] * 1000
    root.unreadable_count, root.contradictions_count, root.headers_failed_count = 2000, 3000, 4000
    report = {**a_night(), "roots": [asdict(root)], "duplicated": [{"size": None}] * 1000}
    report |= {"duplicated_count": 5000, "duplicated_size": 6000}
    found = samples(night_metrics(report, exit_code=0, **RUN))
    here = {"root": "bdd", "family": "CMIP6"}
    assert one(found, "root_unreadable_paths", **here) == 2000
    assert one(found, "root_contradicting_headers", **here) == 3000
    assert one(found, "root_unreadable_headers", **here) == 4000
    assert one(found, "refresh_duplicated_datasets") == 5000
    assert one(found, "refresh_duplicated_bytes") == 6000


def test_a_report_of_an_older_version_counts_by_its_lists():
    root = {"root_id": "bdd", "family": "CMIP6", "unreadable": [["a", "b"]] * 3}
    report = {**a_night(), "roots": [root], "duplicated": [{"size": None}, {"size": 2}]}
    del report["duplicated_count"], report["duplicated_size"]
    found = samples(night_metrics(report, exit_code=0, **RUN))
    assert one(found, "root_unreadable_paths", root="bdd", family="CMIP6") == 3
    assert one(found, "refresh_duplicated_datasets") == 2
    assert one(found, "refresh_duplicated_bytes") == 2


def test_roots_that_others_have_now():
    later = RootNight("later", "CMIP6", "/l", state="overtaken", catalogued=3)
    left = RootNight("left", "CMIP6", "/g", state="no longer declared", stale="2025-12-24")
    left.catalogued = 5
    report = {**a_night(), "roots": [asdict(later), asdict(left)]}
    found = samples(night_metrics(report, exit_code=12, **RUN))
    here = {"root": "later", "family": "CMIP6"}
    assert (one(found, "root_stale", **here), one(found, "root_walked", **here)) == (0, 0)
    assert one(found, "root_files", **here) is None
    here = {"root": "left", "family": "CMIP6"}
    assert (one(found, "root_stale", **here), one(found, "root_files", **here)) == (1, 5)
    since = datetime(2025, 12, 24, tzinfo=UTC).timestamp()
    assert one(found, "root_stale_since_timestamp_seconds", **here) == since


@given(st.text(min_size=1), st.text(min_size=1))
def test_labels_hold_anything(root, code):
    told = RootNight(root, "CMIP6", "/x", reasons={code: 3})
    report = {**a_night(), "roots": [asdict(told)]}
    found = samples(night_metrics(report, exit_code=0, **RUN))
    assert sum(name == "climeri_root_rejected_files" for name, _ in found) == 1
    assert sum(name == "climeri_root_files" for name, _ in found) == 1


def alerts():
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_the_alerts_ask_for_what_is_written():
    asked = set()
    for rule in alerts().values():
        asked |= set(re.findall(r"climeri_\w+", rule["expr"]))
        assert {"summary", "description"} <= set(rule["annotations"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["expr"].count("(") == rule["expr"].count(")")
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        metric = re.search(r"climeri_\w+", rule["expr"])[0]
        assert labels <= set(METRICS[metric][1])
    assert asked <= set(METRICS)
    assert {"climeri_refresh_exit_code", "climeri_root_stale"} <= asked


def test_the_failure_alert_knows_the_codes_of_the_unit():
    passing = set(re.findall(r"!= (\d+)", alerts()["ClimeriRefreshFailed"]["expr"]))
    unit = (ALERTS.parent / "climeri-refresh@.service").read_text()
    assert passing == {"0", *re.search(r"^SuccessExitStatus=(.*)$", unit, re.MULTILINE)[1].split()}


def test_the_file_is_there_whole_and_others_may_read_it(tmp_path):
    file = tmp_path / "climeri.prom"
    umask = os.umask(0o077)
    try:
        write_metrics(str(file), night_metrics(a_night(), exit_code=0, **RUN))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_text().endswith("\n")
    assert [each.name for each in tmp_path.iterdir()] == ["climeri.prom"]


def test_a_disk_that_refuses_leaves_the_old_metrics(tmp_path, monkeypatch):
    file = tmp_path / "climeri.prom"
    write_metrics(str(file), night_metrics(None, exit_code=0, **RUN))
    before = file.read_bytes()

    def refuses(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", refuses)
    with pytest.raises(ClimeriError, match=r"climeri\.prom: No space left"):
        write_metrics(str(file), night_metrics(a_night(), exit_code=0, **RUN))
    assert file.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_no_collector_would_read_is_refused_at_once(monkeypatch):
    with pytest.raises(UsageError, match=r"\.prom"):
        check_metrics_file("/var/lib/climeri.txt")
    check_metrics_file("/nowhere/climeri.prom")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra) as told:
        check_metrics_file("/nowhere/climeri.prom")
    assert "climeri-platform[nightly]" in told.value.hint
    with pytest.raises(MissingExtra):
        night_metrics(None, exit_code=0, **RUN)
