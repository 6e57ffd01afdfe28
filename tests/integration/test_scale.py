"""A million rows: published, opened in a new process, searched; beside intake-esm on the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from climeri_platform.testing.scale import FILES_OF_A_DATASET as FILES
from climeri_platform.testing.scale import scale_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.scale

ROWS = 1_000_000
OURS = """
import json, sys, time
began = time.perf_counter()
import climeri_platform
found = climeri_platform.open_catalog("CMIP6", store=sys.argv[1]).search(
    source_id="MODEL-07", experiment_id=["historical", "ssp585"], variable_id=["tas", "pr"])
count, files = len(found), len(found.paths())
first = time.perf_counter() - began
began = time.perf_counter()
found._repr_html_()
html = time.perf_counter() - began
status = open("/proc/self/status").read()  # ru_maxrss would be the parent's, kept over exec
rss = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"first": first, "html": html, "rss": rss, "datasets": count, "files": files}))
"""
THEIRS = """
import json, sys, time
began = time.perf_counter()
import intake
found = intake.open_esm_datastore(sys.argv[1] + "/export/local/CMIP6.json").search(
    source_id="MODEL-07", experiment_id=["historical", "ssp585"], variable_id=["tas", "pr"])
files = len(found.df)
first = time.perf_counter() - began
status = open("/proc/self/status").read()  # ru_maxrss would be the parent's, kept over exec
rss = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"first": first, "rss": rss, "files": files}))
"""


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scale_store(tmp_path_factory.mktemp("scale") / "store", ROWS)


def measure(script: str, store: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", script, str(store)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_first_result_of_a_million_rows(million, record_property):
    ours, theirs = measure(OURS, million), measure(THEIRS, million)
    record_property("ours", ours)
    record_property("intake-esm", theirs)
    assert ours["datasets"] == 2 * 2 * 25
    assert ours["files"] == theirs["files"] == 2 * 2 * 25 * FILES
    assert ours["first"] < theirs["first"]
    assert ours["rss"] < theirs["rss"] / 2
    assert ours["html"] < 0.5
