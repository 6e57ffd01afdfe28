"""Chunks of an array as they are stored: their bytes found together, their filters undone together.

The time of many models is stored step by step, so that its bounds are thousands of chunks of sixteen
bytes: what is done for each chunk by itself is kept to what zlib must do. Larger ones are inflated by
Intel's ISA-L, which does the same in half the time, its checksum included.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from isal import isal_zlib
from isal.igzip_lib import IsalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["DEFLATE", "SHUFFLE", "DamagedChunk", "chunks_of", "laid_out", "runs"]

SHUFFLE, DEFLATE = "shuffle", "deflate"
_RUN = 2**20  # bytes that are read at once
_TINY = 512  # bytes of a chunk, stored or not, up to which zlib is the quicker one: it has less to set up


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
    if not places:
        return
    first, (begin, end) = 0, places[0]
    for number, (a, b) in enumerate(places):
        if a < begin or a - end > gap or (b - begin > _RUN and number > first):
            yield begin, end, places[first:number]
            first, begin, end = number, a, b
        elif b > end:
            end = b
    yield begin, end, places[first:]


def chunks_of(
    pieces: Iterable[Any],
    skipped: Sequence[int],
    filters: tuple[str, ...],
    size: int,
    width: int,
    wanted: int | None = None,
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
    wanted
        How many bytes are returned of each, whole numbers from its beginning: an unlimited time has
        chunks for half a million steps in many a file. Default: all.

    Raises
    ------
    DamagedChunk
        If one cannot be inflated, or has another size.
    """
    masks = set(skipped)
    mask = masks.pop() if len(masks) == 1 else 0
    left = [each for at, each in enumerate(filters) if not mask >> at & 1]
    together = not masks and left in ([], [DEFLATE], [SHUFFLE], [SHUFFLE, DEFLATE])
    parts: list[Any] | None = None
    if together and left[-1:] == [DEFLATE] and size <= _TINY:
        pieces = list(pieces)
        parts = _tiny(pieces, size)
    if parts is None:
        parts = []
        for number, (data, its) in enumerate(zip(pieces, skipped, strict=True)):
            try:
                if not together:
                    found = _unfiltered(data, filters, its, size, width)
                else:
                    found = _inflated(data, size) if left[-1:] == [DEFLATE] else data
            except (zlib.error, IsalError) as problem:  # type: ignore[misc] # its stub has an instance
                raise DamagedChunk(number, str(problem)) from problem
            if len(found) != size:
                raise DamagedChunk(number, f"{len(found)} bytes where a chunk has {size}")
            parts.append(found)
    whole = np.frombuffer(b"".join(parts), np.uint8).reshape(len(parts), size)
    wanted = size if wanted is None else wanted
    if together and SHUFFLE in left:
        return _unshuffled(whole, width, wanted)
    return whole[:, :wanted]


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
        if filters[at] == DEFLATE:
            data = _inflated(data, size)
        else:
            data = _unshuffled(np.frombuffer(data, np.uint8)[None], width, len(data))[0]
    return data


def _tiny(stored: Sequence[Any], size: int) -> list[Any] | None:
    """Return what thousands of tiny chunks hold; None where one of them must be looked for by itself."""
    if max(map(len, stored), default=0) > _TINY:
        return None
    inflate, window = zlib.decompress, zlib.MAX_WBITS
    try:
        found = [inflate(each, window, size) for each in stored]
    except zlib.error:
        return None
    return found if {*map(len, found)} <= {size} else None


def _inflated(data: Any, size: int) -> bytes:
    """Return what was deflated; of more than a chunk has, no more than tells so."""
    if max(size, len(data)) <= _TINY:
        return zlib.decompress(data, bufsize=size)
    inflate = isal_zlib.decompressobj()
    found = inflate.decompress(data, size + 1)
    if not inflate.eof and len(found) <= size:
        raise zlib.error("incomplete or truncated stream")
    return found


def _unshuffled(rows: np.ndarray[Any, Any], width: int, wanted: int) -> np.ndarray[Any, Any]:
    """Undo HDF5's shuffle: the first bytes of all numbers, then the second bytes, and so on."""
    if width == 1:
        return rows[:, :wanted]
    count, kept = rows.shape[1] // width, wanted // width
    numbers = np.empty((len(rows), wanted), np.uint8)
    numbers[:, kept * width :] = rows[:, kept * width : wanted]
    whole = numbers[:, : kept * width].reshape(len(rows), kept, width)  # of the same bytes
    # byte by byte: a third of the time of turning the array round
    for byte in range(width):
        whole[:, :, byte] = rows[:, byte * count : byte * count + kept]
    return numbers
