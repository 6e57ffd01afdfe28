"""What makes the archive the same everywhere: seeds by name, handles by path, snapped numbers."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SEED", "generator", "snapped", "tracking_id"]

SEED = 20200101
"""The seed of the whole archive."""


def generator(*names: str) -> np.random.Generator:
    """Return the generator of a thing: the same for the same names, whoever asks and when.

    Examples
    --------
    >>> generator("a").integers(1000) == generator("a").integers(1000)
    np.True_
    """
    digest = sha256(":".join([str(SEED), *names]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def tracking_id(path: str, *, prefix: str = "21.14100") -> str:
    """Return the handle of a file, always the same for the same relative path."""
    return f"hdl:{prefix}/{uuid5(NAMESPACE_URL, f'climeri-demonstration/{SEED}/{path}')}"


def snapped(values: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    """Return values rounded, so that the last bit of a sine, which differs, never shows.

    Examples
    --------
    >>> snapped(np.array([0.12345678949]), 9).tolist()
    [0.123456789]
    """
    return np.round(values, decimals).astype(np.float64, copy=False)
