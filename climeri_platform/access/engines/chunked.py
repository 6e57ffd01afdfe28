"""Arrays in chunks: which bytes hold which chunk, and how they become numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from climeri_platform.access.engines.filters import DamagedChunk, chunks_of, laid_out, runs
from climeri_platform.access.engines.stored import read_part
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from climeri_platform.access.engines.header import Key
    from climeri_platform.access.engines.stored import Source

__all__ = ["ChunkedArray", "Places", "no_places"]

_TOGETHER = 2**20  # bytes of chunks whose filters are undone together
_MANY = 2**12  # chunks of them: what lies between is read too
_BETWEEN = 2**12  # bytes between chunks that cost less to read than to ask again


@dataclass(frozen=True, slots=True)
class Places:
    """Where the chunks of an array are, in the order of C.

    Attributes
    ----------
    offsets
        The first byte of each; -1 for one that was never written.
    sizes
        How many bytes it has.
    skipped
        A bit for each filter that was not applied to it.
    """

    offsets: np.ndarray[Any, Any]
    sizes: np.ndarray[Any, Any]
    skipped: np.ndarray[Any, Any]

    @classmethod
    def none(cls, count: int) -> Places:
        """Return those of chunks that were never written."""
        return cls(np.full(count, -1), np.zeros(count, np.int64), np.zeros(count, np.uint32))


def no_places(count: int) -> Places:
    """Return the places of chunks that were never written: what may be kept in a record."""
    return Places.none(count)


@dataclass(frozen=True, slots=True)
class ChunkedArray:
    """An array in chunks of one shape, each filtered by itself.

    Attributes
    ----------
    stamp
        The file.
    shape, stored
        Its shape, and the type of its numbers in the file.
    chunks
        The shape of a chunk.
    filters
        `SHUFFLE` and `DEFLATE`, in the order in which they were applied.
    find
        Returns the places of its chunks; asked when it is read, for there may be millions.
    fill
        The value of what was never written.
    extent
        Where what was written ends: along an unlimited dimension another variable may be longer.
    """

    stamp: Source
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    chunks: tuple[int, ...]
    filters: tuple[str, ...]
    find: Callable[[], Places]
    fill: Any
    extent: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers in memory."""
        return self.stored.newbyteorder("=")

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it."""
        return read_part(self, key)

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""
        places = self.find()
        boxes = [_Box.of(each, self, places) for each in self._boxes(ranges)]
        read = [each for box in boxes for each in box.runs]
        with self.stamp.opened() as handle:
            data = self.stamp.pieces(
                handle, [begin for begin, _, _ in read], [end - begin for begin, end, _ in read]
            )
            for box in boxes:
                found[box.there] = self._numbers(box, places, data)[box.inside]
        for axis, (along, end) in enumerate(zip(ranges, self.extent, strict=True)):
            if along[-1] >= end:
                beyond = [slice(None)] * len(ranges)
                beyond[axis] = slice(len(range(along.start, end, along.step)), None)
                found[tuple(beyond)] = self.fill

    def _boxes(self, ranges: list[range]) -> Iterator[tuple[_Span, ...]]:
        """Yield the chunks that are needed: so many together that little is held twice."""
        size = prod(self.chunks) * self.stored.itemsize
        room = max(1, min(_TOGETHER // size, _MANY))
        along: list[list[_Span]] = []
        for each, chunk in zip(reversed(ranges), reversed(self.chunks), strict=True):
            spans = list(_spans(each, chunk, room))
            room = max(1, room // len(spans[0].numbers))
            along.insert(0, spans)
        yield from product(*along)

    def _numbers(
        self, box: _Box, places: Places, following: Iterator[bytes]
    ) -> np.ndarray[Any, Any]:
        """Return the array that the chunks of a box make."""
        shape = (len(box.numbers), *self.chunks)
        grid = [len(each.numbers) for each in box.spans]
        if not len(box.written):
            whole = np.broadcast_to(np.asarray(self.fill, self.dtype), shape)
            return laid_out(whole, grid, self.chunks)
        at = box.numbers[box.written]
        pieces = (
            data[begin - run[0] : end - run[0]]
            for run, data in zip(box.runs, following, strict=False)
            for begin, end in run[2]
        )
        size, width = prod(self.chunks) * self.stored.itemsize, self.stored.itemsize
        try:
            stored = chunks_of(pieces, places.skipped[at].tolist(), self.filters, size, width)
        except DamagedChunk as problem:
            raise self._damaged(int(places.offsets[at[problem.number]]), problem) from problem
        numbers = stored.reshape(-1).view(self.stored).reshape(len(at), *self.chunks)
        if len(at) == len(box.numbers) and (box.written[1:] > box.written[:-1]).all():
            return laid_out(numbers, grid, self.chunks)
        whole = np.full(shape, self.fill, self.stored)
        whole[box.written] = numbers
        return laid_out(whole, grid, self.chunks)

    def _damaged(self, offset: int, problem: Exception) -> FileUnreadable:
        return FileUnreadable(
            f"{self.stamp.path}: the data at byte {offset} are damaged: {problem}",
            hint="Compare its checksum with its origin, and fetch it again.",
        )


class _Span(NamedTuple):
    """Some chunks along one dimension: their numbers, where they go, and what of them."""

    numbers: np.ndarray[Any, Any]
    there: slice
    inside: slice | np.ndarray[Any, Any]


def _spans(places: range, chunk: int, room: int) -> Iterator[_Span]:
    """Yield the chunks that hold some places along one dimension, no more at a time than there is room."""
    at = np.arange(places.start, places.stop, places.step)
    number = at // chunk
    begins = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(begins[1:], len(at))
    for first in range(0, len(begins), room):
        some = begins[first : first + room]
        there = slice(int(some[0]), int(ends[first + len(some) - 1]))
        numbers = number[some]
        offset = int(at[there.start] - numbers[0] * chunk)
        inside: slice | np.ndarray[Any, Any]
        if len(numbers) == numbers[-1] - numbers[0] + 1:  # none is passed over
            last = offset + (there.stop - there.start - 1) * places.step
            inside = slice(offset, last + 1, places.step)
        else:
            which = np.searchsorted(numbers, number[there])
            inside = which * chunk + at[there] % chunk
        yield _Span(numbers, there, inside)


class _Box(NamedTuple):
    """Chunks that are read together: their numbers, which of them were written, and where they are."""

    spans: tuple[_Span, ...]
    numbers: np.ndarray[Any, Any]
    written: np.ndarray[Any, Any]
    runs: list[tuple[int, int, Sequence[tuple[int, int]]]]

    @classmethod
    def of(cls, spans: tuple[_Span, ...], array: ChunkedArray, places: Places) -> _Box:
        grid = [-(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True)]
        along = np.ix_(*(each.numbers for each in spans))
        numbers = np.ravel_multi_index(np.broadcast_arrays(*along), grid).reshape(-1)
        begins = places.offsets[numbers]
        written = np.argsort(begins, kind="stable")[np.count_nonzero(begins < 0) :]
        begins = begins[written]
        ends = begins + places.sizes[numbers[written]]
        near = list(zip(begins.tolist(), ends.tolist(), strict=True))
        return cls(spans, numbers, written, list(runs(near, _BETWEEN)))

    @property
    def there(self) -> tuple[slice, ...]:
        """Where the numbers go."""
        return tuple(each.there for each in self.spans)

    @property
    def inside(self) -> Any:
        """Which numbers of the chunks go there."""
        inside = [each.inside for each in self.spans]
        if all(isinstance(each, slice) for each in inside):
            return tuple(inside)
        return np.ix_(
            *(
                np.arange(each.start, each.stop, each.step) if isinstance(each, slice) else each
                for each in inside
            )
        )
