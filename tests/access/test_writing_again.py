"""What was opened is written to a file and read again: the values are those that were shown."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.asked import Region
from climeri_platform.access.opened import DatasetFiles
from climeri_platform.access.opening import open_datasets


def opened(paths, variable, **options):
    about = {"variable": variable, **options.pop("about", {})}
    wanted = DatasetFiles("one", tuple(paths), facets=about, about=about)
    return open_datasets([wanted], **options)["one"]


def written(dataset, variable, folder):
    dataset[[variable]].to_netcdf(folder / "again.nc", engine="netcdf4")
    with xr.open_dataset(folder / "again.nc", engine="netcdf4") as file:
        return file[variable].values


@pytest.mark.parametrize(
    ("variable", "units", "model", "packing"),
    [
        ("tas", "degC", "", (0.01, 0.0)),
        ("tas", "K", "CNRM-ALADIN53", (0.001, 10.0)),
        ("siconca", "%", "EC-Earth3", (1 / 30000, 0.0)),
    ],
)
def test_the_packing_of_the_file_has_no_room_for_other_values(
    write, tmp_path, variable, units, model, packing
):
    """The first is in other units; of the others the label is wrong, which is a known fault."""
    values, expected = ([0.25, 0.75], [25, 75]) if units == "%" else ([2, 30], [275.15, 303.15])
    path = write(
        "a.nc", (0.5, 1.5), values, variable=variable, units=units, packing=packing, lat=(-80, 80)
    )
    dataset = opened([path], variable, about={"model": model} if model else {})
    for found in (dataset[variable].values, written(dataset, variable, tmp_path)):
        np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3)


def test_whole_numbers_in_other_units_are_no_longer_whole(write, tmp_path):
    path = write("a.nc", (0.5, 1.5), [280, 290], variable="tos", units="K", dtype="i2")
    dataset = opened([path], "tos")
    np.testing.assert_allclose(written(dataset, "tos", tmp_path)[:, 0], [6.85, 16.85])


def test_a_value_that_was_none_in_other_units(write, tmp_path):
    def declare(file):
        file["tos"].missing_value = np.float32(0)

    path = write("a.nc", (0.5, 1.5), [273.15, 0], variable="tos", units="K", more=declare)
    dataset = opened([path], "tos")
    for values in (dataset["tos"].values, written(dataset, "tos", tmp_path)):
        np.testing.assert_allclose(values[:, 0], [0, np.nan], atol=1e-4)


def test_whole_numbers_that_a_file_lacks(write, tmp_path):
    def count(file):
        file.createVariable("number", "i2", ("time",))[:] = 5

    paths = [write("a.nc", more=count), write("b.nc", (3.5, 4.5))]
    dataset = opened(paths, "tas")
    expected = [5, 5, 5, np.nan, np.nan]
    np.testing.assert_array_equal(written(dataset, "number", tmp_path), expected)


def test_packed_longitudes_that_are_brought_to_0_to_360(write, tmp_path):
    def more(file):
        file.createDimension("lon", 72)
        lon = file.createVariable("lon", "i2", ("lon",))
        lon.units, lon.scale_factor = "degrees_east", 0.01
        lon[:] = np.arange(-180.0, 180, 5)
        field = file.createVariable("pr", "f4", ("time", "lat", "lon"))
        field.units = "kg m-2 s-1"
        field[:] = 1

    dataset = opened([write("a.nc", more=more)], "pr")
    dataset.to_netcdf(tmp_path / "again.nc", engine="netcdf4")
    with xr.open_dataset(tmp_path / "again.nc", engine="netcdf4") as file:
        np.testing.assert_allclose(file["lon"], np.arange(0.0, 360, 5), atol=1e-3)


def test_bytes_that_are_masked_by_a_region(write, tmp_path):
    def more(file):
        file.createDimension("y", 3)
        file.createDimension("x", 3)
        for name, values in (("nav_lat", [[0], [10], [20]]), ("nav_lon", [[0, 10, 20]])):
            place = file.createVariable(name, "f8", ("y", "x"))
            place.units = "degrees_north" if name == "nav_lat" else "degrees_east"
            place[:] = np.broadcast_to(values, (3, 3)) + np.eye(3) * 3
        field = file.createVariable("clt", "i1", ("time", "y", "x"))
        field.setncatts({"units": "%", "scale_factor": 0.5, "coordinates": "nav_lat nav_lon"})
        field.set_auto_maskandscale(False)
        field[:] = 100

    region = Region.parse((-1, 11, -1, 11))
    dataset = opened([write("a.nc", more=more)], "clt", region=region)
    assert bool(dataset["clt"].isnull().any())
    np.testing.assert_array_equal(written(dataset, "clt", tmp_path), dataset["clt"])
