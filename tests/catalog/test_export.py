"""The export opens in intake-esm, unmodified, and its search answers as ours does."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, load_family, open_snapshot
from climeri_platform.core.errors import StoreError

OBS = "NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # intake's own, at import
        import intake

        return intake.open_esm_datastore(str(path), sep=".")


@pytest.fixture
def store(plant, tas, tmp_path):
    root = plant(
        [tas(), tas(version="v1"), tas("ssp585"), tas("fixed").replace("_185001-201412", "")]
    )
    build_catalog("CMIP6", root, store=tmp_path / "store")
    build_catalog("obs4MIPs", plant([OBS], root="obs"), store=tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.parametrize("name", ["CMIP6.json", "CMIP6-csv.json"])
@pytest.mark.parametrize("moved", [False, True])
def test_intake_esm_opens_it(store, name, moved, tmp_path):
    if moved:
        store = store.rename(tmp_path / "moved")
    datastore = opened(store / "export" / "local" / name)
    ours = CatalogView.open("CMIP6", store).search(version="all").files()
    assert len(datastore.df) == ours.height == 4
    assert len(datastore.keys()) == 4
    found = datastore.search(experiment_id="historical", variable_id="tas", version="v1")
    assert len(found.df) == 1
    (path,) = found.df["path"]
    assert path.startswith("/")
    assert Path(path).read_bytes() == b"x"


def test_columns_are_plain_strings(store):
    rows = pl.read_parquet(open_snapshot(store).folder / "export/local/CMIP6.parquet")
    assert set(rows.schema.values()) == {pl.String}
    assert rows.columns == [
        *load_family("CMIP6").facets,
        "latest",
        "time_range",
        "start",
        "end",
        "format",
        "path",
    ]
    frame = opened(store / "export/local/CMIP6.json").df
    assert "category" not in {str(each) for each in frame.dtypes}


def test_parquet_and_csv_say_the_same(store):
    newest = open_snapshot(store).folder
    parquet = pl.read_parquet(newest / "export/local/CMIP6.parquet")
    with gzip.open(newest / "export/local/CMIP6.csv.gz") as file:
        csv = pl.read_csv(file.read(), infer_schema=False)
    for name in parquet.columns:
        assert csv[name].fill_null("").to_list() == parquet[name].fill_null("").to_list(), name


def test_each_description_follows_the_esmcat_specification(store):
    for path in (store / "export" / "local").glob("*.json"):
        card = json.loads(path.read_text())
        assert card["esmcat_version"] == "0.1.0"
        assert (path.parent / card["catalog_file"]).is_file()
        control = card["aggregation_control"]
        grouping = control["groupby_attrs"]
        assert "version" in grouping
        assert control["variable_column_name"] not in grouping
        assert card["assets"] == {"column_name": "path", "format_column_name": "format"}
    assert len(list((store / "export" / "local").glob("*.json"))) == 4


@pytest.mark.parametrize("moved", [False, True])
def test_the_master_lists_every_catalog_of_the_site(store, moved, tmp_path):
    if moved:
        store = store.rename(tmp_path / "moved")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # intake's own, at import
        import intake

        master = intake.open_catalog(str(store / "export" / "local" / "master_latest.yml"))
        rows = {name: len(master[name].df) for name in master}
    assert rows == {"CMIP6": 4, "CMIP6-csv": 4, "obs4MIPs": 1, "obs4MIPs-csv": 1}
    name = open_snapshot(store).name
    assert {master[each].metadata["snapshot"] for each in master} == {name}
    assert str(tmp_path) not in (store / "export" / "local" / "master_latest.yml").read_text()


def test_the_master_is_there_whole_or_as_it_was(store, plant, tas, monkeypatch):
    master = store / "export" / "local" / "master_latest.yml"
    before = master.read_text()
    replace = Path.replace

    def full(self, target):
        if target.name == master.name:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="is published, but its export"):
        build_catalog("CMIP6", plant([tas()]), store=store)
    assert master.read_text() == before
    assert not [*master.parent.glob(".*")]
    monkeypatch.undo()
    build_catalog("CMIP6", plant([tas()]), store=store)
    assert open_snapshot(store).name in master.read_text()


def test_a_description_whose_table_is_gone_goes_too(store, plant, tas):
    stale = store / "export" / "elsewhere" / "CMIP6.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    stale.with_name("master_latest.yml").write_text("sources: {}")
    build_catalog("CMIP6", plant([tas()]), store=store)
    assert not [*stale.parent.iterdir()]
    assert opened(store / "export/local/obs4MIPs.json").df["path"][0].endswith(".nc")


def test_facets_that_a_tree_does_not_have_are_empty_words(plant, tmp_path):
    # intake-esm drops groups with nulls in them
    job = "IPSLCM6/PROD/piControl/run1/ATM"
    root = plant(
        [
            f"{job}/Output/MO/run1_18500101_18500131_1M_histmth.nc",
            f"{job}/Analyse/TS_MO/run1_18500101_18591231_1M_t2m.nc",
        ],
        root="IGCM_OUT",
    )
    build_catalog("libIGCM", root, store=tmp_path / "store")
    table = open_snapshot(tmp_path / "store").folder / "export/local/libIGCM.parquet"
    assert pl.read_parquet(table)["version"].to_list() == ["", ""]
    assert sorted(pl.read_parquet(table)["variable"]) == ["", "tas"]
    datastore = opened(tmp_path / "store/export/local/libIGCM.json")
    assert len(datastore.keys()) == 2
    assert datastore.search(variable="tas").df["path"][0].endswith("_t2m.nc")
