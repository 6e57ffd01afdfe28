"""What datasets are cut to: a period, as dates or words that users of the C-ESM-EP know; a box."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from climeri_platform.access.periods import HOLE
from climeri_platform.catalog.asking import Period
from climeri_platform.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "TOLERANCE",
    "AskedPeriod",
    "Region",
    "as_asked",
    "check_switches",
    "files_of_period",
    "nothing_of",
]

Span = tuple[int, int]
_WORD = re.compile(r"(first|last)_(\d+)y", re.IGNORECASE | re.ASCII)
_FULL = ("full", "*")
_HINT = "Such as 1980/2014, 1980-01/1980-06, 1980, 1980/, last_30Y, first_10Y or full."


def check_switches(**switches: object) -> None:
    """Refuse what is neither True nor False: ``"no"`` would be taken for yes.

    Raises
    ------
    UsageError
        With the name and the value.

    Examples
    --------
    >>> check_switches(recall=False)
    """
    for name, each in switches.items():
        if not isinstance(each, bool | np.bool_):
            raise UsageError(f"{name}={each!r}: it is True or False")


@dataclass(frozen=True, slots=True)
class AskedPeriod:
    """The period that datasets are cut to.

    Attributes
    ----------
    text
        As typed.
    which
        ``dates``, ``full``, or from which side whole years are counted: ``first``, ``last``.
    years
        How many of them.
    dates
        The dates, as far as they are known.
    note
        What is to be told of how years were counted.

    Examples
    --------
    >>> AskedPeriod.parse("last_30Y").settled([(185001010000, 201406302359)]).dates.text
    '1984/2013'
    """

    text: str
    which: Literal["dates", "full", "first", "last"]
    years: int = 0
    dates: Period | None = None
    note: str = ""

    @classmethod
    def parse(cls, text: str) -> AskedPeriod:
        """Return what a text asks for.

        Parameters
        ----------
        text
            Dates as `Selection.search` takes them (``"1980/2014"``, ``"1980-01/1980-06"``,
            ``"1980"``, ``"1980/"``), ``"last_30Y"``, ``"first_10Y"`` with any number of years, or
            ``"full"``; words in any case.

        Raises
        ------
        UsageError
            If it is none of them.
        """
        if isinstance(text, str):
            if text.strip().lower() in _FULL:
                return cls(text, "full")
            if word := _WORD.fullmatch(text.strip()):
                if not int(word[2]):
                    raise UsageError(f"period={text!r} asks for no year", hint=_HINT)
                which = cast("Literal['first', 'last']", word[1].lower())
                return cls(text, which, int(word[2]))
        try:
            return cls(text, "dates", dates=Period.parse(text))
        except UsageError as problem:
            raise UsageError(problem.message, hint=_HINT) from None

    def settled(self, spans: Sequence[Span]) -> AskedPeriod:
        """Return it with dates, where it counts years and names of files say which there are.

        Parameters
        ----------
        spans
            Start and end of each file, ``YYYYMMDDhhmm``; none where the names do not say them.

        Raises
        ------
        DataError
            If the files hold no whole year.
        """
        if self.dates is not None or self.which == "full" or not spans:
            return self
        begin, end = min(span[0] for span in spans), max(span[1] for span in spans)
        first = begin // 10**8 + (begin % 10**8 > 1_01_2359)
        # 30 December is the last day of its year in some calendars
        last = end // 10**8 - (end % 10**8 < 12_30_0000)
        return self.counted(first, last)

    def counted(self, first: int, last: int) -> AskedPeriod:
        """Return it with dates, of a series with these whole years.

        Parameters
        ----------
        first, last
            Its first and its last whole year.

        Raises
        ------
        DataError
            If there is none.
        """
        if last < first:
            raise DataError(
                f"period={self.text}: years are counted from 1 January to 31 December, "
                "and none of them is whole in it",
                hint="Ask for dates: period='2000-01/2000-06'.",
            )
        if self.which == "last":
            begin, end = max(first, last - self.years + 1), last
        else:
            begin, end = first, min(last, first + self.years - 1)
        there = end - begin + 1
        lacking = f"{HOLE}: period={self.text}, and it holds {there} whole years, {begin} to {end}"
        return replace(
            self,
            dates=Period.parse(f"{begin:04}/{end:04}"),
            note=lacking if there < self.years else "",
        )


def as_asked(period: str | AskedPeriod) -> AskedPeriod:
    """Return a period that was parsed, or parse it."""
    return period if isinstance(period, AskedPeriod) else AskedPeriod.parse(period)


def files_of_period(spans: Sequence[Span], period: str | AskedPeriod) -> list[int]:
    """Return which files may hold some of a period, by their names.

    Parameters
    ----------
    spans
        Start and end of each file, ``YYYYMMDDhhmm``.
    period
        As `AskedPeriod.parse` takes it; years are counted by the names.

    Returns
    -------
    list of int
        Their places in ``spans``.

    Raises
    ------
    UsageError
        If the period is none.
    DataError
        If no file holds any of it; the message says what they hold.

    Examples
    --------
    >>> decades = [(185001010000, 185912312359), (186001010000, 186912312359)]
    >>> files_of_period(decades, "1855/1859"), files_of_period(decades, "last_5Y")
    ([0], [1])
    """
    dates = as_asked(period).settled(spans).dates
    if dates is None or not spans:
        return list(range(len(spans)))
    found = [
        number
        for number, (begin, end) in enumerate(spans)
        if begin <= dates.end and end >= dates.start
    ]
    if not found:
        begin, end = min(span[0] for span in spans), max(span[1] for span in spans)
        raise nothing_of(dates.text, f"{begin // 10**4}", f"{end // 10**4}")
    return found


def nothing_of(asked: str, begin: str, end: str) -> DataError:
    """Return the error for a period of which a dataset has nothing."""
    return DataError(
        f"period={asked}: there is nothing of it, the dataset holds {begin} to {end}",
        hint="search(period=...) keeps the datasets that hold some of a period.",
    )


TOLERANCE = 1e-4  # degrees: coordinates in single precision are exact to 3e-5
_BOX = (
    "region=(lon_min, lon_max, lat_min, lat_max) in degrees, such as (-10, 30, 35, 70), or "
    "{'lon': (170, -170), 'lat': (-5, 5)}, eastwards from the first longitude."
)


@dataclass(frozen=True, slots=True)
class Region:
    """A box of longitudes and latitudes, its edges included.

    Attributes
    ----------
    text
        As people read it.
    west, width
        Where it begins, and how many degrees it goes on eastwards; 360 is all around.
    south, north
        Its latitudes.
    any_lon
        Whether no longitudes were asked for: they stay as they are.
    """

    text: str
    west: float
    width: float
    south: float
    north: float
    any_lon: bool = False

    @classmethod
    def parse(cls, region: Region | Sequence[float] | Mapping[str, Sequence[float]]) -> Region:
        """Return the box that is asked for.

        Parameters
        ----------
        region
            ``(lon_min, lon_max, lat_min, lat_max)``, or a mapping of ``lon`` and ``lat``, of which
            one may be left out. The box goes eastwards from ``lon_min`` to ``lon_max``: (350, 10)
            is across Greenwich, (170, -170) across the date line, and so are (-10, 10) and
            (170, 190).

        Raises
        ------
        UsageError
            If it is none.

        Examples
        --------
        >>> Region.parse((170, -170, -5, 5)).width, Region.parse({"lon": (350, 10)}).west
        (20.0, -10.0)
        """
        if isinstance(region, Region):
            return region
        lon, lat = _pairs(region)
        south, north = lat if lat is not None else (-90.0, 90.0)
        if not -90 <= south <= north <= 90:
            raise _no_box(region, "latitudes go from south to north, -90 to 90")
        first, last = lon if lon is not None else (-180.0, 180.0)
        if max(abs(first), abs(last)) > 540 or last - first > 360:
            raise _no_box(region, "longitudes are from -180 to 360, and go around once")
        if first > last and (last - first) % 360 == 0:
            raise _no_box(region, "longitudes from a meridian to itself; all around is (-180, 180)")
        # across Greenwich they count from 180 W, across the date line from 0
        west = first - 360 if first > last and first > 180 else first
        width = last - first if first <= last else (last - first) % 360
        said = [f"lon {first:g} to {last:g}"] if lon is not None else []
        said += [f"lat {south:g} to {north:g}"] if lat is not None else []
        return cls(", ".join(said), west, width, south, north, lon is None)

    def eastward(self, lon: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many degrees east of the box's beginning longitudes are, 0 to 360."""
        away = (lon - self.west) % 360
        return np.where(away > 360 - TOLERANCE, away - 360, away)

    def holds_lon(self, lon: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which longitudes, in any convention, are in the box."""
        return np.asarray(self.eastward(lon) <= self.width + TOLERANCE)

    def holds_lat(self, lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which latitudes are in the box."""
        return np.asarray((lat >= self.south - TOLERANCE) & (lat <= self.north + TOLERANCE))


def _no_box(region: object, why: str) -> UsageError:
    return UsageError(f"region={region!r}: {why}", hint=_BOX)


Pair = tuple[float, float]


def _pairs(region: Any) -> tuple[Pair | None, Pair | None]:
    if isinstance(region, Mapping):
        unknown = set(region) - {"lon", "lat"}
        if unknown or not region:
            raise _no_box(region, "it has lon, lat or both")
        return tuple(  # type: ignore[return-value] # two of them
            _pair(region, region[name]) if name in region else None for name in ("lon", "lat")
        )
    try:
        west, east, south, north = _in_order(region)
    except (TypeError, ValueError):
        raise _no_box(region, "it is four numbers, in this order") from None
    return _pair(region, (west, east)), _pair(region, (south, north))


def _in_order(numbers: Any) -> Any:
    if isinstance(numbers, str | bytes | AbstractSet):
        raise TypeError("texts and sets are no numbers in an order")
    return numbers


def _pair(region: object, pair: Any) -> Pair:
    try:
        first, last = map(float, _in_order(pair))
    except (TypeError, ValueError):
        raise _no_box(region, "its sides are two numbers each") from None
    if not (math.isfinite(first) and math.isfinite(last)):
        raise _no_box(region, "its numbers are finite")
    return first, last
