"""Searching: what is wrong in a question is named; what is right is found, and nothing else."""

from __future__ import annotations

import pytest

from climeri_platform.catalog import CatalogView, build_catalog
from climeri_platform.core.errors import UnknownFacet, UnknownFamily, UnknownValue, UsageError

PR = (
    "CMIP/CNRM-CERFACS/CNRM-CM6-1/historical/r1i1p1f2/day/pr/gr/v20180917/"
    "pr_day_CNRM-CM6-1_historical_r1i1p1f2_gr_18500101-20141231.nc"
)


@pytest.fixture
def view(plant, tas, tmp_path):
    root = plant(
        [
            tas(version="v20180803"),
            tas(version="v20190101"),
            tas("ssp585", span="201501-205012"),
            tas("ssp585", span="205101-210012"),
            PR,
        ]
    )
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="one")
    return CatalogView.open("CMIP6", tmp_path / "store")


def test_the_newest_versions_are_the_default(view):
    assert len(view) == 3
    assert sorted(view.datasets["version"]) == ["v20180803", "v20180917", "v20190101"]
    assert view.files().height == 4
    assert view.keys == sorted(view.keys)


@pytest.mark.parametrize(
    ("facets", "count"),
    [
        ({"variable_id": "tas"}, 2),
        ({"variable": "tas"}, 2),
        ({"model": ["CNRM-CM6-1", "IPSL-CM6A-LR"]}, 3),
        ({"model": ("CNRM-CM6-1",), "experiment": "historical"}, 1),
        ({"institution": "IPSL", "member": "r1i1p1f1", "table": "Amon"}, 2),
        ({"frequency": "day"}, 1),
        ({"version": "all"}, 4),
        ({"version": "all", "experiment_id": "historical", "variable_id": "tas"}, 2),
        ({"version": "v20180803"}, 2),
        ({"variable_id": "tas", "table_id": "day"}, 0),
        ({}, 3),
    ],
)
def test_facets(view, facets, count):
    found = view.search(**facets)
    assert len(found) == count
    assert bool(found.why_empty()) == (count == 0)
    assert found.files().select("dataset", "version").n_unique() == count or count == 0


def test_searches_narrow_one_another(view):
    assert len(view.search(model="IPSL-CM6A-LR").search(experiment="ssp585")) == 1
    one = view.search(experiment=["historical", "ssp585"]).search(experiment="ssp585")
    assert one.asked == {"experiment_id": ("ssp585",)}
    assert len(view.search(version="all").search(version="v20180803")) == 2


def test_all_versions_of_what_was_chosen_is_what_was_chosen(view):
    one = view.search(version="v20180803")
    assert len(one.search(version="all")) == len(one) == 2


def test_two_searches_with_no_value_in_common_say_so(view):
    none = view.search(experiment="ssp585").search(experiment="historical")
    assert len(none) == 0
    assert "experiment_id was asked for twice" in none.why_empty()


def test_a_search_changes_nothing(view):
    asked = dict(view.asked)
    before = view.datasets
    view.search(variable="tas", version="all")
    assert view.asked == asked
    assert view.datasets.equals(before)
    with pytest.raises(AttributeError):
        view.family = None


@pytest.mark.parametrize(
    ("facet", "said"),
    [
        ("varable_id", "variable_id"),
        ("Model", "model"),
        ("source", "source_id"),
        ("xyzzy", "activity_id"),
        ("latest", "variable_id"),
    ],
)
def test_an_unknown_facet_names_the_nearest(view, facet, said):
    with pytest.raises(UnknownFacet) as refused:
        view.search(**{facet: "tas"})
    assert repr(facet) in refused.value.message
    assert said in refused.value.hint


@pytest.mark.parametrize(
    ("facet", "value", "said"),
    [
        ("variable_id", "tos", "tas"),
        ("source_id", "ipsl-cm6a-lr", "Did you mean IPSL-CM6A-LR?"),
        ("experiment_id", "histroical", "Did you mean historical?"),
        ("experiment_id", "zzz", "It has: historical, ssp585."),
        ("version", "latest", "leave the version out"),
        ("model", ["IPSL-CM6A-LR", "IPSL-CM7"], "IPSL-CM6A-LR"),
        ("variable_id", "", "It has: pr, tas."),
    ],
)
def test_an_unknown_value_names_the_nearest(view, facet, value, said):
    with pytest.raises(UnknownValue) as refused:
        view.search(**{facet: value})
    wrong = value if isinstance(value, str) else value[-1]
    assert repr(wrong) in refused.value.message
    assert "'IPSL-CM6A-LR'" not in refused.value.message
    assert said in refused.value.hint


@pytest.mark.parametrize("value", [None, 3, [], [1, 2], ["tas", None], b"tas", {"tas": 1}.values()])
def test_a_value_is_a_word_or_words(view, value):
    with pytest.raises(UsageError):
        view.search(variable_id=value)


@pytest.mark.parametrize(
    ("facets", "culprits", "innocent"),
    [
        (
            {"variable_id": "tas", "table_id": "day", "institution_id": "IPSL"},
            ["without table_id=day there is Amon"],
            ["without institution_id"],
        ),
        (
            {"experiment_id": "ssp585", "variable_id": "pr"},
            ["without experiment_id=ssp585 there is historical", "without variable_id=pr"],
            [],
        ),
        (
            {
                "variable_id": "pr",
                "experiment_id": "ssp585",
                "institution_id": "IPSL",
                "table_id": "day",
            },
            ["nor all but one of them", "variable_id=pr", "table_id=day"],
            ["without"],
        ),
    ],
)
def test_why_empty_names_the_facets_that_empty_it(view, facets, culprits, innocent):
    why = view.search(**facets).why_empty()
    assert "\n" not in why
    assert all(each in why for each in culprits), why
    assert not any(each in why for each in innocent), why


def test_replicas_count_once(view, plant, tas, tmp_path):
    replica = plant([tas(version="v20190101")], root="replica/CMIP6")
    build_catalog("CMIP6", replica, store=tmp_path / "store", root_id="two")
    both = CatalogView.open("CMIP6", tmp_path / "store")
    assert len(both) == 3
    assert both.datasets.height == 4
    assert sum(both.facets()["experiment_id"].values()) == 3
    assert len(both.keys) == 3


def test_counts_of_facets_are_of_the_view(view):
    assert view.facets()["variable_id"] == {"pr": 1, "tas": 2}
    assert view.search(variable="tas").facets()["source_id"] == {"IPSL-CM6A-LR": 2}
    assert list(view.facets()) == view.family.facets


def test_datasets_sum_their_files(view):
    (row,) = view.search(experiment="ssp585").describe()
    assert (row["files"], row["size"]) == (2, 2)
    assert (row["start"], row["end"]) == (201501010000, 210012312359)


def test_case_of_the_catalog_does_not_matter(view):
    assert CatalogView.open("cmip6", view.snapshot.store).family == view.family
    with pytest.raises(UnknownFamily, match="'CMIP7'") as refused:
        CatalogView.open("CMIP7", view.snapshot.store)
    assert refused.value.hint == "Did you mean CMIP6?"
