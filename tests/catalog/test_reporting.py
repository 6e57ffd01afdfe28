"""Reports beside the catalogs: whole or as they were, the last on top, the oldest let go."""

from __future__ import annotations

import errno
import json
import logging
import os
import pathlib
import sys
from datetime import UTC, datetime, timedelta

import pytest

from climeri_platform.catalog import page, reporting
from climeri_platform.catalog.night import NightReport
from climeri_platform.catalog.publish import prepare_store
from climeri_platform.catalog.reporting import (
    KEPT_REPORTS,
    failed_night,
    last_published,
    read_report,
    write_report,
)
from climeri_platform.core.errors import (
    NothingFound,
    StoreDamaged,
    StoreError,
    StoreMissing,
    UnknownValue,
)

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)


def named(number):
    return f"{FIRST + timedelta(days=number):%Y%m%dT%H%M%SZ}"


def published(number, **more):
    began = (FIRST + timedelta(days=number)).isoformat()
    return NightReport("local", "/srv", named(number), began=began, **more).as_dict()


def failed(number, store):
    began = FIRST + timedelta(days=number)
    return failed_night("local", store, began=began, seconds=1, exit_code=5, message="full")


@pytest.fixture
def store(tmp_path):
    prepare_store(tmp_path / "store")
    return tmp_path / "store"


def names(store):
    return sorted(each.name for each in (store / "reports").iterdir())


def test_each_night_is_kept_and_the_last_is_on_top(store):
    write_report(published(0), store)
    write_report(published(1), store)
    write_report(failed(2, store), store)
    nights = [named(0), named(1), f"failed-{named(2)}", "latest"]
    assert names(store) == sorted(f"{each}.{kind}" for each in nights for kind in ("json", "html"))
    assert read_report(store)["failure"]["message"] == "full"
    assert "Failed, exit code 5" in (store / "reports/latest.html").read_text()
    assert read_report(store, named(0))["snapshot"] == named(0)
    assert last_published(store)["snapshot"] == named(1)


def test_a_failure_names_what_readers_have(store):
    assert failed(0, store)["previous"] is None
    (store / "CURRENT").write_text("20260101T000000Z\n")
    assert failed(0, store)["previous"] == "20260101T000000Z"


def test_two_snapshots_of_one_second_are_in_their_order(store):
    for name in ("20260101T020000Z-10", "20260101T020000Z", "20260101T020000Z-2"):
        write_report({**published(0), "snapshot": name}, store)
    assert read_report(store)["snapshot"] == "20260101T020000Z-10"


def test_the_oldest_go_and_what_the_metrics_need_stays(store):
    (store / "reports").mkdir()
    (store / "reports/notes.json").write_text("mine")
    for number in range(3):
        write_report(published(number), store)
    for number in range(3, KEPT_REPORTS + 1):
        (store / f"reports/failed-{named(number)}.json").write_text("{}")
    write_report(failed(KEPT_REPORTS + 1, store), store)
    kept = [each for each in names(store) if each.endswith(".json")]
    assert len(kept) == KEPT_REPORTS + len(["latest", "notes"])
    assert f"{named(0)}.json" not in kept
    assert f"{named(0)}.html" not in names(store)
    for number in range(KEPT_REPORTS + 2, 2 * KEPT_REPORTS):
        (store / f"reports/failed-{named(number)}.json").write_text("{}")
    write_report(failed(2 * KEPT_REPORTS, store), store)
    kept = {each for each in names(store) if each.endswith(".json")}
    newest = range(KEPT_REPORTS + 1, 2 * KEPT_REPORTS + 1)
    assert kept == {
        *(f"failed-{named(number)}.json" for number in newest),
        "latest.json",
        "notes.json",
        f"{named(2)}.json",
    }
    assert last_published(store)["snapshot"] == named(2)


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_the_last_reports_whole(step, at, store, monkeypatch):
    write_report(published(0), store)
    before = {each: (store / "reports" / each).read_bytes() for each in names(store)}
    calls = []
    place = os if step == "fsync" else pathlib.Path
    works = getattr(place, step)

    def refuses(*args):
        calls.append(args)
        if len(calls) == at + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return works(*args)

    monkeypatch.setattr(place, step, refuses)
    with pytest.raises(StoreError, match=f"{named(1)} is published, but its report.*No space left"):
        write_report(published(1), store)
    monkeypatch.undo()
    assert len(calls) == at + 1
    for name, content in before.items():
        now = (store / "reports" / name).read_bytes()
        assert now == content or (name.startswith("latest") and named(1).encode() in now)
    assert not [each for each in names(store) if each.startswith(".")]
    write_report(published(1), store)
    assert read_report(store)["snapshot"] == named(1)


def test_what_a_killed_writer_left_goes_and_a_living_one_is_let_alone(store):
    write_report(published(0), store)
    left, lives = store / "reports/.latest.json.4000", store / "reports/.latest.json.4001"
    for each in (left, lives):
        each.write_text("{")
    os.utime(left, (0, 0))
    write_report(published(1), store)
    assert not left.exists()
    assert lives.exists()


def test_without_the_extra_there_is_json_and_a_sentence(store, monkeypatch, caplog):
    write_report(published(0), store)
    page._template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with caplog.at_level(logging.WARNING):
        write_report(published(1), store)
    (told,) = caplog.messages
    assert "the page of a nightly report needs the package 'jinja2'" in told
    assert "climeri-platform[nightly]" in told
    assert json.loads((store / "reports/latest.json").read_text())["snapshot"] == named(1)
    assert not (store / "reports/latest.html").exists(), "that of another night would mislead"
    assert (store / f"reports/{named(0)}.html").exists()


def test_there_is_nothing_to_read(tmp_path, store):
    with pytest.raises(StoreMissing):
        read_report(tmp_path / "nowhere")
    with pytest.raises(NothingFound, match="no refresh has ended"):
        read_report(store)
    assert last_published(store) is None


def test_a_name_that_is_none_gets_the_nearest(store):
    write_report(published(0), store)
    with pytest.raises(UnknownValue, match=named(0)):
        read_report(store, named(0)[:-2])
    with pytest.raises(UnknownValue):
        read_report(store, "../../store")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_a_damaged_report_is_told(content, store):
    write_report(published(0), store)
    (store / f"reports/{named(0)}.json").write_bytes(content)
    with pytest.raises(StoreDamaged, match=named(0)):
        read_report(store)
    with pytest.raises(StoreDamaged):
        reporting.last_published(store)
