"""What the user holds: search, open, report; replicas, versions and mounts."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import climeri_platform
from climeri_platform import Selection, open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import DataError, NothingFound, StoreMissing

DAYS = {"2000": 0, "2001": 366, "2002": 731, "2003": 1096}


def monthly(root, exp="historical", version="v1", year="2000", level=280.0):
    """One year of monthly tas, as CMIP6 lays it out."""
    path = root / (
        f"CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/{version}/"
        f"tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_{year}01-{year}12.nc"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 2000-01-01", "calendar": "standard"})
        axis[:] = DAYS[year] + 15.5 + 30.4 * np.arange(12)
        field = file.createVariable("tas", "f4", ("time",))
        field.units = "K"
        field[:] = level
    return path


@pytest.fixture
def top(tmp_path):
    root = tmp_path / "archive" / "CMIP6"
    monthly(root, year="2000")
    monthly(root, year="2001")
    monthly(root, version="v2", year="2000", level=290.0)
    monthly(root, "ssp585", year="2002", level=300.0)
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="main")
    return tmp_path


@pytest.fixture
def catalog(top):
    return open_catalog("CMIP6", store=top / "store")


KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"


def test_a_catalog_is_all_its_newest_datasets(catalog):
    assert isinstance(catalog, Selection)
    assert len(catalog) == 2
    assert list(catalog) == catalog.keys == sorted([KEY, KEY.replace("historical", "ssp585")])
    assert KEY in catalog
    assert "other" not in catalog
    assert catalog.snapshot.endswith("Z")


def test_versions_are_never_mixed(catalog):
    with pytest.warns(IncompleteDataWarning, match=r"v1 also has 200001 to 200112.* are not mixed"):
        newest = catalog.search(experiment="historical").open()
    assert float(newest[KEY]["tas"].mean()) == 290
    assert newest[KEY].attrs["climeri_version"] == "v2"
    assert newest[KEY].sizes["time"] == 12
    both = catalog.search(experiment="historical", version="all").open()
    assert list(both) == [f"{KEY}.v1", f"{KEY}.v2"]
    assert both[f"{KEY}.v1"].sizes["time"] == 24
    old = catalog.search(experiment="historical", version="v1").open()
    assert list(old) == [KEY]
    assert old[KEY].attrs["climeri_snapshot"] == catalog.snapshot


def test_paths_are_what_open_opens(catalog):
    paths = catalog.search(version="v1", experiment="historical").paths()
    assert len(paths) == 2
    assert paths == sorted(paths)
    assert all(Path(each).is_file() for each in paths)


def test_a_search_leaves_its_parent_alone(catalog):
    found = catalog.search(experiment="ssp585")
    assert (len(found), len(catalog)) == (1, 2)
    with pytest.raises(AttributeError):
        found.view = None
    assert found.facets()["experiment_id"] == {"ssp585": 1}
    assert "experiment_id=ssp585" in repr(found)
    assert repr(catalog).startswith("<CMIP6: 2 datasets, snapshot ")


def test_nothing_to_open_says_why(catalog):
    none = catalog.search(experiment="ssp585", version="v2")
    assert len(none) == 0
    with pytest.raises(NothingFound, match="without version=v2 there is v1") as told:
        none.open()
    assert none.why_empty() == told.value.message


def test_the_more_complete_replica_is_taken_and_said(top):
    partial = top / "replica" / "CMIP6"
    monthly(partial, "ssp585", year="2002", level=-1.0)
    whole = top / "whole" / "CMIP6"
    for year in ("2002", "2003"):
        monthly(whole, "ssp585", year=year, level=310.0)
    build_catalog("CMIP6", partial, store=top / "store", root_id="a-first")
    build_catalog("CMIP6", whole, store=top / "store", root_id="whole")
    found = open_catalog("CMIP6", store=top / "store").search(experiment="ssp585")
    assert len(found) == 1
    assert found.datasets.height == 3
    opened = found.open()
    (dataset,) = opened.values()
    assert float(dataset["tas"].mean()) == 310
    assert dataset.attrs["climeri_root"] == "whole"
    (note,) = opened.report.having("noted")
    assert note.cause == "taken from whole; also at a-first, main"


def test_one_bad_file_is_named_and_the_rest_opens(top, catalog):
    bad = catalog.search(version="v1", experiment="historical").paths()[1]
    Path(bad).write_bytes(b"")
    with pytest.warns(IncompleteDataWarning):
        opened = catalog.search(version="v1").open()
    assert len(opened) == 2
    (line,) = opened.report.having("skipped")
    assert (line.path, line.cause) == (bad, "zero bytes")
    with pytest.raises(DataError, match="zero bytes"):
        catalog.search(version="v1").open(on_error="raise")


def test_a_selection_reads_its_own_snapshot(top, catalog):
    monthly(top / "archive" / "CMIP6", "ssp126", year="2002")
    build_catalog("CMIP6", top / "archive" / "CMIP6", store=top / "store", root_id="main")
    assert len(catalog) == 2
    assert len(open_catalog("CMIP6", store=top / "store")) == 3


def test_the_html_view_escapes(catalog):
    html = catalog._repr_html_()
    assert "<b>experiment_id</b>" in html
    assert "historical, ssp585" in html
    rules = catalog.view.family.model_copy(update={"title": "<script>"})
    odd = Selection(type(catalog.view)(catalog.view.snapshot, rules, {}))
    assert "<script>" not in odd._repr_html_()
    assert "&lt;script&gt;" in odd._repr_html_()


def test_the_store_may_come_from_the_settings(top, monkeypatch):
    monkeypatch.setenv("CLIMERI_STORE", str(top / "store"))
    assert len(open_catalog("cmip6")) == 2
    monkeypatch.setenv("CLIMERI_STORE", str(top / "none"))
    with pytest.raises(StoreMissing):
        open_catalog("CMIP6")


def test_without_the_packages_that_read_the_extra_is_named(top):
    code = (
        "import sys\n"
        "sys.modules['xarray'] = None\n"
        "from climeri_platform import open_catalog\n"
        "try: open_catalog('CMIP6', store=sys.argv[1]).open()\n"
        "except ImportError as told: print(type(told).__name__, told)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, top / "store"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("MissingExtra ")
    assert "'xarray'" in done.stdout
    assert "climeri-platform[access]" in done.stdout


def test_opening_a_good_selection_warns_of_nothing(catalog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = catalog.search(experiment="ssp585").open()
    assert opened.report.summary() == "1 dataset opened, 0 notes, 0 skipped"
    assert climeri_platform.open_catalog is open_catalog


def test_a_version_that_is_split_over_two_roots_is_told(top):
    """Neither root holds all of it: what the other one has is named, and a warning is given."""
    for root, year in (("first", "2002"), ("second", "2003")):
        monthly(top / root / "CMIP6", "ssp370", year=year, level=280.0)
        build_catalog("CMIP6", top / root / "CMIP6", store=top / "store", root_id=root)
    found = open_catalog("CMIP6", store=top / "store").search(experiment="ssp370")
    with pytest.warns(
        IncompleteDataWarning, match="a hole in time: second also has 200301 to 200312"
    ):
        opened = found.open()
    (dataset,) = opened.values()
    assert dataset.attrs["climeri_root"] == "first"
    assert dataset.sizes["time"] == 12
