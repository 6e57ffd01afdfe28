"""Site profiles: data, checked when read; a path is a root and what is below it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from climeri_platform.core.errors import UnknownSite, UsageError
from climeri_platform.core.resources import data_path
from climeri_platform.sites import Site, load_site, read_sites, site_names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of profiles of one's own."""
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(tmp_path))
    return tmp_path


def test_every_profile_that_is_shipped_is_valid_and_names_itself():
    names = site_names()
    assert {"local", "test-centre"} <= set(names)
    for name in names:
        assert load_site(name).site == name
        assert load_site(name).title
        assert (data_path("sites") / f"{name}.yaml").is_file()
    sites, wrong = read_sites()
    assert ([each.site for each in sites], wrong) == (names, {})


def test_no_name_stands_for_two_sites():
    sites, _ = read_sites()
    words = [word for each in sites for word in (each.site, *each.aliases)]
    assert len(words) == len(set(words))


def test_the_setting_chooses(monkeypatch):
    assert load_site().site == "local"
    monkeypatch.setenv("CLIMERI_SITE", "locale")
    with pytest.raises(UnknownSite) as refused:
        load_site()
    assert refused.value.hint == "Did you mean local?"


def test_an_alias_is_a_name():
    assert load_site("testcentre") == load_site("test-centre")


@pytest.mark.parametrize(
    "name", ["", "../local", "local.yaml", "/etc/passwd", "LOCAL ", "/no/such/profile.yaml", "/"]
)
def test_what_is_neither_a_name_nor_the_path_of_a_profile_is_refused(name):
    with pytest.raises(UnknownSite):
        load_site(name)


def test_a_profile_of_ones_own_needs_no_change_of_the_package(tmp_path, monkeypatch):
    profile = tmp_path / "mysite.yaml"
    profile.write_text("site: mine\ntitle: My machine\nmounts: {CMIP6: /data/CMIP6}\n")
    assert load_site(str(profile)).mount("CMIP6") == "/data/CMIP6"
    monkeypatch.setenv("CLIMERI_SITE", str(profile))
    assert load_site().title == "My machine"
    profile.write_text("site: mine\ntitle: My machine, moved\n")
    os.utime(profile, ns=(1, 1))
    assert load_site().title == "My machine, moved"


def test_a_folder_of_ones_own_wins_over_the_package(folder):
    (folder / "local.yaml").write_text("site: local\ntitle: Ours\naliases: [here]\n")
    (folder / "lab.yaml").write_text("site: lab\ntitle: The lab\n")
    assert load_site("here").title == load_site().title == "Ours"
    assert {"lab", "local", "test-centre"} <= set(site_names())


def test_a_folder_that_is_not_there_is_told(folder, monkeypatch):
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(folder / "none"))
    with pytest.raises(UnknownSite, match="none is not there") as told:
        load_site("local")
    assert "CLIMERI_SITES_DIR" in told.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"site: x\n",
        b"site: x\ntitle: X\nunknown: 1\n",
        b"site: x\ntitle: X\nmounts: [a]\n",
        b"site: x\ntitle: X\nmounts: {a: relative/path}\n",
        b"site: x\ntitle: X\nmounts: {a: {path: /a, tpae: true}}\n",
        b"site: x\ntitle: X\nmounts: {a: {path: /a, aliases: [b]}}\n",
        b"site: x\ntitle: X\nmounts: {a: /a, b: /a/}\n",
        b"site: ../x\ntitle: X\n",
        b"site: y\ntitle: Another one\n",
        b"[",
        b"",
        b"\xff\xfe",
    ],
)
def test_a_wrong_profile_is_named_and_spoils_no_other(folder, content):
    (folder / "x.yaml").write_bytes(content)
    with pytest.raises(UnknownSite, match=r"x\.yaml is not valid") as refused:
        load_site("x")
    assert "pydantic" not in refused.value.message
    assert load_site("testcentre").site == "test-centre"
    assert list(read_sites()[1]) == ["x"]
    with pytest.raises(UnknownSite) as told:
        load_site("zzz")
    assert "Not readable: x." in told.value.hint


def test_a_mount_is_a_path_or_says_more(folder):
    (folder / "x.yaml").write_text(
        "site: x\ntitle: X\nmounts:\n  CMIP6: /bdd/CMIP6\n"
        "  runs: {path: /store, tape: true, aliases: [/old/store]}\n"
        "  far: {path: /far, reachable: false, note: by ftp}\n"
    )
    site = load_site("x")
    assert list(site.mounts) == ["CMIP6", "runs", "far"]
    assert site.resolve("CMIP6", "CMIP/a.nc") == "/bdd/CMIP6/CMIP/a.nc"
    assert site.resolve("CMIP6", "") == "/bdd/CMIP6"
    assert site.resolve("far", "a.nc") is site.resolve("unknown", "a.nc") is None
    assert [site.tape(each) for each in ("CMIP6", "runs", "unknown")] == [False, True, False]


def test_the_longest_prefix_says_where_a_path_is():
    mounts = {
        "all": "/bdd",
        "CMIP6": {"path": "/bdd/CMIP6", "aliases": ["/ccc/store/CMIP6"]},
        "top": "/",
    }
    site = Site(site="x", title="X", mounts=mounts)
    assert site.where("/bdd/CMIP6/CMIP/a.nc") == ("CMIP6", "CMIP/a.nc")
    assert site.where("/ccc/store/CMIP6/CMIP/a.nc") == ("CMIP6", "CMIP/a.nc")
    assert site.where("/bdd/CMIP6Plus/a.nc") == ("all", "CMIP6Plus/a.nc")
    assert site.where("/bdd//CMIP6/../CMIP6/") == ("CMIP6", "")
    assert site.where("//elsewhere/a.nc") == ("top", "elsewhere/a.nc")
    assert Site(site="x", title="X").where("/a") is None
    with pytest.raises(UsageError):
        site.where("bdd/CMIP6")


PARTS = st.sampled_from(["a", "b", "c", "a b", "é", "a.nc"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(
    mounts=st.dictionaries(PARTS, PATHS.map("/{}".format), min_size=1, max_size=5),
    below=PATHS,
    data=st.data(),
)
def test_what_is_resolved_is_found_again(mounts, below, data):
    if len(set(mounts.values())) < len(mounts):
        with pytest.raises(ValidationError, match="are both at"):
            Site(site="x", title="X", mounts=mounts)
        return
    site = Site(site="x", title="X", mounts=mounts)
    root = data.draw(st.sampled_from(sorted(mounts)))
    path = site.resolve(root, below)
    assert path == f"{mounts[root]}/{below}"
    again = site.where(path)
    assert site.resolve(*again) == path
    # of nested mounts the inner one is meant
    assert len(site.mount(again[0])) >= len(site.mount(root))


def test_a_variable_of_the_environment_stands_for_its_value(monkeypatch, tmp_path):
    site = load_site("test-centre")
    monkeypatch.delenv("CLIMERI_TEST_CENTRE", raising=False)
    with pytest.raises(UnknownSite, match="CLIMERI_TEST_CENTRE is not set"):
        site.mount("CMIP6-disk")
    assert site.where("/bdd/CMIP6/a.nc") is None
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", "relative")
    with pytest.raises(UnknownSite, match="not an absolute path"):
        site.mount("CMIP6-disk")
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", f"{tmp_path}/")
    assert site.mount("CMIP6-disk") == f"{tmp_path}/bdd/CMIP6"
    assert site.where(tmp_path / "hsm" / "CMIP6" / "a.nc") == ("CMIP6-tape", "a.nc")
    assert site.mount("CMIP6-archive") is None


def test_a_site_never_changes():
    site = Site(site="x", title="X")
    with pytest.raises(ValidationError):
        site.title = "Y"
