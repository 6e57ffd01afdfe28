"""The availability matrix: time series by their own steps, climatologies apart, years once."""

from __future__ import annotations


def igcm(job, stream="TS_MO", what="1M_t2m", span="18500101_18591231"):
    return f"IPSLCM6/PROD/historical/{job}/ATM/Analyse/{stream}/{job}_{span}_{what}.nc"


def cmip5(span, frequency="mon", product="output1", model="IPSL-CM5A-LR"):
    return (
        f"{product}/X/{model}/historical/{frequency}/atmos/Amon/r1i1p1/v1/tas/"
        f"tas_Amon_{model}_historical_r1i1p1_{span}.nc"
    )


def test_native_runs_by_frequency_and_simulation(opened):
    found = opened(
        "libIGCM",
        [
            igcm("h1", "TS_DA", "1D_t2m", "18500101_18541231"),
            igcm("h1", span="18500101_18991231"),
            igcm("h2"),
            igcm("h3"),
            igcm("h1", "SE_30Y", "1M_t2m", "SE_1850_1879"),
        ],
    )
    columns = ["table", "climatology", "members", "whole", "years", "holes"]
    assert found.coverage().table.select(columns).rows() == [
        ("day", False, 1, 1, 5, ""),
        ("mon", False, 3, 1, 50, ""),
        ("monClim", True, 1, 1, None, ""),
    ]
    assert [key.split(".")[-3] for key in found.search(covers="1851/1853").keys] == [
        "TS_DA",
        *["TS_MO"] * 3,
    ]


def test_a_climatology_is_no_series(opened):
    found = opened("CMIP5", [cmip5("198601-200512-clim", "monClim"), cmip5("199001-199912")])
    assert [key.split(".")[4] for key in found.search(covers="1990/1999").keys] == ["mon"]
    assert len(found.search(covers="1986/2005")) == 0
    cover = found.coverage()
    rows = cover.table.select("climatology", "years", "first", "last").rows()
    assert rows == [(False, 10, 1990, 1999), (True, None, 1986, 2005)]
    assert ">climatology, 1</td>" in cover._repr_html_()
    assert "Amon tas climatology" in cover._repr_html_()


def test_what_one_product_lacks_another_has(opened):
    found = opened(
        "CMIP5",
        [
            cmip5("185001-189912", product="output2"),
            cmip5("190001-200512"),
            cmip5("190001-195012", model="B"),
            cmip5("194001-200512", model="B", product="output2"),
        ],
    )
    rows = found.coverage().table.select("years", "whole", "holes", "files").rows()
    assert rows == [(106, 1, "", 2), (156, 1, "", 2)]


def test_a_period_that_two_products_hold_together_is_found(opened):
    found = opened(
        "CMIP5",
        [
            # together, and what is beside the period is not a part of it
            cmip5("185001-189912", product="output2"),
            cmip5("190001-200512"),
            # one of them alone is enough
            cmip5("185001-200512", model="B"),
            cmip5("195001-200512", model="B", product="output2"),
            # a month is missing between the two
            cmip5("185001-189911", model="C", product="output2"),
            cmip5("190001-200512", model="C"),
            # what nobody asked for is no part of the series of what was
            cmip5("185001-189912", model="D", product="unsolicited"),
            cmip5("190001-200512", model="D"),
        ],
    )

    def products(selection):
        return selection.datasets.select("model", "product").sort("model", "product").rows()

    both = [("IPSL-CM5A-LR", "output1"), ("IPSL-CM5A-LR", "output2")]
    assert products(found.search(covers="1850/2005")) == [("B", "output1"), *both]
    assert products(found.search(covers="1850/2005", version="all")) == [("B", "output1"), *both]
    assert products(found.search(covers="1950/2000", model="IPSL*")) == [both[0]]
    assert len(found.search(covers="1850/2005", product="output2")) == 0
    assert "without covers=1850/2005" in found.search(model="C", covers="1850/2005").why_empty()


def test_versions_of_two_products_are_not_mixed_where_versions_are_asked_for(opened):
    found = opened(
        "CMIP5",
        [
            cmip5("185001-189912", product="output2").replace("/v1/", "/v2/"),
            cmip5("190001-200512"),
        ],
    )
    assert len(found.search(covers="1850/2005")) == 2  # each in its newest
    assert len(found.search(covers="1850/2005", version="all")) == 0
