"""What the catalog knows against files is told when they are opened."""

from __future__ import annotations

import shutil

import pytest
import yaml

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog.refresh import refresh


@pytest.fixture
def night(real_data, tmp_path):
    tree = real_data / "mini-esgf/test_data/badc/cmip6/data/CMIP6/ScenarioMIP/IPSL"
    shutil.copytree(tree, tmp_path / "root/CMIP6/ScenarioMIP/IPSL")
    (tmp_path / "sources").mkdir()

    def night(**more):
        source = {"root": "r", "path": str(tmp_path / "root"), "family": "CMIP6", **more}
        (tmp_path / "sources/r.yaml").write_text(yaml.safe_dump({"sources": [source]}))
        report = refresh("local", store=tmp_path / "store", sources=tmp_path / "sources")
        return report, open_catalog("CMIP6", store=tmp_path / "store")

    return night


def notes(opened):
    return [each.cause for each in opened.report.having("noted")]


def test_stale_and_retracted_files_are_told(night, tmp_path):
    _, catalog = night()
    assert not any("retracted" in each or "last seen" in each for each in notes(catalog.open()))
    listed = tmp_path / "retracted.txt"
    listed.write_text("\n".join(catalog.keys))
    _, catalog = night(retracted=str(listed))
    with pytest.warns(IncompleteDataWarning):
        told = notes(catalog.open())
    assert any(each.startswith("retracted: its publisher took v") for each in told)
    listed.unlink()
    report, catalog = night(retracted=str(listed))
    stale = report.roots[0].stale
    # the mark of the last list stays, as the rows do
    with pytest.warns(IncompleteDataWarning):
        told = notes(catalog.open())
    assert any(f"were last seen before {stale}" in each for each in told)
