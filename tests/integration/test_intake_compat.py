"""The export in other versions of intake-esm, each in a small environment of its own.

The environments are built from pinned packages and kept in the cache folder; `make clean` removes
them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import netCDF4
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.catalog import build_catalog

pytestmark = pytest.mark.environments

CHECKOUT = Path(__file__).resolve().parents[2]
LOCKS = CHECKOUT / "deploy" / "environments"
CACHE = Path(os.environ.get("CLIMERI_TEST_CACHE") or CHECKOUT / ".cache")
PROBE = Path(__file__).with_name("intake_probe.py")
BUDGET = 30  # seconds to build one, from nothing

# lock, the description that it reads, whether that is csv, the version it calls itself
ENVIRONMENTS = [
    ("intake-esm-2025.2.3", "CMIP6-csv.json", True),
    ("intake-esm-2025.12.12", "CMIP6.json", False),
    ("intake-esm-2025.12.12", "CMIP6-csv.json", False),
    ("intake-esm-access-2026.4.15", "CMIP6.json", False),
]
QUERIES = [
    {"experiment_id": "historical"},
    {"experiment_id": ["historical", "ssp585"], "variable_id": "pr"},
    {"version": "v1"},
    {"source_id": "IPSL-CM6A-LR", "variable_id": ["tas", "pr"], "version": "v2"},
    {"experiment_id": "ssp585", "variable_id": "pr"},
]


def clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


def environment(lock: str, say) -> Path:
    """Return the Python of an environment, built if its pins are new."""
    pins = LOCKS / f"{lock}.lock"
    stamp = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    folder = CACHE / f"environment-{lock}"
    done = folder / "climeri-pins"
    python = folder / "bin" / "python"
    if done.is_file() and done.read_text() == stamp and os.access(python, os.X_OK):
        return python
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, folder],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", pins],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=clean())
        assert ran.returncode == 0, ran.stderr[-2000:]
    done.write_text(stamp)
    say(f"{lock}: built in {time.monotonic() - began:.0f} s, of {BUDGET} at most")
    return python


def monthly(root: Path, variable: str, exp: str, version: str, year: int, level: float) -> None:
    """One year of monthly means, as CMIP6 lays it out."""
    activity = "CMIP" if exp == "historical" else "ScenarioMIP"
    path = root / (
        f"{activity}/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/{variable}/gr/{version}/"
        f"{variable}_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_{year}01-{year}12.nc"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 2000-01-01", "calendar": "365_day"})
        axis[:] = 365 * (year - 2000) + 15.5 + 30.4 * np.arange(12)
        file.createVariable(variable, "f4", ("time",))[:] = level


class Case(NamedTuple):
    """What a version answered, and the store that it was asked about."""

    store: Path
    csv: bool
    answers: dict


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two variables, two experiments, two versions and a second replica."""
    top = tmp_path_factory.mktemp("compat")
    for root in ("here", "twin"):
        for variable, level in (("tas", 280.0), ("pr", 1.0)):
            monthly(top / root / "CMIP6", variable, "historical", "v2", 2000, level + 10)
            monthly(top / root / "CMIP6", variable, "historical", "v2", 2001, level + 10)
    monthly(top / "here" / "CMIP6", "tas", "historical", "v1", 2000, 280.0)
    monthly(top / "here" / "CMIP6", "tas", "ssp585", "v1", 2015, 300.0)
    for root in ("here", "twin"):
        build_catalog("CMIP6", top / root / "CMIP6", store=top / "store", root_id=root)
    obs = top / "obs/NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"
    obs.parent.mkdir(parents=True)
    obs.write_bytes(b"x")
    build_catalog("obs4MIPs", top / "obs", store=top / "store")
    return top / "store"


@pytest.fixture(scope="module", params=ENVIRONMENTS, ids=lambda each: " ".join(each[:2]))
def case(request, store):
    lock, name, csv = request.param
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    python = environment(lock, lambda line: reporter.write_line(f"\n{line}"))
    questions = {
        "export": str(store / "export" / "local"),
        "name": name,
        "csv": csv,
        "queries": QUERIES,
        "open": {"experiment_id": "historical", "variable_id": "tas", "version": "v2"},
        "variable": "tas",
    }
    ran = subprocess.run(
        [python, PROBE, json.dumps(questions)],
        capture_output=True,
        text=True,
        check=False,
        env=clean(),
    )
    assert ran.returncode == 0, f"exit code {ran.returncode}: {ran.stderr[-3000:]}"
    answers = json.loads(ran.stdout.splitlines()[-1])
    pinned = re.search(r"(20\d\d\.\d+\.\d+)$", lock)[1]
    assert answers["version"].lstrip("v").startswith(pinned), "another version was installed"
    return Case(store, csv, answers)


def test_it_holds_the_rows_that_we_open(case):
    every = open_catalog("CMIP6", store=case.store).search(version="all")
    held = [path for paths in case.answers["groups"].values() for path in paths]
    assert sorted(held) == sorted(every.paths())
    # the twin's four files are the same data, and stand once
    assert case.answers["rows"] == len(held) == 6
    assert not any("/twin/" in path for path in held)


def test_its_keys_are_ours_with_the_version_and_mix_none(case):
    ours = {}
    for dataset, version in (
        open_catalog("CMIP6", store=case.store)
        .search(version="all")
        .datasets.select("dataset", "version")
        .unique()
        .rows()
    ):
        # theirs join variables
        parts = dataset.split(".")
        key = ".".join([*parts[:6], *parts[7:], version])
        ours.setdefault(key, set()).add(dataset)
    assert set(case.answers["groups"]) == set(ours)
    for key, paths in case.answers["groups"].items():
        assert {path.split("/")[-2] for path in paths} == {key.rsplit(".", 1)[1]}


def test_it_finds_what_we_find(case):
    catalog = open_catalog("CMIP6", store=case.store).search(version="all")
    for query, theirs in zip(QUERIES, case.answers["found"], strict=True):
        found = catalog.search(**query)
        assert theirs == (sorted(found.paths()) if len(found) else []), query
    assert [len(each) for each in case.answers["found"]] == [5, 2, 2, 4, 0]


def test_it_opens_one_version_lazily(case):
    assert case.answers["lazy"]
    assert case.answers["times"] == 24
    assert case.answers["mean"] == 290


def test_the_master_lists_every_catalog(case):
    names = ["CMIP6", "CMIP6-csv", "obs4MIPs", "obs4MIPs-csv"]
    assert case.answers["master"] == names
    listed = [name for name in names if name.endswith("-csv") == case.csv]
    rows = dict(zip(listed, (6, 1), strict=True))
    assert case.answers["sources"] == {name: ["esm_datastore", n] for name, n in rows.items()}
