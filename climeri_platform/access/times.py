"""Numbers since a date become dates: every calendar, any year, and units that no library reads."""

from __future__ import annotations

import re
import warnings
from threading import Lock
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decode_times", "is_since"]

_SINCE = re.compile(r"\s*(?P<step>[A-Za-z]+)\s+since\s+(?P<date>\S+)(?P<clock>.*)", re.DOTALL)
_DATE = re.compile(r"(?P<year>[-+]?\d+)(?:-(?P<month>\d+))?(?:-(?P<day>\d+))?$")
_MONTHS = {"month": 1, "months": 1, "mon": 1, "year": 12, "years": 12, "yr": 12, "common_year": 12}
_STANDARD = {"standard", "gregorian", "proleptic_gregorian"}
_YEARLESS = _STANDARD | {"julian"}  # calendars that go from 1 BC to AD 1
_REFORM = (1582, 10, 15)  # from here on a standard calendar is what datetime64 counts in


_WARNINGS = Lock()  # the filters are those of the whole process


def is_since(attrs: Mapping[str, Any]) -> bool:
    """Return whether a variable counts from a date."""
    return _SINCE.match(str(attrs.get("units", ""))) is not None


def decode_times(
    raw: np.ndarray[Any, Any], attrs: Mapping[str, Any], *, use_cftime: bool | None = None
) -> tuple[np.ndarray[Any, Any], str]:
    """Return the dates that numbers mean.

    Parameters
    ----------
    raw
        Any shape.
    attrs
        ``units``, ``calendar`` and what is missing, as the file has them.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.

    Returns
    -------
    values
        datetime64[us] or cftime objects.
    said
        What was done beyond the conventions; "" if nothing.

    Raises
    ------
    ValueError, OverflowError
        If the units make no sense, or a number no date.

    Examples
    --------
    >>> values, said = decode_times(np.array([949.0]), {"units": "months since 1899-12"})
    >>> str(values[0])[:7]
    '1979-01'
    """
    parts = _SINCE.match(str(attrs.get("units", "")))
    if parts is None:
        raise ValueError(f"time has units {attrs.get('units')!r}, which count from no date")
    calendar = str(attrs.get("calendar", "standard")).lower()
    if parts["step"].lower() in _MONTHS and calendar != "360_day":
        return _by_months(raw, attrs, parts, calendar, use_cftime=use_cftime)
    date = _DATE.match(parts["date"])
    units, said = str(attrs["units"]), ""
    if date is not None and "0" in {str(int(date[each] or 1)) for each in ("month", "day")}:
        known = (
            f"{date['year']}-{int(date['month'] or 1) or 1:02d}-{int(date['day'] or 1) or 1:02d}"
        )
        units = f"{parts['step']} since {known}{parts['clock']}"
        said = f"{attrs['units']!r} names no day; it is taken as {known}"
    if calendar in _YEARLESS and date is not None and not int(date["year"]):
        return _from_year_zero(raw, units, calendar, use_cftime=use_cftime), said
    if use_cftime is None and calendar in ("standard", "gregorian"):
        use_cftime = _before_reform(raw, attrs, units)
    variable = xr.Variable(
        [f"dim{axis}" for axis in range(raw.ndim)], raw, {**attrs, "units": units}
    )
    coder = xr.coders.CFDatetimeCoder(use_cftime=use_cftime, time_unit="us")
    decoded = xr.conventions.decode_cf_variable("time", variable, decode_times=coder)
    return np.asarray(decoded.values), said


def _before_reform(raw: np.ndarray[Any, Any], attrs: Mapping[str, Any], units: str) -> bool | None:
    """Return True if a date lies before 1582, where datetime64 counts otherwise."""
    plain = {"scale_factor", "add_offset"}.isdisjoint(attrs) and raw.dtype.kind in "iuf"
    values = raw[np.isfinite(raw)] if plain else raw[:0]
    for word in ("_FillValue", "missing_value"):
        if word in attrs:
            values = values[~np.isin(values, np.ravel(attrs[word]))]
    if not values.size:
        return None
    try:
        first = cftime.num2date(values.min(), units, "standard")
    except (ValueError, OverflowError):
        return None
    return True if (first.year, first.month, first.day) < _REFORM else None


def _from_year_zero(
    raw: np.ndarray[Any, Any], units: str, calendar: str, *, use_cftime: bool | None
) -> np.ndarray[Any, Any]:
    """Count from a year that historians' calendars do not have, and astronomers' do."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore", cftime.CFWarning)
        dates = cftime.num2date(raw, units, calendar, has_year_zero=True)
    return _modern(np.asarray(dates, object), calendar, use_cftime=use_cftime)


def _modern(
    dates: np.ndarray[Any, Any], calendar: str, *, use_cftime: bool | None
) -> np.ndarray[Any, Any]:
    """Return datetime64 where it counts as the calendar does."""
    plain = [each for each in dates.ravel() if each is not None]
    modern = all((each.year, each.month, each.day) >= _REFORM for each in plain)
    if calendar not in _STANDARD or not modern or len(plain) < dates.size or use_cftime:
        return dates
    texts = [each.strftime("%Y-%m-%dT%H:%M:%S.%f") for each in plain]
    return np.array(texts, "datetime64[us]").reshape(dates.shape)


def _by_months(
    raw: np.ndarray[Any, Any],
    attrs: Mapping[str, Any],
    parts: re.Match[str],
    calendar: str,
    *,
    use_cftime: bool | None,
) -> tuple[np.ndarray[Any, Any], str]:
    """Count months of the calendar: a half is half of the month that it falls in.

    UDUNITS makes a month the twelfth of a tropical year (CF conventions, section 4.4), which no
    producer of such files means: 949 months since December 1899 is January 1979, and not 20:36 on
    the 30th of December 1978.
    """
    date = _DATE.match(parts["date"])
    if date is None:
        raise ValueError(f"{attrs['units']!r} names no date")
    kind = "standard" if calendar == "gregorian" else calendar
    first = (int(date["year"]), int(date["month"] or 1) or 1, int(date["day"] or 1) or 1)
    months = raw.astype("f8") * _MONTHS[parts["step"].lower()]
    missing = ~np.isfinite(months)
    for word in ("_FillValue", "missing_value"):
        missing |= np.isin(raw, np.ravel(attrs[word])) if word in attrs else False
    dates = [
        None if absent else _later(first, float(each), kind)
        for each, absent in zip(months.ravel(), missing.ravel(), strict=True)
    ]
    values = np.array(dates, dtype=object).reshape(raw.shape)
    said = f"{attrs['units']!r} is counted in months of the calendar"
    return _modern(values, kind, use_cftime=use_cftime), said


def _later(first: tuple[int, int, int], months: float, calendar: str) -> cftime.datetime:
    whole = int(np.floor(months))
    year, month = divmod(12 * first[0] + first[1] - 1 + whole, 12)
    begin = cftime.datetime(year, month + 1, first[2], calendar=calendar, has_year_zero=True)
    if months == whole:
        return begin
    year, month = divmod(12 * year + month + 1, 12)
    end = cftime.datetime(year, month + 1, first[2], calendar=calendar, has_year_zero=True)
    return begin + (months - whole) * (end - begin)
