"""Records of headers: used while the files are as they were, and only then."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.access.engines import recognising
from climeri_platform.access.remembered import HeaderCache, header_cache

CALENDARS = ["standard", "noleap", "360_day"]


@pytest.fixture
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "headers"
    monkeypatch.setenv("CLIMERI_HEADER_CACHE", str(folder))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """Names of the files of which the header is read."""
    found = []
    real = recognising.find_engine

    def find(place):
        found.append(Path(place.text).name)
        return real(place)

    monkeypatch.setattr(recognising, "find_engine", find)
    return found


def aged(path, seconds=100.0):
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def opened(*paths):
    return open_datasets([DatasetFiles("k", paths)])["k"]


@pytest.mark.parametrize("calendar", CALENDARS)
def test_what_is_remembered_is_what_was_read(write, cache, reads, calendar):
    later = (3.5, 4.5, 5.5)
    paths = (
        aged(write("a.nc", calendar=calendar, packing=(0.5, 280.0))),
        aged(write("b.nc", later, calendar=calendar, time_units="days since 1999-12-30T00:00")),
        aged(write("c.nc", (9.5, 10.5), calendar=calendar, form="NETCDF3_CLASSIC")),
    )
    with pytest.warns(UserWarning, match="hole"):
        first = opened(*paths)
    assert len(reads) == 3
    with pytest.warns(UserWarning, match="hole"):
        second = opened(*paths)
    assert len(reads) == 3
    xr.testing.assert_identical(first.compute(), second.compute())
    for name in first.variables:
        assert first[name].dtype == second[name].dtype
        assert first[name].encoding == second[name].encoding


@pytest.mark.parametrize("what", ["content", "time", "gone", "cut"])
def test_a_file_that_changed_is_read_again(write, cache, reads, what, tmp_path):
    path = aged(write("a.nc"))
    opened(path)
    if what == "content":
        write("a.nc", values=[1, 2, 3])
        aged(path, 50)
        np.testing.assert_array_equal(opened(path)["tas"][:, 0], [1, 2, 3])
    elif what == "time":
        aged(path, 50)
        opened(path)
        assert len(reads) == 2
    elif what == "gone":
        Path(path).unlink()
        with pytest.raises(Exception, match="No such file"):
            opened(path)
    else:
        for record in cache.iterdir():
            record.write_bytes(record.read_bytes()[:-9])
        opened(path)
        assert len(reads) == 2


def test_a_file_of_the_same_size_and_time_is_another_one(write, cache):
    """What ``rsync -t`` or ``cp -p`` brings, in a form in which sizes are easily the same."""
    path = write("a.nc", units="K", form="NETCDF3_CLASSIC")
    other = write("b.nc", units="m", form="NETCDF3_CLASSIC")
    for each in (path, other):
        os.utime(each, (10**9, 10**9))
    assert Path(path).stat().st_size == Path(other).stat().st_size
    assert open_datasets([DatasetFiles("k", (path,))], harmonise=False)["k"]["tas"].units == "K"
    Path(other).replace(path)
    assert open_datasets([DatasetFiles("k", (path,))], harmonise=False)["k"]["tas"].units == "m"


def test_a_file_that_changed_just_now_is_not_remembered(write, cache, reads):
    path = write("a.nc")
    opened(path)
    opened(path)
    assert len(reads) == 2


def test_a_dataset_of_which_a_file_cannot_be_read_is_not_remembered(write, cache, reads, tmp_path):
    good, bad = aged(write("a.nc")), tmp_path / "b.nc"
    bad.write_bytes(b"CDF\x01")
    aged(bad)
    for _ in range(2):
        with pytest.warns(UserWarning, match="skipped"):
            opened(good, str(bad))
    assert reads.count("a.nc") == 2


class Evil:
    def __reduce__(self):
        return os.system, ("touch never",)


class Hidden:
    def __reduce__(self):
        return Path.touch, (Path("never"),)


@pytest.mark.parametrize("what", [Evil(), Hidden()])
def test_a_record_makes_nothing_but_records(write, cache, what, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = aged(write("a.nc"))
    opened(path)
    (record,) = cache.iterdir()
    record.write_bytes(pickle.dumps(([], what)))
    opened(path)
    assert not Path("never").exists()


def test_the_oldest_records_go_first(write, cache):
    paths = [aged(write(f"{number}.nc")) for number in range(5)]
    for number, path in enumerate(paths):
        before = set(cache.iterdir()) if cache.exists() else set()
        opened(path)
        (new,) = set(cache.iterdir()) - before
        aged(new, 1000 - number)
    sizes = [each.stat().st_size for each in cache.iterdir()]
    records = HeaderCache(cache)
    assert records.prune(limit=sum(sizes) - 1) == 1
    assert records.find((paths[0],), ()) is None
    assert records.find((paths[4],), ()) is not None


def test_a_folder_that_cannot_be_written_to_costs_nothing(write, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLIMERI_HEADER_CACHE", str(tmp_path / "file" / "headers"))
    assert opened(aged(write("a.nc"))).sizes["time"] == 3


def test_the_folder_is_the_owners_alone(write, cache):
    opened(aged(write("a.nc")))
    assert cache.stat().st_mode & 0o077 == 0
    assert header_cache().folder == cache
