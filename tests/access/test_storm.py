"""A thousand opens in thirty-two threads of one process, real and invented files of both formats.

The values are read beforehand by the netCDF library, in a process of its own and one thread. Then all
is opened and computed in threads, with the places of chunks thrown away and garbage collected meanwhile;
and the same once more beside other users of the HDF5 library.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest

from climeri_platform.access import engine_of, open_file
from climeri_platform.core.errors import FileUnreadable

STORM = Path(__file__).with_name("storm.py")
THREADS = 32
DEADLINE = 150  # seconds; some 15 are usual


def invented(folder: Path) -> list[str]:
    """More files than xarray keeps open, with and without deflate, of both formats."""
    paths = []
    for number in range(240):
        form = ("NETCDF4", "NETCDF3_CLASSIC", "NETCDF4", "NETCDF3_64BIT_OFFSET")[number % 4]
        path = folder / f"{number:03}.nc"
        with netCDF4.Dataset(path, "w", format=form) as file:
            for name, size in (("time", None), ("lat", 12), ("lon", 24)):
                file.createDimension(name, size)
            time = file.createVariable("time", "f8", ("time",))
            time.setncatts({"units": "days since 2000-01-01", "standard_name": "time"})
            time[:] = np.arange(30)
            options = {"zlib": number % 8 == 0, "chunksizes": (1 + number % 7, 12, 24)}
            field = file.createVariable(
                "tas",
                "f4",
                ("time", "lat", "lon"),
                fill_value=np.float32(1e20),
                fletcher32=number % 16 == 2,  # only the library reads these
                **(options if form == "NETCDF4" else {}),
            )
            values = np.random.default_rng(number).standard_normal((30, 12, 24))
            field[:] = np.ma.masked_greater(values + number, number + 2)
        paths.append(str(path))
    return paths


def real(folder: Path) -> list[str]:
    """Small ones, of both formats."""
    found = []
    for path in sorted(folder.rglob("*.nc")):
        if not 0 < path.stat().st_size < 300_000:
            continue
        try:
            engine_of(path)
        except FileUnreadable:
            continue
        found.append(str(path))
    return found


def told(done: subprocess.CompletedProcess[str]) -> dict[str, float]:
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-4000:]}"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def files(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of files, and of what the netCDF library reads of each variable."""
    folder = tmp_path_factory.mktemp("storm")
    paths = invented(folder) + real(real_data)
    assert len(paths) > 600
    assert {engine_of(path) for path in paths} == {"hdf5", "classic"}
    listed = folder / "files.json"
    listed.write_text(json.dumps(paths))
    run("truth", listed)
    return listed


def run(way: str, listed: Path, *more: str) -> dict[str, float]:
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", str(STORM), way, str(listed)]
    return told(
        subprocess.run(
            [*command, *more], check=False, capture_output=True, text=True, timeout=DEADLINE
        )
    )


@pytest.mark.real_data
@pytest.mark.parametrize(("beside", "opens"), [("alone", 1000), ("others", 500)])
def test_a_thousand_opens_in_threads(files, beside, opens):
    found = run("storm", files, beside, str(THREADS), str(opens))
    assert found["wrong"] == []
    assert found["opens"] == opens
    assert found["values"] > 2 * opens
    assert found["evictions"] > 50
    assert found["collections"] > 3
    assert (found["others"] > 10) == (beside == "others")


@pytest.mark.parametrize("locking", [None, True, False, "best-effort"])
def test_a_file_that_other_code_has_open(write, locking):
    """HDF5 opens a file once in a process, with or without locks: ours is opened as theirs is."""

    def checked(file):
        field = file.createVariable("checked", "f4", ("time", "lat"), fletcher32=True)
        field[:] = 7.0

    path = write("a.nc", more=checked)
    with h5py.File(path, "r", locking=locking) as theirs:
        assert (open_file(path)["checked"].values == 7.0).all()
        assert theirs["checked"][0, 0] == 7.0
    assert (open_file(path)["checked"].values == 7.0).all()
