"""Streams of a native run, found and opened by the variables that they hold."""

from __future__ import annotations

import json
import shutil

import dask
import intake
import numpy as np
import pytest
import xarray as xr

from climeri_platform import open_catalog, open_selection
from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.core.errors import DataError, UsageError
from climeri_platform.testing import ARCHIVE_ROOTS

pytestmark = pytest.mark.science

OUTPUT = "ATM.Output.MO.1M.histmth"
CYCLE = "ATM.Analyse.SE.1M.histmth"
SERIES = "ATM.Analyse.TS_MO.1M.t2m"
BESIDE = {"areacella", "time_bnds", "climatology_bnds"}


@pytest.fixture(scope="module")
def store(small_archive, tmp_path_factory):
    store = tmp_path_factory.mktemp("streams") / "store"
    for family in ("CMIP6", "libIGCM"):
        root = small_archive / ARCHIVE_ROOTS[family]
        build_catalog(family, root, store=store, contents=family == "libIGCM")
    return store


@pytest.fixture(scope="module")
def native(store):
    return open_catalog("libIGCM", store=store)


@pytest.fixture(scope="module")
def whole(native):
    """All of the run, as it is opened when nothing is asked."""
    return by_end(native.open())


def by_end(opened):
    return {key.split(".01.")[1]: dataset for key, dataset in opened.items()}


def fields(dataset):
    return {str(name) for name in dataset.data_vars} - BESIDE


def test_one_search_finds_streams_beside_cmip(store):
    found = open_catalog(store=store).search(variable="rsdt")
    assert set(found["libIGCM"]) == {
        f"IPSLCM6.PROD.historical.CM6-DEMO-hist.01.{end}" for end in (OUTPUT, CYCLE)
    }
    assert found.facets("variable")["variable"] == {"rsdt": len(found)}
    assert set(found.datasets["variable"]) == {"rsdt"}
    opened = found.search(frequency="mon").open()
    assert {key.split(":")[0] for key in opened} == {"CMIP6", "libIGCM"}
    for key, dataset in opened.items():
        assert fields(dataset) <= {"rsdt", "lat_bnds", "lon_bnds"}, key
        assert dataset["rsdt"].attrs["units"] == "W m-2", key


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"variable": "rsdt"}, {OUTPUT: {"rsdt"}, CYCLE: {"rsdt"}}),
        ({"native_variable": "topl"}, {OUTPUT: {"rlut"}, CYCLE: {"rlut"}}),
        ({"variable": "areacella"}, {OUTPUT: set(), CYCLE: set()}),
        # a series goes before Output, and only what is left of it is there
        ({"variable": "tas", "frequency": "mon"}, {SERIES: {"tas"}}),
        (
            {"variable": ["tas", "rsdt"], "frequency": "mon"},
            {SERIES: {"tas"}, OUTPUT: {"rsdt"}},
        ),
        ({"variable": "rs*", "frequency": "mon"}, {OUTPUT: {"rsdt", "rsds", "rsus", "rsut"}}),
    ],
)
def test_only_what_was_asked_for_is_opened(native, whole, asked, held):
    with dask.config.set(scheduler=_computes):
        opened = by_end(native.search(**asked).open())
    assert {key: fields(each) for key, each in opened.items()} == held
    for key, dataset in opened.items():
        for name in fields(dataset):
            np.testing.assert_array_equal(dataset[name], whole[key][name])
            assert dataset[name].attrs == whole[key][name].attrs


def _computes(*_args, **_kwargs):
    raise AssertionError("something was computed")


def test_names_of_files_stay_where_nothing_is_harmonised(native):
    opened = by_end(native.search(variable="rsdt", frequency="mon").open(harmonise=False))
    (dataset,) = opened.values()
    assert {name for name in map(str, dataset.data_vars) if "bounds" not in name} == {"SWdnTOA"}


def test_what_was_not_asked_for_by_variable_is_all_there(native, whole):
    opened = by_end(native.search(stream="histmth", frequency="mon").open())
    assert fields(opened[OUTPUT]) >= {"tas", "rsdt", "rlut", "hfls"}
    assert fields(whole[OUTPUT]) == fields(opened[OUTPUT]) - {"tas", "pr"}  # they have series


def test_it_is_a_variable_of_its_run_in_trees(native):
    tree = native.search(variable="rsdt", frequency="mon").open().to_datatree()
    (leaf,) = tree.leaves
    assert leaf.name == "rsdt"


def test_a_stream_that_lost_the_variable_is_told(native, monkeypatch):
    found = native.search(variable="rsdt", frequency="mon")
    (mark,) = found.datasets["contents"]
    its = found.view.contents.lists[mark]
    other = its.model_copy(update={"variables": {"gone": "rsdt"}})
    monkeypatch.setitem(found.view.contents.lists, mark, other)
    with pytest.raises(DataError, match="there is no gone in the files"):
        found.open()


def test_a_frozen_selection_opens_the_same(native, tmp_path, store, whole):
    found = native.search(variable="rsdt", frequency="mon")
    frozen = open_selection(found.freeze(tmp_path / "paper.json"), store=store)
    assert frozen.facets("variable") == {"variable": {"rsdt": 1}}
    (dataset,) = frozen.open().values()
    assert fields(dataset) == {"rsdt"}
    again = open_selection(frozen.freeze(tmp_path / "again.json"), store=store)
    assert fields(*again.open().values()) == {"rsdt"}
    # all of a stream stays all of it
    every = native.search(stream="histmth", frequency="mon")
    thawed = open_selection(every.freeze(tmp_path / "every.json"), store=store)
    assert fields(*thawed.open().values()) == fields(*every.open().values())


def test_a_frozen_selection_whose_variables_are_none_is_refused(native, tmp_path, store):
    paper = native.search(variable="rsdt", frequency="mon").freeze(tmp_path / "paper.json")
    content = json.loads(paper.read_text())
    assert content["variables"] == ["SWdnTOA"]
    for wrong in (3, [3], "SWdnTOA"):
        paper.write_text(json.dumps({**content, "variables": wrong}))
        with pytest.raises(UsageError, match="variables="):
            open_selection(paper, store=store)


def test_what_nobody_has_looked_into_is_shown(small_archive, tmp_path, native):
    build_catalog("libIGCM", small_archive / ARCHIVE_ROOTS["libIGCM"], store=tmp_path / "s")
    unread = open_catalog("libIGCM", store=tmp_path / "s")
    said = "4 streams of it hold variables that nobody has read yet"
    assert said in unread._repr_html_()
    assert said in repr(unread.search(variable="tas"))
    assert said not in repr(unread)
    assert "nobody" not in native._repr_html_() + repr(native.search(variable="tas"))
    both = open_catalog(store=tmp_path / "s").search(variable="tas", frequency="mon")
    assert "2 streams" in both.parts[0].unread


def test_a_frozen_selection_outlives_what_was_known(native, tmp_path, small_archive):
    paper = native.search(variable="rsdt", frequency="mon").freeze(tmp_path / "paper.json")
    root = small_archive / ARCHIVE_ROOTS["libIGCM"]
    build_catalog("libIGCM", root, store=tmp_path / "unread")
    thawed = open_selection(paper, store=tmp_path / "unread")
    assert fields(*thawed.open().values()) == {"rsdt"}


def test_questions_count_a_stream_for_its_variables(native):
    monthly = native.search(frequency="mon")
    told = monthly.completeness(["historical"], ["tas", "rsdt"])
    assert told.select("members", "complete").rows() == [(1, True)]
    both = monthly.complete(["historical"], ["tas", "rsdt"])
    assert {key.split(".01.")[1] for key in both} == {OUTPUT, SERIES}
    assert set(by_end(both.open())) == {OUTPUT, SERIES}
    cells = native.search(variable=["tas", "rsdt"]).coverage().cells()
    assert {(what, row["years"]) for (_, what), row in cells.items()} == {
        ("historical mon tas", 35),
        ("historical mon rsdt", 3),
        ("historical monClim tas climatology", None),
        ("historical monClim rsdt climatology", None),
    }
    one = native.search(variable="rsdt", frequency="mon").one_member_per_model()
    assert {key.split(".01.")[1] for key in one} == {OUTPUT}


def opened_by_intake(catalog):
    # its own combining, in the words of an older xarray
    with (
        xr.set_options(use_new_combine_kwarg_defaults=True),
        dask.config.set(scheduler="synchronous"),
    ):
        (dataset,) = catalog.to_dataset_dict(progressbar=False, threaded=False).values()
    return dataset


def test_intake_finds_streams_in_the_export_and_opens_those_handed_over(native, store):
    site = open_snapshot(store).card.site
    catalog = intake.open_esm_datastore(str(store / f"export/{site}/libIGCM.json"), sep=".")
    assert len(catalog.df) == native.view.files("path").height
    assert len(catalog.search(stream="histmth", product="Output").df) == 3
    handed = native.search(variable="rsdt", frequency="mon").to_intake()
    assert len(handed.df) == 3
    assert list(opened_by_intake(handed).data_vars) == ["SWdnTOA"]
    every = native.search(stream="histmth", frequency="mon").to_intake()
    dataset = opened_by_intake(every)
    assert {"SWdnTOA", "t2m", "topl"} <= set(dataset.data_vars)
    assert dataset.sizes["time_counter"] == 36
    assert len(native.to_intake().search(variables_in_file="t2m").df) == 5


def test_real_files_of_xios_open_by_each_of_their_variables(real_data, tmp_path):
    made = real_data / "nemo-native/xnemogcm/test/data/4.0/runs/EXP_1_proc"
    output = tmp_path / "IGCM_OUT/NEMO/TEST/gyre/g1/OCE/Output/YE"
    output.mkdir(parents=True)
    for stream in ("grid_T", "grid_U", "grid_V", "grid_W"):
        shutil.copy(
            made / f"GYRE_1y_00010101_00011230_{stream}.nc",
            output / f"g1_00010101_00011230_1Y_{stream}.nc",
        )
    build_catalog("libIGCM", tmp_path / "IGCM_OUT", store=tmp_path / "store", contents=True)
    runs = open_catalog("libIGCM", store=tmp_path / "store")
    whole = {key: set(map(str, each.data_vars)) for key, each in runs.open(harmonise=False).items()}
    held = set(runs.facets("native_variable")["native_variable"])
    assert {"toce", "uoce"} & held
    # coordinates and their bounds are no variables
    assert held == {name for names in whole.values() for name in names if "bounds" not in name}
    for name in sorted(held)[::4]:
        for key, dataset in runs.search(native_variable=name).open(harmonise=False).items():
            assert {each for each in map(str, dataset.data_vars) if "bounds" not in each} == {name}
            assert name in whole[key]
