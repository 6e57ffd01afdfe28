"""Warnings of libraries that are no news, kept from users; by one thread at a time."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet"]

# the filters are those of the whole process: of two threads that put them back, each with a lock of
# its own, the later one may put back what the other had set
_ONE_AT_A_TIME = Lock()


@contextmanager
def quiet(category: type[Warning]) -> Iterator[None]:
    """Ignore a kind of warnings within this block; blocks may not be within each other.

    Parameters
    ----------
    category
        The kind.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield
