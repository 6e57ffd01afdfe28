"""Grids: regular and Gaussian atmospheres, a tripolar ocean, a rotated pole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.reproducible import snapped

__all__ = ["EARTH_RADIUS", "Atmosphere", "Points", "atmosphere"]

EARTH_RADIUS = 6_371_229.0
"""Metres, as in CORDEX and LMDZ."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """Places of a grid, flattened, with the area of their cells and the row of each.

    ``area`` (m2) is what the file will hold: rounded to float32, zero where there is no value.
    """

    lat: Array
    lon: Array
    area: Array
    shape: tuple[int, int]

    @property
    def weight(self) -> Array:
        """Area over the total area."""
        weight: Array = self.area / self.area.sum()
        return weight


@dataclass(frozen=True)
class Atmosphere:
    """A grid of latitudes and longitudes, degrees."""

    lat: Array
    lon: Array
    lat_bnds: Array
    lon_bnds: Array

    @property
    def points(self) -> Points:
        """The cells, row by row; areas are those of latitude bands, exactly."""
        area = cell_areas(self.lat_bnds, self.lon_bnds)
        lat, lon = np.meshgrid(self.lat, self.lon, indexing="ij")
        return Points(lat.ravel(), lon.ravel(), area.ravel(), area.shape)


def cell_areas(lat_bnds: Array, lon_bnds: Array) -> Array:
    """Return the areas of cells between parallels and meridians, m2, rounded to float32.

    ``R**2 * (sin(north) - sin(south)) * (east - west)``, (lat, lon).
    """
    sines = np.sin(np.deg2rad(lat_bnds))
    bands = np.abs(sines[:, 1] - sines[:, 0])
    widths = np.deg2rad(lon_bnds[:, 1] - lon_bnds[:, 0])
    areas = EARTH_RADIUS**2 * bands[:, None] * widths[None, :]
    single: Array = areas.astype(np.float32).astype(np.float64)
    return single


def _longitudes(count: int, first: float) -> tuple[Array, Array]:
    step = 360.0 / count
    lon: Array = first + step * np.arange(count, dtype=np.float64)
    return lon, np.stack([lon - step / 2, lon + step / 2], axis=1)


def atmosphere(kind: str, nlat: int, nlon: int) -> Atmosphere:
    """Return an atmospheric grid.

    Parameters
    ----------
    kind
        ``"cells"``: latitudes in the middle of equal steps; ``"poles"``: the first and last
        latitude are the poles, with half cells, as in LMDZ; ``"gaussian"``: the roots of the
        Legendre polynomial, bounded so that each band holds its Gaussian weight.
    nlat, nlon
        Number of latitudes and longitudes.

    Examples
    --------
    >>> atmosphere("poles", 5, 4).lat.tolist()
    [-90.0, -45.0, 0.0, 45.0, 90.0]
    """
    if kind == "gaussian":
        sines, weights = np.polynomial.legendre.leggauss(nlat)
        lat: Array = snapped(np.rad2deg(np.arcsin(sines)), 10)
        inner = np.clip(np.cumsum(weights)[:-1] - 1.0, -1.0, 1.0)
        poleward = snapped(np.rad2deg(np.arcsin(inner)), 10)
        edges: Array = np.concatenate([[-90.0], poleward, [90.0]]).astype(np.float64)
    elif kind == "poles":
        lat = np.linspace(-90.0, 90.0, nlat)
        edges = np.concatenate([[-90.0], (lat[1:] + lat[:-1]) / 2, [90.0]])
    else:
        edges = np.linspace(-90.0, 90.0, nlat + 1)
        lat = (edges[1:] + edges[:-1]) / 2
    step = 360.0 / nlon
    lon, lon_bnds = _longitudes(nlon, 0.0 if kind != "cells" else step / 2)
    return Atmosphere(lat, lon, np.stack([edges[:-1], edges[1:]], axis=1), lon_bnds)
