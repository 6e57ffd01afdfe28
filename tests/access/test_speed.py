"""Opening is fast, and threads read beside each other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from threading import Barrier

import netCDF4
import numpy as np
import pytest
from isal import isal_zlib

from climeri_platform.access import engine_of, open_file
from climeri_platform.core.errors import FileUnreadable

OPENS_PER_SECOND = 150
SMALL = 300_000  # bytes
TOO_LONG = 20  # seconds


@pytest.mark.real_data
def test_a_hundred_and_fifty_opens_a_second(real_data):
    """Small files, by processor time, the best of five passes: a busy machine makes little difference.

    All of them, from one thread and from many, are in benchmarks/opening.py.
    """
    paths = []
    for path in sorted((real_data / "mini-esgf").rglob("*.nc")):
        if path.stat().st_size > SMALL:
            continue
        try:
            engine_of(path)
        except FileUnreadable:
            continue
        paths.append(path)
    some = list(islice(cycle(paths), 150))
    assert len({*some}) > 60
    used = []
    for _ in range(5):
        begin = time.process_time()
        for path in some:
            open_file(path).close()
        used.append(time.process_time() - begin)
    assert min(used) / len(some) < 1 / OPENS_PER_SECOND


def test_two_threads_inflate_at_the_same_time(tmp_path, monkeypatch):
    """Each waits inside the inflation, which holds no lock of Python's, until the other one is there, too.

    Behind one lock they would never meet, however fast the machine is. How much faster they are is not
    measured here: where others use the cores, not even threads that only inflate gain anything.
    """
    path = tmp_path / "a.nc"
    values = np.random.default_rng(1).standard_normal((8, 64, 128)).astype("f4")
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "lat", "lon"), values.shape, strict=True):
            file.createDimension(name, size)
        field = file.createVariable(
            "tas", "f4", ("time", "lat", "lon"), zlib=True, chunksizes=(1, 64, 128)
        )
        field[:] = values
    array = open_file(path)["tas"]
    met, real, waited = Barrier(2, timeout=TOO_LONG), isal_zlib.decompressobj, []

    class Inflating:
        def __init__(self):
            self.stream = real()

        def decompress(self, *args):
            waited.append(met.wait())
            return self.stream.decompress(*args)

        def __getattr__(self, name):
            return getattr(self.stream, name)

    monkeypatch.setattr(isal_zlib, "decompressobj", Inflating)
    with ThreadPoolExecutor(2) as pool:
        works = [pool.submit(array.compute, scheduler="synchronous") for _ in range(2)]
        for each in works:
            np.testing.assert_array_equal(each.result().values, values)
    assert len(waited) == 2 * len(values)
