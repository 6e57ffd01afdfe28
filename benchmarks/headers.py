"""Measure the header pass, beside a bare netCDF4 loop that reads the same items.

The files are the real ones beside the checkout, `../shared/data/mini-esgf`, read again and again.
Every figure is of a new process; ours and the bare loop take turns. The table goes into
docs/reference/speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from page import measured_on, show

CHECKOUT = Path(__file__).resolve().parent.parent
START = """
import json, os, resource, sys, time
from climeri_platform.catalog.header_names import ATTRIBUTES
paths = json.load(open(sys.argv[1])) * int(sys.argv[2])
variables = [os.path.basename(path).split("_")[0] for path in paths]
def done(seconds, read, rss):
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    cpu = sum(sum(resource.getrusage(each)[:2]) for each in of) - cpu_before
    print(json.dumps({"seconds": seconds, "read": read, "cpu": cpu, "rss": rss, "files": len(paths)}))
def own_rss(pid="self"):  # ru_maxrss would be the parent's, kept over exec
    return int(open(f"/proc/{pid}/status").read().split("VmHWM:")[1].split()[0]) / 1024
"""
# what a person writes who wants these items and nothing else
BARE = f"""{START}
import cftime, netCDF4, numpy
def header(path, variable):
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        names = set(file.ncattrs())
        found = {{name: file.getncattr(name) for name in ATTRIBUTES if name in names}}
        found["tracking_id"] = file.getncattr("tracking_id") if "tracking_id" in names else None
        main = file.variables[variable]
        found["units"] = main.units
        found["chunks"] = main.chunking()
        for name in ("lat", "lon", "rlat", "rlon"):
            if name in main.dimensions and name in file.variables:
                found[name] = file.variables[name][:]
        found["grid"] = [len(file.dimensions[name]) for name in main.dimensions]
        if "time" in main.dimensions:
            time = file.variables["time"]
            found["calendar"] = time.calendar
            found["steps"] = len(time)
            ends = [time[0], time[-1]]
            if hasattr(time, "bounds") and time.bounds in file.variables:
                bounds = file.variables[time.bounds]
                ends += [bounds[0, 0], bounds[-1, 1]]
            found["ends"] = cftime.num2date(
                numpy.array(ends), time.units, time.calendar, only_use_cftime_datetimes=True)
        return found
cpu_before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
began = time.perf_counter()
read = sum(header(*each)["units"] is not None for each in zip(paths, variables))
done(time.perf_counter() - began, read, own_rss())
"""
OURS = f"""{START}
import threading, psutil, polars
from climeri_platform.catalog.headers import read_headers
files = polars.DataFrame({{"path": paths, "variable": variables}})
peak, over = {{}}, threading.Event()
def look():
    while not over.wait(0.5):
        for each in psutil.Process().children():
            try:
                peak[each.pid] = own_rss(each.pid)
            except (OSError, IndexError):
                pass
threading.Thread(target=look).start()
cpu_before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
began = time.perf_counter()
table = read_headers(files, workers=int(sys.argv[3]))
seconds = time.perf_counter() - began
over.set()
read = table["units"].count()
assert table["problem"].count() == 0
done(seconds, read, max(peak.values()))
"""


def measure(script: str, *arguments: object) -> dict[str, float]:
    """Run a script in a new process and return what it found."""
    paths = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        # for both: HDF5 locks nothing, and numpy has one thread
        env=os.environ
        | {"HDF5_USE_FILE_LOCKING": "FALSE", "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
    )
    if done.returncode:
        sys.exit(f"a measurement failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("CLIMERI_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=default, help="the folder above mini-esgf")
    parser.add_argument("--times", type=int, default=40, help="how often each file is read")
    parser.add_argument("--repeat", type=int, default=3, help="new processes; the best counts")
    parser.add_argument("--print-only", action="store_true", help="leave the docs as they are")
    arguments = parser.parse_args()
    found = sorted(str(path.absolute()) for path in (arguments.data / "mini-esgf").rglob("*.nc"))
    if not found:
        sys.exit(f"there is no file in {arguments.data / 'mini-esgf'}")
    runs: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="climeri-") as temporary:
        listing = Path(temporary) / "paths.json"
        listing.write_text(json.dumps(found), encoding="utf-8")
        for _ in range(arguments.repeat):
            for name, script, workers in (
                ("bare netCDF4 loop, one process", BARE, 0),
                ("header pass, 1 worker", OURS, 1),
                ("header pass, 2 workers", OURS, 2),
            ):
                runs.setdefault(name, []).append(measure(script, listing, arguments.times, workers))
    best = {name: min(each, key=lambda run: run["seconds"]) for name, each in runs.items()}
    assert len({run["read"] for run in best.values()}) == 1, "they do not read the same"
    bare = next(iter(best.values()))
    versions = f"netCDF4 {version('netCDF4')}"
    lines = [
        f"{measured_on()}, {versions}; {len(found)} files,",
        f"each read {arguments.times} times; measured again by `python benchmarks/headers.py`.",
        "",
        "| what | files/s | of the bare loop | CPU a file | memory of a process |",
        "|---|---|---|---|---|",
    ]
    for name, run in best.items():
        rate, ratio = run["files"] / run["seconds"], bare["seconds"] / run["seconds"]
        cpu = run["cpu"] / run["files"] * 1000
        lines.append(f"| {name} | {rate:.0f} | {ratio:.2f} | {cpu:.2f} ms | {run['rss']:.0f} MB |")
    show("headers", lines, print_only=arguments.print_only)


if __name__ == "__main__":
    main()
