"""A family of one's own: one YAML file, which reading the catalog does not need again."""

from __future__ import annotations

import json

import pytest

from climeri_platform.catalog import CatalogView, build_catalog, load_family, open_snapshot
from climeri_platform.catalog.layout import FORMAT
from climeri_platform.cli.front import run
from climeri_platform.core.errors import StoreDamaged, UnknownFamily

MINE = """
family: Oasis
title: Ocean runs of my group
variable: variable
directories: [<run>/<frequency>]
files: ["<variable>_<run>[_<member>]_<time_range>.nc"]
dataset: [run, frequency, member, variable]
optional: [member, version]
patterns: {run: '[A-Z]+\\d+', frequency: 'mon|day', member: 'm\\d+', variable: '[a-z0-9]+'}
constants: {model: NEMO, institution: IGE}
common: {experiment: run}
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    return path


@pytest.fixture
def built(mine, plant, tmp_path):
    root = plant(
        [f"GYRE1/mon/sst_GYRE1_m{each}_200001-200012.nc" for each in (1, 2, 10)]
        + ["GYRE1/mon/notes_of_mine.nc"],
        root="runs",
    )
    report = build_catalog(mine, root, store=tmp_path / "store")
    assert (report.family, report.catalogued, report.reasons) == ("Oasis", 3, {"name": 1})
    return tmp_path / "store"


def test_a_tree_is_catalogued_by_one_template(built):
    view = CatalogView.open("oasis", built)
    assert view.search(model="NEMO", experiment="GYRE1", member="m2", institute="IGE").keys == [
        "GYRE1.mon.m2.sst"
    ]
    assert list(view.facets()["member"]) == ["m1", "m2", "m10"]
    assert view.keys[-1] == "GYRE1.mon.m10.sst"


def test_reading_needs_neither_the_file_nor_the_same_rules(built, mine):
    mine.unlink()
    view = CatalogView.open("Oasis", built)
    assert view.family.patterns["member"] == r"m\d+"
    assert len(view) == 3
    assert json.loads((built / "export" / "local" / "Oasis.json").read_text())["id"] == "Oasis"


def test_a_catalog_from_before_the_rules_were_kept_is_read_by_those_installed(built):
    snapshot = open_snapshot(built)
    (snapshot.folder / "Oasis" / "family.json").unlink()
    with pytest.raises(UnknownFamily, match="Oasis"):
        CatalogView.open("Oasis", built)
    assert FORMAT == 1


def test_damaged_rules_are_told(built):
    snapshot = open_snapshot(built)
    (snapshot.folder / "Oasis" / "family.json").write_text('{"family": 1}')
    with pytest.raises(StoreDamaged, match=r"family\.json"):
        CatalogView.open("Oasis", built)


def test_rules_that_change_keep_the_rows_of_other_roots(built, mine, plant):
    mine.write_text(MINE.replace("constants: {", "constants: {realm: ocean, "))
    second = plant(["GYRE2/day/sss_GYRE2_200001-200012.nc"], root="more")
    build_catalog(load_family_path(mine), second, store=built)
    view = CatalogView.open("Oasis", built)
    assert len(view) == 4
    assert view.facets()["realm"] == {"ocean": 1}


def load_family_path(path):
    assert load_family(path).constants["realm"] == "ocean"  # the changed file is read again
    return str(path)


def test_the_command_line_takes_the_path(mine, plant, tmp_path, capsys):
    root = plant(["A1/day/sst_A1_200001-200012.nc"], root="runs")
    assert run(["catalog", "build", str(mine), str(root), "--store", str(tmp_path / "s")]) == 0
    assert "Oasis: 1 data files found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINE.replace("family: Oasis", "family: cmip6"), "takes the name cmip6"),
        (MINE.replace("family: Oasis", "family: a/b"), "is no name"),
        (MINE.replace("<variable>_", ""), "no template holds variable"),
        (MINE.replace("[A-Z]+", "[A-Z"), "no regular expression"),
        (MINE.replace("directories: [<run>/<frequency>]\n", ""), "directories"),
        (
            MINE + "unheard: of\n",
            r"unheard: there is no such key \(its value is 'of'\); there is: ",
        ),
        (MINE + "derived: {realm: {facet: 3}}\n", "derived.realm.facet: it wants a text or a list"),
        (MINE + "frequency: {facet: a, mpa: {}}\n", "frequency.mpa: .*; did you mean map?"),
        ("family: [", "not valid"),
        ("", "not valid"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path, text, said):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(UnknownFamily, match=said) as refused:
        load_family(path)
    assert str(path) in refused.value.message
    assert "pydantic" not in str(refused.value)
    assert refused.value.hint


def test_a_file_that_is_not_there_names_what_is_installed(tmp_path):
    with pytest.raises(UnknownFamily, match="No such file") as refused:
        load_family(tmp_path / "none.yaml")
    assert "CMIP6" in refused.value.hint
