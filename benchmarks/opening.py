"""Measure opening: of one dataset and of forty models, beside xarray and intake-esm on the same files.

The files are made here: monthly fields with bounds, height and attributes as CMIP6 has them. Every
figure is of a new process, its imports left out; each is the median of several. The table goes into
docs/reference/speed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from page import measured_on, show

REAL = Path(__file__).resolve().parents[2] / "shared/data/mini-esgf"
CALENDARS = ("standard", "noleap", "360_day")
GRIDS = ((45, 90), (48, 72), (32, 64), (36, 72), (24, 48))
YEARS = range(1850, 2015)
# in how many files each of forty models has the 165 years: 822 in all
MODELS = [1] * 20 + [4] * 10 + [17] * 6 + [165] * 4
SMALL = 40  # attributes beside those that matter, of the length that CMIP6's have
CLOCK = """
import gc, json, os, sys, time, warnings, glob
import numpy, xarray, dask.array, cftime, pandas, netCDF4, h5py, numcodecs
warnings.simplefilter("ignore")
folder, kept = sys.argv[1:3]
datasets = {
    name: sorted(glob.glob(f"{folder}/{name}/*.nc")) for name in sorted(os.listdir(folder))
}
%s
def clock():
    return time.perf_counter(), time.process_time()
gc.collect()  # of what the imports left: else it falls to whichever way is the one to reach a threshold
wall, cpu = clock()
opened = run(datasets)
%s
end, used = clock()
status = open("/proc/self/status").read()
print(json.dumps({
    "wall": end - wall, "cpu": used - cpu, "datasets": len(opened),
    "steps": sum(each.sizes["time"] for each in opened),
    "value": float(numpy.mean(result)) if (result := locals().get("result")) is not None else 0,
    "rss": int(status.split("VmHWM:")[1].split()[0]) / 1024,
}))
"""
COMPUTE = """
import dask
with dask.config.set(scheduler="threads", num_workers=2):
    data = opened[0]
%s
    result = result.compute()
"""
OURS = """
os.environ["CLIMERI_HEADER_CACHE"] = kept
from climeri_platform.access import DatasetFiles, open_datasets
def run(datasets):
    wanted = [DatasetFiles(name, tuple(paths)) for name, paths in datasets.items()]
    return list(open_datasets(wanted, on_error="raise").values())
"""
BEST = """
def run(datasets):
    return [
        xarray.open_mfdataset(
            paths, combine="nested", concat_dim="time", data_vars="minimal", coords="minimal",
            compat="override", join="override", engine="netcdf4",
        )
        for paths in datasets.values()
    ]
"""
BEST_CHUNKS = BEST.replace('engine="netcdf4"', 'engine="netcdf4", chunks={"time": 120}')
DEFAULT = """
def run(datasets):
    return [xarray.open_mfdataset(paths, engine="netcdf4") for paths in datasets.values()]
"""
INTAKE = """
import intake_esm
def run(datasets):
    rows = [
        (name, "Amon", "tas", os.path.basename(path)[4:-3], path)
        for name, paths in datasets.items() for path in paths
    ]
    columns = ["source_id", "table_id", "variable_id", "time_range", "path"]
    pandas.DataFrame(rows, columns=columns).to_csv(f"{kept}.csv", index=False)
    esmcat = {
        "esmcat_version": "0.1.0", "id": "x", "description": "", "catalog_file": f"{kept}.csv",
        "attributes": [{"column_name": each} for each in columns[:4]],
        "assets": {"column_name": "path", "format": "netcdf"},
        "aggregation_control": {
            "variable_column_name": "variable_id", "groupby_attrs": ["source_id", "table_id"],
            "aggregations": [
                {"type": "union", "attribute_name": "variable_id"},
                {"type": "join_existing", "attribute_name": "time_range", "options": {"dim": "time"}},
            ],
        },
    }
    with open(f"{kept}.json", "w") as file:
        json.dump(esmcat, file)
    store = intake_esm.esm_datastore(f"{kept}.json")
    return list(store.to_dataset_dict(progressbar=False, threaded=False).values())
"""
HEADERS = """
from climeri_platform.access.engines import classic, hdf5, hdf5_library
from climeri_platform.access.engines.stored import FileStamp
def bare(path):
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        found = {name: file.getncattr(name) for name in file.ncattrs()}
        for name, each in file.variables.items():
            found[name] = {key: each.getncattr(key) for key in each.ncattrs()}, each.filters()
            found[name] += (each.chunking(), each[...] if each.size * 8 <= 65536 else None)
    return found
ways = {
    "this": lambda path: hdf5.read_header(path),
    "h5py's lowest layer": lambda path: hdf5_library.read_header(FileStamp.of(path)),
    "netCDF4": bare,
}
paths = [path for its in datasets.values() for path in its]
found = {}
for name, way in ways.items():
    way(paths[0])
    times = []
    for _ in range(3):
        begin = time.process_time()
        for path in paths:
            way(path)
        times.append((time.process_time() - begin) / len(paths))
    found[name] = min(times)
print(json.dumps(found))
sys.exit()
def run(datasets):
    pass
"""
THREADS = """
import zlib
from isal import isal_zlib
from concurrent.futures import ThreadPoolExecutor
from climeri_platform.access import open_file
paths = [path for its in datasets.values() for path in its]
arrays = [open_file(path)["tas"] for path in paths]
packed = [zlib.compress(numpy.random.default_rng(n).standard_normal(64800).astype("f4").tobytes(), 2)
          for n in range(64)]
def read(array):
    return array.compute(scheduler="synchronous").shape
def alone(decompress):
    def inflate(_):
        for each in packed:
            decompress(each)
    return inflate
def wall(work, threads):
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, arrays))
    return time.perf_counter() - begin
found = {}
for name, work in (
    ("this", read), ("ISA-L alone", alone(isal_zlib.decompress)), ("zlib alone", alone(zlib.decompress))
):
    wall(work, 2)
    one, two = (min(wall(work, threads) for _ in range(5)) for threads in (1, 2))
    found[name] = [one, two]
print(json.dumps(found))
sys.exit()
def run(datasets):
    pass
"""
OPENS = """
from concurrent.futures import ThreadPoolExecutor
os.environ["CLIMERI_HEADER_CACHE"] = "off"
from climeri_platform.access import open_file
paths = sorted(glob.glob(f"{sys.argv[1]}/**/*.nc", recursive=True))
def theirs(path):
    xarray.open_dataset(path, engine="netcdf4", chunks={}).close()
def opens(way, path):
    try:
        way(path)
    except Exception:
        return False
    return True
def rate(way, its, threads):
    wall, cpu = clock()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(way, its))
    end, used = clock()
    return len(its) / (end - wall), len(its) / (used - cpu)
def run(datasets):
    its = [path for path in paths if opens(open_file, path) and opens(theirs, path)]
    found = {"files": len(its)}
    for name, way, threads in (
        ("this", open_file, 1), ("this", open_file, 32), ("open_dataset of xarray, netCDF4", theirs, 1)
    ):
        rates = max(rate(way, its, threads) for _ in range(5))
        found[f"{name}, {threads} thread{'s' * (threads > 1)}"] = rates
    print(json.dumps(found))
    sys.exit()
"""
# what is made of what was opened: each way computes it with two threads
GLOBAL_MEAN = """
    weights = numpy.cos(numpy.deg2rad(data["lat"]))
    result = data["tas"].weighted(weights).mean(("lat", "lon"))
"""
CLIMATOLOGY = """
    result = data["tas"].groupby("time.month").mean("time")
"""


def write(path: Path, model: int, first: int, last: int, size: tuple[int, int]) -> None:
    """Write one file of a model, of whole years."""
    calendar, (lats, lons) = CALENDARS[model % 3], size
    steps = 12 * (last - first + 1)
    noise = np.random.default_rng(model)
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts(
            {f"attribute_{n:02d}": f"what producers say, {n}, " * 2 for n in range(SMALL)}
        )
        file.setncatts({"tracking_id": f"hdl:21.14100/{path.name}", "source_id": f"MODEL-{model}"})
        for name, count in (("time", None), ("lat", lats), ("lon", lons), ("bnds", 2)):
            file.createDimension(name, count)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts(
            {
                "units": "days since 1850-01-01",
                "calendar": calendar,
                "bounds": "time_bnds",
                "axis": "T",
                "long_name": "time",
                "standard_name": "time",
            }
        )
        begin = (first - 1850) * 12 + np.arange(steps)
        axis[:] = (begin + 0.5) * 30.4
        bounds = file.createVariable("time_bnds", "f8", ("time", "bnds"))
        bounds[:] = np.stack([begin, begin + 1], axis=1) * 30.4
        for name, count, whole in (("lat", lats, 180.0), ("lon", lons, 360.0)):
            there = file.createVariable(name, "f8", (name,))
            there.setncatts(
                {
                    "bounds": f"{name}_bnds",
                    "units": "degrees",
                    "axis": "Y" if name == "lat" else "X",
                    "long_name": name,
                    "standard_name": {"lat": "latitude", "lon": "longitude"}[name],
                }
            )
            edges = np.linspace(0, whole, count + 1) - (90 if name == "lat" else 0)
            there[:] = (edges[1:] + edges[:-1]) / 2
            file.createVariable(f"{name}_bnds", "f8", (name, "bnds"))[:] = np.stack(
                [edges[:-1], edges[1:]], axis=1
            )
        height = file.createVariable("height", "f8", ())
        height.setncatts({"units": "m", "axis": "Z", "positive": "up", "standard_name": "height"})
        height[...] = 2.0
        field = file.createVariable(
            "tas",
            "f4",
            ("time", "lat", "lon"),
            zlib=True,
            complevel=2,
            fill_value=1e20,
            chunksizes=(1, lats, lons),
        )
        field.setncatts(
            {
                "units": "K",
                "standard_name": "air_temperature",
                "long_name": "Near-Surface Air Temperature",
                "cell_methods": "area: time: mean",
                "cell_measures": "area: areacella",
                "coordinates": "height",
                "history": "written for a measurement",
                "missing_value": np.float32(1e20),
            }
        )
        field[:] = 280 + noise.standard_normal((steps, lats, lons), "f4")
    os.utime(path, (time.time() - 3600,) * 2)


def make(folder: Path, models: list[int], grids: tuple[tuple[int, int], ...] = GRIDS) -> int:
    """Write the files of models, each split into so many; return how many."""
    count = 0
    for model, files in enumerate(models):
        its = folder / f"model-{model:02d}"
        its.mkdir(parents=True)
        for years in np.array_split(np.array(YEARS), files):
            path = its / f"tas_{years[0]}01-{years[-1]}12.nc"
            write(path, model, int(years[0]), int(years[-1]), grids[model % len(grids)])
            count += 1
    return count


def measure(
    script: str, folder: Path, kept: Path, repeat: int, compute: str = ""
) -> dict[str, float] | None:
    """Return the medians of several new processes, None if one of them dies."""
    found = []
    for _ in range(repeat):
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-c",
                CLOCK % (script, compute and COMPUTE % compute),
                str(folder),
                str(kept),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=900,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            print(f"died with {done.returncode}: {last[:200]}", file=sys.stderr)
            return None
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


def compare(folder: Path, kept: Path, repeat: int) -> dict[str, dict[str, float] | None]:
    """Measure all ways on one set of files."""
    off = Path("off")
    return {
        "this, first": measure(OURS, folder, off, repeat),
        "_": measure(OURS, folder, kept, 1),
        "this, again": measure(OURS, folder, kept, repeat),
        "open_mfdataset, best options": measure(BEST, folder, off, repeat),
        "open_mfdataset, by default": measure(DEFAULT, folder, off, 1),
        "intake-esm": measure(INTAKE, folder, kept.with_suffix(".intake"), 1),
    }


def ask(script: str, folder: Path) -> dict[str, Any]:
    """Run a script that prints its own figures in a new process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLOCK % (script, ""), str(folder), "off"],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def engines(coarse: Path, fine: Path) -> list[str]:
    """Measure headers and threads, and return the lines of two tables."""
    headers = ask(HEADERS, coarse)
    lines = [
        "",
        "Headers of the 165 files with their small arrays, the best of three rounds:",
        "",
        "| way | CPU ms a file | of netCDF4 |",
        "|---|---|---|",
    ]
    for way, each in headers.items():
        lines.append(f"| {way} | {1000 * each:.2f} | {each / headers['netCDF4']:.2f} |")
    lines += [
        "",
        "Reading the 17 files of 180 by 360 whole, the best of five, one task a file:",
        "",
        "| what | one thread, wall s | two threads, wall s | ratio |",
        "|---|---|---|---|",
    ]
    for what, (one, two) in ask(THREADS, fine).items():
        lines.append(f"| {what} | {one:.2f} | {two:.2f} | {one / two:.2f} |")
    return lines


def opens(real: Path) -> list[str]:
    """Measure how many real files are opened in a second, and return the lines of a table."""
    found = ask(OPENS, real)
    lines = [
        "",
        f"Opening each of {found.pop('files')} real files by itself, the best of five rounds:",
        "",
        "| way | opens a second | opens a second of CPU |",
        "|---|---|---|",
    ]
    return lines + [f"| {way} | {wall:.0f} | {cpu:.0f} |" for way, (wall, cpu) in found.items()]


def compute(folder: Path, repeat: int) -> list[str]:
    """Measure what is made of 17 files, opening included, and return the lines of a table."""
    lines = [
        "",
        "Two threads, opening included, 17 files of a monthly field of 180 by 360:",
        "",
        "| what | way | wall s | CPU s | of the best options | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for what, script in (("global mean", GLOBAL_MEAN), ("climatology", CLIMATOLOGY)):
        best = measure(BEST_CHUNKS, folder, Path("off"), repeat, script)
        ours = measure(OURS, folder, Path("off"), repeat, script)
        assert best is not None
        assert ours is not None
        assert abs(best["value"] - ours["value"]) < 1e-5 * abs(best["value"])
        for way, each in (("this", ours), ("open_mfdataset, best options and chunks", best)):
            lines.append(
                f"| {what} | {way} | {each['wall']:.2f} | {each['cpu']:.2f} | "
                f"{each['cpu'] / best['cpu']:.2f} | {each['rss']:.0f} |"
            )
    return lines


def main() -> None:
    """Make the files, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print-only", action="store_true", help="leave the page as it is")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are, or are made")
    parser.add_argument("--real", type=Path, default=REAL, help="real files, where they are")
    asked = parser.parse_args()
    lines = [
        (
            f"Measured {measured_on()}, warm; xarray {version('xarray')}, netCDF4 "
            f"{version('netCDF4')}, intake-esm {version('intake-esm')}. Imports are left out, and the "
            "collection of what they leave; ratios are of processor time."
        ),
        "",
        "| files | way | wall s | CPU s | of the best options | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        root = asked.folder or Path(temporary)
        for name, models in (
            ("17", [17]),
            ("165", [165]),
            (f"{sum(MODELS)}, {len(MODELS)} models", MODELS),
        ):
            folder = root / f"set-{sum(models)}"
            if not folder.exists():
                make(folder, models)
            found = compare(folder, Path(temporary) / f"kept-{sum(models)}", asked.repeat)
            best = found["open_mfdataset, best options"]
            for way, each in found.items():
                if way == "_":
                    continue
                if each is None or best is None:
                    lines.append(f"| {name} | {way} | dies | | | |")
                    continue
                assert each["steps"] == best["steps"]
                lines.append(
                    f"| {name} | {way} | {each['wall']:.2f} | {each['cpu']:.2f} | "
                    f"{each['cpu'] / best['cpu']:.3f} | {each['rss']:.0f} |"
                )
        fine = root / "set-fine"
        if not fine.exists():
            make(fine, [17], grids=((180, 360),))
        lines += compute(fine, asked.repeat)
        lines += engines(root / "set-165", fine)
    if asked.real.is_dir():
        lines += opens(asked.real)
    show("opening", lines, print_only=asked.print_only)


if __name__ == "__main__":
    main()
