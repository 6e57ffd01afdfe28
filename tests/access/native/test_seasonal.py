"""Mean annual cycles: the time of a climatology, by the name and not by the file."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access import open_file
from climeri_platform.access.native import dated, to_cmip
from climeri_platform.access.native.seasonal import climatological, is_seasonal

SE = {"family": "libIGCM", "component": "ATM", "frequency": "monClim", "product_frequency": "SE"}
YEARS = {"start": "195001010000", "end": "199912312359"}
FIELD = {"t2m": {"units": "K", "cell_methods": "time: mean (interval: 900 s)"}}


def of_time(steps):
    return [each for each in steps if each.fix == "climatological time"][-1].said


@pytest.mark.parametrize(
    "times", [np.zeros(12), 86400.0 * np.arange(12), np.full(12, np.nan), np.arange(12.0)[::-1]]
)
def test_twelve_months_of_a_bad_axis_are_the_middles_of_months(native, times, tmp_path):
    dataset = native(FIELD, axes={"time_counter": (times, {})}, steps=12)
    made, steps = to_cmip(dataset, SE | YEARS)
    time = made["time"]
    assert time.dt.year.values.tolist() == [1974] * 12
    assert time.dt.month.values.tolist() == list(range(1, 13))
    assert str(time.values[0]) == "1974-01-16T12:00:00.000000"
    assert time.attrs["climatology"] == "climatology_bnds"
    assert "bounds" not in time.attrs
    bounds = made["climatology_bnds"].values.astype("M8[D]").astype(str)
    assert bounds[0].tolist() == ["1950-01-01", "1999-02-01"]
    assert bounds[11].tolist() == ["1950-12-01", "2000-01-01"]
    assert made["tas"].attrs["cell_methods"] == "time: mean within years time: mean over years"
    assert "means over 1950 to 1999" in of_time(steps)
    made.to_netcdf(tmp_path / "again.nc", engine="h5netcdf")
    again = open_file(tmp_path / "again.nc")
    np.testing.assert_array_equal(again["time"], time)
    np.testing.assert_array_equal(again["climatology_bnds"], made["climatology_bnds"])


def test_bounds_of_time_and_of_levels_have_one_dimension(native):
    made, _ = to_cmip(native(FIELD, steps=12, levels="presnivs"), SE | YEARS)
    assert made["climatology_bnds"].dims == ("time", "bnds")
    assert made["lev_bnds"].dims == ("lev", "bnds")


@pytest.mark.usefixtures("lazily")
def test_time_can_be_put_right_before_it_is_checked(native):
    dataset = native(FIELD, axes={"time_counter": (np.zeros(12), {})}, steps=12)
    made, (_, said) = dated(dataset, SE | YEARS)
    assert said.fix == "climatological time"
    assert made["t2m"].dims == ("time", "y", "x")
    again, none = dated(made, SE | YEARS)
    assert again is made
    assert none == []
    whole, steps = to_cmip(made, SE | YEARS)
    assert whole["time"].identical(made["time"])
    assert {each.fix for each in steps} == {"native names", "native coordinates"}
    assert dated(dataset, {"family": "CMIP6"}) == (dataset, [])


def test_steps_without_dates_are_months_too(native):
    axes = {"time_counter": (np.arange(12.0), {"units": ""})}
    made, steps = to_cmip(native(FIELD, axes=axes, steps=12), SE | YEARS)
    assert made["tas"].dims == ("time", "y", "x")
    assert made["time"].dt.month.values.tolist() == list(range(1, 13))
    assert "in the file it has no dates" in of_time(steps)
    assert (
        "climatology_bnds"
        in to_cmip(native(FIELD, axes=axes, steps=12), SE | YEARS | {"calendar": "noleap"})[0]
    )


def test_the_years_are_in_the_name_that_xios_wrote_if_nothing_else_says_them(native):
    name = {"name": "IGCM_OUT/a/PROD/b/run/ATM/Analyse/SE/run_SE_4750_4849_1M_histmth"}
    made, _ = to_cmip(native(FIELD, steps=12, attributes=name), SE)
    assert made["time"].dt.year.values.tolist() == [4799] * 12
    assert made.attrs["climatology"] == "4750-4849"


@pytest.mark.parametrize(
    ("steps", "about", "why"),
    [(4, YEARS, "4 steps and not 12"), (12, {}, "no name says its years")],
)
def test_what_is_no_year_of_months_is_left_and_said(native, steps, about, why):
    made, said = to_cmip(native(FIELD, steps=steps), SE | about)
    assert "climatology_bnds" not in made.variables
    assert why in of_time(said)


def test_only_seasons_are_climatologies():
    assert is_seasonal({"product_frequency": "SE_50Y"})
    assert not is_seasonal({"product_frequency": "TS_MO", "frequency": "mon"})
    assert not is_seasonal({})


@given(
    st.sampled_from(["noleap", "360_day", "julian", "standard"]),
    st.integers(1, 9990),
    st.integers(0, 120),
)
def test_any_calendar_and_any_years(calendar, first, length):
    times = [cftime.datetime(1, month, 16, calendar=calendar) for month in range(1, 13)]
    dataset = xr.Dataset(coords={"time": np.array(times, dtype=object)})
    about = {"start": f"{first:04}01010000", "end": f"{first + length:04}12312359"}
    made, _ = climatological(dataset, about)
    centres, bounds = made["time"].values, made["climatology_bnds"].values
    assert [each.month for each in centres] == list(range(1, 13))
    assert {each.year for each in centres} == {first + length // 2}
    assert {each.calendar for each in centres} == {calendar}
    assert (bounds[:, 0] < centres).all()
    assert (centres < bounds[:, 1]).all()
    assert (bounds[0, 0].year, bounds[11, 1].year) == (first, first + length + 1)
    for month, (begin, end) in enumerate(bounds, 1):
        assert begin.month == month
        assert (end.month - 2) % 12 + 1 == month
