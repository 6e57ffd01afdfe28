"""The horizontal axes of a rectilinear grid, and the edges of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["cell_edges", "horizontal_axes", "label"]

# Degrees. Coordinates are often written in float32: 360 is then exact to 3e-5.
TOLERANCE = 1e-3
_NAMES = {
    "latitude": ("lat", "latitude", "rlat"),
    "longitude": ("lon", "longitude", "rlon"),
}
_UNITS = {"latitude": {"north", "n"}, "longitude": {"east", "e"}}  # behind degree(s)_


def label(data: xr.DataArray | xr.Dataset) -> str:
    """Return how an error message calls ``data``."""
    key = data.attrs.get("climeri_dataset")
    name = getattr(data, "name", None)
    return str(key or name or f"the {type(data).__name__}")


def _is_axis(coord: xr.DataArray, kind: str) -> bool:
    # Tripolar grids may carry "nominal" axes, which are true only south of the grid's poles.
    if "nominal" in str(coord.attrs.get("long_name", "")).lower():
        return False
    # Rotated axes (grid_latitude) count: a rotation of the sphere leaves every area as it is.
    standard = coord.attrs.get("standard_name")
    if standard is not None:
        return standard in {kind, f"grid_{kind}"}
    return _direction(coord) in _UNITS[kind] or str(coord.name).lower() in _NAMES[kind]


def _direction(coord: xr.DataArray) -> str:
    """Return what follows in degrees_north, degree_N, degreesE and the like; "" for other units."""
    units = str(coord.attrs.get("units", "")).lower()
    if not units.startswith("degree"):
        return ""
    return units.removeprefix("degree").removeprefix("s").removeprefix("_")


def horizontal_axes(data: xr.DataArray | xr.Dataset) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Return latitude and longitude where each has a dimension of its own.

    Parameters
    ----------
    data
        Anything with coordinates; names, units and standard names are looked at.

    Returns
    -------
    tuple of xarray.DataArray or None
        (latitude, longitude), degrees, true or rotated; None for curvilinear, projected and
        unstructured grids.
    """
    found: dict[str, xr.DataArray] = {}
    for kind in ("latitude", "longitude"):
        axes = [c for c in data.coords.values() if c.ndim == 1 and _is_axis(c, kind)]
        own = [c for c in axes if c.name in c.dims] or axes
        if not own:
            return None
        found[kind] = own[0]
    latitude, longitude = found["latitude"], found["longitude"]
    if latitude.dims == longitude.dims or _is_curved(data, latitude, longitude):
        return None
    return latitude, longitude


def _is_curved(
    data: xr.DataArray | xr.Dataset, latitude: xr.DataArray, longitude: xr.DataArray
) -> bool:
    """Whether a two-dimensional latitude says that the axes are those of a curvilinear grid."""
    if "grid_" in str(latitude.attrs.get("standard_name")) or latitude.name == "rlat":
        return False
    plane = {*latitude.dims, *longitude.dims}
    held = data.coords if not hasattr(data, "data_vars") else data.variables
    return any(
        {*held[name].dims} == plane and _direction(data[name]) in {"north", "n", "east", "e"}
        for name in held
    )


def cell_edges(
    data: xr.DataArray | xr.Dataset, axis: xr.DataArray
) -> tuple[NDArray[np.float64], str]:
    """Return the two edges of each cell along one axis, and where they come from.

    Parameters
    ----------
    data
        What holds the bounds variable, if there is one.
    axis
        A 1-D coordinate, degrees.

    Returns
    -------
    edges : numpy.ndarray (n, 2)
        Degrees, in the order of the bounds variable.
    origin : str
        The name of the bounds variable, or a sentence.

    Raises
    ------
    DatasetInconsistent
        If the bounds have another shape than the axis, hold missing values, or if there are
        none and one cell alone does not tell its size.
    """
    held = data.coords if not hasattr(data, "data_vars") else data.variables
    named = [axis.attrs.get("bounds"), axis.encoding.get("bounds")]
    usual = [f"{axis.name}_bnds", f"{axis.name}_bounds", f"bounds_{axis.name}"]
    for name in [*named, *usual]:
        if name is not None and name in held:
            return _from_bounds(data, axis, str(name)), str(name)
    centres = np.asarray(axis.values, dtype=np.float64)
    if centres.size < 2:
        raise DatasetInconsistent(
            f"{label(data)}: {axis.name!r} has {centres.size} value and no bounds, so that the "
            "size of its cells cannot be known",
            hint=f"Give a dataset that holds {axis.name}_bnds, or give the area of the cells.",
        )
    if _is_axis(axis, "longitude"):
        centres = np.unwrap(centres, period=360)  # ..., 357.5, 2.5, ...
    inner = (centres[:-1] + centres[1:]) / 2
    line = np.r_[2 * centres[0] - inner[0], inner, 2 * centres[-1] - inner[-1]]
    edges = np.stack([line[:-1], line[1:]], axis=1)
    return edges, f"inferred from midpoints, because {axis.name} has no bounds"


def _from_bounds(
    data: xr.DataArray | xr.Dataset, axis: xr.DataArray, name: str
) -> NDArray[np.float64]:
    bounds = data[name]
    if axis.dims[0] not in bounds.dims or bounds.shape != (axis.size, 2):
        raise DatasetInconsistent(
            f"{label(data)}: the bounds {name!r} have dimensions {dict(bounds.sizes)}, the "
            f"coordinate {axis.name!r} has {dict(axis.sizes)}: ({axis.dims[0]}, 2) is needed",
            hint="Bounds that gained a time dimension come from joining files with "
            "data_vars='all'; join them with data_vars='minimal'.",
        )
    # Some kilobytes, that the answer depends on: read here and now, not sent to a cluster.
    read = bounds.transpose(axis.dims[0], ...).compute(scheduler="synchronous")
    edges = np.asarray(read.values, dtype=np.float64)
    if not np.isfinite(edges).all():
        raise DatasetInconsistent(f"{label(data)}: the bounds {name!r} hold missing values")
    return edges
