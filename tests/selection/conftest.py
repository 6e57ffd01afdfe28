"""Catalogs of small trees: only names matter to what a selection is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from climeri_platform import open_catalog
from climeri_platform.catalog import build_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from climeri_platform import Selection


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Selection]:
    """Build a catalog of files of one byte, and open it."""

    def opened(family: str, paths: Iterable[str]) -> Selection:
        root = tmp_path / family
        for each in paths:
            place = root / each
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"x")
        build_catalog(family, root, store=tmp_path / "store")
        return open_catalog(family, store=tmp_path / "store")

    return opened
