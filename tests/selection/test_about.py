"""What is told of each dataset to those who harmonise it."""

from __future__ import annotations

from climeri_platform.selection.about import facets_of, in_common_words

RUN = "IGCM_OUT/IPSLCM6/PROD/historical/run"


def test_facets_by_their_own_and_the_common_names(opened):
    paths = [
        f"{RUN}/ATM/Analyse/TS_MO/run_19800101_20141231_1M_flat.nc",
        f"{RUN}/ATM/Analyse/SE/run_SE_1995_2014_1M_histmth.nc",
    ]
    series, seasons = sorted(
        facets_of(opened("libIGCM", paths).view).values(), key=lambda its: "variable" not in its
    )
    assert (series["family"], series["component"], series["variable"]) == ("libIGCM", "ATM", "hfls")
    assert (series["model"], series["tag_name"]) == ("IPSLCM6", "IPSLCM6")
    assert (seasons["frequency"], seasons["stream"]) == ("monClim", "histmth")
    assert (seasons["start"], seasons["end"]) == ("199501010000", "201412312359")
    assert "variable" not in seasons
    assert all(isinstance(each, str) for its in (series, seasons) for each in its.values())


def test_families_without_native_names_are_told_too(opened):
    folder = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
    (about,) = facets_of(opened("CMIP6", [f"{folder}/{name}"]).view).values()
    assert (about["family"], about["model"], about["variable"]) == ("CMIP6", "IPSL-CM6A-LR", "tas")
    assert about["version"] == "v20180803"


def test_each_version_has_its_own(opened):
    folder = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr"
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{}01-{}12.nc"
    paths = [
        f"{folder}/{version}/{name.format(*years)}"
        for version, years in (("v20180803", (1850, 2014)), ("v20190101", (1950, 2014)))
    ]
    found = facets_of(opened("CMIP6", paths).search(version="all").view)
    assert {key[1]: its["start"] for key, its in found.items()} == {
        "v20180803": "185001010000",
        "v20190101": "195001010000",
    }
    assert all(its["version"] == version for (_, version), its in found.items())


def test_common_words_say_each_facet_once(opened):
    folder = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
    view = opened("CMIP6", [f"{folder}/{name}"]).view
    (its,) = facets_of(view).values()
    said = in_common_words(its, view.family)
    assert said.items() <= its.items()
    assert not {"source_id", "start", "dataset"} & said.keys()
    assert {"source_id", "start", "dataset", "model", "grid"} <= its.keys()
    assert in_common_words({}, view.family) == {"family": "CMIP6"}
