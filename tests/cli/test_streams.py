"""Streams of many variables on the command line: read once, found by each, told where nobody looked."""

from __future__ import annotations

import json

import pytest

from climeri_platform.cli import front
from climeri_platform.testing import ARCHIVE_ROOTS

HELD = ["Analyse.SE.1M.histmth", "Output.MO.1M.histmth"]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run `climeri catalog ...` on stores of one's own; returns code, stdout, stderr."""
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "own"))

    def run(*words):
        code = front.run(["catalog", *map(str, words)])
        out, err = capsys.readouterr()
        assert code != front.INTERNAL, err
        return code, out, err

    return run


@pytest.fixture
def root(small_archive):
    return small_archive / ARCHIVE_ROOTS["libIGCM"]


def test_what_nobody_has_read_is_told_and_read(run, root):
    code, out, _ = run("add", root)
    assert code == 0
    assert "streams of which nobody has read what they hold (--contents does): 4" in out
    code, out, err = run("search", "libIGCM", "variable=rsdt")
    assert (code, out) == (2, "")
    assert "but 4 streams of it hold variables that nobody has read yet" in err
    for words in (["libIGCM", "variable=tas"], ["variable=tas"]):
        code, out, err = run("search", *words)
        assert (code, len(out.splitlines())) == (0, 1)
        assert "4 streams of it hold variables that nobody has read yet" in err
    code, out, _ = run("add", root, "--contents")
    assert (code, "streams opened for what they hold: 4" in out) == (0, True)
    assert "nobody has read" not in out
    for words in (["libIGCM", "variable=rsdt"], ["native_variable=SWdnTOA"]):
        code, out, err = run("search", *words)
        assert (code, "nobody has read" in err) == (0, False)
        found = [line.split()[0].split(".ATM.")[1] for line in out.splitlines()]
        assert found == HELD


def test_build_reads_them_too_and_json_says_which(run, root, tmp_path):
    store = tmp_path / "store"
    code, out, _ = run("build", "libIGCM", root, "--store", store, "--contents", "--json")
    told = json.loads(out)
    assert (code, told["opened"], told["unread"]) == (0, 4, 0)
    code, out, _ = run(
        "search", "libIGCM", "--store", store, "variable=rsdt,tas", "frequency=mon", "--json"
    )
    held = {each["stream"]: each["variables"] for each in json.loads(out)["datasets"]}
    assert held == {"histmth": ["rsdt", "tas"], None: None}
    code, out, _ = run("facets", "libIGCM", "--store", store, "frequency=mon", "--json")
    assert json.loads(out)["variable"]["rsdt"] == 1
