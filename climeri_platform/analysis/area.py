"""The area of grid cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.analysis.grid import TOLERANCE, cell_edges, horizontal_axes, label
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EARTH_RADIUS", "cell_area", "is_measure"]

# Metres. The sphere of ARPEGE-Climat and LMDZ (6371229); CDO's is 6371000. Means do not depend
# on it.
EARTH_RADIUS = 6_371_229.0
_MEASURES = ("areacella", "areacello", "areacellr")


def cell_area(data: xr.Dataset | xr.DataArray) -> xr.DataArray:
    r"""Return the exact area of each cell of a rectilinear grid.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        Anything on a latitude-longitude grid, true or rotated, in degrees. Bounds are found
        through the attribute ``bounds`` or under their usual names (``lat_bnds``,
        ``lat_bounds``); a DataArray cut out of a Dataset has lost them, so give the Dataset.

    Returns
    -------
    xarray.DataArray (lat, lon), m2
        The attribute ``climeri_area_weights`` says where the areas come from. A Dataset on any
        other grid that holds a cell measure (standard name ``cell_area``) gets that one back.

    Raises
    ------
    DatasetInconsistent
        If the grid is curvilinear, projected or unstructured and has no cell measure; if bounds
        and coordinates do not belong together; if cells overlap.

    Notes
    -----
    A cell is the part of a sphere of radius :math:`R` = 6371229 m between two meridians and two
    parallels,

    .. math:: A = R^2 \, \Delta\lambda \, |\sin\varphi_2 - \sin\varphi_1|,

    which is exact: the cells of a global grid add up to :math:`4 \pi R^2`. CDO (2.1.1) takes the
    edges along a parallel as arcs of great circles, on a sphere of 6371000 m. They bulge towards
    the pole: its total is the same, but a cell differs by

    .. math:: \Delta A / A \approx \Delta\lambda^2 / 12 \, (1 - 3 \sin^2\varphi),

    +6e-4 at the equator and -1.3e-3 at the poles for 5 degrees, 25 times less for 1 degree. As
    temperature falls with latitude, its global mean (``cdo fldmean``) comes out warmer than that
    of exact bands: with 55 K between equator and pole by 9 mK on a 5-degree grid, 2 mK at 2.5 and
    0.4 mK at 1 degree. With ``cdo setgridarea`` both agree to rounding.

    Where there are no bounds, edges lie half-way between neighbours, the outer ones as far out
    as the inner ones, and a last cell that ends less than half a step from the pole is closed at
    the pole (Gaussian latitudes).

    References
    ----------
    Snyder (1987), Map projections: a working manual, USGS Professional Paper 1395 (the cylindrical
    equal-area projection: a band's area is its width times the difference of sines),
    doi:10.3133/pp1395.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> ds = xr.Dataset(
    ...     coords={
    ...         "lat": [-45.0, 45.0],
    ...         "lon": [90.0, 270.0],
    ...         "lat_bnds": (("lat", "bnds"), [[-90.0, 0.0], [0.0, 90.0]]),
    ...         "lon_bnds": (("lon", "bnds"), [[0.0, 180.0], [180.0, 360.0]]),
    ...     }
    ... )
    >>> area = cell_area(ds)
    >>> bool(np.isclose(area.sum(), 4 * np.pi * 6371229.0**2, rtol=1e-15))
    True
    """
    axes = horizontal_axes(data)
    if axes is None:
        return _measure(data)
    latitude, longitude = axes
    lat_edges, lat_origin = cell_edges(data, latitude)
    lon_edges, lon_origin = cell_edges(data, longitude)
    widths = _widths(data, longitude, lon_edges)
    if lat_origin.startswith("inferred"):
        lat_edges = _close_at_poles(lat_edges, around=bool(widths.sum() > 360 - TOLERANCE))
    bands = _bands(data, latitude, lat_edges)
    inferred = [origin for origin in (lat_origin, lon_origin) if origin.startswith("inferred")]
    origin = "; ".join(inferred) or f"exact bands from bounds ({lat_origin}, {lon_origin})"
    return xr.DataArray(
        EARTH_RADIUS**2 * bands[:, None] * np.deg2rad(widths)[None, :],
        dims=(*latitude.dims, *longitude.dims),
        coords={axis.dims[0]: axis.variable for axis in axes if axis.name in axis.dims},
        name="cell_area",
        attrs={
            "standard_name": "cell_area",
            "long_name": "area of the grid cell",
            "units": "m2",
            "earth_radius": EARTH_RADIUS,
            "climeri_area_weights": origin,
        },
    )


def is_measure(held: xr.DataArray) -> bool:
    """Whether this is the area of cells."""
    return held.name in _MEASURES or held.attrs.get("standard_name") == "cell_area"


def _measure(data: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the cell measure that ``data`` holds."""
    names: list[object] = [*data.variables] if isinstance(data, xr.Dataset) else [*data.coords]
    for name in names:
        held = data[name]
        if is_measure(held):
            return held.assign_attrs(climeri_area_weights=f"cell measure {name}")
    shape = dict(data.sizes)
    raise DatasetInconsistent(
        f"{label(data)} is on a grid {shape} without latitude and longitude axes of its own, and "
        "holds no cell area",
        hint="Give area=, the areacella or areacello of the same model and grid label. cos(lat) "
        "of a two-dimensional latitude is not an area.",
    )


def _close_at_poles(edges: NDArray[np.float64], *, around: bool) -> NDArray[np.float64]:
    """Clip inferred latitude edges at the poles, and close a small gap before them."""
    edges = np.clip(edges, -90.0, 90.0)
    if not around:
        return edges
    for cell, side in ((0, 0), (-1, 1)):
        step = abs(edges[cell, 1] - edges[cell, 0])
        if 90 - abs(edges[cell, side]) < step / 2:
            edges[cell, side] = np.copysign(90.0, edges[cell, side])
    return edges


def _bands(
    data: xr.Dataset | xr.DataArray, latitude: xr.DataArray, edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return |sin(lat2) - sin(lat1)| of each latitude."""
    # a cell centred on the pole may be written with an edge beyond it
    low, high = np.clip(edges.min(axis=1), -90, 90), np.clip(edges.max(axis=1), -90, 90)
    centres = np.asarray(latitude.values, dtype=np.float64)
    outside = (centres < low - TOLERANCE) | (centres > high + TOLERANCE)
    if outside.any():
        _refuse_outside(data, latitude, edges, int(np.argmax(outside)))
    order = np.argsort(low)
    if (high[order][:-1] > low[order][1:] + TOLERANCE).any():
        raise DatasetInconsistent(f"{label(data)}: cells overlap along {latitude.name!r}")
    return np.asarray(np.sin(np.deg2rad(high)) - np.sin(np.deg2rad(low)))


def _widths(
    data: xr.Dataset | xr.DataArray, longitude: xr.DataArray, edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the width of each cell in degrees, whatever way its bounds cross 0 or 360."""
    low, high = edges.min(axis=1), edges.max(axis=1)
    centres = np.asarray(longitude.values, dtype=np.float64)
    # Bounds (1, 3) around 2 name the direct way; (359, 1) around 0, and only written in that order,
    # the way round through zero.
    direct = (centres - low + TOLERANCE) % 360 <= high - low + 2 * TOLERANCE
    round_zero = (centres - high + TOLERANCE) % 360 <= 360 - (high - low) + 2 * TOLERANCE
    round_zero &= edges[:, 0] > edges[:, 1]
    neither = ~(direct | round_zero) | (high - low > 360 + TOLERANCE)
    if neither.any():
        _refuse_outside(data, longitude, edges, int(np.argmax(neither)))
    widths = np.where(direct, high - low, 360 - (high - low))
    start = np.where(direct, low, high) % 360
    order = np.argsort(start)
    ends = (start + widths)[order]
    following = np.r_[start[order][1:], start[order][0] + 360]
    if (ends > following + TOLERANCE).any():
        raise DatasetInconsistent(f"{label(data)}: cells overlap along {longitude.name!r}")
    return np.asarray(widths)


def _refuse_outside(
    data: xr.Dataset | xr.DataArray, axis: xr.DataArray, edges: NDArray[np.float64], cell: int
) -> None:
    raise DatasetInconsistent(
        f"{label(data)}: {axis.name}[{cell}] = {float(axis[cell]):g} lies outside its own bounds "
        f"({edges[cell, 0]:g}, {edges[cell, 1]:g})",
        hint="The bounds belong to another grid, or were never filled. Without them (drop the "
        "variable) edges are inferred from midpoints.",
    )
