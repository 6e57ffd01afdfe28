"""Small trees: only names matter to a catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

TAS = "CMIP/IPSL/IPSL-CM6A-LR/{exp}/r1i1p1f1/Amon/tas/gr/{version}/tas_Amon_IPSL-CM6A-LR_{exp}_r1i1p1f1_gr_{span}.nc"


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Path]:
    """Make files of one byte below a root; returns the root."""

    def plant(paths: Iterable[str], root: str = "archive/CMIP6") -> Path:
        top = tmp_path / root
        top.mkdir(parents=True, exist_ok=True)
        for path in paths:
            place = top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"x")
        return top

    return plant


@pytest.fixture
def tas() -> Callable[..., str]:
    """Path of a CMIP6 file of monthly tas."""

    def tas(exp: str = "historical", version: str = "v20180803", span: str = "185001-201412"):
        return TAS.format(exp=exp, version=version, span=span)

    return tas
