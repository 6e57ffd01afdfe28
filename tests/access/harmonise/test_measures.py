"""Areas and land fractions are attached where they lie on the grid, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import open_file
from climeri_platform.access.harmonise import attach_measures, harmonise
from climeri_platform.analysis import cell_area, global_mean
from climeri_platform.testing.ocean import tripolar

HERE = {"model": "M", "experiment": "piControl", "member": "r1i1p1f1"}


def tas(unread, lat=None, lon=None):
    lat = np.linspace(-87.5, 87.5, 36) if lat is None else lat
    lon = np.arange(0, 360, 5.0) if lon is None else lon
    held = xr.Dataset(
        {"tas": (("time", "lat", "lon"), unread((2, lat.size, lon.size)), {"units": "K"})},
        {"lat": ("lat", lat), "lon": ("lon", lon)},
    )
    held["tas"].attrs["cell_measures"] = "area: areacella volume: v"
    return held


def measure(lat, lon, name="areacella", units="m2", value=1.0):
    values = np.full((lat.size, lon.size), value, "f4")
    return xr.Dataset({name: (("lat", "lon"), values, {"units": units})}, {"lat": lat, "lon": lon})


LAT, LON = np.linspace(-87.5, 87.5, 36), np.arange(0, 360, 5.0)


def test_a_measure_on_the_grid_is_attached(unread):
    out, (step,) = attach_measures(tas(unread), [(HERE, measure(LAT, LON))])
    assert out["areacella"].dims == ("lat", "lon")
    assert "areacella" in out["tas"].coords
    assert out["tas"].attrs["cell_measures"] == "area: areacella volume: v"
    assert step.said == "areacella is that of M, piControl, r1i1p1f1"
    assert out["areacella"].attrs["climeri_steps"] == step.said


def test_the_file_may_run_the_other_way_and_in_other_units(unread):
    lon = np.arange(-180, 180, 5.0)
    other = measure(LAT[::-1], lon, units="km2", value=2.0)
    out, _ = attach_measures(tas(unread), [(HERE, other)])
    assert float(out["areacella"][0, 0]) == 2e6
    fraction = measure(LAT, lon, "sftlf", "1", 0.25)
    out, steps = attach_measures(out, [(HERE, fraction)])
    assert float(out["sftlf"][0, 0]) == 25
    assert [step.variable for step in steps] == ["sftlf"]


@pytest.mark.parametrize(
    ("lat", "lon", "why"),
    [
        (LAT[:-1], LON, "it has"),
        (LAT + 0.5, LON, "lat has other values"),
        (LAT, LON + 2.5, "lon has other values"),
    ],
)
def test_another_grid_is_refused_and_the_next_is_taken(unread, lat, lon, why):
    good = measure(LAT + 1e-6, LON)
    out, steps = attach_measures(tas(unread), [({}, measure(lat, lon)), (HERE, good)])
    assert why in steps[0].said
    assert steps[0].kind == "noted"
    assert steps[1].said.startswith("areacella is that of M")
    np.testing.assert_array_equal(out["lat"].values, LAT)
    assert out.sizes["lat"] == 36


def test_without_one_the_bands_are_exact(unread):
    held = tas(unread)
    out, (step,) = attach_measures(held, [])
    assert out["tas"].attrs["cell_measures"] == "area: cell_area volume: v"
    np.testing.assert_array_equal(out["cell_area"].values, cell_area(held).values)
    assert float(out["cell_area"].sum()) == pytest.approx(4 * np.pi * 6371229.0**2)
    assert "exact areas of the bands" in step.said


def test_a_curvilinear_grid_without_one_is_told():
    ocean = tripolar(40, 60)
    held = xr.Dataset(
        {"tos": (("y", "x"), np.zeros_like(ocean.lat, "f4"), {"units": "degC"})},
        {"lat": (("y", "x"), ocean.lat), "lon": (("y", "x"), ocean.lon)},
    )
    out, (step,) = attach_measures(held, [])
    assert "only a rectilinear grid tells it" in step.said
    assert "cell_area" not in out.variables
    area = held[["lat", "lon"]].assign(areacello=(("y", "x"), ocean.area, {"units": "m2"}))
    out, (step,) = attach_measures(held, [(HERE, area)])
    assert float(out["areacello"].sum()) == ocean.area.sum()
    moved = area.assign_coords(lon=area["lon"] + 1)
    assert "lon has other values" in attach_measures(held, [(HERE, moved)])[1][0].said


def test_the_repeated_cells_of_a_measure_are_zero():
    ocean = tripolar(40, 60)
    wrap = [np.concatenate([f[:, -1:], f, f[:, :1]], 1) for f in (ocean.lat, ocean.lon, ocean.area)]
    places = {"lat": (("y", "x"), wrap[0]), "lon": (("y", "x"), wrap[1])}
    held = xr.Dataset({"tos": (("y", "x"), np.ones_like(wrap[0]), {"units": "degC"})}, places)
    area = xr.Dataset({"areacello": (("y", "x"), wrap[2], {"units": "m2"})}, places)
    held, _ = harmonise(held, {})
    out, _ = attach_measures(held, [(HERE, area)])
    assert float(out["areacello"].sum()) == pytest.approx(ocean.area.sum(), rel=1e-12)


def test_the_archive_s_own_measures(small_archive):
    root = small_archive / "CMIP6" / "CMIP" / "DEMO" / "AUTAN-CM2" / "historical"

    def one(pattern):
        return harmonise(open_file(min(root.glob(pattern))), {})[0]

    for field, name in (("Omon/tos", "Ofx/areacello"), ("Amon/tas", "fx/areacella")):
        held, area = one(f"*/{field}/*/v*/*.nc"), one(f"*/{name}/*/v*/*.nc")
        out, (step,) = attach_measures(held, [(HERE, area)])
        measure_name, variable = name.split("/")[1], field.split("/")[1]
        assert step.variable == measure_name
        mean = global_mean(out, variable=variable, area=out[measure_name])
        alone = global_mean(held, variable=variable, area=area[measure_name])
        np.testing.assert_array_equal(mean.isel(time=0).values, alone.isel(time=0).values)
