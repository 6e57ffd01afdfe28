"""Values of coordinates, read in this thread: the only numbers that are read while files are opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from dask.base import is_dask_collection

if TYPE_CHECKING:
    from collections.abc import Hashable

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Grid", "bounds_of", "degrees_of", "grids_of", "values_of"]

_NO_ANGLE = 1e4  # fill values that a file does not declare are far beyond
_NAMES = {
    "lat": ("lat", "latitude", "nav_lat", "TLAT", "geolat", "XLAT", "clat"),
    "lon": ("lon", "longitude", "nav_lon", "TLON", "geolon", "XLONG", "clon"),
}


def values_of(array: xr.DataArray) -> np.ndarray[Any, Any]:
    """Return the values of a coordinate, or of its bounds.

    No cluster and no pool is asked: a lazy one is computed by the thread that calls.

    Parameters
    ----------
    array
        In memory or lazy.
    """
    data = array.variable.data
    if is_dask_collection(data):
        data = data.compute(scheduler="synchronous")
    return np.asarray(data)


def bounds_of(dataset: xr.Dataset, name: str) -> str | None:
    """Return the name of the variable with the bounds of a coordinate; None if there is none.

    Parameters
    ----------
    dataset
        What may hold it.
    name
        The coordinate.
    """
    variable = dataset[name]
    for word in ("bounds", "climatology"):
        named = variable.attrs.get(word) or variable.encoding.get(word)
        if named in dataset.variables:
            return str(named)
    return None


@dataclass(frozen=True, slots=True)
class Grid:
    """Which coordinates say where the cells of a grid are.

    Attributes
    ----------
    kind
        ``axes``: a dimension each; ``plane``: two dimensions; ``cells``: one dimension for both.
    lat, lon
        Their names. Of axes one may be missing.
    """

    kind: Literal["axes", "plane", "cells"]
    lat: str | None
    lon: str | None


def degrees_of(array: xr.DataArray) -> NDArray[np.float64]:
    """Return the values of a latitude or longitude in degrees, what is missing as NaN.

    Parameters
    ----------
    array
        In degrees, or in radians if its units say so.
    """
    values = values_of(array).astype("f8")
    if str(array.attrs.get("units", "")).lower().startswith("rad"):
        values = np.rad2deg(values)
    return np.where(np.abs(values) < _NO_ANGLE, values, np.nan)


def _side(dataset: xr.Dataset, name: str) -> str:
    """Return ``lat``, ``lon``, or "" for all else, by standard name, units or name."""
    variable = dataset.variables[name]
    if variable.dtype.kind not in "fiu" or variable.ndim not in (1, 2):
        return ""
    standard = variable.attrs.get("standard_name")
    units = str(variable.attrs.get("units", "")).lower().replace("s_", "_")
    for side, word in (("lat", "latitude"), ("lon", "longitude")):
        letter = "north" if side == "lat" else "east"
        if standard is not None:
            if standard == word:
                return side
        elif units in (f"degree_{letter}", f"degree_{letter[0]}") or name in _NAMES[side]:
            return side
    return ""


def grids_of(dataset: xr.Dataset) -> list[Grid]:
    """Return the horizontal grids of a dataset; those in two dimensions, if there are any.

    A rotated, projected or tripolar grid also has axes; they do not say where its cells are.

    Parameters
    ----------
    dataset
        Nothing of it is read.
    """
    edges = {bounds_of(dataset, str(name)) for name in dataset.variables}
    said = " ".join(
        str(each.encoding.get("coordinates") or each.attrs.get("coordinates") or "")
        for each in dataset.data_vars.values()
    ).split()
    names: dict[str, list[str]] = {"lat": [], "lon": []}
    for name in map(str, dataset.variables):
        if name not in edges and (side := _side(dataset, name)):
            names[side].append(name)
    for side, known in _NAMES.items():
        # first what variables name as theirs, then what is called as usual
        names[side].sort(
            key=lambda n, k=known: (n not in said, k.index(n) if n in k else len(k))  # type: ignore[misc]
        )
    planes, cells = _pairs(dataset, names, 2), _pairs(dataset, names, 1)
    if planes or cells:
        kind: Literal["plane", "cells"] = "plane" if planes else "cells"
        return [Grid(kind, lat, lon) for lat, lon in planes or cells]
    sides = {
        side: next((n for n in found if n in dataset.dims), found[0] if found else None)
        for side, found in names.items()
    }
    return [Grid("axes", sides["lat"], sides["lon"])] if any(sides.values()) else []


def _pairs(dataset: xr.Dataset, names: dict[str, list[str]], ndim: int) -> list[tuple[str, str]]:
    """Return latitude and longitude of each grid that has both on the same dimensions."""
    found: dict[frozenset[Hashable], tuple[str, str]] = {}
    for lat in names["lat"]:
        dims = dataset[lat].dims
        fitting = [each for each in names["lon"] if {*dataset[each].dims} == {*dims}]
        if len(dims) == ndim and fitting and frozenset(dims) not in found:
            twin = lat.replace("lat", "lon").replace("LAT", "LON")
            found[frozenset(dims)] = (lat, twin if twin in fitting else fitting[0])
    return list(found.values())
