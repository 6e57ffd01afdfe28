"""What a file's time axis covers, from its first and its last value and their bounds.

The whole axis is never read: with one chunk for each step that would be as slow as reading data.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["calendar_name", "read_time", "time_variable"]

_NAMES = ("time", "time_counter")  # of a dimension, where no units say that it is time
# CF knows two names of four calendars; a column is searched, so it has one
_SAME = {"gregorian": "standard", "365_day": "noleap", "366_day": "all_leap", "": "standard"}
_MINUTE, _HALF = timedelta(minutes=1), timedelta(milliseconds=500)


def text_of(thing: Any, name: str) -> str:
    """Return an attribute of a file or a variable as text, "" where there is none."""
    try:
        value = thing.getncattr(name)
    except AttributeError:
        return ""
    if isinstance(value, str):
        return value.strip()
    # the netCDF library gives a list for several strings, an array for several numbers
    return " ".join(str(each) for each in np.atleast_1d(np.asarray(value)).tolist()).strip()


def calendar_name(declared: str) -> str:
    """Return the one name that the catalog has for a calendar.

    Parameters
    ----------
    declared
        The attribute ``calendar`` of the time variable, "" where it has none.

    Returns
    -------
    str
        In small letters; ``standard`` where none is declared, as CF has it.

    Examples
    --------
    >>> calendar_name("NoLeap"), calendar_name("365_day"), calendar_name("Gregorian")
    ('noleap', 'noleap', 'standard')
    """
    lower = declared.lower()
    return _SAME.get(lower, lower)


def time_variable(dataset: Any, dimensions: Iterable[str]) -> tuple[str | None, Any]:
    """Return the dimension of time, and the variable that holds its values.

    Parameters
    ----------
    dataset
        An open ``netCDF4.Dataset``.
    dimensions
        Those of the main variable, or all of the file.

    Returns
    -------
    tuple
        The dimension is None for a scalar time, the variable None for a dimension without values;
        both are None where nothing is time.
    """
    known = dataset.variables
    dimensions = list(dimensions)
    for name in dimensions:
        if name in known and known[name].ndim == 1 and " since " in text_of(known[name], "units"):
            return name, known[name]
    for name in dimensions:
        if name in _NAMES:
            return name, known.get(name) or _along(known, name)
    for name in ("time", *known):
        if name in known and known[name].ndim == 0 and " since " in text_of(known[name], "units"):
            return None, known[name]
    return None, None


def _along(known: dict[str, Any], dimension: str) -> Any:
    """Return a variable of time that is not called as its dimension is (XIOS: time_centered)."""
    for variable in known.values():
        if variable.dimensions == (dimension,) and " since " in text_of(variable, "units"):
            return variable
    return None


def read_time(dataset: Any, dimensions: Iterable[str]) -> dict[str, Any]:
    """Return what a file says of its time.

    Parameters
    ----------
    dataset
        An open ``netCDF4.Dataset``.
    dimensions
        Those of the main variable, or all of the file.

    Returns
    -------
    dict
        ``steps`` and ``calendar``; ``start_in_file`` and ``end_in_file`` as YYYYMMDDhhmm; ``apart``,
        the mean distance of two steps in days; ``first`` and ``last``, the least and the largest
        time of a step; ``bounded``, whether the span is that of bounds;
        ``backwards``, whether the last step is before the first; ``problem`` where the time cannot
        be told. Keys that do not apply are missing.
    """
    dimension, variable = time_variable(dataset, dimensions)
    if dimension is None and variable is None:
        return {}
    found: dict[str, Any] = {
        "steps": 1 if dimension is None else len(dataset.dimensions[dimension])
    }
    if variable is None:
        return found | {"problem": f"time: the dimension {dimension} has no values"}
    found["calendar"] = calendar_name(text_of(variable, "calendar"))
    if found["steps"] == 0:
        return found | {"problem": f"time: it holds no time step, {dimension} has length 0"}
    units = text_of(variable, "units")
    if " since " not in units:
        said = f"its units {units!r} name no date" if units else "it has no units"
        return found | {"problem": f"time: {said}"}
    try:
        return found | _span(dataset, variable, units, found)
    except (ValueError, OverflowError, TypeError) as problem:
        said = " ".join(str(problem).split())[:200]
        return found | {"problem": f"time: {units!r} in {found['calendar']}: {said}"}


def _span(dataset: Any, variable: Any, units: str, found: dict[str, Any]) -> dict[str, Any]:
    values = _ends(variable, found["steps"])
    if values is None:
        raise ValueError("its first or its last value is missing")
    margin, of_margin, climatology = _bounds(dataset, variable, found["steps"])
    if margin is None or of_margin not in ("", units):
        dates = _dates(values, units, found["calendar"])
        if margin is not None:
            dates += _dates(margin, of_margin, found["calendar"])
    else:
        dates = _dates(np.concatenate([values, margin]), units, found["calendar"])
    first, last = dates[:2]
    backwards = bool(last < first)
    span: dict[str, Any] = {"backwards": backwards}
    if found["steps"] > 1:
        span["apart"] = abs((last - first).total_seconds()) / 86400 / (found["steps"] - 1)
    start, end = (last, first) if backwards else (first, last)
    span["first"], span["last"] = _number(start), _number(end)
    span["bounded"] = len(dates) == 4 and not backwards and _plausible(dates, climatology)
    if span["bounded"]:
        start, end = dates[2:]
        # the end is the last minute that is covered, as in the spans of names
        end = end - _MINUTE if end > start else end
    return span | {"start_in_file": _number(start), "end_in_file": _number(end)}


def _plausible(dates: list[Any], climatology: bool) -> bool:
    """Say whether bounds hold the steps; those of a climatology cover other years."""
    first, last, start, end = dates
    return start <= end and (climatology or (start <= first + _MINUTE and last - _MINUTE <= end))


def _ends(variable: Any, steps: int) -> Any:
    """Return the first and the last row of a variable, None if one was never written."""
    variable.set_auto_mask(False)  # it costs as much as the reading
    if variable.ndim == 0 or steps == 1:
        # [...] of a scalar, and the one row of others
        rows = np.repeat(np.asarray(variable[...]).reshape((1, *variable.shape[1:])), 2, axis=0)
    else:
        rows = np.asarray(variable[:: steps - 1])
    if rows.dtype.kind not in "fiu":
        raise ValueError("its values are no numbers")
    return None if any(_is_fill(rows, each) for each in _fills(variable)) else rows


def _fills(variable: Any) -> list[float]:
    """Return the values that mean "missing": those declared, and the library's own."""
    found = [9.969209968386869e36, -2147483647.0, -9223372036854775806.0]
    if variable.dtype.kind == "f":
        found = [np.nan, np.inf, -np.inf, found[0]]
    for name in ("_FillValue", "missing_value"):
        try:
            found += [float(each) for each in np.ravel(variable.getncattr(name))]
        except (AttributeError, ValueError):
            continue
    return found


def _is_fill(values: Any, fill: float) -> bool:
    if np.isfinite(fill):  # single precision holds a declared double to seven digits
        return bool((abs(values - fill) <= 1e-6 * abs(fill)).any())
    return bool(np.isnan(values).any() if np.isnan(fill) else (values == fill).any())


def _bounds(dataset: Any, variable: Any, steps: int) -> tuple[Any, str, bool]:
    """Return start and end of the bounds (None without), their units, whether a climatology's."""
    declared = text_of(variable, "bounds")
    climatology = "" if declared else text_of(variable, "climatology")
    margin = dataset.variables.get(declared or climatology)
    if margin is None or margin.ndim != variable.ndim + 1 or margin.shape[-1] != 2:
        return None, "", False
    values = _ends(margin, steps)
    if values is None:
        return None, "", False
    own = text_of(margin, "units")
    ends = np.asarray([values[0].min(), values[1].max()])
    return ends, own if " since " in own else "", bool(climatology)


def _dates(values: Any, units: str, calendar: str) -> list[Any]:
    """Return dates to the second: a double holds no exact minute."""
    import cftime

    with warnings.catch_warnings():
        # that a year zero is not the same in every calendar is known; it is refused below
        warnings.simplefilter("ignore")
        dates = cftime.num2date(values, units, calendar, only_use_cftime_datetimes=True)
    # from the half of a second on it is the next one; what is left is cut off
    return [each + _HALF if each.microsecond >= 500_000 else each for each in dates]


def _number(date: Any) -> int:
    if not 1 <= date.year <= 9999:
        raise ValueError(f"the year {date.year} is not from 1 to 9999")
    day = (date.year * 100 + date.month) * 100 + date.day
    return int((day * 100 + date.hour) * 100 + date.minute)
