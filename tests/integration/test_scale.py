"""A million rows: published, opened in a new process, searched; beside intake-esm on the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import polars as pl
import pytest

from climeri_platform.catalog import load_family
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.publish import prepare_store, publish, writing
from climeri_platform.catalog.tables import REJECTED, files_schema, mark_latest, sort_files

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.scale

ROWS = 1_000_000
FILES = 4  # of a dataset
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


def rows() -> pl.DataFrame:
    """A CMIP6 table: 50 models, 8 experiments, 25 members, 25 variables, 4 files each."""
    index = pl.DataFrame({"i": range(ROWS)}, schema={"i": pl.Int64})
    dataset = pl.col("i") // FILES
    part = pl.col("i") % FILES

    def pick(values: list[str], stride: int) -> pl.Expr:
        return (dataset // stride % len(values)).replace_strict(
            range(len(values)), values, return_dtype=pl.String
        )

    variables = ["tas", "pr", "psl", *[f"var{n}" for n in range(22)]]
    experiments = [
        "historical",
        "ssp126",
        "ssp585",
        "piControl",
        "abrupt-4xCO2",
        "1pctCO2",
        "amip",
        "ssp245",
    ]
    start = 1850 + part * 40
    table = index.with_columns(
        variable_id=pick(variables, 1),
        member_id=pick([f"r{n}i1p1f1" for n in range(1, 26)], 25),
        experiment_id=pick(experiments, 625),
        source_id=pick([f"MODEL-{n:02}" for n in range(50)], 5000),
        activity_id=pl.lit("CMIP"),
        institution_id=pl.lit("DEMO"),
        table_id=pl.lit("Amon"),
        grid_label=pl.lit("gn"),
        version=pl.lit("v20200101"),
        frequency=pl.lit("mon"),
        time_range=pl.format("{}01-{}12", start, start + 39),
        start=start * 100_000_000 + 1_010_000,
        end=(start + 39) * 100_000_000 + 12_312_359,
        calendar=pl.lit(None, dtype=pl.String),
        root=pl.lit("CMIP6"),
        size=pl.lit(10_000_000),
        mtime=pl.lit(0),
        latest=pl.lit(value=True),
    )
    family = load_family("CMIP6")
    key = pl.concat_str(family.dataset, separator=".")
    folder = pl.concat_str([*family.dataset, "version"], separator="/")
    return table.with_columns(
        dataset=key, path=pl.concat_str(folder, pl.format("tas_{}.nc", "time_range"), separator="/")
    ).select([pl.col(name).cast(kind) for name, kind in files_schema(family).items()])


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("scale") / "store"
    family = load_family("CMIP6")
    prepare_store(store)
    root = Root(
        root_id="CMIP6", mount="/bdd/CMIP6", family="CMIP6", walked="2026-01-01",
        found=ROWS, catalogued=ROWS, rejected=0,
    )  # fmt: skip
    files = sort_files(mark_latest(rows()), family)
    with writing(store):
        publish(
            store, family, files, pl.DataFrame(schema=REJECTED), [root], site="local", previous=None
        )
    return store


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
