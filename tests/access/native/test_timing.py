"""One time axis of those that native files have."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest

from climeri_platform.access import open_file
from climeri_platform.access.combine import join_in_time
from climeri_platform.access.native import dated, to_cmip
from climeri_platform.access.native.timing import name_time

OCE = {"family": "libIGCM", "component": "OCE"}
DAY = 86400.0
CENTRES = DAY * (np.arange(3) + 0.5)
ENDS = DAY * (np.arange(3) + 1.0)
FIELD = {"tos": {"units": "degC", "online_operation": "average"}}
DAYS = np.arange("2000-01-01T12", "2000-01-04T12", np.timedelta64(1, "D"), "M8[us]")


def bounded(name):
    def more(file):
        bounds = file.createVariable(
            f"{name}_bounds", "f8", (next(iter(file.dimensions)), "axis_nbounds")
        )
        bounds[:] = DAY * np.array([[0, 1], [1, 2], [2, 3]])
        file[name].bounds = f"{name}_bounds"

    return more


@pytest.mark.parametrize(
    "name", ["time_counter", "t_ave_01month", "t_ave_00086400", "t_inst_01month"]
)
def test_the_axis_is_time_whatever_it_was_called(native, name):
    dataset = native(FIELD, axes={name: (CENTRES, {})}, more=bounded(name))
    made, steps = to_cmip(dataset, OCE)
    np.testing.assert_array_equal(made["time"], DAYS)
    assert made["tos"].dims == ("time", "y", "x")
    assert made["time_bnds"].dims == ("time", "bnds")
    assert made["time"].attrs["bounds"] == "time_bnds"
    assert made["time"].attrs["standard_name"] == "time"
    assert steps[0].native_name == name


def test_what_repeats_the_axis_is_left_out(native):
    axes = {
        name: (CENTRES, {"standard_name": "time"}) for name in ("time_counter", "time_centered")
    }
    made, (said, *_) = to_cmip(native(FIELD, axes=axes, more=bounded("time_centered")), OCE)
    assert "time_centered" not in made.variables
    assert "time_centered" in said.said
    assert made.encoding["unlimited_dims"] == {"time"}
    assert made["time"].attrs["bounds"] == "time_bnds"  # which only the other name had
    assert made["time_bnds"].dims == ("time", "bnds")


def test_means_are_at_their_centres_though_the_axis_counts_their_ends(native):
    axes = {"time_counter": (ENDS, {}), "time_centered": (CENTRES, {})}
    made, (said, *_) = to_cmip(native(FIELD, axes=axes), OCE)
    np.testing.assert_array_equal(made["time"], DAYS)
    assert "the values are means and time_counter is another axis" in said.said


def test_moments_keep_the_axis_of_moments(native):
    axes = {"time_counter": (ENDS, {}), "time_centered": (CENTRES, {}), "time_instant": (ENDS, {})}
    field = {"tos": {"units": "degC", "online_operation": "instant"}}
    made, _ = to_cmip(native(field, axes=axes), OCE)
    np.testing.assert_array_equal(made["time"], DAYS + np.timedelta64(12, "h"))
    assert "standard_name" not in made["time_centered"].attrs  # the only time is time


@pytest.mark.parametrize(
    "broken", [np.zeros(3), CENTRES[::-1], np.array([CENTRES[0], np.nan, CENTRES[2]])]
)
def test_a_broken_axis_gives_way_to_one_that_is_good(native, broken):
    axes = {"time_counter": (broken, {}), "time_centered": (CENTRES, {})}
    made, (said, *_) = to_cmip(native(FIELD, axes=axes), OCE)
    np.testing.assert_array_equal(made["time"], DAYS)
    assert "as time_counter is broken" in said.said


def test_without_a_good_one_the_broken_axis_is_seen(native):
    made, _ = to_cmip(native(FIELD, axes={"time_counter": (np.zeros(3), {})}), OCE)
    assert made["time"].values[0] == made["time"].values[2]


def test_steps_without_units_are_no_times(native):
    axes = {"time_counter": (np.arange(3.0), {"units": ""})}
    made, (said, *_) = to_cmip(native(FIELD, axes=axes), OCE)
    assert "time_counter" in made.dims
    assert "counts steps" in said.said


def test_files_whose_axis_is_named_after_its_mean_can_be_joined(tmp_path):
    files = []
    for year in range(2):
        path = tmp_path / f"{year}.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("t_ave_00086400", None)
            axis = file.createVariable("t_ave_00086400", "f8", ("t_ave_00086400",))
            axis.units = f"seconds since {2000 + year}-01-01"
            axis[:] = CENTRES
            field = file.createVariable("sosstsst", "f4", ("t_ave_00086400",))
            field.units, field[:] = "degC", year + np.arange(3.0)
        dataset, steps = dated(open_file(path), OCE)
        assert [each.native_name for each in steps] == ["t_ave_00086400"]
        files.append((str(path), dataset))
    joined, _ = join_in_time(files)
    made, _ = to_cmip(joined, OCE)
    assert made["tos"].values.tolist() == [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]
    assert made["time"].dt.year.values.tolist() == [2000] * 3 + [2001] * 3


def test_a_file_with_time_is_left_alone(native):
    dataset = native(FIELD, axes={"time": (CENTRES, {})})
    made, steps = name_time(dataset)
    assert made is dataset
    assert steps == []
