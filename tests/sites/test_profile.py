"""Site profiles: data, checked when read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from climeri_platform.core.errors import UnknownSite
from climeri_platform.core.resources import data_path
from climeri_platform.sites import Site, load_site, profile, site_names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(profile, "data_path", lambda _: tmp_path)
    profile._read.cache_clear()
    yield tmp_path
    profile._read.cache_clear()


def test_every_profile_that_is_shipped_is_valid_and_names_itself():
    names = site_names()
    assert "local" in names
    for name in names:
        assert load_site(name).site == name
        assert load_site(name).title
        assert (data_path("sites") / f"{name}.yaml").is_file()


def test_the_setting_chooses(monkeypatch):
    assert load_site().site == "local"
    monkeypatch.setenv("CLIMERI_SITE", "locale")
    with pytest.raises(UnknownSite) as refused:
        load_site()
    assert refused.value.hint == "Did you mean local?"


@pytest.mark.parametrize("name", ["", "../local", "local.yaml", "/etc/passwd", "LOCAL "])
def test_a_name_is_never_a_path(name):
    with pytest.raises(UnknownSite):
        load_site(name)


@pytest.mark.parametrize(
    "content",
    [
        b"site: x\n",
        b"site: x\ntitle: X\nunknown: 1\n",
        b"site: x\ntitle: X\nmounts: [a]\n",
        b"[",
        b"",
        b"\xff\xfe",
    ],
)
def test_a_wrong_profile_is_named(folder, content):
    (folder / "x.yaml").write_bytes(content)
    with pytest.raises(UnknownSite, match=r"x\.yaml is not valid"):
        load_site("x")


def test_mounts_are_kept(folder):
    (folder / "x.yaml").write_text("site: x\ntitle: X\nmounts: {CMIP6-bdd: /bdd/CMIP6}\n")
    assert load_site("x").mounts == {"CMIP6-bdd": "/bdd/CMIP6"}


def test_a_site_never_changes():
    site = Site(site="x", title="X")
    with pytest.raises(ValidationError):
        site.title = "Y"
