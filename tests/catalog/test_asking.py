"""What may be asked: words, globs, regular expressions, periods, groups that have it all."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import CatalogView, build_catalog
from climeri_platform.catalog.asking import Period, items_of, pattern_of, show, values_of
from climeri_platform.catalog.narrowing import covering, follows_expr, overlapping
from climeri_platform.core.errors import StoreMissing, UnknownValue, UsageError
from climeri_platform.core.timespan import follows

WORD = st.text("abcAB12.-()[]*?+^$ ", max_size=6)


@pytest.fixture
def view(plant, tas, tmp_path):
    paths = [
        tas(span="185001-189912"),
        tas(span="195001-201412"),
        tas("ssp126", span="201501-210012"),
        tas("ssp585", span="201501-205012"),
        tas("ssp585", span="205101-210012"),
        tas("piControl", span="185001-234912"),
        tas("piControl", span="185001-234912").replace("tas", "pr"),
        tas("ssp585", span="201501-210012").replace("tas", "tasmax"),
        tas("historical")
        .replace("tas", "orog")
        .replace("Amon", "fx")
        .replace("_185001-201412", ""),
        tas("historical").replace("IPSL-CM6A-LR", "CNRM-CM6-1"),
    ]
    build_catalog("CMIP6", plant(paths), store=tmp_path / "store")
    return CatalogView.open("CMIP6", tmp_path / "store")


@pytest.mark.parametrize(
    ("facets", "count"),
    [
        ({"experiment": "ssp*"}, 3),
        ({"experiment": "ssp?85"}, 2),
        ({"experiment": "ssp[15]*"}, 3),
        ({"experiment": ["ssp*", "historical"]}, 6),
        ({"variable": "tas*", "experiment": "ssp585"}, 2),
        ({"variable": re.compile("tas")}, 6),
        ({"variable": re.compile("^tas$")}, 5),
        ({"variable": re.compile("TAS", re.IGNORECASE)}, 6),
        ({"variable": [re.compile("max$"), "pr"]}, 2),
        ({"model": "*"}, 8),
        ({"version": "v2018*"}, 8),
    ],
)
def test_globs_and_regular_expressions(view, facets, count):
    assert len(view.search(**facets)) == count


@pytest.mark.parametrize("value", ["TAS*", "x?", re.compile("^max"), "tas.", "^tas", "tas|pr"])
def test_what_matches_nothing_is_unknown(view, value):
    with pytest.raises(UnknownValue) as refused:
        view.search(variable=value)
    assert repr(show(value)) in refused.value.message
    assert refused.value.hint


def test_what_was_typed_is_said(view):
    found = view.search(experiment="ssp*", variable=re.compile("^pr"))
    assert found.asked["experiment_id"] == ("ssp126", "ssp585")
    assert len(found) == 0
    assert "without variable_id=~^pr there is tas, tasmax" in found.why_empty()
    assert "without experiment_id=ssp* there is piControl" in found.why_empty()


@given(WORD, st.lists(WORD, max_size=6, unique=True))
@settings(deadline=None)
def test_a_value_that_exists_is_taken_at_its_word(word, others):
    known = [word, *others]
    assert word in values_of(word, known)
    if pattern_of(word) is None or word in known:
        assert values_of(word, known) == [word]
    assert set(values_of(word, others)) <= set(others)


@given(st.lists(WORD, unique=True))
def test_a_star_stands_for_all(known):
    assert values_of("*", known) == known or "*" in known
    assert values_of(re.compile(""), known) == known


@pytest.mark.parametrize("given_", [None, 1, [], [1], b"pr", re.compile(b"tas"), [None]])
def test_what_is_no_item(given_):
    with pytest.raises(UsageError):
        items_of("variable", given_)


PERIODS = [
    ("1850", 4, 4),  # the two historical, two piControl
    ("1900/1949", 3, 3),  # a hole of one historical
    ("1890/1955", 4, 3),
    ("1850/2014", 4, 3),
    ("2015/2100", 5, 5),
    ("2101/", 2, 2),  # piControl, to its own end
    ("1900/", 7, 3),
    ("/1900", 4, 3),
    ("/1849", 0, 0),
    ("2014-12/2015-01", 7, 2),
    ("20141215/20141220", 4, 4),
    ("2050/2051", 5, 5),
    ("9000/9999", 0, 0),
]


@pytest.mark.parametrize(("text", "overlapping", "covering"), PERIODS)
def test_periods(view, text, overlapping, covering):
    fixed = 1
    assert len(view.search(period=text)) == overlapping + fixed
    assert len(view.search(covers=text)) == covering + fixed


@pytest.mark.parametrize(
    ("end", "calendar", "text", "held"),
    [
        ("20141230", None, "1980-01-01/2014-12-31", True),  # of 360 days, for all that one knows
        ("20141230", "360_day", "1980-01-01/2014-12-31", True),
        ("20141230", "standard", "1980-01-01/2014-12-31", False),
        ("20141230", "standard", "1980/2014", False),
        ("20141230", "360_day", "1980/2014", True),
        ("20141229", "360_day", "1980/2014", False),
        ("20141229", None, "1980-01-01/2014-12-31", False),
        ("20141229", None, "1980-01-01/2014-12-29", True),
        ("20120228", None, "1980-01-01/2012-02-29", True),
        ("20120228", "noleap", "1980-01-01/2012-02-29", True),
        ("20120228", "standard", "1980-01-01/2012-02-29", False),
        ("20120228", "noleap", "1980-01/2012-02", True),
        ("20120229", "360_day", "1980-01/2012-02", False),
        ("20120227", None, "1980-01/2012-02", False),
        ("20120227", "standard", "1980/", True),
        ("20120227", "standard", "/2012-02-27", True),
        ("20120227", "standard", "/2012-02-28", False),
    ],
)
def test_a_month_ends_where_its_calendar_says_and_nothing_bounds_an_open_side(
    end, calendar, text, held
):
    files = pl.DataFrame(
        {
            "dataset": ["a"],
            "version": ["v1"],
            "root": ["r"],
            "calendar": [calendar],
            "start": [197501010000],
            "end": [int(end) * 10_000 + 2359],
        },
        schema_overrides={"calendar": pl.String},
    ).lazy()
    datasets = files.drop("calendar")
    kept = covering(Period.parse(text), datasets, files).apply(datasets).collect()
    assert kept.height == held


def test_a_dataset_is_never_cut(view):
    found = view.search(period="2060", experiment="ssp585", variable="tas")
    assert found.files().height == 2
    assert len(view.search(period="2060").search(period="1850")) == 3


def test_an_empty_period_is_said(view):
    none = view.search(variable="tas", experiment="historical", period="2050")
    assert len(none) == 0
    assert "without period=2050 there are 2 datasets" in none.why_empty()


@pytest.mark.parametrize("text", ["", "/", "80/90", "2014/1980", "199013", "abc", "1980/x", 1980])
def test_what_is_no_period(text):
    with pytest.raises(UsageError, match="period="):
        Period.parse(text)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_periods_follow_the_files(data):
    years = st.integers(1900, 1930)
    spans = data.draw(
        st.lists(st.tuples(years, st.integers(0, 8)).map(lambda s: (s[0], s[0] + s[1])), min_size=1)
    )
    first = data.draw(years)
    last = data.draw(st.integers(first, 1935))
    files = pl.DataFrame(
        {
            "dataset": "a",
            "version": None,
            "root": "r",
            "start": [a * 10**8 + 1_010_000 for a, _ in spans],
            "end": [b * 10**8 + 12_312_359 for _, b in spans],
        },
        schema_overrides={"version": pl.String},
    )
    datasets = files.group_by("dataset", "version", "root").agg(
        pl.col("start").min(), pl.col("end").max()
    )
    period = Period.parse(f"{first}/{last}")
    there = {year for a, b in spans for year in range(a, b + 1)}
    wanted = set(range(first, last + 1))
    rows, all_files = datasets.lazy(), files.lazy()
    some = overlapping(period, rows, all_files).apply(rows).collect()
    whole = covering(period, rows, all_files).apply(rows).collect()
    assert bool(some.height) == bool(there & wanted)
    assert bool(whole.height) == (wanted <= there)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_products_hold_together(data):
    years = st.integers(1900, 1920)
    spans = st.tuples(years, st.integers(0, 8)).map(lambda s: (s[0], s[0] + s[1]))
    product = st.sampled_from(["output1", "output2", "output", "unsolicited"])
    held = data.draw(st.lists(st.tuples(product, st.sampled_from("xy"), spans), min_size=1))
    first = data.draw(years)
    last = data.draw(st.integers(first, 1925))
    files = pl.DataFrame(
        {
            "dataset": [f"{name}.{model}" for name, model, _ in held],
            "version": "v1",
            "root": "r",
            "product": [name for name, _, _ in held],
            "model": [model for _, model, _ in held],
            "start": [a * 10**8 + 1_010_000 for _, _, (a, _) in held],
            "end": [b * 10**8 + 12_312_359 for _, _, (_, b) in held],
        }
    )
    datasets = files.group_by("dataset", "version", "root", "product", "model").agg(
        pl.col("start").min(), pl.col("end").max()
    )
    wanted = set(range(first, last + 1))
    there: dict[tuple[str, str], set[int]] = {}
    for name, model, (a, b) in held:
        there.setdefault((name, model), set()).update(wanted & set(range(a, b + 1)))
    whole = {key for key, its in there.items() if its == wanted}
    expected = set(whole)
    for model in "xy":
        parts = {
            key for key, its in there.items() if key[1] == model and key[0] != "unsolicited" and its
        }
        if not parts & whole and set().union(*(there[key] for key in parts)) == wanted:
            expected |= parts
    period = Period.parse(f"{first}/{last}")
    rows = datasets.lazy()
    found = covering(period, rows, files.lazy(), ("product", "model")).apply(rows).collect()
    assert set(found.select("product", "model").rows()) == expected


@given(
    st.tuples(st.integers(1, 9998), st.integers(1, 12), st.integers(1, 31)),
    st.integers(0, 40),
    st.integers(0, 2359),
)
def test_the_rule_of_what_follows_is_one(moment, later, minute):
    year, month, day = moment
    end = (year * 10_000 + month * 100 + day) * 10_000 + minute
    start = ((year + later // 30) * 10_000 + (month + later % 2) * 100 + 1 + later % 28) * 10_000
    frame = pl.DataFrame({"end": [end], "start": [start]})
    said = frame.select(follows_expr(pl.col("end"), pl.col("start"))).item()
    assert said == follows(end, start)


def test_require_all_on(view):
    both = view.search(
        model="*", experiment=["historical", "ssp585"], variable="tas", require_all_on="model"
    )
    assert view.search(model="*", require_all_on="model").facets("model")["source_id"] == {
        "CNRM-CM6-1": 1,
        "IPSL-CM6A-LR": 7,
    }
    assert both.facets("model") == {"source_id": {"IPSL-CM6A-LR": 2}}
    none = view.search(
        experiment=["historical", "ssp585"], variable=["tas", "pr"], require_all_on=["model"]
    )
    assert len(none) == 0
    assert "without all of it on source_id there are 3 datasets" in none.why_empty()
    met_by_any = view.search(experiment=["historical", "ssp*"], require_all_on="model")
    assert set(met_by_any.facets()["source_id"]) == {"IPSL-CM6A-LR"}
    for wrong in ([], "modle"):
        with pytest.raises(UsageError):
            view.search(variable="tas", require_all_on=wrong)


def test_an_older_snapshot_by_its_name(view, plant, tas, tmp_path):
    build_catalog("CMIP6", plant([tas("amip")], root="other"), store=tmp_path / "store")
    now = CatalogView.open("CMIP6", tmp_path / "store")
    then = CatalogView.open("CMIP6", tmp_path / "store", view.snapshot.name)
    assert (len(now), len(then)) == (9, 8)
    with pytest.raises(StoreMissing, match="keeps no snapshot '20200101T000000Z'") as refused:
        CatalogView.open("CMIP6", tmp_path / "store", "20200101T000000Z")
    assert then.snapshot.name in refused.value.hint


def test_one_dataset_by_its_key(view):
    for key in view.keys:
        assert view.at(key).keys == [key]
    assert len(view.at("CMIP")) == 0
    assert len(view.at(view.keys[0].replace("CMIP.", "C.MIP."))) == 0
    assert len(view.search(experiment="ssp585").at(view.keys[0])) == 0


def test_newest_versions_again(view):
    assert len(view.search(version="v20180803").latest()) == len(view)


@pytest.mark.parametrize("name", ["period", "covers"])
def test_a_period_that_is_none_is_told_by_the_name_that_was_typed(name, view):
    with pytest.raises(UsageError, match=f"^{name}='abc' is no period"):
        view.search(**{name: "abc"})
