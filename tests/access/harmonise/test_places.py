"""Turning rows and rolling columns: every place keeps its values."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from climeri_platform.access.harmonise import fields, harmonise
from climeri_platform.access.harmonise.longitudes import is_global
from climeri_platform.analysis import cell_area
from climeri_platform.core.errors import FileUnreadable


def where(dataset):
    """Return what the field says of each place, by the place."""
    values, lat, lon = (dataset[name].values for name in ("here", "lat", "lon"))
    return {
        (round(float(lat[j]), 3), round(float(lon[i]) % 360, 3)): float(values[j, i])
        for j, i in np.ndindex(values.shape)
    }


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(2, 9),
    columns=st.integers(2, 12),
    start=st.integers(-720, 719),
    down=st.booleans(),
    half=st.booleans(),
)
def test_values_stay_at_their_places(globe, rows, columns, start, down, half):
    lat = np.linspace(-80, 80, rows)[:: -1 if down else 1]
    step = 360 / columns
    lon = start / 4 + step * (np.arange(columns) + 0.5 * half)
    held = globe(lat, lon)
    out, _ = harmonise(held, {})
    assert where(out) == where(held)
    for name in ("lat", "lon"):
        assert (np.diff(out[name].values) > 0).all()
        low, high = out[f"{name}_bnds"].values.T
        assert ((low < out[name].values) & (out[name].values < high)).all()
        np.testing.assert_allclose(high - low, high[0] - low[0])
    assert out["lon"].values.min() >= -1e-3 * step
    assert out["lon"].values.max() < 360
    assert out["here"].chunks is not None
    again, more = harmonise(out, {})
    assert again.identical(out)
    assert [step for step in more if step.kind != "noted"] == []


def test_areas_of_a_rolled_globe_are_those_of_the_file(globe):
    held = globe(np.arange(85, -90, -10.0), np.arange(-180, 180, 20.0))
    out, _ = harmonise(held, {})
    assert float(cell_area(out).sum()) == pytest.approx(float(cell_area(held).sum()), rel=1e-14)


def test_nothing_is_read(unread):
    held = xr.Dataset(
        {"tas": (("time", "lat", "lon"), unread((2, 3, 4)), {"units": "K"})},
        {"lat": [50.0, 0, -50], "lon": [-180.0, -90, 0, 90]},
    )
    out, steps = harmonise(held, {})
    assert out["lon"].values.tolist() == [0, 90, 180, 270]
    assert out["tas"].dtype == np.float32
    assert {step.fix for step in steps} == {"latitudes", "longitudes"}
    assert "rows are turned" in out["lat"].attrs["climeri_steps"]


@pytest.mark.parametrize(
    "lon", [np.arange(-20, 30, 0.5), np.arange(150.0, 230, 1), [5.0], [0.0, 10, 200, 359]]
)
def test_a_region_keeps_its_longitudes(unread, lon):
    held = xr.Dataset({"v": (("lon",), unread((len(lon),)))}, {"lon": np.asarray(lon)})
    out, _ = harmonise(held, {})
    assert out["lon"].values.tolist() == list(lon)


def test_rounding_around_zero_moves_nothing(unread):
    lon = np.arange(0, 360, 2.5) - 1e-7
    out, _ = harmonise(xr.Dataset({"v": (("lon",), unread((144,)))}, {"lon": lon}), {})
    assert out["lon"].values.tolist() == lon.tolist()


def test_a_column_at_360_comes_first(globe):
    held = globe([-10.0, 10], np.arange(30, 361, 30.0))
    out, _ = harmonise(held, {})
    assert out["lon"].values.tolist() == np.arange(0, 360, 30.0).tolist()
    assert out["lon_bnds"].values[0].tolist() == [-15, 15]


def test_latitudes_in_no_order_stay_and_are_told(unread):
    held = xr.Dataset({"v": (("lat",), unread((3,)))}, {"lat": [0.0, 50, 10]})
    out, steps = harmonise(held, {})
    assert out["lat"].values.tolist() == [0, 50, 10]
    assert "neither increases nor decreases" in steps[0].said


def test_longitudes_of_a_curvilinear_globe_are_mapped_where_they_are(nemo):
    out, _ = harmonise(nemo.assign(tos=nemo["tos"] * 0), {})
    np.testing.assert_allclose(out["lon"].values, nemo["nav_lon"].values % 360)
    moved = out["lon_bnds"].values[..., 0] - nemo["bounds_nav_lon"].values[..., 0]
    np.testing.assert_allclose(moved, out["lon"].values - nemo["nav_lon"].values)


def test_longitudes_of_a_regional_model_stay(nemo):
    out, _ = harmonise(nemo, {"domain": "EUR-11"})
    assert out["lon"].identical(out["lon"])
    np.testing.assert_array_equal(out["lon"].values, nemo["nav_lon"].values)


def test_a_last_column_that_repeats_the_first_goes(unread):
    lon = np.linspace(-180, 180, 97)
    held = xr.Dataset({"t2m": (("lat", "lon"), unread((3, 97)))}, {"lat": [-1.0, 0, 1], "lon": lon})
    out, steps = harmonise(held, {})
    assert out.sizes["lon"] == 96
    assert steps[0].said == "the column at 180 repeats the one at -180; it is left out"
    assert out["lon"].values[0] == 0


def test_two_half_columns_are_two_places(unread):
    lon = np.linspace(0, 360, 13)
    edges = np.stack([np.maximum(lon - 15, 0), np.minimum(lon + 15, 360)], 1)
    held = xr.Dataset(
        {"v": (("lon",), unread((13,))), "lon_bnds": (("lon", "bnds"), edges)},
        {"lon": ("lon", lon, {"bounds": "lon_bnds"})},
    )
    assert harmonise(held, {})[0].sizes["lon"] == 13


def test_what_goes_round_once_is_global():
    assert is_global(np.arange(0.5, 360, 1))
    assert not is_global(np.arange(0.0, 361, 1))
    assert not is_global(np.arange(0.0, 359, 1))
    assert not is_global(np.array([0.0, np.nan]))


def ocean(west, *, wrong=None):
    """Return a curvilinear sea whose coordinates are still in a file."""
    lat, lon = np.meshgrid(np.linspace(-70.0, 80.0, 9), west + np.arange(12) * 30.0, indexing="ij")
    if wrong is not None:
        lat[2, 3] = wrong
    coords = {
        "lat": (("y", "x"), lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": (("y", "x"), lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    sea = xr.Dataset({"tos": (("y", "x"), np.ones((9, 12), "f4"), {"units": "degC"})}, coords)
    return sea.chunk()


def test_a_curvilinear_grid_in_which_nothing_is_wrong_has_no_steps():
    first, steps = harmonise(ocean(0.5), {})
    assert [step.said for step in steps if step.fix != "units"] == []
    second, _ = harmonise(ocean(0.5), {})
    for name in ("lat", "lon"):
        assert np.shares_memory(first[name].variable.data, second[name].variable.data), name
        np.testing.assert_array_equal(first[name], ocean(0.5)[name])
    assert first["tos"].chunks is not None


@pytest.mark.parametrize("few", [True, False])
def test_what_is_wrong_in_a_curvilinear_grid_is_told_once(few, monkeypatch):
    if not few:
        monkeypatch.setattr(fields, "_FEW", 1)
    once, steps = harmonise(ocean(-180.0, wrong=1e30), {})
    said = {step.variable: step.said for step in steps if step.fix != "units"}
    count = "1 of 108 values" if few else "if there is any"
    assert count in said["lat"]
    assert "brought to 0 to 360" in said["lon"]
    assert np.isnan(once["lat"].values[2, 3])
    assert once["lon"].values.min() == 0
    assert once["lon"].values.max() == 330
    again, more = harmonise(once, {})
    assert [step for step in more if step.kind != "noted"] == []
    xr.testing.assert_identical(again.compute(), once.compute())


def test_coordinates_that_cannot_be_read_stay_as_they_are():
    def refused(block):
        raise FileUnreadable("it ends at byte 7", hint="Fetch it again.")

    sea = ocean(0.5)
    broken = sea["lat"].data.map_blocks(refused, dtype="f8", meta=np.empty((0, 0)))
    out, steps = harmonise(sea.assign_coords(lat=(("y", "x"), broken, sea["lat"].attrs)), {})
    assert out["lat"].chunks is not None
    assert any("ends at byte 7" in step.said for step in steps)
