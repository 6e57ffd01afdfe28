"""Blocks go by the names that all models share, and a name that nobody has is not passed over."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.core.errors import UsageError


@pytest.fixture
def native(tmp_path):
    """Write a field as a model's own output has it: no dimension has its common name."""

    def make(name, **lengths):
        path = tmp_path / name
        with netCDF4.Dataset(path, "w") as file:
            for dim, length in {"time_counter": 12, "latitude": 6, "x": 4, **lengths}.items():
                file.createDimension(dim, length)
            time = file.createVariable("time_counter", "f8", ("time_counter",))
            time.setncatts({"units": "days since 2000-01-01", "standard_name": "time"})
            time[:] = np.arange(12.0)
            lat = file.createVariable("latitude", "f8", ("latitude",))
            lat.setncatts({"units": "degrees_north", "standard_name": "latitude"})
            lat[:] = np.linspace(50, -50, 6)
            dims = ("time_counter", *lengths, "latitude", "x")
            file.createVariable("sst", "f4", dims)[:] = 1.0
        return str(path)

    return make


def opened(*paths, **options):
    wanted = [DatasetFiles(f"k{n}", (path,)) for n, path in enumerate(paths)]
    return open_datasets(wanted, **options)


@pytest.mark.parametrize("harmonise", [True, False])
@pytest.mark.parametrize(
    "chunks", [{"time": 4, "latitude": 3}, {"time_counter": 4, "latitude": 3, "x": -1}]
)
def test_blocks_by_the_names_of_the_files(native, chunks, harmonise):
    found = opened(native("a.nc"), chunks=chunks, harmonise=harmonise)["k0"]
    assert found["sst"].chunks == ((4, 4, 4), (3, 3), (4,))


def test_blocks_by_the_common_names(native):
    found = opened(native("a.nc"), chunks={"time": 6, "lat": 2})["k0"]
    assert found["sst"].dims[:2] == ("time", "lat")
    assert found["sst"].chunks == ((6, 6), (2, 2, 2), (4,))
    assert (found["sst"].values == 1).all()
    with pytest.raises(UsageError, match="no dimension is called 'lat'") as told:
        opened(native("b.nc"), chunks={"lat": 2}, harmonise=False)
    assert "latitude" in told.value.hint


@pytest.mark.parametrize("chunks", [0, {"time": 0}, {"time": None}])
def test_blocks_of_nothing(native, chunks):
    with pytest.raises(UsageError, match="names no size"):
        opened(native("a.nc"), chunks=chunks)


def test_a_dimension_that_some_have_and_one_that_none_has(native):
    flat, deep = native("a.nc"), native("b.nc", depth=3)
    found = opened(flat, deep, chunks={"depth": 1})
    assert found["k1"]["sst"].chunks[1] == (1, 1, 1)
    with pytest.raises(UsageError, match="no dimension is called 'dpth'") as told:
        opened(flat, deep, chunks={"dpth": 1})
    assert "depth" in told.value.hint
