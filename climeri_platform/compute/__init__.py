"""Dask clients that fit a machine; one file per scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.compute.following import progress
    from climeri_platform.compute.limits import Limits, machine_limits
    from climeri_platform.compute.local import cluster

__all__ = ["Limits", "cluster", "machine_limits", "progress"]

_WHERE = {
    "Limits": "limits",
    "cluster": "local",
    "machine_limits": "limits",
    "progress": "following",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE, extra="compute", doing="the compute room")
