"""What reaches people: the curated notebooks in their language."""

from __future__ import annotations

from climeri_platform.delivery.notebooks import deliver_notebooks

__all__ = ["deliver_notebooks"]
