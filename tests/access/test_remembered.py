"""Records of headers: used while the files are as they were, and only then."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr

import climeri_platform
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


@pytest.mark.parametrize(
    "form", ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"]
)
@pytest.mark.parametrize("written", [True, False])
def test_large_arrays_are_remembered_too(write, cache, reads, form, written):
    def more(file):
        file.createDimension("x", 300)
        chunks = {"chunksizes": (1, 300)} if form.startswith("NETCDF4") else {}
        for name, options in (("a", chunks), ("b", {})):
            field = file.createVariable(name, "f8", ("time", "x"), **options)
            if written:
                field[:] = np.arange(12000.0).reshape(40, 300)

    path = aged(write("a.nc", np.arange(40.0), form=form, more=more))
    first = opened(path)
    again = opened(path)
    assert len(reads) == 1
    xr.testing.assert_identical(first.compute(), again.compute())


@pytest.mark.real_data
def test_records_of_real_files_are_read_back(real_data, cache, reads):
    paths = sorted(real_data.glob("esmvaltool-sample/**/*Amon*.nc"))[:40]
    paths += sorted(real_data.glob("nemo-native/**/*.nc"))[:10]
    wanted = [DatasetFiles(str(path), (str(path),)) for path in paths if path.stat().st_size > 1000]
    open_datasets(wanted)
    count = len(reads)
    assert count >= 40
    open_datasets(wanted)
    assert len(reads) == count


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


def test_records_of_other_code_are_not_used(write, cache, tmp_path):
    """As a checkout has it that is updated under one release."""
    package = tmp_path / "checkout" / "climeri_platform"
    shutil.copytree(Path(climeri_platform.__file__).parent, package)
    catalogs = Path(climeri_platform.__file__).parent.parent / "catalogs"
    (package.parent / "catalogs").symlink_to(catalogs)
    script = (
        "import sys; from climeri_platform.access import DatasetFiles, open_datasets; "
        "open_datasets([DatasetFiles('k', (sys.argv[1],))]); print(open_datasets.__globals__['__file__'])"
    )
    path = aged(write("a.nc"))

    def records():
        command = [sys.executable, "-c", script, path]
        done = subprocess.run(
            command, check=True, cwd=package.parent, capture_output=True, text=True
        )
        assert done.stdout.startswith(str(package))
        return len([*cache.iterdir()])

    assert [records(), records()] == [1, 1]
    with (package / "access" / "decoding.py").open("a") as code:
        code.write("\n")
    assert [records(), records()] == [2, 2]


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


def test_a_pickle_in_the_place_of_a_record_is_not_run(write, cache, reads, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = aged(write("a.nc"))
    opened(path)
    (record,) = cache.iterdir()
    record.write_bytes(pickle.dumps(([], Evil())))
    opened(path)
    assert len(reads) == 2
    assert not Path("never").exists()


def test_a_file_that_is_too_large_for_a_record_is_not_read(write, cache, reads):
    path = aged(write("a.nc"))
    opened(path)
    (record,) = cache.iterdir()
    with record.open("ab") as file:
        file.truncate(2**40)  # of which the disk has nothing
    opened(path)
    assert len(reads) == 2


@pytest.mark.parametrize("how", ["full", "rename", "folder"])
def test_a_record_that_cannot_be_written_leaves_nothing(write, cache, reads, monkeypatch, how):
    path = aged(write("a.nc"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def refuse(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        if how == "full":  # the file ends in the middle of the record, as on a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        elif how == "rename":
            broken.setattr(Path, "replace", refuse)
        else:
            broken.setattr(Path, "mkdir", refuse)
        try:
            assert opened(path).sizes["time"] == 3
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not cache.exists() or not list(cache.iterdir())
    opened(path)
    opened(path)
    assert len(reads) == 2


def test_what_no_record_may_hold_is_read_again(tmp_path, cache, reads):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3.0)
        file["x"].make_scale("x")
        file["a"] = np.zeros(3, "i4,f8")
        file["a"].dims[0].attach_scale(file["x"])
    aged(path)
    for count in (1, 2):
        assert opened(str(path))["a"].dtype == np.dtype("i4,f8")
        assert len(reads) == count
    assert not cache.exists()


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


@pytest.mark.parametrize("consolidated", [True, False])
def test_a_store_is_asked_anew(cache, tmp_path, consolidated):
    # its folder keeps its time when numbers in it are written anew
    store = tmp_path / "a.zarr"
    series = xr.Dataset(
        {"tas": ("time", np.ones(3))},
        {"time": ("time", np.arange(3), {"units": "days since 2000-01-01"})},
    )
    plain = {name: {"compressors": None} for name in series.variables}
    series.to_zarr(store, zarr_format=2, consolidated=consolidated, encoding=plain)
    aged(store)
    assert opened(str(store))["time"].dt.year[0] == 2000
    zarr.open_group(store, mode="r+")["time"][:] = np.arange(3) + 366
    assert opened(str(store))["time"].dt.year[0] == 2001


def test_what_references_refer_to_is_asked_anew(write, cache, tmp_path):
    target, there = tmp_path / "numbers", tmp_path / "a.json"
    target.write_bytes(np.arange(3, dtype="<i8").tobytes())
    array = {
        "zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "<i8", "order": "C",
        "compressor": None, "filters": None, "fill_value": None,
    }  # fmt: skip
    said = {"_ARRAY_DIMENSIONS": ["time"], "units": "days since 2000-01-01"}
    there.write_text(
        json.dumps(
            {
                ".zgroup": json.dumps({"zarr_format": 2}),
                "time/.zarray": json.dumps(array),
                "time/.zattrs": json.dumps(said),
                "time/0": [str(target), 0, 24],
            }
        )
    )
    aged(there)
    assert opened(str(there))["time"].dt.year[0] == 2000
    target.write_bytes((np.arange(3, dtype="<i8") + 366).tobytes())
    assert opened(str(there))["time"].dt.year[0] == 2001


def test_only_records_are_deleted(write, cache):
    opened(aged(write("a.nc")))
    mine = [cache / "thesis.nc", cache / ("0" * 39), cache / ("A" * 40)]
    for each in mine:
        each.write_bytes(b"of years")
        aged(each, 10_000)
    (cache / ("f" * 40)).mkdir()
    assert HeaderCache(cache).prune(limit=0) == 1
    assert all(each.exists() for each in mine)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_is_no_record(write, cache, reads, link, tmp_path):
    path = aged(write("a.nc"))
    opened(path)
    (record,) = cache.iterdir()
    record.rename(tmp_path / "elsewhere")
    link(tmp_path / "elsewhere", record)
    opened(path)
    assert len(reads) == 2
