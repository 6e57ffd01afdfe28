"""Horizontal coordinates in files, as the archives write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.testing.netcdf import put

if TYPE_CHECKING:
    import netCDF4

    from climeri_platform.testing.grids import Atmosphere
    from climeri_platform.testing.ocean import Ocean
    from climeri_platform.testing.rotated import Rotated

__all__ = ["put_curvilinear", "put_height", "put_latlon", "put_rotated"]

_LAT: dict[str, Any] = {
    "standard_name": "latitude",
    "long_name": "latitude",
    "units": "degrees_north",
}
_LON: dict[str, Any] = {
    "standard_name": "longitude",
    "long_name": "longitude",
    "units": "degrees_east",
}


def _need(dataset: netCDF4.Dataset, **sizes: int) -> None:
    for name, size in sizes.items():
        if name not in dataset.dimensions:
            dataset.createDimension(name, size)


def put_latlon(dataset: netCDF4.Dataset, grid: Atmosphere) -> None:
    """Add lat and lon with their bounds."""
    _need(dataset, lat=len(grid.lat), lon=len(grid.lon), bnds=2)
    put(dataset, "lat", ("lat",), grid.lat, bounds="lat_bnds", axis="Y", **_LAT)
    put(dataset, "lat_bnds", ("lat", "bnds"), grid.lat_bnds)
    put(dataset, "lon", ("lon",), grid.lon, bounds="lon_bnds", axis="X", **_LON)
    put(dataset, "lon_bnds", ("lon", "bnds"), grid.lon_bnds)


def put_curvilinear(dataset: netCDF4.Dataset, ocean: Ocean) -> None:
    """Add the latitude and longitude (j, i) of an ocean and the vertices of its cells."""
    rows, columns = ocean.lat.shape
    _need(dataset, j=rows, i=columns, vertices=4)
    for name, size in (("j", rows), ("i", columns)):
        text = f"cell index along {'second' if name == 'j' else 'first'} dimension"
        put(dataset, name, (name,), np.arange(size), kind="i4", long_name=text, units="1")
    shape = ocean.lat.shape
    for name, values, corners, words in (
        ("latitude", ocean.lat, ocean.lat_corners, _LAT),
        ("longitude", ocean.lon, ocean.lon_corners, _LON),
    ):
        bounds = f"vertices_{name}"
        put(dataset, name, ("j", "i"), values, chunks=shape, bounds=bounds, **words)
        put(
            dataset, bounds, ("j", "i", "vertices"), corners,
            chunks=(*shape, 4), units=words["units"],
        )  # fmt: skip


def put_rotated(dataset: netCDF4.Dataset, grid: Rotated) -> None:
    """Add rlat and rlon, the true lat and lon (rlat, rlon), and the grid mapping."""
    points = grid.points
    _need(dataset, rlat=len(grid.rlat), rlon=len(grid.rlon))
    mapping: dict[str, Any] = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": grid.pole_lat,
        "grid_north_pole_longitude": grid.pole_lon,
    }
    put(dataset, "rotated_pole", (), 0, kind="i4", **mapping)
    for name, values, axis in (("rlat", grid.rlat, "Y"), ("rlon", grid.rlon, "X")):
        which = "latitude" if axis == "Y" else "longitude"
        put(
            dataset, name, (name,), values,
            standard_name=f"grid_{which}", long_name=f"{which} in rotated pole grid",
            units="degrees", axis=axis,
        )  # fmt: skip
    for name, values, words in (("lat", points.lat, _LAT), ("lon", points.lon, _LON)):
        put(
            dataset, name, ("rlat", "rlon"), values.reshape(points.shape),
            chunks=points.shape, **words,
        )  # fmt: skip


def put_height(dataset: netCDF4.Dataset, metres: float) -> None:
    """Add the scalar height of screen-level variables."""
    put(
        dataset, "height", (), metres,
        units="m", axis="Z", positive="up", long_name="height", standard_name="height",
    )  # fmt: skip
