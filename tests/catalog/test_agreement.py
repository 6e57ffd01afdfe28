"""Our search and intake-esm's: the same catalogs, query by query, result for result."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.catalog import build_catalog

MODELS = ["IPSL-CM6A-LR", "CNRM-CM6-1", "CNRM-ESM2-1", "MPI-ESM1-2-LR"]
EXPERIMENTS = ["historical", "ssp126", "ssp585", "piControl"]
VARIABLES = ["tas", "tasmax", "pr", "psl"]
MEMBERS = ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A store of some hundred datasets with gaps, and intake-esm's two views of it."""
    top = tmp_path_factory.mktemp("agreement")
    number = 0
    for model in MODELS:
        for experiment in EXPERIMENTS:
            for variable in VARIABLES:
                for member in MEMBERS:
                    number += 1
                    if number * 7 % 5 in (0, 3):  # not every model has everything
                        continue
                    activity = "ScenarioMIP" if experiment.startswith("ssp") else "CMIP"
                    for version in ("v1", "v20190101")[: 1 + number % 2]:
                        path = (
                            top
                            / "CMIP6"
                            / (
                                f"{activity}/{model.split('-')[0]}/{model}/{experiment}/{member}/Amon/"
                                f"{variable}/gn/{version}/{variable}_Amon_{model}_{experiment}_{member}_"
                                "gn_200001-200012.nc"
                            )
                        )
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(b"x")
    build_catalog("CMIP6", top / "CMIP6", store=top / "store")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import intake

        theirs = [
            intake.open_esm_datastore(str(top / "store/export/local" / name), sep=".")
            for name in ("CMIP6.json", "CMIP6-csv.json")
        ]
    return open_catalog("CMIP6", store=top / "store"), theirs


WORDS = {
    "source_id": MODELS,
    "experiment_id": EXPERIMENTS,
    "variable_id": VARIABLES,
    "member_id": MEMBERS,
    "activity_id": ["CMIP", "ScenarioMIP"],
}
PATTERNS = {
    "source_id": ["^CNRM", "LR$", "M"],
    "experiment_id": ["^ssp", "o", "85$"],
    "variable_id": ["^tas", "^p", "^tas$"],
    "member_id": ["^r1i", "^r1"],
    "activity_id": ["MIP"],
}


@st.composite
def queries(draw, *, patterns=True):
    query = {}
    for facet in draw(st.lists(st.sampled_from(sorted(WORDS)), min_size=1, unique=True)):
        items = st.sampled_from(WORDS[facet])
        if patterns:
            items = items | st.sampled_from(PATTERNS[facet]).map(re.compile)
        query[facet] = draw(st.lists(items, min_size=1, max_size=3, unique_by=str))
    return query


def ours_and_theirs(both, query, **how):
    ours, theirs = both
    # intake-esm knows no newest version
    found = ours.search(version="all", **query, **how)
    paths = set(found.paths())
    assert len(paths) == found.datasets["files"].sum()
    return paths, [set(each.search(**query, **how).df["path"]) for each in theirs]


@given(query=queries())
@settings(max_examples=80, deadline=None)
def test_searches_agree(both, query):
    paths, theirs = ours_and_theirs(both, query)
    assert all(paths == each for each in theirs)


@given(
    query=queries(patterns=False),
    groups=st.lists(
        st.sampled_from(["source_id", "member_id", "experiment_id"]), min_size=1, unique=True
    ),
)
@settings(max_examples=80, deadline=None)
def test_require_all_on_agrees(both, query, groups):
    from hypothesis import assume

    assume(set(query) - set(groups))  # intake-esm refuses an index of nothing
    paths, theirs = ours_and_theirs(both, query, require_all_on=groups)
    assert all(paths == each for each in theirs)


@given(query=queries())
@settings(max_examples=30, deadline=None)
def test_what_is_handed_over_is_what_was_found(both, query):
    found = both[0].search(**query)
    if not len(found):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handed = found.to_intake()
        assert set(handed.df["path"]) == set(found.paths())
        assert (
            len(handed.keys())
            == handed.df.drop_duplicates(handed.esmcat.aggregation_control.groupby_attrs).shape[0]
        )
        assert handed.esmcat.aggregation_control.variable_column_name == "variable_id"


@given(query=queries(patterns=False))
@settings(max_examples=30, deadline=None)
def test_a_glob_is_the_values_that_it_matches(both, query):
    ours = both[0]
    globs = {facet: [f"{item[:3]}*" for item in items] for facet, items in query.items()}
    words = {
        facet: [w for w in WORDS[facet] if any(w.startswith(i[:3]) for i in items)]
        for facet, items in query.items()
    }
    assert ours.search(**globs).keys == ours.search(**words).keys


@given(query=queries())
@settings(max_examples=40, deadline=None)
def test_counts_are_those_of_the_rows(both, query):
    found = both[0].search(**query)
    counts = found.facets()
    rows = found.datasets
    for facet, values in counts.items():
        expected = rows[facet].value_counts()
        assert values == dict(expected.sort(facet).iter_rows())
    assert sum(counts.get("source_id", {}).values()) == len(found) == len(found.keys)


@given(query=queries())
@settings(max_examples=30, deadline=None)
def test_an_empty_answer_names_a_culprit(both, query):
    found = both[0].search(**query)
    why = found.why_empty()
    assert bool(why) == (len(found) == 0)
    if "without" in why:
        culprit = re.search(r"without (\w+)=", why)[1]
        rest = {facet: items for facet, items in query.items() if facet != culprit}
        assert len(both[0].search(**rest)) > 0
