"""Frozen selections: exactly the files of then, or exactly what changed."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import yaml

from climeri_platform import open_catalog, open_selection
from climeri_platform.catalog import build_catalog, publish
from climeri_platform.catalog.refresh import refresh
from climeri_platform.core.errors import (
    NothingFound,
    SelectionChanged,
    StoreMissing,
    UnknownFamily,
    UsageError,
)

PATH = (
    "CMIP/IPSL/IPSL-CM6A-LR/historical/{member}/Amon/tas/gr/{version}/"
    "tas_Amon_IPSL-CM6A-LR_historical_{member}_gr_{span}.nc"
)


def put(root, member="r1i1p1f1", version="v1", span="185001-189912", content=b"xx"):
    path = root / PATH.format(member=member, version=version, span=span)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "CMIP6"
    for span in ("185001-189912", "190001-194912"):
        put(root, span=span)
    put(root, "r2i1p1f1")
    return root


@pytest.fixture
def store(tmp_path, root):
    return rebuild(tmp_path, root)


def rebuild(tmp_path, root, root_id="main", store="store"):
    build_catalog("CMIP6", root, store=tmp_path / store, root_id=root_id, accept_loss=True)
    return tmp_path / store


@pytest.fixture
def paper(tmp_path, store):
    return open_catalog("CMIP6", store=store).search(member="r1*").freeze(tmp_path / "paper.json")


def test_what_was_frozen_comes_back(paper, store):
    then = open_catalog("CMIP6", store=store).search(member="r1*")
    now = open_selection(paper, store=store)
    assert now.paths() == then.paths()
    assert now.keys == then.keys
    assert not now.changes
    assert str(now.changes) == "nothing changed"
    assert "frozen in paper.json" in repr(now)
    content = json.loads(paper.read_text())
    (dataset,) = content["datasets"]
    assert dataset["version"] == "v1"
    assert {"path", "size", "mtime"} == set(dataset["files"][0])
    assert not dataset["files"][0]["path"].startswith("/")
    assert content["asked"] == {"member_id": "r1*"}


def test_it_outlives_its_snapshot(paper, tmp_path, root, store, monkeypatch):
    monkeypatch.setattr(publish, "KEPT_SNAPSHOTS", 1)
    for _ in range(2):
        rebuild(tmp_path, root)
    frozen = json.loads(paper.read_text())["snapshot"]
    assert not (store / "snapshots" / frozen).exists()
    assert len(open_selection(paper, store=store).paths()) == 2


def test_a_file_that_is_gone_or_changed_is_named(paper, tmp_path, root, store):
    first = put(root, content=b"longer")
    second = put(root, span="190001-194912")
    second.unlink()
    rebuild(tmp_path, root)
    with pytest.raises(SelectionChanged) as refused:
        open_selection(paper, store=store)
    said = refused.value.message
    assert said.startswith("2 of the 2 files")
    assert f"gone: main:{second.relative_to(root)}" in said
    assert f"changed: main:{first.relative_to(root)}: 2 -> 6 bytes" in said
    left = open_selection(paper, store=store, on_change="report")
    assert left.paths() == []
    assert len(left.changes.gone) == len(left.changes.changed) == 1
    assert left.changes.as_dict()["gone"] == list(left.changes.gone)


def test_newer_versions_and_added_files_are_told_and_not_taken(paper, tmp_path, root, store):
    put(root, version="v2")
    put(root, span="195001-199912")
    old = put(root)
    os.utime(old, (1, 1))
    rebuild(tmp_path, root)
    now = open_selection(paper, store=store)
    assert len(now.paths()) == 2
    assert all("/v1/" in each for each in now.paths())
    (newer,) = now.changes.newer
    assert newer.endswith("tas.gr: v1 -> v2")
    (added,) = now.changes.added
    assert "195001-199912" in added
    (rewritten,) = now.changes.rewritten
    assert "185001-189912" in rewritten
    assert not now.changes.fatal


def test_at_another_centre(paper, tmp_path, root):
    shutil.move(root, tmp_path / "bdd" / "CMIP6")
    there = rebuild(tmp_path, tmp_path / "bdd" / "CMIP6", root_id="their", store="theirs")
    now = open_selection(paper, store=there)
    assert len(now.paths()) == len(now.changes.moved) == 2
    assert all(each.startswith(str(tmp_path / "bdd")) for each in now.paths())


@pytest.fixture
def own(tmp_path, root, store, monkeypatch):
    """Two stores in the settings: the shared one, and one's own, which alone has r9."""
    mine = tmp_path / "mine" / "CMIP6"
    put(mine, "r9i1p1f1")
    build_catalog("CMIP6", mine, store=tmp_path / "own", root_id="mine")
    monkeypatch.setenv("CLIMERI_STORE", str(store))
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "own"))
    return tmp_path / "own"


def test_a_selection_of_ones_own_finds_its_store(own, store, tmp_path):
    paper = open_catalog("own:CMIP6").search(member="r9i1p1f1").freeze(tmp_path / "own.json")
    text = paper.read_text()
    assert json.loads(text)["store"] == "own"
    assert str(tmp_path) not in text
    found = open_selection(paper)
    assert found.view.snapshot.store == own
    assert found.paths()[0].startswith(str(tmp_path / "mine"))
    with pytest.raises(SelectionChanged, match="1 of the 1 files"):
        open_selection(paper, store=store)
    shared = open_catalog("CMIP6").freeze(tmp_path / "shared.json")
    assert json.loads(shared.read_text())["store"] == "shared"
    assert open_selection(shared).view.snapshot.store == store


def test_where_the_names_of_stores_differ_the_one_that_has_it_is_taken(own, tmp_path):
    paper = open_catalog("own:CMIP6").freeze(tmp_path / "own.json")
    content = json.loads(paper.read_text())
    for label in ("a-group", "shared", None):
        content["store"] = label
        paper.write_text(json.dumps(content))
        assert open_selection(paper).view.snapshot.store == own
    del content["store"]  # as older releases wrote it
    paper.write_text(json.dumps(content))
    assert open_selection(paper).view.snapshot.store == own


def test_what_is_missing_at_another_centre_is_said(own, store, tmp_path, monkeypatch):
    paper = open_catalog("own:CMIP6").freeze(tmp_path / "own.json")
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "none"))
    with pytest.raises(SelectionChanged, match=r"gone: mine:CMIP/IPSL.*r9i1p1f1") as lost:
        open_selection(paper)  # the catalog is here, the run is not
    assert "the catalog CMIP6 of the store 'own' (roots: mine)" in lost.value.hint
    assert f"looked in {store}" in lost.value.hint
    assert not len(open_selection(paper, on_change="report"))
    content = json.loads(paper.read_text())
    content["catalog"] = "Oasis"
    paper.write_text(json.dumps(content))
    with pytest.raises(UnknownFamily, match=r"own\.json was frozen from the catalog Oasis") as none:
        open_selection(paper)
    assert "has no catalog 'Oasis'" in none.value.message
    assert "climeri catalog add ROOT --family Oasis" in none.value.hint
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "away"))
    with pytest.raises(StoreMissing):
        open_selection(paper)


def test_a_store_that_does_not_answer_is_told_beside_what_is_gone(own, tmp_path):
    paper = open_catalog("own:CMIP6").freeze(tmp_path / "own.json")
    (own / "CURRENT").write_text("nonsense")
    with pytest.raises(SelectionChanged) as lost:
        open_selection(paper)
    assert "own: " in lost.value.hint


def test_a_root_that_lost_it_all(paper, tmp_path, root, store):
    put(root, "r3i1p1f1")
    for each in ("r1i1p1f1", "r2i1p1f1"):
        shutil.rmtree(root / f"CMIP/IPSL/IPSL-CM6A-LR/historical/{each}")
    rebuild(tmp_path, root)
    with pytest.raises(SelectionChanged, match="2 of the 2 files"):
        open_selection(paper, store=store)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"kind": "climeri selection"}', '{"kind": "climeri selection", "format": 99}',
     '{"kind": "climeri selection", "format": 1, "catalog": "CMIP6", "snapshot": "x", "datasets": [{}]}',
     '{"kind": "climeri selection", "format": 1, "catalog": "CMIP6", "snapshot": "x", "datasets": [3]}'],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_frozen_selection(text, tmp_path, store):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(UsageError, match=r"other\.json"):
        open_selection(tmp_path / "other.json", store=store)


def test_wrong_questions(paper, tmp_path, store):
    with pytest.raises(UsageError, match="on_change='ignore'"):
        open_selection(paper, store=store, on_change="ignore")
    with pytest.raises(UsageError, match=r"none\.json"):
        open_selection(tmp_path / "none.json", store=store)
    catalog = open_catalog("CMIP6", store=store)
    with pytest.raises(UsageError, match="cannot be written"):
        catalog.freeze(tmp_path / "no" / "folder.json")
    nothing = catalog.search(member="r1i1p1f1").search(member="r2i1p1f1")
    with pytest.raises(NothingFound):
        nothing.freeze(tmp_path / "empty.json")


def test_freezing_is_whole_or_nothing(paper, tmp_path, store, monkeypatch):
    before = paper.read_bytes()

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UsageError, match="No space left"):
        open_catalog("CMIP6", store=store).freeze(paper)
    assert paper.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".paper")] == []


def test_an_older_version_that_is_left_is_not_newer(tmp_path, root, store):
    for version in ("v9", "v10"):
        put(root, "r5i1p1f1", version)
    rebuild(tmp_path, root)
    paper = open_catalog("CMIP6", store=store).search(member="r5*").freeze(tmp_path / "five.json")
    assert "v10" in paper.read_text()
    shutil.rmtree(root / "CMIP/IPSL/IPSL-CM6A-LR/historical/r5i1p1f1/Amon/tas/gr/v10")
    rebuild(tmp_path, root)
    left = open_selection(paper, store=store, on_change="report")
    assert len(left.changes.gone) == 1
    assert left.changes.newer == ()


def test_a_store_that_is_a_directory_cannot_be_checked(tmp_path, root):
    for name, chunk in (("tas", b"chunk"), ("lat", b"x")):
        span = "200001-200912"
        place = root / PATH.format(member="r7i1p1f1", version="v1", span=span)
        place = place.with_suffix(".zarr") / name
        place.mkdir(parents=True)
        (place.parent / ".zgroup").write_text('{"zarr_format": 2}')
        (place / "0.0").write_bytes(chunk)
    store = rebuild(tmp_path, root)
    catalog = open_catalog("CMIP6", store=store).search(member="r7*")
    assert catalog.datasets["size"].to_list() == [None]
    paper = catalog.freeze(tmp_path / "zarr.json")
    (place.parent / "tas" / "0.0").write_bytes(b"another chunk")
    rebuild(tmp_path, root)
    now = open_selection(paper, store=store)
    assert len(now.paths()) == len(now.changes.unchecked) == 1
    assert not now.changes
    said = str(now.changes)
    assert said.startswith("nothing that can be checked changed\ncannot be checked: 1 stores")
    cost = now.cost()
    assert (cost.bytes, cost.unknown, cost.chunks) == (0, 1, 1)
    assert "at least 0 B on disk" in str(cost)
    assert "1 file of unknown size" in str(cost)


def test_what_was_taken_back_since_is_told(tmp_path, root):
    def night(**more):
        source = {"root": "r", "path": str(root), "family": "CMIP6", **more}
        (tmp_path / "sources").mkdir(exist_ok=True)
        (tmp_path / "sources/r.yaml").write_text(yaml.safe_dump({"sources": [source]}))
        refresh("local", store=tmp_path / "nightly", sources=tmp_path / "sources")
        return open_catalog("CMIP6", store=tmp_path / "nightly")

    catalog = night()
    paper = catalog.freeze(tmp_path / "paper.json")
    (tmp_path / "retracted.txt").write_text("\n".join(catalog.search(member="r1*").keys))
    catalog = night(retracted=str(tmp_path / "retracted.txt"))
    now = open_selection(paper, store=tmp_path / "nightly")
    assert (len(now.paths()), len(now.changes.retracted)) == (3, 2)
    assert not now.changes.fatal
    assert "retracted: r:CMIP/IPSL" in str(now.changes)
    known = catalog.freeze(tmp_path / "known.json")
    assert not open_selection(known, store=tmp_path / "nightly").changes
