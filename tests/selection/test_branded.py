"""In CMIP7 the variable_id tas is the mean of a day and its maximum as well: the branding tells."""

from __future__ import annotations

import pytest

from climeri_platform.core.errors import UnknownValue

MEAN, MAXIMUM = "tas_tavg-h2m-hxy-u", "tas_tmaxavg-h2m-hxy-u"


def cmip7(model, branded, member="r1i1p1f1"):
    variable, _, branding = branded.partition("_")
    return (
        f"MIP-DRS7/CMIP7/CMIP/X/{model}/historical/{member}/glb/mon/{variable}/{branding}/g121/"
        f"v20260622/{branded}_mon_glb_g121_{model}_historical_{member}_185001-202112.nc"
    )


@pytest.fixture
def catalog(opened):
    several = [cmip7("A", MAXIMUM, each) for each in ("r1i1p1f1", "r2i1p1f1")]
    return opened("CMIP7", [cmip7("A", MEAN), cmip7("B", MAXIMUM), *several])


def test_a_maximum_is_no_mean(catalog):
    told = catalog.completeness(["historical"], ["tas"])
    assert told.rows() == [("A", 1, True, ""), ("B", 0, False, f"historical: no {MEAN}")]
    assert set(catalog.complete(["historical"], ["tasmax"]).facets("model")["source_id"]) == {
        "A",
        "B",
    }
    cells = catalog.coverage().table.select("model", "variable", "members").rows()
    assert cells == [("A", MEAN, 1), ("A", MAXIMUM, 2), ("B", MAXIMUM, 1)]
    assert set(catalog.one_member_per_model().facets("member")["variant_label"]) == {"r1i1p1f1"}


@pytest.mark.parametrize(("asked", "meant"), [("tasmax", MAXIMUM), (MEAN, MEAN)])
def test_what_to_ask_for_is_said(catalog, asked, meant):
    with pytest.raises(UnknownValue) as refused:
        catalog.search(variable=asked)
    assert refused.value.hint == f"In CMIP7 ask for branded_variable={meant}."
    assert len(catalog.search(branded_variable=meant)) >= 1


def test_a_name_that_may_mean_several_is_refused(opened):
    levels = ("ta_tavg-p19-hxy-air", "ta_tavg-al-hxy-u")
    found = opened("CMIP7", [cmip7("A", each) for each in levels])
    with pytest.raises(UnknownValue) as refused:
        found.completeness(["historical"], ["ta"])
    assert all(each in refused.value.hint for each in levels)
