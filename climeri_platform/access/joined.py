"""A dataset as its files describe it together, before anything of its data is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from climeri_platform.access.decoding import Decoding
    from climeri_platform.access.engines.header import StoredArray
    from climeri_platform.access.times import Counted

__all__ = ["Joined", "JoinedVariable", "Note", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one file holds of a variable.

    Attributes
    ----------
    array
        Its numbers, as the file has them.
    decoding
        What they mean.
    begin, end
        Which of its time steps are taken; of a fixed field all are, and both are 0.
    """

    array: StoredArray
    decoding: Decoding
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class JoinedVariable:
    """A variable of all files.

    Attributes
    ----------
    dims, attrs, encoding
        As those of xarray.
    dtype
        The type of its values.
    values
        They themselves, if they are in memory.
    dates
        They themselves, if they are dates of a calendar.
    pieces
        One for each file, None where a file lacks it; one only for a fixed field; none if the
        values are in memory.
    """

    dims: tuple[str, ...]
    attrs: Mapping[str, Any]
    encoding: Mapping[str, Any]
    dtype: np.dtype[Any]
    values: np.ndarray[Any, Any] | None = None
    dates: Counted | None = None
    pieces: tuple[Piece | None, ...] = ()

    def in_memory(self) -> np.ndarray[Any, Any] | None:
        """Return the values, if they are in memory."""
        return self.values if self.dates is None else self.dates.decoded()[0]


@dataclass(frozen=True, slots=True)
class Note:
    """What there is to know of a file, or of the whole dataset if ``path`` is empty."""

    cause: str
    path: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A dataset: names, attributes, and which file holds which of its time steps.

    Attributes
    ----------
    sizes
        Of the dimensions.
    time
        The name of the time dimension; "" for fixed fields.
    steps
        How many time steps are taken from each file.
    attrs
        Those that the files share; ``tracking_id`` keeps every file's.
    variables
        By name.
    coordinates
        Which of them are coordinates.
    unlimited
        The dimensions that may grow.
    notes
        What was done to make the files one.
    repaired
        What was changed beyond the conventions.
    skipped
        Files that could not be used.
    unread
        How many files were to be opened and are not in it.
    identity
        Of all files, so that equal arrays have equal names.
    """

    sizes: Mapping[str, int]
    time: str
    steps: tuple[int, ...]
    attrs: Mapping[str, Any]
    variables: Mapping[str, JoinedVariable]
    coordinates: frozenset[str]
    unlimited: frozenset[str]
    identity: str
    notes: tuple[Note, ...] = ()
    repaired: tuple[Note, ...] = ()
    skipped: tuple[Note, ...] = ()
    unread: int = 0
