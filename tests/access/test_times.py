"""Dates of every calendar and any year, and units that libraries refuse."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.times import decode_times, is_since

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
    assert not is_since({"units": "1"})


def test_datetimes_are_those_of_xarray():
    numbers, attrs = np.array([0, 1.25, 1e5]), {"units": "days since 1850-01-01"}
    dataset = xr.Dataset(coords={"time": ("time", numbers, attrs)})
    coder = xr.coders.CFDatetimeCoder(time_unit="us")
    expected = xr.decode_cf(dataset, decode_times=coder)["time"].values
    np.testing.assert_array_equal(decode_times(numbers, attrs)[0], expected)
