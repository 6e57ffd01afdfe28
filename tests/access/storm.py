"""What `test_storm` runs in processes of its own: `truth` in one thread, `storm` in many."""

from __future__ import annotations

import faulthandler
import gc
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

MOST = 50_000  # values of a variable that is compared
DEADLINE = 120
NEVER_WRITTEN = 9.9e36


def digest(values):
    """What tells arrays apart: how many are missing, the sum, and the sum by place."""
    values = np.asarray(values, "f8").ravel()
    # undeclared, the library's default fill is a number to xarray, and missing to us
    there = np.isfinite(values) & (values < NEVER_WRITTEN)
    held = np.where(there, values, 0.0)
    places = np.arange(1, held.size + 1) % 1009
    scale = float(np.abs(held).max(initial=0.0)) or 1.0
    return [int((~there).sum()), float((held / scale).sum()), float((held / scale * places).sum())]


def counts_time(variable):
    """Whether it becomes dates, or lengths of time, which are not compared here."""
    return " since " in str(variable.attrs.get("units", ""))


def truth(listed: Path) -> None:
    """Write what the netCDF library reads of each file."""
    import xarray as xr

    found = {}
    for path in json.loads(listed.read_text()):
        with xr.open_dataset(
            path, engine="netcdf4", decode_times=False, decode_coords=False, cache=False
        ) as dataset:
            dates = {name for name, each in dataset.variables.items() if counts_time(each)}
            dates |= {
                dataset[name].attrs.get(word)
                for name in dates
                for word in ("bounds", "climatology")
            }
            found[path] = {
                name: digest(each.values)
                for name, each in dataset.data_vars.items()
                if each.dtype.kind in "iuf" and 0 < each.size <= MOST and name not in dates
            }
    listed.with_suffix(".truth").write_text(json.dumps(found))
    sys.stdout.write(json.dumps({"files": len(found)}))


class Storm:
    """Threads that open and compute, and others that disturb them."""

    def __init__(self, listed: Path) -> None:
        self.truth = json.loads(listed.with_suffix(".truth").read_text())
        self.over = threading.Event()
        self.counts = dict.fromkeys(("opens", "values", "evictions", "collections", "others"), 0)
        self.lock = threading.Lock()
        self.wrong: list[str] = []

    def count(self, name: str, more: int = 1) -> None:
        with self.lock:
            self.counts[name] += more

    def one(self, number: int, path: str) -> None:
        """Open a file, compute all that is known of it, and compare."""
        from climeri_platform.access import DatasetFiles, open_datasets, open_file

        if number % 2:
            dataset = open_file(path, chunks={} if number % 4 == 1 else "auto")
        else:
            wanted = [DatasetFiles("k", (path,))]
            dataset = open_datasets(wanted, harmonise=False, on_error="raise")["k"]
        self.count("opens")
        for name, expected in self.truth[path].items():
            found = digest(dataset[name].values)
            if not np.allclose(found, expected, rtol=1e-6, atol=1e-6):
                self.wrong.append(f"{path} {name} {found} {expected}")
            self.count("values")
        dataset.close()

    def evict(self) -> None:
        """Throw away what is known of chunks, as a cache that is too small would."""
        from climeri_platform.access.engines.hdf5_library import _KEPT

        while not self.over.wait(0.01):
            with _KEPT._lock:
                while _KEPT._places:
                    _KEPT._places.pop(next(iter(_KEPT._places)))
            self.count("evictions")

    def collect(self) -> None:
        while not self.over.wait(0.5):
            gc.collect()
            self.count("collections")

    def others(self, paths: list[str], seed: int) -> None:
        """Read with h5py and h5netcdf, as a user's own code does in other threads."""
        import h5py
        import xarray as xr

        choose = random.Random(seed)
        while not self.over.is_set():
            path = choose.choice(paths)
            try:
                if seed % 2:
                    with h5py.File(path, "r") as file:
                        for name in list(self.truth[path])[:3]:
                            file[name][...]
                else:
                    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset:
                        dataset[list(self.truth[path])[:3]].load()
            except Exception as problem:  # noqa: BLE001 - any would be a user's, and is told
                self.wrong.append(f"beside: {path} {problem!r}")
            self.count("others")

    def run(self, beside: str, threads: int, opens: int) -> None:
        from climeri_platform.access import engine_of

        paths = list(self.truth)
        tasks = [paths[number % len(paths)] for number in range(opens)]
        random.Random(7).shuffle(tasks)
        disturbers = [threading.Thread(target=each) for each in (self.evict, self.collect)]
        if beside == "others":
            those = [each for each in paths if engine_of(each) == "hdf5"]
            disturbers += [
                threading.Thread(target=self.others, args=(those, seed)) for seed in range(4)
            ]
        for each in disturbers:
            each.start()
        try:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(self.one, range(opens), tasks))
        finally:
            self.over.set()
        for each in disturbers:
            each.join()


def storm(listed: Path, beside: str, threads: str, opens: str) -> None:
    """Run it, and tell what came of it."""
    import dask

    storm = Storm(listed)
    begin = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=4):
        storm.run(beside, int(threads), int(opens))
    found = {**storm.counts, "wrong": sorted(storm.wrong)[:9]}
    sys.stdout.write(json.dumps({**found, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    faulthandler.dump_traceback_later(DEADLINE, exit=True)
    {"truth": truth, "storm": storm}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
