"""Catalogs need the base packages only: an admin's node has no numpy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

NAME = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
FOLDER = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
AWAY = {
    *("cftime", "cf_units", "dask", "distributed", "fsspec", "h5netcdf", "h5py", "isal", "jinja2"),
    *("netCDF4", "numcodecs", "numpy", "prometheus_client", "psutil", "xarray", "zarr"),
}
# every Python that is started reads this first
BARE = f"""
import sys

class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {AWAY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Away())
"""


@pytest.fixture
def climeri(tmp_path):
    """Run the command line where nothing is installed that an extra brings."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/sitecustomize.py").write_text(BARE)

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from climeri_platform.cli import main; main()",
                *map(str, command),
            ],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(tmp_path / "bare")},
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("line", "away", "extra"),
    [
        ("from climeri_platform.access import open_file", AWAY, "access"),
        ("from climeri_platform.access import open_file", {"isal"}, "access"),
        ("from climeri_platform.compute import machine_limits as m; m()", AWAY, "compute"),
        (
            "from climeri_platform.compute import machine_limits as m; m()",
            {"distributed"},
            "compute",
        ),
        (
            "import dask.array as da, climeri_platform as cp; cp.progress(da.ones(3))",
            {"distributed"},
            "compute",
        ),
    ],
)
def test_a_door_whose_packages_are_missing_says_which_extra(line, away, extra, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BARE.replace(str(AWAY), str(away)))
    done = subprocess.run(
        [sys.executable, "-c", line],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert "MissingExtra: " in done.stderr
    assert f"climeri-platform[{extra}]" in done.stderr


@pytest.fixture
def archive(tmp_path):
    place = tmp_path / "archive" / FOLDER
    place.mkdir(parents=True)
    (place / NAME).write_bytes(b"\x89HDF\r\n\x1a\n")
    return tmp_path / "archive"


def test_a_catalog_is_built_refreshed_and_searched_without_the_extras(climeri, archive, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    root = {"root": "archive", "path": str(archive), "family": "CMIP6"}
    (sources / "all.yaml").write_text(yaml.safe_dump({"sources": [root]}))
    built, night = tmp_path / "built", tmp_path / "night"
    climeri("catalog", "build", "CMIP6", archive, "--store", built)
    climeri("catalog", "refresh", "--site", "local", "--store", night, "--sources", sources)
    for store in (built, night):
        found = climeri("catalog", "search", "CMIP6", "variable=tas", "--store", store, "--json")
        (dataset,) = json.loads(found)["datasets"]
        assert dataset["paths"] == [str(archive / FOLDER / NAME)]
