"""Where HDF5 keeps what does not fit beside an object: heaps, and the trees that name what is in them."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from climeri_platform.access.engines.hdf5_bytes import NOWHERE, Damaged, Unusual, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.access.engines.hdf5_bytes import Blocks

__all__ = ["FractalHeap", "GlobalHeap", "records_of", "symbols_of"]

_HEAP = Struct("<4sBHHBI6Q")  # to the size of what is managed
_HEAP_TABLE = Struct("<HQQHHQH")
_TREE = Struct("<4sBBIHHBBQHQ")
_OBJECT = Struct("<HHIQ")
_ADDRESS = Struct("<Q")
_HUGE = Struct("<QQQ")
_LOCAL = Struct("<4sB3xQQQ")
_NODE = Struct("<4sBBHQQ")
_SYMBOL = Struct("<QQI")
_MOST_RECORDS = 2**18


def _bytes_for(number: int) -> int:
    """Return how many bytes HDF5 takes to write a number up to this one."""
    return max(number.bit_length() - 1, 0) // 8 + 1


class FractalHeap:
    """Objects of any size, in blocks that double.

    Parameters
    ----------
    blocks
        The file.
    address
        Where the heap begins.
    """

    __slots__ = (
        *(
            "_blocks",
            "_checked",
            "_direct",
            "_huge",
            "_huge_tree",
            "_length_at",
            "_length_bits",
            "_limit",
        ),
        *("_offset", "_offset_bits", "_prefix", "_root", "_rows", "_start", "_width", "identity"),
    )

    def __init__(self, blocks: Blocks, address: int) -> None:
        data, at = blocks.at(address, 146)
        sign, version, identity, filters, flags, managed, _, huge, *_ = _HEAP.unpack_from(data, at)
        width, start, largest, bits, _, root, rows = _HEAP_TABLE.unpack_from(data, at + 110)
        if sign != b"FRHP":
            raise Damaged("a heap of another kind")
        if version or filters:
            raise Unusual("a heap of another version, or one that is filtered")
        verify(data, at, at + 142)
        powers = not any(each & (each - 1) for each in (start, largest, width))
        if not (powers and 0 < start <= largest and width > 0 and 0 < bits <= 64):
            raise Damaged("a heap of odd blocks")
        self._blocks = blocks
        self.identity = identity
        self._offset = (bits + 7) // 8
        length = min((largest.bit_length() + 6) // 8, _bytes_for(managed))
        self._offset_bits = (1 << 8 * self._offset) - 1
        self._length_at, self._length_bits = 8 + 8 * self._offset, (1 << 8 * length) - 1
        if 1 + self._offset + length > identity:
            raise Damaged("a heap whose objects have short names")
        # signature, version, the heap's address, and where the block begins
        self._prefix = 13 + self._offset
        self._checked = bool(flags & 2)
        self._width, self._start, self._limit = width, start, largest
        self._huge_tree = huge
        self._huge: dict[int, tuple[int, int]] | None = None
        self._root, self._rows = root, rows
        self._direct: list[tuple[int, int, bytes, int]] = []

    def at(self, word: int) -> tuple[bytes, int, int]:
        """Return an object by its name: the bytes that hold it, where it begins and ends."""
        if word & 255:
            return self._huge_at(word)
        offset = word >> 8 & self._offset_bits
        length = word >> self._length_at & self._length_bits
        for start, stop, found, where in self._direct:
            if start <= offset and offset + length <= stop:
                return found, where + offset - start, where + offset - start + length
        return self._find(offset, length)

    def _find(self, offset: int, length: int) -> tuple[bytes, int, int]:
        address, start, size = self._root, 0, self._start
        rows = self._rows
        while rows:
            if rows > 64:
                raise Damaged("a heap of too many rows")
            address, start, size, rows = self._below(address, rows, start, offset)
        if address == NOWHERE or offset + length > start + size:
            raise Damaged("an object beyond its heap")
        found, where = self._blocks.at(address, size)
        if found[where : where + 5] != b"FHDB\0" or offset < start + self._prefix:
            raise Damaged("an object that is in no block")
        self._begins_at(found, where, start)
        if self._checked:
            verify(found, where, where + size, where + self._prefix)
        self._direct.insert(0, (start, start + size, found, where))
        return found, where + offset - start, where + offset - start + length

    def _below(self, address: int, rows: int, start: int, offset: int) -> tuple[int, int, int, int]:
        """Return the block under an indirect one: address, where it begins, size, and its rows."""
        if address == NOWHERE:
            raise Damaged("an object that is in no block")
        length = self._prefix + 8 * rows * self._width
        data, at = self._blocks.at(address, length + 4)
        if data[at : at + 5] != b"FHIB\0":
            raise Damaged("a heap of another kind")
        verify(data, at, at + length)
        self._begins_at(data, at, start)
        size, begin = self._start, start
        for row in range(rows):
            if row > 1:
                size *= 2
            if offset < begin + size * self._width:
                column = (offset - begin) // size
                place = self._prefix + 8 * (row * self._width + column)
                (child,) = _ADDRESS.unpack_from(data, at + place)
                under = 0
                if size > self._limit:
                    under = size.bit_length() - (self._start * self._width).bit_length() + 1
                    if not 0 < under < rows:
                        raise Damaged("a heap that does not end")
                return child, begin + column * size, size, under
            begin += size * self._width
        raise Damaged("an object beyond its heap")

    def _begins_at(self, data: bytes, at: int, start: int) -> None:
        written = int.from_bytes(data[at + 13 : at + 13 + self._offset], "little")
        if written != start:
            raise Damaged("a block of a heap that is elsewhere")

    def _huge_at(self, word: int) -> tuple[bytes, int, int]:
        """Return an object that is larger than blocks are: a tree knows its place."""
        # with longer names it would say its place itself
        if word & 255 != 0x10 or self.identity > 9:
            raise Unusual("an object of an unknown kind")
        if self._huge is None:
            self._huge = {}
            for found, places in records_of(self._blocks, self._huge_tree, 1, 24):
                for where in places:
                    address, length, name = _HUGE.unpack_from(found, where)
                    self._huge[name] = address, length
        if word >> 8 not in self._huge:
            raise Damaged("an object that is nowhere")
        address, length = self._huge[word >> 8]
        found, where = self._blocks.at(address, length)
        return found, where, where + length


def records_of(blocks: Blocks, address: int, kind: int, size: int) -> list[tuple[bytes, range]]:
    """Return the records of a tree of the second version: bytes, and where in them each begins."""
    records: list[tuple[bytes, range]] = []
    data, at = blocks.at(address, 38)
    sign, version, sort, node, record, depth, _, _, root, count, total = _TREE.unpack_from(data, at)
    if (sign, sort, record) != (b"BTHD", kind, size) or depth > 8 or node < 64:
        raise Damaged("a tree of another kind")
    verify(data, at, at + 34)
    if total * size > blocks.size:
        raise Damaged("a tree of more records than the file has")
    if version or total > _MOST_RECORDS:
        raise Unusual("a tree of another version, or of too many records")
    if not total:
        return records
    most, widths = _sizes(node, size, depth)
    nodes = [(root, count, depth)]
    found = 0
    while nodes:
        address, count, level = nodes.pop()
        blocks.once(address, node)
        if count > most[level]:
            raise Damaged("a node of too many records")
        data, at = blocks.at(address, node)
        if data[at : at + 6] != (b"BTIN\0" if level else b"BTLF\0") + bytes((kind,)):
            raise Damaged("a tree of another kind")
        found += count
        end = at + 6 + count * size
        records.append((data, range(at + 6, end, size)))
        if level:
            below, end = _children(data, end, count + 1, level, (most, widths))
            nodes += below
        verify(data, at, end)
    if found != total:
        raise Damaged("a tree of fewer records than it says")
    return records


def _sizes(node: int, size: int, depth: int) -> tuple[list[int], list[int]]:
    """Return, for each level, how many records a node has at most, and how wide sums of them are."""
    most = [(node - 10) // size]
    every = [most[0]]
    widths = [0]
    for _ in range(depth):
        pointer = 8 + _bytes_for(most[0]) + widths[-1]
        most.append((node - 10 - pointer) // (size + pointer))
        every.append((most[-1] + 1) * every[-1] + most[-1])
        widths.append(_bytes_for(every[-1]))
    return most, widths


def _children(
    data: bytes, at: int, count: int, level: int, sizes: tuple[list[int], list[int]]
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the nodes below one, and where the list of them ends."""
    counted = _bytes_for(sizes[0][0])
    pointer = 8 + counted + sizes[1][level - 1]
    found = []
    for each in range(at, at + count * pointer, pointer):
        (address,) = _ADDRESS.unpack_from(data, each)
        records = int.from_bytes(data[each + 8 : each + 8 + counted], "little")
        found.append((address, records, level - 1))
    return found, at + count * pointer


class GlobalHeap:
    """Texts and lists of any length, by the collection that holds them.

    Parameters
    ----------
    blocks
        The file.
    """

    __slots__ = ("_blocks", "_known")

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._known: dict[int, dict[int, tuple[bytes, int, int]]] = {}

    def get(self, address: int, number: int) -> bytes:
        """Return what one object of a collection holds."""
        objects = self._known.get(address)
        if objects is None:
            objects = self._known[address] = self._collection(address)
        if number not in objects:
            raise Damaged("text that is nowhere")
        data, begin, size = objects[number]
        return data[begin : begin + size]

    def _collection(self, address: int) -> dict[int, tuple[bytes, int, int]]:
        data, at = self._blocks.at(address, 16)
        if data[at : at + 5] != b"GCOL\1":
            raise Damaged("a collection of another kind")
        (size,) = _ADDRESS.unpack_from(data, at + 8)
        self._blocks.work(size)
        data, at = self._blocks.at(address, size)
        end = at + size
        at += 16
        objects: dict[int, tuple[bytes, int, int]] = {}
        while at + 16 <= end:
            number, _, _, length = _OBJECT.unpack_from(data, at)
            if not number:  # what is free is last
                break
            if at + 16 + length > end or number in objects:
                raise Damaged("an object beyond its collection")
            objects[number] = data, at + 16, length
            at += 16 + (length + 7 & -8)
        return objects


def symbols_of(blocks: Blocks, tree: int, heap: int) -> Iterator[tuple[bytes, int]]:
    """Yield names and addresses of what is in a group of the first version."""
    data, at = blocks.at(heap, 32)
    sign, version, size, _, place = _LOCAL.unpack_from(data, at)
    if sign != b"HEAP" or version:
        raise Damaged("a heap of another kind")
    names, first = blocks.at(place, size)
    last = first + size
    nodes: list[tuple[int, int]] = [(tree, -1)]
    found = 0
    while nodes:
        address, level = nodes.pop()
        blocks.once(address, 512)
        if not level:
            for name, where in _symbols(blocks, address):
                begin = first + name
                end = names.find(b"\0", begin, last)
                if end < 0:
                    raise Damaged("a name without an end")
                found += 1
                if found > _MOST_RECORDS:
                    raise Unusual("a group of too many")
                yield names[begin:end], where
            continue
        data, at = blocks.at(address, 24)
        sign, kind, height, used, _, _ = _NODE.unpack_from(data, at)
        if sign != b"TREE" or kind or (level > 0 and height != level - 1) or height > 16:
            raise Damaged("a tree of another kind")
        data, at = blocks.at(address, 24 + 16 * used + 8)
        for each in range(used):
            (child,) = _ADDRESS.unpack_from(data, at + 32 + 16 * each)
            nodes.append((child, height))


def _symbols(blocks: Blocks, address: int) -> Iterator[tuple[int, int]]:
    data, at = blocks.at(address, 8)
    if data[at : at + 5] != b"SNOD\1":
        raise Damaged("a group of another kind")
    count = int.from_bytes(data[at + 6 : at + 8], "little")
    data, at = blocks.at(address, 8 + 40 * count)
    for each in range(at + 8, at + 8 + 40 * count, 40):
        name, where, cached = _SYMBOL.unpack_from(data, each)
        if cached > 1:
            raise Unusual("a link to another name")
        yield name, where
