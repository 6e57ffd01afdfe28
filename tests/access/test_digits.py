"""Absolute time axes, as CDO writes them."""

from __future__ import annotations

import subprocess

import cftime
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.access.times import decode_times
from climeri_platform.core.errors import DataError

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "360_day", "julian"]


@given(
    st.sampled_from(CALENDARS),
    st.lists(
        st.tuples(
            st.integers(1, 9999), st.integers(1, 12), st.integers(1, 28), st.integers(0, 86399)
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_digits_are_the_date_that_they_name(calendar, dates):
    digits = np.array([y * 10000.0 + m * 100 + d + s / 86400 for y, m, d, s in dates])
    attrs = {"units": "day as %Y%m%d.%f", "calendar": calendar}
    found, said = decode_times(digits, attrs, use_cftime=True)
    assert said == ""
    for each, (year, month, day, second) in zip(found, dates, strict=True):
        begin = cftime.datetime(year, month, day, calendar=calendar)
        assert (each - begin).total_seconds() == second


@pytest.mark.parametrize("step", ["1day", "6hour", "1hour"])
def test_what_cdo_writes_is_what_cdo_reads(tmp_path, step):
    path = tmp_path / "tas.nc"
    axis = f"-settaxis,2000-02-27,21:00:00,{step}"
    field = ["-duplicate,30", "-setunit,K", "-setname,tas", "-const,280,r4x2"]
    subprocess.run(["cdo", "-s", "-a", "-f", "nc4", axis, *field, path], check=True)
    with netCDF4.Dataset(path) as file:
        assert file["time"].units == "day as %Y%m%d.%f"
    done = subprocess.run(
        ["cdo", "-s", "showtimestamp", path], check=True, capture_output=True, text=True
    )
    opened = open_datasets([DatasetFiles("k", (str(path),))])
    dataset = opened["k"]
    found = [str(each)[:19] for each in dataset["time"].values.astype("M8[s]")]
    assert found == done.stdout.split()
    assert not opened.report.having("noted")
    again = tmp_path / "again.nc"
    dataset.to_netcdf(again, engine="h5netcdf")
    with xr.open_dataset(again, engine="h5netcdf") as written:
        np.testing.assert_array_equal(written["time"], dataset["time"])


def test_files_that_count_otherwise_are_one_series(tmp_path):
    """CDO wrote the first with -a, the second with -r; a hole between years would be told."""
    paths = []
    for year, how in ((2000, "-a"), (2001, "-r")):
        paths.append(str(tmp_path / f"{year}.nc"))
        axis = f"-settaxis,{year}-01-01,12:00:00,1day"
        field = ["-duplicate,366", "-setunit,K", "-setname,tas", "-const,280,r4x2"]
        select = f"-selyear,{year}"
        subprocess.run(["cdo", "-s", how, "-f", "nc4", select, axis, *field, paths[-1]], check=True)
    opened = open_datasets([DatasetFiles("k", tuple(paths))])
    assert opened["k"].sizes["time"] == 366 + 365
    assert opened["k"].sel(time="2000-12-31").sizes["time"] == 1
    assert not opened.report.having("noted")


@pytest.mark.parametrize(
    ("units", "digits", "expected", "said"),
    [
        ("month as %Y%m.%f", 200102.5, "2001-02-15T00", True),
        ("month as %Y%m.%f", 200112, "2001-12-01T00", False),
        ("year as %Y.%f", 2001.5, "2001-07-02T12", True),
        ("Day as %Y%m%d", 20010131, "2001-01-31T00", False),
    ],
)
def test_months_and_years(units, digits, expected, said):
    found, told = decode_times(np.array([digits]), {"units": units, "calendar": "standard"})
    assert str(found[0]).startswith(expected)
    assert bool(told) == said


@pytest.mark.parametrize(
    ("units", "digits"),
    [
        ("day as %Y%m%d.%f", 20010230.0),
        ("day as %Y%m%d.%f", 20011300.5),
        ("month as %Y%m.%f", 200100.5),
    ],
)
def test_a_day_that_is_not_is_told(tmp_path, units, digits):
    path = tmp_path / "tas.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": units, "calendar": "standard"})
        time[:] = [digits]
        file.createVariable("tas", "f4", ("time",))[:] = [280.0]
    with pytest.raises(DataError, match=r"names no (day|month) of the calendar standard"):
        open_datasets([DatasetFiles("k", (str(path),))])


def test_digits_that_are_too_narrow_for_days_are_told(tmp_path):
    path = tmp_path / "tas.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        time = file.createVariable("time", "f4", ("time",))
        time.setncatts({"units": "day as %Y%m%d.%f", "calendar": "standard"})
        time[:] = [20010115.5, 20010215.0]  # in 32 bits the 16th, of either month
        file.createVariable("tas", "f4", ("time",))[:] = [280.0, 281.0]
    with pytest.raises(DataError, match="float32 holds no digits as long as"):
        open_datasets([DatasetFiles("k", (str(path),))])
