"""Random numbers that depend on a name and on nothing else."""

from __future__ import annotations

from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

import numpy as np

__all__ = ["SEED", "generator", "tracking_id"]

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
