"""Datasets cut to a period: dates and words, every calendar, stamps anywhere in their step."""

from __future__ import annotations

from datetime import timedelta

import cftime
import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.cutting import AskedPeriod, cut_period, files_of_period
from climeri_platform.core.errors import DataError, DatasetInconsistent, UsageError
from climeri_platform.core.timespan import last_day_of_month

CALENDARS = ("standard", "proleptic_gregorian", "noleap", "360_day", "julian", "all_leap")
DECADES = [(y * 10**8 + 1010000, (y + 9) * 10**8 + 12312359) for y in range(1850, 2010, 10)]


def never(*_, **__):
    raise AssertionError("something was computed")


def starts_of_months(first, count, calendar):
    year, month = first
    return [
        cftime.datetime(
            year + (month - 1 + n) // 12, (month - 1 + n) % 12 + 1, 1, calendar=calendar
        )
        for n in range(count)
    ]


def monthly(
    first=(2000, 1), count=24, calendar="noleap", stamp="middle", *, bounds=True, numpy=False
):
    """Months, stamped at the start, in the middle or at the end, with or without bounds."""
    edges = starts_of_months(first, count + 1, calendar)
    begin, end = np.array(edges[:-1]), np.array(edges[1:])
    times = {"start": begin, "end": end, "middle": begin + (end - begin) / 2}[stamp]
    cells = np.stack([begin, end], 1)
    if numpy:
        times, cells = (
            np.array([each.isoformat() for each in x.ravel()], "M8[us]").reshape(x.shape)
            for x in (times, cells)
        )
    data = {"tas": ("time", da.arange(count, chunks=12))}
    if bounds:
        data["time_bnds"] = (("time", "bnds"), da.from_array(cells, chunks=(12, 2)))
    dataset = xr.Dataset(data, coords={"time": times})
    if bounds:
        dataset["time"].attrs["bounds"] = "time_bnds"
    return dataset


def months_of(dataset):
    with dask.config.set(scheduler="synchronous"):
        return dataset["tas"].values.tolist()


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("stamp", ["start", "middle", "end"])
def test_bounds_are_the_authority_wherever_the_stamp_lies(calendar, stamp):
    series = monthly(calendar=calendar, stamp=stamp)
    with dask.config.set(scheduler=never):
        cut, notes = cut_period(series, "2000-02/2000-12")
    assert months_of(cut) == list(range(1, 12))
    assert cut["time_bnds"].sizes == {"time": 11, "bnds": 2}
    assert notes == []
    # the last day of December, whichever the calendar has
    for end in ("2000-12-30" if calendar == "360_day" else "2000-12-31", "2000-12-31"):
        assert months_of(cut_period(series, f"2000-02-01/{end}")[0]) == list(range(1, 12))


def test_numpy_times_and_a_february_of_thirty_days():
    series = monthly(calendar="standard", numpy=True)
    assert months_of(cut_period(series, "2000-02-30/2001-01")[0]) == list(range(2, 13))
    days = monthly(calendar="360_day")
    assert months_of(cut_period(days, "2000-01/2000-02")[0]) == [0, 1]
    assert months_of(cut_period(days, "2000-02/2000-02-30")[0]) == [1]


@pytest.mark.parametrize(
    ("asked", "months"),
    [
        ("2001", range(12, 24)),
        ("2001/", range(12, 24)),
        ("/2000-03", range(3)),
        ("2000/2001", range(24)),
        ("20000101/20010131", range(13)),
        ("last_1Y", range(12, 24)),
        ("LAST_1y", range(12, 24)),
        ("first_1Y", range(12)),
        ("first_2Y", range(24)),
        ("full", range(24)),
        ("FULL", range(24)),
        ("*", range(24)),
    ],
)
@pytest.mark.parametrize("bounds", [True, False])
def test_dates_and_words(asked, months, bounds):
    cut, notes = cut_period(monthly(bounds=bounds), asked)
    assert months_of(cut) == list(months)
    assert notes == []


@pytest.mark.parametrize(
    "asked", ["", "/", "thirty", "last_Y", "last_0Y", "last_30", "2001/2000", 5]
)
def test_what_is_no_period_is_refused(asked):
    with pytest.raises(UsageError, match="period=") as told:
        AskedPeriod.parse(asked)
    assert "last_30Y" in told.value.hint


@pytest.mark.parametrize("bounds", [True, False])
@pytest.mark.parametrize("stamp", ["start", "middle"])
@pytest.mark.parametrize("calendar", ["noleap", "360_day", "standard"])
def test_years_are_counted_whole(bounds, stamp, calendar):
    # from April 2000 to June 2005: 2001 to 2004 are whole
    series = monthly((2000, 4), 63, calendar, stamp, bounds=bounds)
    either = int(stamp == "start" and not bounds)  # such stamps could end their months, too
    for asked, months in (("last_2Y", range(33, 57)), ("first_2Y", range(9, 33))):
        cut, notes = cut_period(series, asked)
        assert (months_of(cut), len(notes)) == (list(months), either)
    cut, notes = cut_period(series, "last_30Y")
    assert months_of(cut) == list(range(9, 57))
    hole = "a hole in time: period=last_30Y, and it holds 4 whole years, 2001 to 2004"
    assert notes[0] == hole
    assert len(notes) == 1 + either
    with pytest.raises(DataError, match="none of them is whole"):
        cut_period(series.isel(time=slice(8)), "last_1Y")


def test_end_stamped_months_with_bounds_count_the_year_that_they_end():
    series = monthly((2000, 1), 24, stamp="end")
    assert months_of(cut_period(series, "last_1Y")[0]) == list(range(12, 24))


def test_names_count_years_before_anything_is_opened():
    asked = AskedPeriod.parse("last_15Y").settled([*DECADES[:-1], (200001010000, 200406302359)])
    assert asked.dates.text == "1989/2003"
    assert files_of_period(DECADES, "last_30Y") == [13, 14, 15]
    assert files_of_period(DECADES, "first_10y") == [0]
    assert files_of_period([(200001010000, 200112302359)], "last_1Y") == [0]
    assert (
        AskedPeriod.parse("first_1Y").settled([(200002010000, 200212312359)]).dates.text
        == "2001/2001"
    )
    # what was settled by names is not counted again by a file that ends too early
    cut, notes = cut_period(
        monthly(count=18), AskedPeriod.parse("last_1Y").settled([(200001010000, 200112312359)])
    )
    assert months_of(cut) == list(range(12, 18))
    assert "of it the dataset holds 2001-01-01 to 2001-07-01" in notes[0]


def test_files_outside_are_not_wanted():
    assert files_of_period(DECADES, "1869-12/1880-01") == [1, 2, 3]
    assert files_of_period(DECADES, "full") == list(range(16))
    assert files_of_period((), "2000") == []
    with pytest.raises(DataError, match="the dataset holds 18500101 to 20091231"):
        files_of_period(DECADES, "2050/")
    with pytest.raises(UsageError):
        files_of_period(DECADES, "sometimes")


def test_an_empty_period_says_what_there_is():
    with pytest.raises(DataError, match="holds 2000-01-01 to 2002-01-01"):
        cut_period(monthly(), "1980/1990")


def test_what_is_not_covered_is_told():
    cut, (note,) = cut_period(monthly(), "1980/2000")
    assert months_of(cut) == list(range(12))
    assert (
        note
        == "a hole in time: period=1980/2000, and of it the dataset holds 2000-01-01 to 2001-01-01"
    )
    assert "2000-01-16 to 2001-12-16" in cut_period(monthly(bounds=False), "1999/2002")[1][0]


def test_steps_that_lie_in_it_in_part_are_left_out_and_told():
    edges = starts_of_months((2000, 1), 25, "noleap")[::12]
    years = xr.Dataset(
        {
            "tas": ("time", da.arange(2, chunks=1)),
            "time_bnds": (("time", "bnds"), np.stack([edges[:-1], edges[1:]], 1)),
        },
        coords={"time": ("time", edges[:-1], {"bounds": "time_bnds"})},
    )
    cut, notes = cut_period(years, "2000/2001-06")
    assert months_of(cut) == [0]
    assert notes == [
        "1 steps lie in period=2000/2001-06 in part, and are left out: their bounds reach beyond it"
    ]


@pytest.mark.parametrize("wrong", ["nothing", "reversed", "elsewhere", "numbers", "three"])
def test_bounds_that_say_nothing_leave_it_to_the_stamps(wrong):
    series = monthly(calendar="standard", numpy=True)
    cells = series["time_bnds"].values.copy()
    if wrong == "nothing":
        cells[:] = np.datetime64("NaT")
    elif wrong == "reversed":
        cells = cells[:, ::-1]
    elif wrong == "elsewhere":
        cells += np.timedelta64(3650, "D")
    elif wrong == "numbers":
        cells = cells.astype("f8")
    elif wrong == "three":
        cells = np.concatenate([cells, cells[:, :1]], 1)
    dims = ("time", "three" if wrong == "three" else "bnds")
    series = series.drop_vars("time_bnds").assign(time_bnds=(dims, cells))
    assert months_of(cut_period(series, "2000-02/2000-12")[0]) == list(range(1, 12))


def test_fixed_fields_and_climatologies_stay():
    fixed = xr.Dataset({"areacella": ("lat", [1.0])})
    assert cut_period(fixed, "1980")[0] is fixed
    months = monthly(count=12)
    months["time"].attrs = {"climatology": "time_bnds"}
    cut, (note,) = cut_period(months, "1980")
    assert cut is months
    assert note.startswith("it is a climatology")


def test_times_that_are_no_dates_are_refused():
    plain = xr.Dataset({"tas": ("time", [1.0, 2.0])}, coords={"time": [0.5, 1.5]})
    with pytest.raises(DatasetInconsistent, match="no dates"):
        cut_period(plain, "1980")
    series = monthly(count=24)
    with pytest.raises(DatasetInconsistent, match="do not increase"):
        cut_period(series.isel(time=slice(None, None, -1)), "2000")
    with pytest.raises(DatasetInconsistent, match="no dates"):
        cut_period(series.isel(time=slice(0)), "2000")


def test_a_single_step_and_far_years():
    one = monthly((9999, 12), 1, "standard", bounds=False)
    assert months_of(cut_period(one, "9999-12")[0]) == [0]
    assert months_of(cut_period(one, "9990/9999")[0]) == [0]
    assert months_of(cut_period(one, "last_1Y")[0]) == [0]
    # the days that the standard calendar never had
    old = monthly((1582, 1), 24, "standard")
    assert months_of(cut_period(old, "1582-01/1582-10-10")[0]) == list(range(9))
    assert months_of(cut_period(old, "1582-10-12/1583")[0]) == list(range(10, 24))


def from_edges(begins, ends, times):
    cells = np.stack([np.array(each, "M8[us]") for each in (begins, ends)], 1)
    return xr.Dataset(
        {"tas": ("time", da.arange(len(cells), chunks=-1)), "b": (("time", "bnds"), cells)},
        {"time": ("time", np.array(times, "M8[us]"), {"bounds": "b"})},
    )


def test_days_that_begin_in_the_evening_are_the_days_that_they_mostly_are():
    # as MPI-ESM1-2-LR's dcppA-hindcast has them
    hour = np.timedelta64(1, "h")
    begins = np.arange("1980-10-31", "1990-12-31", dtype="M8[D]").astype("M8[h]") + 21 * hour
    days = from_edges(begins, begins + 24 * hour, begins + 12 * hour)
    cut, notes = cut_period(days, "last_2Y")
    assert notes == []
    assert [str(cut["time"].values[at])[:10] for at in (0, -1)] == ["1989-01-01", "1990-12-31"]
    assert months_of(cut_period(days, "1981-02")[0]) == list(range(92, 92 + 28))


def test_months_with_the_bounds_of_a_day_are_months():
    # as IITM-ESM's tos has them
    middles = np.arange("1930-01", "1935-01", dtype="M8[M]").astype("M8[us]") + np.timedelta64(
        15, "D"
    )
    half = np.timedelta64(12, "h")
    months = from_edges(middles - half, middles + half, middles)
    for asked, expected in (
        ("last_1Y", range(48, 60)),
        ("first_9Y", range(60)),
        ("1931", range(12, 24)),
    ):
        cut, notes = cut_period(months, asked)
        assert months_of(cut) == list(expected)
        assert bool(notes) == (asked == "first_9Y")


@pytest.mark.parametrize(
    ("first", "count", "freq", "whole"),
    [
        ("2000-01", 24, "ME", (2000, 2001)),
        ("2000-02", 22, "ME", (2001, 2000)),
        ("2000-01", 24, "MS", (2000, 2001)),
        ("2000-02", 22, "MS", (2001, 2000)),
        ("2000-01", 3, "YE", (2000, 2002)),
        ("2000-01", 3, "YS", (2000, 2002)),
        ("2000-01-01", 731, "D", (2000, 2001)),
        ("2000-01-02", 728, "D", (2001, 2000)),
        ("2000-01-01", 2920, "6h", (2000, 2000)),
    ],
)
def test_years_of_stamps_alone(first, count, freq, whole):
    stamps = xr.date_range(first, periods=count, freq=freq, unit="us")
    series = xr.Dataset({"tas": ("time", da.arange(count))}, {"time": stamps})
    begin, end = whole
    if end < begin:
        with pytest.raises(DataError, match="none of them is whole"):
            cut_period(series, "last_1Y")
        return
    for asked, year in (("first_1Y", begin), ("last_1Y", end)):
        cut, notes = cut_period(series, asked)
        assert set(cut["time"].dt.year.values) == {year}
        assert ["taken to begin its month" in each for each in notes] == [True] * (freq == "MS")


def test_single_precision_bounds_cut_nothing_off():
    series = monthly(count=240)
    cells = series["time_bnds"].values + timedelta(minutes=7)
    series["time_bnds"] = (("time", "bnds"), cells)
    assert months_of(cut_period(series, "2001/2002")[0]) == list(range(12, 36))


@given(
    calendar=st.sampled_from(CALENDARS),
    numpy=st.booleans(),
    first=st.integers(1, 360),
    step=st.sampled_from([0.25, 1.0, 5.0, 30.0]),
    count=st.integers(1, 200),
    stamp=st.sampled_from([0.0, 0.5, 1.0]),
    days=st.tuples(*[st.tuples(*map(st.integers, (1999, 1, 1), (2002, 12, 31)))] * 2),
)
def test_a_step_is_in_a_period_if_all_of_it_is(*, calendar, numpy, first, step, count, stamp, days):
    numpy = numpy and calendar in ("standard", "proleptic_gregorian")
    units = "days since 2000-01-01"
    edges = cftime.num2date(first + step * np.arange(count + 1), units, calendar)
    times = edges[:-1] + stamp * (edges[1:] - edges[:-1])
    cells = np.stack([edges[:-1], edges[1:]], 1)
    begin, end = sorted(days)
    text = "/".join(f"{y:04}-{m:02}-{d:02}" for y, m, d in (begin, end))
    expected = []
    for number, (left, right) in enumerate(cells):
        # the slow way: a day that the calendar lacks lies after the last of its month
        last = right - timedelta(seconds=1)
        inside = (left.year, left.month, left.day) >= begin
        inside &= (last.year, last.month, last.day) <= end
        expected += [number] * inside
    assert last_day_of_month(2000, 2, calendar) in (28, 29, 30)
    if numpy:
        times, cells = (
            np.array([t.isoformat() for t in x.ravel()], "M8[us]").reshape(x.shape)
            for x in (times, cells)
        )
    series = xr.Dataset(
        {"tas": ("time", da.arange(count, chunks=50)), "b": (("time", "bnds"), cells)},
        coords={"time": ("time", times, {"bounds": "b"})},
    )
    if expected:
        assert months_of(cut_period(series, text)[0]) == expected
    else:
        with pytest.raises(DataError, match="nothing of it"):
            cut_period(series, text)


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_months_that_begin_or_end_at_their_stamp_are_told(calendar):
    stamps = xr.date_range("2000-01-01", periods=36, freq="MS", calendar=calendar, use_cftime=True)
    series = xr.Dataset({"tas": ("time", np.zeros(36))}, coords={"time": stamps})
    cut, notes = cut_period(series, "2001")
    assert cut.sizes["time"] == 12
    assert any("taken to begin its month" in each for each in notes)
    middle = series.assign_coords(time=stamps.shift(15, "D"))
    assert not cut_period(middle, "2001")[1]
