"""What the user holds: `open_catalog` and `Selection`."""

from __future__ import annotations

from climeri_platform.selection.selection import Selection, open_catalog

__all__ = ["Selection", "open_catalog"]
