"""Fields that must not be read, and datasets as producers write them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

DAY = np.array([0, 1], "m8[D]")


def _refuse(block):
    raise AssertionError("the field was read")


@pytest.fixture
def unread():
    """Make a lazy float32 field that fails when it is read."""

    def make(shape):
        zeros = da.zeros(shape, dtype="f4", chunks=-1)
        return zeros.map_blocks(_refuse, dtype="f4", meta=np.empty((0,) * len(shape), "f4"))

    return make


@pytest.fixture
def nemo(unread):
    """Make what XIOS writes for NEMO: two times, 2-D places, bounds with its own names."""
    y, x = np.meshgrid(np.linspace(-60, 60, 5), np.linspace(-170, 170, 6), indexing="ij")
    months = np.array(["2000-01-16", "2000-02-15"], "M8[us]")
    time = {"standard_name": "time", "axis": "T", "bounds": "time_counter_bounds"}
    return xr.Dataset(
        {
            "tos": (("time_counter", "y", "x"), unread((2, 5, 6)), {"units": "degC"}),
            "bounds_nav_lat": (("y", "x", "nvertex"), np.zeros((5, 6, 4))),
            "bounds_nav_lon": (("y", "x", "nvertex"), np.zeros((5, 6, 4))),
            "time_counter_bounds": (("time_counter", "axis_nbounds"), months[:, None] + DAY),
            "time_centered_bounds": (("time_counter", "axis_nbounds"), months[:, None] + DAY),
        },
        coords={
            "nav_lat": (("y", "x"), y, {"standard_name": "latitude", "bounds": "bounds_nav_lat"}),
            "nav_lon": (("y", "x"), x, {"standard_name": "longitude", "bounds": "bounds_nav_lon"}),
            "time_counter": ("time_counter", months, time),
            "time_centered": (
                "time_counter",
                months,
                {"standard_name": "time", "bounds": "time_centered_bounds"},
            ),
        },
    )


@pytest.fixture
def globe():
    """Make a global field of which each value says where it is."""

    def make(lat, lon, **names):
        lat, lon = np.asarray(lat, float), np.asarray(lon, float)
        values = (1000 * np.round(lat[:, None], 3) + np.round(lon[None, :] % 360, 3)).astype("f8")
        dy, dx = np.diff(lat)[0] / 2, np.diff(lon)[0] / 2
        return xr.Dataset(
            {
                "here": (("lat", "lon"), da.from_array(values, chunks=(3, 4))),
                "lat_bnds": (("lat", "bnds"), np.stack([lat - dy, lat + dy], 1)),
                "lon_bnds": (("lon", "bnds"), np.stack([lon - dx, lon + dx], 1)),
            },
            coords={
                "lat": ("lat", lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
                "lon": ("lon", lon, {"units": "degrees_east", "bounds": "lon_bnds"}),
            },
        )

    return make
