"""Annual means in every calendar, and anomalies."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.analysis import annual_mean, anomaly
from climeri_platform.core.errors import DatasetInconsistent, UsageError

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "360_day", "all_leap", "julian"]


def months(years=2, *, calendar="standard", start="1999-01", values=None, datetime=False, count=0):
    count = count or 12 * years
    edges = xr.date_range(
        start, periods=count + 1, freq="MS", calendar=calendar, use_cftime=not datetime
    )
    values = np.arange(float(count)) if values is None else values
    middle = edges[:-1] + (edges[1:] - edges[:-1]) / 2
    bounds = np.stack([np.asarray(edges[:-1]), np.asarray(edges[1:])], axis=1)
    return xr.Dataset(
        {"tas": ("time", values, {"units": "K"}), "time_bnds": (("time", "bnds"), bounds)},
        coords={"time": ("time", middle, {"bounds": "time_bnds"})},
    )


@pytest.mark.parametrize(
    ("calendar", "february"),
    [("noleap", 28 / 365), ("360_day", 30 / 360), ("standard", 29 / 366), ("all_leap", 29 / 366)],
)
def test_a_month_weighs_what_it_lasts_in_its_own_calendar(calendar, february):
    ds = months(1, calendar=calendar, start="2000-01", values=np.eye(12)[1])
    for data in (ds, ds.tas.to_dataset()):
        mean = annual_mean(data).tas
        assert mean.year.values.tolist() == [2000]
        assert float(mean[0]) == pytest.approx(february, rel=1e-14)
        assert calendar in mean.attrs["climeri_month_weights"]


@given(st.sampled_from(CALENDARS), st.floats(-1e5, 1e5), st.integers(1, 3000))
@settings(deadline=None)
def test_the_mean_of_a_constant_is_the_constant(calendar, constant, year):
    ds = months(3, calendar=calendar, start=f"{year:04d}-01", values=np.full(36, constant))
    mean = annual_mean(ds).tas
    np.testing.assert_allclose(mean, [constant] * 3, rtol=1e-13, atol=1e-300)
    assert mean.year.values.tolist() == [year, year + 1, year + 2]


@given(st.permutations(range(24)), st.integers(0, 2**31))
@settings(deadline=None)
def test_the_order_of_the_months_does_not_matter(order, seed):
    ds = months(2, calendar="noleap", values=np.random.default_rng(seed).normal(size=24))
    np.testing.assert_allclose(
        annual_mean(ds.isel(time=order)).tas, annual_mean(ds).tas, rtol=1e-13
    )


def test_datetime64_and_cftime_agree():
    one, other = months(2, datetime=True), months(2, calendar="proleptic_gregorian")
    assert one.time.dtype.kind == "M"
    np.testing.assert_array_equal(annual_mean(one).tas, annual_mean(other).tas)
    np.testing.assert_array_equal(annual_mean(one.tas), annual_mean(other.tas))


def test_the_bounds_say_which_month_it_is():
    ds = months(2, calendar="noleap")
    end = ds.assign_coords(time=("time", ds.time_bnds.values[:, 1], {"bounds": "time_bnds"}))
    np.testing.assert_allclose(annual_mean(end).tas, annual_mean(ds).tas)
    assert "time_bnds" in annual_mean(end).tas.attrs["climeri_month_weights"]
    with_stamps = annual_mean(end.drop_vars("time_bnds")).tas
    assert with_stamps.attrs["climeri_dropped_years"].startswith("1999 (11 of 12 months), 2001 (1")


def test_incomplete_years_are_dropped_and_named():
    mean = annual_mean(months(count=17, calendar="360_day"))
    assert mean.year.values.tolist() == [1999]
    assert mean.attrs["climeri_dropped_years"] == "2000 (5 of 12 months)"
    gap = months(3).drop_isel(time=14)
    assert annual_mean(gap).year.values.tolist() == [1999, 2001]
    assert "climeri_dropped_years" not in annual_mean(months(2)).attrs


def test_no_complete_year_is_refused():
    with pytest.raises(DatasetInconsistent, match=r"no complete year: 1999 \(11 of 12 months\)"):
        annual_mean(months(count=11))
    with pytest.raises(DatasetInconsistent, match="no complete year: its time axis is empty"):
        annual_mean(months(1).isel(time=slice(0)))
    yearly = months(12).isel(time=slice(None, None, 12))
    with pytest.raises(DatasetInconsistent, match="and 8 more"):
        annual_mean(yearly)


def test_a_month_that_occurs_twice_is_refused():
    ds = months(2)
    twice = xr.concat([ds, ds.isel(time=[3])], "time", data_vars="minimal", join="outer")
    with pytest.raises(DatasetInconsistent, match="2 values for 1999-04"):
        annual_mean(twice)


def test_daily_data_are_refused():
    time = xr.date_range("2000-01-01", periods=366, calendar="standard", use_cftime=True)
    daily = xr.DataArray(np.zeros(366), coords={"time": time}, dims="time", name="tas")
    with pytest.raises(DatasetInconsistent, match="31 values for 2000-01"):
        annual_mean(daily)


def test_bounds_that_are_no_months_are_refused():
    ds = months(1)
    ds["time_bnds"] = ds.time_bnds.copy(data=ds.time_bnds.values[:, [0, 0]])
    with pytest.raises(DatasetInconsistent, match="cover 0 days, not the 31 days"):
        annual_mean(ds)
    ds["time_bnds"] = (("time", "bnds"), np.zeros((12, 2)))
    with pytest.raises(DatasetInconsistent, match="holds numbers"):
        annual_mean(ds)
    ds["time_bnds"] = (("time", "corner"), np.zeros((12, 4)))
    with pytest.raises(DatasetInconsistent, match="has sizes"):
        annual_mean(ds)


def test_a_missing_month_makes_a_missing_year_at_that_cell():
    values = np.ones((24, 3))
    values[5, 1] = np.nan
    values[:, 2] = np.nan
    ds = months(2).drop_vars("tas").assign(tas=(("time", "cell"), values))
    mean = annual_mean(ds).tas
    np.testing.assert_allclose(mean, [[1, np.nan, np.nan], [1, 1, np.nan]])


def test_dimensions_attributes_and_other_variables_stay():
    ds = months(2).expand_dims(lat=[1.0, 2.0]).assign(orog=("lat", [1.0, 2.0]))
    ds["time_bnds"] = ds.time_bnds.isel(lat=0, drop=True)
    mean = annual_mean(ds.assign_coords(height=2.0))
    assert mean.tas.dims == ("lat", "year")
    assert mean.tas.attrs["units"] == "K"
    assert mean.tas.attrs["cell_methods"] == "time: mean (annual)"
    assert mean.orog.identical(ds.orog.assign_coords(height=2.0))
    assert set(mean.variables) == {"tas", "orog", "lat", "height", "year"}
    assert mean.year.attrs["calendar"] == "standard"
    single = annual_mean(ds.tas.astype("f4"))
    assert (single.name, single.dtype) == ("tas", np.float64)


@pytest.mark.parametrize("chunk", [1, 5, 12, 30, 48])
def test_lazy_data_stay_lazy_with_any_chunks(chunk):
    ds = months(4).chunk(time=chunk)
    mean = annual_mean(ds)
    assert isinstance(mean.tas.data, da.Array)
    np.testing.assert_allclose(mean.tas, annual_mean(months(4)).tas, rtol=1e-14)


def test_a_time_axis_is_needed():
    with pytest.raises(UsageError, match="no time axis"):
        annual_mean(xr.DataArray([1.0, 2.0], coords={"time": [0, 1]}, dims="time"))


def annual(first=1850, last=1910):
    years = np.arange(first, last + 1)
    return xr.DataArray(
        years - 1850.0, coords={"year": years}, dims="year", name="tas", attrs={"units": "K"}
    )


def test_an_anomaly_has_no_mean_over_its_baseline():
    changed = anomaly(annual())
    assert float(changed.sel(year=slice(1850, 1900)).mean()) == pytest.approx(0, abs=1e-12)
    assert float(changed.sel(year=1910)) == 35
    assert changed.attrs == {"units": "K", "climeri_baseline": "1850-1900"}
    both = anomaly(xr.Dataset({"tas": annual(), "orog": 3.0}), baseline=(1900, "1910"))
    assert float(both.tas[0]) == -55
    assert float(both.orog) == 3
    assert both.attrs["climeri_baseline"] == "1900-1910"


def test_half_a_baseline_is_refused():
    with pytest.raises(DatasetInconsistent, match="1860-1910 and lacks 10 years from 1850"):
        anomaly(annual(first=1860))
    with pytest.raises(DatasetInconsistent, match="lacks 1870 of the baseline"):
        anomaly(annual().drop_sel(year=1870))


@pytest.mark.parametrize("baseline", [("1900", "1850"), ("x", "y"), ("1850",)])
def test_a_baseline_is_a_span_of_years(baseline):
    with pytest.raises(UsageError, match="no span of years"):
        anomaly(annual(), baseline=baseline)


def test_an_anomaly_needs_years():
    with pytest.raises(UsageError, match="annual_mean"):
        anomaly(months(1))
