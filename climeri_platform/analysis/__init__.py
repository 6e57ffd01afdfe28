"""The science: xarray in, xarray out. It knows no file, no catalog and no cluster.

Fields may be lazy (dask) and stay so: a function of this room reads coordinates and bounds, never
the field itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from climeri_platform.core.errors import MissingExtra

if TYPE_CHECKING:
    from climeri_platform.analysis.anomalies import anomaly
    from climeri_platform.analysis.area import EARTH_RADIUS, cell_area
    from climeri_platform.analysis.space import global_mean
    from climeri_platform.analysis.years import annual_mean

__all__ = ["EARTH_RADIUS", "annual_mean", "anomaly", "cell_area", "global_mean"]

_MODULES = {
    "EARTH_RADIUS": "area",
    "annual_mean": "years",
    "anomaly": "anomalies",
    "cell_area": "area",
    "global_mean": "space",
}


def __getattr__(name: str) -> object:
    try:
        module = _MODULES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    try:
        value = getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            f"climeri_platform.analysis.{name} needs the package {missing.name!r}",
            hint="Install it with: pip install 'climeri-platform[analysis]'",
        ) from missing
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
