"""Dates that are written as digits: the absolute time axes of CDO.

``day as %Y%m%d.%f`` makes 20010131.75 of 18:00 on the 31st of January 2001, ``month as %Y%m.%f`` and
``year as %Y.%f`` name a month or a year (CDO user guide, doi:10.5281/zenodo.10020800, section "Absolute
time"). CDO itself passes over what follows the month or the year; here it is that part of it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["dates_of_digits", "form_of"]

_FORM = re.compile(r"\s*(day|month|year)s?\s+as\s+(%Y(?:%m)?(?:%d)?)(?:\.%f)?\s*$", re.IGNORECASE)
_DIGITS = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}
_DAY = 86_400  # seconds


def form_of(attrs: Mapping[str, Any]) -> str:
    """Return what digits end with, ``day``, ``month`` or ``year``; "" if units are others.

    Parameters
    ----------
    attrs
        Of the variable.

    Examples
    --------
    >>> form_of({"units": "day as %Y%m%d.%f"}), form_of({"units": "days since 1850-01-01"})
    ('day', '')
    """
    found = _FORM.match(str(attrs.get("units", "")))
    if found is None:
        return ""
    form = found[1].lower()
    return form if _DIGITS[form].lower() == found[2].lower() else ""


def dates_of_digits(
    numbers: NDArray[Any], absent: NDArray[np.bool_], form: str, calendar: str
) -> NDArray[np.object_]:
    """Return the dates that digits name.

    Parameters
    ----------
    numbers
        Any shape.
    absent
        Where there are none.
    form
        As `form_of` gives it.
    calendar
        Of CF.

    Returns
    -------
    numpy.ndarray
        Dates of cftime, to the second; None where there is none.

    Raises
    ------
    ValueError
        If digits name no day of the calendar, or their type is too narrow to tell days apart.

    Examples
    --------
    >>> digits = np.array([20010131.75])
    >>> dates_of_digits(digits, np.zeros(1, bool), "day", "standard")[0].isoformat()
    '2001-01-31T18:00:00'
    """
    _check_precision(numbers[~absent], form)
    dates = np.full(numbers.shape, None, dtype=object)
    dates[~absent] = [_date(float(each), form, calendar) for each in numbers[~absent].ravel()]
    return dates


def _check_precision(numbers: NDArray[Any], form: str) -> None:
    """Refuse digits of a type that has no number for each date: 20010115 is 20010116 in 32 bits."""
    if numbers.dtype.kind != "f" or not numbers.size:
        return
    largest = np.abs(numbers).max()
    if np.spacing(largest) > 1:
        raise ValueError(
            f"{numbers.dtype} holds no digits as long as those of {float(largest):.10g}: the {form} "
            "was lost when they were written"
        )


def _date(number: float, form: str, calendar: str) -> cftime.datetime:
    digits = int(abs(number))
    part = abs(number) - digits
    month = day = 1
    if form == "day":
        digits, day = divmod(digits, 100)
    if form != "year":
        digits, month = divmod(digits, 100)
    year = -digits if number < 0 else digits
    try:
        begin = cftime.datetime(year, month, day, calendar=calendar)
        end = _end(year, month, form, calendar) if form != "day" and part else None
    except ValueError:
        raise ValueError(f"{number:.10g} names no {form} of the calendar {calendar}") from None
    length = _DAY if end is None else (end - begin).total_seconds()
    # the digits of a date leave a double a thousandth of a second
    return begin + timedelta(seconds=round(part * length))


def _end(year: int, month: int, form: str, calendar: str) -> cftime.datetime:
    if form == "year" or month == 12:
        return cftime.datetime(year + 1, 1, 1, calendar=calendar)
    return cftime.datetime(year, month + 1, 1, calendar=calendar)
