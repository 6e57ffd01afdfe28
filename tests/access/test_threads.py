"""Thirty-two threads open, compute and close files of both formats: no crash, no wrong value."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

CODE = """
import sys, threading, random, warnings
import numpy as np, dask
from climeri_platform.access import DatasetFiles, open_datasets, open_file
paths = sys.argv[1:]
expected = {path: 280 + np.arange(200) + 0.5 for path in paths}
wrong = []
def work(seed):
    choose = random.Random(seed)
    for _ in range(12):
        path = choose.choice(paths)
        if choose.random() < 0.5:
            with open_file(path, chunks={"time": 20}) as dataset:
                found = dataset["tas"].mean("lat").values
        else:
            opened = open_datasets([DatasetFiles("k", (path,))], chunks={"time": 50})
            found = opened["k"]["tas"].mean("lat").values
            opened["k"].close()
        if not np.allclose(found, expected[path]):
            wrong.append(path)
with dask.config.set(scheduler="threads", num_workers=4):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(32)]
    for each in threads: each.start()
    for each in threads: each.join()
print("wrong", len(wrong))
"""


def test_threads_do_not_crash(write):
    paths = [
        write(f"{form}-{number}.nc", np.arange(200) + 0.5, form=form, lat=np.linspace(-89, 89, 30))
        for form in ("NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA")
        for number in range(6)
    ]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *paths],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "wrong 0\n"
