"""Files of one dataset that are stored in different ways: values are those of each file by itself.

What is right is said by xarray with the netCDF library, which opens each file alone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from climeri_platform.access import DatasetFiles, open_datasets

HDF5 = "NETCDF4", "NETCDF4_CLASSIC"
CLASSIC = "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"
ALL = *HDF5, *CLASSIC, "NETCDF3_64BIT_DATA"
SINCE = {
    "days since 2000-01-01": 1,
    "hours since 2000-01-01": 24,
    "minutes since 1999-12-31 12:00": 1440,
    "seconds since 2000-01-01 00:00:00": 86400,
}
LATS = 3


@dataclass(frozen=True)
class Stored:
    """How one file stores its part of the series."""

    form: str
    kind: str
    raw: Any
    since: str
    attrs: Any
    fill: Any
    endian: str
    filters: Any


@st.composite
def stored(draw):
    form = draw(st.sampled_from(ALL))
    kinds = ["i2", "i4", "i1", "f4", "f8"]
    if form in ("NETCDF4", "NETCDF3_64BIT_DATA"):
        kinds += ["u1", "u2", "i8"]
    kind = draw(st.sampled_from(kinds))
    dtype = np.dtype(kind)
    low, high = (0, 120) if dtype.kind == "u" else (-120, 120)
    steps = draw(st.integers(1, 4))
    raw = draw(st.lists(st.integers(low, high), min_size=steps * LATS, max_size=steps * LATS))
    attrs: dict[str, Any] = {}
    exact = draw(st.sampled_from(["f4", "f8"]))
    for name, values in (("scale_factor", (0.01, 0.5, 3.0)), ("add_offset", (0.0, 273.15, -20.0))):
        if draw(st.booleans()):
            attrs[name] = np.dtype(exact).type(draw(st.sampled_from(values)))
    if draw(st.booleans()):
        attrs["missing_value"] = dtype.type(draw(st.sampled_from(raw)))
    fill = dtype.type(draw(st.sampled_from([*raw, high]))) if draw(st.booleans()) else None
    if kind == "i1" and draw(st.booleans()):
        attrs["_Unsigned"] = "true"
        attrs.pop("missing_value", None)  # xarray compares it with its sign, and masks nothing
    filters: dict[str, Any] = {}
    if form in HDF5:
        filters = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "zlib": st.booleans(),
                    "complevel": st.integers(1, 9),
                    "shuffle": st.booleans(),
                    "fletcher32": st.booleans(),
                    "chunksizes": st.tuples(st.integers(1, 5), st.integers(1, LATS)),
                },
            )
        )
    endian = draw(st.sampled_from(["native", "little", "big"])) if form in HDF5 else "native"
    values = np.array(raw, dtype).reshape(steps, LATS)
    since = draw(st.sampled_from([*SINCE]))
    return Stored(form, kind, values, since, attrs, fill, endian, filters)


def write(path, each, begin):
    with netCDF4.Dataset(path, "w", format=each.form) as file:
        file.createDimension("time", None)
        file.createDimension("lat", LATS)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": each.since, "calendar": "standard", "standard_name": "time"})
        shift = 0.5 if "1999" in each.since else 0.0
        time[:] = (begin + np.arange(len(each.raw)) + 0.5 + shift) * SINCE[each.since]
        lat = file.createVariable("lat", "f8", ("lat",))
        lat.units = "degrees_north"
        lat[:] = [-45.0, 0.0, 45.0]
        field = file.createVariable(
            "tas",
            np.dtype(each.kind).newbyteorder(each.endian),
            ("time", "lat"),
            fill_value=each.fill,
            endian=each.endian,
            **each.filters,
        )
        field.set_auto_maskandscale(False)
        field.setncatts({"units": "K", **each.attrs})
        field[:] = each.raw
    return str(path)


def alone(path):
    """What the file holds by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xr.SerializationWarning)  # two fill values: both are
        with xr.open_dataset(path, engine="netcdf4", cache=False) as dataset:
            return dataset.load()


@given(st.lists(stored(), min_size=1, max_size=4), st.sampled_from(["auto", {}, {"time": 2}]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_values_are_those_that_xarray_reads_of_each_file(tmp_path_factory, files, chunks):
    folder = tmp_path_factory.mktemp("packed")
    paths, begin = [], 0
    for number, each in enumerate(files):
        paths.append(write(folder / f"{number}.nc", each, begin))
        begin += len(each.raw)
    truth = [alone(path) for path in paths]
    event(
        f"{len({each.form for each in files})} formats, {len({each.kind for each in files})} types"
    )
    joined = open_datasets(
        [DatasetFiles("k", tuple(paths))], chunks=chunks, on_error="raise", harmonise=False
    )["k"]
    values = np.concatenate([each["tas"].values.astype("f8") for each in truth])
    found = joined["tas"]
    assert found.dtype == np.result_type(*(each["tas"].dtype for each in truth))
    np.testing.assert_array_equal(found.values.astype("f8"), values)
    assert found.values.dtype == found.dtype
    times = np.concatenate([each["time"].values for each in truth])
    np.testing.assert_array_equal(joined["time"].values, times)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_values_are_the_same_when_they_are_asked_for_again(tmp_path, form):
    """Small variables are in memory: doubles packed as doubles could be unpacked where they are kept."""
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", None)
        axis = file.createVariable("time", "f8", ("time",))
        axis.units = "days since 2000-01-01"
        axis[:] = np.arange(4)
        field = file.createVariable("a", "f8", ("time",))
        field.set_auto_maskandscale(False)
        field.setncatts({"scale_factor": 2.0, "add_offset": 1.0})
        field[:] = np.arange(4)
    found = open_datasets([DatasetFiles("k", (str(path),))])["k"]["a"]
    for _ in range(3):
        np.testing.assert_array_equal(found.compute(), [1, 3, 5, 7])
