"""Runs that belong together: one member, one physics, one way of forcing; fixed fields are everybody's."""

from __future__ import annotations

import pytest

from climeri_platform.core.errors import UnknownValue


def cmip5(experiment, table="Amon", member="r1i1p1", variable="tas", span="185001-200512"):
    frequency = "fx" if table == "fx" else "mon"
    when = f"_{span}" if span else ""
    return (
        f"output1/IPSL/IPSL-CM5A-LR/{experiment}/{frequency}/atmos/{table}/{member}/v1/{variable}/"
        f"{variable}_{table}_IPSL-CM5A-LR_{experiment}_{member}{when}.nc"
    )


def cmip6(experiment, member="r1i1p1f1", model="A-1", variable="tas", table="Amon"):
    when = "" if table == "fx" else "_185001-201412"
    return (
        f"CMIP/A/{model}/{experiment}/{member}/{table}/{variable}/gn/v1/"
        f"{variable}_{table}_{model}_{experiment}_{member}_gn{when}.nc"
    )


def cordex(member, variable="tas", frequency="mon"):
    when = "" if frequency == "fx" else "_195101-200512"
    return (
        f"output/EUR-11/SMHI/IPSL-IPSL-CM5A-LR/historical/{member}/RCA4/v1/{frequency}/{variable}/"
        f"v1/{variable}_EUR-11_IPSL-IPSL-CM5A-LR_historical_{member}_SMHI-RCA4_v1_{frequency}"
        f"{when}.nc"
    )


def cordex6(member):
    return (
        f"DD/EUR-12/CNRM-MF/A-1/historical/{member}/ALADIN/v1-r1/mon/tas/v20240101/"
        f"tas_EUR-12_A-1_historical_{member}_CNRM-MF_ALADIN_v1-r1_mon_195001-200012.nc"
    )


def test_a_regional_run_has_the_forcing_of_its_driver(opened):
    members = [f"r1i1p1f{n}" for n in (1, 2, 3)]
    opened("CMIP6", [cmip6("historical", each) for each in members])
    pairs = opened("CORDEX-CMIP6", map(cordex6, ("r1i1p1f2", "r1i1p1f4"))).driving_gcm()
    assert [gcm for _, gcm in pairs.keys] == ["CMIP.A.A-1.historical.r1i1p1f2.Amon.tas.gn"]
    assert list(pairs.unmatched.values()) == [
        "historical of A-1 has r1i1p1f1, r1i1p1f2, r1i1p1f3, not r1i1p1f4"
    ]


def test_a_fixed_field_of_a_regional_run_finds_the_one_of_its_driver(opened):
    opened(
        "CMIP5",
        [
            cmip5("historical"),
            cmip5("historical", "fx", "r0i0p0", "orog", ""),
        ],
    )
    pairs = opened("CORDEX", [cordex("r1i1p1"), cordex("r1i1p1", "orog", "fx")]).driving_gcm()
    assert sorted(gcm.split(".", 4)[4] for _, gcm in pairs.keys) == [
        "fx.atmos.fx.r0i0p0.orog",
        "mon.atmos.Amon.r1i1p1.tas",
    ]
    assert not pairs.unmatched


def igcm(job, experiment="historical", stream="TS_MO", what="1M_t2m", span="18500101_18591231"):
    return f"IPSLCM6/PROD/{experiment}/{job}/ATM/Analyse/{stream}/{job}_{span}_{what}.nc"


def test_fixed_fields_of_cmip5_are_every_members(opened):
    experiments = {"historical": "185001-200512", "rcp85": "200601-210012"}
    found = opened(
        "CMIP5",
        [
            path
            for name, span in experiments.items()
            for path in (
                cmip5(name, span=span),
                cmip5(name, "fx", "r0i0p0", "sftlf", ""),
                cmip5(name, "fx", "r0i0p0", "orog", ""),
            )
        ],
    )
    asked = (list(experiments), ["tas", "sftlf"])
    assert found.completeness(*asked).row(0) == ("IPSL-CM5A-LR", 1, True, "")
    whole = found.complete(*asked, same_members=True)
    assert whole.facets("member")["ensemble"] == {"r0i0p0": 2, "r1i1p1": 2}
    assert whole.facets("variable")["variable"] == {"sftlf": 2, "tas": 2}
    only = found.complete(["historical"], ["sftlf", "orog"])
    assert only.facets("member")["ensemble"] == {"r0i0p0": 2}


def test_one_area_is_enough_for_all_members(opened):
    members = [f"r{n}i1p1f1" for n in (1, 2, 3)]
    fixed = [cmip6("historical", each, variable="areacella", table="fx") for each in members[:2]]
    found = opened(
        "CMIP6", [*fixed, cmip6("piControl"), *(cmip6("historical", each) for each in members)]
    )
    asked = (["historical"], ["tas", "areacella"])
    assert found.completeness(*asked, 3).row(0) == ("A-1", 3, True, "")
    assert len(found.complete(*asked, 3)) == 3 + 2
    # the area of one run says nothing of another's
    told = found.completeness(["historical", "piControl"], ["tas", "areacella"])
    assert told["missing"].to_list() == ["piControl: no areacella"]


def test_the_area_of_a_member_that_does_not_count_stays(opened):
    files = [cmip6("historical", "r3i1p1f1"), cmip6("historical", "r3i1p1f1", variable="pr")]
    areas = [cmip6("historical", f"r{n}i1p1f1", variable="areacella", table="fx") for n in (10, 2)]
    found = opened("CMIP6", [*files, *areas, cmip6("historical", "r2i1p1f1")])
    whole = found.complete(["historical"], ["tas", "pr", "areacella"])
    rows = whole.datasets.select("variable_id", "member_id").rows()
    assert sorted(rows) == [("areacella", "r2i1p1f1"), ("pr", "r3i1p1f1"), ("tas", "r3i1p1f1")]


def test_native_runs_count_for_one_each(opened):
    found = opened("libIGCM", [igcm("h1"), igcm("h2"), igcm("s1", "ssp585")])
    told = found.completeness(["historical"], ["tas"], 2)
    assert told.row(0) == ("IPSLCM6", 2, True, "")
    assert len(found.complete(["historical"], ["tas"], 2)) == 2
    assert not found.completeness(["historical"], ["tas"], 3)["complete"].any()
    both = found.complete(["historical", "ssp585"], ["tas"], same_members=True)
    assert len(both) == 3
    assert found.one_member_per_model().keys == found.keys


@pytest.mark.parametrize("family", ["libIGCM", "CNRM"])
def test_native_runs_have_controls_and_histories(opened, family):
    if family == "libIGCM":
        found = opened(family, [igcm("h1"), igcm("p1", "piControl"), igcm("s1", "ssp585")])
        assert [pair[1] for pair in found.search(simulation="h1").control().keys] == [
            "IPSLCM6.PROD.piControl.p1.ATM.Analyse.TS_MO.1M.t2m"
        ]
        assert [pair[1] for pair in found.search(simulation="s1").history_with("ssp585").keys] == [
            "IPSLCM6.PROD.historical.h1.ATM.Analyse.TS_MO.1M.t2m"
        ]
    else:
        found = opened(family, [f"{e}/A/{e}PL200001-200012.nc" for e in ("AAD50", "AAD51")])
        assert len(found.one_member_per_model()) == len(found) == 2
        assert set(found.control().unmatched.values()) == {
            "nothing names its model, so that no piControl can be its own"
        }
        with pytest.raises(UnknownValue):
            found.history_with("AAD50")


def controls_of(selection):
    return {pair[0].split(".")[3]: pair[1].split(".")[3:5] for pair in selection.control().keys}


def test_a_control_has_the_physics_of_the_run(opened):
    found = opened(
        "CMIP6",
        [
            cmip6("historical", "r1i1p3f1"),
            cmip6("historical", "r2i1p1f2"),
            cmip6("piControl", "r1i1p1f1"),
            cmip6("piControl", "r2i1p1f2"),
            cmip6("historical", "r1i1p3f1", variable="areacella", table="fx"),
            cmip6("piControl", "r1i1p1f1", variable="areacella", table="fx"),
            cmip6("amip-p4K"),
        ],
    )
    pairs = found.control()
    assert pairs.unmatched == {
        "CMIP.A.A-1.historical.r1i1p3f1.Amon.tas.gn": "piControl has the physics p1, not p3",
        "CMIP.A.A-1.amip-p4K.r1i1p1f1.Amon.tas.gn": "amip-p4K runs without an ocean, and has no control",
    }
    assert pairs.keys == [
        (
            "CMIP.A.A-1.historical.r1i1p3f1.fx.areacella.gn",
            "CMIP.A.A-1.piControl.r1i1p1f1.fx.areacella.gn",
        ),
        (
            "CMIP.A.A-1.historical.r2i1p1f2.Amon.tas.gn",
            "CMIP.A.A-1.piControl.r2i1p1f2.Amon.tas.gn",
        ),
    ]
    assert len(found.search(experiment="amip-p4K").control("piControl").keys) == 0


def test_runs_that_emissions_drive_have_their_own_control(opened):
    found = opened("CMIP6", [cmip6(e) for e in ("esm-hist", "historical", "piControl")])
    assert controls_of(found) == {"historical": ["piControl", "r1i1p1f1"]}
    assert list(found.control().unmatched.values()) == ["there is no esm-piControl of A-1"]
    found = opened("CMIP6", [cmip6("esm-piControl")])
    assert controls_of(found)["esm-hist"] == ["esm-piControl", "r1i1p1f1"]
    assert not found.control().unmatched
    older = opened("CMIP5", [cmip5(e) for e in ("esmHistorical", "esmControl", "piControl")])
    assert controls_of(older) == {"esmHistorical": ["esmControl", "mon"]}


def test_a_catalog_without_controls_says_so(opened):
    found = opened("CMIP6", [cmip6("historical")])
    assert list(found.control().unmatched.values()) == ["there is no piControl of A-1"]
    with pytest.raises(UnknownValue, match="'piContol'"):
        found.control("piContol")


def test_the_members_that_were_asked_for_have_histories(opened):
    members = ("r1i1p1f1", "r2i1p1f1")
    found = opened("CMIP6", [cmip6(e, m) for e in ("historical", "ssp585") for m in members])
    assert len(found.history_with("ssp585")) == 2
    assert len(found.search(member="r2i1p1f1").history_with("ssp585").table) == 1
