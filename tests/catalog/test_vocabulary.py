"""The names that all families share, members in their order, and native variables under CMIP names."""

from __future__ import annotations

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, family_names, load_family
from climeri_platform.catalog.tables import with_shared_columns
from climeri_platform.catalog.vocabulary import COMMON, in_order, shared_names, variable_names
from climeri_platform.core.errors import UnknownFamily


@pytest.mark.parametrize("family", family_names())
def test_every_family_has_the_shared_columns(family):
    shared = load_family(family).shared
    assert tuple(shared) == COMMON
    assert None not in {shared[name] for name in ("variable", "model", "frequency")}
    rows = pl.DataFrame({facet: ["x"] for facet in load_family(family).facets})
    assert set(COMMON) <= set(with_shared_columns(rows, load_family(family)).columns)


@pytest.mark.parametrize(
    ("family", "typed", "facet"),
    [
        # what people know from ESPRI's catalogs, from CliMAF, from ESMValTool and from other phases of CMIP
        ("CMIP6", "ensemble", "member_id"),
        ("CMIP6", "simulation", "member_id"),
        ("CMIP6", "table", "table_id"),
        ("CMIP6", "cmor_table", "table_id"),
        ("CMIP6", "institute", "institution_id"),
        ("CMIP6", "time_frequency", "frequency"),
        ("CMIP6", "short_name", "variable_id"),
        ("CMIP5", "source_id", "model"),
        ("CMIP5", "member_id", "ensemble"),
        ("CMIP5", "time_frequency", "frequency"),
        ("CMIP5", "cmor_table", "table"),
        ("PMIP3", "institution", "institute"),
        ("CORDEX", "rcm_model", "rcm_model"),
        ("CORDEX", "model", "rcm_model"),
        ("CORDEX", "driving_model", "driving_model"),
        ("CORDEX", "CORDEX_domain", "domain"),
        ("CORDEX-CMIP6", "rcm_model", "source_id"),
        ("CORDEX-CMIP6", "rcm_version", "version_realization"),
        ("CORDEX-CMIP6", "driving_model", "driving_source_id"),
        ("CORDEX-CMIP6", "domain", "domain_id"),
        ("CORDEX-Adjust", "bias_correction", "bias_adjustment"),
        ("CMIP7", "ensemble", "variant_label"),
        ("libIGCM", "simulation", "job_name"),
        ("libIGCM", "experiment", "experiment"),  # of its card, or else its experiment_name
        ("libIGCM", "model_id", "model"),
        ("CNRM", "simulation", "expid"),
        # a facet's own name is never another's
        ("CORDEX-CMIP6", "source_id", "source_id"),
        ("libIGCM", "experiment_id", "experiment_id"),
    ],
)
def test_the_names_that_people_know(family, typed, facet):
    assert load_family(family).names[typed] == facet


def test_no_word_is_two_things():
    words = [word for name, others in shared_names().items() for word in (name, *others)]
    assert len(words) == len(set(words))
    assert set(COMMON) <= set(shared_names())


def test_members_and_versions_are_in_the_order_of_their_numbers(plant, tmp_path):
    path = (
        "CMIP/IPSL/IPSL-CM6A-LR/historical/{0}/Amon/tas/gr/{1}/"
        "tas_Amon_IPSL-CM6A-LR_historical_{0}_gr_185001-201412.nc"
    )
    members = ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1", "r10i1p1f2", "s1960-r1i1p1f1"]
    root = plant(
        [path.format(each, "v20190101") for each in members[::-1]]
        + [path.format("r1i1p1f1", each) for each in ("v2", "v10")]
    )
    build_catalog("CMIP6", root, store=tmp_path / "store")
    view = CatalogView.open("CMIP6", tmp_path / "store")
    assert view.datasets["member_id"].to_list() == members
    assert list(view.facets()["member_id"]) == members
    every = view.search(version="all", member="r1i1p1f1")
    assert every.datasets["version"].to_list() == ["v2", "v10", "v20190101"]
    assert list(every.facets()["version"]) == ["v2", "v10", "v20190101"]


def test_any_text_has_an_order():
    assert sorted(["", "b", "1a", "a10", "a9", "٣"], key=in_order) == [
        "",
        "1a",
        "a9",
        "a10",
        "b",
        "٣",
    ]


def test_native_variables_are_found_by_their_cmip_names(plant, tmp_path):
    run = "IPSLCM6/PROD/historical/run"
    root = plant(
        [
            f"{run}/ATM/Analyse/TS_MO/run_18500101_20141231_1M_t2m.nc",
            f"{run}/ATM/Analyse/TS_MO/run_18500101_20141231_1M_snow.nc",
            f"{run}/SRF/Analyse/TS_MO/run_18500101_20141231_1M_snow.nc",
            # two of them have one name in CMIP, and stay two datasets
            f"{run}/ATM/Analyse/TS_MO/run_18500101_20141231_1M_t2m_max.nc",
            f"{run}/ATM/Analyse/TS_MO/run_18500101_20141231_1M_t2m_max_mon.nc",
            f"{run}/ATM/Output/MO/run_18500101_18500131_1M_histmth.nc",
        ],
        root="IGCM_OUT",
    )
    build_catalog("libIGCM", root, store=tmp_path / "store")
    view = CatalogView.open("libIGCM", tmp_path / "store")
    (row,) = view.search(variable="tas").describe()
    assert (row["variable"], row["native_variable"], row["realm"]) == ("tas", "t2m", "atmos")
    assert view.search(variable="snw").datasets["component"].to_list() == ["SRF"]
    assert view.search(variable="prsn").datasets["native_variable"].to_list() == ["snow"]
    assert len(view.search(variable="tasmax")) == 2
    assert len(view.search(native_variable="t2m")) == 1
    assert len(view) == 6


@pytest.mark.parametrize("table", ["libIGCM", "CNRM", "ERA5", "E-OBS"])
def test_a_table_of_variables_holds_names(table):
    for names in variable_names(table).values():
        assert all(native.isidentifier() and cmip.isalnum() for native, cmip in names.items())


@pytest.mark.parametrize("table", ["none", "../families/CMIP6"])
def test_an_unknown_table_is_told(table):
    with pytest.raises(UnknownFamily, match="no table of variables") as refused:
        variable_names(table)
    assert "libIGCM" in refused.value.hint
