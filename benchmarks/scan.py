"""Measure building a catalog: from a warm tree, over a slow network, and from a list of millions.

``find`` and ecgtools are measured beside it, on the same tree, in turn.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import polars as pl
from page import measured_on, show

MODELS, FILES_OF_A_DATASET = 50, 4
DELAY = 0.002  # seconds, of each metadata call of a network file system

# what a network file system costs; the same calls as the walk makes
SHIM = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>
static void wait_for_answer(void) { usleep(DELAY); }
#define CALL(kind, name, given, passed) \
  kind name given { static kind (*real) given; \
    if (!real) real = (kind (*) given) dlsym(RTLD_NEXT, #name); \
    wait_for_answer(); return real passed; }
CALL(DIR *, opendir, (const char *path), (path))
CALL(int, stat, (const char *restrict path, struct stat *restrict to), (path, to))
CALL(int, lstat, (const char *restrict path, struct stat *restrict to), (path, to))
CALL(int, stat64, (const char *restrict path, struct stat64 *restrict to), (path, to))
CALL(int, lstat64, (const char *restrict path, struct stat64 *restrict to), (path, to))
CALL(int, fstatat, (int at, const char *restrict path, struct stat *restrict to, int how), (at, path, to, how))
CALL(int, fstatat64, (int at, const char *restrict path, struct stat64 *restrict to, int how), (at, path, to, how))
"""

# ru_maxrss would be the parent's, kept over exec
PEAK = """
def peak():
    with open("/proc/self/status") as status:
        return int(status.read().split("VmHWM:")[1].split()[0]) / 1024
"""
BUILD = (
    PEAK
    + """
import json, resource, sys, time
began = time.perf_counter()
from climeri_platform.catalog import build_catalog
report = build_catalog("CMIP6", sys.argv[1], store=sys.argv[2], inventory=sys.argv[3] or None, accept_loss=True)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime, "rss": peak(), "files": report.catalogued}))
"""
)
WALK = (
    PEAK
    + """
import json, resource, sys, time
from pathlib import Path
from climeri_platform.catalog.walk import Skipped, Walking, walk
began = time.perf_counter()
found = sum(len(files) for _, files in walk(Path(sys.argv[1]), Skipped(), Walking(walkers=int(sys.argv[2]))))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime, "rss": peak(), "files": found}))
"""
)
READ = (
    PEAK
    + """
import json, resource, sys, time
from pathlib import Path
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.layout import open_snapshot
from climeri_platform.catalog.scan import compare_root
began = time.perf_counter()
rules = load_family("CMIP6")
known = open_snapshot(Path(sys.argv[2])).scan("CMIP6", "files")
found = compare_root(rules, Path(sys.argv[1]), "scale", inventory=sys.argv[3], known=known)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "rss": peak(), "files": found.files, "changed": found.fresh.height}))
"""
)
NIGHT = (
    PEAK
    + """
import contextlib, io, json, resource, sys, time
began = time.perf_counter()
from climeri_platform.cli.front import run
words = ["catalog", "refresh", "--site", "local", "--store", sys.argv[1], "--sources", sys.argv[2], "--json"]
said = io.StringIO()
with contextlib.redirect_stdout(said):
    code = run(words)
wall = time.perf_counter() - began
assert not code, said.getvalue()
own, apart = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
(root,) = json.loads(said.getvalue())["roots"]
print(json.dumps({"wall": wall, "cpu": sum(each.ru_utime + each.ru_stime for each in (own, apart)), "rss": peak(), "files": root["catalogued"], "changed": root["changed"]}))
"""
)
THEIRS = (
    PEAK
    + """
import json, resource, sys, time
began = time.perf_counter()
from ecgtools import Builder
from ecgtools.parsers.cmip import parse_cmip6_using_directories
builder = Builder(paths=[sys.argv[1]], depth=20, include_patterns=["*.nc"], joblib_parallel_kwargs={"n_jobs": 1})
builder.build(parsing_func=parse_cmip6_using_directories)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - began, "cpu": used.ru_utime + used.ru_stime, "rss": peak(), "files": len(builder.df)}))
"""
)


def plant(root: Path, files: int) -> Path:
    """Make a CMIP6 tree of small files, four to a dataset."""
    for number in range(files // FILES_OF_A_DATASET):
        model, rest = number % MODELS, number // MODELS
        variable, member = f"var{rest % 100}", f"r{rest // 100 + 1}i1p1f1"
        place = f"CMIP6/CMIP/IPSL/M{model}/historical/{member}/Amon/{variable}/gn/v20200101"
        (root / place).mkdir(parents=True)
        for part in range(FILES_OF_A_DATASET):
            span = f"{1850 + 40 * part}01-{1889 + 40 * part}12"
            name = f"{variable}_Amon_M{model}_historical_{member}_gn_{span}.nc"
            (root / place / name).write_bytes(b"x")
    return root


def measure(command: list[str], repeat: int = 1, **more: str) -> dict[str, float]:
    """Return the best of several new processes."""
    found = []
    # polars tells its allocator by the environment, and this process has it
    clean = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
    for _ in range(repeat):
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=clean | more
        )
        if done.returncode:
            sys.exit(f"a measurement failed:\n{done.stderr[-3000:]}")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return min(found, key=lambda each: each["wall"])


def find(root: Path) -> dict[str, float]:
    """Return what `find` needs, which is what the tree costs at least."""
    before = os.times()
    began = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        subprocess.run(["find", root, "-printf", r"%p %s %T@ %i\n"], check=True, stdout=nowhere)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system
    return {"wall": wall, "cpu": used - before.children_user - before.children_system, "rss": 0.0}


def row(what: str, got: dict[str, float], ratio: str = "-") -> tuple[str, ...]:
    """Return a row of the table."""
    memory = f"{got['rss']:.0f} MB" if got["rss"] else "-"
    return (what, f"{got['wall']:.2f} s", f"{got['cpu']:.2f} s", memory, ratio)


def warm(folder: Path, files: int, repeat: int, ecgtools: str | None) -> list[tuple[str, ...]]:
    """Measure a whole build beside `find` and ecgtools, on a warm tree."""
    root = plant(folder / "warm", files)
    find(root)
    theirs, ours = [], []
    for _ in range(repeat):  # in turn, because the machine is shared
        theirs.append(find(root))
        store = folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        ours.append(measure([sys.executable, "-c", BUILD, str(root), str(store), ""]))
    least = min(theirs, key=lambda each: each["wall"])
    best = min(ours, key=lambda each: each["wall"])
    assert best["files"] == files
    size = f"{files // 1000} k files"
    table = [
        row(f"`find -printf`, {size}, warm", least),
        row("build: walk, parse, write, report", best, f"{least['wall'] / best['wall']:.2f}"),
    ]
    if ecgtools:
        other = measure([ecgtools, "-W", "ignore", "-c", THEIRS, str(root)])
        ratio = f"{best['wall'] / other['wall']:.2f}"
        table.append(row("ecgtools, directories only, no table written", other, ratio))
    table += [
        unchanged(folder, root, files, repeat, best, trusted=trusted) for trusted in (False, True)
    ]
    shutil.rmtree(root)
    return table


def unchanged(
    folder: Path, root: Path, files: int, repeat: int, build: dict[str, float], *, trusted: bool
) -> tuple[str, ...]:
    """Measure a refresh of a tree that is as it was, with its directories trusted or not.

    The first night lists all. Of trusted ones a share is listed in each of the others too.
    """
    store, sources = folder / f"night-{trusted}", folder / f"sources-{trusted}"
    sources.mkdir()
    source = {"root": "warm", "path": str(root), "family": "CMIP6", "trust_directories": trusted}
    (sources / "warm.yaml").write_text(json.dumps({"sources": [source]}))
    command = [sys.executable, "-c", NIGHT, str(store), str(sources)]
    measure(command)
    night = measure(command, repeat)
    assert (night["files"], night["changed"]) == (files, 0)
    ratio = f"{night['wall'] / build['wall']:.2f}"
    how = "with `trust_directories`" if trusted else "every file looked at"
    what = f"refresh, nothing changed, {how}: compare, report"
    return row(what, night, ratio)


def far(folder: Path, files: int) -> list[tuple[str, ...]]:
    """Measure walkers where each call waits."""
    root = plant(folder / "far", files)
    source, shim = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM, encoding="utf-8")
    micro = f"-DDELAY={int(DELAY * 1e6)}"
    command = ["gcc", "-shared", "-fPIC", "-O2", micro, "-o", shim, source, "-ldl"]
    subprocess.run(command, check=True)
    one, many = (
        measure([sys.executable, "-c", WALK, str(root), number], LD_PRELOAD=str(shim))
        for number in ("1", "32")
    )
    assert one["files"] == many["files"] == files
    assert one["wall"] > files * DELAY, "the calls did not wait"
    return [
        row(f"walk, 2 ms a call, {files} files, 1 walker", one),
        row("the same, 32 walkers", many, f"{one['wall'] / many['wall']:.1f}"),
    ]


def lists(folder: Path, rows: int) -> list[tuple[str, ...]]:
    """Measure a long list of which a thousand files changed: the comparison, and a whole night."""
    from climeri_platform.catalog.assembly import FamilyTables
    from climeri_platform.catalog.family import load_family
    from climeri_platform.catalog.layout import Root
    from climeri_platform.catalog.publish import prepare_store, publish, writing
    from climeri_platform.catalog.reader import reader_mark
    from climeri_platform.catalog.tables import REJECTED
    from climeri_platform.testing.scale import scale_rows

    store, inventory = folder / "list-store", folder / "list"
    table = scale_rows(rows).with_columns(
        root=pl.lit("scale"),
        inode=pl.int_range(1, rows + 1, dtype=pl.UInt64),
        mtime=pl.int_range(rows, dtype=pl.Int64) * 10**9,
        ctime=pl.int_range(rows, dtype=pl.Int64) * 10**9,
        online=pl.lit(value=True),
        public=pl.lit(value=True),
        format=pl.lit("netcdf"),
        unix_group=pl.lit("0"),
    )
    prepare_store(store)
    rules = load_family("CMIP6")
    tables = FamilyTables(rules, [table], pl.DataFrame(schema=REJECTED))
    root = Root(
        root_id="scale",
        mount="/nowhere",
        family="CMIP6",
        walked=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        found=rows,
        catalogued=rows,
        rejected=0,
        read_by=reader_mark(),
    )
    with writing(store):
        publish(store, [tables], [root], site="local", previous=None)
    at = pl.int_range(rows)
    changed = table.with_columns(size=pl.col("size") + (at % (rows // 1000) == 0).cast(pl.Int64))
    some = min(rows, 1_000_000)
    with inventory.open("wb") as to:
        for first in range(0, rows, 500_000):
            if first == some:
                to.flush()
                shutil.copy(inventory, folder / "first")
            part = changed.slice(first, 500_000).select(
                pl.format(
                    "f\t{}\t{}.0000000000\t{}.0000000000\t{}\t8\t644\t0\t{}\t",
                    *("size", pl.col("mtime") // 10**9, pl.col("ctime") // 10**9, "inode", "path"),
                )
            )
            to.write("\0".join(part.to_series()).encode() + b"\0")
    if some == rows:
        shutil.copy(inventory, folder / "first")
    del table, changed
    got = measure([sys.executable, "-c", READ, "/nowhere", str(store), str(inventory)])
    assert (got["files"], got["changed"]) == (rows, 1000)
    what = f"list of {rows / 1e6:g} M rows, 1,000 changed: read, compared, parsed"
    source = {"root": "scale", "path": "/nowhere", "family": "CMIP6", "inventory": str(inventory)}
    (folder / "sources").mkdir()
    (folder / "sources" / "list.yaml").write_text(json.dumps({"sources": [source]}))
    night = measure([sys.executable, "-c", NIGHT, str(store), str(folder / "sources")])
    assert (night["files"], night["changed"]) == (rows, 1000)
    (folder / "first-sources").mkdir()
    first_source = {**source, "inventory": str(folder / "first")}
    (folder / "first-sources" / "list.yaml").write_text(json.dumps({"sources": [first_source]}))
    new = [str(folder / "first-store"), str(folder / "first-sources")]
    begun = measure([sys.executable, "-c", NIGHT, *new])
    assert begun["files"] == some
    return [
        row(what, got),
        row("the same: the whole refresh, published (its mount is away: no export)", night),
        row(f"the first night of a list of {some / 1e6:g} M rows", begun),
    ]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200_000, help="of the warm tree")
    parser.add_argument("--far", type=int, default=2_000, help="files where each call waits")
    parser.add_argument("--rows", type=float, default=5, help="of the list, in millions")
    parser.add_argument("--repeat", type=int, default=3, help="the best counts")
    parser.add_argument("--ecgtools", help="the Python of an environment that has ecgtools")
    parser.add_argument("--print-only", action="store_true", help="leave the docs as they are")
    arguments = parser.parse_args()
    table: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory(prefix="climeri-") as temporary:
        folder = Path(temporary)
        if arguments.files:
            table += warm(folder, arguments.files, arguments.repeat, arguments.ecgtools)
        if arguments.far:
            table += far(folder, arguments.far)
        if arguments.rows:
            table += lists(folder, int(arguments.rows * 1e6))
    lines = [
        f"{measured_on()}, polars {version('polars')}; measured",
        "again by `python benchmarks/scan.py`. The ratio is to the line it is compared with: the rate of",
        "`find`, the time of ecgtools or of the build, one walker.",
        "",
        "| what | wall | CPU | peak memory | ratio |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(each)} |" for each in table),
    ]
    show("scan", lines, print_only=arguments.print_only)


if __name__ == "__main__":
    main()
