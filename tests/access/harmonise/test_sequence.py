"""Whatever comes in, something comes out: no exception, no wrong number, and every change told."""

from __future__ import annotations

import pickle

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.access.harmonise import FIXES, Step, harmonise
from climeri_platform.core.errors import UnknownValue

NAMES = ["lat", "latitude", "nav_lat", "lon", "time", "time_counter", "lev", "rlat", "x", "nv"]
STANDARD = [
    "latitude",
    "longitude",
    "time",
    "grid_latitude",
    "depth",
    "air_pressure",
    "realization",
]
UNITS = ["degrees_north", "degrees_east", "K", "1", "", "hPa", "radian", "centimeters", "nonsense"]
MODELS = ["CESM2", "CIESM", "CNRM-ALADIN53", "IPSL-WRF381P", "EC-Earth3", "MIROC5", ""]


@st.composite
def odd(draw):
    """Return a dataset that no convention foresees."""
    dims = draw(st.lists(st.sampled_from(NAMES), min_size=0, max_size=3, unique=True))
    sizes = {dim: draw(st.integers(0, 5)) for dim in dims}
    held = xr.Dataset(attrs=draw(st.sampled_from([{}, {"CORDEX_domain": "EUR-11"}])))
    variables = ["tas", "pr", "cl", "nbp", "odd_bnds", "latitude_bnds", *NAMES]
    for name in draw(st.lists(st.sampled_from(variables), max_size=6, unique=True)):
        its = [dim for dim in dims if draw(st.booleans())]
        if name in dims:
            its = [name]
        shape = [sizes[dim] for dim in its]
        kind = draw(st.sampled_from(["f4", "f8", "i4", "U2", "M8[us]"]))
        values = np.asarray(draw(st.sampled_from([0, 1, -3, 7])) * np.ones(shape)).astype("i8")
        values = values.astype(kind)
        if kind == "f4" and draw(st.booleans()):
            values[...] = np.nan
        if its and kind != "U2" and name not in dims:
            values = da.from_array(values)
        attributes = {}
        for word, some in (
            ("standard_name", STANDARD),
            ("units", UNITS),
            ("bounds", variables),
            ("axis", ["T", "Y", "Q"]),
            ("coordinates", ["lat lon", "geolat_t", "nav_lat"]),
        ):
            if draw(st.booleans()):
                attributes[word] = draw(st.sampled_from(some))
        held[name] = xr.Variable(its, values, attributes)
    coords = [n for n in held.data_vars if draw(st.booleans())]
    return held.set_coords(coords)


@settings(max_examples=150)
@given(odd(), st.sampled_from(MODELS))
def test_no_dataset_is_too_odd(held, model):
    before = {name: dict(each.attrs) for name, each in held.variables.items()}
    out, steps = harmonise(held, {"model": model, "variable": "tas"})
    assert {name: dict(each.attrs) for name, each in held.variables.items()} == before
    assert all(isinstance(step, Step) and step.said for step in steps)
    again, _ = harmonise(out, {"model": model, "variable": "tas"})
    assert again.identical(out)
    told = {step.variable for step in steps if step.kind == "numbers"}
    for name in ("tas", "pr", "cl", "nbp"):
        if name in held.data_vars and name in out and name not in told:
            before_it, after = held[name].values, out[name].values
            assert sorted(map(str, before_it.ravel())) == sorted(map(str, after.ravel()))


def test_a_coordinate_that_is_called_time_and_nothing_more_is_left():
    held = xr.Dataset(coords={"time": ("time_counter", da.zeros((0,), dtype="f4"))})
    out, steps = harmonise(held, {})
    assert out.identical(held)
    assert steps == []


def test_an_empty_dataset_stays_empty():
    out, steps = harmonise(xr.Dataset(), {})
    assert out.identical(xr.Dataset())
    assert steps == []


@pytest.mark.parametrize("fix", sorted(FIXES))
def test_each_fix_can_be_left_out(nemo, fix):
    _, steps = harmonise(nemo, {}, without=[fix])
    assert fix not in {step.fix for step in steps}


def test_all_left_out_is_the_file(nemo):
    out, steps = harmonise(nemo, {}, without=FIXES)
    assert out is nemo
    assert steps == []


def test_a_fix_that_does_not_exist(nemo):
    with pytest.raises(UnknownValue) as told:
        harmonise(nemo, {}, without=["unit"])
    assert "units" in told.value.hint


def test_a_fix_that_fails_costs_that_fix(nemo, monkeypatch):
    def fails(dataset, about):
        raise ValueError("an odd file")

    monkeypatch.setitem(FIXES, "times", fails)
    out, steps = harmonise(nemo, {})
    assert "lat" in out.coords
    assert [s.said for s in steps if s.fix == "times"] == [
        "it is left as it is: ValueError: an odd file"
    ]


def test_what_was_done_is_kept_when_it_is_written(nemo, tmp_path):
    held = nemo.assign(tos=(("time_counter", "y", "x"), np.ones((2, 5, 6), "f4"), {"units": "K"}))
    out, _ = harmonise(held, {})
    for name in ("time", "time_centered"):
        out[name].encoding["units"] = "days since 2000-01-01"
    out.to_netcdf(tmp_path / "out.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as back:
        assert back["tos"].attrs["native_units"] == "K"
        assert "-273.15" in back["tos"].attrs["climeri_steps"]
        assert {"lat", "lon"} <= {*back["tos"].coords}
        assert harmonise(back, {})[1] == []


def test_what_is_lazy_can_be_sent_to_a_worker():
    fields = {"tos": 280.0, "siconca": 0.5, "tas": 5.0}
    lat, lon = np.linspace(-88, 88, 45), np.arange(0, 360, 5.0)
    for name, model in (("tas", "ALADIN53"), ("siconca", "EC-Earth3"), ("tos", "MIROC5")):
        units = "%" if name == "siconca" else "K"
        data = da.full((2, 45, 72), fields[name], dtype="f4", chunks=(1, 45, 72))
        held = xr.Dataset(
            {name: (("time", "lat", "lon"), data, {"units": units})}, {"lat": lat, "lon": lon}
        )
        out, _ = harmonise(held, {"model": model})
        again = pickle.loads(pickle.dumps(out))
        np.testing.assert_array_equal(again[name].values, out[name].values)
