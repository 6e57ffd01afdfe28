import re

from hypothesis import given

from climeri_platform.testing import strategies


def begins_before_it_ends(text):
    first, last = text.split("-")
    return len(first) == len(last) and first <= last


@given(strategies.cmip6_facets())
def test_cmip6_facets_are_valid(facets):
    assert re.fullmatch(r"(s\d{4}-)?r\d+i\d+p\d+f\d+", facets["member_id"])
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", facets["source_id"])
    assert re.fullmatch(r"v\d+", facets["version"])
    assert re.fullmatch(r"g[nrm]\d?[agz]?", facets["grid_label"])
    assert (facets["time_range"] == "") is (facets["frequency"] == "fx")
    assert not facets["time_range"] or begins_before_it_ends(facets["time_range"])
    assert not [name for name, value in facets.items() if "_" in value or "/" in value]


@given(strategies.cmip5_facets())
def test_cmip5_facets_are_valid(facets):
    assert re.fullmatch(r"r\d+i\d+p\d+", facets["ensemble"])
    assert (facets["ensemble"] == "r0i0p0") is (facets["table"] == "fx")
    assert not [name for name, value in facets.items() if "_" in value]


@given(strategies.cordex_facets())
def test_cordex_facets_are_valid(facets):
    assert facets["rcm_model"].startswith(facets["institute"] + "-")
    assert re.fullmatch(r"[A-Z]{3}-\d{2}i?", facets["domain"])
    assert not [name for name, value in facets.items() if "_" in value]
