"""Runs that belong together are of one member, one physics and one way of forcing."""

from __future__ import annotations


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
