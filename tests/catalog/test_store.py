"""The store on disk: formats, damage, foreign folders; each told in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, open_snapshot, store_path
from climeri_platform.catalog.coverage import coverage_table
from climeri_platform.catalog.layout import FORMAT, Snapshot, snapshot_names
from climeri_platform.catalog.members import one_member_per_model
from climeri_platform.core.errors import (
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreTooNew,
    UnknownFamily,
    UsageError,
)


@pytest.fixture
def store(plant, tas, tmp_path):
    folder = tmp_path / "store"
    build_catalog("CMIP6", plant([tas(), tas("ssp585")]), store=folder, root_id="archive")
    return folder


def read_all(store):
    view = CatalogView.open("CMIP6", store)
    view.snapshot.read("CMIP6", "rejected")
    return len(view), view.files().height


def test_a_whole_store_reads(store):
    assert read_all(store) == (2, 2)
    assert open_snapshot(store).families == ["CMIP6"]


def test_the_folder_is_laid_out_as_documented(store):
    name = open_snapshot(store).name
    found = {str(p.relative_to(store)) for p in store.rglob("*") if p.is_file()}
    inside = f"snapshots/{name}"
    assert found == {
        "store.json",
        "CURRENT",
        f"{inside}/snapshot.json",
        f"{inside}/CMIP6/family.json",
        *(
            f"{inside}/CMIP6/{table}.parquet"
            for table in ("files", "datasets", "rejected", "facets")
        ),
        f"{inside}/export/local/CMIP6.parquet",
        f"{inside}/export/local/CMIP6.csv.gz",
        "export/local/CMIP6.json",
        "export/local/CMIP6-csv.json",
        "export/local/master_latest.yml",
    }


def test_a_newer_format_is_refused_in_one_sentence(store, plant, tas):
    card = {"format": FORMAT + 1, "min_reader": FORMAT + 1, "written_by": "climeri-platform 9"}
    (store / "store.json").write_text(json.dumps(card))
    with pytest.raises(StoreTooNew) as refused:
        open_snapshot(store)
    assert "\n" not in refused.value.message
    assert "climeri-platform 9" in refused.value.message
    assert "Upgrade" in refused.value.hint
    with pytest.raises(StoreTooNew):
        build_catalog("CMIP6", plant([tas()]), store=store)


def test_a_newer_format_that_can_be_read_is_never_written(store, plant, tas):
    card = {"format": FORMAT + 1, "min_reader": FORMAT, "written_by": "climeri-platform 9"}
    (store / "store.json").write_text(json.dumps({**card, "news": True}))
    assert read_all(store) == (2, 2)
    with pytest.raises(StoreTooNew, match="writes up to"):
        build_catalog("CMIP6", plant([tas()]), store=store)
    assert read_all(store) == (2, 2)


PARTS = [
    "store.json",
    "CURRENT",
    "snapshots/{name}/snapshot.json",
    "snapshots/{name}/CMIP6/files.parquet",
    "snapshots/{name}/CMIP6/datasets.parquet",
    "snapshots/{name}/CMIP6/rejected.parquet",
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["missing", "empty", "half", "garbage", "a directory"])
def test_a_half_written_store_is_told(store, part, how):
    path = store / part.format(name=open_snapshot(store).name)
    content = path.read_bytes()
    path.unlink()
    if how == "a directory":
        path.mkdir()
    elif how != "missing":
        half = len(content) // 2
        path.write_bytes({"empty": b"", "half": content[:half]}.get(how, b"\xff\xfe" * 40))
    with pytest.raises(StoreError) as refused:
        read_all(store)
    assert type(refused.value) in (StoreMissing, StoreDamaged)
    assert str(store) in refused.value.message
    assert refused.value.hint or part == "store.json"
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("table", "how"),
    [
        ("files", "flipped"),
        ("datasets", "flipped"),
        ("files", "columns"),
        ("datasets", "columns"),
        ("rejected", "columns"),  # it has no rows here, and so no pages to damage
    ],
)
def test_a_table_that_is_parquet_and_wrong(store, table, how):
    path = store / "snapshots" / open_snapshot(store).name / "CMIP6" / f"{table}.parquet"
    if how == "columns":
        pl.DataFrame({"a": [1]}).write_parquet(path)
    else:
        content = bytearray(path.read_bytes())
        content[4:40] = bytes(36)
        path.write_bytes(content)
    with pytest.raises(StoreDamaged) as told:
        CatalogView.open("CMIP6", store).snapshot.read("CMIP6", table, pl.col("root") == "archive")
    assert str(path) in told.value.message


ASKED = {
    "facets": lambda store: CatalogView.open("CMIP6", store).search(covers="1990").facets(),
    "keys": lambda store: CatalogView.open("CMIP6", store).keys,
    "length": lambda store: len(CatalogView.open("CMIP6", store)),
    "files": lambda store: CatalogView.open("CMIP6", store).files(),
    "describe": lambda store: CatalogView.open("CMIP6", store).describe(),
    "one member": lambda store: one_member_per_model(CatalogView.open("CMIP6", store)).keys,
    "coverage": lambda store: coverage_table(CatalogView.open("CMIP6", store)),
    "covers": lambda store: CatalogView.open("CMIP6", store).search(covers="1990/2000").keys,
}


@pytest.mark.parametrize("asked", ASKED)
def test_tables_that_are_cut_short_while_they_are_read(store, monkeypatch, asked):
    real = Snapshot.scan
    whole = {each: each.read_bytes() for each in open_snapshot(store).folder.rglob("*.parquet")}

    def scan(snapshot, family, table):
        path = snapshot.path_of(family, table)
        path.write_bytes(whole[path])
        rows = real(snapshot, family, table)
        os.truncate(path, 100)
        return rows

    (open_snapshot(store).folder / "CMIP6/facets.parquet").unlink()
    assert ASKED[asked](store) is not None
    monkeypatch.setattr(Snapshot, "scan", scan)
    with pytest.raises(StoreDamaged, match=r"(files|datasets)\.parquet is damaged") as told:
        ASKED[asked](store)
    assert "climeri catalog build CMIP6 ROOT" in told.value.hint


def test_a_table_that_is_cut_short_after_its_schema_was_read(store):
    snapshot = open_snapshot(store)
    rows = snapshot.scan("CMIP6", "files")
    path = snapshot.path_of("CMIP6", "files")
    os.truncate(path, 100)
    with pytest.raises(StoreDamaged) as told:
        snapshot.collect(rows, "CMIP6", "files")
    assert str(path) in told.value.message
    assert "is damaged" in told.value.message


@pytest.mark.parametrize("table", ["files", "datasets", "rejected"])
def test_a_damaged_table_is_mended_by_the_build_that_the_message_names(store, table, plant, tas):
    path = store / "snapshots" / open_snapshot(store).name / "CMIP6" / f"{table}.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreDamaged) as told:
        read_all(store)
    assert "climeri catalog build CMIP6 ROOT" in told.value.hint
    build_catalog("CMIP6", plant([]), store=store, root_id="archive")
    assert read_all(store) == (2, 2)


def test_a_lost_current_loses_no_catalog(store, plant):
    obs = ["NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"]
    (store / "CURRENT").unlink()
    with pytest.raises(StoreDamaged, match="CURRENT is missing") as told:
        open_snapshot(store)
    assert "goes on from the newest" in told.value.hint
    build_catalog("obs4MIPs", plant(obs, root="obs"), store=store)
    assert open_snapshot(store).families == ["CMIP6", "obs4MIPs"]
    assert read_all(store) == (2, 2)


@pytest.mark.parametrize("text", ["", "\n", "../../elsewhere", "yesterday", "20260101T000000Z\nx"])
def test_a_current_that_names_no_snapshot(store, text):
    (store / "CURRENT").write_text(text)
    with pytest.raises(StoreDamaged, match="does not name a snapshot"):
        open_snapshot(store)


def test_a_card_of_another_snapshot(store):
    name = open_snapshot(store).name
    other = "20010101T000000Z"
    shutil.copytree(store / "snapshots" / name, store / "snapshots" / other)
    (store / "CURRENT").write_text(other)
    with pytest.raises(StoreDamaged, match="another snapshot"):
        open_snapshot(store)


def test_a_foreign_folder_is_refused_and_untouched(plant, tas, tmp_path):
    root, foreign = plant([tas()]), tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.tex").write_text("years of work")
    before = sorted(foreign.rglob("*"))
    with pytest.raises(StoreError, match="not a catalog store") as refused:
        build_catalog("CMIP6", root, store=foreign)
    assert "--store" in refused.value.hint
    assert sorted(foreign.rglob("*")) == before
    with pytest.raises(StoreMissing, match="is not a catalog store"):
        open_snapshot(foreign)


def test_hidden_files_make_no_folder_foreign(plant, tas, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / ".nfs0001").touch()
    build_catalog("CMIP6", plant([tas()]), store=store)
    assert len(CatalogView.open("CMIP6", store)) == 1


def test_a_store_that_is_not_there_or_is_a_file(plant, tas, tmp_path):
    with pytest.raises(StoreMissing, match="does not exist"):
        open_snapshot(tmp_path / "nowhere")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreMissing, match="is a file"):
        open_snapshot(file)
    for wrong in (file, file / "below"):
        with pytest.raises(StoreError, match="cannot be made"):
            build_catalog("CMIP6", plant([tas()]), store=wrong)


def test_a_store_that_nothing_names(monkeypatch):
    with pytest.raises(UsageError, match="no catalog store was named"):
        store_path()
    monkeypatch.setenv("CLIMERI_STORE", "/data/store")
    assert str(store_path()) == "/data/store"
    assert store_path("~/store").is_absolute()
    assert "~" not in str(store_path("~/store"))
    assert store_path("~nobody-of-that-name/x").name == "x"


def test_another_family_is_told_with_what_there_is(store):
    for call in (
        lambda: CatalogView.open("CMIP", store),
        lambda: open_snapshot(store).scan("CMIP5", "files"),
    ):
        with pytest.raises(UnknownFamily) as refused:
            call()
        assert "CMIP6" in refused.value.hint


def test_a_store_that_moved_reads_the_same(store, tmp_path):
    moved = tmp_path / "elsewhere" / "catalogs"
    moved.parent.mkdir()
    store.rename(moved)
    assert read_all(moved) == (2, 2)


def test_snapshots_are_ordered_by_age(tmp_path):
    names = ["20260101T000000Z", "20260101T000000Z-2", "20260101T000000Z-10", "20260102T000000Z"]
    for each in [*reversed(names), ".building-20260103T000000Z", "notes"]:
        (tmp_path / "snapshots" / each).mkdir(parents=True)
    assert snapshot_names(tmp_path) == names
    assert snapshot_names(tmp_path / "nowhere") == []


def test_a_store_that_one_may_not_look_into_is_told(store):
    script = f"""if True:
        from climeri_platform.catalog import open_snapshot
        from climeri_platform.core.errors import StoreError
        try:
            open_snapshot({str(store)!r})
        except StoreError as problem:
            print(type(problem).__name__, problem)
        """
    store.chmod(0)
    try:
        # root passes every door with its capabilities, and without them as others do
        bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*bare, sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
    finally:
        store.chmod(0o755)
    assert done.stdout.startswith(f"StoreError the store {store} cannot be read: Permission denied")
