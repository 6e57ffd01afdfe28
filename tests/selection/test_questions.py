"""Who has it all, what belongs together, what it costs."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.catalog import build_catalog
from climeri_platform.catalog.lineage import gcm_name
from climeri_platform.catalog.members import member_order
from climeri_platform.core.errors import NothingFound, UnknownFamily, UnknownValue, UsageError

SPANS = {"historical": "185001-201412", "ssp585": "201501-210012", "piControl": "000101-030012"}


def place(model, exp, member="r1i1p1f1", variable="tas", grid="gr", span=None):
    centre = model.split("-")[0]
    activity = "ScenarioMIP" if exp.startswith("ssp") else "CMIP"
    table = "fx" if variable == "orog" else "Amon"
    when = "" if variable == "orog" else f"_{span or SPANS[exp]}"
    return (
        f"{activity}/{centre}/{model}/{exp}/{member}/{table}/{variable}/{grid}/v1/"
        f"{variable}_{table}_{model}_{exp}_{member}_{grid}{when}.nc"
    )


FILES = [
    *(place("A-1", e, m) for e in ("historical", "ssp585") for m in ("r10i1p1f1", "r2i1p1f1")),
    place("A-1", "historical", "r2i1p1f1", "pr"),
    place("A-1", "ssp585", "r2i1p1f1", "pr"),
    place("A-1", "historical", "r1i1p1f1", "orog"),
    place("A-1", "piControl", "r1i1p1f1"),
    place("A-1", "piControl", "r1i1p2f1"),
    place("B-2", "historical", "r1i1p1f2"),
    place("B-2", "ssp585", "r1i1p1f2", grid="gn"),
    place("B-2", "historical", "r1i1p1f2", "pr"),
    place("C-3", "ssp585", "r1i1p1f1"),
    place("C-3", "ssp585", "r4i1p1f1"),
    place("C-3", "historical", "r1i1p1f1", span="185001-189912"),
    place("C-3", "historical", "r1i1p1f1", span="195001-201412"),
    place("C-3", "historical", "r2i1p1f1", span="185001-201412"),
]


def plant(top, paths, size=1):
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(b"x" * size)
    return top


@pytest.fixture
def catalog(tmp_path):
    plant(tmp_path / "CMIP6", FILES)
    build_catalog("CMIP6", tmp_path / "CMIP6", store=tmp_path / "store", root_id="one")
    return open_catalog("CMIP6", store=tmp_path / "store")


def members(selection):
    rows = selection.datasets.select("source_id", "member_id").unique().rows()
    return sorted(rows)


def test_one_member_per_model(catalog):
    monthly = catalog.search(experiment=["historical", "ssp585"], table="Amon")
    one = monthly.one_member_per_model()
    # r2 has pr besides; r1 of C-3 has the most experiments
    assert members(one) == [("A-1", "r2i1p1f1"), ("B-2", "r1i1p1f2"), ("C-3", "r1i1p1f1")]
    tas = catalog.search(variable="tas", experiment="historical").one_member_per_model()
    assert members(tas)[0] == ("A-1", "r2i1p1f1")
    assert members(catalog.search(variable="tas", experiment="piControl").one_member_per_model())
    assert "one member per model" in repr(one)


def test_fixed_fields_have_no_vote_and_are_lent(tmp_path):
    paths = [
        place("A-1", "historical", "r1i1p1f1"),
        place("A-1", "historical", "r2i1p1f1"),
        place("A-1", "historical", "r2i1p1f1", "orog"),
        place("A-1", "historical", "r10i1p1f1", "orog"),
        place("A-1", "piControl", "r10i1p1f1", "orog"),
        # one member has nothing but the field, and is the lowest
        place("B-2", "historical", "r1i1p1f2", "orog"),
        place("B-2", "historical", "r3i1p1f2"),
        place("B-2", "historical", "r3i1p1f2", "orog"),
        # nothing but fixed fields: they are what is selected
        place("C-3", "historical", "r1i1p1f1", "orog"),
        place("C-3", "ssp585", "r2i1p1f1", "orog"),
        place("C-3", "historical", "r2i1p1f1", "orog"),
    ]
    plant(tmp_path / "CMIP6", paths)
    build_catalog("CMIP6", tmp_path / "CMIP6", store=tmp_path / "store")
    one = open_catalog("CMIP6", store=tmp_path / "store").one_member_per_model()
    rows = one.datasets.select("source_id", "experiment_id", "member_id", "variable_id").rows()
    assert sorted(rows) == [
        ("A-1", "historical", "r1i1p1f1", "tas"),
        ("A-1", "historical", "r2i1p1f1", "orog"),
        ("A-1", "piControl", "r10i1p1f1", "orog"),
        ("B-2", "historical", "r3i1p1f2", "orog"),
        ("B-2", "historical", "r3i1p1f2", "tas"),
        ("C-3", "historical", "r2i1p1f1", "orog"),
        ("C-3", "ssp585", "r2i1p1f1", "orog"),
    ]
    assert len(one.one_member_per_model()) == len(one)


def test_fixed_fields_of_cmip5_stay(tmp_path):
    path = "output1/X/X-1/historical/{f}/atmos/{t}/{m}/v1/{v}/{v}_{t}_X-1_historical_{m}{s}.nc"
    plant(
        tmp_path / "CMIP5",
        [
            path.format(f="fx", t="fx", m="r0i0p0", v="orog", s=""),
            path.format(f="mon", t="Amon", m="r3i1p1", v="tas", s="_185001-200512"),
            path.format(f="mon", t="Amon", m="r12i1p1", v="tas", s="_185001-200512"),
        ],
    )
    build_catalog("CMIP5", tmp_path / "CMIP5", store=tmp_path / "store")
    found = open_catalog("CMIP5", store=tmp_path / "store").one_member_per_model()
    assert sorted(found.facets("member")["ensemble"]) == ["r0i0p0", "r3i1p1"]


@given(st.lists(st.tuples(*[st.integers(0, 300)] * 4), unique=True, min_size=1))
def test_members_sort_by_numbers(numbers):
    names = ["r{}i{}p{}f{}".format(*each) for each in sorted(numbers)]
    mixed = random.Random(1).sample(names, len(names))
    assert sorted(mixed, key=member_order) == names


def test_complete(catalog):
    monthly = catalog.search(table="Amon")
    both = ["historical", "ssp585"]
    found = monthly.complete(both, ["tas", "pr"])
    assert found.facets("model") == {"source_id": {"A-1": 4}}
    assert members(found) == [("A-1", "r2i1p1f1")]
    assert set(monthly.complete(both, ["tas"], members=2).facets("model")["source_id"]) == {
        "A-1",
        "C-3",
    }
    one = monthly.complete("historical", "tas")
    assert members(one) == members(monthly.complete(["historical"], ["tas"])) != []
    same = monthly.complete(both, ["tas"], members=2, same_members=True)
    assert set(same.facets("model")["source_id"]) == {"A-1"}
    told = monthly.completeness(both, ["tas", "pr"]).rows_by_key("model", named=True, unique=True)
    assert told["A-1"] == {"members": 1, "complete": True, "missing": ""}
    assert told["B-2"]["missing"] == "ssp585: no pr"
    assert told["C-3"]["missing"] == "historical: no pr; ssp585: no pr"
    three = monthly.complete(both, ["tas"], members=3)
    assert len(three) == 0
    assert "3 or more members" in three.why_empty()
    assert "1 of 2 members" in str(
        monthly.completeness(both, ["tas"], 2, same_members=True)["missing"].to_list()
    )


@pytest.mark.parametrize(
    "wrong", [([], ["tas"], 1), (["historical"], [], 1), (["ssp585"], ["tas"], 0)]
)
def test_complete_wants_something(catalog, wrong):
    with pytest.raises(UsageError):
        catalog.complete(*wrong)
    with pytest.raises(UnknownValue, match="'tos'"):
        catalog.complete(["historical"], ["tos"])


def test_coverage(catalog):
    cover = catalog.search(experiment=["historical", "ssp585"]).coverage()
    rows = {
        (row["model"], row["experiment"], row["variable"]): row
        for row in cover.table.iter_rows(named=True)
    }
    c3 = rows["C-3", "historical", "tas"]
    assert (c3["members"], c3["whole"], c3["years"]) == (2, 1, 165)
    assert c3["holes"] == "189912-195001"
    assert (c3["first"], c3["last"], c3["files"], c3["size"]) == (1850, 2014, 3, 3)
    fixed = rows["A-1", "historical", "orog"]
    assert (fixed["years"], fixed["first"], fixed["holes"], fixed["whole"]) == (None, None, "", 1)
    assert rows["A-1", "ssp585", "tas"]["members"] == 2
    assert len(cover) == len(rows) == 10
    html = cover._repr_html_()
    assert "165*, 2" in html
    assert "fixed, 1" in html
    assert "historical Amon tas" in html
    axes = cover.picture()
    assert [each.get_text() for each in axes.get_yticklabels()] == ["A-1", "B-2", "C-3"]
    assert axes.figure._repr_png_().startswith(b"\x89PNG")


def test_coverage_of_a_single_hole_counts_years(catalog):
    cover = catalog.search(model="C-3", experiment="historical", member="r1*").coverage()
    assert cover.table["years"].to_list() == [50 + 65]
    empty = catalog.search(model="C-3", variable="pr").coverage()
    assert len(empty) == 0
    with pytest.raises(NothingFound):
        empty.picture()


def test_a_replica_is_not_a_member(catalog, tmp_path):
    plant(tmp_path / "two" / "CMIP6", FILES[:3])
    build_catalog("CMIP6", tmp_path / "two" / "CMIP6", store=tmp_path / "store", root_id="two")
    both = open_catalog("CMIP6", store=tmp_path / "store")
    assert both.coverage().table.equals(catalog.coverage().table)
    assert both.cost().as_dict() == catalog.cost().as_dict()


def test_a_scenario_and_its_history(catalog):
    pairs = catalog.search(variable="tas", experiment="ssp585").history_with("ssp585")
    assert len(pairs) == 3
    for later, earlier in pairs.keys:
        assert later.replace("ScenarioMIP", "CMIP").replace("ssp585", "historical") == earlier
    reasons = sorted(pairs.unmatched.values())
    assert reasons == [
        "historical has r1i1p1f1, r2i1p1f1, not r4i1p1f1",
        "historical is on the grid gr, ssp585 on gn",
    ]
    assert len(pairs.datasets) == len(pairs.partners) == 3
    assert set(pairs.partners.facets("experiment")["experiment_id"]) == {"historical"}
    assert "3 pairs, 2 datasets without a partner" in repr(pairs)
    assert "gr, ssp585 on gn" in pairs._repr_html_()


def test_what_chose_runs_chooses_pairs(catalog):
    one = catalog.search(variable="tas", experiment=["historical", "ssp585"])
    pairs = one.one_member_per_model().history_with("ssp585")
    assert len(pairs) == 2
    both = one.complete(["ssp585"], ["tas"], members=2)
    assert len(both.history_with("ssp585")) == 3
    late = one.search(experiment="ssp585", period="2050")
    assert len(late.history_with("ssp585")) == 3


def test_the_control(catalog):
    pairs = catalog.search(variable="tas", experiment="historical").control()
    assert len(pairs) == 2
    assert {control for _, control in pairs.keys} == {"CMIP.A.A-1.piControl.r1i1p1f1.Amon.tas.gr"}
    assert set(pairs.unmatched.values()) == {
        "there is no piControl of B-2",
        "there is no piControl of C-3",
    }
    assert pairs.partners.keys == ["CMIP.A.A-1.piControl.r1i1p1f1.Amon.tas.gr"]
    pr = catalog.search(variable="pr", model="A-1").control()
    assert set(pr.unmatched.values()) == {"piControl of A-1 has not this variable on this grid"}


GCMS = ["MPI-ESM-LR", "IPSL-CM5A-MR", "CNRM-CM5", "EC-EARTH", "HadGEM2-ES", "CCSM4", "ACCESS1.0",
        "NorESM1-M", "CanESM2", "AUTAN-CM2", "ESM-LR", "CM5"]  # fmt: skip


@pytest.mark.parametrize(
    ("joined", "model"),
    [
        ("MPI-M-MPI-ESM-LR", "MPI-ESM-LR"),
        ("IPSL-IPSL-CM5A-MR", "IPSL-CM5A-MR"),
        ("CNRM-CERFACS-CNRM-CM5", "CNRM-CM5"),
        ("ICHEC-EC-EARTH", "EC-EARTH"),
        ("MOHC-HadGEM2-ES", "HadGEM2-ES"),
        ("CSIRO-BOM-ACCESS1-0", "ACCESS1.0"),
        ("DEMO-AUTAN-CM2", "AUTAN-CM2"),
        ("AUTAN-CM2", "AUTAN-CM2"),
        ("NCC-NorESM1-M", "NorESM1-M"),
        ("ECMWF-ERAINT", ""),
        ("", ""),
    ],
)
def test_names_that_join_institute_and_model(joined, model):
    assert gcm_name(joined, GCMS) == model


@given(st.sampled_from(GCMS), st.from_regex(r"[A-Z]{2,5}(-[A-Z]{1,4})?", fullmatch=True))
def test_any_institute_may_stand_before_a_model(model, institute):
    import re

    joined = f"{institute}-{re.sub(r'[.(),]+', '-', model)}"
    assert gcm_name(joined, GCMS, [institute]) == model


def test_the_gcm_of_the_demonstration(demo_store):
    pairs = open_catalog("CORDEX", store=demo_store).driving_gcm()
    assert len(pairs) > 0
    for rcm, gcm in pairs.keys:
        assert ".DEMO-AUTAN-CM2." in rcm
        assert ".AUTAN-CM2." in gcm
        assert rcm.split(".")[4] == gcm.split(".")[3]
    assert pairs.partners.view.family.family == "CMIP6"


def test_the_gcm_of_cmip5(catalog, tmp_path):
    gcm = "output1/MPI-M/MPI-ESM-LR/{e}/mon/atmos/Amon/r1i1p1/v1/tas/tas_Amon_MPI-ESM-LR_{e}_r1i1p1_195001-200512.nc"
    rcm = "output/EUR-11/CLMcom/{g}/{e}/{m}/CLMcom-CCLM4/v1/mon/{v}/v1/{v}_EUR-11_{g}_{e}_{m}_CLMcom-CCLM4_v1_mon_195101-200512.nc"
    mpi = {"g": "MPI-M-MPI-ESM-LR", "m": "r1i1p1", "v": "tas", "e": "historical"}
    plant(tmp_path / "CMIP5", [gcm.format(e="historical")])
    plant(
        tmp_path / "CORDEX",
        [
            rcm.format(**mpi),
            rcm.format(**{**mpi, "m": "r2i1p1"}),
            rcm.format(**{**mpi, "v": "pr"}),
            rcm.format(**{**mpi, "e": "rcp85"}),
            rcm.format(**{**mpi, "g": "ECMWF-ERAINT", "e": "evaluation"}),
            rcm.format(**{**mpi, "g": "XXX-YYY"}),
        ],
    )
    for family in ("CMIP5", "CORDEX"):
        build_catalog(family, tmp_path / family, store=tmp_path / "store")
    regional = open_catalog("CORDEX", store=tmp_path / "store")
    pairs = regional.driving_gcm()
    assert [gcm for _, gcm in pairs.keys] == [
        "output1.MPI-M.MPI-ESM-LR.historical.mon.atmos.Amon.r1i1p1.tas"
    ]
    said = set(pairs.unmatched.values())
    assert said == {
        "historical of MPI-ESM-LR has r1i1p1, not r2i1p1",
        "the run is there (MPI-ESM-LR historical r1i1p1), without pr mon",
        "there is no rcp85 of MPI-ESM-LR",
        "ECMWF-ERAINT is a reanalysis",
        "no model of CMIP5 is named in XXX-YYY",
    }
    with pytest.raises(UsageError, match="no driving models"):
        catalog.driving_gcm("CMIP6")
    with pytest.raises(UnknownFamily):
        regional.driving_gcm("CMIP7")


def test_without_global_runs_there_is_no_gcm(tmp_path, small_archive):
    build_catalog("CORDEX", small_archive / "CORDEX", store=tmp_path / "alone")
    with pytest.raises(UnknownFamily, match="no catalog of global runs"):
        open_catalog("CORDEX", store=tmp_path / "alone").driving_gcm()


def test_cost(tmp_path):
    plant(tmp_path / "CMIP6", FILES[:2], size=1000)
    build_catalog("CMIP6", tmp_path / "CMIP6", store=tmp_path / "store")
    cost = open_catalog("CMIP6", store=tmp_path / "store").cost()
    assert (cost.datasets, cost.files, cost.bytes) == (2, 2, 2000)
    assert (cost.memory, cost.chunks) == (4000, 2)
    assert "twice the bytes" in cost.how
    assert str(cost).startswith("2 datasets, 2 files, 2.0 kB on disk; about 4.0 kB")


def test_a_selection_by_its_key(catalog):
    key = catalog.keys[3]
    assert catalog[key].keys == [key]
    assert key in catalog
    assert "nothing" not in catalog
    with pytest.raises(UnknownValue) as refused:
        catalog[key.upper()]
    assert key in refused.value.hint


@pytest.mark.parametrize("family", ["CMIP6", "CORDEX", "libIGCM", "obs4MIPs"])
def test_every_family_has_a_coverage_and_a_cost(demo_store, family):
    selection = open_catalog(family, store=demo_store)
    table = selection.coverage().table
    assert table["files"].sum() == selection.cost().files == len(selection.paths())
    assert table["size"].sum() == selection.cost().bytes
    assert (table["whole"] <= table["members"]).all()
    assert (table["holes"] == "").all() or family == "libIGCM"
