"""Longitudes of the globe run from 0 to 360.

That is CMIP's convention (the coordinate table of its data request, doi:10.5194/gmd-13-201-2020), most archives
hold nothing else, and so the fewest data are moved. A region keeps the longitudes that its file
has: a European domain would be cut in two at Greenwich by 0 to 360, a Pacific one at the date line
by -180 to 180. On curvilinear global grids values are mapped, and nothing moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.access.decoding import encoding_of_changed
from climeri_platform.access.harmonise.fields import bounds_of, elementwise, in_memory
from climeri_platform.access.steps import STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_global", "longitudes_from_zero"]

_FIX = "longitudes"
_TURN = 360.0
# of a step between columns: less is rounding
_ROUNDING = 1e-3
_UNEVEN = 0.05
_STATIONS = 1000  # fewer places in a list are no grid of the globe
_SAID_2D = "longitudes are brought to 0 to 360"


def longitudes_from_zero(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Let the longitudes of a global grid run from 0 to 360.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Common facets; where there is a ``domain``, the grid is a region's.
    """
    if "lon" not in dataset.coords or dataset["lon"].dtype.kind != "f":
        if "lon" in dataset.indexes and dataset["lon"].dtype.kind in "iu":
            return _roll(dataset)
        return dataset, []
    if "lon" in dataset.indexes:
        return _roll(dataset)
    regional = about.get("domain") or dataset.attrs.get("CORDEX_domain") or "rlon" in dataset.dims
    projected = any("grid_mapping" in {*v.attrs, *v.encoding} for v in dataset.data_vars.values())
    scattered = dataset["lon"].ndim == 1 and dataset["lon"].size < _STATIONS
    if regional or projected or scattered or dataset["lon"].ndim == 0:
        return dataset, []
    return _map(dataset)


def is_global(longitudes: np.ndarray) -> bool:
    """Whether the columns of a rectilinear grid go once round the globe.

    Parameters
    ----------
    longitudes
        One-dimensional, increasing, degrees.

    Examples
    --------
    >>> is_global(np.arange(-180.0, 180, 2.5)), is_global(np.arange(-20.0, 30, 0.5))
    (True, False)
    """
    if longitudes.size < 2:
        return False
    steps = np.diff(longitudes)
    if not (steps > 0).all():
        return False
    step = float(np.median(steps))
    even = np.ptp(steps) <= _UNEVEN * step
    return bool(even and abs(longitudes[-1] - longitudes[0] + step - _TURN) <= _UNEVEN * step)


def _roll(dataset: xr.Dataset) -> tuple[xr.Dataset, list[Step]]:
    native = np.asarray(dataset["lon"].values, float)
    if not np.isfinite(native).all() or not is_global(native):
        return dataset, []
    slack = _ROUNDING * float(np.diff(native).min())
    wanted = np.mod(native + slack, _TURN) - slack
    if np.abs(wanted - native).max() <= slack:
        return dataset, []
    first = int(np.argmin(wanted))
    bounds = bounds_of(dataset, "lon")
    moved = xr.Variable(("lon",), np.round((wanted - native) / _TURN) * _TURN)
    lon = dataset["lon"].variable
    new = (native + moved.values).astype(lon.dtype)
    if bounds is not None:
        dataset = dataset.assign({bounds: _shifted(dataset.variables[bounds], moved)})
    dataset = dataset.assign_coords(lon=("lon", new, lon.attrs, encoding_of_changed(lon.encoding)))
    if first:
        lazy = {
            name: each.chunk()
            for name, each in dataset.variables.items()
            if "lon" in each.dims and name not in dataset.indexes and each.chunks is None
        }
        dataset = dataset.assign(lazy).roll(lon=-first, roll_coords=True)
    said = (
        f"longitudes ran from {native[0]:g} to {native[-1]:g} in the file, they run from 0 to 360; "
        "values stay at their places"
    )
    return dataset, [Step(_FIX, "lon", said, "order")]


def _shifted(bounds: xr.Variable, moved: xr.Variable) -> xr.Variable:
    """Move bounds with their centres, so that a cell across Greenwich stays whole."""
    small = in_memory(bounds) is not None
    held = bounds if small or bounds.chunks is not None else bounds.chunk()
    new = (held + moved).transpose(*bounds.dims).astype(bounds.dtype)
    new.attrs, new.encoding = dict(bounds.attrs), encoding_of_changed(bounds.encoding)
    return new


def _map(dataset: xr.Dataset) -> tuple[xr.Dataset, list[Step]]:
    lon = dataset.variables["lon"]
    held = in_memory(lon)
    if held is None and _SAID_2D in str(lon.attrs.get(STEPS, "")):
        return dataset, []
    if held is not None and not ((held < 0) | (held >= _TURN)).any():
        return dataset, []
    new = elementwise(lon, _in_one_turn)
    new.encoding = encoding_of_changed(lon.encoding)
    bounds = bounds_of(dataset, "lon")
    if bounds is not None:
        whole = lon if held is not None or lon.chunks is not None else lon.chunk()
        moved = xr.Variable(lon.dims, new.data - whole.data)
        dataset = dataset.assign({bounds: _shifted(dataset.variables[bounds], moved)})
    dataset = dataset.assign_coords(lon=new)
    return dataset, [Step(_FIX, "lon", f"{_SAID_2D}; nothing moves", "order")]


def _in_one_turn(block: np.ndarray) -> np.ndarray:
    turned = np.mod(block, _TURN)
    # of -1e-9 single precision makes 360
    return np.where(turned >= _TURN, 0.0, turned).astype(block.dtype)
