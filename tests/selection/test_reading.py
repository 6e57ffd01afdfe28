"""What opening is told of each dataset: its facets, in words that all families share."""

from __future__ import annotations

from climeri_platform.selection.reading import files_to_open

TAS = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/{0}/tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-185012.nc"
EUR = (
    "output/EUR-11/CNRM/CNRM-CERFACS-CNRM-CM5/rcp85/r1i1p1/CNRM-ALADIN63/v2/mon/tas/v20190101/"
    "tas_EUR-11_CNRM-CERFACS-CNRM-CM5_rcp85_r1i1p1_CNRM-ALADIN63_v2_mon_200601-201012.nc"
)


def test_facets_are_in_common_words(opened):
    catalog = opened("CMIP6", [TAS.format("v20180803"), TAS.format("v20190101")])
    (wanted,) = files_to_open(catalog.view, recall=False)
    assert wanted.facets == {
        "family": "CMIP6",
        "activity": "CMIP",
        "institution": "IPSL",
        "model": "IPSL-CM6A-LR",
        "experiment": "historical",
        "member": "r1i1p1f1",
        "table": "Amon",
        "variable": "tas",
        "grid": "gr",
        "frequency": "mon",
        "version": "v20190101",
    }
    both = files_to_open(catalog.search(version="all").view, recall=False)
    assert [each.facets["version"] for each in both] == ["v20180803", "v20190101"]


def test_what_has_no_common_word_keeps_its_own(opened):
    (wanted,) = files_to_open(opened("CORDEX", [EUR]).view, recall=False)
    facets = wanted.facets
    assert (facets["model"], facets["driving_model"]) == ("CNRM-ALADIN63", "CNRM-CERFACS-CNRM-CM5")
    assert (facets["domain"], facets["member"], facets["rcm_version"]) == ("EUR-11", "r1i1p1", "v2")
    assert "rcm_model" not in facets


def test_a_native_run_without_a_card_has_a_simulation_and_no_member(opened):
    path = (
        "IGCM_OUT/IPSLCM6/PROD/historical/CM61-LR-hist-01/ATM/Analyse/TS_MO/"
        "CM61-LR-hist-01_18500101_18591231_1M_t2m.nc"
    )
    (wanted,) = files_to_open(opened("libIGCM", [path]).view, recall=False)
    assert wanted.facets["simulation"] == "CM61-LR-hist-01"
    assert "member" not in wanted.facets
    assert (wanted.facets["model"], wanted.facets["variable"]) == ("IPSLCM6", "tas")
