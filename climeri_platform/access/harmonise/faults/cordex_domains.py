"""The grids of the CORDEX domains, and what rotating a pole does.

The table is ``catalogs/cordex-domains.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.core.resources import data_path, read_yaml

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Domain", "domains", "true_places"]


@dataclass(frozen=True)
class Domain:
    """A rotated grid: its pole, the centre of its lower left cell, spacing and size.

    Attributes
    ----------
    pole_lat, pole_lon
        Of the rotated north pole, degrees.
    lower, left
        Rotated latitude and longitude of the first cell's centre, degrees.
    spacing
        Degrees.
    rows, columns
        Numbers of cells.
    """

    pole_lat: float
    pole_lon: float
    lower: float
    left: float
    spacing: float
    rows: int
    columns: int

    @property
    def rlat(self) -> NDArray[np.float64]:
        """Rotated latitudes of the rows."""
        return np.round(self.lower + self.spacing * np.arange(self.rows), 6)

    @property
    def rlon(self) -> NDArray[np.float64]:
        """Rotated longitudes of the columns."""
        return np.round(self.left + self.spacing * np.arange(self.columns), 6)


@cache
def domains() -> dict[str, Domain]:
    """Return the domains by their names of CMIP5 (EUR-11) and of CMIP6 (EUR-12)."""
    held = read_yaml(data_path("catalogs") / "cordex-domains.yaml")["domains"]
    found: dict[str, Domain] = {}
    for name, values in held.items():
        later, *numbers = values
        found[name] = found[later] = Domain(*numbers)
    return found


def true_places(
    rlat: NDArray[np.float64], rlon: NDArray[np.float64], pole_lat: float, pole_lon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return true latitudes and longitudes (-180 to 180) of rotated ones, degrees.

    Parameters
    ----------
    rlat, rlon
        Of the same shape, degrees.
    pole_lat, pole_lon
        Of the rotated north pole, degrees.

    Examples
    --------
    >>> lat, lon = true_places(np.array([0.0]), np.array([0.0]), 39.25, -162.0)
    >>> round(float(lat[0]), 6), round(float(lon[0]), 6)
    (50.75, 18.0)
    """
    pole = np.deg2rad(pole_lat)
    up, along = np.deg2rad(rlat), np.deg2rad(rlon)
    # Cartesian, with the x axis towards the meridian opposite to the rotated pole's
    x = np.sin(pole) * np.cos(up) * np.cos(along) - np.cos(pole) * np.sin(up)
    y = np.cos(up) * np.sin(along)
    z = np.cos(pole) * np.cos(up) * np.cos(along) + np.sin(pole) * np.sin(up)
    lat = np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    lon = np.rad2deg(np.arctan2(y, x)) + pole_lon + 180.0
    return lat, (lon + 180.0) % 360.0 - 180.0
