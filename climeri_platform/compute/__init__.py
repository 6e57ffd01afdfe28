"""Dask clients that fit a machine; one file per scheduler."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
