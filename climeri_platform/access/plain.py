"""Arrays, their types and the values of attributes, as columns of a record.

Nothing is made that was not asked for by one of the words here, and no array whose bytes are not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np

from climeri_platform.access.columns import NoRecord, Rows, folded, unfolded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.access.columns import Content

__all__ = ["Arrays", "DTypes", "Values"]

_CODE = re.compile(r"[<>|]([biufc]\d{1,2}|[SUV]\d{1,9}|[mM]8(\[\d{0,9}[A-Za-z]{1,2}\])?)", re.ASCII)
_OBJECTS = "|O"
_ALIKE = (str, int, np.generic)  # of one of them, what is equal is the same
_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
_SHAPES = Rows(int)
_DEEPEST = 16  # lists in lists
_LAST_CHARACTER = 0x10FFFF
_DATES = {
    each.__name__: each
    for each in (
        cftime.datetime,
        cftime.Datetime360Day,
        cftime.DatetimeAllLeap,
        cftime.DatetimeGregorian,
        cftime.DatetimeJulian,
        cftime.DatetimeNoLeap,
        cftime.DatetimeProlepticGregorian,
    )
}
# what h5py says of text, and of numbers that have names: nothing else may be said of a type
_LENGTHS = {"text": str, "bytes": bytes}
_ENCODINGS = ("ascii", "utf-8")


def _code_of(dtype: np.dtype[Any]) -> str:
    """Return the name of a type of which arrays may be kept."""
    if dtype.fields is not None or dtype.subdtype is not None or not _CODE.fullmatch(dtype.str):
        raise NoRecord(f"the type {dtype}")
    return dtype.str


@lru_cache(maxsize=256)
def _dtype(code: str) -> np.dtype[Any]:
    """Return the type of a name, which is that type's own."""
    if not _CODE.fullmatch(code):
        raise NoRecord("a type of another kind")
    dtype = np.dtype(code)
    if dtype.str != code:
        raise NoRecord("a type of another name")
    return dtype


def _array(data: memoryview, dtype: np.dtype[Any], shape: list[int]) -> np.ndarray[Any, Any]:
    """Return an array of its own, of bytes that are as many as it needs."""
    found = np.frombuffer(data, dtype).reshape(shape).copy()
    if dtype.kind == "b" and found.size and found.view("u1").max() > 1:
        raise NoRecord("what is neither true nor false")
    if dtype.kind == "U" and found.size:
        order = dtype.str[0].replace("|", "=")
        if np.frombuffer(data, f"{order}u4").max() > _LAST_CHARACTER:
            raise NoRecord("what is no character")
    return found


def _size(dtype: np.dtype[Any], shape: list[int]) -> int:
    if not {int}.issuperset(map(type, shape)) or not dtype.itemsize:
        raise NoRecord("a shape that is none")
    return prod(shape) * dtype.itemsize


@dataclass(frozen=True, slots=True)
class DTypes:
    """Types of arrays: of numbers, dates and text, and, if they may be, of objects.

    Attributes
    ----------
    objects
        Whether there may be some.
    """

    objects: bool = False

    def pack(self, values: Sequence[Any], _: list[bytes]) -> Any:
        """Return their names, with what h5py knows of them."""
        return folded(list(map(self._said, values)))

    def unpack(self, data: Any, count: int, _: Content) -> Sequence[Any]:
        """Return them."""
        found, times = unfolded(data, count)
        return list(map(self._made, found)) * times

    def _said(self, dtype: np.dtype[Any]) -> Any:
        objects = self.objects and dtype.kind == "O"
        code = _OBJECTS if objects else _code_of(dtype)
        return [code, *_about(dtype.metadata)] if dtype.metadata else code

    def _made(self, said: Any) -> np.dtype[Any]:
        code, *about = said if type(said) is list else [said]
        if type(code) is not str:
            raise NoRecord("a type without a name")
        plain = np.dtype("O") if self.objects and code == _OBJECTS else _dtype(code)
        return np.dtype(plain, metadata=_metadata(*about)) if about else plain


def _about(metadata: Any) -> tuple[str, Any]:
    ((word, value),) = metadata.items()
    if word == "vlen":
        value = {each: name for name, each in _LENGTHS.items()}[value]
    elif word == "enum":
        value = {str(name): int(number) for name, number in value.items()}
    elif word != "h5py_encoding" or value not in _ENCODINGS:
        raise NoRecord(f"a type with {word}")
    return word, value


def _metadata(word: str, value: Any) -> dict[str, Any]:
    if word == "vlen":
        return {word: _LENGTHS[value]}
    if word == "h5py_encoding" and value in _ENCODINGS:
        return {word: value}
    if word == "enum" and type(value) is dict and {int}.issuperset(map(type, value.values())):
        return {word: value}
    raise NoRecord("a type of which too much is said")


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of numbers, dates and text; of objects those that are text or dates of a calendar."""

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return types, shapes and objects; numbers are beside them."""
        if not {np.ndarray}.issuperset(map(type, values)):
            raise NoRecord("no array")
        codes = [_OBJECTS if each.dtype.kind == "O" else _code_of(each.dtype) for each in values]
        shapes = _SHAPES.pack([each.shape for each in values], parts)
        objects = [
            _packed(each.ravel().tolist(), parts, 0) for each in values if each.dtype.kind == "O"
        ]
        parts += [each.tobytes() for each in values if each.dtype.kind != "O"]
        return [folded(codes), shapes, objects]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        said, packed, objects = data
        codes, times = unfolded(said, count)
        codes *= times
        made = iter([_made(each, content, 0) for each in objects])
        if times > 1 and type(packed) is dict and codes[0] != _OBJECTS:
            shape, dtype = packed["all"], _dtype(codes[0])
            whole = [count, *shape]
            together = _array(content.take(_size(dtype, whole)), dtype, whole)
            return [together[at, ...] for at in range(count)]
        shapes, times = unfolded(packed, count)
        found = []
        for code, shape in zip(codes, shapes * times, strict=True):
            if code == _OBJECTS:
                found.append(_of_objects(next(made, None), shape))
            else:
                dtype = _dtype(code)
                found.append(_array(content.take(_size(dtype, shape)), dtype, shape))
        return found


def _of_objects(items: Any, shape: list[int]) -> np.ndarray[Any, Any]:
    if type(items) is not list or len(items) != prod(shape):
        raise NoRecord("objects of another shape")
    found = np.empty(len(items), object)
    for at, each in enumerate(items):
        found[at] = each
    return found.reshape(shape)


@dataclass(frozen=True, slots=True)
class Values:
    """Values of attributes: text, numbers, arrays, types, and lists of these.

    Attributes
    ----------
    only
        The one type that they may have; by default any of these.
    """

    only: type | None = None

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return them as JSON has them, or by the word of their kind."""
        found = [_packed(each, parts, 0) for each in values]
        kinds = set(map(type, values))
        # what could be changed in one place stays several objects; and 0, -0.0 and False are equal
        fixed = len(kinds) == 1 and issubclass(kinds.pop(), _ALIKE)
        return folded(found) if fixed else found

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        found, times = unfolded(data, count)
        made = [each if type(each) in _AS_THEY_ARE else _made(each, content, 0) for each in found]
        if self.only is not None and not {self.only}.issuperset(map(type, made)):
            raise NoRecord("a value of another type")
        return made * times


_VALUE = Values()
_ARRAY = Arrays()
_TYPE = DTypes(objects=True)


def _packed(value: Any, parts: list[bytes], depth: int) -> Any:
    """Return a value as JSON, or as a list of the word of its kind and what there is of it."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if depth > _DEEPEST:
        raise NoRecord("lists that are too deep")
    if kind in (list, tuple):
        return [kind.__name__, *(_packed(each, parts, depth + 1) for each in value)]
    if kind is dict:
        if not {str}.issuperset(map(type, value)):
            raise NoRecord("a name that is no text")
        return {name: _packed(each, parts, depth + 1) for name, each in value.items()}
    if kind is np.ndarray:
        return ["array", _ARRAY.pack([value], parts)]
    if isinstance(value, np.generic):
        whole = np.asarray(value)
        return ["number", _code_of(whole.dtype), whole.tobytes().hex()]
    return _rest_packed(value)


def _rest_packed(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, np.dtype):
        return ["dtype", *_TYPE.pack([value], [])]
    if kind is bytes:
        return ["bytes", value.hex()]
    if _DATES.get(kind.__name__) is kind:
        return ["date", kind.__name__, *_date_said(value)]
    raise NoRecord(f"a value that is {kind.__name__}")


def _made(said: Any, content: Content, depth: int) -> Any:
    if type(said) in _AS_THEY_ARE:
        return said
    if depth > _DEEPEST:
        raise NoRecord("lists that are too deep")
    if type(said) is dict:
        return {name: _made(each, content, depth + 1) for name, each in said.items()}
    word, *rest = said
    if word in ("list", "tuple"):
        if not _AS_THEY_ARE.issuperset(map(type, rest)):
            rest = [_made(each, content, depth + 1) for each in rest]
        return tuple(rest) if word == "tuple" else rest
    if word == "number":
        code, digits = rest
        return _array(memoryview(bytes.fromhex(digits)), _dtype(code), [])[()]
    if word == "array":
        return _ARRAY.unpack(rest[0], 1, content)[0]
    return _rest_made(word, rest, content)


def _rest_made(word: Any, rest: list[Any], content: Content) -> Any:
    (one, *more) = rest
    if word == "dtype":
        return _TYPE.unpack(rest, 1, content)[0]
    if word == "bytes":
        return bytes.fromhex(one)
    if word == "date":
        return _date_made(one, *more)
    raise NoRecord("a value of no known kind")


def _date_said(date: Any) -> list[Any]:
    clock = (date.hour, date.minute, date.second, date.microsecond)
    plain = type(date) is cftime.datetime
    return [
        *map(int, (date.year, date.month, date.day, *clock)),
        bool(date.has_year_zero),
        *([date.calendar] if plain else []),
    ]


def _date_made(name: str, *said: Any) -> Any:
    numbers, zero, calendar = said[:7], said[7], said[8:]
    kinds = [*map(type, numbers), *map(type, calendar)]
    if kinds[:7] != [int] * 7 or type(zero) is not bool or kinds[7:] not in ([], [str]):
        raise NoRecord("no date")
    told = {"calendar": calendar[0]} if calendar else {}
    return _DATES[name](*numbers, has_year_zero=zero, **told)
