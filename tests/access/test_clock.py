"""Which dimension is time: one answer for the file and for what is opened of it."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.clock import calendar_of_times, time_dimension
from climeri_platform.access.cutting import cut_period
from climeri_platform.access.files import open_file, read_file

SINCE = {"units": "days since 2000-01-01", "calendar": "noleap"}


def written(tmp_path, dim, attributes, *, coordinate=True):
    held = {dim: (dim, np.arange(366.0), attributes)} if coordinate else {}
    other = {"lead": ("lead", [1.0, 2.0], {"units": "days"})}
    dataset = xr.Dataset({"tas": ((dim, "lead"), np.zeros((366, 2)))}, held | other)
    dataset.to_netcdf(tmp_path / "file.nc")
    return tmp_path / "file.nc"


@pytest.mark.parametrize(
    ("dim", "attributes", "time"),
    [
        ("time", {}, "time"),
        ("time_counter", {}, "time_counter"),
        ("t", {"standard_name": "time", **SINCE}, "t"),
        ("t", {"axis": "T", **SINCE}, "t"),
        ("t", SINCE, "t"),
        ("t", {"axis": "T"}, "t"),
        ("t", {"units": "days"}, ""),
        ("t", {}, ""),
    ],
)
def test_time_is_the_same_in_the_file_and_opened(tmp_path, dim, attributes, time):
    path = written(tmp_path, dim, attributes)
    opened = open_file(path)
    assert time_dimension(read_file(path).header) == time_dimension(opened) == time
    dated = "units" in attributes and bool(time)
    assert calendar_of_times(opened[dim].values) == ("noleap" if dated else "not known")


@pytest.mark.parametrize("attributes", [{"axis": "T"}, {}])
def test_an_axis_without_a_standard_name_is_cut_as_it_was_joined(tmp_path, attributes):
    opened = open_file(written(tmp_path, "t", attributes | SINCE))
    assert cut_period(opened, "2000-02")[0].sizes["t"] == 28


def test_a_dimension_without_values_is_known_by_its_name(tmp_path):
    path = written(tmp_path, "time_counter", {}, coordinate=False)
    assert time_dimension(read_file(path).header) == "time_counter"
    assert time_dimension(open_file(path)) == "time_counter"


@pytest.mark.parametrize(
    ("times", "calendar"),
    [
        (np.array(["2000-01-01"], "M8[ns]"), "gregorian"),
        (np.array([], "M8[ns]"), "gregorian"),
        (np.array([cftime.DatetimeNoLeap(2000, 1, 1)]), "noleap"),
        (np.array([[cftime.Datetime360Day(2000, 1, 30)]]), "360_day"),
        (np.array([], object), "not known"),
        (np.array(["a"], object), "not known"),
        (np.arange(3.0), "not known"),
    ],
)
def test_calendars(times, calendar):
    assert calendar_of_times(times) == calendar


def test_dates_as_digits_are_time_in_the_file_and_opened(tmp_path):
    days = ("t", [20000115.0, 20000214.0], {"units": "day as %Y%m%d.%f"})
    xr.Dataset({"tas": ("t", [1.0, 2.0])}, {"t": days}).to_netcdf(tmp_path / "file.nc")
    opened = open_file(tmp_path / "file.nc")
    assert time_dimension(read_file(tmp_path / "file.nc").header) == time_dimension(opened) == "t"
    assert cut_period(opened, "2000-02")[0].sizes["t"] == 1
