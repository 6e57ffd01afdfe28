"""A tripolar ocean grid (Murray 1996, doi:10.1006/jcph.1996.0136)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.grids import EARTH_RADIUS, Points
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.reproducible import snapped

__all__ = ["Ocean", "tripolar"]

Array = NDArray[np.float64]

SOUTH, JOINT, POLE = -78.0, 58.0, 80.0
"""Latitude of the southern edge, of the joint with the cap, and longitude of one northern pole."""


@dataclass(frozen=True)
class Ocean:
    """Centres (j, i) and corners (j, i, 4) of cells, degrees; ``area`` m2, zero on land."""

    lat: Array
    lon: Array
    lat_corners: Array
    lon_corners: Array
    area: Array

    @property
    def points(self) -> Points:
        """The cells, row by row."""
        rows, columns = self.lat.shape
        return Points(self.lat.ravel(), self.lon.ravel(), self.area.ravel(), (rows, columns))


def _place(row: Array, turn: Array) -> tuple[Array, Array]:
    """Return latitude and longitude of grid positions.

    ``row`` from -1 (southern edge) over 0 (joint) to 1 (the fold of the cap); ``turn`` 0 to 360.
    In the cap, lines of ``turn`` are circles around the axis through the two poles, and lines of
    ``row`` are great circles through them, on a half sphere that a stereographic projection then
    shrinks onto the cap.
    """
    u, s = np.deg2rad(turn), np.maximum(row, 0.0) * np.pi / 2
    x, y, z = np.cos(u), np.sin(u) * np.cos(s), np.abs(np.sin(u)) * np.sin(s)
    radius = np.tan(np.arccos(np.clip(z, 0.0, 1.0)) / 2) * np.tan(np.deg2rad(90.0 - JOINT) / 2)
    cap = 90.0 - np.rad2deg(2 * np.arctan(radius))
    lat = np.where(row <= 0.0, JOINT + np.minimum(row, 0.0) * (JOINT - SOUTH), cap)
    lon = np.where(row <= 0.0, turn, np.rad2deg(np.arctan2(y, x))) + POLE
    return snapped(lat, 9), snapped(lon % 360.0, 9)


def _solid_angle(a: Array, b: Array, c: Array) -> Array:
    """Return the solid angle of spherical triangles (van Oosterom and Strackee 1983)."""
    volume = np.abs((a * np.cross(b, c)).sum(axis=-1))
    angle: Array = 2.0 * np.arctan2(
        volume, 1.0 + (a * b).sum(axis=-1) + (b * c).sum(axis=-1) + (c * a).sum(axis=-1)
    )
    return angle


def _areas(lat: Array, lon: Array) -> Array:
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    space = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
    a, b, c, d = (space[..., n, :] for n in range(4))
    areas = EARTH_RADIUS**2 * (_solid_angle(a, b, c) + _solid_angle(a, c, d))
    return areas.astype(np.float32).astype(np.float64)


def tripolar(rows: int, columns: int) -> Ocean:
    """Return an ocean grid: parallels in the south, a cap with two poles on land in the north.

    Parameters
    ----------
    rows, columns
        Number of cells along j and i.

    Examples
    --------
    >>> tripolar(60, 72).points.shape
    (60, 72)
    """
    cap = max(4, round(rows * 0.16))
    steps = np.concatenate(
        [np.linspace(-1.0, 0.0, rows - cap + 1), np.linspace(0.0, 1.0, cap + 1)[1:]]
    )
    turns = np.linspace(0.0, 360.0, columns + 1)
    lat, lon = _place(
        *np.meshgrid((steps[1:] + steps[:-1]) / 2, (turns[1:] + turns[:-1]) / 2, indexing="ij")
    )
    edge_lat, edge_lon = _place(*np.meshgrid(steps, turns, indexing="ij"))
    corners = [
        np.stack([edge[:-1, :-1], edge[:-1, 1:], edge[1:, 1:], edge[1:, :-1]], axis=-1)
        for edge in (edge_lat, edge_lon)
    ]
    area = np.where(land_fraction(lat, lon) > 0.5, 0.0, _areas(*corners))
    return Ocean(lat, lon, corners[0], corners[1], area)
