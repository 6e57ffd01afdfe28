"""Units as models spell them: enough of UDUNITS to compare and convert what the tables hold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Unit", "conversion", "parse", "stated"]

# kg, m, s, K, mol
_Dimensions = tuple[int, int, int, int, int]
_NONE: _Dimensions = (0, 0, 0, 0, 0)
_ROUNDING = 1e-9  # of a factor: less than this is another spelling of a number


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: value in SI = factor times value plus offset."""

    dimensions: _Dimensions
    factor: float = 1.0
    offset: float = 0.0

    def __mul__(self, other: Unit) -> Unit:
        added = [a + b for a, b in zip(self.dimensions, other.dimensions, strict=True)]
        return Unit(_five(added), self.factor * other.factor)

    def __pow__(self, power: int) -> Unit:
        if power == 1:
            return self
        return Unit(_five([each * power for each in self.dimensions]), self.factor**power)


def _five(numbers: list[int]) -> _Dimensions:
    kilogram, metre, second, kelvin, mole = numbers
    return kilogram, metre, second, kelvin, mole


_KG, _M, _S = (1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0)
_K, _MOL = (0, 0, 0, 1, 0), (0, 0, 0, 0, 1)
_PA, _J, _W, _N = (1, -1, -2, 0, 0), (1, 2, -2, 0, 0), (1, 2, -3, 0, 0), (1, 1, -2, 0, 0)
_CELSIUS = Unit(_K, 1.0, 273.15)
_KNOWN = {
    "kg": Unit(_KG), "kgC": Unit(_KG), "g": Unit(_KG, 1e-3), "gC": Unit(_KG, 1e-3),
    "mg": Unit(_KG, 1e-6), "ug": Unit(_KG, 1e-9),
    "m": Unit(_M), "meter": Unit(_M), "meters": Unit(_M), "metre": Unit(_M), "metres": Unit(_M),
    "km": Unit(_M, 1e3), "cm": Unit(_M, 1e-2), "mm": Unit(_M, 1e-3), "um": Unit(_M, 1e-6),
    "L": Unit((0, 3, 0, 0, 0), 1e-3),
    "s": Unit(_S), "sec": Unit(_S), "second": Unit(_S), "seconds": Unit(_S), "min": Unit(_S, 60.0),
    "h": Unit(_S, 3600.0), "hr": Unit(_S, 3600.0), "hour": Unit(_S, 3600.0),
    "d": Unit(_S, 86400.0), "day": Unit(_S, 86400.0), "days": Unit(_S, 86400.0),
    "K": Unit(_K), "kelvin": Unit(_K), "Kelvin": Unit(_K), "degK": Unit(_K), "deg_K": Unit(_K),
    "degC": _CELSIUS, "deg_C": _CELSIUS, "degree_C": _CELSIUS, "degrees_C": _CELSIUS,
    "celsius": _CELSIUS, "Celsius": _CELSIUS, "degree_Celsius": _CELSIUS, "°C": _CELSIUS,
    "degrees_Celsius": _CELSIUS, "degree_celsius": _CELSIUS, "degrees_celsius": _CELSIUS,
    "Pa": Unit(_PA), "hPa": Unit(_PA, 100.0), "kPa": Unit(_PA, 1e3), "mb": Unit(_PA, 100.0),
    "mbar": Unit(_PA, 100.0), "N": Unit(_N), "J": Unit(_J), "W": Unit(_W),
    "Sv": Unit((0, 3, -1, 0, 0), 1e6),  # of oceanographers; UDUNITS takes it for sievert
    "mol": Unit(_MOL), "mmol": Unit(_MOL, 1e-3), "umol": Unit(_MOL, 1e-6), "nmol": Unit(_MOL, 1e-9),
    "%": Unit(_NONE, 1e-2), "percent": Unit(_NONE, 1e-2), "fraction": Unit(_NONE),
    "psu": Unit(_NONE, 1e-3), "PSU": Unit(_NONE, 1e-3), "pss": Unit(_NONE, 1e-3),
}  # fmt: skip
_NOTHING = {"", "-", "--", "none", "unknown", "undefined", "n/a", "na", "no unit", "no units"}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_%°]+)"
    r"|(?P<power>\^|\*\*)|(?P<sign>[()/*.·]))"
)
_POWER = re.compile(r"(?:\^|\*\*)?\s*([+-]?\d+)")


def stated(text: object) -> bool:
    """Return whether an attribute says anything of units.

    Parameters
    ----------
    text
        The attribute; a dash or "none" says nothing.

    Examples
    --------
    >>> stated("K"), stated("1"), stated("-"), stated(None)
    (True, True, False, False)
    """
    return text is not None and str(text).strip().lower() not in _NOTHING


@lru_cache(maxsize=256)
def parse(text: str) -> Unit | None:
    """Return a unit, or None if it is not understood.

    Parameters
    ----------
    text
        In any of the spellings of models: ``kg/(s*m2)``, ``W.m-2``, ``degree_C``, ``1e-3``.

    Examples
    --------
    >>> parse("kg/(s*m2)") == parse("kg m-2 s-1")
    True
    >>> parse("as you like it") is None
    True
    """
    bare = text.strip()
    if bare in ("0-1", "[0-1]", "0..1"):
        return Unit(_NONE)
    reader = _Reader(bare)
    try:
        unit = reader.product()
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    done = reader.at == len(reader.text.rstrip()) and 0 < unit.factor < math.inf
    return unit if done else None


class _Reader:
    """A text being read, from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def product(self) -> Unit:
        """Read factors until the end, or a closing parenthesis."""
        unit = self._factor()
        while match := _TOKEN.match(self.text, self.at):
            sign = match["sign"]
            if sign == ")":
                break
            if sign == "/":
                self.at = match.end()
                unit = unit * self._factor() ** -1
                continue
            if sign in ("*", ".", "·"):
                self.at = match.end()
            unit = unit * self._factor()
        return unit

    def _factor(self) -> Unit:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match["power"]:
            raise ValueError(self.text)
        self.at = match.end()
        if match["number"]:
            unit = Unit(_NONE, float(match["number"]))
            attached = self.text.startswith(("^", "**"), self.at)
        elif match["name"]:
            if match["name"] not in _KNOWN:
                raise ValueError(match["name"])
            unit, attached = _KNOWN[match["name"]], True
        elif match["sign"] == "(":
            unit, attached = self.product(), True
            closing = _TOKEN.match(self.text, self.at)
            if closing is None or closing["sign"] != ")":
                raise ValueError(self.text)
            self.at = closing.end()
        else:
            raise ValueError(self.text)
        power = _POWER.match(self.text, self.at) if attached else None
        if power is None:
            return unit
        self.at = power.end()
        return unit ** int(power[1])


def conversion(source: str, target: str) -> tuple[float, float] | None:
    """Return factor and offset from one unit to another, or None if there are none.

    Parameters
    ----------
    source, target
        Units as text.

    Examples
    --------
    >>> conversion("hPa", "Pa"), conversion("degC", "K"), conversion("K", "W m-2")
    ((100.0, 0.0), (1.0, 273.15), None)
    """
    here, there = parse(source), parse(target)
    if here is None or there is None or here.dimensions != there.dimensions:
        return None
    factor = here.factor / there.factor
    if abs(factor - round(factor)) < _ROUNDING * factor:
        factor = float(round(factor))
    offset = (here.offset - there.offset) / there.factor
    return factor, 0.0 if abs(offset) < _ROUNDING else offset
