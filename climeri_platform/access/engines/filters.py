"""Chunks of an array as they are stored: their bytes found together, their filters undone together.

The time of many models is stored step by step, so that its bounds are thousands of chunks of sixteen
bytes: what is done for each chunk by itself is kept to what zlib must do.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["DEFLATE", "SHUFFLE", "DamagedChunk", "chunks_of", "laid_out", "runs"]

SHUFFLE, DEFLATE = "shuffle", "deflate"
_RUN = 2**20  # bytes that are read at once
_RATIO = 1032  # what deflate makes of a byte at the most
_HARMLESS = 2**26  # bytes that a chunk may become before anybody looks


class DamagedChunk(Exception):
    """The bytes of a chunk are not what its filters made.

    Parameters
    ----------
    number
        Which chunk of those that were asked for.
    problem
        What is wrong with it.
    """

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(problem)
        self.number = number


def runs(
    places: Sequence[tuple[int, int]], gap: int
) -> Iterator[tuple[int, int, Sequence[tuple[int, int]]]]:
    """Yield what is read at once: where it begins and ends, and the places in it.

    Parameters
    ----------
    places
        Where in the file each begins and ends.
    gap
        Bytes between two places that cost less to read than to ask twice.
    """
    first = 0
    while first < len(places):
        begin, end = places[first]
        last = first + 1
        while last < len(places) and places[last][0] - begin >= 0 and places[last][0] - end <= gap:
            if places[last][1] - begin > _RUN:
                break
            end = max(end, places[last][1])
            last += 1
        yield begin, end, places[first:last]
        first = last


def chunks_of(
    pieces: Iterable[Any],
    skipped: Sequence[int],
    filters: tuple[str, ...],
    size: int,
    width: int,
) -> np.ndarray[Any, Any]:
    """Return the bytes of several chunks, a row each.

    Parameters
    ----------
    pieces
        What is stored of each.
    skipped
        A bit for each filter that was not applied to it.
    filters
        Those of the array, in the order in which they were applied.
    size, width
        Bytes of a chunk, and of a number.

    Raises
    ------
    DamagedChunk
        If one cannot be inflated, or has another size.
    """
    masks = set(skipped)
    mask = masks.pop() if len(masks) == 1 else 0
    left = [each for at, each in enumerate(filters) if not mask >> at & 1]
    together = not masks and left in ([], [DEFLATE], [SHUFFLE], [SHUFFLE, DEFLATE])
    parts = []
    for number, (data, its) in enumerate(zip(pieces, skipped, strict=True)):
        try:
            if not together:
                found = _unfiltered(data, filters, its, size, width)
            else:
                found = _inflated(data, size) if left[-1:] == [DEFLATE] else data
        except zlib.error as problem:
            raise DamagedChunk(number, str(problem)) from problem
        if len(found) != size:
            raise DamagedChunk(number, f"{len(found)} bytes where a chunk has {size}")
        parts.append(found)
    whole = np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), size)
    if together and SHUFFLE in left and width > 1:
        count = size // width
        shuffled = whole.reshape(len(parts), width, count)
        return np.ascontiguousarray(shuffled.transpose(0, 2, 1)).reshape(len(parts), size)
    return whole


def laid_out(
    whole: np.ndarray[Any, Any], grid: Sequence[int], chunks: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """Return the array that some chunks are of: each dimension of a chunk goes behind its grid's.

    Parameters
    ----------
    whole
        The chunks one after the other, in the order of C.
    grid, chunks
        How many there are along each dimension, and the shape of one.
    """
    rank = len(chunks)
    axes = [axis + beside for axis in range(rank) for beside in (0, rank)]
    shape = [count * chunk for count, chunk in zip(grid, chunks, strict=True)]
    return whole.reshape(*grid, *chunks).transpose(axes).reshape(shape)


def _unfiltered(data: Any, filters: tuple[str, ...], skipped: int, size: int, width: int) -> Any:
    for at in range(len(filters) - 1, -1, -1):
        if skipped >> at & 1:
            continue
        data = _inflated(data, size) if filters[at] == DEFLATE else _unshuffled(data, width)
    return data


def _inflated(data: Any, size: int) -> bytes:
    """Return what was deflated; of more than a chunk has, no more than tells so."""
    if len(data) * _RATIO <= max(_HARMLESS, size):
        return zlib.decompress(data, bufsize=size)
    inflate = zlib.decompressobj()
    found = inflate.decompress(data, size + 1)
    if not inflate.eof and len(found) <= size:
        raise zlib.error("incomplete or truncated stream")
    return found


def _unshuffled(data: Any, width: int) -> Any:
    """Undo HDF5's shuffle: the first bytes of all numbers, then the second bytes, and so on."""
    if width == 1:
        return data
    count = len(data) // width
    whole = np.frombuffer(data, np.uint8)
    numbers = np.ascontiguousarray(whole[: count * width].reshape(width, count).T).reshape(-1)
    if count * width == len(data):
        return numbers
    return numbers.tobytes() + bytes(data[count * width :])
