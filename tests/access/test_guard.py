"""Data larger than memory: opened in a moment, told in bytes, and not loaded unless confirmed."""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys

import dask
import dask.array as da
import netCDF4
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import DatasetFiles, confirm_large, guard, open_datasets
from climeri_platform.access.guard import (
    cost_of_loading,
    decoded_bytes,
    guarded,
    load_limit,
    refuse_huge,
)
from climeri_platform.core.errors import ClimeriError, DataError, TooLarge, UsageError


@pytest.fixture
def small(monkeypatch):
    """A process that may load a thousand bytes."""
    monkeypatch.setattr(guard, "load_limit", lambda: 1000)


def field():
    data = {
        "tas": (("time", "lat"), da.ones((100, 100), chunks=(10, 100)), {"units": "K"}),
        "ps": ("time", da.ones(100, chunks=50, dtype="f4")),
    }
    dataset = xr.Dataset(data, {"time": np.arange(100.0)}, {"title": "x"})
    dataset["tas"].encoding["dtype"] = "f4"
    dataset.encoding["unlimited_dims"] = {"time"}
    return dataset


WHOLE = {
    "load": lambda data: data.copy().load(),
    "compute": lambda data: data.compute(),
    "values": lambda data: data["tas"].values,
    "numpy": lambda data: np.asarray(data["tas"]),
    "array": lambda data: data["tas"].data.compute(),
    "dask": dask.compute,
    "persist": lambda data: data.persist(),
    "all of it": lambda data: data.isel(time=slice(None)).load(),
    "renamed": lambda data: data.rename(tas="t2m").assign_attrs(a=1).load(),
}
PARTS = {
    "mean": lambda data: data.mean().compute(),
    "a step": lambda data: data.isel(time=0).load(),
    "another variable": lambda data: data["ps"].load(),
    "with a lazy mask": lambda data: data.where(data["ps"] > 0).mean().compute(),
    "by groups": lambda data: data.groupby(data["time"] // 10).mean().compute(),
    "weighted": lambda data: data.weighted(data["ps"].fillna(0)).mean().compute(),
    "joined": lambda data: xr.concat([data, data], "time").mean().compute(),
    "rolling": lambda data: data["tas"].rolling(time=3).mean().max().compute(),
    "pickled": lambda data: pickle.loads(pickle.dumps(data)).mean().compute(),
    "shown": lambda data: (repr(data), data._repr_html_(), dask.base.tokenize(data)),
}


@pytest.mark.parametrize("ask", WHOLE)
@pytest.mark.usefixtures("small")
def test_all_of_a_large_array_is_refused_by_whatever_way(ask):
    data = guarded(field())
    with pytest.raises(TooLarge, match="80,000 bytes") as told:
        WHOLE[ask](data)
    assert (told.value.wanted, told.value.limit) == (80_000, 1000)
    assert "confirm=True" in told.value.hint
    with confirm_large():
        WHOLE[ask](data)
    with pytest.raises(TooLarge):
        WHOLE[ask](data)


@pytest.mark.parametrize("ask", PARTS)
@pytest.mark.usefixtures("small")
def test_what_is_made_of_it_is_not(ask):
    PARTS[ask](guarded(field()))


@pytest.mark.usefixtures("small")
def test_streams_to_disk_are_not_refused(tmp_path):
    guarded(field()).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as written:
        assert float(written["tas"].sum()) == 10_000


@pytest.mark.usefixtures("small")
def test_nothing_but_the_guard_is_added():
    closed = []
    plain = field()
    plain.set_close(lambda: closed.append(True))
    data = guarded(plain)
    assert type(data["tas"].data) is da.Array
    assert data["ps"].variable is plain["ps"].variable or data["ps"].identical(plain["ps"])
    assert (data.attrs, data["tas"].attrs) == (plain.attrs, plain["tas"].attrs)
    assert data["tas"].encoding == plain["tas"].encoding
    assert data.encoding == plain.encoding
    assert data["tas"].data.name == plain["tas"].data.name
    data.close()
    assert closed == [True]
    assert guarded(plain[["ps"]]).identical(plain[["ps"]])


def test_bytes_are_those_that_are_not_in_memory_yet():
    data = field()
    assert decoded_bytes(data) == 80_000 + 400
    assert decoded_bytes(data.compute()) == 0
    cost = cost_of_loading([data, data])
    assert (cost.datasets, cost.bytes, cost.chunks, cost.largest) == (2, 160_800, 24, 8000)
    assert json.loads(json.dumps(cost.as_dict()))["limit"] == load_limit()
    assert (
        str(cost)
        == "2 datasets, 160.8 kB in memory if loaded whole, in 24 chunks of at most 8.0 kB"
    )
    assert cost_of_loading([]).largest == 0


def test_several_that_are_large_together_are_refused():
    data = field()
    assert refuse_huge([data], "100 kB") == 80_400
    for limit in ("100 kB", 100_000):
        with pytest.raises(TooLarge, match=r"160,800 bytes \(160.8 kB\).*100.0 kB"):
            refuse_huge([data, data], limit)
    for limit in ("much", [], "3 GBit"):
        with pytest.raises(UsageError, match="no size"):
            refuse_huge([data], limit)


def test_the_error_crosses_processes():
    error = TooLarge("a", hint="b", wanted=3, limit=2)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.wanted, again.limit) == (TooLarge, "a\nb", 3, 2)
    assert isinstance(again, DataError)
    assert isinstance(again, MemoryError)
    assert isinstance(again, ClimeriError)


def test_the_limit_is_half_of_the_least(monkeypatch):
    monkeypatch.setattr(guard, "cgroup_memory", lambda: 10**9)
    assert load_limit() == 5 * 10**8
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**8, 10**9))
    assert load_limit() == 5 * 10**7
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    monkeypatch.setattr(guard, "cgroup_memory", lambda: None)
    assert load_limit() > 10**8


def test_opened_data_are_loaded_if_they_fit(write, monkeypatch):
    opened = open_datasets(
        [DatasetFiles("a", (write("a.nc"),)), DatasetFiles("b", (write("b.nc"),))]
    )
    assert opened.cost.bytes == 2 * 3 * 2 * 4
    with pytest.raises(TooLarge, match="48 bytes"):
        opened.load(limit=40)
    assert opened.load("a", limit=40) is opened
    assert opened["a"]["tas"].chunks is None
    assert opened.cost.bytes == 24
    opened.load()
    assert opened.cost.bytes == 0
    monkeypatch.setattr(guard, "load_limit", lambda: 10)
    again = open_datasets([DatasetFiles("a", (write("a.nc"),))])
    with pytest.raises(TooLarge):
        again["a"].load()
    assert float(again["a"]["tas"].isel(time=0, lat=0)) == 280.5
    assert float(again.load(confirm=True)["a"]["tas"].mean()) == 281.5


PROGRAM = """
import json, sys
from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.core.errors import TooLarge

opened = open_datasets([DatasetFiles("huge", (sys.argv[1],))])
cost, told = opened.cost, []
for ask in (opened.load, opened["huge"].load, lambda: opened["huge"][sys.argv[2]].values):
    try:
        ask()
    except TooLarge as problem:
        told.append(problem.wanted)
memory = next(x.split()[1] for x in open("/proc/self/status") if x.startswith("VmHWM"))
part = float(opened["huge"][sys.argv[2]][0, 0, :10, :10].fillna(-1).sum())
print(json.dumps({"bytes": cost.bytes, "told": told, "peak": int(memory) * 1024}))
"""


def peak_of(path, variable):
    # 8 GB for all, so that a machine with very much memory refuses as well
    limits = ["sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh"]
    done = subprocess.run(
        [*limits, sys.executable, "-W", "ignore", "-c", PROGRAM, str(path), variable],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_of_260_gb_opens_and_is_not_loaded(tmp_path):
    path = tmp_path / "huge.nc"
    shape = (590, 75, 1021, 1442)
    with netCDF4.Dataset(path, "w") as file:
        for name, size in zip(("time", "lev", "y", "x"), shape, strict=True):
            file.createDimension(name, size)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 1950-01-01", "calendar": "noleap"})
        axis[:] = np.arange(shape[0])
        file.createVariable(
            "thetao", "f4", ("time", "lev", "y", "x"), chunksizes=(1, 1, 1021, 1442)
        )
    size = int(np.prod(shape, dtype="i8")) * 4
    assert size > 260e9
    assert path.stat().st_size < 10**6
    said = peak_of(path, "thetao")
    assert said["bytes"] == size
    assert said["told"] == [size] * 3
    assert said["peak"] < 300e6


@pytest.mark.real_data
def test_a_sparse_sample_of_17_gb(real_data):
    (path,) = (real_data / "access-nri").rglob("ocean-3d-salt-1-daily-mean-ym_2018_10_*.nc")
    said = peak_of(path, "salt")
    assert 17e9 < said["bytes"] < 18e9
    assert len(said["told"]) == 3
    assert said["peak"] < 300e6
