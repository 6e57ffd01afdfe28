"""Simulation cards: what is wrong in one, and a new one from what libIGCM says."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from climeri_platform.catalog.cardfacets import number_text, spread_parameters
from climeri_platform.catalog.cards import check_card, read_card
from climeri_platform.catalog.igcm import read_run, sections_of
from climeri_platform.catalog.newcard import card_text, new_card
from climeri_platform.core.errors import UsageError

GOOD = """\
title: A run
contact: Jeanne Dupont <jeanne@example.org>
model: IPSL-CM6A-LR
resolution: {ATM: LMD144x144, OCE: eORCA1.2}
cmip: {experiment: historical, member: r1i1p1f1}
configuration: [zoomed, nudged]
parameters:
  tau: 1e-3
  entrainment: {value: 0.30, unit: m-1}
  scheme: Tiedtke
  deep: no
parent: {simulation: spinup, branch: 1850-02-30}
calendar_shift: -6050
embargo: 2027-02-28
licence:
doi: https://doi.org/10.5281/zenodo.12
"""
CONFIG = """\
# a card as people edit them
[Compatibility]
libIGCM=1.0
[UserChoices]
JobName=TR6k-Sr.01   # a comment
#-- LongName=not this one
LongName="Run d'été #1 of 50%"
TagName = IPSLCM6
SpaceName=PROD
ExperimentName='Holocene'
CalendarType=360d
DateBegin=20000101
DateEnd=7999-12-30
jobname=lower case is another key
this line says nothing
[ListOfComponents]
ATM= (lmdz, LMDZOR_v6.2)
OCE= (nemo, NEMO_v6)
OOL= (empty
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "simulation.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_good_card_says_what_it_says(written):
    card, problems = check_card(written(GOOD))
    assert problems == []
    assert card == read_card(written(GOOD))
    values = {name: each.value for name, each in card.parameters.items()}
    assert values == {"tau": "0.001", "entrainment": "0.3", "scheme": "Tiedtke", "deep": "no"}
    assert card.parameters["entrainment"].unit == "m-1"
    assert card.resolution == "ATM LMD144x144, OCE eORCA1.2"
    assert (card.doi, card.licence, card.calendar_shift) == ("10.5281/zenodo.12", None, -6050)
    assert card.parent.branch == "1850-02-30"  # a day of a 360-day calendar
    assert type(card).model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "said"),
    [
        ("title: A run", "titel: A run", 1, "titel", "Did you mean title?"),
        ("title: A run", "title:", 1, "title", "it is missing"),
        ("r1i1p1f1", "r1", 5, "cmip.member", "Such as r1i1p1f1"),
        ("nudged]", "nugded]", 6, "configuration", "Did you mean nudged?"),
        ("unit: m-1", "unti: m-1", 9, "parameters.entrainment.unti", "Did you mean unit?"),
        ("value: 0.30, ", "", 9, "parameters.entrainment.value", "it is missing"),
        ("tau: 1e-3", "tau:", 8, "parameters.tau.value", "no value"),
        ("  tau:", "  2tau:", 7, "parameters", "no name of a parameter"),
        ("simulation: spinup, ", "", 12, "parent.simulation", "it is missing"),
        ("1850-02-30", "1850-22-30", 12, "parent.branch", "A day"),
        ("-6050", "6 ka", 13, "calendar_shift", "whole number of years"),
        ("2027-02-28", "2027-02-30", 14, "embargo", "YYYY-MM-DD"),
        ("https://doi.org/10.5281/", "doi.org/", 16, "doi", "10.5281/zenodo.1234"),
        ("licence:", "model: other", 15, "model", "it is there twice"),
        ("licence:", "licence: [a, b]", 15, "licence", "One line of text"),
        ("licence:", "calendar: nolaep", 15, "calendar", "Did you mean noleap?"),
        ("licence:", "licence: a: b", 15, "", "no YAML"),
        ("licence:", "\tlicence:", 15, "", "no YAML"),
    ],
)
def test_each_wrong_field_is_told_with_its_line(written, old, new, line, field, said):
    assert old in GOOD
    card, problems = check_card(written(GOOD.replace(old, new)))
    assert card is None
    assert [(each.line, each.field) for each in problems if said in str(each)] == [(line, field)]
    with pytest.raises(UsageError, match=f"line {line}"):
        read_card(written(GOOD.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no `field: value`"),
        ("- a\n- b", "no `field: value`"),
        (b"title: caf\xe9", "not UTF-8"),
        ("title: &a x\ncontact: *a", "no aliases"),
        ("a: &a [*a]", "no aliases"),
        ("[" * 5000, "no YAML"),
        ("title: x\n" * 200_000, "too long"),
        ("title: \x00", "no YAML"),
    ],
)
def test_what_is_no_card_is_told(written, text, said):
    card, problems = check_card(written(text))
    assert card is None
    assert said in " ".join(f"{each.problem} {each.remedy}" for each in problems)


def test_a_card_that_is_not_there(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        card, (problem,) = check_card(path)
        assert card is None
        assert "cannot be read" in problem.problem


@given(st.text())
def test_no_text_is_a_traceback(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    card, problems = check_card(path)
    assert (card is None) == bool(problems)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
@example(999999999999.5)
def test_numbers_have_one_text(number):
    text = number_text(number)
    assert float(text) == pytest.approx(float(number), rel=1e-11)
    assert number_text(text) == number_text(f" {float(number)!r} ") == text


def test_parameters_become_facets():
    asked = {"params.tau": "0.10", "parameter": {"b": [1, 2.50], "c": "x"}, "variable": "0.10"}
    assert spread_parameters(asked) == {
        "params.tau": "0.1",
        "params.b": ["1", "2.5"],
        "params.c": "x",
        "variable": "0.10",
    }
    assert spread_parameters({"parameter": "tau"}) == {"parameter": "tau"}


def test_config_card_and_run_card_are_read(tmp_path):
    (tmp_path / "config.card").write_bytes(CONFIG.encode("latin-1"))
    (tmp_path / "run.card").write_text(
        "[Configuration]\nPeriodDateEnd=2150-12-30\nPeriodState= Completed\n"
    )
    run = read_run(tmp_path)
    assert run.model_dump() == {
        "job": "TR6k-Sr.01",
        "tag": "IPSLCM6",
        "space": "PROD",
        "experiment": "Holocene",
        "title": "Run d'été #1 of 50%",
        "calendar": "360_day",
        "begin": "2000-01-01",
        "end": "7999-12-30",
        "done": "2150-12-30",
        "state": "Completed",
        "components": {"ATM": "lmdz", "OCE": "nemo", "OOL": "empty"},
    }


@given(
    st.binary() | st.text().map(lambda text: ("[UserChoices]\n" + text).encode("utf-8", "replace"))
)
def test_no_config_card_is_an_error(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "odd-run"
    folder.mkdir(exist_ok=True)
    (folder / "config.card").write_bytes(content)
    read_run(folder)
    text = card_text(folder)
    (folder / "drafted.yaml").write_text(text)
    assert check_card(folder / "drafted.yaml")[1] == []


def test_a_pipe_is_no_card(tmp_path):
    for name in ("simulation.yaml", "config.card"):
        os.mkfifo(tmp_path / name)
    assert "it is no file" in check_card(tmp_path / "simulation.yaml")[1][0].problem
    assert read_run(tmp_path) is None


def test_what_is_missing_is_passed_over(tmp_path):
    assert read_run(tmp_path) is None
    (tmp_path / "config.card").mkdir()
    assert read_run(tmp_path) is None
    assert sections_of(tmp_path / "none") == {}
    (tmp_path / "run.card").write_text("[Configuration]\nPeriodDateEnd=2150-13-30\n")
    assert read_run(tmp_path).done == ""


def test_a_new_card_holds_what_the_run_says_and_is_good(tmp_path):
    (tmp_path / "config.card").write_bytes(CONFIG.encode("latin-1"))
    path = new_card(tmp_path)
    assert path == tmp_path / "simulation.yaml"
    card = read_card(path)
    assert (card.simulation, card.title) == ("TR6k-Sr.01", "Run d'été #1 of 50%")
    assert (card.configuration, card.experiment) == (["coupled"], "Holocene")
    assert card.calendar == "360_day"
    assert card.description == "2000-01-01 to 7999-12-30"
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert sorted(tmp_path.iterdir()) == [tmp_path / "config.card", path]


def test_a_card_is_never_written_over(tmp_path):
    (tmp_path / "run.card").write_text("[Configuration]\nPeriodState=OnQueue\n")
    (tmp_path / "simulation.yaml").write_text("mine")
    with pytest.raises(UsageError, match="a card already"):
        new_card(tmp_path)
    assert (tmp_path / "simulation.yaml").read_text() == "mine"
    assert {each.name for each in tmp_path.iterdir()} == {"run.card", "simulation.yaml"}
    assert read_card(new_card(tmp_path, tmp_path / "other.yaml")).title == tmp_path.name


@pytest.mark.parametrize("call", ["open", "fsync", "link"])
def test_a_disk_that_refuses_leaves_nothing(tmp_path, monkeypatch, call):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "tas.nc").touch()
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(UsageError, match="No space left") as told:
        new_card(tmp_path)
    assert "--to FILE" in told.value.hint
    assert list(tmp_path.iterdir()) == [tmp_path / "tas.nc"]


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(UsageError, match="no folder of a run"):
        new_card(tmp_path / "none")
    (tmp_path / "tas.nc").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        new_card(tmp_path, tmp_path / "none" / "card.yaml")


@pytest.mark.parametrize(
    "there", [[], ["notes.txt", "figures/tas.png"], ["1/2/3/4/5/tas.nc"], [".hidden"]]
)
def test_a_folder_that_is_no_run_gets_no_card(tmp_path, there):
    for name in there:
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).touch()
    (tmp_path / "here").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match=r"here is no run: there is no config\.card") as told:
        new_card(tmp_path / "here", tmp_path / "card.yaml")
    assert "config.card" in told.value.hint
    assert not (tmp_path / "card.yaml").exists()


@pytest.mark.parametrize(
    "name", ["tas.nc", "A/tas.nc4", "ATM/Output/MO/x.nc", "tas.zarr/.zgroup", "x_kerchunk.json"]
)
def test_a_run_without_libigcm_is_known_by_its_data(tmp_path, name):
    (tmp_path / "R1" / name).parent.mkdir(parents=True)
    (tmp_path / "R1" / name).touch()
    assert read_card(new_card(tmp_path / "R1")).simulation == "R1"


def test_a_folder_of_runs_is_no_run(tmp_path):
    for name in ("J1", "J2"):
        (tmp_path / "runs" / name / "ATM/Output").mkdir(parents=True)
        (tmp_path / "runs" / name / "config.card").write_text(f"[UserChoices]\nJobName={name}\n")
        (tmp_path / "runs" / name / "ATM/Output/x.nc").touch()
    with pytest.raises(UsageError, match="2 below it have cards of libIGCM, such as J1, J2"):
        new_card(tmp_path / "runs")
    assert read_card(new_card(tmp_path / "runs/J1")).simulation == "J1"
    # a file that lies at the level of the run goes before what stands deeper
    (tmp_path / "runs/ATM").mkdir()
    (tmp_path / "runs/x.nc").touch()
    assert read_card(new_card(tmp_path / "runs")).simulation == "runs"
