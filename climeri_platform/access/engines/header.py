"""What every engine says of a file: dimensions, attributes, and arrays that are read later."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

__all__ = [
    "TRUNCATED",
    "Header",
    "HeldArray",
    "Key",
    "StoredArray",
    "StoredVariable",
    "is_small",
]

TRUNCATED = "Truncated files end like this: compare its size and checksum with its origin."

Key = tuple["int | slice", ...]
# bytes of an axis, and of other arrays, that are read with the header: nobody opens the file again
_SMALL, _TINY = 65_536, 4_096


def is_small(shape: tuple[int, ...], size: int) -> bool:
    """Return whether an array of numbers of so many bytes is read with the header."""
    return prod(shape) * size <= (_SMALL if len(shape) < 2 else _TINY)


class StoredArray(Protocol):
    """What can be read of an array that is in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers in memory."""

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it: one integer or slice for each dimension."""


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """A variable of a file: names, attributes, and where its numbers are."""

    dims: tuple[str, ...]
    attrs: dict[str, Any]
    array: StoredArray
    encoding: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Attributes
    ----------
    sizes
        Names and lengths of the dimensions.
    unlimited
        Those that may grow.
    attrs
        The global attributes.
    variables
        In the order in which they were made.
    """

    sizes: dict[str, int]
    unlimited: frozenset[str]
    attrs: dict[str, Any]
    variables: dict[str, StoredVariable]


@dataclass(frozen=True, slots=True)
class HeldArray:
    """A small array, read with the header."""

    values: np.ndarray[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        shape: tuple[int, ...] = self.values.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        dtype: np.dtype[Any] = self.values.dtype
        return dtype

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it, which is the caller's own: values are unpacked in place."""
        return np.array(self.values[key])
