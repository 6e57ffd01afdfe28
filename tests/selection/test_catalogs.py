"""All catalogs asked together: common names, replicas between stores, stores that do not answer."""

from __future__ import annotations

import json
import os
import shutil
import warnings

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.catalog.refresh import refresh
from climeri_platform.core.errors import (
    DataError,
    NotHere,
    NothingFound,
    StoreDamaged,
    StoreError,
    StoreMissing,
    UnknownFacet,
    UnknownFamily,
    UnknownValue,
    UsageError,
)
from climeri_platform.selection import Catalogs, MissingCatalogWarning, Selection
from climeri_platform.testing import ARCHIVE_ROOTS

TEMPLATE = """
family: Oasis
title: Ocean runs of my group
variable: variable
directories: [<run>/<frequency>]
files: ["<variable>_<run>_<time_range>.nc"]
dataset: [run, frequency, variable]
optional: [version]
patterns: {run: '[A-Za-z]+\\d*', frequency: 'mon|day', variable: '[a-z0-9]+'}
common: {experiment: run}
"""


@pytest.fixture
def stores(demo_store, small_archive, tmp_path, monkeypatch):
    """The shared store of the demonstration, and one's own with a replica and a template's tree."""
    own = tmp_path / "own"
    root = tmp_path / "runs"
    for name in (
        "historical/mon/tas_historical_200001-200012.nc",
        "Gyre1/mon/sst_Gyre1_2000-2001.nc",
    ):
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    (tmp_path / "mine.yaml").write_text(TEMPLATE)
    build_catalog(tmp_path / "mine.yaml", root, store=own)
    build_catalog("CORDEX", small_archive / ARCHIVE_ROOTS["CORDEX"], store=own, root_id="copy")
    monkeypatch.setenv("CLIMERI_STORE", str(demo_store))
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(own))
    return demo_store, own


@pytest.fixture
def everything(stores):
    return open_catalog()


def test_every_catalog_of_every_store_answers(everything, stores):
    assert isinstance(everything, Catalogs)
    assert everything.catalogs == [
        *("CMIP6", "shared:CORDEX", "libIGCM", "obs4MIPs"),
        *("own:CORDEX", "Oasis"),
    ]
    alone = {name: len(open_catalog(name, store=stores[0])) for name in ARCHIVE_ROOTS}
    assert everything.counts == {**alone, "Oasis": 2}
    assert len(everything) == sum(alone.values()) + 2
    assert list(everything) == everything.catalogs
    assert "Oasis" in everything


def test_common_names_find_in_all_families(everything):
    found = everything.search(variable="tas", experiment="historical")
    table = found.datasets
    assert {"CMIP6", "CORDEX", "libIGCM", "Oasis"} == set(table["catalog"])
    assert set(table.filter(pl.col("card") == "uncarded")["catalog"]) == {"libIGCM"}
    assert set(table.filter(pl.col("card").is_null())["catalog"]) == {"CMIP6", "CORDEX", "Oasis"}
    assert set(table["variable"]) == {"tas"}
    assert set(table["experiment"]) == {"historical"}
    assert table.height == len(found)
    mine = table.filter(pl.col("catalog") == "Oasis").to_dicts()
    assert [(each["store"], each["dataset"], each["model"]) for each in mine] == [
        ("own", "historical.mon.tas", None)
    ]
    for name in ("CMIP6", "libIGCM"):  # the ordinary selection, narrowed alike
        one = found[name]
        assert isinstance(one, Selection)
        alone = open_catalog(name).search(variable="tas", experiment="historical")
        assert one.keys == alone.keys


def test_a_dataset_of_two_stores_counts_once_and_is_told(everything):
    table = everything.datasets.filter(pl.col("catalog") == "CORDEX")
    assert set(table["store"]) == {"shared"}
    assert {tuple(each) for each in table["replicas"]} == {("own:copy",)}
    assert table.height == len(everything["shared:CORDEX"]) == len(everything["own:CORDEX"])
    assert everything.facets("experiment")["experiment"] == dict(
        sorted(everything.datasets.drop_nulls("experiment")["experiment"].value_counts().rows())
    )
    assert (
        everything.datasets.filter(pl.col("catalog") != "CORDEX")["replicas"].list.len().max() == 0
    )


def test_counts_are_those_of_the_table(everything):
    found = everything.search(frequency="mon")
    counts = found.facets()
    for name, values in counts.items():
        column = found.datasets[name].drop_nulls()
        assert values == dict(column.value_counts().rows()), name
    assert counts["catalog"]["Oasis"] == 2
    assert found.facets("grid_label").keys() == {"grid_label"}


def test_what_one_catalog_lacks_empties_it_and_what_all_lack_is_an_error(everything):
    found = everything.search(experiment="Gyre1")
    assert {name for name in found if len(found[name])} == {"Oasis"}
    assert "nothing (it has no experiment=Gyre1)" in repr(found)
    both = everything.search(experiment=["Gyre1", "historical"])
    assert len(both) == len(found) + len(everything.search(experiment="historical"))
    with pytest.raises(UnknownValue, match="experiment='historcal'") as told:
        everything.search(experiment=["historcal", "Gyre1"])
    assert "historical" in told.value.hint
    with pytest.raises(UnknownFacet, match="'experimnt'") as told:
        everything.search(experimnt="historical")
    assert "experiment" in told.value.hint
    with pytest.raises(UsageError):
        everything.search(experiment=[])
    with pytest.raises(UsageError):
        everything.search(require_all_on=[])
    with pytest.raises(UnknownFacet):
        everything.facets("modle")


def test_a_facet_that_a_family_lacks_is_said_when_nothing_is_left(everything):
    found = everything.search(model="*").search(experiment="Gyre1")
    assert len(found) == 0
    assert "Oasis: it has no facet model" in found.why_empty()
    assert "CMIP6: it has no experiment=Gyre1" in found.why_empty()
    with pytest.raises(NothingFound, match="it has no facet model"):
        found.open()
    assert found.datasets.height == 0
    assert found.facets() == {"catalog": {}}
    assert len(found["Oasis"]) == 0
    assert everything.why_empty() == ""


def test_globs_and_groups_hold_in_each_catalog(everything):
    found = everything.search(experiment="hist*", variable="t*")
    assert {"tas"} <= set(found.datasets["variable"])
    groups = everything.search(variable=["tas", "pr"], require_all_on="experiment")
    assert groups["Oasis"].keys == []
    assert "no variable=" in repr(groups)
    old = everything.search(period="2000/2001", version="all")
    assert all(a <= 200112312359 for a in old.datasets["start"].drop_nulls())


def test_open_merges_and_says_where_from(everything):
    found = everything.search(variable="tas", experiment="historical", frequency="mon")
    with pytest.warns(IncompleteDataWarning):
        opened = found.open()
    keys = list(opened)
    assert len(set(keys)) == len(keys) >= 3
    assert {key.partition(":")[0] for key in keys} == {"CMIP6", "CORDEX", "libIGCM"}
    for key, dataset in opened.items():
        assert dataset.attrs["climeri_catalog"] == key.partition(":")[0]
        assert dataset.attrs["climeri_store"] == str(found[found.catalogs[0]].view.snapshot.store)
    (bad,) = opened.report.having("skipped")  # one byte of my own is no NetCDF file
    assert bad.dataset.startswith("Oasis:")
    with pytest.raises(DataError):
        found.open(on_error="raise")


def test_nothing_that_opens_is_an_error(everything):
    with pytest.raises(DataError, match="the dataset could not be opened: "):
        everything.search(experiment="Gyre1").open()


def test_names_choose_one_catalog(everything, stores):
    assert everything["own:cordex"].view.snapshot.store == stores[1]
    with pytest.raises(UnknownFamily, match="2 stores have a catalog") as told:
        everything["CORDEX"]
    assert "shared:CORDEX or own:CORDEX" in told.value.hint
    with pytest.raises(UnknownFamily, match="no catalog 'CMIP66'") as told:
        everything["CMIP66"]
    assert "CMIP6" in told.value.hint
    assert open_catalog("CORDEX").view.snapshot.store == stores[0]
    assert open_catalog("own:CORDEX").view.snapshot.store == stores[1]
    assert open_catalog("Oasis").view.snapshot.store == stores[1]
    with pytest.raises(UnknownFamily, match="'Oasys'"):
        open_catalog("Oasys")
    with pytest.raises(UnknownFamily, match="no store 'onw'"):
        open_catalog("onw:CORDEX")


def test_one_store_and_one_snapshot(stores):
    only = open_catalog(store=stores[1])
    assert only.catalogs == ["CORDEX", "Oasis"]
    assert set(only.datasets["store"]) == {"store"}
    name = open_snapshot(stores[1]).name
    assert len(open_catalog(store=stores[1], snapshot=name)) == len(only)
    with pytest.raises(UsageError, match="of which store"):
        open_catalog(snapshot=name)


@pytest.mark.parametrize("name", [3, b"CMIP6", ["CMIP6", "CMIP5"], slice(0, 1)])
def test_what_is_no_name_is_refused_in_our_words(everything, stores, name):
    for store in (None, stores[0]):
        with pytest.raises(UnknownFamily, match="a catalog goes by its name") as told:
            open_catalog(name, store=store)
        assert f"open_catalog({name!r})" in told.value.message
    with pytest.raises(UnknownFamily, match="a catalog is taken by its name") as told:
        everything[name]
    assert f"[{name!r}]" in told.value.message
    assert everything.catalogs[0] in told.value.hint
    with pytest.raises(UnknownValue, match="a dataset is taken by its key") as told:
        open_catalog("Oasis", store=stores[1])[name]
    assert f"[{name!r}]" in told.value.message


@pytest.mark.parametrize("name", [None, "CMIP6"])
def test_what_is_no_folder_of_a_store_is_refused_in_our_words(name):
    with pytest.raises(UsageError, match="store=3: it is a text, or a path"):
        open_catalog(name, store=3)


def test_the_html_is_whole(everything):
    html = everything._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 1
    assert "Oasis" in html
    assert f" catalogs: {len(everything)} datasets" in html


def test_one_of_something_is_not_several(tmp_path):
    place = tmp_path / "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/fx/areacella/gr/v20180803"
    place.mkdir(parents=True)
    (place / "areacella_fx_IPSL-CM6A-LR_historical_r1i1p1f1_gr.nc").write_bytes(b"x")
    store = tmp_path / "store"
    build_catalog("CMIP6", tmp_path / "CMIP", store=store)
    for one in (open_catalog(store=store), open_catalog("CMIP6", store=store)):
        for shown in (repr(one), one._repr_html_()):
            assert "1 dataset" in shown
            assert "1 datasets" not in shown
            assert "1 catalogs" not in shown


def ruin(kind, store):
    folder = open_snapshot(store).folder
    if kind == "newer":
        card = json.loads((store / "store.json").read_text())
        (store / "store.json").write_text(json.dumps({**card, "min_reader": 99}))
    if kind == "missing":
        shutil.rmtree(store)
    if kind == "current":
        (store / "CURRENT").write_text("x")
    if kind == "table":
        path = folder / "Oasis" / "datasets.parquet"
        path.write_bytes(path.read_bytes()[:40])
    if kind == "rules":
        (folder / "Oasis" / "family.json").write_text("{")


@pytest.mark.parametrize("kind", ["newer", "missing", "current", "table", "rules"])
def test_what_does_not_answer_is_told_and_the_others_answer(stores, kind):
    whole = open_catalog().search(variable="tas")["CMIP6"].keys
    ruin(kind, stores[1])
    with pytest.warns(MissingCatalogWarning, match="own"):
        found = open_catalog()
    assert found.search(variable="tas")["CMIP6"].keys == whole
    (trouble,) = found.troubles
    assert trouble.store == str(stores[1])
    assert "does not answer" in repr(found)
    assert "Oasis" not in found.catalogs


def test_damage_that_shows_late_costs_that_catalog(stores):
    found = open_catalog()
    path = open_snapshot(stores[1]).folder / "Oasis" / "datasets.parquet"
    path.write_bytes(b"")
    with pytest.warns(MissingCatalogWarning, match="Oasis"):
        narrower = found.search(variable="tas")
    assert "Oasis" not in narrower.catalogs
    assert len(narrower.troubles) == 1
    assert len(narrower) > 0


def test_if_nothing_answers_the_first_says_why(stores, monkeypatch):
    monkeypatch.delenv("CLIMERI_STORE")
    ruin("current", stores[1])
    with pytest.raises(StoreDamaged, match="CURRENT"):
        open_catalog()


def test_no_store_at_all(monkeypatch, tmp_path):
    with pytest.raises(StoreMissing, match="no store was named") as told:
        open_catalog()
    assert "climeri catalog add" in told.value.hint
    with pytest.raises(UsageError, match="no catalog store was named"):
        open_catalog("CMIP6")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "gone"))
    with pytest.raises(StoreMissing):
        open_catalog("CMIP6")
    with pytest.raises(StoreError):
        open_catalog()


def test_a_store_named_twice_is_one_and_a_group_s_has_its_name(stores, tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(stores[1])
    group = tmp_path / "group"
    shutil.copytree(stores[1], group)
    other = tmp_path / "b" / "group"
    shutil.copytree(stores[1], other)
    monkeypatch.setenv("CLIMERI_STORES", f"{link}:{group}::{other}:")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = open_catalog()
    assert {part.store for part in found.parts} == {"shared", "own", "group", "group-2"}
    mine = found.datasets.filter(pl.col("catalog") == "Oasis")
    assert set(mine["store"]) == {"own"}
    assert all(len(each) == 2 for each in mine["replicas"])


def test_stores_of_older_releases_answer(stores):
    folder = open_snapshot(stores[1]).folder / "Oasis"
    table = pl.read_parquet(folder / "datasets.parquet")
    table.drop("format").write_parquet(folder / "datasets.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = open_catalog().search(experiment="Gyre1").datasets.to_dicts()
    assert [each["format"] for each in rows] == ["netcdf"]


def test_a_catalog_from_before_the_rules_were_kept_knows_no_cards(demo_store, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(demo_store, old)
    folder = open_snapshot(old).folder / "libIGCM"
    (folder / "family.json").unlink()
    for name in ("files", "datasets"):
        table = pl.read_parquet(folder / f"{name}.parquet")
        cards = ["model", "experiment", "member", "configuration", "forcing", "card"]
        table.drop(cards).write_parquet(folder / f"{name}.parquet")
    found = open_catalog("libIGCM", store=old).search(experiment="historical", model="IPSLCM6")
    assert len(found) == len(open_catalog("libIGCM", store=demo_store))
    assert "card" not in found.facets()
    assert len(open_catalog(store=old).search(experiment="historical")["libIGCM"]) == len(found)


def test_what_the_shared_store_has_elsewhere_is_taken_from_ones_own(tmp_path, monkeypatch):
    places = {}
    for name in ("bdd", "mine"):
        path = tmp_path / name / "CMIP6" / FILE.format(exp="a", version="v1")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        build_catalog("CMIP6", tmp_path / name / "CMIP6", store=tmp_path / f"s-{name}")
        places[name] = tmp_path / f"s-{name}"
    shutil.rmtree(tmp_path / "bdd")
    monkeypatch.setenv("CLIMERI_STORE", str(places["bdd"]))
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(places["mine"]))
    found = open_catalog()
    assert found.datasets["store"].to_list() == ["shared"]
    with pytest.raises(NotHere):
        found["shared:CMIP6"].open()
    with pytest.raises(DataError, match="the dataset could not be opened: ") as told:
        found.open()  # it is one byte, and of one's own
    assert "mine/CMIP6" in told.value.message
    here = found.here()
    assert here.datasets["store"].to_list() == ["own"]
    assert here["own:CMIP6"].paths()
    assert len(here) == 1


FILE = (
    "CMIP/IPSL/M/{exp}/r1i1p1f1/Amon/tas/gr/{version}/tas_Amon_M_{exp}_r1i1p1f1_gr_185001-201412.nc"
)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.sets(st.tuples(st.sampled_from("abcd"), st.sampled_from(["v1", "v2"])), min_size=1),
        min_size=2,
        max_size=3,
    )
)
def test_what_several_stores_hold_is_the_union_of_what_each_holds(tmp_path_factory, held):
    top = tmp_path_factory.mktemp("union")
    for number, pairs in enumerate(held):
        for exp, version in pairs:
            path = top / f"{number}/CMIP6" / FILE.format(exp=exp, version=version)
            path.parent.mkdir(parents=True)
            path.write_bytes(b"x")
        build_catalog("CMIP6", top / f"{number}/CMIP6", store=top / f"s{number}")
    newest = [{(exp, max(v for e, v in pairs if e == exp)) for exp, _ in pairs} for pairs in held]
    places = os.pathsep.join(str(top / f"s{number}") for number in range(len(held)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMERI_STORES", places)
        found = open_catalog()
    table = found.datasets
    best = {
        (exp, max(v for e, v in set().union(*held) if e == exp)) for exp, _ in set().union(*held)
    }
    assert len(found) == table.height == len(best)
    first = {pair: n for n, pairs in reversed(list(enumerate(newest))) for pair in pairs & best}
    assert {
        (row["experiment"], row["version"]): row["store"] for row in table.iter_rows(named=True)
    } == {pair: f"s{n}" for pair, n in first.items()}
    replicas = sum(len(pairs & best) for pairs in newest) - len(first)
    assert table["replicas"].list.len().sum() == replicas
    counts = found.facets("experiment")["experiment"]
    assert counts == dict(table["experiment"].value_counts().rows())
    assert len(found.search(version="all")) == len(set().union(*held))


def test_the_newest_version_is_that_of_all_stores_unless_one_is_asked_for(tmp_path, monkeypatch):
    for name, version in (("shared", "v20180101"), ("own", "v20200101")):
        path = tmp_path / name / "CMIP6" / FILE.format(exp="a", version=version)
        path.parent.mkdir(parents=True)
        # the newer one is shorter
        years = {"own": "190001-201412"}.get(name, "185001-201412")
        path.with_name(path.name.replace("185001-201412", years)).write_bytes(b"x")
        build_catalog("CMIP6", tmp_path / name / "CMIP6", store=tmp_path / f"s-{name}")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "s-shared"))
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "s-own"))
    found = open_catalog()
    assert found.datasets["version"].to_list() == ["v20200101"]
    assert len(found) == 1
    assert found.facets("version") == {"version": {"v20200101": 1}}
    # as in one store: an older version does not stand in for what the newest lacks
    assert len(found.search(covers="1850/1900")) == 0
    assert "shared:CMIP6: another store has newer" in found.search(covers="1850/1900").why_empty()
    assert found.search(version="all").datasets["version"].to_list() == ["v20180101", "v20200101"]
    asked = found.search(version="v20180101", covers="1850/1900")
    assert asked.datasets.select("store", "version").rows() == [("shared", "v20180101")]


@pytest.mark.parametrize(
    ("nightly", "own", "expected"),
    [
        # which versions the two stores hold; the list of the first says that v2 is retracted
        ({"v1", "v2"}, {"v2"}, ("shared", "v1", [])),
        ({"v2"}, {"v1", "v2"}, ("own", "v1", [])),
        ({"v2"}, {"v2"}, ("shared", "v2", ["own:own"])),  # there is no other
        ({"v1", "v2"}, {"v2", "v3"}, ("own", "v3", [])),
        ({"v2"}, {"v1"}, ("own", "v1", [])),
        ({"v1", "v2"}, {"v1", "v2"}, ("shared", "v1", ["own:own"])),
    ],
)
def test_what_one_store_knows_to_be_retracted_is_so_in_all(
    tmp_path, monkeypatch, nightly, own, expected
):
    for name, versions in (("shared", nightly), ("own", own)):
        for exp in "ab":  # only a's is retracted
            for version in versions:
                path = tmp_path / name / "CMIP6" / FILE.format(exp=exp, version=version)
                path.parent.mkdir(parents=True)
                span = "185001" if version == "v1" else "190001"  # v1 is longer
                path.with_name(path.name.replace("185001", span)).write_bytes(b"x")
    build_catalog("CMIP6", tmp_path / "own/CMIP6", store=tmp_path / "s-own", root_id="own")
    (tmp_path / "list.txt").write_text("CMIP.IPSL.M.a.r1i1p1f1.Amon.tas.gr.v2\n")
    source = {"root": "r", "path": str(tmp_path / "shared/CMIP6"), "family": "CMIP6"}
    source["retracted"] = str(tmp_path / "list.txt")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/r.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    refresh("local", store=tmp_path / "s-shared", sources=tmp_path / "sources")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "s-shared"))
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "s-own"))

    found = open_catalog()
    rows = found.search(experiment="a").datasets.select("store", "version", "replicas").rows()
    assert rows == [expected]
    newest = max(nightly | own)
    assert found.search(experiment="b").datasets["version"].to_list() == [newest]
    assert len(found) == 2
    assert sum(found.facets("version")["version"].values()) == 2
    # the period is that of the version that stands
    held = found.search(experiment="a", covers="1850/1890")
    assert len(held) == (expected[1] == "v1")
    asked = found.search(experiment="a", version="all")
    assert set(asked.datasets["version"]) == nightly | own
    marks = {
        (version, retracted)
        for name in ("shared:CMIP6", "own:CMIP6")
        for version, retracted in asked[name].view.files("version", "retracted").iter_rows()
    }
    assert {version for version, retracted in marks if retracted} == {"v2"}
    assert ("v2", None) not in marks
    # one store by itself knows what it knows
    alone = open_catalog("own:CMIP6").search(experiment="a")
    assert alone.datasets["version"].to_list() == [max(own)]
