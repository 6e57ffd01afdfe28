"""One file: which engine, and what is said of a file that is none."""

from __future__ import annotations

import os
from pathlib import Path

import cftime
import h5py
import numpy as np
import pytest

from climeri_platform.access import engine_of, open_file
from climeri_platform.core.errors import FileUnreadable


@pytest.mark.parametrize(
    ("form", "engine"),
    [
        ("NETCDF4", "hdf5"),
        ("NETCDF4_CLASSIC", "hdf5"),
        ("NETCDF3_CLASSIC", "classic"),
        ("NETCDF3_64BIT_OFFSET", "classic"),
        ("NETCDF3_64BIT_DATA", "classic"),
    ],
)
def test_formats_that_are_read(write, form, engine):
    path = write("a.nc", form=form)
    assert engine_of(path) == engine
    with open_file(path) as dataset:
        assert dataset["tas"].chunks is not None
        np.testing.assert_allclose(dataset["tas"].values[:, 0], [280.5, 281.5, 282.5])


def test_the_name_says_nothing_of_the_format(write, tmp_path):
    classic = Path(write("a.nc", form="NETCDF3_CLASSIC")).rename(tmp_path / "b.nc4")
    with open_file(classic) as dataset:
        assert dataset.sizes == {"time": 3, "lat": 2}


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        (b"", "zero bytes", "again"),
        (b"<!DOCTYPE html><html><body>503</body></html>", "begins with b'<!DOCTYP'", "web page"),
        (b"C", "not a NetCDF file", "web page"),
        (b"GRIB....", "not a NetCDF file", ""),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "OSError", "Truncated"),
        (b"CDF\x01" + bytes(3), "it ends at byte 7", "Truncated"),
        (b"CDF\x02" + b"\xff" * 60, "a count of -1, at byte 16", "damaged"),
    ],
)
def test_what_is_no_netcdf(tmp_path, content, said, hint):
    path = tmp_path / "tas.nc"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable) as refused:
        open_file(path)
    assert refused.value.message.startswith(f"{path}: ")
    assert said in refused.value.message
    assert hint in refused.value.hint


def test_missing_and_directories(tmp_path):
    with pytest.raises(FileUnreadable, match="No such file") as refused:
        open_file(tmp_path / "gone.nc")
    assert "rebuild the catalog" in refused.value.hint
    with pytest.raises(FileUnreadable, match="Is a directory"):
        open_file(tmp_path)
    (tmp_path / "link.nc").symlink_to("gone.nc")
    with pytest.raises(FileUnreadable, match="No such file"):
        open_file(tmp_path / "link.nc")


@pytest.mark.parametrize(
    "form", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]
)
def test_a_file_cut_anywhere_is_refused_when_it_is_opened(write, tmp_path, form):
    # the library may pad a classic file with zeros to a whole page
    whole = Path(write("whole.nc", np.arange(60.0), form=form)).read_bytes().rstrip(b"\0")
    cut = tmp_path / "cut.nc"
    size = len(whole)
    fixed = {1, 3, 4, 7, 8, 9, 12, 20, 48, 96, 100, 200, 300, 400}
    for length in sorted({*fixed, *(size * n // 12 for n in range(1, 12)), size - 8, size - 1}):
        cut.write_bytes(whole[:length])
        with pytest.raises(FileUnreadable) as refused:
            open_file(cut)
        assert refused.value.hint, length


def test_hdf5_that_is_not_netcdf(tmp_path):
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3)
    try:
        with open_file(path) as dataset:
            assert "x" in dataset
    except FileUnreadable as told:
        assert str(path) in str(told)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("calendar", "units", "kind", "first"),
    [
        ("standard", "days since 1850-01-01", "M", (1850, 1, 1)),
        ("gregorian", "hours since 1850-01-01", "M", (1850, 1, 1)),
        ("proleptic_gregorian", "days since 0001-01-01", "M", (1, 1, 1)),
        ("proleptic_gregorian", "days since 9999-01-01", "M", (9999, 1, 1)),
        ("standard", "days since 2262-04-10", "M", (2262, 4, 10)),
        ("standard", "days since 0001-01-01", "O", (1, 1, 1)),
        ("noleap", "days since 0001-01-01", "O", (1, 1, 1)),
        ("360_day", "days since 9999-02-30", "O", (9999, 2, 30)),
        ("julian", "days since 0850-01-01", "O", (850, 1, 1)),
    ],
)
def test_calendars_and_years(write, calendar, units, kind, first):
    with open_file(write("a.nc", (0, 1, 2), time_units=units, calendar=calendar)) as dataset:
        axis = dataset["time"]
        assert axis.dtype.kind == kind
        begins = axis.dt
        assert (int(begins.year[0]), int(begins.month[0]), int(begins.day[0])) == first


def test_cftime_on_demand(write):
    with open_file(write("a.nc"), use_cftime=True) as dataset:
        assert isinstance(dataset["time"].values[0], cftime.DatetimeGregorian)


def test_a_quantity_in_days_stays_a_number(write):
    def more(file):
        spell = file.createVariable("cdd", "f4", ("time",))
        spell.units = "days"
        spell[:] = [1, 2, 3]

    with open_file(write("a.nc", more=more)) as dataset:
        assert dataset["cdd"].dtype == "float32"
        assert dataset["cdd"].attrs["units"] == "days"


def test_bounds_without_values_do_not_cost_the_file(write):
    def more(file):
        file.createDimension("bnds", 2)
        file["time"].bounds = "time_bnds"
        file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.nan

    with open_file(write("a.nc", more=more)) as dataset:
        assert dataset.sizes["time"] == 3


def test_values_that_were_never_written_are_missing(write):
    def more(file):
        file.createVariable("pr", "f4", ("time", "lat"))[0, 0] = 1.0

    with open_file(write("a.nc", more=more)) as dataset:
        assert int(dataset["pr"].isnull().sum()) == 5
        assert float(dataset["pr"].max()) == 1.0


def test_a_path_may_be_of_any_kind(write):
    path = write("a.nc")
    for each in (path, Path(path)):
        assert engine_of(each) == "hdf5"


def test_a_name_that_is_no_text(write, tmp_path):
    there = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9.nc")
    Path(write("a.nc")).rename(there)
    assert open_file(there)["tas"].shape == (3, 2)
