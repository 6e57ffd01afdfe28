"""Arrays as they lie in a file: which bytes hold which chunk, and how they become numbers.

Once the places of the chunks are known no library is needed to read them, and none that allows one
thread at a time: bytes are read by the system and inflated by ISA-L, both beside other threads. The
file is open only while it is read, so that there is no number of files that is too large.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np

from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from climeri_platform.access.engines.header import Key

__all__ = [
    "FileStamp",
    "FlatArray",
    "Source",
    "read_part",
]

Numbers: TypeAlias = "Sequence[int] | np.ndarray[Any, Any]"
_AT_ONCE = 2**25  # bytes of a flat array that are read at the same time
_GAP = 2**14  # bytes between rows that cost less to read than to ask for each row


@runtime_checkable
class Source(Protocol):
    """What gives the bytes of one file, here or elsewhere, as it was when its header was read.

    It goes to other processes: it holds no connection, and nothing that is open.

    Attributes
    ----------
    reach
        Bytes that are read as fast as one of them.
    """

    reach: ClassVar[int]

    @property
    def path(self) -> str:
        """Its name for people: what opens it, without credentials."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def opened(self) -> AbstractContextManager[Any]:
        """Open the file, and give what reads it; FileUnreadable if it is another one now."""

    def bytes_at(self, handle: Any, offset: int, size: int) -> bytes:
        """Return some bytes of the open file."""

    def pieces(self, handle: Any, offsets: Numbers, sizes: Numbers) -> Iterator[bytes]:
        """Return the bytes at several places, one after the other."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file as it was when its header was read."""

    path: str
    size: int
    mtime: int
    reach: ClassVar[int] = 2**15

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Return the stamp of a file as it is now."""
        place = Path(path).absolute()  # a worker may be in another folder
        about = place.stat()
        return cls(os.fspath(place), about.st_size, about.st_mtime_ns)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open the file, and give its descriptor.

        Raises
        ------
        FileUnreadable
            If it is there no longer, or another file has its name.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as problem:
            raise FileUnreadable(
                f"{self.path}: {problem.strerror}",
                hint="It was there when the dataset was opened: open it again.",
            ) from problem
        try:
            about = os.fstat(handle)
            if (about.st_size, about.st_mtime_ns) != (self.size, self.mtime):
                raise FileUnreadable(
                    f"{self.path}: the file was replaced after the dataset was opened",
                    hint="Open the dataset again: what its header said holds no longer.",
                )
            yield handle
        finally:
            os.close(handle)

    def bytes_at(self, handle: int, offset: int, size: int) -> bytes:
        """Return some bytes of the open file.

        Raises
        ------
        FileUnreadable
            If the disk refuses, or the file ends before.
        """
        parts: list[bytes] = []
        left = size
        while left:
            try:
                part = os.pread(handle, left, offset + size - left)
            except OSError as problem:
                raise FileUnreadable(
                    f"{self.path}: {problem.strerror}, at byte {offset}",
                    hint="Try again; tell the centre if it lasts.",
                ) from problem
            if not part:
                raise FileUnreadable(
                    f"{self.path}: it ends at byte {offset + size - left}, within its data",
                    hint="Truncated files end like this: compare its size and checksum with its origin.",
                )
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self, handle: int, offsets: Numbers, sizes: Numbers) -> Iterator[bytes]:
        """Return the bytes at several places, one after the other."""
        for offset, size in zip(offsets, sizes, strict=True):
            yield self.bytes_at(handle, int(offset), int(size))


@dataclass(frozen=True, slots=True)
class FlatArray:
    """An array whose rows follow each other, in the order of C.

    Attributes
    ----------
    stamp, shape, stored
        As of a `ChunkedArray`.
    offset
        Its first byte.
    step
        Bytes from one row to the next, where other arrays lie between (the records of NetCDF classic
        files); none: it is in one piece.
    """

    stamp: Source
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    offset: int
    step: int | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers in memory."""
        return self.stored.newbyteorder("=")

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it."""
        return read_part(self, key)

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""
        with self.stamp.opened() as handle:
            self.fill_from(handle, ranges, found)

    def fill_from(self, handle: Any, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Do that, from what is open."""
        if not ranges:
            data = self.stamp.bytes_at(handle, self.offset, self.stored.itemsize)
            found[()] = np.frombuffer(data, self.stored)[0]
            return
        size = self.stored.itemsize
        strides = [prod(self.shape[axis + 1 :]) * size for axis in range(len(ranges))]
        if self.step is not None:
            strides[0] = self.step
        rows, *inside = ranges
        # what is wanted of a row, and no more: one level of many
        begin = self.offset + sum(a[0] * b for a, b in zip(inside, strides[1:], strict=True))
        span = sum((a[-1] - a[0]) * b for a, b in zip(inside, strides[1:], strict=True)) + size
        steps = [a.step * b for a, b in zip(ranges, strides, strict=True)]
        apart = steps[0] - span > _GAP
        # as they lie, with what lies between, or each row by itself
        distance = span if apart else steps[0]
        at_once = max(1, _AT_ONCE // max(1, distance))
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            at = (
                [begin + row * strides[0] for row in some]
                if apart
                else [begin + some[0] * strides[0]]
            )
            each = span if apart else (len(some) - 1) * distance + span
            data = b"".join(self.stamp.pieces(handle, at, [each] * len(at)))
            shape = (len(some), *(len(a) for a in inside))
            found[first : first + len(some)] = np.ndarray(
                shape, self.stored, data, 0, (distance, *steps[1:])
            )


class Fillable(Protocol):
    """An array that knows how to put its numbers into another one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers in memory."""

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""


def read_part(array: Fillable, key: Key) -> np.ndarray[Any, Any]:
    """Return part of an array: one integer or slice for each dimension, also backwards."""
    ranges = [_range(each, size) for each, size in zip(key, array.shape, strict=True)]
    found = np.empty([len(each) for each in ranges], array.dtype)
    if found.size:
        array.fill_in(ranges, found)
    return _without_integers(found, key)


def _range(key: int | slice, size: int) -> range:
    """Return the places that a key means; backwards is forwards here."""
    if isinstance(key, slice):
        found = range(*key.indices(size))
        return found if found.step > 0 else found[::-1]
    at = int(key)
    return range(at % size if at < 0 else at, (at % size if at < 0 else at) + 1)


def _without_integers(found: np.ndarray[Any, Any], key: Key) -> np.ndarray[Any, Any]:
    backwards = tuple(
        slice(None, None, -1) if isinstance(each, slice) and (each.step or 1) < 0 else slice(None)
        for each in key
    )
    index = tuple(
        each if isinstance(wanted, slice) else 0
        for each, wanted in zip(backwards, key, strict=True)
    )
    return found[(*index, ...)]  # an array, even of one number
