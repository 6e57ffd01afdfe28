"""Reading paths as columns says what reading them one by one says, or leaves them alone."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog.family import Family, Rejected, load_family
from climeri_platform.catalog.levels import Levels
from climeri_platform.catalog.parsing import Parser
from climeri_platform.catalog.templates import is_context_free

PATTERNS = [
    "[a-z]+",
    "[A-Za-z0-9.-]*",
    "a|ab|abc",
    r"r\d+(?:f\d+)?",
    r"r\d{1,2}?(f\d)?",
    "[^/]+",
    "[a-z_]+",
    "(?!ab)[a-z]+",
    ".+",
]
# what fits some of them, what is near, and what is not ASCII
WORDS = ["a", "ab", "abc", "r1", "r12f3", "a_b", "", "x.y", "é", "a\n", "r1f", "1850"]
ENDS = [".nc", "_1850.nc", "_1850-1849.nc", "_185001-185912.nc4", "_1850_x.nc", ".zarr", "_٣٤٥٦.nc"]


def family(patterns, files, derived=None):
    return Family(
        family="Two",
        title="two levels",
        variable="one",
        directories=["<one>/<two>/<version>"],
        files=files,
        dataset=["one", "two"],
        patterns={"version": r"v\d+", **patterns},
        **derived or {},
    )


def one_by_one(rules, path, above):
    folder, _, name = path.rpartition("/")
    parts = (*above, *folder.split("/")) if folder else above
    try:
        parsed = rules.parse_name(name, rules.parse_directory(parts))
    except Rejected:
        return None
    span = parsed.span
    times = (parsed.time_range, span and span.start, span and span.end)
    return (*(parsed.facets.get(each) for each in rules.facets), *times)


def as_columns(rules, paths, above):
    parser = Parser(rules, above)
    levels = Levels(rules, above, parser.span)
    if not levels.holds:
        return None
    table = levels.read(pl.Series(paths, dtype=pl.String))
    said = [*rules.facets, "time_range", "start", "end"]
    assert table["at"].is_sorted()
    return dict(zip(table["at"], table.select(said).iter_rows(), strict=True))


DERIVED = {
    "constants": {"place": "here"},
    "frequency": {"facet": "two", "map": {"mon": ["a", "r1"], "yr": ["ab"]}},
    "derived": {"both": {"facet": ["one", "frequency"], "joined_by": "+"}},
}
LEVELS = st.sampled_from(WORDS)
FILES = st.sampled_from(
    ["<one>_<two>[_<time_range>].nc", "<two>.nc", "<two>_<one>_<time_range>.nc"]
)


@given(
    one=st.sampled_from(PATTERNS),
    two=st.sampled_from(PATTERNS),
    files=FILES,
    derived=st.sampled_from([None, DERIVED]),
    above=st.sampled_from([(), ("a",), ("top", "ab")]),
    rows=st.lists(
        st.tuples(
            st.lists(LEVELS, max_size=3),
            st.sampled_from(["v1", "latest"]),
            LEVELS,
            st.sampled_from(ENDS),
        ),
        min_size=1,
        max_size=8,
    ),
)
@settings(max_examples=120, deadline=None)
def test_what_columns_say_is_what_each_path_says(one, two, files, derived, above, rows):
    rules = family({"one": one, "two": two}, [files], derived)
    paths = []
    for levels, version, other, end in rows:
        said = [*above, *levels][-2:]
        stems = ["_".join(said), "_".join(reversed(said)), *said[1:], other]
        paths += ["/".join([*levels, version, stem + end]) for stem in stems]
    paths += ["v1.nc", "ab.nc"]
    found = as_columns(rules, paths, above)
    if found is None:
        return
    for at, said in found.items():
        assert said == one_by_one(rules, paths[at], above), paths[at]
    # what it leaves is odd: a store, or what no rule fits
    for at, path in enumerate(paths):
        if at not in found and not path.endswith(".zarr"):
            assert one_by_one(rules, path, above) is None, path


def test_most_paths_of_a_real_layout_are_read_as_columns():
    rules = load_family("CMIP6")
    place = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
    fixed = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr.nc"
    found = as_columns(rules, [f"{place}/{name}", f"{place}/{fixed}", f"{place}/x.nc"], ())
    assert list(found) == [0, 1]
    assert found[0] == one_by_one(rules, f"{place}/{name}", ())
    assert found[0][rules.facets.index("frequency")] == "mon"


@pytest.mark.parametrize(
    "layout",
    [
        {"directories": ["<one>/x<two>"]},
        {"directories": ["<one>/[<two>]"]},
        {"directories": ["<one>/<one>/<two>"]},
        {"directories": ["<one>/<two>/<time_range>"]},
        {"files": ["<one>-<two>.nc"]},
        {"files": ["<one>_<two>_<three>.nc"]},
        {"files": ["<one>_<one>.nc"]},
        {"files": ["<one>"]},
        {"patterns": {"one": "a_b", "two": "a"}},
        {"patterns": {"two": "a"}},
        {"patterns": {"one": "a", "two": "a", "time_range": r"\d+_\d+"}},
        {"patterns": {"one": "a", "two": "a", "time_range": ".*"}},
    ],
)
def test_templates_that_are_not_plain_are_left_alone(layout):
    plain = {
        "directories": ["<one>/<two>"],
        "files": ["<one>_<two>[_<time_range>].nc"],
        "patterns": {"one": "a", "two": "a"},
    }
    said = {"family": "Two", "title": "", "variable": "one", "dataset": ["one"], "optional": []}
    assert as_columns(Family(**said, **plain), ["a/a/a_a.nc"], ()) != {}
    assert as_columns(Family(**said, **{**plain, **layout}), ["a/a/a_a.nc"], ()) is None


@given(
    pattern=st.lists(
        st.sampled_from(
            [*"ab_-|()?*+.[]^$/\\", r"\d", "(?:", "[a-z]", "[^a]", "{2}", "(?=", r"\1"]
        ),
        max_size=6,
    ).map("".join),
    text=st.text("ab_-0", max_size=4),
    before=st.sampled_from(["", "a", "0", "_"]),
    behind=st.sampled_from(["", "a", "0", "_"]),
)
@settings(max_examples=120, deadline=None)
def test_a_context_free_pattern_matches_alone_what_it_matches_between_slashes(
    pattern, text, before, behind
):
    try:
        alone = re.compile(pattern, re.ASCII)
    except (re.error, FutureWarning):
        return
    if is_context_free(pattern):
        between = re.compile(f"{before}/(?P<x>{pattern})/{behind}", re.ASCII)
        whole = between.fullmatch(f"{before}/{text}/{behind}")
        assert (whole is None) == (alone.fullmatch(text) is None)


@pytest.mark.parametrize(
    "pattern",
    [
        *(".+", "[^/]+", r"\w+", r"\S", "a$", "^a", r"a\b", "(?i)a"),
        *("(?P<x>a)", r"(a)\1", "a++", "a{2}+", "(?>a)", "(?=a)", "[A-z]", "[.-z]"),
        *("[.-9]", "[a&&b]", "a/b", "[[a]", r"\Z", r"[\S]"),
    ],
)
def test_patterns_that_are_not_surely_context_free(pattern):
    assert not is_context_free(pattern)
