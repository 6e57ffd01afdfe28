"""One vocabulary: what the metadata say counts, and what is ambiguous stays."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.harmonise import harmonise

NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}


def said(steps, fix):
    return [step.said for step in steps if step.fix == fix]


def test_nemo_gets_the_names_of_everybody(nemo):
    out, steps = harmonise(nemo, {"variable": "tos"})
    assert out["tos"].dims == ("time", "y", "x")
    assert out["lat"].dims == out["lon"].dims == ("y", "x")
    assert out["lat_bnds"].dims == ("y", "x", "vertices")
    assert out["time_bnds"].dims == ("time", "bnds")
    assert out["lat"].attrs["bounds"] == "lat_bnds"
    assert out["time"].attrs["bounds"] == "time_bnds"
    assert out["time_centered"].attrs["bounds"] == "time_centered_bnds"
    assert not {"nav_lat", "time_counter", "bounds_nav_lat"} & {*out.variables}
    assert out["lat"].attrs["native_name"] == "nav_lat"
    assert "nav_lat is called lat" in said(steps, "names")


def test_one_coordinate_alone_has_the_standard_name_of_time(nemo):
    out, _ = harmonise(nemo, {})
    times = [name for name in out.coords if out[name].attrs.get("standard_name") == "time"]
    assert times == ["time"]
    assert out["time_centered"].attrs["climeri_native_standard_name"] == "time"
    assert "time_centered" in out.coords


def test_what_came_in_is_not_changed(nemo):
    before = {n: dict(v.attrs) for n, v in nemo.variables.items()}
    harmonise(nemo, {"model": "CESM2", "domain": "EUR-11"})
    assert {n: dict(v.attrs) for n, v in nemo.variables.items()} == before


def test_twice_is_once(nemo):
    once, _ = harmonise(nemo, {})
    twice, more = harmonise(once, {})
    assert [step for step in more if step.kind != "noted"] == []
    assert {n: (v.dims, v.attrs) for n, v in twice.variables.items()} == {
        n: (v.dims, v.attrs) for n, v in once.variables.items()
    }
    assert twice["tos"].data.name == once["tos"].data.name


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("latitude", {}),
        ("Y", NORTH),
        ("rows", {"standard_name": "latitude"}),
        ("rows", {"_CoordinateAxisType": "Lat"}),
        ("yc", {"units": "degree_N"}),
    ],
)
def test_metadata_say_what_a_latitude_is(unread, name, attributes):
    held = xr.Dataset({"v": ((name,), unread((3,)))}, {name: (name, [1.0, 2, 3], attributes)})
    out, _ = harmonise(held, {})
    assert out["v"].dims == ("lat",)
    assert out["lat"].values.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "attributes",
    [{"standard_name": "grid_latitude"}, {**NORTH, "long_name": "nominal latitude"}],
)
def test_what_is_no_true_latitude_is_not_called_so(unread, attributes):
    held = xr.Dataset(
        {"v": (("latitude",), unread((2,)))}, {"latitude": ("latitude", [1.0, 2], attributes)}
    )
    out, _ = harmonise(held, {})
    assert "lat" not in out.variables


def test_two_that_could_be_meant_stay_and_are_told(unread):
    place = (("nlat", "nlon"), np.ones((2, 2)), NORTH)
    held = xr.Dataset({"v": (("nlat", "nlon"), unread((2, 2)))}, {"TLAT": place, "ULAT": place})
    out, steps = harmonise(held, {})
    assert {"TLAT", "ULAT"} <= {*out.coords}
    assert said(steps, "names") == ["TLAT, ULAT could all be its lat; they keep their names"]


def test_the_field_says_which_of_two_is_meant(unread):
    place = (("nlat", "nlon"), np.ones((2, 2)), NORTH)
    held = xr.Dataset({"v": (("nlat", "nlon"), unread((2, 2)))}, {"TLAT": place, "ULAT": place})
    held["v"].encoding["coordinates"] = "ULAT"
    out, _ = harmonise(held, {})
    assert out["lat"].attrs["native_name"] == "ULAT"
    assert out["v"].encoding["coordinates"] == "lat"


def test_axes_of_a_tripolar_grid_without_its_places_keep_their_names(unread):
    held = xr.Dataset(
        {"temp": (("yt_ocean",), unread((2,)))}, {"yt_ocean": ("yt_ocean", [1.0, 2], NORTH)}
    )
    held["temp"].encoding["coordinates"] = "geolat_t geolon_t"
    out, steps = harmonise(held, {})
    assert out["temp"].dims == ("yt_ocean",)
    assert "true only outside the grid's poles" in said(steps, "names")[0]


def test_places_held_as_data_become_coordinates(unread):
    held = xr.Dataset(
        {
            "v": (("y", "x"), unread((2, 2))),
            "latitude": (("y", "x"), np.ones((2, 2)), NORTH),
            "longitude": (("y", "x"), np.ones((2, 2)), EAST),
        }
    )
    held["v"].attrs["coordinates"] = "lat lon"
    out, _ = harmonise(held, {"variable": "v"})
    assert {"lat", "lon"} <= {*out["v"].coords}


def test_dimensions_that_bear_the_names_of_places_give_way(unread):
    held = xr.Dataset(
        {"v": (("lat", "lon"), unread((2, 3)))},
        {
            "latitude": (("lat", "lon"), np.ones((2, 3)), NORTH),
            "longitude": (("lat", "lon"), np.ones((2, 3)), EAST),
        },
    )
    out, _ = harmonise(held, {})
    assert out["v"].dims == ("y", "x")
    assert out["lat"].dims == out["lon"].dims == ("y", "x")


def test_a_name_that_is_taken_is_not_taken_away(unread):
    held = xr.Dataset(
        {"v": (("latitude",), unread((2,))), "lat": ("latitude", ["a", "b"])},
        {"latitude": ("latitude", [1.0, 2], NORTH)},
    )
    out, steps = harmonise(held, {"variable": "v"})
    assert out["lat"].values.tolist() == ["a", "b"]
    assert "something else" in said(steps, "names")[0]


@pytest.mark.parametrize(
    ("name", "attributes", "about", "wanted"),
    [
        ("level", {"units": "hPa"}, {}, "plev"),
        ("pressure", {"standard_name": "air_pressure", "units": "Pa"}, {}, "plev"),
        ("deptht", {"units": "m"}, {}, "lev"),
        ("depth", {"standard_name": "depth", "units": "m"}, {"realm": "ocean"}, "lev"),
        ("depth", {"standard_name": "depth", "units": "m"}, {"realm": "land"}, "depth"),
        ("level", {"units": "1"}, {}, "level"),
        ("ens", {"standard_name": "realization"}, {}, "member"),
    ],
)
def test_levels_and_members(unread, name, attributes, about, wanted):
    held = xr.Dataset({"v": ((name,), unread((2,)))}, {name: (name, [1.0, 2], attributes)})
    assert harmonise(held, about)[0]["v"].dims == (wanted,)


@pytest.mark.parametrize("year", [1, 1582, 2262, 9999])
def test_calendars_stay(unread, year):
    dates = [cftime.DatetimeNoLeap(year, month, 15) for month in (1, 2)]
    held = xr.Dataset(
        {"v": (("t_ave_01month",), unread((2,)))},
        {"t_ave_01month": ("t_ave_01month", dates, {"axis": "T"})},
    )
    out, _ = harmonise(held, {})
    assert out["v"].dims == ("time",)
    assert out["time"].values.tolist() == dates


def test_a_time_dimension_without_values_takes_the_one_beside_it(unread):
    months = np.array(["2000-01-16", "2000-02-15"], "M8[us]")
    held = xr.Dataset(
        {"v": (("time_counter",), unread((2,)))},
        {"time_centered": ("time_counter", months, {"standard_name": "time"})},
    )
    out, _ = harmonise(held, {})
    assert out.indexes["time"].size == 2
    assert out["v"].dims == ("time",)


def test_the_number_of_a_vertex_goes_with_its_dimension(unread):
    held = xr.Dataset(
        {"v": (("time",), unread((2,))), "time_bounds": (("time", "nv"), np.zeros((2, 2)))},
        {
            "time": ("time", [1.0, 2], {"bounds": "time_bounds", "axis": "T"}),
            "nv": ("nv", [1.0, 2]),
        },
    )
    out, steps = harmonise(held, {})
    assert out["time_bnds"].dims == ("time", "bnds")
    assert "nv" not in out.coords
    assert [step for step in steps if step.kind == "noted"] == []
