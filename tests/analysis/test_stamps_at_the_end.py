"""CESM stamps the mean of a month with the first moment of the next one."""

import numpy as np
import pytest
import xarray as xr

from climeri_platform.analysis import annual_mean, global_mean
from climeri_platform.core.errors import DatasetInconsistent

LAT, LON = np.arange(-80.0, 90, 20), np.arange(0.0, 360, 30)


def monthly(months, *, calendar="noleap", stamp="end", lazy=False):
    """A field whose value is 100 * year + month of what each step covers."""
    cftime = calendar not in {"standard", "proleptic_gregorian"}
    edges = xr.date_range(
        "2001-01", periods=months + 1, freq="MS", calendar=calendar, use_cftime=cftime
    )
    begin, end = edges.values[:-1], edges.values[1:]
    time = {"begin": begin, "middle": begin + (end - begin) / 2, "end": end}[stamp]
    number = np.arange(months)
    value = 100.0 * (2001 + number // 12) + number % 12 + 1
    ds = xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), value[:, None, None] * np.ones((1, 9, 12))),
            "time_bnds": (("time", "bnds"), np.stack([begin, end], axis=1)),
        },
        coords={"time": ("time", time, {"bounds": "time_bnds"}), "lat": LAT, "lon": LON},
    )
    ds.tas.attrs["cell_measures"] = "area: areacella"
    return ds.chunk(time=5) if lazy else ds


@pytest.mark.parametrize("calendar", ["noleap", "360_day", "standard"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("stamp", ["begin", "middle", "end"])
def test_space_first_and_time_first_agree(calendar, lazy, stamp):
    ds = monthly(24, calendar=calendar, stamp=stamp, lazy=lazy)
    first, last = annual_mean(global_mean(ds)), global_mean(annual_mean(ds))
    assert first.year.values.tolist() == [2001, 2002]
    np.testing.assert_allclose(first, last, rtol=1e-12)
    assert {*first.coords} == {"year"}


def test_a_year_that_begins_in_december_is_no_year():
    ds = monthly(25).isel(time=slice(11, 23))  # December 2001 to November 2002
    assert ds.time.dt.year.values.tolist() == [2002] * 12
    with pytest.raises(DatasetInconsistent, match="no complete year"):
        annual_mean(global_mean(ds))


def test_the_bounds_of_a_mean_are_kept_only_where_stamps_mislead():
    assert {"period_begin", "period_end"} <= {*global_mean(monthly(12)).coords}
    for stamp in ("begin", "middle"):
        assert "period_begin" not in global_mean(monthly(12, stamp=stamp)).coords


def test_bounds_that_say_nothing_leave_a_mean_alone():
    ds = monthly(12)
    ds["time_bnds"] = ("time", "bnds"), np.zeros((12, 2))
    assert "period_begin" not in global_mean(ds).coords
    ds["time_bnds"] = ("time", "bnds"), np.full((12, 2), np.datetime64("NaT", "ns"))
    assert "period_begin" not in global_mean(ds).coords
    ds["time_bnds"] = ("time", "four"), np.zeros((12, 4))
    assert "period_begin" not in global_mean(ds, variable="tas").coords


def test_a_global_mean_names_no_cell_measure():
    assert "cell_measures" not in global_mean(monthly(12)).attrs
