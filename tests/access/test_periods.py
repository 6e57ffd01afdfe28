"""What files lack of the time that their names promise, and fills that do not fit."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file

from climeri_platform.access import (
    DatasetFiles,
    IncompleteDataWarning,
    open_datasets,
    open_file,
)
from climeri_platform.access.axis import Axis
from climeri_platform.access.overlaps import Kept
from climeri_platform.access.periods import (
    holes,
    in_order,
    months_of,
    not_covered,
    shorter_than_named,
    tell_short_files,
)
from climeri_platform.core.errors import DatasetInconsistent, FileUnreadable

SPAN = (185001010000, 201412312359)


def monthly(first: str, months: int) -> xr.Dataset:
    time = np.arange(np.datetime64(first, "M"), np.datetime64(first, "M") + months, dtype="M8[M]")
    stamps = time.astype("M8[us]") + np.timedelta64(15, "D")
    return xr.Dataset({"tas": ("time", np.zeros(months))}, coords={"time": stamps})


def shorter(first: str, months: int) -> str:
    dates = monthly(first, months)["time"].values
    return shorter_than_named(dates, months_of(dates), SPAN)


def test_a_file_cut_to_two_steps_is_told():
    assert "its name says 185001 to 201412" in shorter("1850-01", 2)
    assert shorter("1850-01", 1980) == ""
    # stamps at the end of a month, or of a year, lie outside their period by a step
    assert shorter("1850-02", 1980) == ""
    assert shorter("1850-01", 1970) != ""


def test_a_file_of_one_step_is_compared_by_the_year():
    assert shorter("1850-07", 1) != ""
    one = np.array(["1850-07-02"], "M8[us]")
    year, next_two = (185001010000, 185012312359), (185001010000, 185112312359)
    assert shorter_than_named(one, months_of(one), year) == ""
    assert shorter_than_named(one, months_of(one), next_two) != ""


def test_months_are_counted_alike_in_every_calendar():
    dates = monthly("1849-11", 30)["time"].values
    others = xr.date_range("1849-11-16", periods=30, freq="MS", calendar="noleap", use_cftime=True)
    counted = months_of(dates)
    assert counted[2] == 12 * 1850
    np.testing.assert_array_equal(np.diff(counted), 1)
    np.testing.assert_array_equal(months_of(np.asarray(others)), counted + 1)


def axis_of(*days: float, files: tuple[int, ...] = (), dated: bool = True) -> Axis:
    numbers = np.array(days, "f8")
    dates = np.datetime64("2000-01-01", "us") + (np.nan_to_num(numbers) * 86400e6).astype("m8[us]")
    return Axis("time", files or (len(days),), dates if dated else numbers, numbers)


def test_holes_are_named_by_the_moments_beside_them():
    assert holes(axis_of(0, 1, 2, 4, 5, 6, 9, 10)) == [
        ("2000-01-03T00:00:00.000000", "2000-01-05T00:00:00.000000"),
        ("2000-01-07T00:00:00.000000", "2000-01-10T00:00:00.000000"),
    ]
    assert holes(axis_of(0, 31, 59, 90)) == []  # months
    assert holes(axis_of()) == holes(axis_of(3)) == []
    assert holes(axis_of(0, 1, 2, 9, dated=False)) == []


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ((0, 1, 1, 2), "2000-01-02T00:00:00.000000 is followed by 2000-01-02T00:00:00.000000"),
        ((0, 1, 3, 2), "2000-01-04T00:00:00.000000 is followed by 2000-01-03T00:00:00.000000"),
        ((0, np.nan, 2, np.nan), "2 of 4 time steps have no time, the first is number 2"),
    ],
)
def test_an_axis_that_does_not_increase_is_refused(days, message):
    with pytest.raises(DatasetInconsistent, match=message):
        holes(axis_of(*days))


def test_files_in_order_are_taken_whole_and_a_repeated_end_is_not():
    paths = ["a.nc", "b.nc"]
    whole = [Kept(0, 0, 3), Kept(1, 0, 2)]
    assert in_order(axis_of(0, 1, 2, 3, 4, files=(3, 2)), paths) == (whole, [])
    kept, (said,) = in_order(axis_of(0, 1, 2, 2, 3, files=(3, 2)), paths)
    assert kept == [Kept(0, 0, 2), Kept(1, 0, 2)]
    assert "a.nc and b.nc both have 2000-01-03" in said
    # two holes in the order: neither file is taken for the series
    assert in_order(axis_of(3, 4, 0, 1, 2, files=(2, 3)), paths)[0] == [
        Kept(1, 0, 3),
        Kept(0, 0, 2),
    ]


def test_what_has_no_dates_is_not_compared_with_names():
    files = [("a.nc", SPAN)]
    assert tell_short_files(axis_of(0, 31), files)[0].path == "a.nc"
    for axis in (axis_of(0, 31, dated=False), axis_of(0, np.nan)):
        assert tell_short_files(axis, files) == []


def test_the_report_tells_and_warns(tmp_path):
    path = tmp_path / "a.nc"
    monthly("1850-01", 2).to_netcdf(path, engine="scipy")
    with pytest.warns(IncompleteDataWarning, match="it holds 1850-01-16 to 1850-02-16"):
        opened = open_datasets([DatasetFiles("a", (str(path),), (SPAN,))], harmonise=False)
    (note,) = opened.report.having("noted")
    assert note.path == str(path)
    # without a period in the name there is nothing to compare with
    assert not open_datasets([DatasetFiles("a", (str(path),))], harmonise=False).report.having(
        "noted"
    )


def test_what_others_cover():
    halves = [(185001010000, 194912312359), (195001010000, 201412312359)]
    assert not_covered([SPAN], halves) == []
    assert not_covered(halves, [SPAN]) == []
    assert not_covered(halves, halves[:1]) == halves[1:]
    assert not_covered([SPAN], []) == [SPAN]
    assert not_covered([], []) == []


def test_a_fill_value_of_another_precision_is_missing(tmp_path):
    path = tmp_path / "a.nc"
    with netcdf_file(path, "w") as file:
        file.createDimension("x", 3)
        variable = file.createVariable("siconc", "f4", ("x",))
        variable.missing_value = np.float64(1e20)
        variable[:] = np.array([1.0, 1e20, 3.0], "f4")
    with open_file(path) as opened:
        assert np.isnan(opened["siconc"].values).tolist() == [False, True, False]


def test_a_file_without_a_time_step_says_so(tmp_path):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createVariable("time", "f8", ("time",)).units = "days since 1850-01-01"
    with pytest.raises(FileUnreadable, match="no time step"):
        open_file(path)


def test_a_file_with_groups_only_is_not_opened_empty(tmp_path):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        group = file.createGroup("data")
        group.createDimension("x", 1)
        group.createVariable("tas", "f4", ("x",))
    with pytest.raises(FileUnreadable, match="groups are not read"):
        open_file(path)


def test_units_on_one_side_only_are_told(tmp_path):
    paths = []
    for number, units in enumerate(("K", None)):
        dataset = monthly(f"{1850 + number}-01", 12)
        if units:
            dataset["tas"].attrs["units"] = units
        paths.append(str(tmp_path / f"{number}.nc"))
        dataset.to_netcdf(paths[-1], engine="scipy")
    report = open_datasets([DatasetFiles("a", tuple(paths))], harmonise=False).report
    assert "has units 'K'" in report.having("noted")[0].cause
