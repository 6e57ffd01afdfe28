"""What may be asked of a facet: words, globs, regular expressions; and of time: periods.

A string is a word, or a glob where it holds ``*``, ``?`` or ``[`` and is no value itself. It is
never a regular expression, because names hold dots, parentheses and plus signs (``FGOALS-g2.1``,
``CESM1(CAM5)``): those are given as `re.Pattern`, ``~`` before the text on the command line, and
match anywhere in a value, as `re.search` does; ``^`` and ``$`` tie them to its ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import TypeAlias

from climeri_platform.core.errors import UsageError
from climeri_platform.core.timespan import last_day_of_month, parse_time_range

__all__ = [
    "CALENDARS",
    "Asked",
    "Item",
    "Period",
    "items_of",
    "pattern_of",
    "regex_of",
    "show",
    "values_of",
]

Item: TypeAlias = "str | re.Pattern[str]"
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
    """Return what was asked of a facet as a tuple, each item once.

    Raises
    ------
    UsageError
        If it is not a word, a pattern, or several of them.

    Examples
    --------
    >>> items_of("variable", ["tas", "pr", "tas"])
    ('tas', 'pr')
    """
    if isinstance(given, str | re.Pattern):
        given = (given,)
    if isinstance(given, Iterable) and not isinstance(given, Mapping):
        items = tuple(given)
        if items and all(
            isinstance(each, str)
            or (isinstance(each, re.Pattern) and isinstance(each.pattern, str))
            for each in items
        ):
            return tuple(dict.fromkeys(items))
    raise UsageError(
        f"{facet}={given!r}: a facet takes a word, a glob such as 'ssp*', a compiled regular "
        "expression, or a list of them"
    )


def pattern_of(item: Item) -> re.Pattern[str] | None:
    """Return what an item matches if it is a glob or a regular expression, or None for a word.

    Examples
    --------
    >>> bool(pattern_of("ssp*").search("ssp585")), pattern_of("ssp585")
    (True, None)
    """
    if isinstance(item, re.Pattern):
        return item
    # translate() ends in \Z; a match from the start makes it the whole value
    return re.compile(r"\A" + translate(item)) if _GLOB & set(item) else None


def values_of(item: Item, known: Iterable[str]) -> list[str]:
    """Return the known values that an item stands for.

    Parameters
    ----------
    item
        A word, a glob or a regular expression.
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
    def parse(cls, text: str) -> Period:
        """Return the period that a text names.

        Parameters
        ----------
        text
            ``"1980/2014"``, ``"1980-01/2014-12"``, ``"19800101/20141231"``, ``"1980"``, and open
            ones: ``"1980/"``, ``"/2014"``.

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
            f"period={text!r} is no period",
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
