"""The science: xarray in, xarray out. It knows no file, no catalog and no cluster.

Fields may be lazy (dask) and stay so: a function of this room reads coordinates and bounds, never
the field itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.analysis.anomalies import anomaly
    from climeri_platform.analysis.area import EARTH_RADIUS, cell_area
    from climeri_platform.analysis.space import global_mean
    from climeri_platform.analysis.years import annual_mean

__all__ = ["EARTH_RADIUS", "annual_mean", "anomaly", "cell_area", "global_mean"]

_WHERE = {
    "EARTH_RADIUS": "area",
    "annual_mean": "years",
    "anomaly": "anomalies",
    "cell_area": "area",
    "global_mean": "space",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE, extra="analysis", doing="the analysis")
