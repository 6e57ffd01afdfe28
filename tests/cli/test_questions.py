"""Questions on the command line: the same as in Python, with ``--json``."""

from __future__ import annotations

import json
import re

import pytest

from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.cli import front
from climeri_platform.cli.catalog import parse_facets
from climeri_platform.core.errors import UsageError

PATH = (
    "CMIP/IPSL/{model}/{exp}/r1i1p1f1/Amon/{variable}/gr/v1/"
    "{variable}_Amon_{model}_{exp}_r1i1p1f1_gr_{span}.nc"
)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "CMIP6"
    for model, exp, variable, span in [
        ("IPSL-CM6A-LR", "historical", "tas", "185001-189912"),
        ("IPSL-CM6A-LR", "historical", "tas", "195001-201412"),
        ("IPSL-CM6A-LR", "ssp585", "tas", "201501-210012"),
        ("IPSL-CM6A-LR", "ssp126", "tas", "201501-210012"),
        ("IPSL-CM5A2-INCA", "historical", "tas", "185001-201412"),
        ("IPSL-CM5A2-INCA", "historical", "tasmax", "185001-201412"),
    ]:
        path = root / PATH.format(model=model, exp=exp, variable=variable, span=span)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


@pytest.fixture
def run(capsys, root, tmp_path):
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="main")

    def run(command, *words):
        code = front.run(["catalog", command, *map(str, words), "--store", str(tmp_path / "store")])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["experiment=ssp*"], 2),
        (["experiment=ssp?85,historical"], 4),
        (["variable=~^tas$"], 4),
        (["variable=~^t.{2,2}$", "model=*6A*"], 3),
        (["--period", "1900/1940"], 2),
        (["--covers", "1850/2014"], 2),
        (["experiment=historical,ssp585", "--require-all-on", "model"], 2),
        (["experiment=historical", "variable=tas,tasmax", "--require-all-on", "model,member"], 2),
    ],
)
def test_search(run, words, count):
    code, out, err = run("search", "CMIP6", *words, "--json")
    assert (code, err) == (0, "")
    assert len(json.loads(out)["datasets"]) == count
    code, out, err = run("search", "CMIP6", *words)
    assert len(out.splitlines()) == count


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["experiment=rcp*"], 2, "'rcp*'"),
        (["experiment=rcp85"], 2, "In CMIP6 that is ssp585."),
        (["ensemble=r1i1p1"], 2, "In CMIP6 that is r1i1p1f1."),
        (["variable=~("], 2, "~( is no regular expression"),
        (["--period", "yesterday"], 2, "no period"),
        (["--require-all-on", "modle"], 2, "Did you mean model"),
        (["self=1"], 2, "no facet 'self'"),
        (["require_all_on=modle"], 2, "Did you mean model"),
        (["period=yesterday"], 2, "no period"),
        (["covers=~x"], 2, "no period"),
        (["--snapshot", "20200101T000000Z"], 5, "keeps no snapshot"),
        (["experiment=ssp585", "--period", "1900"], 3, "without period=1900 there is 1 dataset"),
        (["experiment=ssp126,historical", "variable=tas,tasmax", "--require-all-on", "model"], 3, "source_id"),
    ],
)  # fmt: skip
def test_wrong_and_empty_questions(run, words, code, said):
    for command in ("search", "facets", "cost", "coverage"):
        got, out, err = run(command, "CMIP6", *words, "--json")
        assert (got, out) == (code, ""), err
        assert said in err


def test_an_older_snapshot(run, root, tmp_path):
    first = open_snapshot(tmp_path / "store").name
    more = root / PATH.format(model="X", exp="amip", variable="tas", span="197901-201412")
    more.parent.mkdir(parents=True)
    more.touch()
    more.write_bytes(b"x")
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="main")
    assert len(run("search", "CMIP6")[1].splitlines()) == 6
    assert len(run("search", "CMIP6", "--snapshot", first)[1].splitlines()) == 5


def test_coverage(run, tmp_path):
    code, out, err = run("coverage", "CMIP6", "--picture", tmp_path / "matrix.svg")
    assert (code, err) == (0, "")
    assert "holes: 189912-195001" in out
    assert "IPSL-CM6A-LR     historical Amon tas" in out
    assert (tmp_path / "matrix.svg").read_text().startswith("<?xml")
    code, out, _ = run("coverage", "CMIP6", "model=*INCA", "--json")
    assert [row["years"] for row in json.loads(out)] == [165, 165]
    code, out, err = run("coverage", "CMIP6", "--picture", tmp_path / "matrix.xyz")
    assert (code, out) == (2, "")
    assert "matrix.xyz cannot be written" in err


def test_complete(run):
    wanted = ("--experiments", "historical,ssp585", "--variables", "tas")
    code, out, err = run("complete", "CMIP6", *wanted)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "IPSL-CM5A2-INCA: no: ssp585: no tas",
        "IPSL-CM6A-LR: 1 members",
    ]
    code, out, _ = run("complete", "CMIP6", *wanted, "--members", 2, "--json")
    assert code == 3
    assert [row["complete"] for row in json.loads(out)] == [False, False]
    assert run("complete", "CMIP6", *wanted, "--members", 0)[0] == 2
    assert run("complete", "CMIP6")[0] == 2


def test_lineage(run):
    asked = ("lineage", "CMIP6", "variable=tas", "--of", "history", "--experiment", "ssp585")
    key = "CMIP.IPSL.IPSL-CM6A-LR.{}.r1i1p1f1.Amon.tas.gr"
    code, out, err = run(*asked, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {"dataset": key.format("ssp585"), "partner": key.format("historical"), "reason": None}
    ]
    code, out, err = run(*asked)
    assert out.split() == [key.format("ssp585"), key.format("historical")]
    assert "1 pair, 0 datasets without" in err
    code, out, err = run("lineage", "CMIP6", "--of", "control", "--experiment", "ssp126", "--json")
    assert code == 0
    pairs = {row["dataset"]: row["partner"] for row in json.loads(out)}
    assert pairs[key.format("ssp585")] == key.format("ssp126")
    for words, code, said in (
        (["--of", "history"], 2, "wants a scenario"),
        (["--of", "driving-gcm", "--experiment", "ssp585"], 2, "takes no --experiment"),
        (["--of", "driving-gcm"], 2, "no driving models"),
        (["--of", "parent"], 2, "--of"),
        (["--of", "control", "--experiment", "pi*"], 2, "'pi*'"),
    ):
        got, out, err = run("lineage", "CMIP6", *words)
        assert (got, out) == (code, ""), err
        assert said in err


def test_one_member_per_model(run, root, tmp_path):
    path = root / PATH.format(
        model="IPSL-CM6A-LR", exp="historical", variable="tas", span="185001-201412"
    ).replace("r1i1p1f1", "r2i1p1f1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="main")
    words = ("variable=tas", "experiment=historical", "--json")
    assert len(json.loads(run("search", "CMIP6", *words)[1])["datasets"]) == 3
    code, out, _ = run("search", "CMIP6", *words, "--one-member-per-model")
    members = [each["member_id"] for each in json.loads(out)["datasets"]]
    assert (code, members) == (0, ["r1i1p1f1", "r1i1p1f1"])
    assert run("search", "--one-member-per-model", *words)[0] == 2


def test_cost(run):
    code, out, err = run("cost", "CMIP6", "model=IPSL-CM6A-LR")
    assert code == 0
    assert out.startswith("3 datasets, 4 files, 4 B on disk")
    assert "twice the bytes" in err
    code, out, err = run("cost", "CMIP6", "--json")
    assert (json.loads(out)["files"], err) == (6, "")


def test_freeze_and_thaw(run, root, tmp_path):
    paper = tmp_path / "paper.json"
    code, out, err = run("freeze", "CMIP6", "experiment=ssp*", "--to", paper)
    assert (code, err) == (0, "")
    assert out == f"{paper}: 2 datasets, 2 files\n"
    assert json.loads(run("freeze", "CMIP6", "--to", paper, "--json")[1])["datasets"] == 5
    code, out, _ = run("thaw", paper)
    assert (code, out) == (0, "5 datasets: nothing changed\n")
    next(root.rglob("*ssp585*.nc")).unlink()
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="main", accept_loss=True)
    code, out, err = run("thaw", paper, "--json")
    assert code == 6
    assert len(json.loads(out)["changes"]["gone"]) == 1
    assert "1 file gone and " in err


def test_words_may_be_expressions():
    assert parse_facets(("a=~x{1,2}", "a=y,z")) == {"a": [re.compile("x{1,2}"), "y", "z"]}
    with pytest.raises(UsageError):
        parse_facets(("a=~[",))


@pytest.mark.parametrize(
    "words",
    [
        ["--period", "1900/1940"],
        ["--covers", "1850/2014"],
        ["experiment=historical,ssp585", "--require-all-on", "model"],
        ["--one-member-per-model"],
    ],
)
def test_a_damaged_table_is_told_by_every_question(run, tmp_path, words):
    folder = open_snapshot(tmp_path / "store").folder / "CMIP6"
    for table in ("files", "datasets"):
        path = folder / f"{table}.parquet"
        whole = path.read_bytes()
        # the footer is there, and what it leads to is not
        path.write_bytes(b"PAR1" + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    code, out, err = run("search", "CMIP6", *words)
    assert (code, out) == (5, "")
    assert "cannot be read" in err
    assert "climeri catalog build CMIP6" in err
