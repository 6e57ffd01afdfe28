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
from climeri_platform.access.periods import months_of, not_covered, shorter_than_named
from climeri_platform.core.errors import FileUnreadable

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
