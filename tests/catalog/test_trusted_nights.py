"""Nights that trust directories, from the sources to the snapshot and the report."""

from __future__ import annotations

import json
import time

import polars as pl
import pytest
import yaml

from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.catalog.folders import place_of
from climeri_platform.catalog.forget import forget_root
from climeri_platform.catalog.publish import roll_back
from climeri_platform.catalog.refresh import refresh
from climeri_platform.catalog.sources import load_sources
from climeri_platform.core.errors import UsageError
from climeri_platform.sites import load_site

FOLDERS = 11  # of a root with one model: the root, and ten below


def put(root, model, span="185001-201412"):
    folder = root / f"CMIP6/CMIP/IPSL/{model}/historical/r1i1p1f1/Amon/tas/gr/v20200101"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"tas_Amon_{model}_historical_r1i1p1f1_gr_{span}.nc"
    file.write_bytes(b"x")
    return file


class Night:
    """Two roots that are trusted, and a store."""

    def __init__(self, folder):
        self.folder, self.store, self.sources = folder, folder / "store", folder / "sources"
        self.roots = {each: folder / each for each in "ab"}
        self.sources.mkdir()
        for each, root in self.roots.items():
            put(root, each.upper())
        self.declare()

    def declare(self, **more):
        each = {"family": "CMIP6", "trust_directories": True, **more}
        sources = [{"root": name, "path": str(path), **each} for name, path in self.roots.items()]
        (self.sources / "all.yaml").write_text(yaml.safe_dump({"sources": sources}))

    def run(self):
        """Return, of each root, its state, what is new, and how many directories were not listed."""
        report = refresh("local", store=self.store, sources=self.sources)
        return [(each.state, each.new, each.unlisted) for each in report.roots]

    def kept(self):
        folder = open_snapshot(self.store).folder
        return {each: place_of(folder, "CMIP6", each) for each in "ab"}

    def models(self):
        rows = open_snapshot(self.store).read("CMIP6", "files")
        return sorted(rows.filter(pl.col("stale").is_null())["source_id"])


@pytest.fixture
def night(tmp_path):
    """Trees that are at rest, and a first night that knows them."""
    night = Night(tmp_path)
    time.sleep(2.1)  # what changed just before it was listed is not trusted
    assert night.run() == [("walked", 1, 0)] * 2
    return night


def test_night_after_night(night):
    tables = open_snapshot(night.store).folder / "CMIP6/files.parquet"
    assert night.run() == [("walked", 0, FOLDERS - 1)] * 2
    # the tables are as they were; what is known of directories is not: one was listed
    again = open_snapshot(night.store)
    assert (again.folder / "CMIP6/files.parquet").samefile(tables)
    assert pl.read_parquet(night.kept()["a"])["listed"].n_unique() == 2
    put(night.roots["a"], "A-new")
    (new, unlisted), others = night.run()[0][1:], night.run()[1]
    assert (new, others) == (1, ("walked", 0, FOLDERS - 1))
    assert 0 < unlisted < FOLDERS
    assert night.models() == ["A", "A-new", "B"]
    told = json.loads((night.store / "reports/latest.json").read_text())["roots"][1]
    assert told["unlisted"] == FOLDERS - 1
    page = (night.store / "reports/latest.html").read_text()
    assert f"{FOLDERS - 1} directories were not listed" in " ".join(page.split())


def test_a_root_that_was_carried_forward_is_listed_as_a_whole(night):
    night.roots["a"].rename(night.folder / "away")
    assert [each[0] for each in night.run()] == ["carried forward", "walked"]
    assert night.models() == ["B"]
    (night.folder / "away").rename(night.roots["a"])
    assert night.run()[0] == ("walked", 0, 0)
    assert night.models() == ["A", "B"]
    assert night.run()[0][2] > 0


def test_rolled_back_built_by_hand_and_forgotten(night):
    first = open_snapshot(night.store).name
    put(night.roots["a"], "A-new")
    night.run()
    roll_back(night.store, first)
    assert night.run()[0][:2] == ("walked", 1)
    assert night.models() == ["A", "A-new", "B"]
    build_catalog("CMIP6", night.roots["a"], store=night.store, root_id="a")
    # what nights know of the other root stays, and nothing is known of this one
    assert [each.exists() for each in night.kept().values()] == [False, True]
    assert night.run()[0][2] == 0
    forget_root("a", store=night.store)
    assert [each.exists() for each in night.kept().values()] == [False, True]


def test_roots_that_are_not_trusted_any_more(night):
    night.declare(trust_directories=False)
    assert night.run() == [("walked", 0, 0)] * 2
    assert not any(each.exists() for each in night.kept().values())


def test_a_night_without_the_file_of_the_last_one(night):
    night.kept()["a"].unlink()
    night.kept()["b"].write_bytes(b"no table")
    assert night.run() == [("walked", 0, 0)] * 2
    assert [each[2] for each in night.run()] == [FOLDERS - 1] * 2


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tape": True}, "files go to tape without their directory"),
        ({"inventory": "list"}, "an inventory lists every directory"),
    ],
)
def test_what_cannot_be_trusted(tmp_path, more, why):
    night = Night(tmp_path)
    night.declare(**more)
    with pytest.raises(UsageError, match=why):
        load_sources(load_site("local"), night.sources)


def test_a_site_that_says_that_tape_is_behind(tmp_path):
    mount = {"path": str(tmp_path / "a"), "tape": True}
    profile = {"site": "x", "title": "x", "mounts": {"a": mount}}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(profile))
    sources = [{"root": "a", "family": "CMIP6", "trust_directories": True}]
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/all.yaml").write_text(yaml.safe_dump({"sources": sources}))
    with pytest.raises(UsageError, match="tape is behind it"):
        load_sources(load_site(str(tmp_path / "x.yaml")), tmp_path / "sources")
