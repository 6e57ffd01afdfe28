"""Native files as LMDZ and NEMO write them, small, and a scheduler that refuses to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dask
import netCDF4
import numpy as np
import pytest

from climeri_platform.access import open_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

SECONDS = "seconds since 2000-01-01 00:00:00"
DAY = 86400.0


@pytest.fixture
def lazily():
    """Refuse to compute anything of a dask array by the scheduler that is set."""

    def refuse(*_args: Any, **_more: Any) -> None:
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse):
        yield


@pytest.fixture
def native(tmp_path: Path) -> Callable[..., xr.Dataset]:
    """Write one file with a time axis of days, and open it."""

    def native(
        fields: dict[str, dict[str, Any]],
        *,
        axes: dict[str, tuple[Any, dict[str, Any]]] | None = None,
        steps: int = 3,
        levels: str = "",
        attributes: dict[str, str] | None = None,
        more: Callable[[netCDF4.Dataset], None] | None = None,
    ) -> xr.Dataset:
        path = tmp_path / "native.nc"
        times = DAY * (np.arange(steps) + 0.5)
        axes = axes or {"time_counter": (times, {})}
        time = next(iter(axes))
        with netCDF4.Dataset(path, "w") as file:
            file.setncatts(attributes or {})
            for name, size in ((time, None), ("y", 2), ("x", 3), ("axis_nbounds", 2)):
                file.createDimension(name, size)
            for name, (values, attrs) in axes.items():
                axis = file.createVariable(name, "f8", (time,))
                axis.setncatts({"units": SECONDS, "calendar": "gregorian", **attrs})
                axis[:] = values
            for name in ("nav_lat", "nav_lon"):
                file.createVariable(name, "f4", ("y", "x"))[:] = np.arange(6.0).reshape(2, 3)
            dims = (time, "y", "x")
            if levels:
                file.createDimension(levels, 4)
                depth = file.createVariable(levels, "f4", (levels,))
                depth[:] = [5.0, 15.0, 30.0, 60.0]
                depth.setncatts({"bounds": f"{levels}_bounds", "name": levels})
                bounds = file.createVariable(f"{levels}_bounds", "f4", (levels, "axis_nbounds"))
                bounds[:] = np.array([[0, 10], [10, 20], [20, 40], [40, 80]])
                dims = (time, levels, "y", "x")
            for name, attrs in fields.items():
                own = dict(attrs)
                kind, value = own.pop("dtype", "f4"), own.pop("value", 2.0)
                field = file.createVariable(name, kind, own.pop("dims", dims))
                field.setncatts({"coordinates": "nav_lat nav_lon", **own})
                field[:] = value
            if more is not None:
                more(file)
        return open_file(path)

    return native
