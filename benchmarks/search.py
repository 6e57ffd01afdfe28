"""Measure searches in catalogs of millions of rows, beside intake-esm on the same rows.

Every figure is of a new process; the rows are `climeri_platform.testing.scale`'s. The table goes into
docs/reference/speed.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from page import measured_on, show

from climeri_platform.catalog import open_snapshot
from climeri_platform.catalog.facets import FACETS_TABLE
from climeri_platform.testing.scale import scale_store

CHECKOUT = Path(__file__).resolve().parent.parent
QUESTION = (
    'dict(source_id="MODEL-07", experiment_id=["historical", "ssp585"], variable_id=["tas", "pr"])'
)
MEMORY = """
status = open("/proc/self/status").read()  # ru_maxrss would be the parent's, kept over exec
found["rss"] = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps(found))
"""
CLOCK = """
import json, sys, time
began = time.perf_counter()
found = {}
def lap(name, function, repeat=1):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    found[name] = min(times)
    return result
"""
OURS_FIRST = f"""{CLOCK}
import climeri_platform
chosen = climeri_platform.open_catalog("CMIP6", store=sys.argv[1]).search(**{QUESTION})
found["rows"] = len(chosen.paths())
found["first"] = time.perf_counter() - began
{MEMORY}"""
OURS_MORE = f"""{CLOCK}
import climeri_platform
catalog = climeri_platform.open_catalog("CMIP6", store=sys.argv[1])
lap("facets of a model", lambda: catalog.search(source_id="MODEL-07").facets(), 3)
lap("facets of a variable", lambda: catalog.search(variable_id="tas").facets(), 3)
lap("facets of an experiment", lambda: catalog.search(experiment_id="historical").facets(), 3)
lap("HTML of a search", lambda: catalog.search(**{QUESTION})._repr_html_(), 3)
lap("HTML of the whole catalog, first", lambda: catalog._repr_html_())
lap("HTML of the whole catalog, again", lambda: catalog._repr_html_(), 3)
key = "CMIP.CENTRE-7.MODEL-07.historical.r7i1p1f1.Amon.pr.gn"
lap("a dataset by its key", lambda: catalog[key], 5)
lap("a glob and a period",
    lambda: len(catalog.search(experiment_id="ssp*", variable_id="tas", period="1900/1950")), 3)
lap("require_all_on", lambda: len(catalog.search(
    experiment_id=["historical", "ssp585"], variable_id=["tas", "pr"], require_all_on="source_id")), 3)
{MEMORY}"""
THEIRS_FIRST = f"""{CLOCK}
import intake
chosen = intake.open_esm_datastore(sys.argv[1] + "/export/local/CMIP6.json", sep=".").search(**{QUESTION})
found["rows"] = len(chosen.df)
found["first"] = time.perf_counter() - began
{MEMORY}"""
THEIRS_MORE = f"""{CLOCK}
import intake
catalog = intake.open_esm_datastore(sys.argv[1] + "/export/local/CMIP6.json", sep=".")
lap("facets of a model", lambda: catalog.search(source_id="MODEL-07").unique(), 1)
lap("facets of a variable", lambda: catalog.search(variable_id="tas").unique(), 1)
lap("facets of an experiment", lambda: catalog.search(experiment_id="historical").unique(), 1)
lap("HTML of a search", lambda: catalog.search(**{QUESTION})._repr_html_(), 1)
lap("HTML of the whole catalog, first", lambda: catalog._repr_html_())
lap("HTML of the whole catalog, again", lambda: catalog._repr_html_())
key = "CMIP.CENTRE-7.MODEL-07.historical.r7i1p1f1.Amon.gn.v20200101"
lap("a dataset by its key", lambda: catalog[key], 1)
lap("require_all_on", lambda: len(catalog.search(
    experiment_id=["historical", "ssp585"], variable_id=["tas", "pr"], require_all_on="source_id").df))
{MEMORY}"""


WITHOUT_FACETS = f"""{CLOCK}
import climeri_platform
catalog = climeri_platform.open_catalog("CMIP6", store=sys.argv[1])
lap("HTML of the whole catalog, first, without its table of facets", lambda: catalog._repr_html_())
{MEMORY}"""


def without_facets(store: Path) -> dict[str, float]:
    """Measure without the table of facets, as in a store of an older version."""
    table = open_snapshot(store).folder / "CMIP6" / FACETS_TABLE
    aside = table.rename(store / f".{FACETS_TABLE}")
    try:
        return measure(WITHOUT_FACETS, store)
    finally:
        aside.rename(table)


WITH_INTAKE = 5_000_000  # rows; with more, intake-esm's table does not fit this machine


def measure(script: str, store: Path) -> dict[str, float]:
    """Run a script in a new process and return what it found."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(store)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"a measurement failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def text_of(value: float | None, unit: str = "s") -> str:
    """Return a figure as the table has it."""
    if value is None:
        return "-"
    if unit == "MB":
        return f"{value:.0f} MB"
    return f"{value:.2f} s" if value >= 0.95 else f"{value * 1000:.3g} ms"


def rows_of(count: int, store: Path, repeat: int) -> list[tuple[str, ...]]:
    """Return the rows of the table for one store."""
    ours = [measure(OURS_FIRST, store) for _ in range(repeat)]
    beside = count <= WITH_INTAKE
    theirs = measure(THEIRS_FIRST, store) if beside else {}
    first = min(ours, key=lambda each: each["first"])
    assert not beside or first["rows"] == theirs["rows"], "the two do not find the same"
    more = measure(OURS_MORE, store)
    their_more = measure(THEIRS_MORE, store) if beside else {}
    more = without_facets(store) | more
    size = f"{count / 1e6:g} M"

    def row(what: str, mine: float, other: float | None, unit: str = "s") -> tuple[str, ...]:
        ratio = f"{other / mine:.0f}" if other else "-"
        return (size, what, text_of(mine, unit), text_of(other, unit), ratio)

    table = [
        row("new process, import, open, first 3-facet result", first["first"], theirs.get("first")),
        row("its peak memory", first["rss"], theirs.get("rss"), "MB"),
    ]
    table += [
        row(name, value, their_more.get(name)) for name, value in more.items() if name != "rss"
    ]
    table.append(row("peak memory after all of these", more["rss"], their_more.get("rss"), "MB"))
    return table


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1,5,20", help="millions of rows, with commas between")
    parser.add_argument("--repeat", type=int, default=3, help="new processes; the best counts")
    parser.add_argument("--stores", type=Path, help="keep the stores in this folder")
    parser.add_argument("--print-only", action="store_true", help="leave the docs as they are")
    arguments = parser.parse_args()
    table: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="climeri-") as temporary:
        for millions in map(float, arguments.rows.split(",")):
            store = (arguments.stores or Path(temporary)) / f"{millions:g}m"
            if not (store / "CURRENT").exists():
                scale_store(store, int(millions * 1_000_000))
            table += rows_of(int(millions * 1_000_000), store, arguments.repeat)
    versions = ", ".join(f"{each} {version(each)}" for each in ("polars", "intake-esm"))
    lines = [
        f"{measured_on()}, {versions}; measured again by",
        "`python benchmarks/search.py`.",
        "",
        "| rows | what | ours | intake-esm | ratio |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in table),
    ]
    show("search", lines, print_only=arguments.print_only)


if __name__ == "__main__":
    main()
