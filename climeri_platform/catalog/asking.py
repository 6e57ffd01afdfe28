"""What may be asked of a facet: words, globs, regular expressions; and of time: periods.

A string is a word, or a glob where it holds ``*``, ``?`` or ``[`` and is no value itself. It is
never a regular expression, because names hold dots, parentheses and plus signs (``FGOALS-g2.1``,
``CESM1(CAM5)``): those are given as `re.Pattern`, ``~`` before the text on the command line, and
match anywhere in a value, as `re.search` does; ``^`` and ``$`` tie them to its ends. Of a parameter of
simulation cards, two numbers with ``/`` between them are a range, as two dates are a period.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import TypeAlias

from climeri_platform.catalog.cardfacets import PARAMETERS, number_text
from climeri_platform.core.errors import UsageError
from climeri_platform.core.timespan import last_day_of_month, parse_time_range

__all__ = [
    "CALENDARS",
    "Asked",
    "Item",
    "NumberRange",
    "Period",
    "items_of",
    "pattern_of",
    "regex_of",
    "show",
    "values_of",
]


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers from one to another, both included; a side that is left open bounds nothing.

    Attributes
    ----------
    text
        As typed.
    low, high
        The bounds.
    """

    text: str
    low: float
    high: float

    @classmethod
    def parse(cls, facet: str, text: str) -> NumberRange | None:
        """Return the range that a text names, or None for a word.

        Parameters
        ----------
        facet
            Of what, for the message.
        text
            ``"6e-4/8e-4"``, and open ones: ``"6e-4/"``, ``"/8e-4"``.

        Raises
        ------
        UsageError
            If one side is a number and the other is none, or the range ends before it starts.

        Examples
        --------
        >>> NumberRange.parse("params.tau", "6e-4/").low
        0.0006
        >>> NumberRange.parse("params.scheme", "Tiedtke/Emanuel") is None
        True
        """
        first, slash, last = (part.strip() for part in text.partition("/"))
        if not slash:
            return None
        low, high = _number(first), _number(last)
        if low is None and high is None:
            return None
        wrong = [part for part, it in ((first, low), (last, high)) if part and it is None]
        hint = "Such as 6e-4/8e-4, 6e-4/ or /8e-4."
        if wrong:
            raise UsageError(f"{facet}={text!r} is no range: {wrong[0]!r} is no number", hint=hint)
        found = cls(text, -math.inf if low is None else low, math.inf if high is None else high)
        if found.high < found.low:
            raise UsageError(f"{facet}={text!r} is no range: it ends before it starts", hint=hint)
        return found

    def search(self, value: str) -> bool:
        """Return whether a value is a number in the range."""
        number = _number(value)
        return number is not None and self.low <= number <= self.high


def _number(text: str) -> float | None:
    try:
        number = float(number_text(text))  # as values are stored: 0.1 * 3 is 0.3
    except ValueError:
        return None
    return number if math.isfinite(number) else None


Item: TypeAlias = "str | re.Pattern[str] | NumberRange"
Asked: TypeAlias = "Item | Iterable[Item] | Mapping[str, object]"
"""What a search takes for a facet: a mapping only for ``parameter``."""
_GLOB = frozenset("*?[")
_LAST = 9999_12_31_2359
CALENDARS = (
    *("standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day"),
    *("all_leap", "366_day", "360_day"),
)
"""Those of CF of which the last day of each month is known."""


def items_of(facet: str, given: object) -> tuple[Item, ...]:
    """Return what was asked of a facet as a tuple, each item once; ranges only of parameters.

    Raises
    ------
    UsageError
        If it is not a word, a pattern, or several of them.

    Examples
    --------
    >>> items_of("variable", ["tas", "pr", "tas"])
    ('tas', 'pr')
    """
    if isinstance(given, str | re.Pattern | NumberRange):
        given = (given,)
    if isinstance(given, Iterable) and not isinstance(given, Mapping):
        items = tuple(given)
        if items and all(
            isinstance(each, str | NumberRange)
            or (isinstance(each, re.Pattern) and isinstance(each.pattern, str))
            for each in items
        ):
            if facet.startswith(PARAMETERS):
                items = tuple(_range_or(facet, each) for each in items)
            return tuple(dict.fromkeys(items))
    raise UsageError(
        f"{facet}={given!r}: a facet takes a word, a glob such as 'ssp*', a compiled regular "
        "expression, or a list of them"
    )


def _range_or(facet: str, item: Item) -> Item:
    return (NumberRange.parse(facet, item) or item) if isinstance(item, str) else item


def pattern_of(item: Item) -> re.Pattern[str] | NumberRange | None:
    """Return what tells values that a glob, a regular expression or a range means, None for a word.

    Examples
    --------
    >>> bool(pattern_of("ssp*").search("ssp585")), pattern_of("ssp585")
    (True, None)
    """
    if isinstance(item, re.Pattern | NumberRange):
        return item
    # translate() ends in \Z; a match from the start makes it the whole value
    return re.compile(r"\A" + translate(item)) if _GLOB & set(item) else None


def values_of(item: Item, known: Iterable[str]) -> list[str]:
    """Return the known values that an item stands for.

    Parameters
    ----------
    item
        A word, a glob, a regular expression or a range.
    known
        The values that exist.

    Examples
    --------
    >>> values_of("ssp*", ["historical", "ssp126", "ssp585"])
    ['ssp126', 'ssp585']
    >>> values_of("CESM1[CAM5]", ["CESM1[CAM5]", "CESM1C"])
    ['CESM1[CAM5]']
    """
    words = list(known)
    pattern = pattern_of(item)
    if isinstance(item, str) and (pattern is None or item in words):
        return [item] if item in words else []
    assert pattern is not None
    return [each for each in words if pattern.search(each)]


def show(item: Item) -> str:
    """Return an item as the command line takes it.

    Examples
    --------
    >>> show("tas"), show(re.compile("^ua"))
    ('tas', '~^ua')
    """
    if isinstance(item, NumberRange):
        return item.text
    return f"~{item.pattern}" if isinstance(item, re.Pattern) else item


def regex_of(text: str) -> re.Pattern[str]:
    """Compile a regular expression that a user typed.

    Raises
    ------
    UsageError
        If it is none.
    """
    try:
        return re.compile(text)
    except re.error as problem:
        raise UsageError(f"~{text} is no regular expression: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Period:
    """A period that a search asks for; a side that it leaves open bounds nothing.

    Attributes
    ----------
    text
        As typed.
    start, end
        First and last minute, YYYYMMDDhhmm.
    precise
        Whether the end names a day: a month ends on its 28th or later, by calendar.
    """

    text: str
    start: int
    end: int
    precise: bool

    @classmethod
    def parse(cls, text: str, *, name: str = "period") -> Period:
        """Return the period that a text names.

        Parameters
        ----------
        text
            ``"1980/2014"``, ``"1980-01/2014-12"``, ``"19800101/20141231"``, ``"1980"``, and open
            ones: ``"1980/"``, ``"/2014"``.
        name
            What the question calls it.

        Raises
        ------
        UsageError
            If it names none.

        Examples
        --------
        >>> Period.parse("1980/2014").start
        198001010000
        """
        wrong = UsageError(
            f"{name}={text!r} is no period",
            hint="Such as 1980/2014, 1980-01/2014-06, 1980/ or 1980.",
        )
        if not isinstance(text, str):
            raise wrong
        first, slash, last = (part.replace("-", "").strip() for part in text.partition("/"))
        last = last if slash else first
        if not (first or last):
            raise wrong
        try:
            begin = parse_time_range(first) if first else None
            close = parse_time_range(last) if last else None
        except UsageError as problem:
            raise UsageError(f"{wrong.message}: {problem.message}", hint=wrong.hint) from None
        start = begin.start if begin else 0
        end = close.end if close else _LAST
        if end < start:
            raise UsageError(f"{wrong.message}: it ends before it starts", hint=wrong.hint)
        return cls(text, start, end, close is not None and close.digits > 6)

    @property
    def latest_start(self) -> int:
        """The last ``start`` that still holds the first day of the period; any, if it is open."""
        return self.start // 10_000 * 10_000 + 2359 if self.start else _LAST

    def least_end(self, calendar: str | None = None) -> int:
        """Return the least ``end`` that still reaches the end of the period; any, if it is open.

        Parameters
        ----------
        calendar
            A CF calendar: its months end where they do. Without one, 30 December may be the last
            day of its month, and 28 February of its.

        Examples
        --------
        >>> period = Period.parse("1980-01-01/2014-12-31")
        >>> period.least_end("360_day"), period.least_end("standard"), period.least_end()
        (201412300000, 201412310000, 201412300000)
        """
        if self.end == _LAST:
            return 0
        month, day = divmod(self.end // 10_000, 100)
        if calendar in CALENDARS:
            last = last_day_of_month(month // 100, month % 100, calendar)
        else:
            last = 28 if month % 100 == 2 or not self.precise else 30
        return (month * 100 + (min(day, last) if self.precise else last)) * 10_000
