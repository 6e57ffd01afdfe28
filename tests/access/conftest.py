"""Small NetCDF files, each as a producer might have written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cftime
import dask.array as da
import netCDF4
import numpy as np
import pytest
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

YEAR = "days since 2000-01-01"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write one file; returns its path."""

    def write(
        name: str,
        times: Any = (0.5, 1.5, 2.5),
        values: Any = None,
        *,
        variable: str = "tas",
        units: str | None = "K",
        time_units: str = YEAR,
        calendar: str = "standard",
        form: str = "NETCDF4",
        lat: Any = (-45.0, 45.0),
        dtype: str = "f4",
        packing: tuple[float, float] | None = None,
        chunks: tuple[int, int] | None = None,
        attributes: dict[str, str] | None = None,
        more: Callable[[netCDF4.Dataset], None] | None = None,
    ) -> str:
        path = tmp_path / name
        times, lat = np.asarray(times, "f8"), np.asarray(lat, "f8")
        if values is None:
            values = 280 + times
        values = np.broadcast_to(np.asarray(values, "f8")[:, None], (times.size, lat.size))
        with netCDF4.Dataset(path, "w", format=form) as file:
            file.setncatts(attributes or {})
            file.createDimension("time", None)
            file.createDimension("lat", lat.size)
            axis = file.createVariable("time", "f8", ("time",))
            axis.setncatts({"units": time_units, "calendar": calendar, "standard_name": "time"})
            axis[:] = times
            there = file.createVariable("lat", "f8", ("lat",))
            there.units = "degrees_north"
            there[:] = lat
            options = {"chunksizes": chunks} if chunks else {}
            field = file.createVariable(
                variable, "i2" if packing else dtype, ("time", "lat"), **options
            )
            if packing:
                field.scale_factor, field.add_offset = packing
            if units is not None:
                field.units = units
            field[:] = values
            if more is not None:
                more(file)
        return str(path)

    return write


def _months(start, count, calendar="noleap", day=16):
    at = [(start + n // 12, n % 12 + 1) for n in range(count)]
    if calendar == "datetime64":
        return np.array([f"{y:04}-{m:02}-{day:02}" for y, m in at], dtype="M8[us]")
    return np.array([cftime.datetime(y, m, day, calendar=calendar) for y, m in at])


def _field(
    level=0.0,
    start=1850,
    count=24,
    *,
    calendar="noleap",
    day=16,
    lat=(-45.0, 45.0),
    chunk=12,
    name="tas",
    units="K",
    with_bounds=False,
    **attributes,
):
    """One dataset, as joining makes it; its values are the level and the number of the month."""
    times = _months(start, count, calendar, day)
    values = level + 12 * (start - 1850) + np.arange(count)
    data = da.from_array(np.repeat(values[:, None], len(lat), 1).astype("f4"), chunks=(chunk, -1))
    dataset = xr.Dataset(
        {name: (("time", "lat"), data, {"units": units})},
        {"time": times, "lat": ("lat", np.asarray(lat, "f8"))},
        attributes,
    )
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    dataset["lat_bnds"] = ("lat", "bnds"), da.from_array(np.stack([lat, lat], 1), chunks=-1)
    if with_bounds:
        first = _months(start, count + 1, calendar, 1)
        bounds = np.stack([first[:-1], first[1:]], 1)
        dataset["time"].attrs["bounds"] = "time_bnds"
        dataset["time_bnds"] = ("time", "bnds"), da.from_array(bounds, chunks=(chunk, -1))
    return dataset


@pytest.fixture(scope="session")
def field() -> Callable[..., xr.Dataset]:
    """Make one monthly dataset, as joining leaves it; its values are a level and the month."""
    return _field
