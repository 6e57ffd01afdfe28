"""Runs whose years are only counted, beside each other by the time since each began."""

from __future__ import annotations

import shutil

import cftime
import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.access.elapsed import ORIGINAL_TIME
from climeri_platform.access.trees import to_dataset
from climeri_platform.analysis import annual_mean, global_mean
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import DatasetInconsistent, UsageError


def never(*_, **__):
    raise AssertionError("something was computed while series were put beside each other")


def beside(datasets, **options):
    known = {
        label: {"model": label, "experiment": "piControl", "member": "r1i1p1f1", "variable": "tas"}
        for label in datasets
    }
    options = {"time": "elapsed", **options}
    with dask.config.set(scheduler=never):
        return to_dataset(datasets, known, "model", **options)


def test_dates_of_controls_that_happen_to_overlap_are_no_dates(field):
    datasets = {"A": field(start=1840, count=240), "B": field(start=1850, count=240)}
    dataset, notes = beside(datasets, time="calendar")
    assert dataset.sizes["time"] == 120
    assert notes[0].startswith("they count their years, and begin in other ones (A 1840, B 1850)")
    assert not any("count their years" in each for each in beside(datasets)[1])
    same, notes = beside({"A": datasets["A"], "B": datasets["A"]}, time="calendar")
    assert same.sizes["time"] == 240
    assert notes == []


def months(dataset):
    return (12 * dataset["time"].dt.year + dataset["time"].dt.month).values.tolist()


def test_controls_that_count_years_otherwise_stand_beside_each_other(field):
    datasets = {
        "A": field(1000.0, start=1, count=36, with_bounds=True),
        "B": field(2000.0, start=1850, count=24, with_bounds=True),
        "C": field(3000.0, start=1960, count=30, with_bounds=True),
    }
    with pytest.raises(DatasetInconsistent, match="no time in common") as told:
        beside(datasets, time="calendar")
    assert "to_dataset(time='elapsed')" in told.value.hint
    dataset, notes = beside(datasets)
    assert months(dataset) == list(range(13, 37))
    assert dataset["tas"].chunks is not None
    for label, each in datasets.items():
        one = dataset.sel(model=label)
        np.testing.assert_array_equal(one["tas"], each["tas"][:24])
        assert (one[ORIGINAL_TIME].values == each["time"].values[:24]).all()
    # the bounds are those of the moved months, and nothing of 1850 is left
    years = [each.year for each in dataset["time_bnds"].values.ravel()]
    assert (min(years), max(years)) == (1, 3)
    begins = dataset["time_bnds"].values[:, 0]
    assert [each.month for each in begins] == dataset["time"].dt.month.values.tolist()
    assert notes == [
        (
            "matched by the time since each begins (A 0001-01; B 1850-01; C 1960-01): all begin in year "
            "1, and original_time holds the dates that they had"
        ),
        "lengths differ, cut to 24 steps: A 36, C 30",
    ]
    assert dataset.attrs["climeri_time"] == "; ".join(notes)
    assert dataset["time"].attrs["climeri_years"] == "elapsed"


@pytest.mark.parametrize("first", ["noleap", "360_day", "datetime64"])
@pytest.mark.parametrize("second", ["noleap", "360_day", "datetime64", "standard"])
def test_months_of_any_calendars_are_counted_and_written(field, tmp_path, first, second):
    day = 28 if "datetime64" in (first, second) else 30
    datasets = {
        "A": field(0.0, start=1850, count=24, calendar=first, day=16),
        "B": field(50.0, start=2001, count=36, calendar=second, day=min(day, 28)),
    }
    dataset, notes = beside(datasets, pad=True)
    assert months(dataset) == list(range(13, 49))
    assert dataset["tas"].sel(model="A")[24:].isnull().all()
    assert dataset[ORIGINAL_TIME].dims == ("model", "time")
    alike = {first, second} <= {"datetime64", "standard"} or first == second
    assert ("calendars differ" in notes[0]) is not alike
    dataset.to_netcdf(tmp_path / "all.nc")
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    with xr.open_dataset(tmp_path / "all.nc", decode_times=coder) as again:
        when = again[ORIGINAL_TIME].dt
        spoken = (12 * (when.year - xr.DataArray([1850, 2001], dims="model")) + when.month).values
        np.testing.assert_array_equal(spoken, np.broadcast_to(np.arange(1, 37), (2, 36)))
        assert months(again) == months(dataset)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 9000), st.integers(13, 60), st.sampled_from(["noleap", "360_day"])
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 12),
    st.booleans(),
)
def test_each_value_stands_at_its_step(field, runs, month, pad):
    datasets = {}
    for number, (start, count, calendar) in enumerate(runs):
        whole = field(1000.0 * number, start, count + 11, calendar=calendar, with_bounds=True)
        datasets[f"M{number}"] = whole.isel(time=slice(month - 1, month - 1 + count))
    dataset, _ = beside(datasets, pad=pad)
    sizes = [count for _, count, _ in runs]
    length = max(sizes) if pad else min(sizes)
    assert months(dataset) == list(range(12 + month, 12 + month + length))
    for number, (start, count, _) in enumerate(runs):
        one, held = dataset.sel(model=f"M{number}"), min(count, length)
        np.testing.assert_array_equal(one["tas"][:held], datasets[f"M{number}"]["tas"][:held])
        assert one["tas"][held:].isnull().all()
        when = one[ORIGINAL_TIME].dt
        counted = 12 * (when.year - start) + when.month - month
        assert counted.values.tolist() == list(range(length))


def test_bounds_tell_where_a_stamp_at_the_end_belongs(field):
    late = field(5.0, start=1, with_bounds=True)
    ends = late["time_bnds"][:, 1].compute().values
    late = late.assign_coords(time=("time", ends, late["time"].attrs))
    datasets = {"A": field(0.0, start=1850, with_bounds=True), "B": late}
    dataset, _ = beside(datasets)
    np.testing.assert_array_equal(dataset["tas"].sel(model="B"), late["tas"])
    # without them, January on 1 February is a February
    blind = late.drop_vars("time_bnds")
    del blind["time"].attrs["bounds"]
    with pytest.raises(DatasetInconsistent, match=r"places of the year: A 1850-01, B 0001-02"):
        beside({**datasets, "B": blind})


def series(start, count, hours, calendar, name="tas", first=(1, 1)):
    """Steps of some hours."""
    begin = cftime.datetime(start, *first, calendar=calendar)
    times = xr.date_range(
        begin, periods=count, freq=f"{hours}h", calendar=calendar, use_cftime=True
    )
    data = da.from_array(np.arange(count, dtype="f4"), chunks=100)
    return xr.Dataset({name: ("time", data, {"units": "K"})}, {"time": times})


@pytest.mark.parametrize("hours", [24, 6, 120])
@pytest.mark.parametrize("calendar", ["noleap", "360_day", "all_leap"])
def test_days_and_hours_of_one_calendar_with_equal_years(hours, calendar):
    datasets = {
        label: series(year, 300, hours, calendar) for label, year in (("A", 3), ("B", 1958))
    }
    dataset, _ = beside(datasets)
    assert dataset["time"].values[0].year == 1
    assert dataset["time"].values[0].calendar == calendar
    np.testing.assert_array_equal(dataset["tas"][0], dataset["tas"][1])
    years = [each.year for each in dataset[ORIGINAL_TIME].values[:, 0]]
    assert years == [3, 1958]


@pytest.mark.parametrize(
    ("other", "said", "advice"),
    [
        (series(1850, 400, 24, "360_day"), "calendars differ: noleap: A; 360_day: B", "noleap"),
        (series(1850, 400, 24, "noleap", first=(2, 1)), "A 0001-01-01, B 1850-02-01", "first_100Y"),
        (series(1850, 400, 6, "noleap"), "steps of time differ", "frequency"),
        (series(1850, 40, 730, "noleap"), "steps of time differ", "frequency"),
    ],
)
def test_days_that_mean_other_days_are_refused(other, said, advice):
    with pytest.raises(DatasetInconsistent, match=said) as told:
        beside({"A": series(1, 400, 24, "noleap"), "B": other})
    assert advice in told.value.hint


def test_hours_of_other_lengths_are_no_frequency():
    with pytest.raises(DatasetInconsistent, match=r"steps of time differ \(hours\): A 6, B 3"):
        beside({"A": series(1, 400, 6, "noleap"), "B": series(1850, 400, 3, "noleap")})


def test_years_of_unequal_length_have_no_day_in_common():
    with pytest.raises(DatasetInconsistent, match="of different length") as told:
        beside({"A": series(1, 900, 24, "standard"), "B": series(2, 900, 24, "standard")})
    assert "open(calendar='noleap')" in told.value.hint


@pytest.mark.parametrize("missing", [slice(5, 6), slice(11, 17)])
def test_a_hole_is_refused_by_name(field, missing):
    whole = field(start=1850, count=36)
    steps = np.delete(np.arange(36), missing)
    with pytest.raises(DatasetInconsistent, match=r"B is not one step after the other: 1850-\d\d"):
        beside({"A": field(start=1), "B": whole.isel(time=steps)})
    days = series(1850, 400, 24, "noleap").isel(time=np.delete(np.arange(400), missing))
    with pytest.raises(DatasetInconsistent, match="B is not one step after the other"):
        beside({"A": series(1, 400, 24, "noleap"), "B": days})


def test_another_first_month_is_refused_with_the_way_on(field):
    late = field(start=1850, count=36).isel(time=slice(6, None))
    with pytest.raises(DatasetInconsistent, match="A 0001-01, B 1850-07") as told:
        beside({"A": field(start=1), "B": late})
    assert "open(period='first_100Y')" in told.value.hint


def test_stamps_that_are_uneven_where_bounds_are_not(field):
    odd = field(start=1850, with_bounds=True)
    times = odd["time"].values.copy()
    times[3] = times[3].replace(month=5, day=1)  # April's stamp slipped into May
    odd = odd.assign_coords(time=("time", times, odd["time"].attrs))
    dataset, _ = beside({"A": field(start=1, with_bounds=True), "B": odd})
    np.testing.assert_array_equal(dataset["tas"].sel(model="B"), odd["tas"])


def yearly(start, count, *, month=1):
    begins = [cftime.datetime(start + n, month, 1, calendar="noleap") for n in range(count + 1)]
    bounds = np.stack([begins[:-1], begins[1:]], 1)
    times = bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) / 2
    dataset = xr.Dataset({"tas": ("time", da.arange(count, chunks=5), {"units": "K"})})
    dataset = dataset.assign_coords(time=("time", times, {"bounds": "time_bnds"}))
    dataset["time_bnds"] = ("time", "bnds"), bounds
    return dataset


def test_years_count_too_and_years_from_july_are_others():
    dataset, _ = beside({"A": yearly(1, 30), "B": yearly(1850, 40)})
    assert dataset["time"].dt.year.values.tolist() == list(range(1, 31))
    with pytest.raises(DatasetInconsistent, match="places of the year"):
        beside({"A": yearly(1, 30), "B": yearly(1850, 40, month=7)})


def test_one_step_beside_a_series_says_by_its_bounds_how_long_it_is():
    month = yearly(1850, 1)
    begin = month["time_bnds"].values[0, 0]
    month["time_bnds"] = ("time", "bnds"), np.array([[begin, begin.replace(month=2)]])
    with pytest.raises(DatasetInconsistent, match="B has one step, of 31 days"):
        beside({"A": yearly(1, 30), "B": month})
    dataset, notes = beside({"A": yearly(1, 30), "B": yearly(1850, 1)})
    assert dataset.sizes["time"] == 1
    assert not [each for each in notes if "without bounds" in each]


@pytest.mark.parametrize("six_hours", [False, True])
def test_one_step_without_bounds_is_believed_and_told(field, six_hours):
    datasets = {"A": field(start=1), "B": field(start=1850).isel(time=slice(1))}
    if six_hours:
        stamps = [cftime.DatetimeNoLeap(1, 1, 1, hour) for hour in (0, 6, 12, 18)]
        series = datasets["A"].isel(time=slice(4)).assign_coords(time=stamps)
        late = series.isel(time=slice(1)).assign_coords(time=[cftime.DatetimeNoLeap(1850, 1, 1)])
        datasets = {"A": series, "B": late}
    dataset, notes = beside(datasets)
    assert dataset.sizes["time"] == 1
    told = "one step without bounds is taken for as long as those of others: B"
    assert told in notes
    alone = {label: each.isel(time=slice(1)) for label, each in datasets.items()}
    assert told not in beside(alone)[1]  # nothing is longer


def test_dates_that_are_none_and_words_that_are_none(field):
    numbers = field().assign_coords(time=np.arange(24.0))
    with pytest.raises(DatasetInconsistent, match="nothing says which dates"):
        beside({"A": numbers, "B": numbers})
    with pytest.raises(UsageError, match="'position'"):
        beside({"A": field()}, time="position")


def test_fields_without_time_are_only_stacked(field):
    fixed = {label: field().isel(time=0, drop=True) for label in "AB"}
    dataset, notes = beside(fixed)
    assert dataset.sizes == {"model": 2, "lat": 2, "bnds": 2}
    assert notes == []


def test_other_words_for_time_do_not_keep_the_old_years(field):
    first, second = field(start=1), field(start=1850)
    for each in (first, second):
        each.coords["time_centered"] = "time", each["time"].values
    dataset, _ = beside({"A": first, "B": second})
    assert "time_centered" not in dataset.variables


def test_a_control_beside_the_run_that_leaves_it(demo_store):
    """Of the demonstration archive: piControl counts from year 1, abrupt-4xCO2 from 1850."""
    found = open_catalog("CMIP6", store=demo_store).search(
        model="BORA-ESM1",
        variable=["tas", "rlut"],
        table="Amon",
        experiment=["piControl", "abrupt-4xCO2"],
    )
    opened = found.open()
    with pytest.raises(DatasetInconsistent, match="no time in common"):
        opened.to_dataset("experiment")
    with dask.config.set(scheduler=never):
        dataset = opened.to_dataset("experiment", time="elapsed")
    assert dataset.sizes["time"] == 1800
    apart = {key.split(".")[3]: each for key, each in opened.items() if ".tas." in key}
    for name, each in apart.items():
        there = dataset["tas"].sel(experiment=name)[:1800:300, 0, 0]
        np.testing.assert_array_equal(there, each["tas"][:1800:300, 0, 0])
    (told, lengths) = opened.report.having("noted")
    assert "abrupt-4xCO2 1850-01; piControl 0001-01" in told.cause
    assert "piControl 2040" in lengths.cause
    warmer = dataset["tas"].sel(experiment="abrupt-4xCO2") - dataset["tas"].sel(
        experiment="piControl"
    )
    assert float(warmer[-120:].mean()) > 2


def test_annual_means_count_from_year_1_and_are_those_of_each_run(demo_store):
    found = open_catalog("CMIP6", store=demo_store).search(
        model="BORA-ESM1", variable="tas", experiment=["piControl", "1pctCO2"]
    )
    opened = found.open(period="first_10Y")
    means = annual_mean(global_mean(opened.to_dataset("experiment", time="elapsed")))
    assert means["year"].values.tolist() == list(range(1, 11))
    for key, each in opened.items():
        own = annual_mean(global_mean(each))
        there = means.sel(experiment=key.split(".")[3])
        np.testing.assert_allclose(there.values, own.values, rtol=1e-6)


def test_real_runs_of_one_model_from_their_first_years(real_data, tmp_path):
    """Downward longwave of INM-CM5-0: 1850 and 2015 are the first years of two runs."""
    root = real_data / "mini-esgf/test_data/badc/cmip6/data/CMIP6"
    archive = tmp_path / "CMIP6"
    for run in ("CMIP/INM/INM-CM5-0/historical", "ScenarioMIP/INM/INM-CM5-0/ssp245"):
        shutil.copytree(root / run, archive / run, copy_function=shutil.copyfile)
    build_catalog("CMIP6", archive, store=tmp_path / "store")
    opened = open_catalog("CMIP6", store=tmp_path / "store").open()
    with dask.config.set(scheduler=never):
        dataset = opened.to_dataset("experiment", time="elapsed", pad=True)
    assert dataset.sizes["time"] == 1980
    first = dataset[ORIGINAL_TIME].isel(time=0).dt.year.values.tolist()
    assert dict(zip(dataset["experiment"].values.tolist(), first, strict=True)) == {
        "historical": 1850,
        "ssp245": 2015,
    }
    for key, each in opened.items():
        there = dataset["rlds"].sel(experiment=key.split(".")[3])[: each.sizes["time"] : 240]
        np.testing.assert_array_equal(there, each["rlds"][::240])
