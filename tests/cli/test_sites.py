"""``climeri sites``: what people and scripts read."""

from __future__ import annotations

import json

import pytest

from climeri_platform.cli.front import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(tmp_path))
    return tmp_path


def test_the_list_marks_the_current_site_and_names_wrong_profiles(folder, capsys):
    (folder / "lab.yaml").write_text("site: lab\ntitle: The lab\naliases: [l]\n")
    (folder / "bad.yaml").write_text("site: bad\n")
    assert run(["sites", "list"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    named = [line[:2] + line[2:].split()[0] for line in lines]
    assert {"  lab", "* local", "  test-centre"} <= set(named)
    assert [each for each in named if each.startswith("*")] == ["* local"]
    assert "The lab (also l), 0 roots" in lines[0]
    assert "bad.yaml is not valid" in said.err
    assert run(["sites", "list", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert [each["site"] for each in read["sites"] if each["current"]] == ["local"]
    assert list(read["wrong"]) == ["bad"]


def test_a_site_that_was_chosen_by_its_path_is_in_the_list(tmp_path, capsys, monkeypatch):
    profile = tmp_path / "mine.yaml"
    profile.write_text("site: mine\ntitle: Mine\n")
    monkeypatch.setenv("CLIMERI_SITE", str(profile))
    assert run(["sites", "list"]) == 0
    assert "* mine " in capsys.readouterr().out


def test_one_site_is_shown_with_its_paths_here(capsys, monkeypatch):
    monkeypatch.delenv("CLIMERI_TEST_CENTRE", raising=False)
    assert run(["sites", "show", "testcentre"]) == 0
    said = capsys.readouterr().out
    assert "CLIMERI_TEST_CENTRE is not set" in said
    assert "/archive/CMIP6 is not reachable" in said
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", "/data")
    assert run(["sites", "show", "test-centre"]) == 0
    said = capsys.readouterr().out
    assert "CMIP6-disk       /data/bdd/CMIP6\n" in said
    assert "/data/store/CMIP6  (tape)" in said
    assert run(["sites", "show", "test-centre", "--json"]) == 0
    mounts = json.loads(capsys.readouterr().out)["mounts"]
    assert mounts["CMIP6-tape"]["resolved"] == "/data/store/CMIP6"
    assert mounts["CMIP6-archive"]["problem"]


def test_an_unknown_site_is_told_with_the_nearest(capsys):
    assert run(["sites", "show", "test-center"]) == 2
    assert "Did you mean test-centre" in capsys.readouterr().err
