"""Objects of an S3 server are read as files are."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import header
from climeri_platform.access.engines.recognising import read_header
from climeri_platform.core.errors import FileUnreadable


@pytest.fixture
def run():
    return xr.Dataset(
        {
            "tas": (
                ("time", "lat"),
                np.random.default_rng(1).normal(280, 9, (40, 60)),
                {"units": "K"},
            )
        },
        {"time": np.arange(40.0), "lat": np.linspace(-80, 80, 60)},
    )


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT"])
def test_as_here(run, bucket, tmp_path, form, monkeypatch):
    path = tmp_path / "run.nc"
    run.to_netcdf(path, engine="netcdf4", format=form)
    bucket.put(str(path), "climate/run.nc")
    address = "s3://climate/run.nc"
    assert engine_of(address) == engine_of(path)
    array = pickle.loads(pickle.dumps(read_header(address).variables["tas"].array))
    np.testing.assert_array_equal(array.read((slice(3, 30, 9), 7)), run["tas"][3:30:9, 7])
    with open_file(path) as here, open_file(address) as there:
        xr.testing.assert_identical(here.load(), there.load())
    # another object of the same name and length
    bucket.pipe("climate/run.nc", path.read_bytes()[:-1] + b"!")
    with pytest.raises(FileUnreadable, match="replaced after"):
        array.read((0, 0))
    assert "hunter2" not in repr(array)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
@pytest.mark.parametrize("consolidated", [True, False])
def test_stores(run, bucket, tmp_path, version, consolidated, monkeypatch):
    monkeypatch.setattr(header, "_TINY", 8)
    path = tmp_path / "run.zarr"
    run.to_zarr(path, zarr_format=version, consolidated=consolidated)
    bucket.put(str(path), "climate/run.zarr", recursive=True)
    assert engine_of("s3://climate/run.zarr") == "zarr"
    with open_file(path) as here, open_file("s3://climate/run.zarr") as there:
        xr.testing.assert_identical(here.load(), there.load())


def test_what_is_not_there(bucket):
    with pytest.raises(FileUnreadable, match=r"s3://climate/gone\.nc: No such file") as told:
        read_header("s3://climate/gone.nc")
    assert told.value.hint
    with pytest.raises(FileUnreadable, match="s3://nowhere/run"):
        read_header("s3://nowhere/run.nc")
