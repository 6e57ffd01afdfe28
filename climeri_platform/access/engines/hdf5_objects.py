"""Objects of HDF5: their messages, attributes and links."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Any

from climeri_platform.access.engines.conventions import HIDDEN_FROM_ALL
from climeri_platform.access.engines.hdf5_bytes import NOWHERE, Damaged, Unusual, verify
from climeri_platform.access.engines.hdf5_heaps import (
    FractalHeap,
    GlobalHeap,
    records_of,
    symbols_of,
)
from climeri_platform.access.engines.hdf5_types import (
    Listed,
    attribute_at,
    space_of,
    text_of,
)

if TYPE_CHECKING:
    from climeri_platform.access.engines.hdf5_bytes import Blocks

__all__ = ["FILL", "FILL_ONCE", "FILTERS", "LAYOUT", "SHAPE", "TYPE", "HDF5File", "Object"]

SHAPE, TYPE, FILL_ONCE, FILL, LAYOUT, FILTERS = 1, 3, 4, 5, 8, 11
_LINKS, _LINK, _OUTSIDE, _ATTRIBUTE = 2, 6, 7, 12
_SHARED, _MORE, _SYMBOLS, _ATTRIBUTES = 15, 16, 17, 21
# what an object has once
_PLAIN = frozenset(range(1, 25)) - {_LINK, _OUTSIDE, _ATTRIBUTE, _SHARED, _MORE}
_SIGN = b"\x89HDF\r\n\x1a\n"
_OLD, _NEW = Struct("<HHB3x"), Struct("<BHB")
_TWO, _THREE, _FOUR = Struct("<QQ"), Struct("<QQQ"), Struct("<QQQQ")
_REFERENCE = Struct("<IQI")
_ADDRESS = Struct("<Q")
_NAMED = Struct("<QB8x")


@dataclass(slots=True)
class Object:
    """A group, a dataset or a type: its messages, where they are in the bytes that were read.

    Attributes
    ----------
    address
        Where it begins.
    messages
        By kind, the first of each: bytes that hold it, where it begins and ends.
    links
        Messages that are links.
    attributes
        By name, as `attribute_at` returns them.
    """

    address: int
    messages: dict[int, tuple[bytes, int, int]] = field(default_factory=dict)
    links: list[tuple[bytes, int, int]] = field(default_factory=list)
    attributes: dict[bytes, Any] = field(default_factory=dict)

    @property
    def is_dataset(self) -> bool:
        """Whether it is an array."""
        group = _LINKS in self.messages or _SYMBOLS in self.messages
        return not group and TYPE in self.messages and SHAPE in self.messages

    def message(self, kind: int) -> bytes | None:
        """Return the content of a message, if there is one."""
        if kind not in self.messages:
            return None
        data, at, end = self.messages[kind]
        return data[at:end]


class HDF5File:
    """An HDF5 file of which the header is read.

    Parameters
    ----------
    blocks
        Its bytes.
    """

    __slots__ = ("_seen", "_texts", "blocks", "root")

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self._texts = GlobalHeap(blocks)
        self._seen: set[int] = set()
        self.root = _root_of(blocks)

    def object_at(self, address: int) -> Object:
        """Read an object and its attributes."""
        if address in self._seen:
            raise Unusual("an object of two names")
        self._seen.add(address)
        data, at = self.blocks.at(address, 16)
        found = Object(address)
        if data[at : at + 4] == b"OHDR":
            self._new_messages(found, data, at)
        elif data[at : at + 2] == b"\1\0":
            self._old_messages(found, data, at)
        else:
            raise Damaged("an object that is not where it should be")
        about = found.messages.get(_ATTRIBUTES)
        if about is not None:
            self._dense_attributes(found, *about)
        return found

    def _old_messages(self, found: Object, data: bytes, at: int) -> None:
        size = int.from_bytes(data[at + 8 : at + 12], "little")
        left, messages = [(found.address + 16, size)], found.messages
        for address, length in left:
            self.blocks.once(address, length)
            data, at = self.blocks.at(address, length)
            end = at + length
            while at < end:
                kind, size, flags = _OLD.unpack_from(data, at)
                at += 8 + size
                if at > end or size & 7:
                    raise Damaged("a message beyond its object")
                if kind in _PLAIN and not flags & 2:  # most are
                    messages.setdefault(kind, (data, at - size, at))
                elif kind:
                    _sort(found, kind, flags, (data, at - size, at), left)

    def _new_messages(self, found: Object, data: bytes, at: int) -> None:
        if data[at + 4] != 2:
            raise Unusual("an object of another version")
        flags = data[at + 5]
        begin = at + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        skip = begin + width - at
        data, at = self.blocks.at(found.address, skip)
        size = int.from_bytes(data[at + skip - width : at + skip], "little")
        left, messages = [(found.address + skip, size)], found.messages
        head = 6 if flags & 4 else 4
        for address, length in left:
            self.blocks.once(address, length)
            if address == found.address + skip:
                data, at = self.blocks.at(found.address, skip + length + 4)
                end = at + skip + length
                verify(data, at, end)
                at += skip
            else:
                data, at = self.blocks.at(address, length)
                end = at + length - 4
                if data[at : at + 4] != b"OCHK":
                    raise Damaged("a piece of another kind")
                verify(data, at, end)
                at += 4
            while at + head <= end:
                kind, size, flags = _NEW.unpack_from(data, at)
                at += head + size
                if at > end:
                    raise Damaged("a message beyond its object")
                if kind in _PLAIN and not flags & 2:  # most are
                    messages.setdefault(kind, (data, at - size, at))
                elif kind:
                    _sort(found, kind, flags, (data, at - size, at), left)

    def _dense_attributes(self, found: Object, data: bytes, at: int, end: int) -> None:
        flags = data[at + 1]
        at += 4 if flags & 1 else 2
        heap_at, tree = _TWO.unpack_from(data, at)
        if flags & ~3:
            raise Unusual("attributes of another version")
        if at + 16 > end:
            raise Damaged("attributes beyond their message")
        if heap_at == NOWHERE:
            return
        heap = FractalHeap(self.blocks, heap_at)
        if heap.identity != 8:
            raise Damaged("a heap of another kind")
        count = len(found.attributes)
        for record, places in records_of(self.blocks, tree, 8, 17):
            for word, flags in _NAMED.iter_unpack(record[places.start : places.stop]):
                if flags & 2:
                    raise Unusual("an attribute that objects share")
                name, value = attribute_at(*heap.at(word))
                found.attributes[name] = value
            count += len(places)
        if len(found.attributes) < count:
            raise Damaged("an attribute that is there twice")

    def attributes(self, found: Object) -> dict[str, Any]:
        """Return the attributes of an object, sorted by name as the library does."""
        values: dict[str, Any] = {}
        attributes = found.attributes
        for name in sorted(attributes):
            value = attributes[name]
            if type(value) is Listed:
                if name in HIDDEN_FROM_ALL:
                    continue
                value = self._texts_of(value)
            values[name.decode("utf-8", "replace")] = value
        return values

    def _texts_of(self, listed: Listed) -> Any:
        space = space_of(listed.space)
        if space.shape is None:
            return ""
        texts = self.texts(listed.data, listed.at, space.count)
        return texts[0] if len(texts) == 1 else texts

    def texts(self, data: bytes, at: int, count: int) -> list[str]:
        """Return texts of any length, of which references are written."""
        found = []
        for each in range(at, at + 16 * count, 16):
            content = self._listed(data, each, 1)
            found.append(text_of(content.partition(b"\0")[0]))
        return found

    def _listed(self, data: bytes, at: int, size: int) -> bytes:
        length, address, number = _REFERENCE.unpack_from(data, at)
        if not length or not address:
            return b""
        content = self._texts.get(address, number)
        if len(content) < length * size:
            raise Damaged("text that is shorter than it says")
        return content[: length * size]

    def scale_of(self, found: Object, axis: int) -> int | None:
        """Return the address of the first scale that is attached to a dimension, if there is one."""
        if b"DIMENSION_LIST" not in found.attributes:
            return None
        data, at, end, types, shaped = found.attributes[b"DIMENSION_LIST"]
        space = space_of(shaped)
        # a list of any length of references to objects
        listed = types[0] & 15 == 9 and types[1] == 0 and types[8] & 15 == 7 and types[9] == 0
        if not listed or int.from_bytes(types[12:16], "little") != 8 or axis >= space.count:
            raise Unusual("scales of another kind")
        if at + 16 * space.count > end:
            raise Damaged("an attribute beyond its message")
        content = self._listed(data, at + 16 * axis, 8)
        return int.from_bytes(content[:8], "little") if content else None

    def links(self, group: Object) -> list[tuple[bytes, int]]:
        """Return names and addresses of what is in a group, in order of creation if that is known."""
        if _SYMBOLS in group.messages:
            data, at, _ = group.messages[_SYMBOLS]
            return sorted(symbols_of(self.blocks, *_TWO.unpack_from(data, at)))
        if _LINKS not in group.messages:
            raise Damaged("a group without links")
        data, at, _ = group.messages[_LINKS]
        flags = data[at + 1]
        ordered = flags & 1
        heap_at, tree = _TWO.unpack_from(data, at + (10 if ordered else 2))
        found = [_link(*each) for each in group.links]
        if heap_at != NOWHERE:
            heap = FractalHeap(self.blocks, heap_at)
            if heap.identity != 7:
                raise Damaged("a heap of another kind")
            found += [
                _link(*heap.at(int.from_bytes(record[where + 4 : where + 11], "little")))
                for record, places in records_of(self.blocks, tree, 5, 11)
                for where in places
            ]
        if len({each[1] for each in found}) < len(found):
            raise Damaged("two links of one name")
        if not ordered:
            return sorted((name, address) for _, name, address in found)
        if len({each[0] for each in found}) < len(found) or any(each[0] is None for each in found):
            raise Damaged("links without an order")
        return [(name, address) for _, name, address in sorted(found)]


def _sort(
    found: Object,
    kind: int,
    flags: int,
    place: tuple[bytes, int, int],
    left: list[tuple[int, int]],
) -> None:
    """Put a message where it is looked for."""
    if kind == _MORE:
        left.append(_TWO.unpack_from(place[0], place[1]))
    elif flags & 2 or kind not in (_ATTRIBUTE, _LINK):
        raise Unusual("a message that is elsewhere, or of an unknown kind")
    elif kind == _LINK:
        found.links.append(place)
    else:
        name, value = attribute_at(*place)
        if name in found.attributes:
            raise Damaged("an attribute that is there twice")
        found.attributes[name] = value


def _link(data: bytes, at: int, end: int) -> tuple[int | None, bytes, int]:
    """Return the order of a link, its name, and the address of the object."""
    if data[at] != 1:
        raise Unusual("a link of another version")
    flags = data[at + 1]
    at += 2
    if flags & 8:
        if data[at]:
            raise Unusual("a link to another name")
        at += 1
    order = None
    if flags & 4:
        (order,) = _ADDRESS.unpack_from(data, at)
        at += 8
    at += 1 if flags & 16 else 0
    width = 1 << (flags & 3)
    length = int.from_bytes(data[at : at + width], "little")
    at += width
    if at + length + 8 > end:
        raise Damaged("a link beyond its message")
    (address,) = _ADDRESS.unpack_from(data, at + length)
    return order, data[at : at + length], address


def _root_of(blocks: Blocks) -> int:
    """Find where the file begins, and return the address of its root group."""
    begin = 0
    while True:
        if begin + 96 > blocks.size:
            raise Damaged(f"no HDF5, or cut in its first {max(begin, 96)} bytes")
        data, at = blocks.at(begin, 96)
        if data[at : at + 8] == _SIGN:
            break
        begin = begin * 2 or 512
    version = data[at + 8]
    if version > 3:
        raise Unusual("a file of another version")
    if version > 1:
        verify(data, at, at + 44)
        sizes, flags = data[at + 9 : at + 11], data[at + 11]
        base, _, end = _THREE.unpack_from(data, at + 12)
        (root,) = _ADDRESS.unpack_from(data, at + 36)
    else:
        at += 4 * version
        sizes, flags = data[at + 13 - 4 * version : at + 15 - 4 * version], data[at + 20]
        base, _, end, driver = _FOUR.unpack_from(data, at + 24)
        flags |= driver != NOWHERE  # several files that are one
        (root,) = _ADDRESS.unpack_from(data, at + 64)
    # flags also say that somebody writes it
    if sizes != b"\10\10" or flags or base != begin:
        raise Unusual("a file of other addresses, or one that is written")
    if end > blocks.size:
        raise Damaged(f"it ends at byte {blocks.size}, and had {end} when it was written")
    blocks.base = base
    return int(root)
