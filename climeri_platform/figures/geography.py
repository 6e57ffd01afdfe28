"""Where the cells of a field lie, and which projection suits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cartopy.crs as ccrs
import numpy as np

from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Mesh", "mesh_of", "projection_for"]

_LATITUDES = {"latitude", "lat", "nav_lat", "rlat", "grid_latitude"}
_LONGITUDES = {"longitude", "lon", "nav_lon", "rlon", "grid_longitude"}


@dataclass(frozen=True)
class Mesh:
    """Corners of cells, in degrees of ``crs``, with values that fit them."""

    x: Array
    y: Array
    values: Array
    crs: Any
    missing: NDArray[np.bool_]
    """Cells that have a place, but no value."""
    around: bool
    """Whether it goes all the way round."""


def _coordinate(field: xr.DataArray, names: set[str], ndim: int) -> xr.DataArray | None:
    coord: xr.DataArray
    for coord in field.coords.values():
        known: set[str] = {str(coord.attrs.get("standard_name")), str(coord.name).lower()}
        if coord.ndim == ndim and known & names:
            return coord
    return None


def mesh_of(field: xr.DataArray) -> Mesh:
    """Return the cells of a two-dimensional field.

    Parameters
    ----------
    field
        With latitude and longitude, one- or two-dimensional, true or rotated. The pole of rotated
        axes is read from a coordinate with ``grid_north_pole_latitude``.

    Raises
    ------
    UsageError
        If the field is not two-dimensional or has no coordinates on the sphere.
    """
    if field.ndim != 2:
        raise UsageError(
            f"a map needs two dimensions, {field.name!r} has {dict(field.sizes)}",
            hint="Take a time or a mean first: field.isel(time=0), field.mean('time').",
        )
    lat, lon = _coordinate(field, _LATITUDES, 1), _coordinate(field, _LONGITUDES, 1)
    crs = _crs(field, lat)
    if lat is not None and lon is not None and lat.dims != lon.dims and crs is not None:
        values = np.asarray(field.transpose(*lat.dims, *lon.dims).values, dtype=np.float64)
        x, y = _edges(np.unwrap(_numbers(lon), period=360)), np.clip(_edges(_numbers(lat)), -90, 90)
        around = bool(abs(x[-1] - x[0]) > 359.9)
        return Mesh(x, y, values, crs, ~np.isfinite(values), around)
    lat2, lon2 = _coordinate(field, _LATITUDES, 2), _coordinate(field, _LONGITUDES, 2)
    if lat2 is None or lon2 is None:
        known = ", ".join(str(name) for name in field.coords) or "none"
        raise UsageError(
            f"{field.name!r} has no latitude and longitude for its dimensions "
            f"{dict(field.sizes)}; its coordinates are: {known}",
            hint="Coordinates are known by standard_name, or as lat, lon, nav_lat, nav_lon.",
        )
    order = [str(dim) for dim in lat2.dims]
    values = np.asarray(field.transpose(*order).values, dtype=np.float64)
    return _curved(_numbers(lat2), _numbers(lon2.transpose(*order)), values)


def _numbers(coord: xr.DataArray) -> Array:
    return np.asarray(coord.values, dtype=np.float64)


def _crs(field: xr.DataArray, lat: xr.DataArray | None) -> Any:
    """Return the system of the one-dimensional axes, None where its pole is not known."""
    if lat is None:
        return None
    if "grid_latitude" not in {lat.attrs.get("standard_name"), lat.name} and lat.name != "rlat":
        return ccrs.PlateCarree()
    for coord in field.coords.values():
        if "grid_north_pole_latitude" in coord.attrs:
            return ccrs.RotatedPole(
                pole_longitude=float(coord.attrs["grid_north_pole_longitude"]),
                pole_latitude=float(coord.attrs["grid_north_pole_latitude"]),
            )
    return None


def _edges(centres: Array) -> Array:
    if centres.size == 1:
        raise UsageError("a map needs at least two latitudes and two longitudes")
    inner = (centres[1:] + centres[:-1]) / 2
    return np.asarray(np.r_[2 * centres[0] - inner[0], inner, 2 * centres[-1] - inner[-1]])


def _curved(lat: Array, lon: Array, values: Array) -> Mesh:
    """Build corners on the sphere itself, where neither the date line nor a pole matters."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    points = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    for axis in (1, 2):
        first = 2 * points.take([0], axis) - points.take([1], axis)
        last = 2 * points.take([-1], axis) - points.take([-2], axis)
        points = np.concatenate([first, points, last], axis)
    x, y, z = (
        points[:, 1:, 1:] + points[:, 1:, :-1] + points[:, :-1, 1:] + points[:, :-1, :-1]
    )  # the sum of four neighbours points where their mean does
    corner_lon, corner_lat = np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    # cells without a position (halos, land of some ocean models) cannot be drawn
    lost = ~np.isfinite(corner_lon)
    lost_cells = lost[1:, 1:] | lost[1:, :-1] | lost[:-1, 1:] | lost[:-1, :-1]
    shown = np.where(lost_cells, np.nan, values)
    around = bool(np.ptp(np.sort(corner_lon[~lost])[::7]) > 350) if (~lost).any() else False
    x, y = np.where(lost, 0, corner_lon), np.where(lost, 0, corner_lat)
    missing = ~np.isfinite(values) & ~lost_cells
    return Mesh(x, y, shown, ccrs.PlateCarree(), missing, around)


def projection_for(mesh: Mesh) -> Any:
    """Return the projection in which a map of this mesh looks right.

    Robinson for the globe, the model's own axes for rotated grids, a polar view for a cap, and a
    Lambert conformal conic elsewhere, or plain longitude and latitude in the tropics.
    """
    if isinstance(mesh.crs, ccrs.RotatedPole):
        return mesh.crs
    south, north = float(mesh.y.min()), float(mesh.y.max())
    if mesh.around:
        if south > 30:
            return ccrs.NorthPolarStereo()
        if north < -30:
            return ccrs.SouthPolarStereo()
        return ccrs.Robinson(central_longitude=0)
    # the middle of the longitudes, wherever the circle was cut
    angles = np.exp(1j * np.deg2rad(mesh.x))
    middle = float(np.rad2deg(np.angle(angles.mean())))
    if south > 20 or north < -20:
        third = (north - south) / 6
        return ccrs.LambertConformal(
            central_longitude=middle,
            central_latitude=(south + north) / 2,
            standard_parallels=(south + third, north - third),
            cutoff=-30 if south > 0 else 30,
        )
    return ccrs.PlateCarree(central_longitude=middle)
