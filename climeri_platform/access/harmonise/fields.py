"""What the variables of a dataset are: fields, bounds, latitudes; and their values, piece by piece."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import dask
import numpy as np
import xarray as xr
from dask.base import is_dask_collection

from climeri_platform.access.steps import NATIVE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

__all__ = [
    "bounds_of",
    "direction",
    "elementwise",
    "fields",
    "in_memory",
    "is_bounds",
    "model",
    "places_in_memory",
    "read",
    "read_together",
    "words",
]

_USUAL = ("{}_bnds", "{}_bounds", "bounds_{}", "{}_vertices", "vertices_{}", "{}_bound")
_LAT = {"lat", "latitude", "nav_lat", "tlat"}
_LON = {"lon", "longitude", "nav_lon", "tlon", "tlong"}
_NORTH, _EAST = {"north", "n"}, {"east", "e"}
_MARGINAL = ("bounds", "climatology")
_FEW = 2**18  # cells of a grid that is held: one degree, and not a quarter of it
_HELD: WeakValueDictionary[tuple[Any, ...], np.ndarray] = WeakValueDictionary()
_LOCK = Lock()


def words(variable: xr.DataArray | xr.Variable, attribute: str) -> list[str]:
    """Return the words of an attribute, which decoding may have moved into the encoding."""
    text = variable.attrs.get(attribute) or variable.encoding.get(attribute) or ""
    return str(text).split()


def bounds_of(dataset: xr.Dataset, name: Hashable) -> str | None:
    """Return the name of the bounds of a coordinate, declared or by a usual name."""
    axis = dataset[name]
    declared = words(axis, "bounds")
    names = [name, *([axis.attrs[NATIVE_NAME]] if NATIVE_NAME in axis.attrs else [])]
    usual = [each.format(whose) for whose in names for each in _USUAL]
    for each in [*declared, *usual]:
        if each in dataset.variables and each != name:
            extra = [dim for dim in dataset[each].dims if dim not in axis.dims]
            if len(extra) == 1 and {*axis.dims} <= {*dataset[each].dims}:
                return each
    return None


def is_bounds(dataset: xr.Dataset, name: Hashable) -> bool:
    """Whether a variable holds the bounds of another."""
    text = str(name)
    if text.endswith(("_bnds", "_bounds", "_vertices", "_bound")) or text.startswith(
        ("bounds_", "vertices_")
    ):
        return True
    return any(
        text in words(each, attribute)
        for each in dataset.variables.values()
        for attribute in _MARGINAL
    )


def direction(name: Hashable, attributes: Mapping[Any, Any]) -> str | None:
    """Return ``lat`` or ``lon`` for what is a true latitude or longitude.

    What the metadata say counts first, names only where they say nothing. Nominal axes of
    tripolar grids, which are true only south of the grid's poles, are neither.
    """
    if "nominal" in str(attributes.get("long_name", "")).lower():
        return None
    standard = attributes.get("standard_name")
    if standard is not None:
        return {"latitude": "lat", "longitude": "lon"}.get(str(standard))
    kind = {"Lat": "lat", "Lon": "lon"}.get(str(attributes.get("_CoordinateAxisType")))
    if kind:
        return kind
    units = str(attributes.get("units", "")).lower()
    if units.startswith("degree"):
        behind = units.removeprefix("degree").removeprefix("s").removeprefix("_")
        if behind:
            return "lat" if behind in _NORTH else "lon" if behind in _EAST else None
    if not units:
        low = str(name).lower()
        return "lat" if low in _LAT else "lon" if low in _LON else None
    return None


def fields(dataset: xr.Dataset, about: Mapping[str, str]) -> list[str]:
    """Return the variables that the dataset is about: the one that is named, or all that are not marginal."""
    for named in (about.get("variable"), dataset.attrs.get("variable_id")):
        if named is not None and named in dataset.data_vars:
            return [str(named)]
    return [
        str(name)
        for name, each in dataset.data_vars.items()
        if each.ndim
        and each.dtype.kind in "fiu"
        and not is_bounds(dataset, name)
        and direction(name, each.attrs) is None
    ]


def model(about: Mapping[str, str], dataset: xr.Dataset) -> str:
    """Return the model's name, from the facets or else from the file's own attributes; "" if none."""
    for held, names in (
        (about, ("rcm_model", "model", "source_id")),
        (dataset.attrs, ("source_id", "model_id")),
    ):
        for name in names:
            if held.get(name):
                return str(held[name])
    return ""


def read(data: xr.DataArray | xr.Variable) -> np.ndarray:
    """Return the values of some cells of a coordinate, read in this thread: no cluster is asked."""
    held = data.data
    return np.asarray(held.compute(scheduler="synchronous") if is_dask_collection(held) else held)


def read_together(parts: Sequence[xr.Variable]) -> list[np.ndarray]:
    """Return the values of several pieces of coordinates, each of their blocks read once."""
    held = dask.compute(*(each.data for each in parts), scheduler="synchronous")
    return [np.asarray(each) for each in held]


def places_in_memory(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose latitudes and longitudes in two dimensions are read, if they are few.

    What is compared and repaired asks for them again and again, and what is known needs no repair
    "if there is any". Grids that are the same are held once.
    """
    names = [
        name
        for name in ("lat", "lon")
        if name in dataset.coords
        and dataset[name].ndim == 2
        and dataset[name].chunks is not None
        and dataset[name].size <= _FEW
    ]
    held = read_together([dataset.variables[name] for name in names])
    read = {}
    for name, values in zip(names, held, strict=True):
        old = dataset.variables[name]
        read[name] = xr.Variable(old.dims, _once(values), old.attrs, old.encoding)
    return dataset.assign_coords(read) if read else dataset


def in_memory(variable: xr.Variable) -> np.ndarray | None:
    """Return the values of a coordinate, if nothing large must be read for them."""
    if variable.chunks is not None or variable.size > _FEW:
        return None
    return np.asarray(variable.values)


def _once(values: np.ndarray) -> np.ndarray:
    """Return equal values that are held already, or these."""
    key = (values.shape, values.dtype.str, hashlib.sha256(values.tobytes()).digest())
    with _LOCK:
        kept = _HELD.setdefault(key, values)
    kept.flags.writeable = False
    return kept


def elementwise(
    variable: xr.Variable, function: Callable[[np.ndarray], np.ndarray], dtype: Any = None
) -> xr.Variable:
    """Return a variable of which each block goes through a function when it is read.

    Parameters
    ----------
    variable
        Any; an index, and a small coordinate that is in memory, are changed at once.
    function
        From array to array of the same shape.
    dtype
        Of the result; the variable's own by default.
    """
    kind = np.dtype(dtype or variable.dtype)
    values = in_memory(variable)
    if isinstance(variable, xr.IndexVariable) or values is not None:
        new = xr.Variable(variable.dims, function(np.asarray(variable.values)).astype(kind))
    else:
        lazy = variable if variable.chunks is not None else variable.chunk()
        new = xr.Variable(
            variable.dims,
            lazy.data.map_blocks(function, dtype=kind, meta=np.empty((0,) * lazy.ndim, kind)),
        )
    new.attrs, new.encoding = dict(variable.attrs), dict(variable.encoding)
    return new
