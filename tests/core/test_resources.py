"""The data files are found, in the checkout and in a wheel's layout."""

from __future__ import annotations

import pytest

from climeri_platform.core import resources
from climeri_platform.core.errors import ClimeriError
from climeri_platform.core.resources import data_path


@pytest.mark.parametrize("name", ["catalogs", "hub", "notebooks", "sites"])
def test_each_folder_is_found(name):
    assert data_path(name).is_dir()


def test_families_and_sites_hold_data_only():
    for name in ("catalogs", "sites"):
        assert not list(data_path(name).rglob("*.py"))


def test_an_installed_package_has_its_own_copy_first(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "climeri_platform"
    (package / "core").mkdir(parents=True)
    monkeypatch.setattr(resources, "__file__", str(package / "core" / "resources.py"))
    with pytest.raises(ClimeriError, match="catalogs") as refused:
        data_path("catalogs")
    assert "install" in refused.value.hint
    (package / "_data" / "catalogs").mkdir(parents=True)
    assert data_path("catalogs") == package / "_data" / "catalogs"
