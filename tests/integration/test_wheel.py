"""The built wheel, outside the checkout, with nothing but the packages that it asks for itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_185001-201412.nc"
FOLDER = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"


def run(*command: str | Path, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "-o",
        folder,
        CHECKOUT,
        cwd=folder,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel and its own requirements only."""
    folder = tmp_path_factory.mktemp("elsewhere")
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        folder / "venv" / "bin" / "python",
        wheel,
        cwd=folder,
    )
    return folder


def test_the_wheel_carries_the_data_of_the_repository(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for tree, inside in (
        ("catalogs", "catalogs"),
        ("notebooks", "notebooks"),
        ("deploy/sites", "sites"),
        ("deploy/hub", "hub"),
    ):
        for path in (CHECKOUT / tree).rglob("*"):
            if path.is_file() and ".ipynb_checkpoints" not in path.parts:
                assert (
                    f"climeri_platform/_data/{inside}/{path.relative_to(CHECKOUT / tree)}" in names
                )
    assert "climeri_platform/py.typed" in names
    assert "climeri_platform/catalog/night.html.jinja" in names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_catalogs_work_with_the_base_packages_only(elsewhere):
    climeri = elsewhere / "venv" / "bin" / "climeri"
    place = elsewhere / "archive" / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    (place / FILE).write_bytes(b"\x89HDF\r\n\x1a\n")
    run(climeri, "--help", cwd=elsewhere)
    run(
        climeri,
        "catalog",
        "build",
        "CMIP6",
        elsewhere / "archive",
        "--store",
        "store",
        cwd=elsewhere,
    )
    done = run(
        climeri,
        "catalog",
        "search",
        "CMIP6",
        "variable=tas",
        "--store",
        "store",
        "--json",
        cwd=elsewhere,
    )
    (dataset,) = json.loads(done.stdout)["datasets"]
    assert dataset["paths"] == [str(place / FILE)]


def test_a_room_whose_packages_are_missing_says_which_extra(elsewhere):
    script = """if True:
        import climeri_platform as cp
        from climeri_platform.core.resources import data_path
        assert data_path("sites").parent.name == "_data"
        try:
            cp.open_catalog("CMIP6", store="store").open()
        except cp.ClimeriError as problem:
            print(type(problem).__name__, problem)
        """
    test_catalogs_work_with_the_base_packages_only(elsewhere)
    done = run(elsewhere / "venv" / "bin" / "python", "-c", script, cwd=elsewhere)
    assert "MissingExtra" in done.stdout
    assert "climeri-platform[access]" in done.stdout


@pytest.mark.parametrize(
    ("name", "extra"), [("cluster()", "compute"), ("progress(1)", "compute")], ids=lambda each: each
)
def test_each_lazy_door_says_its_extra(name, extra, elsewhere):
    script = f"import climeri_platform as cp\ntry:\n    cp.{name}\nexcept cp.ClimeriError as e:\n    print(e)"
    done = run(elsewhere / "venv" / "bin" / "python", "-c", script, cwd=elsewhere)
    assert f"climeri-platform[{extra}]" in done.stdout


def test_the_demo_and_the_hub_say_their_extra(elsewhere):
    climeri = elsewhere / "venv" / "bin" / "climeri"
    done = run(climeri, "hub", "up", "--state", "state", "--store", "store", cwd=elsewhere, code=10)
    assert "climeri-platform[hub]" in done.stderr
    done = run(climeri, "demo", "--archive-only", "archive-demo", cwd=elsewhere, code=10)
    assert "climeri-platform[" in done.stderr
