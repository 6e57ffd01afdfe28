"""Objects of one kind written as columns, one for each of their fields.

A record has some thousand objects of ten kinds. Field by field, what is the same in all of them is written
once, types are checked by the column, and nothing of Python but the loop itself runs for each object. What
is written is JSON, which has no lengths that could lie, and beside it the bytes of arrays, each of which
is used once: what is read is never much larger than what was written.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

__all__ = [
    "Column",
    "Content",
    "Dicts",
    "Distinct",
    "Either",
    "Lists",
    "Maybe",
    "NoRecord",
    "Plain",
    "Records",
    "Rows",
    "folded",
    "unfolded",
]

_LISTS = frozenset({list})
_ALL = "all"  # what a column says once if it is the same in all rows


class NoRecord(ValueError):
    """What has no place in a record, or is none."""


class Content:
    """The bytes beside the JSON, from the first to the last.

    Parameters
    ----------
    data
        All of them.
    most
        How many objects of a kind there may be: no more than the whole record has bytes.
    """

    def __init__(self, data: memoryview, most: int) -> None:
        self.data, self.most, self.at = data, most, 0

    def take(self, size: int) -> memoryview:
        """Return the next bytes."""
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise NoRecord("bytes that are not there")
        found = self.data[self.at : end]
        self.at = end
        return found

    def total(self, counts: Sequence[int]) -> int:
        """Return how many objects these are together."""
        if min(counts, default=0) < 0 or (total := sum(counts)) > self.most:
            raise NoRecord("more objects than there is room for")
        return total


class Column(Protocol):
    """How values of one kind are written and read; NoRecord, or what Python raises, if they are not."""

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return what JSON knows of them, and add bytes to the others."""

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return so many values."""


def folded(items: list[Any]) -> Any:
    """Return a column, said once if all of it is the same."""
    same = len(items) > 1 and items.count(items[0]) == len(items)
    return {_ALL: items[0]} if same else items


def unfolded(data: Any, count: int) -> tuple[list[Any], int]:
    """Return what a column says, and how often each of it counts."""
    if type(data) is dict:
        return [data[_ALL]], count
    if type(data) is not list or len(data) != count:
        raise NoRecord("a column of another length")
    return data, 1


def _check(values: Sequence[Any], kinds: frozenset[type]) -> None:
    """Compare the types themselves: a bool is no number here, and no class of others is text."""
    if not kinds.issuperset(map(type, values)):
        raise NoRecord("a value of another type")


@dataclass(frozen=True, slots=True)
class Plain:
    """Text, whole numbers, truth values, None."""

    kinds: frozenset[type]

    def pack(self, values: Sequence[Any], _: list[bytes]) -> Any:
        """Return them as they are."""
        _check(values, self.kinds)
        return folded(list(values))

    def unpack(self, data: Any, count: int, _: Content) -> Sequence[Any]:
        """Return them."""
        found, times = unfolded(data, count)
        _check(found, self.kinds)
        return found * times


@dataclass(frozen=True, slots=True)
class Rows:
    """Tuples or sets of one of these."""

    kind: type
    make: Callable[[Any], Any] = tuple

    def pack(self, values: Sequence[Any], _: list[bytes]) -> Any:
        """Return lists."""
        _check(values, frozenset({self.make}) if isinstance(self.make, type) else frozenset())
        _check(list(chain.from_iterable(values)), frozenset({self.kind}))
        return folded([sorted(each) if self.make is frozenset else list(each) for each in values])

    def unpack(self, data: Any, count: int, _: Content) -> Sequence[Any]:
        """Return them."""
        found, times = unfolded(data, count)
        _check(found, _LISTS)
        if {self.kind}.issuperset(map(type, chain.from_iterable(found))):
            return list(map(self.make, found)) * times
        raise NoRecord("a value of another type")


_NUMBERS = Plain(frozenset({int}))
_NAMES = Plain(frozenset({str}))


@dataclass(frozen=True, slots=True)
class Maybe:
    """What may be None."""

    form: Column

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return where something is, and what."""
        where = "".join("0" if each is None else "1" for each in values)
        return [where, self.form.pack([each for each in values if each is not None], parts)]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        where, packed = data
        if type(where) is not str or len(where) != count or set(where) - {"0", "1"}:
            raise NoRecord("a column of another length")
        there = where.count("1")
        found = self.form.unpack(packed, there, content)
        if there == count:
            return found
        each = iter(found)
        return [next(each) if flag == "1" else None for flag in where]


@dataclass(frozen=True, slots=True)
class Distinct:
    """What is often the same object: written once, and one object again.

    Attributes
    ----------
    form
        Of the objects.
    key
        Tells them apart.
    """

    form: Column
    key: Callable[[Any], Hashable] = id

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return which of them each is, and those that differ."""
        keys = list(map(self.key, values))
        found = dict(zip(keys, values, strict=True))
        numbers = {key: number for number, key in enumerate(found)}
        index = folded([numbers[key] for key in keys])
        return [index, self.form.pack(list(found.values()), parts)]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        index, packed = data
        numbers = _NUMBERS.unpack(index, count, content)
        if min(numbers, default=0) < 0 or (most := max(numbers, default=-1)) >= count:
            raise NoRecord("a number of none of them")
        found = self.form.unpack(packed, most + 1, content)
        return list(map(found.__getitem__, numbers))


class Records:
    """Dataclasses of ours: what is not in their fields does not come back.

    Parameters
    ----------
    kind
        The class.
    forms
        Of its fields, in their order.

    Raises
    ------
    TypeError
        If these are other fields than the class has.
    """

    def __init__(self, kind: type, /, **forms: Column) -> None:
        if [each.name for each in fields(kind)] != list(forms):
            raise TypeError(f"{kind.__name__} has other fields than {', '.join(forms)}")
        self.kind, self.forms = kind, forms

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return the columns of the fields."""
        _check(values, frozenset({self.kind}))
        if not values:
            return []
        return [
            form.pack(list(map(attrgetter(name), values)), parts)
            for name, form in self.forms.items()
        ]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        if not count and data == []:
            return []
        if not self.forms:
            return [self.kind()] * count
        columns = [
            form.unpack(each, count, content)
            for form, each in zip(self.forms.values(), data, strict=True)
        ]
        return list(map(self.kind, *columns))


class Either:
    """Objects of several classes.

    Parameters
    ----------
    forms
        By the name that stands for a class.
    """

    def __init__(self, /, **forms: Records) -> None:
        self.forms: Mapping[str, Records] = forms
        self.names = {form.kind: name for name, form in forms.items()}

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return the name of the class of each, and the objects of each class."""
        names = [self.names.get(type(each), "") for each in values]
        if "" in names:
            raise NoRecord("an object of another class")
        of_kind = {
            name: self.forms[name].pack(
                [each for each, its in zip(values, names, strict=True) if its == name], parts
            )
            for name in dict.fromkeys(names)
        }
        return [folded(names), of_kind]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        said, packed = data
        names = _NAMES.unpack(said, count, content)
        found: dict[str, Sequence[Any]] = {
            name: self.forms[name].unpack(each, names.count(name), content)
            for name, each in packed.items()
        }
        if len(found) == 1 == len(set(names)):
            return found[names[0]]
        each = {name: iter(its) for name, its in found.items()}
        return [next(each[name]) for name in names]


@dataclass(frozen=True, slots=True)
class Lists:
    """Tuples of anything: those of all rows are one column."""

    form: Column

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return how long each is, and all that is in them."""
        _check(values, frozenset({tuple}))
        inside = list(chain.from_iterable(values))
        return [folded(list(map(len, values))), self.form.pack(inside, parts)]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        lengths, packed = data
        counts = _NUMBERS.unpack(lengths, count, content)
        inside = iter(self.form.unpack(packed, content.total(counts), content))
        return [tuple(islice(inside, each)) for each in counts]


@dataclass(frozen=True, slots=True)
class Dicts:
    """Values by their names: those of all rows are one column.

    Attributes
    ----------
    form
        Of the values.
    kind
        ``tuple`` for pairs of a name and a value.
    """

    form: Column
    kind: type = dict

    def pack(self, values: Sequence[Any], parts: list[bytes]) -> Any:
        """Return the names, and all values."""
        _check(values, frozenset({self.kind}))
        pairs = [list(each.items() if self.kind is dict else each) for each in values]
        names = _DICT_NAMES.pack([tuple(name for name, _ in each) for each in pairs], parts)
        inside = [value for each in pairs for _, value in each]
        return [names, self.form.pack(inside, parts)]

    def unpack(self, data: Any, count: int, content: Content) -> Sequence[Any]:
        """Return them."""
        said, packed = data
        names = _DICT_NAMES.unpack(said, count, content)
        total = content.total(list(map(len, names)))
        inside: Iterator[Any] = iter(self.form.unpack(packed, total, content))
        return [self.kind(zip(each, inside, strict=False)) for each in names]


_DICT_NAMES = Rows(str)
