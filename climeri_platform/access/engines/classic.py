"""NetCDF classic files (CDF-1, CDF-2 and CDF-5), read without a library.

The format is one page: a header of numbers and names, then the variables that cannot grow, each in one
piece, then the records, in each of which lies one step of every variable that can (NetCDF Users'
Guide, "The NetCDF Classic Format Specification"). What a damaged header claims is compared with the
size of the file before it is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from climeri_platform.access.engines.header import (
    TRUNCATED,
    Header,
    HeldArray,
    StoredVariable,
    is_small,
)
from climeri_platform.access.engines.stored import FileStamp, FlatArray, Source
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    import os

__all__ = ["MAGIC", "read_header"]

MAGIC = {b"CDF\x01": 1, b"CDF\x02": 2, b"CDF\x05": 5}
_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_TEXT = 2
_KINDS = {
    code: np.dtype(kind)
    for code, kind in enumerate(
        ("i1", "S1", ">i2", ">i4", ">f4", ">f8", "u1", ">u2", ">u4", ">i8", ">u8"), start=1
    )
}
_STREAMING = {1: 2**32 - 1, 2: 2**32 - 1, 5: 2**64 - 1}
_TAG = struct.Struct(">I")
_AT_FIRST, _LARGEST = 2**15, 2**26  # bytes of a header
_DEEPEST = 64  # dimensions that numpy knows
_DAMAGED = "Its header is damaged: compare its checksum with its origin, and fetch it again."


def read_header(place: str | os.PathLike[str] | Source) -> Header:
    """Read the header of a NetCDF classic file, and the numbers of its small variables.

    Parameters
    ----------
    place
        A local file, or what gives the bytes of another one.

    Returns
    -------
    Header
        All of it.

    Raises
    ------
    FileUnreadable
        If it is damaged, or ends before its data do.
    """
    source = place if isinstance(place, Source) else FileStamp.of(place)
    with source.opened() as handle:
        page = _Page(source, handle)
        read = _Parts(page)
        arrays = {each.name: _held(each.array(source, read), handle) for each in read.variables}
    variables = {}
    for each in read.variables:
        array = arrays[each.name]
        encoding = {"dtype": each.kind, "source": source.path, "original_shape": array.shape}
        variables[each.name] = StoredVariable(each.dims, each.attrs, array, encoding)
    sizes = dict(zip(read.names, read.lengths, strict=True))
    unlimited = frozenset({read.names[read.growing]} if read.growing >= 0 else ())
    return Header(sizes, unlimited, read.attrs, variables)


class _Page:
    """The bytes of the header, of which more is read when it is longer than expected."""

    def __init__(self, source: Source, handle: Any) -> None:
        self.source, self.handle = source, handle
        self.data = source.bytes_at(handle, 0, min(_AT_FIRST, source.size))
        self.at = 0
        self.form = MAGIC.get(self.data[:4], 0)
        if not self.form:
            raise FileUnreadable(
                f"{source.path}: no NetCDF classic file, it begins with {self.data[:4]!r}",
                hint=_DAMAGED,
            )
        self.at = 4
        self.wide = struct.Struct(">q" if self.form == 5 else ">i")
        self.begin = struct.Struct(">i" if self.form == 1 else ">q")

    def refuse(self, what: str) -> NoReturn:
        """Say what is wrong, and where."""
        raise FileUnreadable(f"{self.source.path}: {what}, at byte {self.at}", hint=_DAMAGED)

    def ended(self, what: str) -> NoReturn:
        """Say that the file ends before what its header says."""
        raise FileUnreadable(
            f"{self.source.path}: it ends at byte {self.source.size}, {what}", hint=TRUNCATED
        )

    def need(self, count: int) -> int:
        """Have so many bytes more, and return where they begin."""
        begin, end = self.at, self.at + count
        if end > len(self.data):
            size = self.source.size
            if end > size:
                self.ended("within its header")
            if end > _LARGEST:
                self.refuse(f"a header of more than {_LARGEST} bytes")
            have = len(self.data)
            upto = min(size, max(2 * have, end))
            self.data += self.source.bytes_at(self.handle, have, upto - have)
        self.at = end
        return begin

    def number(self, kind: struct.Struct) -> int:
        """Return a number that cannot be negative."""
        begin = self.need(kind.size)  # which may make the data longer
        found: int = kind.unpack_from(self.data, begin)[0]
        if found < 0:
            self.refuse(f"a count of {found}")
        return found

    def tag(self) -> int:
        """Return what comes next: 0, dimensions, variables or attributes."""
        begin = self.need(4)
        found: int = _TAG.unpack_from(self.data, begin)[0]
        return found

    def count(self, wanted: int, least: int) -> int:
        """Return how many dimensions, variables or attributes come, each of so many bytes."""
        tag, count = self.tag(), self.number(self.wide)
        if tag != wanted and (tag or count):
            self.refuse(f"{tag} where {wanted} would begin a list")
        if count * least > self.source.size - self.at:
            self.ended(f"within a list of {count} in its header")
        return count

    def padded(self, size: int) -> bytes:
        """Return some bytes, and step over what fills them to a multiple of four."""
        begin = self.need(size + -size % 4)
        return self.data[begin : begin + size]

    def name(self) -> str:
        """Return a name."""
        return self.padded(self.number(self.wide)).decode("utf-8", "replace")

    def attributes(self) -> dict[str, Any]:
        """Return a list of attributes."""
        found = {}
        for _ in range(self.count(_ATTRIBUTE, 12)):
            name, kind = self.name(), self.kind()
            length = self.number(self.wide)
            data = self.padded(length * kind.itemsize)
            found[name] = _text(data) if kind == _KINDS[_TEXT] else _numbers(data, kind)
        return found

    def kind(self) -> np.dtype[Any]:
        """Return a type."""
        code = self.tag()
        if code not in _KINDS or (code > 6 and self.form != 5):
            self.refuse(f"a type of number {code}")
        return _KINDS[code]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return data.decode("latin-1").replace("\0", "")


def _numbers(data: bytes, kind: np.dtype[Any]) -> Any:
    values = np.frombuffer(data, kind).astype(kind.newbyteorder("="))
    return values[0] if values.size == 1 else values


@dataclass(frozen=True, slots=True)
class _Described:
    """A variable as the header describes it."""

    name: str
    dims: tuple[str, ...]
    fixed: tuple[int, ...]  # its shape, but for records
    grows: bool
    attrs: dict[str, Any]
    kind: np.dtype[Any]
    begin: int

    @property
    def size(self) -> int:
        """Bytes of it, or of one record of it."""
        return prod(self.fixed) * self.kind.itemsize

    def array(self, source: Source, read: _Parts) -> FlatArray:
        """Return what reads it."""
        if not self.grows:
            return FlatArray(source, self.fixed, self.kind, self.begin)
        return FlatArray(source, (read.records, *self.fixed), self.kind, self.begin, read.record)


class _Parts:
    """What a header says: dimensions, attributes, variables, and how long a record is."""

    def __init__(self, page: _Page) -> None:
        self.page = page
        records = page.number(struct.Struct(">Q" if page.form == 5 else ">I"))
        self.names: list[str] = []
        self.lengths: list[int] = []
        for _ in range(page.count(_DIMENSION, 8)):
            self.names.append(page.name())
            self.lengths.append(page.number(page.wide))
        self._once(self.names, "dimensions")
        if self.lengths.count(0) > 1:
            page.refuse("two dimensions that may grow")
        self.growing = self.lengths.index(0) if 0 in self.lengths else -1
        self.attrs = page.attributes()
        self.variables = [self._variable() for _ in range(page.count(_VARIABLE, 28))]
        self._once([each.name for each in self.variables], "variables")
        growing = [each for each in self.variables if each.grows]
        # to whole words, but for a variable that is alone
        self.record = sum(each.size + -each.size % 4 for each in growing)
        if len(growing) == 1:
            self.record = growing[0].size
        if records == _STREAMING[page.form]:
            first = min((each.begin for each in growing), default=0)
            records = max(0, page.source.size - first) // self.record if growing else 0
        self.records = records
        if self.growing >= 0:
            self.lengths[self.growing] = records
        self._reach()

    def _once(self, names: list[str], what: str) -> None:
        if len(set(names)) < len(names):
            self.page.refuse(f"two {what} of one name")

    def _variable(self) -> _Described:
        page = self.page
        name = page.name()
        rank = page.number(page.wide)
        if rank > _DEEPEST:
            page.refuse(f"a variable of {rank} dimensions")
        numbers = [page.number(page.wide) for _ in range(rank)]
        if any(each >= len(self.names) for each in numbers):
            page.refuse(f"the dimensions {numbers} of {len(self.names)}")
        if self.growing in numbers[1:]:
            page.refuse(f"{name} grows along another dimension than its first")
        grows = self.growing in numbers
        attrs, kind = page.attributes(), page.kind()
        page.need(page.wide.size)  # how long it is: where that is wrong, libraries compute it too
        return _Described(
            name,
            tuple(self.names[each] for each in numbers),
            tuple(self.lengths[each] for each in numbers[grows:]),
            grows,
            attrs,
            kind,
            page.number(page.begin),
        )

    def _reach(self) -> None:
        """Refuse a file that ends before its data do."""
        size = self.page.source.size
        if sum(each.size * (self.records if each.grows else 1) for each in self.variables) > size:
            # said of a whole that is no larger than the file, so that no number here can be too large
            self.page.ended("and its variables are longer than that")
        for each in self.variables:
            end = each.begin + each.size
            if each.grows:
                end = end + (self.records - 1) * self.record if self.records else 0
            if end > size:
                self.page.ended(f"and {each.name} goes on to byte {end}")


def _held(array: FlatArray, handle: Any) -> FlatArray | HeldArray:
    if not is_small(array.shape, array.stored.itemsize):
        return array
    values = np.empty(array.shape, array.dtype)
    if values.size:
        array.fill_from(handle, [range(each) for each in array.shape], values)
    return HeldArray(values)
