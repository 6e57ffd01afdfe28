"""One dataset at several roots and centres: opened, costed, exported and frozen as one."""

from __future__ import annotations

import json
import os
import shutil

import netCDF4
import numpy as np
import polars as pl
import pytest

from climeri_platform import open_catalog, open_selection
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog, open_snapshot, publish
from climeri_platform.cli.front import run
from climeri_platform.core.errors import NotHere, OnTape, UnknownSite, UsageError

KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"


def monthly(root, level, year=2000, exp="historical"):
    activity = "CMIP" if exp == "historical" else "ScenarioMIP"
    path = root / (
        f"{activity}/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/v1/"
        f"tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_{year}01-{year}12.nc"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 2000-01-01", "calendar": "365_day"})
        axis[:] = 365 * (year - 2000) + 15.5 + 30.4 * np.arange(12)
        file.createVariable("tas", "f4", ("time",))[:] = level
    return path


@pytest.fixture
def top(tmp_path, monkeypatch):
    """A centre with a disk and a tape-backed store, and a third root that no profile names."""
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(tmp_path))
    for folder, level in (("bdd", 1.0), ("store", 2.0), ("third", 3.0)):
        for year in (2000, 2001):
            monthly(tmp_path / folder / "CMIP6", level, year)
    roots = {"CMIP6-tape": "store", "CMIP6-disk": "bdd", "third": "third"}
    for root_id, folder in roots.items():
        root = tmp_path / folder / "CMIP6"
        build_catalog("CMIP6", root, store=tmp_path / "catalogs", root_id=root_id)
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "catalogs"))
    monkeypatch.setenv("CLIMERI_SITE", "test-centre")
    return tmp_path


def level(**how):
    with_report = open_catalog("CMIP6").open(**how)
    return float(with_report[KEY]["tas"].mean()), with_report[KEY].attrs["climeri_root"]


def exported(top):
    found = open_catalog("CMIP6")
    paths = found.paths()
    assert sorted(found.to_intake().df["path"]) == sorted(paths)
    assert found.cost().files == len(paths)
    return {path.removeprefix(f"{top}/").split("/")[0] for path in paths}


def test_disk_before_what_the_profile_does_not_name_before_tape(top):
    assert len(open_catalog("CMIP6")) == 1
    assert level() == (1, "CMIP6-disk")
    assert exported(top) == {"bdd"}
    shutil.rmtree(top / "bdd")
    assert level() == (3, "third")
    assert exported(top) == {"third"}
    shutil.rmtree(top / "third")
    assert level(recall=True) == (2, "CMIP6-tape")
    assert exported(top) == {"store"}


def test_without_a_profile_that_names_roots_each_is_where_it_was_walked(top, monkeypatch):
    monkeypatch.setenv("CLIMERI_SITE", "local")
    assert level() == (1, "CMIP6-disk")  # equally near, equally complete: by name
    shutil.rmtree(top / "bdd")
    assert level() == (2, "CMIP6-tape")  # this machine knows of no tape


def test_tape_is_not_opened_unasked(top):
    for gone in ("bdd", "third"):
        shutil.rmtree(top / gone)
    for path in (top / "store").rglob("*.nc"):
        size = path.stat().st_size
        os.truncate(path, 0)
        os.truncate(path, size)  # a size and no blocks, as a released file has
    found = open_catalog("CMIP6")
    with pytest.raises(OnTape, match=f"all files that are asked for of {KEY} are on tape") as told:
        found.open()
    assert "recall=True" in told.value.hint
    assert "stage()" in told.value.hint
    with pytest.raises(OnTape):
        found.open(on_error="raise")
    assert len(found.here()) == 1


@pytest.mark.parametrize("online", [True, False, None])
def test_what_is_on_disk_now_is_opened_whatever_the_catalog_says(top, online):
    for gone in ("bdd", "third"):
        shutil.rmtree(top / gone)
    table = open_snapshot().folder / "CMIP6" / "files.parquet"
    rows = pl.read_parquet(table)
    rows.with_columns(online=pl.lit(online, pl.Boolean)).write_parquet(table)
    assert level() == (2, "CMIP6-tape")


def test_the_best_replica_that_lacks_something_is_told(top):
    monthly(top / "third" / "CMIP6", 3.0, 2002)
    build_catalog("CMIP6", top / "third" / "CMIP6", store=top / "catalogs", root_id="third")
    with pytest.warns(IncompleteDataWarning, match="third also has 200201 to 200212"):
        opened = open_catalog("CMIP6").open()
    assert opened[KEY].sizes["time"] == 24
    first = opened.report.having("noted")[0]
    assert first.cause == "taken from CMIP6-disk; also at CMIP6-tape, third"


def test_what_is_nowhere_here_is_told_with_roots_and_centres(top, tmp_path, monkeypatch):
    sites = tmp_path / "profiles"
    sites.mkdir()
    (sites / "lab.yaml").write_text("site: lab\ntitle: The lab\nmounts: {third: /lab/CMIP6}\n")
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(sites))
    for gone in ("bdd", "third", "store"):
        shutil.rmtree(top / gone)
    found = open_catalog("CMIP6")
    for ask in (found.open, found.paths, found.to_intake):
        with pytest.raises(NotHere, match=f"no replica of {KEY} is here") as told:
            ask()
        said = told.value.message
        assert f"third ({top}/third/CMIP6: it does not exist, at lab and local)" in said
        assert f"CMIP6-disk ({top}/bdd/CMIP6: it does not exist, at local and test-centre)" in said
        assert "climeri sites show" in told.value.hint
    assert len(found) == 1
    assert found.cost().files == 2
    assert len(found.here()) == 0


def test_of_several_datasets_the_one_that_is_away_is_skipped_and_named(top):
    far = top / "far" / "CMIP6"
    monthly(far, 9.0, 2015, "ssp585")
    build_catalog("CMIP6", far, store=top / "catalogs", root_id="far")
    shutil.rmtree(far)
    found = open_catalog("CMIP6")
    with pytest.warns(IncompleteDataWarning, match="no replica of"):
        opened = found.open()
    assert list(opened) == [KEY]
    (line,) = opened.report.having("skipped")
    assert "ssp585" in line.dataset
    assert "in the root far (" in line.cause
    assert "site profile" in line.remedy
    with pytest.raises(NotHere):
        found.open(on_error="raise")
    with pytest.raises(NotHere, match="ssp585"):
        found.paths()
    assert found.here().keys == [KEY]
    assert len(found.here().paths()) == 2


def test_a_mount_that_moved_is_found_by_its_profile(top, monkeypatch):
    (top / "new").mkdir()
    shutil.move(top / "bdd", top / "new" / "bdd")
    assert level() == (3, "third")
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(top / "new"))
    assert level() == (1, "CMIP6-disk")


def test_a_variable_that_is_not_set_is_told_when_opening(top, monkeypatch):
    monkeypatch.delenv("CLIMERI_TEST_CENTRE")
    with pytest.raises(UnknownSite, match="CLIMERI_TEST_CENTRE is not set"):
        open_catalog("CMIP6").open()
    assert len(open_catalog("CMIP6")) == 1


def test_a_frozen_selection_is_read_from_the_replica_that_is_here(top):
    only = open_catalog("CMIP6").view.search()
    paper = open_catalog("CMIP6").freeze(top / "paper.json")
    content = json.loads(paper.read_text())
    content["datasets"] = [each for each in content["datasets"] if each["root"] == "CMIP6-disk"]
    paper.write_text(json.dumps(content))
    assert open_selection(paper).paths()[0].startswith(f"{top}/bdd/")
    shutil.rmtree(top / "bdd")  # another centre, that has the third root only
    elsewhere = open_selection(paper)
    assert not elsewhere.changes
    assert len(elsewhere) == len(only)
    assert elsewhere.paths()[0].startswith(f"{top}/third/")
    (dataset,) = elsewhere.open().values()
    assert float(dataset["tas"].mean()) == 3


def test_the_export_of_a_site_holds_one_replica_with_the_paths_of_that_site(top):
    # the site is that of the settings
    build_catalog("CMIP6", top / "bdd/CMIP6", store=top / "catalogs", root_id="CMIP6-disk")
    folder = open_snapshot().folder / "export"
    tables = {each.parent.name: pl.read_parquet(each) for each in folder.glob("*/*.parquet")}
    assert set(tables) == {"test-centre"}
    assert sorted(tables["test-centre"]["path"]) == sorted(open_catalog("CMIP6").paths())
    master = top / "catalogs" / "export" / "test-centre" / publish.MASTER
    assert "{{ CATALOG_DIR }}/CMIP6.json" in master.read_text()
    assert not (top / "catalogs" / "export" / "local" / publish.MASTER).exists()


def test_a_build_at_a_site_whose_variables_are_not_set_is_refused_before_the_walk(top, monkeypatch):
    monkeypatch.delenv("CLIMERI_TEST_CENTRE")
    before = open_snapshot().name
    words = ["catalog", "build", "CMIP6", str(top / "bdd/CMIP6"), "--root-id", "CMIP6-disk"]
    assert run(words) == 2
    assert open_snapshot().name == before
    assert run([*words, "--site", "local"]) == 0
    assert open_snapshot().card.site == "local"


def test_a_root_has_the_name_that_the_profile_gives_to_its_path_or_an_alias(top):
    store = top / "new"
    disk = build_catalog("CMIP6", top / "bdd/CMIP6", store=store)
    (top / "hsm").symlink_to(top / "store")
    alias = build_catalog("CMIP6", top / "hsm/CMIP6", store=store)
    # the same root by its other way: no second one, and no refusal
    again = build_catalog("CMIP6", top / "store/CMIP6", store=store)
    assert [each.root_id for each in (disk, alias, again)] == [
        "CMIP6-disk",
        "CMIP6-tape",
        "CMIP6-tape",
    ]
    assert len(open_snapshot(store).card.roots) == 2
    other = build_catalog("CMIP6", top / "third/CMIP6", store=store)
    assert other.root_id.startswith("CMIP6-")
    with pytest.raises(UsageError, match="stands for"):
        build_catalog("CMIP6", top / "third/CMIP6", store=store, root_id="CMIP6-tape")


def test_the_command_line_says_where_each_replica_is(top, capsys):
    shutil.rmtree(top / "third")
    assert run(["catalog", "search", "CMIP6", "--json"]) == 0
    rows = {each["root"]: each for each in json.loads(capsys.readouterr().out)["datasets"]}
    assert {root: row["here"] for root, row in rows.items()} == {
        "CMIP6-disk": True,
        "CMIP6-tape": True,
        "third": False,
    }
    assert rows["CMIP6-disk"]["paths"][0].startswith(f"{top}/bdd/CMIP6/")
