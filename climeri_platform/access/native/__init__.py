"""Native output (libIGCM, CNRM, ERA5, ...) under the names, units, signs and coordinates of CMIP."""

from __future__ import annotations

from climeri_platform.access.native.ofmany import of_many
from climeri_platform.access.native.series import prefer_series
from climeri_platform.access.native.translate import dated, only, to_cmip

__all__ = ["dated", "of_many", "only", "prefer_series", "to_cmip"]
