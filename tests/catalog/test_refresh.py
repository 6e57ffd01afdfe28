"""The night: one snapshot of all sources; what cannot be had costs itself only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import polars as pl
import pytest
import yaml

from climeri_platform.catalog import CatalogView, build_catalog, load_family, open_snapshot
from climeri_platform.catalog.forget import forget_root
from climeri_platform.catalog.history import check_store
from climeri_platform.catalog.lock import holding
from climeri_platform.catalog.refresh import refresh
from climeri_platform.cli.front import run
from climeri_platform.core.errors import (
    RootUnusable,
    StoreBusy,
    StoreDamaged,
    UnknownFamily,
    UnknownValue,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path

# every process of a night reads this first: a file system that refuses, hangs or is slow
FAULTS = """
import json, os, sys, time
_told = os.environ.get("FAULTS", "")
if _told:
    _faults, _scandir = json.loads(_told), os.scandir
    def scandir(path="."):
        for place, fault in _faults.items():
            if str(path).startswith(place):
                if fault == "hang":
                    time.sleep(600)
                elif isinstance(fault, (int, float)) and not isinstance(fault, bool) and fault < 1:
                    time.sleep(fault)
                else:
                    raise OSError(int(fault), os.strerror(int(fault)), str(path))
        return _scandir(path)
    os.scandir = scandir
"""


def model(root: Path, name: str, version: str = "v20200101", exp: str = "historical") -> Path:
    folder = root / f"CMIP6/CMIP/IPSL/{name}/{exp}/r1i1p1f1/Amon/tas/gr/{version}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"tas_Amon_{name}_{exp}_r1i1p1f1_gr_185001-201412.nc"
    file.write_bytes(b"x" * 10)
    return file


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Make every process of the night meet faults: path to errno, seconds, or "hang"."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults/sitecustomize.py").write_text(FAULTS)
    paths = [str(tmp_path / "faults"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))

    def faults(**places):
        monkeypatch.setenv("FAULTS", json.dumps(places.pop("places", places)))

    return faults


@pytest.fixture
def night(tmp_path):
    """Two roots of one family and one of another, their sources, and a store."""
    for number in range(10):
        model(tmp_path / "a", f"A-{number}")
        model(tmp_path / "b", f"B-{number}")

    class Night:
        store = tmp_path / "store"
        folder = tmp_path / "sources"

        def declare(self, **more):
            sources = [
                {"root": "a", "path": str(tmp_path / "a"), "family": "CMIP6", **more},
                {"root": "b", "path": str(tmp_path / "b"), "family": "CMIP6"},
            ]
            if (tmp_path / "obs").exists():
                sources.append({"root": "obs", "path": str(tmp_path / "obs"), "family": "obs4MIPs"})
            self.folder.mkdir(exist_ok=True)
            (self.folder / "all.yaml").write_text(yaml.safe_dump({"sources": sources}))

        def run(self, **how):
            return refresh("local", store=self.store, sources=self.folder, **how)

        def files(self, family="CMIP6"):
            return open_snapshot(self.store).read(family, "files")

    night = Night()
    night.declare()
    return night


@pytest.fixture
def obs(night, tmp_path):
    """A third root, of another family."""
    path = tmp_path / "obs/obs4MIPs/NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    night.declare()


def by_root(report):
    return {each.root_id: each for each in report.roots}


@pytest.mark.usefixtures("obs")
def test_a_night_publishes_every_source_in_one_snapshot(night, tmp_path):
    first = night.run()
    assert [(each.root_id, each.state, each.new) for each in first.roots] == [
        ("a", "walked", 10),
        ("b", "walked", 10),
        ("obs", "walked", 1),
    ]
    assert first.previous is None
    snapshot = open_snapshot(night.store)
    assert snapshot.families == ["CMIP6", "obs4MIPs"]
    assert len(list((night.store / "snapshots").iterdir())) == 1
    model(tmp_path / "a", "A-0", "v20210101")
    model(tmp_path / "b", "B-0").write_bytes(b"longer than before")
    model(tmp_path / "b", "B-1").unlink()
    second = night.run()
    told = by_root(second)
    assert (told["a"].new, told["b"].changed, told["b"].gone) == (1, 1, 1)
    (change,) = second.changes
    assert change["numbers"]["re_versioned"] == 1
    assert json.loads((night.store / f"reports/{second.snapshot}.json").read_text())["roots"]
    assert check_store(night.store) == []


@pytest.mark.usefixtures("obs")
def test_nothing_changed_shares_every_table(night):
    night.run()
    before = {
        each.relative_to(night.store / "snapshots").parts[1:]: each.stat().st_ino
        for each in (night.store / "snapshots").rglob("*.parquet")
    }
    report = night.run()
    folder = night.store / "snapshots" / report.snapshot
    after = {
        each.relative_to(folder).parts: each.stat().st_ino for each in folder.rglob("*.parquet")
    }
    assert after == before
    assert report.changes == []
    assert all(not (each.new or each.changed or each.gone) for each in report.roots)


def test_a_missing_root_is_carried_forward_and_the_rest_is_published(night, tmp_path):
    night.run()
    (tmp_path / "a").rename(tmp_path / "away")
    model(tmp_path / "b", "B-77")
    report = night.run()
    told = by_root(report)
    assert (told["a"].state, told["a"].catalogued, told["b"].new) == ("carried forward", 10, 1)
    assert "does not exist" in told["a"].reason
    assert report.problems == [f"a (CMIP6): {told['a'].reason}"]
    rows = night.files()
    assert rows.filter(pl.col("stale").is_not_null())["root"].unique().to_list() == ["a"]
    assert told["a"].stale == rows["stale"].drop_nulls()[0]
    cards = {each.root_id: each for each in open_snapshot(night.store).card.roots}
    assert (cards["a"].stale, cards["b"].stale) == (told["a"].stale, None)
    # found as ever
    assert len(CatalogView.open("CMIP6", night.store).search(source_id="A-3")) == 1
    (tmp_path / "away").rename(tmp_path / "a")
    again = by_root(night.run())
    assert (again["a"].state, again["a"].new, again["a"].changed) == ("walked", 0, 0)
    assert night.files()["stale"].null_count() == night.files().height


def test_the_date_of_a_stale_root_is_that_of_its_first_night(night, tmp_path, monkeypatch):
    night.run()
    (tmp_path / "a").rename(tmp_path / "away")
    night.run()
    snapshot = open_snapshot(night.store)
    card = snapshot.folder / "snapshot.json"
    told = json.loads(card.read_text())
    next(each for each in told["roots"] if each["root_id"] == "a")["stale"] = "2020-02-02"
    card.write_text(json.dumps(told))
    assert by_root(night.run())["a"].stale == "2020-02-02"


def test_the_guard_carries_forward_until_the_loss_is_accepted(night, tmp_path):
    night.run()
    for number in range(5):
        model(tmp_path / "a", f"A-{number}").unlink()
    report = night.run()
    assert "5 of the 10 CMIP6 files of the root a are gone" in by_root(report)["a"].reason
    assert night.files().height == 20
    accepted = night.run(accept_loss=["a"])
    assert accepted.problems == []
    assert by_root(accepted)["a"].gone == 5
    assert night.files().height == 15


def test_an_empty_mount_is_not_an_empty_catalog(night, tmp_path):
    night.run()
    (tmp_path / "b").rename(tmp_path / "away")
    (tmp_path / "b").mkdir()
    report = night.run()
    assert "no NetCDF file was found" in by_root(report)["b"].reason
    assert night.files().height == 20
    accepted = by_root(night.run(accept_loss=["b"]))["b"]
    assert (accepted.state, accepted.gone) == ("walked", 10)
    assert set(night.files()["root"]) == {"a"}


def test_a_hung_mount_costs_its_patience_and_no_more(night, tmp_path, faults):
    night.run()
    night.declare(patience=1.5)
    model(tmp_path / "b", "B-77")
    faults(places={str(tmp_path / "a"): "hang"})
    began = time.monotonic()
    report = night.run()
    assert time.monotonic() - began < 30
    told = by_root(report)
    assert (told["a"].state, told["b"].new) == ("carried forward", 1)
    assert "has not answered for 1.5 s" in told["a"].reason
    assert night.files().height == 21


def test_rows_below_an_unreadable_directory_stay(night, tmp_path, faults):
    night.run()
    model(tmp_path / "a", "A-77")
    closed = tmp_path / "a/CMIP6/CMIP/IPSL/A-3"
    faults(places={str(closed): 13})
    report = night.run()
    told = by_root(report)["a"]
    assert (told.state, told.new, told.gone, told.carried) == ("walked", 1, 0, 1)
    assert told.unreadable[0][0].endswith("A-3")
    stale = night.files().filter(pl.col("stale").is_not_null())
    assert stale["source_id"].to_list() == ["A-3"]
    faults(places={})
    (told, *_) = night.run().roots
    assert (told.carried, night.files()["stale"].null_count()) == (0, 21)


def test_outside_its_window_a_root_stays_as_it_was(night, tmp_path):
    night.run()
    hour = time.localtime().tm_hour
    night.declare(window=f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00")
    model(tmp_path / "a", "A-77")
    report = night.run()
    assert by_root(report)["a"].state == "not its hour"
    assert report.problems == []
    rows = night.files()
    assert (rows.height, rows["stale"].null_count()) == (20, 20)


@pytest.mark.usefixtures("obs")
def test_an_interrupted_night_goes_on_where_it_was(night, tmp_path, faults):
    faults(places={str(tmp_path / "obs"): 0.9, str(tmp_path / "b"): 0.5})
    words = ["catalog", "refresh", "--site", "local", "--store", str(night.store)]
    words += ["--sources", str(night.folder), "--at-once", "1"]
    with subprocess.Popen(
        [sys.executable, "-c", "from climeri_platform.cli import main; main()", *words]
    ) as first:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(night.store.glob(".refresh/a-*/scan.json")):
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
    assert not (night.store / "CURRENT").exists()
    faults(places={})
    report = night.run()
    told = by_root(report)
    assert (told["a"].resumed, told["obs"].resumed) == (True, False)
    assert (night.files().height, night.files("obs4MIPs").height) == (20, 1)
    assert not (night.store / ".refresh").exists()
    # and a finished night leaves nothing to go on with
    assert not any(each.resumed for each in night.run().roots)


def test_a_child_that_dies_costs_its_root(night, tmp_path, faults):
    night.run()
    (tmp_path / "faults/sitecustomize.py").write_text(
        "import os, sys\n"
        "if any('apart' in each for each in sys.orig_argv) and sys.orig_argv[-1].count('/a-'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    faults(places={})
    told = by_root(night.run())
    assert told["a"].state == "carried forward"
    assert "ended with code -9" in told["a"].reason
    assert told["b"].state == "walked"


def test_builds_of_other_roots_stay(night, tmp_path):
    model(tmp_path / "c", "C-0")
    build_catalog("CMIP6", tmp_path / "c", store=night.store, root_id="c")
    night.run()
    assert set(night.files()["root"]) == {"a", "b", "c"}


def test_a_night_without_any_source_to_be_had_publishes_nothing(night, tmp_path):
    for root in ("a", "b"):
        (tmp_path / root).rename(tmp_path / f"{root}-away")
    with pytest.raises(
        RootUnusable, match="none of the 2 sources could be catalogued: a: the root"
    ):
        night.run()
    assert not (night.store / "CURRENT").exists()


def test_a_broken_family_costs_its_source(night, tmp_path):
    night.run()
    (night.folder / "more.yaml").write_text(
        yaml.safe_dump({"sources": [{"root": "d", "path": str(tmp_path), "family": "CMIP66"}]})
    )
    report = night.run()
    assert by_root(report)["d"].reason == "there is no archive family 'CMIP66'"
    assert by_root(report)["a"].state == "walked"


def test_cards_that_would_hold_for_nothing_cost_their_source(night, tmp_path):
    night.run()
    (tmp_path / "cards").mkdir()
    runs = tmp_path / "runs/T/PROD/e/J1/ATM/Output/MO"
    runs.mkdir(parents=True)
    (runs / "J1_20000101_20001231_1M_histmth.nc").write_bytes(b"x")
    wanted = [("d", "a", "CMIP6", "cards"), ("e", "runs", "libIGCM", "none")]
    sources = [
        {"root": root, "path": str(tmp_path / path), "family": family, "cards": str(tmp_path / its)}
        for root, path, family, its in wanted
    ]
    (night.folder / "more.yaml").write_text(yaml.safe_dump({"sources": sources}))
    report = by_root(night.run())
    assert "the family CMIP6 has no simulation cards" in report["d"].reason
    assert f"{tmp_path / 'none'} is not there" in report["e"].reason
    assert report["a"].state == "walked"


def test_retracted_versions_give_way(night, tmp_path):
    old = model(tmp_path / "a", "A-0", "v20190101")
    taken = tmp_path / "taken.txt"
    # from the family's own keys
    night.run()
    rows = night.files().filter(source_id="A-0", version="v20200101")
    taken.write_text(f"# taken back\n{rows['dataset'][0]}.v20200101 | wrong units\n")
    night.declare(retracted=str(taken))
    night.run()
    latest = night.files().filter(source_id="A-0", latest=True)
    assert latest["version"].to_list() == ["v20190101"]
    flags = night.files().group_by("root").agg(pl.col("retracted").sum()).sort("root")
    assert flags["retracted"].to_list() == [1, 0]
    assert night.files().filter(root="b")["retracted"].null_count() == 10
    assert old.exists()
    taken.unlink()
    told = by_root(night.run())["a"]
    assert "the list of retracted datasets" in told.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: [{root: a, path: /x}]", "sources.0.family: it is missing"),
        ("sources: [{root: a, path: /x, family: CMIP6, tape: true, headers: true}]", "recall"),
        (
            "sources: [{root: 'a b', path: /x, family: CMIP6}]",
            "sources.0.root: it wants a text of the form",
        ),
        ("sources: [{root: a, family: CMIP6}]", "has no path"),
        ("sources: [{root: a, path: $NOT_SET_HERE/x, family: CMIP6}]", "NOT_SET_HERE"),
        ("sources: [{root: a, path: /x, family: CMIP6, window: late}]", "'late' is no window"),
        ("sources: [{root: a, path: /x, family: C}, {root: a, path: /y, family: D}]", "/x and /y"),
        (
            "sources: [{root: a, path: /x, family: C, walkers: 0}]",
            "walkers: it wants at least 1, and is 0",
        ),
        ("[", "no YAML, line 1: "),
    ],
)
def test_sources_that_are_none(night, text, said):
    (night.folder / "all.yaml").write_text(text)
    with pytest.raises(UsageError) as told:
        night.run()
    assert said in told.value.message
    assert not (night.store / "snapshots").exists()


def test_a_site_without_sources(tmp_path):
    with pytest.raises(UsageError, match="declares no sources"):
        refresh("local", store=tmp_path / "store", sources=tmp_path / "none")


def test_on_the_command_line(night, tmp_path, capsys):
    words = ["catalog", "refresh", "--store", str(night.store), "--sources", str(night.folder)]
    assert run(words) == 0
    assert "a (CMIP6): 10 files (10 new, 0 changed, 0 gone), 0 rejected" in capsys.readouterr().out
    (tmp_path / "a").rename(tmp_path / "away")
    assert run([*words, "--json"]) == 12
    out, err = capsys.readouterr()
    assert json.loads(out)["problems"]
    assert "carried forward as they were: a (CMIP6): the root" in err
    assert "Traceback" not in err


def test_a_second_refresh_says_who_has_the_store_and_leaves(night):
    night.run()
    with (
        holding(night.store, "refreshing", purpose="the refresh of the site elsewhere"),
        pytest.raises(StoreBusy, match="the refresh of the site elsewhere"),
    ):
        night.run()
    assert night.run().problems == []


def test_others_may_publish_while_a_night_walks(night, tmp_path, faults):
    night.run()
    model(tmp_path / "c", "C-0")
    faults(places={str(tmp_path / "a"): 0.5})

    def build_c(root, _):
        if root == "b" and not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            build_catalog("CMIP6", tmp_path / "c", store=night.store, root_id="c")

    night.run(progress=build_c)
    assert (tmp_path / "done").exists()
    assert set(night.files()["root"]) == {"a", "b", "c"}


def test_a_site_may_be_the_file_of_its_profile(tmp_path):
    model(tmp_path / "a", "A-1")
    profile, sources = tmp_path / "mine.yaml", tmp_path / "sources"
    mounts = {"a": str(tmp_path / "a/CMIP6")}
    profile.write_text(yaml.safe_dump({"site": "my-site", "title": "Mine", "mounts": mounts}))
    sources.mkdir()
    (sources / "all.yaml").write_text("sources: [{root: a, family: CMIP6}]\n")
    refresh(str(profile), store=tmp_path / "store", sources=sources)
    assert open_snapshot(tmp_path / "store").card.site == "my-site"
    assert (tmp_path / "store/export/my-site/CMIP6.json").is_file()


def test_a_family_whose_rules_broke_is_carried_by_those_of_the_snapshot(night, tmp_path):
    rules = load_family("CMIP6").model_dump(exclude_defaults=True)
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({**rules, "family": "mine"}))
    source = {"root": "m", "path": str(tmp_path / "a"), "family": str(mine)}
    (night.folder / "mine.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    night.run()
    mine.write_text("family: [")
    report = night.run()
    told = by_root(report)["m"]
    assert (told.state, told.catalogued) == ("carried forward", 10)
    assert told.stale
    assert night.files("mine")["stale"].null_count() == 0
    assert night.files()["stale"].null_count() == 20


def test_a_root_outside_its_window_keeps_its_numbers_in_the_report(night):
    night.run()
    hour = time.localtime().tm_hour
    night.declare(window=f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00")
    told = by_root(night.run())["a"]
    assert (told.catalogued, told.datasets, told.new, told.gone) == (10, 10, 0, 0)


def test_what_looks_wrong_in_a_tree_is_in_the_report(night, tmp_path):
    model(tmp_path / "a", "A-0", "v20210101")
    versions = tmp_path / "a/CMIP6/CMIP/IPSL/A-0/historical/r1i1p1f1/Amon/tas/gr"
    (versions / "latest").symlink_to("v20200101")
    told = by_root(night.run())["a"]
    assert any("latest" in each and "v20210101" in each for each in told.notes), told.notes
    page = (night.store / "reports/latest.html").read_text()
    assert "Looks wrong" in page


def test_a_build_under_way_is_not_overtaken_by_an_older_walk(night, tmp_path, faults):
    night.run()
    faults(places={str(tmp_path / "b"): 0.3})

    def build_a(root, _):
        if root == "b" and not (tmp_path / "done").exists():
            (tmp_path / "done").touch()
            time.sleep(1.1)
            model(tmp_path / "a", "A-77")
            build_catalog("CMIP6", tmp_path / "a", store=night.store, root_id="a")

    report = night.run(at_once=1, progress=build_a)
    assert by_root(report)["a"].state == "overtaken"
    assert report.problems == []
    rows = night.files().filter(root="a")
    assert (rows.height, rows["stale"].null_count()) == (11, 11)


def test_a_root_that_no_source_names_any_more_is_told_and_can_be_forgotten(night, tmp_path):
    night.run()
    (night.folder / "all.yaml").write_text(
        yaml.safe_dump({"sources": [{"root": "a", "path": str(tmp_path / "a"), "family": "CMIP6"}]})
    )
    report = night.run()
    assert by_root(report)["b"].state == "no longer declared"
    assert report.problems == ["b (CMIP6): no source names it any more"]
    assert night.files().filter(root="b")["stale"].null_count() == 0
    with pytest.raises(UnknownValue, match="has no root 'bb'"):
        forget_root("bb", store=night.store)
    assert run(["catalog", "forget", "b", "--store", str(night.store)]) == 0
    assert set(night.files()["root"]) == {"a"}
    assert check_store(night.store) == []
    assert night.run().problems == []
    with pytest.raises(UsageError, match="the only root"):
        forget_root("a", store=night.store)


def test_a_family_ends_with_its_last_root(night, obs):
    night.run()
    forget_root("obs", store=night.store)
    snapshot = open_snapshot(night.store)
    assert snapshot.families == ["CMIP6"]
    assert not list(snapshot.folder.rglob("obs4MIPs*"))
    assert check_store(night.store) == []


def test_a_family_may_have_the_name_of_a_table(night, tmp_path):
    rules = load_family("obs4MIPs").model_dump(exclude_defaults=True)
    for name in ("files", "datasets", "export"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**rules, "family": name}))
    night.run()
    path = tmp_path / "mine/obs4MIPs/NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    for name in ("files", "datasets"):
        build_catalog(tmp_path / f"{name}.yaml", tmp_path / "mine", store=night.store)
        assert night.files().height == 20
        assert check_store(night.store) == []
    with pytest.raises(UnknownFamily, match="and not export"):
        load_family(tmp_path / "export.yaml")


def test_an_empty_scan_of_a_failed_night_is_not_believed(night, tmp_path):
    for root in ("a", "b"):
        (tmp_path / root).rename(tmp_path / f"{root}-away")
        (tmp_path / root).mkdir()
    with pytest.raises(RootUnusable):
        night.run()
    for root in ("a", "b"):
        (tmp_path / root).rmdir()
        (tmp_path / f"{root}-away").rename(tmp_path / root)
    assert [each.new for each in night.run().roots] == [10, 10]


def test_an_export_follows_a_mount_that_moved(night, tmp_path):
    night.run()
    before = open_snapshot(night.store)
    old = (before.folder / "export/local/CMIP6.parquet").read_bytes()
    (tmp_path / "a").rename(tmp_path / "moved")
    text = (night.folder / "all.yaml").read_text()
    (night.folder / "all.yaml").write_text(
        text.replace(str(tmp_path / "a"), str(tmp_path / "moved"))
    )
    report = night.run()
    assert "stands for" in by_root(report)["a"].reason
    assert night.run(accept_loss=["a"]).problems == []
    paths = pl.read_parquet(open_snapshot(night.store).folder / "export/local/CMIP6.parquet")[
        "path"
    ]
    assert all((tmp_path / each).exists() for each in paths)
    assert (before.folder / "export/local/CMIP6.parquet").read_bytes() == old


def test_code_in_the_folder_where_it_is_started_is_not_run(night, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here/queue.py").write_text(
        f"open({str(tmp_path / 'owned')!r}, 'w')\nraise ImportError"
    )
    monkeypatch.chdir(tmp_path / "here")
    assert night.run().problems == []
    assert not (tmp_path / "owned").exists()


def test_a_root_that_is_not_declared_has_no_loss_to_accept(night):
    with pytest.raises(UsageError, match="no root 'x' of which a loss"):
        night.run(accept_loss=["x"])


def test_one_root_is_not_catalogued_twice_for_a_family(night, tmp_path):
    more = {"root": "a", "path": str(tmp_path / "a"), "family": "cmip6"}
    (night.folder / "more.yml").write_text(yaml.safe_dump({"sources": [more]}))
    with pytest.raises(UsageError, match="two sources catalogue the root 'a'"):
        night.run()


def test_a_replica_of_what_was_retracted_is_retracted_too(night, tmp_path):
    for root in ("a", "b"):
        for version in ("v20190101", "v20200101"):
            model(tmp_path / root, "SHARED", version)
    night.run()
    key = night.files().filter(source_id="SHARED")["dataset"][0]
    (tmp_path / "taken.txt").write_text(f"{key}.v20200101\n")
    night.declare(retracted=str(tmp_path / "taken.txt"))
    night.run()
    latest = night.files().filter(source_id="SHARED", latest=True)
    assert sorted(latest.select("root", "version").rows()) == [
        ("a", "v20190101"),
        ("b", "v20190101"),
    ]
    others = night.files().filter(pl.col("root") == "b", pl.col("source_id") != "SHARED")
    assert others["retracted"].null_count() == others.height


def test_a_damaged_table_is_mended_by_the_night_and_the_report_says_so(night, obs):
    night.run()
    (open_snapshot(night.store).folder / "obs4MIPs/files.parquet").write_bytes(b"damaged")
    report = night.run()
    assert "cannot be read" in report.not_compared
    assert check_store(night.store) == []
    assert night.run().not_compared == ""


@pytest.mark.parametrize(("family", "path"), [("obs4MIPs", "obs"), ("CMIP6", "b")])
@pytest.mark.usefixtures("obs")
def test_a_snapshot_that_is_pruned_while_the_night_runs_is_not_missed(
    night, tmp_path, monkeypatch, family, path
):
    night.run()
    first, real = open_snapshot(night.store), sys.modules[refresh.__module__]._read_headers

    def later(*given):
        while first.folder.exists():
            build_catalog(family, tmp_path / path, store=night.store, root_id="d")
        return real(*given)

    monkeypatch.setattr(sys.modules[refresh.__module__], "_read_headers", later)
    model(tmp_path / "a", "A-10")
    report = night.run()
    assert report.problems == []
    assert (by_root(report)["a"].new, by_root(report)["a"].catalogued) == (1, 11)
    assert check_store(night.store) == []


def test_rules_that_changed_are_published_though_a_root_is_no_longer_declared(night, tmp_path):
    own = tmp_path / "own.yaml"
    rules = {**load_family("CMIP6").model_dump(exclude_defaults=True), "family": "own"}
    own.write_text(yaml.safe_dump(rules))
    sources = [{"root": root, "path": str(tmp_path / root), "family": str(own)} for root in "ab"]
    (night.folder / "all.yaml").write_text(yaml.safe_dump({"sources": sources}))
    night.run()
    own.write_text(yaml.safe_dump({**rules, "constants": {"era": "sixth"}}))
    (night.folder / "all.yaml").write_text(yaml.safe_dump({"sources": sources[:1]}))
    assert by_root(night.run())["b"].state == "no longer declared"
    eras = night.files("own").group_by("root").agg(pl.col("era").first()).sort("root")
    assert eras.rows() == [("a", "sixth"), ("b", None)]


def damage(path: Path, column: str) -> None:
    """Damage one column of a table: all others can be read."""
    rows, alone = pl.read_parquet(path), path.with_name("alone")
    rows.write_parquet(path)
    rows.select(column).write_parquet(alone)
    chunk = alone.read_bytes()[4:40]
    alone.unlink()
    whole = path.read_bytes()
    assert whole.count(chunk) == 1
    path.write_bytes(whole.replace(chunk, b"\xff" * len(chunk)))
    with pytest.raises(pl.exceptions.PolarsError):
        pl.read_parquet(path, columns=[column])
    pl.read_parquet(path, columns=[each for each in rows.columns if each != column])


# the first is looked at to tell parts apart, the second only where whole rows are read
@pytest.mark.parametrize("column", ["activity_id", "grid_label"])
def test_a_table_of_which_a_column_is_damaged_is_mended(night, tmp_path, faults, column):
    night.run()
    rows = night.files()
    damage(open_snapshot(night.store).folder / "CMIP6/files.parquet", column)
    assert night.run().problems == []
    assert night.files().equals(rows)
    # nobody can look at some of the rows: they are lost with the table, and the night is not
    damage(open_snapshot(night.store).folder / "CMIP6/files.parquet", column)
    faults(places={str(tmp_path / "a/CMIP6/CMIP/IPSL/A-3"): 5})
    assert night.run().problems == []
    assert night.files().equals(rows.filter(~pl.col("path").str.contains("A-3")))


@pytest.mark.parametrize("column", ["activity_id", "grid_label"])
def test_a_build_mends_a_table_of_which_a_column_is_damaged(tmp_path, column):
    for number in range(3):
        model(tmp_path / "a", f"A-{number}")
    store = tmp_path / "store"
    build_catalog("CMIP6", tmp_path / "a", store=store, root_id="a")
    damage(open_snapshot(store).folder / "CMIP6/files.parquet", column)
    build_catalog("CMIP6", tmp_path / "a", store=store, root_id="a")
    assert check_store(store) == []
    assert open_snapshot(store).read("CMIP6", "files").height == 3


def test_a_root_is_not_forgotten_where_the_rows_of_another_cannot_be_read(night):
    night.run()
    damage(open_snapshot(night.store).folder / "CMIP6/files.parquet", "grid_label")
    was = sorted(each.name for each in (night.store / "snapshots").iterdir())
    with pytest.raises(StoreDamaged):
        forget_root("a", store=night.store)
    assert sorted(each.name for each in (night.store / "snapshots").iterdir()) == was


def test_a_table_that_is_damaged_costs_its_family_while_another_root_of_it_is_away(
    night, obs, tmp_path
):
    night.run()
    other = tmp_path / "other/obs4MIPs/NASA/GPCP/mon/pr/gn/v2/pr_mon_GPCP_BE_gn_197901-197912.nc"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"x")
    build_catalog("obs4MIPs", tmp_path / "other", store=night.store, root_id="other")
    (open_snapshot(night.store).folder / "obs4MIPs/files.parquet").write_bytes(b"damaged")
    model(tmp_path / "a", "A-0", "v20210101")
    report = night.run()
    told = by_root(report)
    assert (told["a"].new, told["a"].catalogued) == (1, 11)
    assert (told["obs"].state, told["obs"].new) == ("carried forward", 0)
    assert "obs4MIPs/files.parquet cannot be read" in told["obs"].reason
    assert night.files().height == 21
    # what is damaged stays, and says so, until its roots are built again
    assert any("obs4MIPs" in each for each in check_store(night.store))
    assert {each.root_id for each in open_snapshot(night.store).card.roots} == {
        *"ab",
        "obs",
        "other",
    }
