"""Properties of paths and of searches, over facets drawn from the families' own rules."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import CatalogView, build_catalog, load_family

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
        "domain": ["EUR-11", "AFR-44i", "WAS-22"],
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
        "product": ["Output", "Analyse"],
        "product_frequency": ["MO", "TS_MO", "DA", "SE_50Y"],
        "file_frequency": ["1M", "1D", "HF"],
    },
}
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,6}", fullmatch=True)
DASHED = st.from_regex(r"[A-Za-z0-9]{1,4}(-[A-Za-z0-9]{1,4}){0,2}", fullmatch=True)
TIMES = st.sampled_from([None, "185001-201412", "19500101-19541231", "1850-1859", "000101-999912"])


@st.composite
def facets_of(draw, family):
    rules = load_family(family)
    drawn = {}
    for facet in [*rules.dataset, "version"]:
        if facet in rules.optional:
            continue
        words = WORDS[family].get(facet)
        simple = facet in (rules.variable, "table")
        value = draw(st.sampled_from(words) if words else NAME if simple else DASHED)
        if value is not None:
            drawn[facet] = value
    return drawn


@pytest.mark.parametrize("family", ["CMIP6", "CMIP5", "CORDEX", "obs4MIPs"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_path_that_was_written_is_parsed_back(family, data):
    rules = load_family(family)
    facets, time_range = data.draw(facets_of(family)), data.draw(TIMES)
    if rules.frequency is not None:
        facets = {**facets, "frequency": rules.frequency.of[facets["table_id"]]}
    written = facets
    if rules.spelled_in_files:
        # a name in a file has dashes; the directory keeps the facet
        (facet, pattern) = next(iter(rules.spelled_in_files.items()))
        spelled = re.sub(pattern, "-", facets[facet]).strip("-")
        directory = rules.path(facets, time_range).rsplit("/", 1)[0]
        name = rules.path({**facets, facet: spelled}, time_range).rsplit("/", 1)[1]
    else:
        directory, name = rules.path(written, time_range).rsplit("/", 1)
    above = data.draw(st.lists(DASHED, max_size=3))
    parsed = rules.parse_name(name, rules.parse_directory((*above, *directory.split("/"))))
    assert {k: v for k, v in parsed.facets.items() if v is not None} == facets
    assert parsed.time_range == time_range
    assert rules.key(dict(parsed.facets)) == ".".join(
        facets[each] for each in rules.dataset if each in facets
    )


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_libigcm_paths_are_parsed_back(data):
    rules = load_family("libIGCM")
    facets = {name: data.draw(st.sampled_from(words)) for name, words in WORDS["libIGCM"].items()}
    what = data.draw(st.sampled_from(["stream", "variable"]))
    facets[what] = data.draw(
        st.sampled_from(
            ["histmth", "grid_T", "sechiba_history"]
            if what == "stream"
            else ["t2m", "t2m_max", "zomsfatl"]
        )
    )
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
    if frequency := rules.frequency.of.get(facets["product_frequency"]):
        expected["frequency"] = frequency
    assert {k: v for k, v in parsed.facets.items() if v is not None} == expected
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
