"""Known faults of real models, one file each.

A fault is known by facets, and its remedy is checked against the values when they are read: a
dataset that was repaired and published again is not spoiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.faults.aladin_celsius import aladin_celsius
from climeri_platform.access.harmonise.faults.cesm_depth import cesm_depth
from climeri_platform.access.harmonise.faults.ciesm_rain import ciesm_rain
from climeri_platform.access.harmonise.faults.cordex_grid import snap_to_domain
from climeri_platform.access.harmonise.faults.filled_coordinates import filled_coordinates
from climeri_platform.access.harmonise.faults.fraction_as_percent import fraction_as_percent
from climeri_platform.access.harmonise.faults.lambert_axes import lambert_axes
from climeri_platform.access.harmonise.faults.turned_sign import turned_sign
from climeri_platform.access.harmonise.faults.undeclared_fill import undeclared_fill
from climeri_platform.access.harmonise.faults.wrf_projection import wrf_projection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import xarray as xr

    from climeri_platform.access.steps import Step

__all__ = ["FAULTS"]

FAULTS: dict[str, Callable[[xr.Dataset, Mapping[str, str]], tuple[xr.Dataset, list[Step]]]] = {
    "filled-coordinates": filled_coordinates,
    "undeclared-fill": undeclared_fill,
    "aladin-celsius": aladin_celsius,
    "fraction-as-percent": fraction_as_percent,
    "ciesm-rain": ciesm_rain,
    "turned-sign": turned_sign,
    "cesm-depth": cesm_depth,
    "wrf-projection": wrf_projection,
    "lambert-axes": lambert_axes,
    "cordex-grid": snap_to_domain,
}
