"""Dates of every calendar and any year, and units that libraries refuse."""

from __future__ import annotations

import warnings

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.times import decode_times, is_dated

CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "noleap", "360_day", "julian"]


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("year", [1, 1582, 1850, 2262, 2263, 9998])
def test_any_year_of_any_calendar(calendar, year):
    numbers = np.array([0.0, 31.5, 400.0])
    units = f"days since {year:04d}-01-01"
    values, said = decode_times(numbers, {"units": units, "calendar": calendar})
    assert said == ""
    expected = cftime.num2date(numbers, units, calendar)
    assert [str(each)[:10] for each in values] == [each.strftime("%Y-%m-%d") for each in expected]


@given(st.integers(-3000, 3000), st.sampled_from([*CALENDARS, None]))
def test_months_are_those_of_the_calendar(months, calendar):
    attrs = {"units": "months since 1950-01-01"} | ({"calendar": calendar} if calendar else {})
    values, said = decode_times(np.array([months]), attrs)
    year, month = divmod(12 * 1950 + months, 12)
    text = values.astype("M8[us]").astype(str)[0] if values.dtype.kind == "M" else str(values[0])
    assert text[:10] == f"{year:04d}-{month + 1:02d}-01"
    assert calendar == "360_day" or "months of the calendar" in said


def test_half_a_month_is_half_of_the_month_it_falls_in():
    values, _ = decode_times(np.array([0.5, 1.5]), {"units": "months since 2001-01-01"})
    assert [str(each)[:13] for each in values] == ["2001-01-16T12", "2001-02-15T00"]
    values, _ = decode_times(np.array([2.0]), {"units": "years since 2001-01"})
    assert str(values[0])[:10] == "2003-01-01"


def test_months_that_are_missing_stay_missing():
    values, _ = decode_times(
        np.array([1.0, 9e36]), {"units": "months since 2001-01-01", "_FillValue": 9e36}
    )
    assert str(values[0]).startswith("2001-02-01")
    assert values[1] is None


@pytest.mark.parametrize("calendar", CALENDARS)
def test_a_year_zero_without_a_day(calendar):
    values, said = decode_times(
        np.array([0.0, 31 * 86400.0]),
        {"units": "seconds since 0000-00-00 00:00:00", "calendar": calendar},
    )
    assert "taken as 0000-01-01" in said
    steps = [each.month for each in values]
    assert steps == [1, 2]


@pytest.mark.parametrize("units", ["1", "months since yesterday", "days since noon"])
def test_units_that_make_no_sense(units):
    with pytest.raises(ValueError, match=r".+"):
        decode_times(np.array([1.0]), {"units": units})
    assert not is_dated({"units": "1"})


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=9),
    st.sampled_from(["days", "hours", "minutes", "seconds"]),
    st.sampled_from(
        ["1850-01-01", "1900-01-01 12:00:00", "2000-03-01T06:00Z", "1970-1-1 3:0:0 -5:00"]
    ),
    st.sampled_from(CALENDARS),
)
def test_dates_are_those_of_xarray(numbers, step, since, calendar):
    parts = {"days": 10, "hours": 1, "minutes": 1, "seconds": 1}[step]
    raw = np.array(numbers) / parts
    attrs = {"units": f"{step} since {since}", "calendar": calendar}
    values, said = decode_times(raw, attrs)
    assert said == ""
    coder = xr.coders.CFDatetimeCoder(time_unit="us")
    attrs["units"] = attrs["units"].replace("-5:00", "-05:00")  # which xarray reads, and -5:00 not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = coder.decode(xr.Variable("x", raw, attrs)).values
    if values.dtype.kind == "M":
        expected = expected.astype("M8[us]")
        assert (np.abs(values - expected) <= np.timedelta64(30, "us")).all()
    else:
        np.testing.assert_array_equal(values, expected)


def test_an_hour_is_an_hour_however_it_is_written():
    hours = np.arange(24 * 400)
    values, _ = decode_times(60000 + hours / 24, {"units": "days since 1850-01-01"})
    expected = np.datetime64("1850-01-01", "us") + (60000 * 24 + hours) * np.timedelta64(1, "h")
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_what_is_missing_has_no_date(calendar):
    raw = np.array([1.0, np.nan, 1e20])
    values, _ = decode_times(
        raw, {"units": "days since 2000-01-01", "calendar": calendar, "missing_value": 1e20}
    )
    missing = np.isnat(values) if values.dtype.kind == "M" else values == np.array(None)
    assert missing.tolist() == [False, True, True]
