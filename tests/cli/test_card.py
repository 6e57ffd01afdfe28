"""``climeri card``, and what a build says of cards."""

from __future__ import annotations

import json

import pytest

from climeri_platform.cli import front


@pytest.fixture
def run(capsys):
    def run(*words):
        code = front.run([*map(str, words)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert code != front.INTERNAL, err
        return code, out, err

    return run


def test_new_then_check(run, tmp_path):
    (tmp_path / "config.card").write_text("[UserChoices]\nJobName=J1\nLongName=One\n")
    code, out, err = run("card", "new", tmp_path)
    path = tmp_path / "simulation.yaml"
    assert (code, out) == (0, f"{path}\n")
    assert "climeri card check" in err
    code, out, err = run("card", "check", path)
    assert (code, out, err) == (0, f"{path}: One: good\n", "")
    code, out, _ = run("card", "check", path, "--json")
    assert json.loads(out)["card"]["simulation"] == "J1"
    assert run("card", "new", tmp_path)[0] == 2
    assert run("card", "new", tmp_path / "none")[0] == 2


def test_check_tells_every_wrong_line(run, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("title: x\nembargo: soon\ncontct: me\n")
    code, out, err = run("card", "check", path)
    assert code == 2
    assert [line.split(": ")[1] for line in out.splitlines()] == ["line 2", "line 3"]
    assert "2 things are wrong" in err
    code, out, _ = run("card", "check", path, "--json")
    assert [each["field"] for each in json.loads(out)["problems"]] == ["embargo", "contct"]


def test_cards_reach_the_search(run, tmp_path):
    folder = tmp_path / "T/PROD/e/J1/ATM/Output/MO"
    folder.mkdir(parents=True)
    (folder / "J1_20000101_20001231_1M_histmth.nc").write_bytes(b"x")
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "J1.yaml").write_text("simulation: J1\ntitle: One\nparameters: {tau: 0.10}\n")
    (cards / "bad.yaml").write_text("title: [\n")
    store = tmp_path / "store"
    code, out, _ = run("catalog", "add", tmp_path / "T", "--cards", cards, "--store", store)
    assert code == 0
    assert "bad.yaml: line 2: no YAML" in out
    code, out, _ = run("catalog", "search", "params.tau=0.1", "card=carded", "--store", store)
    assert (code, len(out.splitlines())) == (0, 1)
    assert "uncarded" not in out
    assert run("catalog", "add", tmp_path / "T", "--store", store)[0] == 0
    for words in ((), ("libIGCM",)):
        code, out, _ = run("catalog", "search", *words, "--store", store)
        assert (code, out.count("  uncarded")) == (0, 1)


@pytest.mark.parametrize("words", [("build", "CMIP6"), ("add",)])
def test_cards_of_a_family_that_has_none_are_not_passed_over(run, tmp_path, words):
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
    below = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
    folder = tmp_path / "CMIP6" / below
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"x")
    build = ("catalog", *words, tmp_path / "CMIP6", "--store", tmp_path / "store")
    code, _, err = run(*build, "--cards", "nope")
    assert code == 2
    assert "the family CMIP6 has no simulation cards" in err
    assert "nope" in err
    assert run(*build)[0] == 0
