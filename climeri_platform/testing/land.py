"""Invented continents: soft blobs where a child would draw them, with a ragged coast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.testing.reproducible import snapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["land_fraction"]

# latitude, longitude, half-widths in degrees of latitude and of great circle along the parallel
_BLOBS = (
    (53, 255, 14, 20), (64, 245, 8, 14), (66, 285, 6, 8), (50, 285, 8, 8), (38, 262, 10, 14),
    (23, 258, 8, 5), (13, 274, 4, 5), (-3, 300, 13, 16), (-14, 310, 13, 12), (-36, 292, 17, 8),
    (13, 3, 11, 17), (22, 18, 11, 17), (3, 25, 13, 13), (-18, 24, 14, 11), (7, 43, 6, 6),
    (-19, 47, 6, 2.5), (47, 7, 6, 7), (40, 356, 4.5, 5), (53, 358, 4, 2.5), (42, 14, 4, 2),
    (41, 22, 5, 4), (51, 26, 8, 12), (64, 17, 8, 5), (59, 45, 10, 13), (60, 75, 10, 16),
    (61, 105, 10, 18), (64, 140, 8, 16), (66, 168, 5, 7), (39, 36, 4, 7), (33, 55, 8, 10),
    (24, 46, 8, 7), (44, 75, 10, 18), (36, 100, 11, 16), (20, 78, 10, 7), (21, 103, 9, 7),
    (33, 115, 9, 7), (49, 124, 9, 11), (37, 139, 5, 2), (0, 102, 4, 5), (1, 114, 5, 5),
    (-6, 141, 4, 6), (-24, 134, 9, 15), (-27, 147, 8, 5), (-42, 172, 5, 2.5),
)  # fmt: skip


def _turn(x: NDArray[np.float64], east: float) -> NDArray[np.float64]:
    """Return the difference of longitudes (radians and degrees) in degrees, -180 to 180."""
    turn: NDArray[np.float64] = (np.rad2deg(x) - east + 180.0) % 360.0 - 180.0
    return turn


def land_fraction(
    lat: NDArray[np.float64], lon: NDArray[np.float64], *, sharpness: float = 5.0
) -> NDArray[np.float64]:
    """Return the fraction of land, 0 to 1, at some places.

    Parameters
    ----------
    lat, lon
        Degrees north and east, of one shape.
    sharpness
        How steep the coasts are; the default suits cells of some degrees.

    Examples
    --------
    >>> import numpy as np
    >>> land_fraction(np.array([15.0, 0.0]), np.array([20.0, 190.0])).round().tolist()
    [1.0, 0.0]
    """
    y, x = np.deg2rad(lat), np.deg2rad(lon)
    sea = np.ones_like(y)
    for north, east, tall, wide in _BLOBS:
        dx = _turn(x, east) * np.cos(y)
        distance = ((lat - north) / tall) ** 2 + (dx / wide) ** 2
        sea *= 1.0 - 0.9 * np.exp(-0.8 * distance)
    height = (1.0 - sea) / (1.0 + np.exp((lat - 73.0) / 2.0))
    greenland = ((lat - 74.0) / 9.0) ** 2 + ((_turn(x, 318.0)) * np.cos(y) / 8.0) ** 2
    height = np.maximum(height, np.exp(-0.6 * greenland))
    ragged = np.sin(7 * x + 3 * np.sin(5 * y)) * np.cos(9 * y + 2 * np.cos(4 * x)) * np.cos(y)
    height = height + 0.05 * ragged + 0.03 * np.sin(17 * x) * np.cos(y) * np.sin(19 * y)
    antarctica = 0.5 + (-71.0 - lat + 3.0 * np.sin(x) + 2.0 * np.sin(3 * x)) / 12.0
    height = np.maximum(height, np.clip(antarctica, 0.0, 1.0))
    return snapped(0.5 * (1.0 + np.tanh(sharpness * 2.0 * (height - 0.52))), 6)
