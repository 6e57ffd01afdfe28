"""The bytes of an HDF5 file, few and large reads at a time, and never beyond its end."""

from __future__ import annotations

import os
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NOWHERE", "Blocks", "LocalFile", "Source", "Unusual"]

NOWHERE = 2**64 - 1  # the address of what was never written
# bytes that are read at once: where files begin, elsewhere (twice as many each time), and at most
_FIRST, _NEXT, _WIDEST = 2**16, 2**15, 2**17
_RUN = 2**20  # of chunks of a small array that lie close together
_NODE = 2**13  # and where only nodes of a tree are looked for, far from each other
_PAGE = 2**12
# more than any header of an archive has; a damaged file may ask for anything
_MOST, _KEPT = 2**26, 64


class Unusual(Exception):
    """The file has what is not read here, or is damaged: the library knows."""


class Source(Protocol):
    """Where the bytes of a file come from."""

    @property
    def size(self) -> int:
        """How many there are."""

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Return some of them, fewer only at the end of the file."""


class LocalFile:
    """An open file.

    Parameters
    ----------
    handle
        Its descriptor, which the caller closes.
    """

    __slots__ = ("_handle", "size")

    def __init__(self, handle: int, size: int) -> None:
        self._handle = handle
        self.size = size

    def bytes_at(self, offset: int, count: int) -> bytes:
        """Return some of its bytes, fewer only at its end."""
        data = os.pread(self._handle, count, offset)
        while len(data) < count:
            more = os.pread(self._handle, count - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data


class Blocks:
    """What was read of a file, kept while its header is read.

    Addresses are those of HDF5: they count from where it begins, which may be after a block of the user.

    Parameters
    ----------
    source
        Where the bytes come from.
    base
        Where HDF5 begins, if that is known: then nothing is read at once.
    most
        How many bytes are read at all, and interpreted.
    """

    __slots__ = (
        *("_blocks", "_left", "_next", "_nodes", "_patience", "_source", "_widest"),
        *("base", "reads", "size"),
    )

    def __init__(self, source: Source, *, base: int | None = None, most: int = _MOST) -> None:
        self._source = source
        self._blocks: list[tuple[int, int, bytes]] = []
        self._left = self._patience = most
        self._nodes: set[int] = set()
        self._next, self._widest = (_NEXT, _WIDEST) if base is None else (_NODE, _NODE)
        self.base = base or 0
        self.size = source.size
        self.reads = 0
        if base is None:
            first = min(self.size, _FIRST)
            self._blocks.append((0, first, self._fetch(0, first)))

    def at(self, address: int, count: int) -> tuple[bytes, int]:
        """Return bytes that hold what is at an address, and where in them it begins."""
        begin = address + self.base
        end = begin + count
        for start, stop, data in self._blocks:
            if start <= begin and end <= stop:
                return data, begin - start
        if end > self.size or count < 0:
            raise Unusual("an address beyond the end of the file")
        start, data = self._joined(begin, end)
        return data, begin - start

    def _joined(self, begin: int, end: int) -> tuple[int, bytes]:
        """Read what is missing of some bytes, and more beside it; return it with what was known."""
        start, stop = self._around(begin, end)
        parts = []
        for block in self._blocks:
            if block[0] <= begin < block[1]:
                start = block[1]
                parts.append(block)
            elif block[0] < end <= block[1]:
                stop = block[0]
                parts.append(block)
        if start < stop:
            parts.append((start, stop, self._fetch(start, stop - start)))
        parts.sort(key=itemgetter(0))
        first, data = parts[0][0], b"".join(each[2] for each in parts)
        if parts[-1][1] - first != len(data):  # blocks that were read twice
            first, data = begin, self._fetch(begin, end - begin)
        known = [each for each in self._blocks if each not in parts]
        self._blocks = [(first, first + len(data), data), *known[: _KEPT - 1]]
        return first, data

    def _around(self, begin: int, end: int) -> tuple[int, int]:
        """Return what is read to have some bytes: what belongs together is close together."""
        start = begin - begin % _PAGE
        stop = min(start + self._next, self.size)
        above = min((each[0] for each in self._blocks if each[0] > begin), default=stop)
        if above < stop:  # files are also read backwards
            start, stop = max(min(start, above - self._next), 0), above
        below = max((each[1] for each in self._blocks if each[1] <= begin), default=0)
        self._next = min(2 * self._next, self._widest)
        return max(start, below), max(end, stop)

    def pieces(self, places: list[tuple[int, int]]) -> Iterator[bytes]:
        """Yield the bytes of the chunks of one array; those that lie close together are read at once.

        Parameters
        ----------
        places
            Where in the file each begins and ends, in this order.
        """
        first = 0
        while first < len(places):
            begin, end = places[first]
            last = first + 1
            while last < len(places) and places[last][0] - end <= _NEXT:
                if places[last][1] - begin > _RUN:
                    break
                end = max(end, places[last][1])
                last += 1
            if last - first == len(places):  # few: others may be beside them
                data, at = self.at(begin - self.base, end - begin)
            else:
                data, at = self._alone(begin, end - begin), 0
            for start, stop in places[first:last]:
                yield data[at + start - begin : at + stop - begin]
            first = last

    def _alone(self, begin: int, count: int) -> bytes:
        """Return bytes that nobody asks for again."""
        for start, stop, data in self._blocks:
            if start <= begin and begin + count <= stop:
                return data[begin - start : begin - start + count]
        if begin + count > self.size or count < 0:
            raise Unusual("an address beyond the end of the file")
        return self._fetch(begin, count)

    def work(self, count: int) -> None:
        """Note that some bytes are interpreted: a damaged file may name the same ones for ever."""
        self._patience -= count + 64
        if self._patience < 0:
            raise Unusual("a header of more than any has")

    def once(self, address: int, count: int) -> None:
        """Note that a node of a tree, or a piece of an object, is read: what comes back has no end."""
        if address in self._nodes:
            raise Unusual("a tree or an object that contains itself")
        self._nodes.add(address)
        self.work(count)

    def data(self, address: int, count: int) -> bytes:
        """Return exactly some bytes: those of an array, which nobody asks for again."""
        found, at = self.at(address, count)
        return found[at : at + count]

    def _fetch(self, start: int, count: int) -> bytes:
        self.reads += 1
        self._left -= count
        if self._left < 0:
            raise Unusual("a header of more bytes than any has")
        data = self._source.bytes_at(start, count)
        if len(data) < count:
            raise Unusual("the file became shorter")
        return data
