"""The rotated-pole grid of the European CORDEX domain EUR-44."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.grids import Points, cell_areas
from climeri_platform.testing.reproducible import snapped

__all__ = ["EUR_44", "Rotated", "bilinear"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rotated:
    """A regular grid around a displaced pole, degrees."""

    pole_lat: float
    pole_lon: float
    rlat: Array
    rlon: Array

    @property
    def points(self) -> Points:
        """The cells, row by row, in true latitudes and longitudes (-180 to 180)."""
        rlat, rlon = np.meshgrid(np.deg2rad(self.rlat), np.deg2rad(self.rlon), indexing="ij")
        pole = np.deg2rad(self.pole_lat)
        sine = np.sin(rlat) * np.sin(pole) + np.cos(rlat) * np.cos(rlon) * np.cos(pole)
        east = np.cos(rlat) * np.sin(rlon)
        north = np.cos(rlat) * np.cos(rlon) * np.sin(pole) - np.sin(rlat) * np.cos(pole)
        lat = np.rad2deg(np.arcsin(sine))
        lon = np.rad2deg(np.arctan2(east, north)) + self.pole_lon + 180.0
        lon = (lon + 180.0) % 360.0 - 180.0
        area = cell_areas(self.bounds(self.rlat), self.bounds(self.rlon))
        return Points(snapped(lat, 9).ravel(), snapped(lon, 9).ravel(), area.ravel(), area.shape)

    @staticmethod
    def bounds(centres: Array) -> Array:
        """Return the edges of equal steps, (n, 2)."""
        half = (centres[1] - centres[0]) / 2
        return np.stack([centres - half, centres + half], axis=1)


EUR_44 = Rotated(
    39.25,
    -162.0,
    np.round(-23.21 + 0.44 * np.arange(103), 6),
    np.round(-28.21 + 0.44 * np.arange(106), 6),
)


def bilinear(lat: Array, lon: Array, points: Points) -> tuple[NDArray[np.int64], Array]:
    """Return how to interpolate from a global grid to some places.

    Parameters
    ----------
    lat, lon
        Rows (south to north) and columns (eastward, all around) of the global grid, degrees.
    points
        Where to interpolate to, c places.

    Returns
    -------
    cells, weights
        (4, c) flat indices and their weights.
    """
    row = np.clip(np.searchsorted(lat, points.lat) - 1, 0, len(lat) - 2)
    north = np.clip((points.lat - lat[row]) / (lat[row + 1] - lat[row]), 0.0, 1.0)
    step = lon[1] - lon[0]
    place = ((points.lon - lon[0]) % 360.0) / step
    column = np.floor(place).astype(np.int64) % len(lon)
    east, other = place - np.floor(place), (column + 1) % len(lon)
    width = len(lon)
    cells = [row * width + column, row * width + other]
    cells += [(row + 1) * width + column, (row + 1) * width + other]
    weights = [(1 - north) * (1 - east), (1 - north) * east, north * (1 - east), north * east]
    return np.stack(cells), snapped(np.stack(weights), 12)
