"""The header pass: what the files themselves say, read by processes that may die."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta

import cftime
import h5py
import netCDF4
import numpy as np
import polars as pl
import psutil
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import (
    build_catalog,
    header_workers,
    load_family,
    open_snapshot,
)
from climeri_platform.catalog.header_file import read_header
from climeri_platform.catalog.header_names import contradiction
from climeri_platform.catalog.headers import HEADER_COLUMNS, read_headers
from climeri_platform.catalog.tables import with_shared_columns
from climeri_platform.core.errors import ClimeriError, ComputeError, MissingExtra, UsageError

CALENDARS = {
    "standard": "standard",
    "gregorian": "standard",
    "proleptic_gregorian": "proleptic_gregorian",
    "noleap": "noleap",
    "365_day": "noleap",
    "360_day": "360_day",
    "all_leap": "all_leap",
    "366_day": "all_leap",
    "julian": "julian",
}


def frame(paths, variable="tas", **facets):
    variables = [variable] * len(paths)
    return pl.DataFrame(
        {"path": list(map(str, paths)), "variable": variables, **facets},
        schema_overrides={"path": pl.String, "variable": pl.String},
    )


def write(path, *, times=(15.5, 45.0), units="days since 2000-01-01", calendar="noleap", **more):
    """Write a small file; `more`: bounds, format, lat, lon, attributes, unlimited."""
    lat, lon = more.get("lat", np.array([-45.0, 0, 45])), more.get("lon", np.arange(0, 360, 90.0))
    with netCDF4.Dataset(path, "w", format=more.get("format", "NETCDF4")) as file:
        file.setncatts({"tracking_id": "hdl:21.14100/a", **more.get("attributes", {})})
        file.createDimension("time", None if more.get("unlimited") else len(times))
        for name, values, degrees in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, more.get("kind", "f8"), (name,))
            axis.units, axis[:] = degrees, values
        axis = file.createVariable("time", "f8", ("time",))
        if units is not None:
            axis.units = units
        if calendar is not None:
            axis.calendar = calendar
        axis[:] = times
        if more.get("bounds") is not None:
            axis.bounds = "time_bnds"
            file.createDimension("bnds", 2)
            file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = more["bounds"]
        tas = file.createVariable("tas", "f4", ("time", "lat", "lon"))
        tas.units = "K"
        tas[:] = np.zeros((len(times), len(lat), len(lon)))
    return path


def one(path, variable="tas"):
    return read_headers(frame([path], variable), workers=1).row(0, named=True)


# --- real files --------------------------------------------------------------------------------


def covered(file):
    """Start and end by xarray's own reading of bounds, or of stamps."""
    axis = file["time"]
    calendar = axis.attrs.get("calendar", "standard")
    bounds = file.variables.get(axis.attrs.get("bounds", ""))
    values = axis.values if bounds is None else bounds.values
    dates = cftime.num2date(values, axis.attrs["units"], calendar, only_use_cftime_datetimes=True)
    start, end = dates.flat[0], dates.flat[-1]
    if bounds is not None and end > start:
        end -= timedelta(minutes=1)
    return [
        int(f"{d.year:04d}{d.month:02d}{d.day:02d}{d.hour:02d}{d.minute:02d}") for d in (start, end)
    ]


@pytest.mark.real_data
def test_real_headers_are_what_xarray_reads(real_data):
    paths = sorted((real_data / "mini-esgf").rglob("*.nc"))
    names = [path.name.split("_")[0] for path in paths]
    found = read_headers(frame(paths).with_columns(variable=pl.Series(names)), workers=2)
    assert found["path"].to_list() == [str(path) for path in paths]
    assert found["problem"].null_count() == len(paths)
    assert dict(zip(found.columns[1:], found.dtypes[1:], strict=True)) == HEADER_COLUMNS
    timed = 0
    for row, path in zip(found.iter_rows(named=True), paths, strict=True):
        with xr.open_dataset(path, engine="netcdf4", decode_cf=False) as file:
            main = file[row["variable_in_file"]]
            assert row["units"] == main.attrs["units"]
            assert row["tracking_id"] == file.attrs.get("tracking_id")
            chunks = main.encoding.get("chunksizes")
            assert row["chunks"] == ("x".join(map(str, chunks)) if chunks else "contiguous")
            if "time" not in main.dims:
                assert (row["steps"], row["calendar"], row["start_in_file"]) == (None, None, None)
                continue
            timed += 1
            assert row["steps"] == file.sizes["time"]
            assert row["calendar"] == CALENDARS[file["time"].attrs["calendar"]]
            assert [row["start_in_file"], row["end_in_file"]] == covered(file), path
            lat = next((file[name] for name in ("lat", "latitude") if name in file), None)
            if lat is not None and lat.ndim == 2:
                sizes = re.search(r" (\d+)x(\d+)", row["grid"]).groups()
                assert (int(sizes[1]), int(sizes[0])) == lat.shape
    assert timed > 100


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("tree", "family", "name", "says"),
    [
        ("mini-esgf", "CMIP6", "tasmax_day_MPI-ESM1-2-LR", "table_id: day in the name, Amon in"),
        (
            "mini-esgf",
            "CMIP5",
            "zostoga_Omon_IPSL-CM5A-MR",
            "12 steps in the file, one in 3042 days",
        ),
        ("mini-esgf", "CORDEX", None, None),
        ("esmvaltool-sample", "CMIP6", "ta_Amon_GFDL-CM4", "frequency: mon in the name, monC in"),
    ],
)
def test_real_contradictions_are_found_and_no_others(real_data, tmp_path, tree, family, name, says):
    build_catalog(family, real_data / tree, store=tmp_path / "store")
    rules = load_family(family)
    files = with_shared_columns(open_snapshot(tmp_path / "store").read(family, "files"), rules)
    if tree == "esmvaltool-sample":  # all of it is as good, and this is a slow core
        files = files.filter(pl.col("path").str.contains("GFDL|IPSL|HadGEM|Amon_CanESM5"))
    files = files.with_columns(path=pl.lit(f"{real_data / tree}/") + pl.col("path"))
    facets = {*rules.facets, *rules.shared, "variable"} & {*files.columns} - {"version"}
    found = read_headers(files.select("path", "time_range", *sorted(facets)), workers=2)
    doubtful = found.filter(pl.col("contradiction").is_not_null())
    assert found["problem"].null_count() == found.height > 4
    if name is None:
        assert doubtful.height == 0
    else:
        assert doubtful["path"].str.contains(name).all()
        assert doubtful["contradiction"].str.contains(says, literal=True).any()


@pytest.mark.real_data
def test_files_of_many_variables_say_their_grid_and_time(real_data):
    files = sorted((real_data / "nemo-native").rglob("GYRE*grid_T.nc"))
    found = read_headers(frame(files, None), workers=1).filter(pl.col("problem").is_null())
    assert found.height > 3
    assert found["units"].null_count() == found["variable_in_file"].null_count() == found.height
    assert set(found["grid"].str.split(" ").list.first()) == {"curvilinear"}
    assert set(found["calendar"]) == {"360_day"}
    assert found["start_in_file"].to_list() == [101010000] * found.height
    assert found["contradiction"].null_count() == found.height


# --- time --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    calendar=st.sampled_from(sorted(CALENDARS)),
    year=st.integers(1, 9990),
    unit=st.sampled_from(["days", "hours", "minutes"]),
    first=st.integers(0, 5000),
    gaps=st.lists(st.integers(1, 400), max_size=4),
    bounded=st.booleans(),
)
def test_the_span_is_that_of_cftime_in_every_calendar(calendar, year, unit, first, gaps, bounded):
    units = f"{unit} since {year:04d}-01-01"
    edges = np.cumsum([first, *gaps, 1]).astype(float)
    bounds = np.stack([edges[:-1], edges[1:]], axis=1) if bounded else None
    times = (edges[:-1] + edges[1:]) / 2 if bounded else edges[:-1]
    with tempfile.TemporaryDirectory() as folder:
        path = write(f"{folder}/a.nc", times=times, units=units, calendar=calendar, bounds=bounds)
        header = read_header(path, "tas")
    ends = (edges[0], edges[-1]) if bounded else (times[0], times[-1])
    dates = cftime.num2date(np.array(ends), units, calendar, only_use_cftime_datetimes=True)
    if dates[1].year > 9999:
        assert "is not from 1 to 9999" in header["problem"]
        return
    dates[1] -= timedelta(minutes=1 if bounded else 0)
    assert "problem" not in header
    assert header["steps"] == len(times)
    assert header["calendar"] == CALENDARS[calendar]
    assert [header["start_in_file"], header["end_in_file"]] == [
        int(date.strftime("%m%d%H%M")) + date.year * 10**8 for date in dates
    ]


def test_the_thirtieth_of_february_and_the_year_1(tmp_path):
    row = one(
        write(
            tmp_path / "a.nc", times=[59, 60.0], units="days since 0001-01-01", calendar="360_day"
        )
    )
    assert (row["start_in_file"], row["end_in_file"]) == (102300000, 103010000)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"calendar": None}, {"calendar": "standard", "start_in_file": 200001161200}),
        (
            {"units": "months since 2000-01-01"},
            {"problem": "time: 'months since 2000-01-01' in noleap"},
        ),
        (
            {"units": "months since 2000-01-01", "calendar": "360_day", "times": [0, 1]},
            {"problem": None, "end_in_file": 200002010000},
        ),
        (
            {"units": "days since 0000-01-01", "calendar": "standard"},
            {"problem": "time: 'days since 0000"},
        ),
        ({"units": "days since 0000-01-01", "times": [730, 731]}, {"start_in_file": 201010000}),
        ({"units": "day as %Y%m%d.%f"}, {"problem": "time: its units 'day as", "steps": 2}),
        ({"units": None}, {"problem": "time: it has no units", "units": "K"}),
        ({"calendar": "lunar"}, {"problem": "time: 'days since 2000-01-01' in lunar", "steps": 2}),
        ({"times": [np.nan, 3]}, {"problem": "first or its last value is missing", "units": "K"}),
        ({"times": [0, 9.969209968386869e36]}, {"problem": "first or its last value is missing"}),
        ({"times": [], "unlimited": True}, {"problem": "it holds no time step", "steps": 0}),
        (
            {"times": [40, 10]},
            {"contradiction": "last step is before its first", "start_in_file": 200001110000},
        ),
        # bounds that are never written, or beside the steps, or one instant
        ({"bounds": [[np.nan] * 2] * 2}, {"start_in_file": 200001161200, "problem": None}),
        ({"bounds": [[400, 430], [430, 460]]}, {"start_in_file": 200001161200, "problem": None}),
        (
            {"times": [0, 1], "bounds": [[0, 0], [1, 1]]},
            {"start_in_file": 200001010000, "end_in_file": 200001012359},
        ),
        # a double that misses the minute by a little
        ({"times": [0.99999999999, 1]}, {"start_in_file": 200001020000}),
    ],
    ids=str,
)
def test_odd_times(tmp_path, options, expected):
    row = one(write(tmp_path / "a.nc", **options))
    for name, value in expected.items():
        if isinstance(value, str) and name in ("problem", "contradiction"):
            assert value in row[name]
        else:
            assert row[name] == value


def test_a_scalar_time_is_one_step(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        axis = file.createVariable("time", "i4", ())
        axis.units, axis[...] = "hours since 1999-12-31", 25
        file.createVariable("tas", "f4", ())
    row = one(tmp_path / "a.nc")
    assert (row["steps"], row["start_in_file"], row["end_in_file"]) == (1, *[200001010100] * 2)


def test_the_axis_is_not_read_whole(tmp_path):
    path = write(tmp_path / "a.nc", times=[0.0])
    with h5py.File(path, "a") as file:
        time_axis = file.create_dataset(
            "t", (50,), chunks=(1,), fletcher32=True, data=np.arange(50.0)
        )
        time_axis.attrs["units"] = np.bytes_(b"days since 2000-01-01")
        time_axis.make_scale("t")
        file.create_dataset("pr", (50,), dtype="f4").dims[0].attach_scale(time_axis)
        damaged = time_axis.id.get_chunk_info(25).byte_offset
    with path.open("r+b") as file:
        file.seek(damaged)
        file.write(b"\x12\x34\x56\x78")
    with netCDF4.Dataset(path) as file, pytest.raises(RuntimeError, match=r"HDF error|Filter"):
        file["t"][:]
    row = one(path, "pr")
    assert (row["steps"], row["problem"]) == (50, None)
    assert (row["start_in_file"], row["end_in_file"]) == (200001010000, 200002190000)


# --- grids -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lon", "lat", "text"),
    [
        (np.arange(96) * 3.75, np.linspace(-90, 90, 95), "latlon 96x95 0..356.25 -90..90"),
        (
            np.arange(96) * 3.75 + 1.875,
            np.linspace(90, -90, 95),
            "latlon 96x95 1.88..358.13 90..-90",
        ),
        (
            np.arange(192) * 1.875,
            np.degrees(np.arcsin(np.polynomial.legendre.leggauss(96)[0])),
            "rectilinear 192x96 0..358.13 -88.57..88.57 finest 1.88x1.85 mean 179.06,44.76",
        ),
        (np.array([0.0]), np.array([10.0]), "latlon 1x1 0..0 10..10"),
    ],
    ids=["regular", "shifted and turned", "Gaussian", "one cell"],
)
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_grid_has_one_text_in_both_precisions(tmp_path, lon, lat, text, kind):
    assert one(write(tmp_path / "a.nc", lat=lat, lon=lon, kind=kind))["grid"] == text


def test_zoomed_grids_of_one_size_differ(tmp_path):
    even = np.linspace(-90, 90, 41)
    zooms = [even + shift * np.sin(np.radians(even * 2)) for shift in (0, 8, -8)]
    texts = {one(write(tmp_path / f"{n}.nc", lat=lat))["grid"] for n, lat in enumerate(zooms)}
    assert len(texts) == 3
    assert sum(each.startswith("rectilinear 4x41") for each in texts) == 2


def test_cells_in_one_dimension_points_and_means(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("ncells", 12)
        file.createDimension("lat", 3)
        for name, degrees in (("clat", "degrees_north"), ("clon", "degrees_east")):
            file.createVariable(name, "f8", ("ncells",)).units = degrees
        file.createVariable("lat", "f8", ("lat",))[:] = [-1, 0, 1]
        file.createVariable("tas", "f4", ("ncells",)).coordinates = "clat clon"
        file.createVariable("psi", "f4", ("lat",))
    assert one(tmp_path / "a.nc")["grid"] == "unstructured 12"
    assert one(tmp_path / "a.nc", "psi")["grid"] == "zonal 3 -1..1"
    with netCDF4.Dataset(tmp_path / "b.nc", "w") as file:
        file.createVariable("tas", "f4", ())
        assert one(write(tmp_path / "c.nc"), "tas")["grid"].startswith("latlon")
        file.createVariable("lat", "f8", ())[...] = 48.714
        file.createVariable("lon", "f8", ())[...] = 2.208
    assert one(tmp_path / "b.nc")["grid"] == "point 2.21,48.71"


# --- bad files ---------------------------------------------------------------------------------


def truncated(path):
    write(path)
    os.truncate(path, path.stat().st_size // 2)


def in_groups(path):
    with netCDF4.Dataset(path, "w") as file:
        group = file.createGroup("data")
        group.createVariable("tas", "f4", ())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (truncated, "HDF error|Truncated|end of file"),
        (lambda path: path.write_text("<html>404</html>"), "Unknown file format"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 600), "HDF error"),
        (lambda path: path.write_bytes(b"CDF\x01"), "Unknown|error|EOF|format|Invalid"),
        (lambda path: path.mkdir(), "directory|Permission|HDF|Unknown"),
        (lambda path: path.symlink_to("nowhere.nc"), "No such file"),
        (in_groups, "no variable at its top level; groups are not read"),
    ],
    ids=[
        "truncated",
        "a web page",
        "HDF5 by its first bytes",
        "cut",
        "a folder",
        "dangling",
        "groups",
    ],
)
def test_a_bad_file_is_named_and_the_others_are_read(tmp_path, make, says):
    files = [write(tmp_path / "a.nc"), tmp_path / "bad.nc", write(tmp_path / "c.nc")]
    make(files[1])
    found = read_headers(frame(files), workers=1)
    assert found["problem"].is_null().to_list() == [True, False, True]
    assert re.search(says, found["problem"][1])
    assert str(tmp_path) not in found["problem"][1]
    assert found["steps"].to_list() == [2, None, 2]


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"])
def test_every_format_is_read(tmp_path, form):
    row = one(write(tmp_path / "a.nc", format=form, unlimited=True))
    assert (row["steps"], row["units"], row["problem"]) == (2, "K", None)
    assert row["chunks"] == ("1x3x4" if "4" in form[:7] else "contiguous")


def test_attributes_that_are_no_utf8(tmp_path):
    path = write(tmp_path / "à.nc", format="NETCDF3_CLASSIC", attributes={"source_id": "XXXX"})
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"mod\xe8"))
    found = read_headers(frame([path], source_id=["IPSL"]), workers=1).row(0, named=True)
    assert (found["problem"], found["steps"], found["tracking_id"]) == (None, 2, "hdl:21.14100/a")
    assert found["contradiction"].startswith("source_id: IPSL in the name, mod")


def test_the_variable_that_is_not_there(tmp_path):
    row = one(write(tmp_path / "a.nc"), "tos")
    assert row["contradiction"] == "variable: tos in the name, tas in the file"
    assert (row["variable_in_file"], row["units"]) == ("tas", "K")


@pytest.mark.parametrize(
    ("expected", "header", "says"),
    [
        ({"model": "ACCESS1.0"}, {"attributes": {"model_id": "ACCESS1-0"}}, None),
        ({"table": "Amon"}, {"attributes": {"table_id": "Table Amon (26 July 2011) a5a1"}}, None),
        ({"table": "Amon"}, {"attributes": {"table_id": "Table Lmon (26 July)"}}, "table: Amon"),
        ({"table": "Amon"}, {"attributes": {"table_id": "Table "}}, "table: Amon"),
        (
            {"ensemble": "r1i1p1"},
            {
                "attributes": {
                    "realization": "2",
                    "initialization_method": "1",
                    "physics_version": "1",
                }
            },
            "ensemble: r1i1p1 in the name, r2i1p1",
        ),
        (
            {"member_id": "s1960-r1i1p1f1"},
            {"attributes": {"variant_label": "r1i1p1f1", "sub_experiment_id": "s1961"}},
            "s1961-r1i1p1f1 in the file",
        ),
        (
            {"member_id": "r11i1p1f1"},
            {"attributes": {"variant_label": "r1i1p1f1"}},
            "member_id: r11",
        ),
        (
            {"activity_id": "ScenarioMIP"},
            {"attributes": {"activity_id": "ScenarioMIP AerChemMIP"}},
            None,
        ),
        ({"frequency": "3hr"}, {"attributes": {"frequency": "3hrPt"}}, None),
        ({"experiment_id": None}, {"attributes": {"experiment_id": "amip"}}, None),
        (
            {"time_range": "nonsense"},
            {"start_in_file": 200001010000, "end_in_file": 200001010000},
            None,
        ),
        (
            {"time_range": "199001-199012"},  # 360 days: December ends on its 30th
            {"start_in_file": 199001010000, "end_in_file": 199012302359, "bounded": True},
            None,
        ),
        (
            {"time_range": "199001-199012"},  # stamped at the end of each month
            {"start_in_file": 199002010000, "end_in_file": 199101010000, "bounded": False},
            None,
        ),
        (
            {"time_range": "199001-199012"},
            {"start_in_file": 199001010000, "end_in_file": 199011302359, "bounded": True},
            "period: 199001-199012 in the name, 199001010000-199011302359 in the file",
        ),
        ({"frequency": "day"}, {"apart": 30.4, "steps": 12}, "one in 30.4 days"),
        ({"frequency": "monClim"}, {"apart": 1.0, "steps": 12}, None),
    ],
)
def test_contradictions(expected, header, says):
    found = contradiction(expected, header)
    assert found is None if says is None else says in found


# --- processes ---------------------------------------------------------------------------------


def workers_of_mine():
    return [
        each
        for each in psutil.Process().children(recursive=True)
        if "climeri_platform.catalog.header_file" in " ".join(each.cmdline())
    ]


@pytest.fixture
def with_a_fifo(tmp_path):
    files = [write(tmp_path / f"{number}.nc") for number in range(12)]
    os.mkfifo(tmp_path / "hangs.nc")
    files.insert(5, tmp_path / "hangs.nc")
    return files


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_hangs_costs_itself(with_a_fifo, workers):
    found = read_headers(frame(with_a_fifo), workers=workers, timeout=1.5)
    assert found["path"].to_list() == [str(each) for each in with_a_fifo]
    problems = dict(zip(found["path"], found["problem"], strict=True))
    assert problems.pop(str(with_a_fifo[5])) == "no answer within 1.5 s (SIGKILL)"
    assert set(problems.values()) == {None}
    assert workers_of_mine() == []


def test_a_worker_that_is_killed_costs_the_file_it_was_reading(with_a_fifo):
    counted, killed = [], []

    def kill_when_still():
        until = time.monotonic() + 30
        while len(counted) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)  # it has the fifo now, and waits for somebody who writes
        for each in workers_of_mine():
            os.kill(each.pid, signal.SIGKILL)
            killed.append(each.pid)

    thread = threading.Thread(target=kill_when_still)
    thread.start()
    found = read_headers(frame(with_a_fifo), workers=1, timeout=60, progress=counted.append)
    thread.join()
    assert len(killed) == 1
    assert found.filter(pl.col("problem").is_not_null()).rows() == [
        (str(with_a_fifo[5]), *[None] * 11, "the process that read it died (SIGKILL)")
    ]
    assert counted == list(range(1, len(with_a_fifo) + 1))
    assert found.height == len(with_a_fifo)


def test_whoever_is_slow_to_take_the_answers_blames_no_file(tmp_path):
    files = [write(tmp_path / f"{number}.nc") for number in range(12)]
    slow = read_headers(
        frame(files), workers=2, timeout=0.4, progress=lambda n: time.sleep(0.6 if n < 4 else 0)
    )
    assert slow["problem"].null_count() == slow.height == 12


def test_what_a_library_prints_is_no_answer(tmp_path):
    # HDF5 and its filters are C: they write to the descriptor, whatever Python thinks of it
    (tmp_path / "netCDF4.py").write_text(
        "import os\n"
        "class Dataset:\n"
        "    def __init__(self, path):\n"
        "        os.write(1, b'a filter says hello')\n"
        "        raise OSError(2, 'not there')\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert list(header_workers.read_files([("a.nc", "tas")])) == [(0, {"problem": "not there"})]


def test_a_worker_ends_with_its_parent(with_a_fifo):
    # killed while its worker hangs, the parent can end nobody; the worker's own alarm does
    code = (
        "import sys; from climeri_platform.catalog.header_workers import read_files;"
        "list(read_files([(sys.argv[1], None)], timeout=1))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(with_a_fifo[5])], env=environment())
    below = psutil.Process(parent.pid)
    until = time.monotonic() + 20
    while not (children := below.children()) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.6)
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(children, timeout=10)[1] == []


def environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def test_each_file_is_opened_as_often_as_by_the_library_alone(tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("wants the Debian package strace")
    files = [write(tmp_path / f"{n}.nc", bounds=[[0, 31], [31, 59]]) for n in range(6)]
    ours = (
        "import sys; from climeri_platform.catalog.header_workers import read_files;"
        "print(len([a for a in read_files([(p, 'tas') for p in sys.argv[1:]], workers=2)"
        " if 'problem' not in a[1]]))"
    )
    bare = "import sys, netCDF4\nfor path in sys.argv[1:]: netCDF4.Dataset(path).close()\nprint(6)"
    opened = []
    for code in (ours, bare):
        trace, program = tmp_path / "trace", [sys.executable, "-c", code, *map(str, files)]
        done = subprocess.run(
            [strace, "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", trace, *program],
            check=True,
            capture_output=True,
            env=environment(),
        )
        assert done.stdout.split() == [b"6"]
        opened.append([trace.read_text().count(f'"{path}"') for path in files])
    assert opened[0] == opened[1]
    assert min(opened[0]) > 0


def test_nothing_is_opened_after_the_deadline(with_a_fifo):
    assert read_headers(frame(with_a_fifo), deadline=time.monotonic()).height == 0
    began = time.monotonic()
    found = read_headers(frame(with_a_fifo), workers=1, timeout=3, deadline=began + 2)
    # the fifo was open when the time was up; nothing after it was touched
    assert found["path"].to_list() == list(map(str, with_a_fifo[:6]))
    assert time.monotonic() - began < 8


def test_a_process_that_does_not_start_is_told(tmp_path, monkeypatch):
    broken = (sys.executable, "-c", "raise SystemExit('no netCDF4 here')")
    monkeypatch.setattr(header_workers, "_COMMAND", broken)
    with pytest.raises(ClimeriError, match="does not start: exit code 1; no netCDF4 here"):
        one(write(tmp_path / "a.nc"))


def test_what_is_asked_wrongly(tmp_path, monkeypatch):
    assert read_headers(frame([])).schema == {"path": pl.String, **HEADER_COLUMNS}
    with pytest.raises(UsageError, match="no column 'variable'"):
        read_headers(pl.DataFrame({"path": ["a.nc"]}))
    with pytest.raises(UsageError, match="within 0 s"):
        read_headers(frame(["a.nc"]), timeout=0)
    monkeypatch.setitem(sys.modules, "netCDF4", None)
    with pytest.raises(MissingExtra, match="netCDF4"):
        read_headers(frame(["a.nc"]))


def test_on_a_dask_client(with_a_fifo, tmp_path):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        found = read_headers(frame(with_a_fifo), client=client, timeout=1.5)
        # the workers of Dask outlive what kills or hangs a reader
        assert len(client.nthreads()) == 2
        assert (
            read_headers(frame(with_a_fifo), client=client, deadline=time.monotonic()).height == 0
        )
    here = read_headers(frame(with_a_fifo), workers=2, timeout=1.5)
    assert found.equals(here)
    assert found["problem"].is_not_null().to_list() == [each == 5 for each in range(13)]


def test_a_dask_client_that_fails_is_told(tmp_path):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0", resources={}
        ) as cluster,
        Client(cluster) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(header_workers, "_COMMAND", (sys.executable, "-c", "raise SystemExit('no')"))
        with pytest.raises(ComputeError, match="does not start"):
            read_headers(frame([write(tmp_path / "a.nc")]), client=client)
