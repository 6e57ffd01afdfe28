"""``climeri catalog``: right answers on stdout, wrong questions told on stderr."""

from __future__ import annotations

import json
import os

import pytest

from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.cli import front
from climeri_platform.cli.catalog import parse_facets, size_of
from climeri_platform.core.errors import UsageError

TAS = (
    "CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/v20180803/"
    "tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_185001-201412.nc"
)


@pytest.fixture
def root(tmp_path):
    top = tmp_path / "archive" / "CMIP6"
    for exp in ("historical", "ssp585"):
        path = top / TAS.format(exp=exp)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    (top / "stray.nc").write_bytes(b"x")
    (top / os.fsdecode(b"caf\xe9.nc")).symlink_to("nowhere")
    return top


@pytest.fixture
def store(root, tmp_path):
    build_catalog("CMIP6", root, store=tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def run(capsys):
    """Run `climeri catalog ...` in this process; returns code, stdout, stderr."""

    def run(*words):
        code = front.run(["catalog", *map(str, words)])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert code != front.INTERNAL, err
        return code, out, err

    return run


def test_build_and_list(run, root, tmp_path):
    code, out, err = run("build", "CMIP6", root, "--store", tmp_path / "s", "--root-id", "here")
    assert (code, err) == (0, "")
    assert "3 data files found" in out
    assert "2 catalogued (2 datasets, 2 B), 1 rejected" in out
    assert "rejected, directory: 1" in out
    assert "caf\\xe9.nc: dangling link" in out
    code, out, err = run("list", "--store", tmp_path / "s")
    assert (code, err) == (0, "")
    assert "CMIP6" in out
    assert "here" in out
    code, out, _ = run("list", "--store", tmp_path / "s", "--json")
    assert json.loads(out)["roots"][0]["mount"] == str(root)
    code, out, err = run(
        "build", "CMIP6", root, "--store", tmp_path / "s", "--root-id", "here", "--json"
    )
    assert json.loads(out)["catalogued"] == 2


def test_search(run, store, root):
    code, out, err = run("search", "CMIP6", "experiment=historical", "--store", store)
    assert code == 0
    (line,) = out.splitlines()
    assert line.startswith("CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr")
    assert "185001-201412" in line
    assert err.startswith("1 dataset, snapshot ")
    code, out, err = run(
        "search", "CMIP6", "experiment=historical,ssp585", "--store", store, "--json"
    )
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["snapshot"] == open_snapshot(store).name
    paths = [path for each in found["datasets"] for path in each["paths"]]
    assert paths == [f"{root}/{TAS.format(exp=exp)}" for exp in ("historical", "ssp585")]


def test_facets_and_rejected(run, store):
    code, out, err = run("facets", "CMIP6", "--store", store)
    assert (code, err) == (0, "")
    assert "experiment_id: historical (1), ssp585 (1)" in out
    code, out, _ = run("facets", "CMIP6", "--store", store, "--json")
    assert json.loads(out)["frequency"] == {"mon": 2}
    code, out, err = run("rejected", "CMIP6", "--store", store)
    assert "stray.nc: " in out
    assert err == "1 file rejected\n"
    code, out, err = run("rejected", "CMIP6", "--store", store, "--json")
    assert json.loads(out)[0]["code"] == "directory"
    assert err == ""


def wrong_root(kind, tmp_path, monkeypatch):
    path = tmp_path / "root"
    if kind == "empty":
        path.mkdir()
    if kind == "file":
        path.touch()
    if kind == "unreadable":
        path.mkdir()
        real = os.scandir

        def refuse(place):
            if os.fspath(place) == str(path):
                raise PermissionError(13, "Permission denied")
            return real(place)

        monkeypatch.setattr(os, "scandir", refuse)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "does not exist"),
        ("empty", "it is empty"),
        ("file", "is a file"),
        ("unreadable", "cannot be read: Permission denied"),
    ],
)
def test_a_root_that_is_none(run, kind, said, tmp_path, monkeypatch):
    path = wrong_root(kind, tmp_path, monkeypatch)
    for more in ((), ("--json",)):
        code, out, err = run("build", "CMIP6", path, "--store", tmp_path / "store", *more)
        assert code == 4
        assert out == ""
        assert said in err
        assert str(path) in err
        assert len(err.splitlines()) == 2


@pytest.mark.parametrize(
    "part", ["store.json", "CURRENT", "snapshot.json", "files.parquet", "datasets.parquet"]
)
def test_a_half_written_store(run, store, part):
    (path,) = [p for p in store.rglob(part) if "export" not in p.parts]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, out, err = run("search", "CMIP6", "--store", store)
    assert (code, out) == (5, "")
    assert str(path) in err
    path.unlink()
    code, out, err = run("search", "CMIP6", "--store", store, "--json")
    assert (code, out) == (5, "")
    assert str(store) in err


@pytest.mark.parametrize(
    ("words", "code", "wrong", "nearest"),
    [
        (("CMIP6", "experimnt=historical"), 2, "'experimnt'", "experiment"),
        (("CMIP6", "experiment=historcal"), 2, "'historcal'", "Did you mean historical?"),
        (("CMIP6", "model=ipsl-cm6a-lr"), 2, "'ipsl-cm6a-lr'", "Did you mean IPSL-CM6A-LR?"),
        (("CMIP6", "tas"), 2, "'tas'", "variable_id=tas,pr"),
        (("CMIP6", "=tas"), 2, "'=tas'", "variable_id=tas,pr"),
        (("CMIP6", "variable="), 2, "'variable='", "variable_id=tas,pr"),
        (("CMIP6", "variable=,"), 2, "variable", ""),
        (("CMIP5",), 2, "'CMIP5'", "Did you mean CMIP6?"),
        (("CMIP6", "experiment=historical", "experiment=ssp585", "variable=tas"), 0, "", ""),
    ],
)
def test_a_facet_or_a_value_that_is_none(run, store, words, code, wrong, nearest):
    for command in ("search", "facets"):
        got, out, err = run(command, *words, "--store", store, "--json")
        assert got == code, err
        assert (out == "") == bool(code)
        assert wrong in err
        assert nearest in err


def test_an_empty_answer_is_exit_3(run, store, tmp_path):
    pr = tmp_path / "archive/CMIP6" / TAS.format(exp="piControl").replace("tas", "pr")
    pr.parent.mkdir(parents=True)
    pr.write_bytes(b"x")
    build_catalog("CMIP6", tmp_path / "archive/CMIP6", store=store)
    code, out, err = run("search", "CMIP6", "variable=pr", "experiment=ssp585", "--store", store)
    assert (code, out) == (3, "")
    assert "without variable_id=pr there is tas" in err


def test_stores_that_are_none(run, root, tmp_path, monkeypatch):
    assert run("list")[0] == 2  # nothing names it
    assert run("list", "--store", tmp_path / "none")[0] == 5
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").touch()
    for words in (("build", "CMIP6", root), ("list",)):
        code, out, err = run(*words, "--store", foreign)
        assert (code, out) == (5, "")
        assert "not a catalog store" in err
    assert list(foreign.iterdir()) == [foreign / "thesis.tex"]
    assert run("build", "CMIP66", root, "--store", tmp_path / "s")[0] == 2
    monkeypatch.setenv("CLIMERI_STORE", str(foreign))
    assert run("list")[0] == 5


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1.5e6, "1.5 MB"), (2e15, "2000.0 TB")],
)
def test_sizes(count, text):
    assert size_of(count) == text


def test_words_become_facets():
    assert parse_facets(("a=1,2", "b=3", "a=4")) == {"a": ["1", "2", "4"], "b": ["3"]}
    assert parse_facets(("a=x=y",)) == {"a": ["x=y"]}
    with pytest.raises(UsageError):
        parse_facets(("a",))
