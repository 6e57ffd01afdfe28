"""Find, open, analyse and cite climate simulations at the CLIMERI-France centres.

The door is lazy: importing it loads neither xarray nor dask nor polars until a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

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

_WHERE = {
    "ClimeriError": "core.errors",
    "Selection": "selection",
    "cluster": "compute",
    "open_catalog": "selection",
    "open_selection": "selection",
    "progress": "compute",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE)
