"""Types, shapes and values of HDF5, as they are written in a message of a header."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from struct import Struct
from typing import Any

import numpy as np

from climeri_platform.access.engines.hdf5_bytes import Unusual

__all__ = [
    "HIDDEN_FROM_ALL",
    "Attribute",
    "Kind",
    "Space",
    "attribute_at",
    "decoded",
    "kind_of",
    "space_of",
    "text_of",
]

HIDDEN_FROM_ALL = {b"REFERENCE_LIST", b"DIMENSION_LIST", b"DIMENSION_LABELS", b"_NCProperties"}
Attribute = tuple[bytes, int, int, bytes, bytes]
"""The bytes that hold the value, where it begins and where the message ends, its type and shape."""

_ATTRIBUTE = Struct("<BBHHH")
_INTEGER = Struct("<HH")
_FLOAT = Struct("<HHBBBBI")
_SIZE = Struct("<I")
_FLOATS = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}
_KNOWN = 4_096  # messages of types and shapes, of which archives have some dozens
_MOST_DIMENSIONS = 32


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of the file.

    Attributes
    ----------
    size
        Bytes of an element.
    dtype
        As h5py names it; objects for texts of any length.
    native
        The same in the order of this machine.
    text, any_length
        Whether it is text, of a fixed length or any.
    padding, encoding
        What HDF5 says of text: 0 ends with a NUL, 1 is filled with NULs, 2 with blanks.
    """

    size: int
    dtype: np.dtype[Any]
    native: np.dtype[Any]
    text: bool = False
    any_length: bool = False
    padding: int = 0


@dataclass(frozen=True, slots=True)
class Space:
    """A shape; `shape` is None for one without elements."""

    shape: tuple[int, ...] | None
    limits: tuple[int, ...]
    count: int


_KINDS: dict[bytes, Kind] = {}
_SPACES: dict[bytes, Space] = {}


def kind_of(message: bytes) -> Kind:
    """Return the type that a message names."""
    found = _KINDS.get(message)
    if found is None:
        if len(_KINDS) >= _KNOWN:
            _KINDS.clear()
        found = _KINDS[message] = _kind(message)
    return found


def _kind(message: bytes) -> Kind:
    version, group = divmod(message[0], 16)
    if version not in (1, 2, 3, 4, 5):  # which differ in what is refused below
        raise Unusual("a type of another version")
    flags = message[1]
    (size,) = _SIZE.unpack_from(message, 4)
    if group == 0:
        if size not in (1, 2, 4, 8) or _INTEGER.unpack_from(message, 8) != (0, 8 * size):
            raise Unusual("an integer of odd bits")
        return _number(f"{'>' if flags & 1 else '<'}{'i' if flags & 8 else 'u'}{size}", flags & 6)
    if group == 1:
        usual = _FLOATS.get(size) == _FLOAT.unpack_from(message, 8)
        if not usual or flags & 0x70 != 0x20 or message[2] != 8 * size - 1:
            raise Unusual("numbers that are not those of IEEE")
        return _number(f"{'>' if flags & 1 else '<'}f{size}", flags & 14)
    if group == 3:
        padding, encoding = flags & 15, flags >> 4
        if padding > 2 or encoding > 1 or not size:
            raise Unusual("text of an unknown kind")
        name = "utf-8" if encoding else "ascii"
        dtype = np.dtype(f"S{size}", metadata={"h5py_encoding": name})
        return Kind(size, dtype, dtype.newbyteorder("="), text=True, padding=padding)
    if group == 9:
        encoding = message[2] & 15
        if flags & 15 != 1 or flags >> 4 > 2 or encoding > 1 or size != 16:
            raise Unusual("lists of any length")
        dtype = np.dtype("O", metadata={"vlen": str if encoding else bytes})
        return Kind(size, dtype, dtype, text=True, any_length=True)
    raise Unusual("a type that is neither number nor text")


def _number(code: str, padding: int) -> Kind:
    if padding:
        raise Unusual("numbers padded by ones")
    dtype = np.dtype(code)
    return Kind(dtype.itemsize, dtype, dtype.newbyteorder("="))


def space_of(message: bytes) -> Space:
    """Return the shape that a message names."""
    found = _SPACES.get(message)
    if found is None:
        if len(_SPACES) >= _KNOWN:
            _SPACES.clear()
        found = _SPACES[message] = _space(message)
    return found


def _space(message: bytes) -> Space:
    version, rank, flags = message[0], message[1], message[2]
    if version not in (1, 2) or rank > _MOST_DIMENSIONS or flags & ~1:
        raise Unusual("a shape of another version")
    at = 8
    if version == 2:
        at = 4
        if message[3] == 2 and not rank:
            return Space(None, (), 0)
        if message[3] != (1 if rank else 0):
            raise Unusual("a shape without a kind")
    sizes = Struct(f"<{rank}Q")
    shape = sizes.unpack_from(message, at)
    limits = sizes.unpack_from(message, at + 8 * rank) if flags & 1 else shape
    if any(size > limit for size, limit in zip(shape, limits, strict=True)):
        raise Unusual("a shape beyond its limits")
    return Space(shape, limits, prod(shape))


def attribute_at(data: bytes, at: int, end: int) -> tuple[bytes, Attribute]:
    """Return the name of an attribute, and where its value is."""
    version, flags, named, typed, shaped = _ATTRIBUTE.unpack_from(data, at)
    if version == 3:
        begin = at + 9
        shape_at = begin + named + typed
        value_at = shape_at + shaped
        type_at = begin + named
    elif version == 1:
        begin = at + 8
        type_at = begin + (named + 7 & -8)
        shape_at = type_at + (typed + 7 & -8)
        value_at = shape_at + (shaped + 7 & -8)
        flags = 0  # reserved then
    elif version == 2:
        begin = at + 8
        type_at = begin + named
        shape_at = type_at + typed
        value_at = shape_at + shaped
    else:
        raise Unusual("an attribute of another version")
    name = data[begin : begin + named]
    # its name ends with a NUL, and has no other
    if flags or value_at > end or name.find(b"\0") != named - 1:
        raise Unusual("an attribute that refers to another place")
    types, shape = data[type_at : type_at + typed], data[shape_at : shape_at + shaped]
    return name[:-1], (data, value_at, end, types, shape)


def decoded(attribute: Attribute) -> Any:
    """Return the value of an attribute, but of text of any length.

    Returns
    -------
    str, list of str, numpy scalar or numpy.ndarray
        Native numbers; an array if there are several, or none.
    """
    data, at, end, types, shaped = attribute
    kind = _KINDS.get(types) or kind_of(types)
    space = _SPACES.get(shaped) or space_of(shaped)
    count, size = space.count, kind.size
    if at + count * size > end:
        raise Unusual("an attribute beyond its message")
    if kind.text:
        if count == 1:
            return text_of(data[at : at + size].rstrip(b"\0"))
        if space.shape is None:
            return ""
        return [
            text_of(data[each : each + size].rstrip(b"\0"))
            for each in range(at, at + count * size, size)
        ]
    if count == 1:
        return np.frombuffer(data, kind.dtype, 1, at)[0]
    values = np.frombuffer(data, kind.dtype, count, at).astype(kind.native)
    return values.reshape((0,) if space.shape is None else space.shape)


def text_of(value: bytes) -> str:
    """Return text, which is UTF-8 unless it cannot be."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
