"""Types, shapes and values of HDF5, as they are written in a message of a header."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from climeri_platform.access.engines.conventions import HIDDEN_FROM_ALL
from climeri_platform.access.engines.hdf5_bytes import Damaged, Unusual

__all__ = [
    "Kind",
    "Listed",
    "Space",
    "attribute_at",
    "kind_of",
    "space_of",
    "text_of",
]

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
    padding
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


class Listed(NamedTuple):
    """The value of an attribute that refers to other places of the file.

    Attributes
    ----------
    data, at, end
        The bytes that hold the references, where they begin, and where the message ends.
    kind, space
        The type and the shape, as they are written.
    """

    data: bytes
    at: int
    end: int
    kind: bytes
    space: bytes


@dataclass(frozen=True, slots=True)
class _Form:
    """Type and shape of attributes, of which archives have few."""

    kind: Kind
    space: Space
    size: int
    one_text: bool
    one_number: bool


@lru_cache(maxsize=_KNOWN)
def kind_of(message: bytes) -> Kind:
    """Return the type that a message names."""
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


@lru_cache(maxsize=_KNOWN)
def space_of(message: bytes) -> Space:
    """Return the shape that a message names."""
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
        raise Damaged("a shape beyond its limits")
    return Space(shape, limits, prod(shape))


def attribute_at(data: bytes, at: int, end: int) -> tuple[bytes, Any]:
    """Return the name of an attribute, and its value.

    Parameters
    ----------
    data, at, end
        The bytes that hold its message, where that begins and ends.

    Returns
    -------
    name
        As it is written.
    value
        Text, a list of texts, or native numbers: an array if there are several, or none. `Listed`
        if it is elsewhere in the file.
    """
    version, flags, named, typed, shaped = _ATTRIBUTE.unpack_from(data, at)
    begin = at + 8
    if version == 3:
        begin += 1
    elif version == 1:  # padded, and its flags are reserved
        typed, shaped, flags = typed + 7 & -8, shaped + 7 & -8, 0
    elif version != 2:
        raise Unusual("an attribute of another version")
    last = begin + named - 1
    type_at = last + 1 if version > 1 else begin + (named + 7 & -8)
    at = type_at + typed + shaped
    name = data[begin:last]
    if flags:
        raise Unusual("an attribute that refers to another place")
    # its name ends with a NUL, and has no other
    if at > end or not named or data[last] or b"\0" in name:
        raise Damaged("an attribute without a name, or beyond its message")
    written = data[type_at:at]
    if name in HIDDEN_FROM_ALL:
        return name, Listed(data, at, end, written[:typed], written[typed:])
    return name, _value_at(data, at, end, typed, written)


def _value_at(data: bytes, at: int, end: int, typed: int, written: bytes) -> Any:
    form = _form(typed, written)
    stop = at + form.size
    if stop > end:
        raise Damaged("an attribute beyond its message")
    if form.one_text:
        return text_of(data[at:stop].rstrip(b"\0"))
    if form.one_number:
        return np.frombuffer(data, form.kind.dtype, 1, at)[0]
    if form.kind.any_length:
        return Listed(data, at, end, written[:typed], written[typed:])
    return _several(form, data, at)


@lru_cache(maxsize=_KNOWN)
def _form(typed: int, written: bytes) -> _Form:
    kind, space = kind_of(written[:typed]), space_of(written[typed:])
    one = space.count == 1
    return _Form(
        kind,
        space,
        space.count * kind.size,
        one and kind.text and not kind.any_length,
        one and not kind.text,
    )


def _several(form: _Form, data: bytes, at: int) -> Any:
    kind, space = form.kind, form.space
    if not kind.text:
        values = np.frombuffer(data, kind.dtype, space.count, at).astype(kind.native)
        return values.reshape((0,) if space.shape is None else space.shape)
    if space.shape is None:
        return ""
    return [
        text_of(data[each : each + kind.size].rstrip(b"\0"))
        for each in range(at, at + form.size, kind.size)
    ]


def text_of(value: bytes) -> str:
    """Return text, which is UTF-8 unless it cannot be."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
