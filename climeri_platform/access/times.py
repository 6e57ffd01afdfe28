"""Numbers since a date become dates: every calendar, any year, and units that no library reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np

from climeri_platform.access.digits import dates_of_digits, form_of
from climeri_platform.access.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Counted", "decode_times", "is_dated"]

_SINCE = re.compile(r"\s*(?P<step>[A-Za-z]+)\s+since\s+(?P<date>\S+)(?P<clock>.*)", re.DOTALL)
_DATE = re.compile(r"(?P<year>[-+]?\d+)(?:-(?P<month>\d+))?(?:-(?P<day>\d+))?$")
_MONTHS = {"month": 1, "months": 1, "mon": 1, "year": 12, "years": 12, "yr": 12, "common_year": 12}
_STANDARD = {"standard", "gregorian", "proleptic_gregorian"}
_MICROSECONDS = {
    **dict.fromkeys(("day", "d"), 86_400_000_000),
    **dict.fromkeys(("hour", "hr", "h"), 3_600_000_000),
    **dict.fromkeys(("minute", "min"), 60_000_000),
    **dict.fromkeys(("second", "sec", ""), 1_000_000),  # "s" without its s
    **dict.fromkeys(("millisecond", "millisec", "msec"), 1_000),
    **dict.fromkeys(("microsecond", "microsec"), 1),
}
_YEARLESS = _STANDARD | {"julian"}  # calendars that go from 1 BC to AD 1
_REFORM = (1582, 10, 15)  # from here on a standard calendar is what datetime64 counts in


_DATES = 200_000  # dates that are kept, some 30 MB
_KEPT: dict[Any, tuple[np.ndarray[Any, Any], str]] = {}
_KEPT_LOCK = Lock()


def is_dated(attrs: Mapping[str, Any]) -> bool:
    """Return whether a variable counts from a date, or is the digits of one."""
    return _SINCE.match(str(attrs.get("units", ""))) is not None or bool(form_of(attrs))


@dataclass(frozen=True, slots=True)
class Counted:
    """Dates as numbers, which take less room and time to keep than dates do.

    Attributes
    ----------
    raw
        The numbers.
    attrs
        ``units``, ``calendar`` and what is missing.
    use_cftime
        As `decode_times` takes it.
    """

    raw: np.ndarray[Any, Any]
    attrs: dict[str, Any]
    use_cftime: bool | None = None

    def taken(self, index: np.ndarray[Any, Any]) -> Counted:
        """Return some of them."""
        return replace(self, raw=self.raw[index])

    def decoded(self) -> tuple[np.ndarray[Any, Any], str]:
        """Return what `decode_times` does; members and models that share an axis decode it once."""
        raw = np.ascontiguousarray(self.raw)
        words = repr([(name, str(value)) for name, value in sorted(self.attrs.items())])
        key = (raw.tobytes(), raw.dtype.str, raw.shape, words, self.use_cftime)
        with _KEPT_LOCK:
            found = _KEPT.pop(key, None)
            if found is not None:
                _KEPT[key] = found
                return found[0].copy(), found[1]
        values, said = decode_times(self.raw, self.attrs, use_cftime=self.use_cftime)
        with _KEPT_LOCK:
            _KEPT[key] = values.copy(), said
            # an axis and its bounds, however long they are: both are asked for twice
            while sum(each[0].size for each in _KEPT.values()) > _DATES and len(_KEPT) > 2:
                del _KEPT[next(iter(_KEPT))]
        return values, said


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
    if form := form_of(attrs):
        return _by_digits(raw, attrs, form, use_cftime=use_cftime)
    parts = _SINCE.match(str(attrs.get("units", "")))
    if parts is None:
        raise ValueError(f"time has units {attrs.get('units')!r}, which count from no date")
    calendar = str(attrs.get("calendar", "standard")).lower()
    if parts["step"].lower() in _MONTHS and calendar != "360_day":
        return _by_months(raw, attrs, parts, calendar, use_cftime=use_cftime)
    date = _DATE.match(parts["date"])
    # cftime passes over an offset from UTC that is not written with two digits
    clock = re.sub(r"([+-])(\d{1,2})(:\d\d)?\s*$", _offset, parts["clock"])
    units, said = f"{parts['step']} since {parts['date']}{clock}", ""
    if date is not None and "0" in {str(int(date[each] or 1)) for each in ("month", "day")}:
        known = "-".join(
            [date["year"], *(f"{int(date[n] or 1) or 1:02d}" for n in ("month", "day"))]
        )
        units = f"{parts['step']} since {known}{clock}"
        said = f"{attrs['units']!r} names no day; it is taken as {known}"
    numbers, absent = _numbers(raw, attrs)
    if calendar in _YEARLESS and date is not None and not int(date["year"]):
        dates = _from_year_zero(numbers, absent, units, calendar)
        return _modern(dates, calendar, use_cftime=use_cftime), said
    if calendar in _STANDARD and not use_cftime:
        stamps = _as_datetimes(numbers, absent, units, calendar)
        if stamps is not None:
            return stamps, said
    return _as_cftime(numbers, absent, units, calendar), said


def _by_digits(
    raw: np.ndarray[Any, Any], attrs: Mapping[str, Any], form: str, *, use_cftime: bool | None
) -> tuple[np.ndarray[Any, Any], str]:
    numbers, absent = _numbers(raw, attrs)
    calendar = str(attrs.get("calendar", "standard")).lower()
    calendar = "standard" if calendar == "gregorian" else calendar
    dates = dates_of_digits(numbers, absent, form, calendar)
    part = form != "day" and bool(np.mod(numbers[~absent], 1).any())
    said = f"{attrs['units']!r}: what follows the {form} is taken as part of it" if part else ""
    return _modern(dates, calendar, use_cftime=use_cftime), said


def _offset(found: re.Match[str]) -> str:
    return f"{found[1]}{int(found[2]):02d}{found[3] or ':00'}"


def _numbers(
    raw: np.ndarray[Any, Any], attrs: Mapping[str, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the numbers, unpacked, and where there are none."""
    if raw.dtype.kind not in "iuf":
        raise ValueError(f"time holds {raw.dtype}, and no numbers")
    absent = ~np.isfinite(raw)
    for word in ("_FillValue", "missing_value"):
        if word in attrs:
            absent |= np.isin(raw, np.ravel(attrs[word]))
    factor, offset = attrs.get("scale_factor"), attrs.get("add_offset")
    if factor is not None or offset is not None:
        raw = raw.astype("f8") * (1 if factor is None else factor) + (offset or 0)
    return raw, absent


def _as_datetimes(
    numbers: np.ndarray[Any, Any], absent: np.ndarray[Any, Any], units: str, calendar: str
) -> np.ndarray[Any, Any] | None:
    """Return datetime64[us], None where it counts otherwise than the calendar."""
    parts = _SINCE.match(units)
    size = _MICROSECONDS.get(parts["step"].lower().rstrip("s")) if parts else None
    if size is None:
        return None
    stamps = np.full(numbers.shape, np.datetime64("NaT"), "datetime64[us]")
    if absent.all():
        return stamps
    known = numbers[~absent]
    anchor = np.floor(known.min())
    first = cftime.num2date(anchor, units, calendar)
    if not _counts_alike(first, calendar):
        return None
    ago = known - anchor if known.dtype.kind == "f" else (known.astype("i8") - int(anchor))
    whole = np.floor(ago).astype("i8")
    part = (ago - whole) * float(size)
    # what a number cannot say, no clock shows: 1.041666666666667 days is one o'clock
    doubt = np.spacing(np.abs(known).max().astype("f8")) * size
    seconds = np.rint(part / 1e6) * 1e6
    part = np.where(np.abs(part - seconds) <= doubt, seconds, np.rint(part))
    begin = np.datetime64(first.isoformat(), "us")
    stamps[~absent] = begin + (whole * size + part.astype("i8")).astype("m8[us]")
    return stamps


def _as_cftime(
    numbers: np.ndarray[Any, Any], absent: np.ndarray[Any, Any], units: str, calendar: str
) -> np.ndarray[Any, Any]:
    dates = np.full(numbers.shape, None, dtype=object)
    if not absent.all():
        known = numbers[~absent]
        if numbers.ndim > 1:  # a bound is the end of one step and the beginning of the next
            known, of = np.unique(known, return_inverse=True)
            dates[~absent] = cftime.num2date(known, units, calendar)[of]
        else:
            dates[~absent] = cftime.num2date(known, units, calendar)
    return dates


def _from_year_zero(
    numbers: np.ndarray[Any, Any], absent: np.ndarray[Any, Any], units: str, calendar: str
) -> np.ndarray[Any, Any]:
    """Count from a year that historians' calendars do not have, and astronomers' do."""
    dates = np.full(numbers.shape, None, dtype=object)
    with quiet(cftime.CFWarning):
        dates[~absent] = cftime.num2date(numbers[~absent], units, calendar, has_year_zero=True)
    return dates


def _counts_alike(date: cftime.datetime, calendar: str) -> bool:
    """Return whether datetime64, which knows no Julian days, counts as a standard calendar does."""
    if calendar == "proleptic_gregorian":
        return bool(date.year > 0)
    return (date.year, date.month, date.day) >= _REFORM


def _modern(
    dates: np.ndarray[Any, Any], calendar: str, *, use_cftime: bool | None
) -> np.ndarray[Any, Any]:
    """Return datetime64 where it counts as the calendar does."""
    plain = [each for each in dates.ravel() if each is not None]
    modern = all(_counts_alike(each, calendar) for each in plain)
    if calendar not in _STANDARD or not modern or len(plain) < dates.size or use_cftime:
        return dates
    texts = [each.isoformat() for each in plain]
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
    numbers, missing = _numbers(raw, attrs)
    months = numbers.astype("f8") * _MONTHS[parts["step"].lower()]
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
