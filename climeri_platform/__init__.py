"""Find, open, analyse and cite climate simulations at the CLIMERI-France centres.

The door is lazy: importing it loads neither xarray nor dask nor polars until a name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from climeri_platform.compute import cluster, progress
    from climeri_platform.core.errors import ClimeriError
    from climeri_platform.selection import Selection, open_catalog, open_selection

__all__ = [
    "ClimeriError",
    "Selection",
    "__version__",
    "cluster",
    "open_catalog",
    "open_selection",
    "progress",
]

__version__ = "0.1.0"

_ROOMS = {
    "ClimeriError": "climeri_platform.core.errors",
    "Selection": "climeri_platform.selection",
    "cluster": "climeri_platform.compute",
    "open_catalog": "climeri_platform.selection",
    "open_selection": "climeri_platform.selection",
    "progress": "climeri_platform.compute",
}


def __getattr__(name: str) -> object:
    try:
        room = _ROOMS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
