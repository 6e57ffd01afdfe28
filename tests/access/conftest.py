"""Small NetCDF files, each as a producer might have written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import pytest

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
