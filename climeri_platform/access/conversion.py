"""Units: which are canonical, and the factor and offset from one to another.

What units mean is asked of UDUNITS-2 (through cf-units), the library that CF Conventions 1.11,
chapter 3.1, refer to. It is asked for two numbers; the data go through NumPy, block by block. The
table of canonical units, and of what models write that UDUNITS-2 lacks or takes for something else,
is ``catalogs/units.yaml``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import Any

from climeri_platform.core.extras import needs
from climeri_platform.core.resources import data_path, read_yaml

__all__ = ["Table", "is_unit", "linear", "table", "to_canonical"]

_WATER = 1000.0  # kg m-3: a millimetre on a square metre is a kilogram
_MONTH = re.compile(r"(?<![A-Za-z])months?(?![A-Za-z])", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+")
_ONE_AT_A_TIME = Lock()  # the C library's parser keeps state; it would print what it does not read


@dataclass(frozen=True)
class Table:
    """The canonical units and directions of variables, and how files spell units.

    Attributes
    ----------
    canonical
        Variable to units.
    water
        Variables that are water, of which 1 mm is 1 kg m-2.
    words
        What models write, whatever the quantity, to units.
    spelling
        Sense (temperature, pressure) to spelling to units.
    senses
        Canonical units to sense.
    positive
        Fluxes to the direction in which they count, ``up`` or ``down``.
    directions
        Words of standard names to such a direction.
    """

    canonical: dict[str, str]
    water: frozenset[str]
    words: dict[str, str]
    spelling: dict[str, dict[str, str]]
    senses: dict[str, str]
    positive: dict[str, str]
    directions: dict[str, str]


@cache
def table() -> Table:
    """Return the table that is shipped."""
    held = read_yaml(data_path("catalogs") / "units.yaml")
    return Table(
        canonical={name: units for units, names in held["units"].items() for name in names.split()},
        water=frozenset(held["water"]),
        words=held["words"],
        spelling=held["spelling"],
        senses=held["senses"],
        positive={name: way for way, names in held["positive"].items() for name in names.split()},
        directions=held["directions"],
    )


@lru_cache(maxsize=1024)
def linear(native: str, wanted: str, *, water: bool = False) -> tuple[float, float] | None:
    """Return factor and offset from one unit to another.

    Parameters
    ----------
    native, wanted
        As UDUNITS-2 spells them, or models.
    water
        Whether a mass of water per area may be a height.

    Returns
    -------
    tuple of float or None
        ``wanted = native * factor + offset``; None if one does not convert to the other, or means
        nothing, or if one counts by the month, of which the calendar has several.

    Raises
    ------
    MissingExtra
        If cf-units is not installed.

    Examples
    --------
    >>> linear("degC", "K")
    (1.0, 273.15)
    >>> linear("kg m-2 s-1", "mm/day", water=True)
    (86400.0, 0.0)
    >>> linear("kg m-2 s-1", "mm/day") is None
    True
    >>> linear("gC/(m2 d)", "kg m-2 d-1"), linear("psu", "0.001")
    ((0.001, 0.0), (1.0, 0.0))
    """
    if native == wanted:
        return 1.0, 0.0
    if _by_month(native) != _by_month(wanted):
        return None
    with needs("access", "converting units"):
        import cf_units
    with _ONE_AT_A_TIME, cf_units.suppress_errors():
        one, other = _unit(cf_units, native), _unit(cf_units, wanted)
        if one is None or other is None or _is_angle(one) != _is_angle(other):
            return None
        found = _between(one, other)
        if found is None and water:
            density = cf_units.Unit("kg m-3")
            for factor, through in ((1 / _WATER, one / density), (_WATER, one * density)):
                if by_water := _between(through, other):
                    return _tidy(factor * by_water[0]), by_water[1]
    return found


def is_unit(text: str) -> bool:
    """Whether UDUNITS-2 knows some units, other than a time since a date.

    Examples
    --------
    >>> is_unit("mm/day"), is_unit("bananas")
    (True, False)
    """
    with needs("access", "converting units"):
        import cf_units
    with _ONE_AT_A_TIME, cf_units.suppress_errors():
        return _unit(cf_units, text) is not None


def _unit(cf_units: Any, text: str) -> Any:
    # what it does not read to its end: to UDUNITS "kg)" is a mass
    if "\0" in text or text.count("(") != text.count(")"):
        return None
    words = table().words
    text = words.get(text.strip()) or _WORD.sub(lambda each: words.get(each[0], each[0]), text)
    try:
        unit = cf_units.Unit(text)
    except ValueError:
        return None
    unusable = unit.is_unknown() or unit.is_no_unit() or unit.is_time_reference()
    return None if unusable else unit


def _by_month(text: str) -> bool:
    # to UDUNITS a month is the twelfth of a year: 8 % too long for February, and nobody means it
    return _MONTH.search(text) is not None


def _is_angle(unit: Any) -> bool:
    # to UDUNITS a radian is a number, and a degree 1.7 %
    return "rad" in str(unit.definition)


def _between(one: Any, other: Any) -> tuple[float, float] | None:
    if not one.is_convertible(other):
        return None
    offset = one.convert(0.0, other)
    # far from zero, so that the offset does not cost the factor its digits
    factor, twice = (one.convert(at, other) - offset for at in (1e6, 2e6))
    # to UDUNITS s-1 is one over s, and decibels are powers: neither is a factor
    if not math.isfinite(offset + twice) or not math.isclose(2 * factor, twice, rel_tol=1e-9):
        return None
    return _tidy(factor / 1e6), _tidy(offset)


def _tidy(number: float) -> float:
    return float(f"{number:.12g}")


def to_canonical(name: str, native: str, wanted: str) -> tuple[float, float] | None:
    """Return factor and offset from the units of a file to others, for one variable.

    Parameters
    ----------
    name
        The variable, by which water is known.
    native
        As the file spells them; spellings that the table knows are understood in the sense of
        the variable's canonical units.
    wanted
        Into which.

    Returns
    -------
    tuple of float or None
        None if that cannot be known.

    Examples
    --------
    >>> to_canonical("psl", "mb", "Pa")
    (100.0, 0.0)
    >>> to_canonical("siconc", "fraction", "%")
    (100.0, 0.0)
    >>> to_canonical("gpp", "mm/day", "kg m-2 s-1") is None
    True
    """
    known = table()
    sense = known.senses.get(known.canonical.get(name, wanted), "")
    text = " ".join(native.split())
    text = known.spelling.get(sense, {}).get(text, text)
    return linear(text, wanted, water=name in known.water)
