"""What is said of coordinates: their bounds, by whatever name; and their values, read here."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.coordinates import (
    bounds_of,
    is_bounds,
    marginal_names,
    named_by,
    read_here,
    rounding,
    words,
)
from climeri_platform.access.cutting import cut_period
from climeri_platform.access.engines.header import HeldArray, StoredVariable
from climeri_platform.access.harmonise.bounds import name_bounds
from climeri_platform.access.samegrid import on_one_grid
from climeri_platform.core.errors import GridMismatch

USUAL = ["lat_bnds", "lat_bounds", "bounds_lat", "lat_vertices", "vertices_lat", "lat_bound"]
PAIRS = np.array([[-90.0, 0], [0, 90]])


def on_latitudes(edges="lat_bnds", *, encoding=None, dims=("lat", "bnds"), **attributes):
    dataset = xr.Dataset({"tas": ("lat", [1.0, 2])}, {"lat": ("lat", [-45.0, 45], attributes)})
    dataset["lat"].encoding = encoding or {}
    dataset[edges] = dims, PAIRS
    return dataset


@pytest.mark.parametrize("name", USUAL)
def test_bounds_are_known_by_the_usual_names(name):
    dataset = on_latitudes(name)
    assert bounds_of(dataset, "lat") == name
    assert is_bounds(dataset, name)
    assert bounds_of(dataset.rename(lat="y").assign_coords(y=("y", [1.0, 2])), "y") is None
    native = on_latitudes(name).rename(lat="y")
    native["y"].attrs["native_name"] = "lat"
    assert bounds_of(native, "y") == name


@given(
    name=st.text("abcxyz_", min_size=1, max_size=8).filter(lambda name: name not in ("lat", "y"))
)
def test_bounds_are_known_by_what_their_coordinate_says(name):
    for dataset in (on_latitudes(name, bounds=name), on_latitudes(name, encoding={"bounds": name})):
        assert bounds_of(dataset, "lat") == name
        assert is_bounds(dataset, name)
        assert name in marginal_names(dataset)


def test_what_is_declared_goes_before_what_is_usual():
    dataset = on_latitudes("edges", bounds="edges")
    dataset["lat_bnds"] = dataset["edges"]
    assert bounds_of(dataset, "lat") == "edges"


@pytest.mark.parametrize("dims", [("lat",), ("lat", "bnds", "more"), ("y", "bnds")])
def test_what_has_not_one_dimension_more_is_no_bounds(dims):
    dataset = xr.Dataset({"lat_bnds": (dims, np.zeros((2,) * len(dims)))}, {"lat": [-45.0, 45]})
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    assert bounds_of(dataset, "lat") is None


def test_what_is_not_there_is_no_bounds():
    dataset = on_latitudes("other", bounds="gone")
    assert bounds_of(dataset, "lat") is None
    assert bounds_of(dataset, "lon") is None  # nor has what is no variable any
    assert marginal_names(dataset) == set()


def test_the_years_of_a_climatology_are_no_bounds_and_are_marginal():
    months = np.array(["2000-01-16", "2000-02-15"], "M8[ns]")
    dataset = xr.Dataset(coords={"time": ("time", months, {"climatology": "climatology_bnds"})})
    dataset["climatology_bnds"] = ("time", "bnds"), np.stack([months, months], 1)
    assert bounds_of(dataset, "time") is None
    assert is_bounds(dataset, "climatology_bnds")
    assert marginal_names(dataset) == {"climatology_bnds"}
    named, steps = name_bounds(dataset, {})
    assert steps == []
    assert named["time"].attrs == {"climatology": "climatology_bnds"}


def test_a_period_is_cut_by_bounds_that_are_not_declared():
    ends = np.arange("2000-02", "2000-08", dtype="M8[M]").astype("M8[ns]")  # stamps at the end
    begins = np.arange("2000-01", "2000-07", dtype="M8[M]").astype("M8[ns]")
    dataset = xr.Dataset({"tas": ("time", np.arange(1.0, 7))}, {"time": ends})
    dataset["time_bnds"] = ("time", "bnds"), np.stack([begins, ends], 1)
    cut, notes = cut_period(dataset, "2000-03/2000-04")
    assert cut["tas"].values.tolist() == [3.0, 4.0]
    assert notes == []


def test_a_grid_mapping_may_say_which_coordinates_it_is_of():
    dataset = xr.Dataset(
        {"tas": ("x", [1.0], {"grid_mapping": "crs: x y"}), "pr": ("x", [1.0])},
        {"x": [1.0], "y": 2.0, "crs": 0, "wgs": 0},
    )
    dataset["pr"].encoding["grid_mapping"] = "wgs"
    assert marginal_names(dataset) == {"crs", "wgs"}


@pytest.mark.parametrize("nothing", [None, "", " ", 1, np.array([1, 2])])
def test_an_attribute_that_is_no_text_names_nothing(nothing):
    stored = StoredVariable(("x",), {"bounds": nothing}, HeldArray(np.zeros(1)), {})
    assert words(stored, "bounds") == []
    assert named_by([stored], "bounds", "coordinates") == set()
    said = StoredVariable(("x",), {"bounds": nothing}, HeldArray(np.zeros(1)), {"bounds": "b c"})
    assert words(said, "bounds") == ["b", "c"]


def test_no_cluster_is_asked_for_a_coordinate():
    def never(*_args, **_kwargs):
        raise AssertionError

    lazy = xr.DataArray(da.arange(5, chunks=2), dims="x")
    with dask.config.set(scheduler=never):
        for held in (lazy, lazy.variable, lazy.copy(data=np.arange(5))):
            assert read_here(held).tolist() == [*range(5)]


@pytest.mark.parametrize(
    ("here", "there", "on_axis", "off_axis"),
    [
        ([0.0, 1, 2], [0.0, 1, 2], True, True),
        ([0, 1, 2], [0.0, 1, 2], True, True),  # whole numbers in one file, others in another
        ([0.0, 1, 2], [0.0, 1.0009, 2], True, True),
        ([0.0, 1, 2], [0.0, 1.002, 2], False, False),
        ([0.0, 1e-3, 2e-3], [0.0, 1e-3, 2.1e-3], False, True),
        ([1e5, 9e4], [1e5, 9e4 + 5], True, False),
        ([5.0, 5, 7], [5.0, 5 + 1e-6, 7], False, True),  # two cells of a mesh at one latitude
        ([np.nan, 1, 2], [np.nan, 1, 2], True, True),
        ([np.nan, 1, 2], [0.0, 1, 2], False, False),
        ([np.nan, 1], [np.nan, 5], False, False),
        ([1e20, 1, 2], [1e20, 5, 9], False, False),  # a fill value hides nothing
        ([np.inf, 1, 2], [np.inf, 5, 9], False, False),
        ([0.0, 1], [0.0, 1, 2], False, False),
        (["a", "b"], ["a", "b"], True, True),
        (["a", "b"], ["a", "c"], False, False),
        ([], [], True, True),
    ],
)
def test_what_is_rounding(here, there, on_axis, off_axis):
    here, there = np.array(here), np.array(there)
    assert (rounding(here, there, axis=True) is not None) == on_axis
    assert (rounding(here, there, axis=False) is not None) == off_axis


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.booleans())
def test_a_coordinate_is_itself_whatever_way_it_is_written(values, axis):
    whole = np.array(values)
    assert rounding(whole, whole.copy(), axis=axis) == 0
    assert rounding(whole, whole + 1e7, axis=axis) is None


def test_cells_of_a_mesh_at_one_latitude_are_on_one_grid():
    def mesh(shift):
        lat = np.array([10.0, 10, 20]) + shift
        return xr.Dataset({"tas": ("cell", np.zeros(3))}, {"lat": ("cell", lat)})

    made, notes = on_one_grid({"a": mesh(0), "b": mesh(1e-6)})
    np.testing.assert_array_equal(made["b"]["lat"], made["a"]["lat"])
    assert notes == ["lat differs by up to 1.0e-06, which is rounding; that of a is kept"]
    with pytest.raises(GridMismatch, match="lat differs by up to 1"):
        on_one_grid({"a": mesh(0), "b": mesh(1.0)})
