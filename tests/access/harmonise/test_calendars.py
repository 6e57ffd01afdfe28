"""Calendars are changed where somebody asks, and every step that goes is counted."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import cftime
import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.access.harmonise import convert_calendar
from climeri_platform.access.harmonise.calendars import check_calendar
from climeri_platform.core.errors import DatasetInconsistent, UnknownValue, UsageError

CALENDARS = ("standard", "proleptic_gregorian", "noleap", "all_leap", "360_day", "julian")


def date(year, month=1, day=1, hour=0, *, calendar):
    return cftime.datetime(year, month, day, hour, calendar=calendar)


def months(calendar, first=2000, years=3):
    """Monthly means, stamped in their middles, with bounds."""
    edges = [date(first + n // 12, n % 12 + 1, calendar=calendar) for n in range(12 * years + 1)]
    middles = [a + (b - a) / 2 for a, b in pairwise(edges)]
    return series(middles, list(pairwise(edges)))


def days(calendar, first=2000, years=2, each=1):
    begin, end = date(first, calendar=calendar), date(first + years, calendar=calendar)
    number = (end - begin).days * each
    edges = [
        begin + n * (date(first, 1, 2, calendar=calendar) - begin) / each for n in range(number + 1)
    ]
    middles = [a + (b - a) / 2 for a, b in pairwise(edges)]
    return series(middles, list(pairwise(edges)))


def series(times, bounds):
    def compute(block):
        raise AssertionError("the field was computed")

    size = len(times)
    never = da.zeros((size, 2), chunks=(7, 2)).map_blocks(
        compute, dtype="f4", meta=np.empty((0, 0), "f4")
    )
    edges = np.empty((size, 2), object)
    for at, pair in enumerate(bounds):
        edges[at] = pair
    return xr.Dataset(
        {
            "tas": (("time", "x"), never, {"units": "K"}),
            "step": ("time", np.arange(size)),
            "time_bnds": (("time", "bnds"), edges),
        },
        {"time": ("time", np.array(times, object), {"bounds": "time_bnds"})},
    )


def parts(axis):
    return list(zip(axis.dt.year.values, axis.dt.month.values, strict=True))


@given(st.sampled_from(CALENDARS), st.sampled_from(CALENDARS), st.integers(1, 9990))
def test_months_stay_months_and_none_is_lost(old, new, year):
    held = months(old, year)
    out, steps = convert_calendar(held, new)
    assert parts(out["time"]) == parts(held["time"])
    assert [step.said for step in steps] == (
        [] if old == new else [f"{old} to {new} each step in its month, and none is lost"]
    )
    expected = months(new, year)
    there, _ = convert_calendar(expected, new)
    gap = [
        abs((a - b).total_seconds())
        for a, b in zip(moments(out["time"], new), moments(there["time"], new), strict=True)
    ]
    assert max(gap) <= 1
    assert moments(out["time_bnds"], new) == moments(there["time_bnds"], new)


def moments(axis, calendar):
    """Return times as cftime, whatever they are kept as."""
    values = axis.values.ravel()
    if values.dtype.kind == "O":
        return list(values)
    found = values.astype("M8[us]").astype(object)
    return [cftime.datetime(*t.timetuple()[:6], t.microsecond, calendar=calendar) for t in found]


@settings(max_examples=40)
@given(
    st.sampled_from(CALENDARS),
    st.sampled_from(CALENDARS),
    st.integers(1600, 9000),
    st.sampled_from(["year", "date"]),
    st.sampled_from(["absent", "missing"]),
    st.sampled_from([1, 2]),
)
def test_days_are_all_accounted_for(old, new, year, day_30, leap_days, each):
    held = days(old, year, 2, each)
    with dask.config.set(scheduler=never):
        out, steps = convert_calendar(held, new, day_30=day_30, leap_days=leap_days)
    if old == new:
        assert not steps
        assert out is held
        return
    times = moments(out["time"], new)
    assert all(a < b for a, b in pairwise(times))
    edges = np.array(moments(out["time_bnds"], new), object).reshape(-1, 2)
    assert all(low < at < high for at, (low, high) in zip(times, edges, strict=True))
    (step,) = steps
    taken = np.unique(out["step"].dropna("time").values).astype(int)
    lost = held.sizes["time"] - taken.size
    assert (f"{lost} of {held.sizes['time']} steps" in step.said) == (lost > 0)
    total = round((times[-1] - times[0]) / (timedelta(days=1) / each)) + 1
    lacking = total - taken.size
    assert (f", {lacking}, are" in step.said) == (lacking > 0)
    assert out.sizes["time"] == (total if leap_days == "missing" else taken.size)
    if day_30 == "date" or "360_day" not in (old, new):
        for at, place in zip(times, out["step"].values, strict=True):
            if np.isfinite(place):
                was = held["time"].values[int(place)]
                assert (was.month, was.day, was.hour) == (at.month, at.day, at.hour)


def never(*_, **__):
    raise AssertionError("something was computed")


@pytest.mark.parametrize(
    ("old", "new"), [("360_day", "noleap"), ("noleap", "360_day"), ("standard", "360_day")]
)
@pytest.mark.parametrize("way", ["year", "date"])
def test_days_go_where_xarray_puts_them(old, new, way):
    held = days(old)
    out, _ = convert_calendar(held, new, day_30=way)
    theirs = held[["step"]].convert_calendar(new, align_on=way)
    np.testing.assert_array_equal(out["step"].values, theirs["step"].values)
    np.testing.assert_array_equal(out["time"].values, theirs["time"].values)


def test_times_are_numpy_s_where_they_can_be():
    out, _ = convert_calendar(months("noleap"), "gregorian")
    assert out["time"].dtype == out["time_bnds"].dtype == "M8[us]"
    assert out["time"].encoding["calendar"] == "standard"
    early, _ = convert_calendar(months("noleap", 1500), "standard")
    assert early["time"].dt.calendar == "standard"
    assert early["time"].dtype == object
    back, _ = convert_calendar(out, "365_day")
    assert list(back["time"].values) == list(months("noleap")["time"].values)


def test_february_29_is_left_out_and_comes_back_empty():
    held = days("standard", 2004, 1).drop_vars("tas").assign(tas=("time", np.ones(366, "f4")))
    out, (step,) = convert_calendar(held, "noleap")
    assert "1 of 366 steps is left out" in step.said
    back, (step,) = convert_calendar(out, "standard", leap_days="missing")
    assert "1, are missing values" in step.said
    assert back.sizes["time"] == 366
    empty = back["time"][back["tas"].isnull()]
    assert [str(each)[:10] for each in empty.values] == ["2004-02-29"]
    assert [str(each)[:10] for each in back["time_bnds"].sel(time=empty).values[0]] == [
        "2004-02-29",
        "2004-03-01",
    ]
    assert back["tas"].dtype == "f4"
    assert "29 February" not in step.said


def test_holes_of_the_file_stay_holes():
    held = days("noleap", 2004, 1).isel(time=[*range(50), *range(70, 365)])
    out, (step,) = convert_calendar(held, "standard", leap_days="missing")
    assert out.sizes["time"] == held.sizes["time"]
    assert step.said.endswith("by date, and none is lost")


def test_lazy_bounds_stay_lazy_and_fill_stays_fill():
    held = days("noleap", 2001, 1)
    bounds = held["time_bnds"].values.copy()
    bounds[3] = None
    held["time_bnds"] = (("time", "bnds"), da.from_array(bounds, chunks=(100, 2)))
    with dask.config.set(scheduler=never):
        out, _ = convert_calendar(held, "360_day")
    assert out["time_bnds"].chunks is not None
    values = out["time_bnds"].values
    assert [each is None for each in values[3]] == [True, True]
    assert values[0].tolist() == [
        date(2001, calendar="360_day"),
        date(2001, 1, 2, calendar="360_day"),
    ]


def test_one_step_goes_by_what_the_file_says():
    held = days("standard", 2004, 1).isel(time=[59])
    with pytest.raises(DatasetInconsistent, match="none of its 1 times"):
        convert_calendar(held.assign_attrs(frequency="day"), "noleap")
    out, _ = convert_calendar(held, "noleap")  # taken as a month: in any case in February
    assert parts(out["time"]) == [(2004, 2)]


def test_fixed_fields_and_climatologies():
    fixed = xr.Dataset({"orog": ("x", np.zeros(3))})
    assert convert_calendar(fixed, "noleap") == (fixed, [])
    year = months("noleap", 2000, 1).rename(time_bnds="climatology_bnds")
    year["time"].attrs = {"climatology": "climatology_bnds"}
    out, (step,) = convert_calendar(year, "360_day")
    assert "in its month" in step.said
    assert str(out["climatology_bnds"].values[1, 1]) == "2000-03-01 00:00:00"


def test_what_is_none_is_refused():
    held = months("noleap")
    with pytest.raises(UnknownValue, match="no such calendar") as told:
        convert_calendar(held, "nolep")
    assert "noleap" in told.value.hint
    assert [check_calendar(each) for each in ("366_day", "Gregorian")] == ["all_leap", "standard"]
    for word in ("leap_days", "day_30"):
        with pytest.raises(UsageError, match=f"{word}='drop'"):
            convert_calendar(held, "360_day", **{word: "drop"})
    numbers = xr.Dataset({"tas": ("time", np.zeros(2))}, {"time": [1.0, 2.0]})
    with pytest.raises(DatasetInconsistent, match="no dates"):
        convert_calendar(numbers, "noleap")
    with pytest.raises(DatasetInconsistent, match="do not increase"):
        convert_calendar(held.isel(time=[1, 0]), "standard")
    with pytest.raises(DatasetInconsistent, match="the year 0"):
        convert_calendar(months("noleap", 0), "standard")
