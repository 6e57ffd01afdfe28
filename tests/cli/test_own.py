"""``climeri catalog add`` and what follows from it, as people type it."""

from __future__ import annotations

import json

import pytest

from climeri_platform.catalog import build_catalog
from climeri_platform.cli import front

TAS = (
    "CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/v20180803/"
    "tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_185001-201412.nc"
)


def plant(top, exp):
    path = top / TAS.format(exp=exp)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    return top


@pytest.fixture
def run(capsys):
    """Run `climeri ...` in this process; returns code, stdout, stderr."""

    def run(*words):
        code = front.run([*map(str, words)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert code != front.INTERNAL, err
        return code, out, err

    return run


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own"


def test_add_says_what_it_guessed(run, own, tmp_path):
    root = plant(tmp_path / "mine", "historical")
    code, out, err = run("catalog", "add", root)
    assert code == 0
    assert err.startswith("guessed: 1 of 1 sampled files follow CMIP6")
    assert f"CMIP6: 1 data files found under {root}" in out
    assert str(own) in out
    code, out, err = run("catalog", "add", root, "--json")
    told = json.loads(out)
    assert (code, err, told["family"], told["guessed"]["CMIP6"]) == (0, "", "CMIP6", 1)
    code, out, _ = run("catalog", "add", root, "--family", "CMIP6", "--json")
    assert "guessed" not in json.loads(out)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere",), 4, "does not exist"),
        (("mine", "--family", "CMIP66"), 2, "CMIP6"),
        (("mine", "--template", "none.yaml"), 2, "No such file"),
        (("mine", "--family", "CMIP6", "--template", "x.yaml"), 2, "not both"),
        (("mine", "--family", "CORDEX"), 4, "none of the 1 NetCDF files"),
    ],
)
def test_what_cannot_be_added_is_told(run, own, words, code, said):
    plant(own.parent / "mine", "historical")
    got, out, err = run("catalog", "add", *words)
    assert (got, out) == (code, "")
    assert said in err


@pytest.fixture
def both(own, tmp_path, monkeypatch):
    """A shared store with two runs, one's own with one of them and one more."""
    shared = plant(plant(tmp_path / "bdd", "historical"), "ssp585")
    mine = plant(plant(tmp_path / "mine", "historical"), "my-run")
    build_catalog("CMIP6", shared, store=tmp_path / "shared", root_id="bdd")
    build_catalog("CMIP6", mine, store=own, root_id="mine")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "shared"))
    return own


def test_search_without_a_name_asks_every_catalog(run, both):
    code, out, err = run("catalog", "search", "variable=tas", "experiment=historical,my-run")
    assert code == 0
    one, two = out.splitlines()
    assert "historical" in one
    assert "shared:CMIP6" in one
    assert one.endswith("also at own:mine")
    assert "own:CMIP6" in two
    assert err == "2 datasets: CMIP6 2\n"
    code, out, err = run("catalog", "search", "--json")
    told = json.loads(out)
    assert (code, err, told["troubles"]) == (0, "", [])
    assert [each["label"] for each in told["catalogs"]] == ["shared", "own"]
    assert {each["experiment"]: each["store"] for each in told["datasets"]} == {
        "historical": "shared",
        "ssp585": "shared",
        "my-run": "own",
    }
    assert all(each["here"] for each in told["datasets"])
    (path,) = told["datasets"][-1]["paths"]
    assert path.endswith("my-run_r1i1p1f1_gr_185001-201412.nc")
    code, out, _ = run("catalog", "facets", "variable=tas", "--json")
    assert json.loads(out)["catalog"] == {"CMIP6": 3}
    code, out, _ = run("catalog", "facets")
    assert "experiment: historical (1), my-run (1), ssp585 (1)" in out


def test_a_store_that_does_not_answer_is_told_on_stderr(run, both):
    (both / "store.json").write_text('{"format": 99, "min_reader": 99, "written_by": "later"}')
    for more in ((), ("--json",)):
        code, out, err = run("catalog", "search", "experiment=ssp585", *more)
        assert code == 0
        assert "ssp585" in out
        assert f"does not answer: the store {both} has format 99" in err
    code, out, err = run("catalog", "search", "experiment=my-run")
    assert (code, out) == (2, "")
    assert "no dataset of CMIP6 has experiment='my-run'" in err


def test_nothing_anywhere_is_told(run, both, tmp_path, monkeypatch):
    code, out, err = run("catalog", "search", "experiment=ssp585", "version=v1", "--json")
    assert (code, out) == (2, "")
    for words in (("--period", "1700/1701"), ("period=1700/1701",)):
        code, out, err = run("catalog", "search", "experiment=ssp585", *words)
        assert (code, out) == (3, "")
        assert "without period=1700/1701 there is 1 dataset" in err
    monkeypatch.delenv("CLIMERI_STORE")
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "none"))
    code, out, err = run("catalog", "search")
    assert (code, out) == (5, "")


def test_a_name_is_looked_for_in_every_store(run, both, tmp_path, monkeypatch):
    code, out, _ = run("catalog", "search", "own:CMIP6")
    assert (code, len(out.splitlines())) == (0, 2)
    monkeypatch.delenv("CLIMERI_STORE")
    code, out, _ = run("catalog", "search", "CMIP6", "experiment=my-run")
    assert (code, len(out.splitlines())) == (0, 1)


def test_list_shows_every_store(run, both, tmp_path):
    code, out, err = run("catalog", "list")
    assert (code, err) == (0, "")
    assert [line.split()[3] for line in out.splitlines() if line.startswith("snapshot")] == [
        str(tmp_path / "shared"),
        str(both),
    ]
    code, out, _ = run("catalog", "list", "--json")
    assert [each["roots"][0]["root_id"] for each in json.loads(out)] == ["bdd", "mine"]
    (both / "CURRENT").write_text("x")
    code, out, err = run("catalog", "list")
    assert (code, out.count("snapshot")) == (0, 1)
    assert "does not answer" in err
    (tmp_path / "shared" / "CURRENT").write_text("x")
    code, out, err = run("catalog", "list")
    assert (code, out) == (5, "")
