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
    (52, 255, 17, 23), (64, 245, 12, 18), (38, 262, 11, 15), (22, 258, 9, 6), (12, 272, 5, 5),
    (74, 318, 10, 9), (-5, 300, 13, 13), (-18, 305, 12, 11), (-38, 291, 16, 6),
    (12, 5, 12, 17), (22, 20, 12, 16), (0, 24, 13, 10), (-20, 24, 15, 9), (8, 43, 5, 5),
    (-19, 47, 6, 2.5), (47, 8, 8, 9), (40, 356, 5, 5), (53, 358, 4, 2.5), (50, 28, 9, 13),
    (64, 17, 9, 5), (60, 45, 11, 13), (60, 75, 12, 15), (62, 105, 13, 17), (64, 140, 11, 14),
    (38, 38, 6, 9), (33, 55, 9, 11), (24, 46, 9, 8), (44, 75, 11, 17), (36, 100, 12, 15),
    (20, 78, 10, 6.5), (22, 103, 9, 7), (33, 115, 9, 7), (50, 122, 9, 11), (37, 139, 6, 2.5),
    (0, 102, 4, 5), (1, 114, 5, 5), (-6, 141, 4, 6), (-24, 134, 9, 15), (-27, 147, 9, 5),
    (-42, 172, 5, 2.5),
)  # fmt: skip


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
    height = np.zeros_like(y)
    for north, east, tall, wide in _BLOBS:
        dx = np.rad2deg(np.angle(np.exp(1j * (x - np.deg2rad(east)))) * np.cos(y))
        distance = ((lat - north) / tall) ** 2 + (dx / wide) ** 2
        height = np.maximum(height, np.exp(-0.6 * distance))
    ragged = np.sin(7 * x + 3 * np.sin(5 * y)) * np.cos(9 * y + 2 * np.cos(4 * x)) * np.cos(y)
    height = height + 0.05 * ragged + 0.03 * np.sin(17 * x) * np.cos(y) * np.sin(19 * y)
    antarctica = 0.5 + (-71.0 - lat + 3.0 * np.sin(x) + 2.0 * np.sin(3 * x)) / 12.0
    height = np.maximum(height, np.clip(antarctica, 0.0, 1.0))
    return snapped(0.5 * (1.0 + np.tanh(sharpness * 2.0 * (height - 0.52))), 6)
