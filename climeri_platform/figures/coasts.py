"""Coastlines that travel with the package: cartopy would download its own at first use."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import cartopy.crs as ccrs
import numpy as np
from shapely import (  # type: ignore[import-untyped] # comes with cartopy; ships no types
    LineString,
    MultiLineString,
)

__all__ = ["coastlines", "draw_coastlines"]

TABLE = Path(__file__).parent / "coastlines.json"


@cache
def coastlines(detail: str) -> MultiLineString:
    """Return coastlines in degrees east and north.

    Parameters
    ----------
    detail
        ``world`` (Natural Earth 1:110m) or ``region`` (1:50m, simplified to 0.06 degrees).

    Returns
    -------
    shapely.MultiLineString

    Notes
    -----
    Natural Earth, public domain; ``coastlines.json`` names its source, licence and date, and
    ``deploy/figures/coastlines.py`` renews it.

    Examples
    --------
    >>> coastlines("world").bounds
    (-180.0, -85.61, 180.0, 83.65)
    """
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    lines = [np.cumsum(np.reshape(line, (-1, 2)), axis=0) / 100 for line in table[detail]]
    return MultiLineString([LineString(line) for line in lines])


def draw_coastlines(axes: Any, detail: str) -> None:
    """Draw them on the axes of a map."""
    axes.add_geometries(
        [coastlines(detail)],
        crs=ccrs.PlateCarree(),
        facecolor="none",
        edgecolor="0.15",
        linewidth=0.5,
        zorder=3,
    )
