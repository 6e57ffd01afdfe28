"""Native output (libIGCM, CNRM, ERA5, ...) under the names, units, signs and coordinates of CMIP."""

from __future__ import annotations

from climeri_platform.access.native.series import prefer_series
from climeri_platform.access.native.translate import dated, only, to_cmip

__all__ = ["dated", "only", "prefer_series", "to_cmip"]
