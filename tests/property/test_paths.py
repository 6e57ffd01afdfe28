"""Properties of paths and of searches, over facets drawn from the families' own rules."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import CatalogView, build_catalog, family_names, load_family

WORDS = {
    "CMIP6": {
        "activity_id": ["CMIP", "ScenarioMIP", "C4MIP CDRMIP"],
        "source_id": ["IPSL-CM6A-LR", "CNRM-ESM2-1", "4AOP-v1-5"],
        "member_id": ["r1i1p1f1", "r10i1p1f2", "s1960-r2i1p1f1"],
        "table_id": ["Amon", "fx", "6hrPlevPt", "E1hrClimMon"],
        "grid_label": ["gn", "gr", "gr1", "gnz", "gm", "grz"],
        "version": ["v1", "v20190101", "latest"],
    },
    "CMIP5": {
        "product": ["output", "output1", "unsolicited"],
        "realm": ["atmos", "ocean", "seaIce"],
        "model": ["IPSL-CM5A-LR", "ACCESS1.0", "CESM1(CAM5)", "CESM1(CAM5.1,FV2)"],
        "frequency": ["mon", "fx", "monClim"],
        "ensemble": ["r1i1p1", "r0i0p0"],
        "version": ["v1", "v20110101", "latest"],
    },
    "CORDEX": {
        "product": ["output", "output1"],
        "domain": ["EUR-11", "AFR-44i", "WAS-22", "ALP-3"],
        "ensemble": ["r1i1p1", "r0i0p0"],
        "frequency": ["mon", "day", "sem", "fx"],
        "version": ["v1", "v20140301", "latest", None],
    },
    "obs4MIPs": {
        "source_id": ["GPCP-V2.3", "ERA-5"],
        "frequency": ["mon", "fx", "day"],
        "grid_label": ["gn", "gr1"],
        "version": ["v1", "v20180519", "latest"],
    },
    "libIGCM": {
        "tag_name": ["IPSLCM6", "NEMO_v6", "CM7-1.2"],
        "space_name": ["PROD", "DEVT", "TEST"],
        "experiment_name": ["piControl", "MH_6k"],
        "job_name": ["CM61-LR-pi_02", "run.1_SE", "piControl2"],
        "component": ["ATM", "OCE", "SRF"],
        "product_frequency": ["MO", "DA", "HF", "TS_MO", "TS_HF", "SE", "SE_30Y"],
        "file_frequency": ["1M", "1D", "3H", "6H", "HF"],
    },
}
CMIP6_WORDS = WORDS["CMIP6"]
WORDS |= {
    "CMIP6Plus": {**CMIP6_WORDS, "mip_era": ["CMIP6Plus"], "table_id": ["APmon", "OPfx", "SIday"]},
    "PMIP3": WORDS["CMIP5"],
    "CMIP7": {
        "drs_specs": ["MIP-DRS7"],
        "mip_era": ["CMIP7"],
        "variant_label": ["r1i1p1f1", "r10i1p1f3"],
        "region": ["glb", "ata", "30s-90s"],
        "frequency": ["mon", "fx", "3hr"],
        "branding_suffix": ["tavg-h2m-hxy-u", "tpt-p19-hxy-air", "ti-u-hxy-u"],
        "grid_label": ["g100", "g999"],
        "version": ["v20260512", "latest"],
    },
    "CORDEX-CMIP6": {
        "activity_id": ["DD", "ESD", "FPS-URB-RCC"],
        "domain_id": ["EUR-12", "AUS-12i", "PARIS-3"],
        "driving_variant_label": ["r1i1p1f1", "r1i1p1f2"],
        "version_realization": ["v1-r1", "v2-r3-ACS"],
        "frequency": ["mon", "fx", "1hr"],
        "version": ["v20250116", "latest"],
    },
    "CORDEX-Adjust": {
        "product": ["bias-adjusted-output"],
        "domain": ["EUR-11", "AFR-44"],
        "ensemble": ["r1i1p1", "r12i1p1"],
        "bias_adjustment": ["v1-SMHI-DBS45-MESAN-1989-2010"],
        "frequency": ["mon", "day"],
        "variable": ["tasAdjust", "prAdjust"],
        "version": ["v20160919", "latest"],
    },
    "input4MIPs": {
        "activity_id": ["input4MIPs"],
        "mip_era": ["CMIP6", "CMIP6Plus", "CMIP7"],
        "frequency": ["mon", "fx", "yr"],
        "variable_id": ["tos", "CO2_em_anthro", "mole-fraction-of-methane-in-air"],
        "grid_label": ["gn", "gnz", "gr1-GMNHSH"],
        "version": ["v20160830", "latest"],
    },
    "ReferenceDatasets": {
        "step": ["mo", "day"],
        "product": ["ERAI", "GPCP-1DD"],
        "obs_type": ["reanalysis", "observations", None],
    },
    "ERA5": {
        "product": ["ERA5", "ERA5-RT"],
        "grid": ["GLOBAL_025"],
        "step": ["hourly", "4xdaily", "monthly"],
        "kind": ["AN_PL", "AN_SF"],
        "native_variable": ["t2m", "ta", "u10"],
        "code": ["as1e5", "aphe5"],
    },
    "E-OBS": {
        "grid": ["0.25deg_reg", "0.1deg_reg", "0.22deg_rot"],
        "native_variable": ["tg", "rr"],
        "statistic": ["ens_mean", "ens_spread", None],
        "version": ["v15.0", "v27.0e"],
    },
    "CNRM": {
        "processing": ["Regu", "Origin"],
        "step": ["Monthly", "Daily"],
        "expid": ["C1P60", "AAD50_641", "PICTLWS2"],
        "file_frequency": ["1m", "1d"],
        "table_id": ["Amon", "Omon"],
        "member_id": ["r1i1p1f2"],
        "grid_label": ["gn", "gr"],
    },
}
HELPING = {"ERA5": {"year": ["1979", "2022"]}}  # facets of a path that are not a row's
CMIP = {"table_id", "source_id", "experiment_id", "member_id", "grid_label"}
CNRM_REST = CMIP | {"group", "component", "processing", "step", "file_frequency", "stream"}
CNRM_REST = CNRM_REST | {"native_variable", "version"}
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}", fullmatch=True)
DASHED = st.from_regex(r"[A-Za-z0-9]{1,4}(-[A-Za-z0-9]{1,4}){0,2}", fullmatch=True)
TIMES = st.sampled_from([None, "185001-201412", "19500101-19541231", "1850-1859", "000101-999912"])


# families whose trees are of several kinds, or whose names want a time range: kind by kind
KINDS = {
    "obs4MIPs": [
        ({}, {"realm", "processing_level", "product_version"}),
        (
            {"processing_level": ["L3", "L3B"], "product_version": ["V2-5-1", "Ed2-8"]},
            {"variant_label"},
        ),
    ],
    "ReferenceDatasets": [
        ({"kind": ["ts"]}, {"version"}),
        ({"kind": ["climatos"]}, {"version"}),
    ],
    "ERA5": [({}, {"version"})],
    "CNRM": [
        ({"component": ["A", "L"], "stream": ["PL", "SFX"]}, CNRM_REST - {"component", "stream"}),
        ({"component": ["I"]}, CNRM_REST - {"component", "native_variable"}),
        (
            {"component": ["O"], "stream": ["T_table2.2", "U_table2.3"]},
            CNRM_REST - {"component", "stream", "file_frequency"},
        ),
        (
            {"component": ["Ocean"], "stream": ["scalar_table2.2"]},
            {"native_variable", "table_id", "source_id", "experiment_id", "member_id"}
            | {"grid_label", "version"},
        ),
        ({}, {*CNRM_REST} - {*CMIP, "native_variable"}),
    ],
}
ALWAYS = {
    "ERA5": st.sampled_from(["197901", "202212"]),
    "CNRM": st.sampled_from(["1850", "185001-185912", "18500101_18591231"]),
    "E-OBS": st.sampled_from([None, "1950-1964", "2011-2023"]),
    "CMIP7": st.sampled_from([None, "185001-201412", "19500101-19541231"]),
}


@st.composite
def facets_of(draw, family):
    """Draw the facets of a path, and its time range."""
    rules = load_family(family)
    words, without = draw(st.sampled_from(KINDS.get(family, [({}, set())])))
    made = {*rules.derived, *rules.constants, *(["frequency"] if rules.frequency else [])}
    drawn = {}
    for facet in dict.fromkeys([*rules.dataset, "version"]):
        if facet in without or facet in made:
            continue
        some = {"realm": ["atmos", "ocean"], **WORDS.get(family, {}), **words}.get(facet)
        simple = facet in ("variable", "variable_id", "native_variable", "table", "realm")
        value = draw(st.sampled_from(some) if some else NAME if simple else DASHED)
        if value is not None:
            drawn[facet] = value
    for facet, some in HELPING.get(family, {}).items():
        drawn[facet] = draw(st.sampled_from(some))
    if family == "CNRM" and "table_id" in drawn:
        drawn["prefix"] = "IOXDIR"
        return drawn, draw(st.sampled_from([None, "185001-201412"]))
    if drawn.get("kind") == "climatos":
        return drawn, "198001-200512-clim"
    if drawn.get("kind") == "ts":
        return drawn, "197901-201412"
    return drawn, draw(ALWAYS.get(family, TIMES))


def spelled(rules, facets):
    """Return the facets as file names have them."""
    return {
        facet: re.sub(rules.spelled_in_files[facet], "-", value).strip("-")
        if facet in rules.spelled_in_files
        else value
        for facet, value in facets.items()
    }


@pytest.mark.parametrize("family", [each for each in family_names() if each != "libIGCM"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_path_that_was_written_is_parsed_back(family, data):
    rules = load_family(family)
    facets, time_range = data.draw(facets_of(family))
    # a name in a file has dashes; the directory keeps the facet
    directory = rules.path(facets, time_range).rsplit("/", 1)[0]
    name = rules.path(spelled(rules, facets), time_range).rsplit("/", 1)[1]
    above = data.draw(st.lists(DASHED, max_size=3))
    parsed = rules.parse_name(name, rules.parse_directory((*above, *directory.split("/"))))
    made = {*rules.derived, *rules.constants, *(["frequency"] if rules.frequency else [])}
    drawn = {k: v for k, v in parsed.facets.items() if v is not None and k not in made}
    assert drawn == facets
    assert parsed.time_range == time_range
    assert (parsed.span is None) == (time_range is None)
    assert rules.key(dict(parsed.facets)) == ".".join(
        facets[each] for each in rules.dataset if each in facets
    )


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_libigcm_paths_are_parsed_back(data):
    rules = load_family("libIGCM")
    facets = {name: data.draw(st.sampled_from(words)) for name, words in WORDS["libIGCM"].items()}
    # Output and means are of whole streams, time series of one variable
    series = facets["product_frequency"].startswith("TS_")
    facets["product"] = "Analyse" if facets["product_frequency"][:2] in ("TS", "SE") else "Output"
    what = "native_variable" if series else "stream"
    variables = ["t2m", "t2m_max", "zomsfatl"]
    streams = ["histmth", "grid_T", "sechiba_history", "mine", "t2m"]
    facets[what] = data.draw(st.sampled_from(variables if series else streams))
    if data.draw(st.booleans()):
        facets |= {"ensemble_name": "DEC.v2", "ensemble_date": "19601231"}
        assume("." not in facets["job_name"])
    written = rules.path(facets, "18500101_18591231")
    *parts, name = written.split("/")
    if "ensemble_name" in facets:
        # the file has the long name of the job
        name = f"{facets['ensemble_name']}_{facets['ensemble_date']}_{name}"
    parsed = rules.parse_name(name, rules.parse_directory(("IGCM_OUT", *parts)))
    long = name.removesuffix(written.rsplit("/", 1)[1]) + facets["job_name"]
    expected = {**facets, "job_name": long}
    made = {*rules.derived, *rules.constants, "frequency", "seasonal"}
    assert {k: v for k, v in parsed.facets.items() if v and k not in made} == expected
    its = "SE" if facets["product_frequency"].startswith("SE") else facets["file_frequency"]
    assert parsed.facets["frequency"] == rules.frequency.of[its]
    assert parsed.facets["realm"] == rules.derived["realm"].of[facets["component"]]
    if what == "native_variable" and facets["component"] == "ATM":
        cmip = {"t2m": "tas", "t2m_max": "tasmax", "zomsfatl": "zomsfatl"}
        assert parsed.facets["variable"] == cmip[facets[what]]
    assert parsed.span.start == 185001010000


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A store of some forty datasets, ours and intake-esm's two views of it."""
    top = tmp_path_factory.mktemp("search")
    rules = load_family("CMIP6")
    for model in ("IPSL-CM6A-LR", "CNRM-CM6-1", "CNRM-ESM2-1"):
        for experiment in ("historical", "ssp126", "ssp585"):
            for table, variable in (
                ("Amon", "tas"),
                ("Amon", "pr"),
                ("day", "tas"),
                ("fx", "orog"),
            ):
                if model == "CNRM-CM6-1" and experiment == "ssp126":
                    continue
                for version in ("v1", "v20190101")[: 2 if variable == "pr" else 1]:
                    facets = {
                        "activity_id": "CMIP" if experiment == "historical" else "ScenarioMIP",
                        "institution_id": model.split("-")[0],
                        "source_id": model,
                        "experiment_id": experiment,
                        "member_id": "r1i1p1f1",
                        "table_id": table,
                        "variable_id": variable,
                        "grid_label": "gr",
                        "version": version,
                    }
                    for span in [None] if table == "fx" else ["200001-200012", "200101-200112"]:
                        path = top / "CMIP6" / rules.path(facets, span)
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(b"x")
    build_catalog("CMIP6", top / "CMIP6", store=top / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import intake

        theirs = [
            intake.open_esm_datastore(str(top / "store" / "export" / "local" / name))
            for name in ("CMIP6.json", "CMIP6-csv.json")
        ]
    return CatalogView.open("CMIP6", top / "store"), theirs


@given(data=st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_intake_esm_finds_the_rows_that_we_find(three, data):
    ours, theirs = three
    values = ours.search(version="all").facets()
    facets = data.draw(
        st.dictionaries(st.sampled_from(sorted(values)), st.just(None), min_size=1, max_size=4)
    )
    query = {
        facet: data.draw(st.lists(st.sampled_from(sorted(values[facet])), min_size=1, unique=True))
        for facet in facets
    }
    view = ours.search(**{"version": "all", **query})
    mounts = view.snapshot.mounts
    paths = {f"{mounts[root]}/{path}" for root, path in view.files().select("root", "path").rows()}
    for each in theirs:
        assert set(each.search(**query).df["path"]) == paths
    assert len(view) == view.files().select("dataset", "version").n_unique()
    assert len(paths) == view.datasets["files"].sum()


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_other_name_is_rejected_with_a_reason(name):
    from climeri_platform.catalog.family import Rejected

    for family in WORDS:
        rules = load_family(family)
        with pytest.raises(Rejected) as no:
            rules.parse_name(name, rules.parse_directory(tuple(name.split("/"))))
        assert no.value.code in {"directory", "name", "contradiction", "time range"}
        assert no.value.reason
