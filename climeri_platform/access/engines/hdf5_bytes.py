"""The bytes of an HDF5 file, few and large reads at a time, and never beyond its end."""

from __future__ import annotations

from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from climeri_platform.access.engines.filters import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from climeri_platform.access.engines.stored import Source

__all__ = ["NOWHERE", "Blocks", "Damaged", "Unusual", "verify"]

NOWHERE = 2**64 - 1  # the address of what was never written
# what is read at once, in reaches of the file: where it begins, and at most elsewhere
_FIRST, _WIDEST = 2, 4
_NODE = 4  # of a reach, where only nodes of a tree are looked for, far from each other
_PAGE = 2**12
# more than any header of an archive has; a damaged file may ask for anything
_MOST, _KEPT = 2**26, 64
_SUM = 4  # bytes of a checksum


class Unusual(Exception):
    """The file has what is not read here: the library knows."""


class Damaged(Exception):
    """The file contradicts itself: the library is not asked, which on some such files does not end."""


def verify(data: bytes, begin: int, end: int, blank: int | None = None) -> None:
    """Compare some bytes with their checksum, which newer parts of HDF5 have; the library does too.

    Parameters
    ----------
    data
        What was read.
    begin, end
        What the checksum is of; it follows.
    blank
        Where it lies within them instead: it counts as zero there.

    Raises
    ------
    Damaged
        If it is another one.
    """
    at = end if blank is None else blank
    content = data[begin:end]
    if blank is not None:
        content = data[begin:blank] + bytes(_SUM) + data[blank + _SUM : end]
    written = int.from_bytes(data[at : at + _SUM], "little")
    if len(data) < at + _SUM or _checksum()(content) != written:
        raise Damaged("what it says of itself does not match its checksum")


@cache
def _checksum() -> Callable[[bytes], int]:
    # numcodecs loads all its codecs: files that are known already need none
    from numcodecs.jenkins import jenkins_lookup3

    return jenkins_lookup3  # type: ignore[no-any-return]


class Blocks:
    """What was read of a file, kept while its header is read.

    Addresses are those of HDF5: they count from where it begins, which may be after a block of the user.

    Parameters
    ----------
    source, handle
        The file, and what reads it while it is open.
    base
        Where HDF5 begins, if that is known: then nothing is read at once.
    most
        How many bytes are read at all, and interpreted.
    """

    __slots__ = (
        *("_blocks", "_handle", "_left", "_next", "_nodes", "_patience", "_source", "_widest"),
        *("base", "reads", "size"),
    )

    def __init__(
        self, source: Source, handle: Any, *, base: int | None = None, most: int = _MOST
    ) -> None:
        self._source, self._handle = source, handle
        self._blocks: list[tuple[int, int, bytes]] = []
        self._left = self._patience = most
        self._nodes: set[int] = set()
        self._next, self._widest = source.reach, _WIDEST * source.reach
        self.base = base or 0
        self.size = source.size
        self.reads = 0
        if base is None:
            first = min(self.size, _FIRST * source.reach)
            self._blocks.append((0, first, self._fetch(0, first)))
        else:
            self._next = self._widest = source.reach // _NODE

    def at(self, address: int, count: int) -> tuple[bytes, int]:
        """Return bytes that hold what is at an address, and where in them it begins."""
        begin = address + self.base
        end = begin + count
        for start, stop, data in self._blocks:
            if start <= begin and end <= stop:
                return data, begin - start
        if end > self.size or count < 0:
            raise self._beyond(end)
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

    def pieces(self, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        """Yield the bytes at several places; those that lie close together are read at once.

        Parameters
        ----------
        places
            Where in the file each begins and ends, in this order.
        """
        yield from self._together(places, self._source.reach)

    def nodes(self, addresses: Sequence[int], count: int) -> Iterator[tuple[bytes, int]]:
        """Yield bytes that hold what is at several addresses, and where in them it begins.

        Parameters
        ----------
        addresses
            In ascending order.
        count
            How many bytes are probably needed at each: there may be less, but no address is beyond
            the end of the file.
        """
        if self._next < self._source.reach:  # a tree is all that is looked for
            begins = [each + self.base for each in addresses]
            if begins[-1] >= self.size:
                raise self._beyond(begins[-1])
            places = [(each, min(each + count, self.size)) for each in begins]
            yield from ((data, 0) for data in self._together(places, self._next))
        else:
            yield from (self.at(each, 1) for each in addresses)

    def _together(self, places: Sequence[tuple[int, int]], gap: int) -> Iterator[bytes]:
        read = list(runs(places, gap))
        if len(read) == 1:  # few: others may be beside them
            begin, end, _ = read[0]
            data, at = self.at(begin - self.base, end - begin)
            yield from (data[at + a - begin : at + b - begin] for a, b in places)
            return
        missing = [(begin, end) for begin, end, _ in read if self._known(begin, end) is None]
        if missing and missing[-1][1] > self.size:
            raise self._beyond(missing[-1][1])
        for begin, end in missing:
            self._count(end - begin)
        following = self._source.pieces(
            self._handle, [each for each, _ in missing], [end - begin for begin, end in missing]
        )
        for begin, end, some in read:
            known = self._known(begin, end)
            data = next(following) if known is None else known
            yield from (data[a - begin : b - begin] for a, b in some)

    def _known(self, begin: int, end: int) -> bytes | None:
        for start, stop, data in self._blocks:
            if start <= begin and end <= stop:
                return data[begin - start : end - start]
        return None

    def _beyond(self, end: int) -> Damaged:
        return Damaged(f"it ends at byte {self.size}, and goes on to byte {end}")

    def work(self, count: int) -> None:
        """Note that some bytes are interpreted: a damaged file may name the same ones for ever."""
        self._patience -= count + 64
        if self._patience < 0:
            raise self._too_much()

    def once(self, address: int, count: int) -> None:
        """Note that a node of a tree, or a piece of an object, is read: what comes back has no end."""
        if address in self._nodes:
            raise Damaged("a tree or an object that contains itself")
        self._nodes.add(address)
        self.work(count)

    def data(self, address: int, count: int) -> bytes:
        """Return exactly some bytes: those of an array, which nobody asks for again."""
        found, at = self.at(address, count)
        return found[at : at + count]

    def _fetch(self, start: int, count: int) -> bytes:
        self._count(count)
        return self._source.bytes_at(self._handle, start, count)

    def _count(self, count: int) -> None:
        self.reads += 1
        self._left -= count
        if self._left < 0:
            raise self._too_much()

    def _too_much(self) -> Damaged | Unusual:
        """Return what is wrong with a header that does not end: a small file has no large one."""
        if self.size < _MOST:
            return Damaged("a header of more bytes than the file has")
        return Unusual("a header of more bytes than any has")
