"""Stores are read as xarray reads them, here, elsewhere, and through references."""

from __future__ import annotations

import json
import pickle
import shutil
import threading

import numpy as np
import pytest
import xarray as xr
import zarr

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import header
from climeri_platform.access.engines.recognising import read_header
from climeri_platform.access.engines.zarr import ZarrArray
from climeri_platform.core.errors import FileUnreadable


@pytest.fixture
def run():
    time = xr.date_range("2000-01-01", periods=20, freq="D", use_cftime=False)
    random = np.random.default_rng(1)
    tas = random.normal(280, 9, (20, 6, 8)).astype("f4")
    tas[3, 2] = np.nan
    return xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), tas, {"units": "K", "cell_methods": "time: mean"}),
            "packed": (("time",), np.arange(20.0), {"units": "1"}),
            "number": ((), np.int32(7)),
            "region": (("region",), np.array(["Arctic", "Nord-Île"])),
        },
        {"time": time, "lat": np.linspace(-80, 80, 6), "lon": np.arange(8.0)},
        {"title": "a run", "list": [1, 2]},
    )


ENCODING = {
    "tas": {"chunks": (7, 6, 3), "_FillValue": np.float32(1e20)},
    "packed": {"dtype": "i2", "scale_factor": 0.5, "_FillValue": -99},
}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.filterwarnings("ignore:Consolidated metadata", "ignore:Failed to open Zarr store")
@pytest.mark.filterwarnings("ignore:The data type")
def test_as_xarray_reads_it(run, tmp_path, version, consolidated, monkeypatch):
    monkeypatch.setattr(header, "_SMALL", 8)
    path = tmp_path / "run.zarr"
    run.to_zarr(path, zarr_format=version, consolidated=consolidated, encoding=ENCODING)
    assert engine_of(path) == "zarr"
    like(read_header(path), xr.open_zarr(path, decode_cf=False, chunks=None))
    with open_file(path, chunks={}) as ours, xr.open_zarr(path) as theirs:
        xr.testing.assert_equal(ours, theirs)
        assert ours["tas"].chunks == theirs["tas"].chunks
        assert ours["tas"].isnull().sum() == 8


def like(found, expected):
    assert found.sizes == dict(expected.sizes)
    assert found.attrs == expected.attrs
    assert set(found.variables) == set(expected.variables)
    for name, theirs in expected.variables.items():
        ours = found.variables[name]
        assert ours.dims == theirs.dims
        assert set(ours.attrs) == set(theirs.attrs)
        for word, value in theirs.attrs.items():
            np.testing.assert_array_equal(ours.attrs[word], value)
            assert type(ours.attrs[word]) is type(value)
        for word in ("chunks", "preferred_chunks", "shards"):
            assert ours.encoding[word] == theirs.encoding[word]
        values = pickle.loads(pickle.dumps(ours.array)).read((slice(None),) * len(ours.dims))
        np.testing.assert_array_equal(values, theirs.values)


@pytest.mark.parametrize("version", [2, 3])
def test_any_part_in_any_thread(run, tmp_path, version, monkeypatch):
    monkeypatch.setattr(header, "_TINY", 8)
    path = tmp_path / "run.zarr"
    run[["tas"]].to_zarr(
        path, zarr_format=version, consolidated=False, encoding={"tas": ENCODING["tas"]}
    )
    array = read_header(path).variables["tas"].array
    assert isinstance(array, ZarrArray)
    expected = array.read((slice(None),) * 3)
    wrong = []

    def work(seed):
        random = np.random.default_rng(seed)
        for _ in range(20):
            step = int(random.choice([-3, -1, 1, 2]))
            key = (
                slice(None, None, step),
                int(random.integers(-6, 6)),
                slice(*sorted(random.integers(0, 8, 2))),
            )
            if not np.array_equal(array.read(key), expected[key], equal_nan=True):
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_over_https_as_here(run, https, version, monkeypatch):
    monkeypatch.setattr(header, "_TINY", 8)
    path = https.folder / "run.zarr"
    run[["tas", "packed"]].to_zarr(path, zarr_format=version, consolidated=True, encoding=ENCODING)
    address = f"{https.address}/run.zarr"
    assert engine_of(address) == "zarr"
    like(read_header(address), xr.open_zarr(path, decode_cf=False, chunks=None))
    with open_file(address) as ours, xr.open_zarr(path) as theirs:
        xr.testing.assert_equal(ours.load(), theirs.load())


def test_a_server_that_lists_no_folders(run, https):
    run[["tas"]].to_zarr(https.folder / "run.zarr", consolidated=False)
    with pytest.raises(FileUnreadable, match="not consolidated") as told:
        read_header(f"{https.address}/run.zarr")
    assert "consolidate_metadata" in told.value.hint


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("consolidated", [True, False])
def test_a_store_that_was_replaced_is_not_read(run, tmp_path, consolidated, monkeypatch):
    monkeypatch.setattr(header, "_TINY", 8)
    path = tmp_path / "run.zarr"
    run[["tas"]].to_zarr(path, consolidated=consolidated)
    array = read_header(path).variables["tas"].array
    array.read((0, 0, 0))
    shutil.rmtree(path)
    run[["tas"]].isel(time=slice(5)).to_zarr(path, consolidated=consolidated)
    with pytest.raises(FileUnreadable, match="replaced after"):
        array.read((0, 0, 0))


def test_what_is_damaged_or_none(run, tmp_path, monkeypatch):
    monkeypatch.setattr(header, "_TINY", 8)
    path = tmp_path / "run.zarr"
    run[["tas"]].to_zarr(path, zarr_format=2, consolidated=False)
    array = read_header(path).variables["tas"].array
    for chunk in (path / "tas").glob("[0-9]*"):
        chunk.write_bytes(b"no chunk")
    with pytest.raises(FileUnreadable, match=r"run\.zarr: .*tas") as told:
        array.read((0, 0, 0))
    assert "damaged" in told.value.hint
    (path / "tas" / ".zarray").write_text("{")
    with pytest.raises(FileUnreadable, match=r"run\.zarr"):
        read_header(path)
    (tmp_path / "none.zarr").mkdir()
    with pytest.raises(FileUnreadable, match="Is a directory"):
        read_header(tmp_path / "none.zarr")


def test_dimensions_without_names_are_refused(tmp_path):
    for version in (2, 3):
        path = tmp_path / f"{version}.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=version)
        group.create_array("x", shape=(3,), dtype="f4")
        with pytest.raises(FileUnreadable, match="the dimensions of x have no names"):
            read_header(path)


def test_names_as_the_netcdf_library_writes_them(tmp_path):
    path = tmp_path / "run.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("x", shape=(3,), dtype="f4")[:] = [1, 2, 3]
    document = path / "x" / ".zarray"
    said = json.loads(document.read_text())
    document.write_text(json.dumps(said | {"_NCZARR_ARRAY": {"dimrefs": ["/lat"]}}))
    found = read_header(path)
    assert found.variables["x"].dims == ("lat",)
    assert found.variables["x"].array.read((slice(None),)).tolist() == [1, 2, 3]
