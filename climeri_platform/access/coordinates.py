"""Coordinates: their bounds, the grids that they make, and their values.

These are the only numbers that are read while files are opened, by the thread that opens them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from dask.base import is_dask_collection

from climeri_platform.access.steps import NATIVE_NAME

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import xarray as xr
    from numpy.typing import NDArray

    from climeri_platform.access.engines.header import StoredVariable

    _Described = StoredVariable | xr.Variable | xr.DataArray

__all__ = [
    "BOUNDS",
    "Grid",
    "bounds_of",
    "degrees_of",
    "grids_of",
    "is_bounds",
    "marginal_names",
    "named_by",
    "read_here",
    "rounding",
    "words",
]

BOUNDS = ("bounds", "climatology")
"""The attributes that name them."""
_USUAL = ("{}_bnds", "{}_bounds", "bounds_{}", "{}_vertices", "vertices_{}", "{}_bound")
# of the smallest step of an axis, or of a degree: less than this is rounding, more is another grid
_ROUNDING = 1e-3
_NO_ANGLE = 1e4  # fill values that a file does not declare are far beyond
_NAMES = {
    "lat": ("lat", "latitude", "nav_lat", "TLAT", "geolat", "XLAT", "clat"),
    "lon": ("lon", "longitude", "nav_lon", "TLON", "geolon", "XLONG", "clon"),
}


def read_here(held: xr.Variable | xr.DataArray) -> np.ndarray[Any, Any]:
    """Return the values of a coordinate, or of its bounds, read in this thread.

    No cluster and no pool is asked: a lazy one is computed by the thread that calls.

    Parameters
    ----------
    held
        In memory or lazy.
    """
    data = held.data
    return np.asarray(data.compute(scheduler="synchronous") if is_dask_collection(data) else data)


def rounding(
    here: np.ndarray[Any, Any], there: np.ndarray[Any, Any], *, axis: bool
) -> float | None:
    """Return by how much the values of two coordinates differ, None if that is more than rounding.

    Parameters
    ----------
    here, there
        Numbers of any kind, or text; what is missing in both is the same.
    axis
        Whether it is that of a dimension: then its smallest step says what rounding is. Cells of a
        mesh, and points of a curvilinear grid, may be as near as they like.
    """
    if here.shape != there.shape:
        return None
    if here.dtype.kind not in "fiu" or there.dtype.kind not in "fiu":
        return 0.0 if np.array_equal(here, there) else None
    here, there = here.astype("f8"), there.astype("f8")
    known = np.isfinite(here)
    if not np.array_equal(here[~known], there[~known], equal_nan=True):
        return None
    here, there = here[known], there[known]
    gaps = np.abs(there - here)
    steps = np.abs(np.diff(here)) if axis else here[:0]
    within = _ROUNDING * steps.min() if steps.size else _ROUNDING + 1e-6 * np.abs(here)
    return float(gaps.max(initial=0.0)) if (gaps <= within).all() else None


def words(held: _Described, attribute: str) -> list[str]:
    """Return the words of an attribute, which decoding may have moved into the encoding."""
    for each in (held.attrs, held.encoding):
        if isinstance(text := each.get(attribute), str) and text.strip():
            return text.split()
    return []


def named_by(variables: Iterable[_Described], *attributes: str) -> set[str]:
    """Return the names that variables give in some of their attributes.

    Parameters
    ----------
    variables
        Of a file or of a Dataset.
    *attributes
        Such as ``coordinates``, or those of `BOUNDS`. Of ``crs: x y``, as a grid mapping may say
        it, the name is ``crs``.
    """
    found: set[str] = set()
    for each in variables:
        for attribute in attributes:
            said = words(each, attribute)
            found.update([word[:-1] for word in said if word.endswith(":")] or said)
    return found


def marginal_names(dataset: xr.Dataset) -> set[str]:
    """Return the variables that only explain coordinates: bounds, and mappings of grids."""
    named = named_by(dataset.variables.values(), *BOUNDS, "grid_mapping")
    return named.intersection(map(str, dataset.variables))


def bounds_of(dataset: xr.Dataset, name: Hashable) -> str | None:
    """Return the name of the bounds of a coordinate; None if it has none.

    Parameters
    ----------
    dataset
        What may hold them.
    name
        The coordinate.

    Returns
    -------
    str or None
        The bounds that it declares, or else those with a usual name; they have its dimensions, and
        one more. Those of a climatology are none: they span years, and not the step.
    """
    axis = dataset.variables.get(name)
    if axis is None:
        return None
    names = [name, *([axis.attrs[NATIVE_NAME]] if NATIVE_NAME in axis.attrs else [])]
    usual = [each.format(whose) for whose in names for each in _USUAL]
    for each in [*words(axis, "bounds"), *usual]:
        if each in dataset.variables and each != name:
            dims = dataset.variables[each].dims
            if {*axis.dims} <= {*dims} and len(dims) == axis.ndim + 1:
                return each
    return None


def is_bounds(dataset: xr.Dataset, name: Hashable) -> bool:
    """Whether a variable holds the bounds of another."""
    text = str(name)
    return (
        text.endswith(("_bnds", "_bounds", "_vertices", "_bound"))
        or text.startswith(("bounds_", "vertices_"))
        or text in named_by(dataset.variables.values(), *BOUNDS)
    )


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
    values = read_here(array).astype("f8")
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
    edges = {bounds_of(dataset, name) for name in dataset.variables}
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
