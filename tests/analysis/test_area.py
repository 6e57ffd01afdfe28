"""Areas of cells: exact on the sphere, refused where they cannot be known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.analysis import EARTH_RADIUS, cell_area
from climeri_platform.core.errors import DatasetInconsistent

SPHERE = 4 * np.pi * EARTH_RADIUS**2


def grid(lat_edges, lon_edges, **names):
    lat_edges, lon_edges = np.asarray(lat_edges, float), np.asarray(lon_edges, float)
    bnds = names.get("bnds", "bnds")
    return xr.Dataset(
        coords={
            "lat": ("lat", (lat_edges[:-1] + lat_edges[1:]) / 2, {"bounds": f"lat_{bnds}"}),
            "lon": ("lon", (lon_edges[:-1] + lon_edges[1:]) / 2, {"bounds": f"lon_{bnds}"}),
            f"lat_{bnds}": (("lat", "two"), np.stack([lat_edges[:-1], lat_edges[1:]], 1)),
            f"lon_{bnds}": (("lon", "two"), np.stack([lon_edges[:-1], lon_edges[1:]], 1)),
        }
    )


@st.composite
def global_edges(draw):
    inner = draw(st.lists(st.floats(-89.5, 89.5), max_size=20, unique_by=lambda x: round(x, 1)))
    lat = np.r_[-90.0, sorted(inner), 90.0]
    if draw(st.booleans()):
        lat = lat[::-1]
    start = draw(st.sampled_from([0.0, -180.0, -1.25, 0.5, 20.0]))
    return lat, start + np.linspace(0, 360, draw(st.integers(2, 40)))


@given(global_edges())
@settings(deadline=None)
def test_the_cells_of_a_globe_add_up_to_the_sphere(edges):
    area = cell_area(grid(*edges))
    assert float(area.sum()) == pytest.approx(SPHERE, rel=1e-12)
    assert bool((area > 0).all())


@given(global_edges(), st.integers(0, 40))
@settings(deadline=None)
def test_areas_follow_a_flip_and_a_roll(edges, shift):
    ds = grid(*edges)
    area = cell_area(ds)
    turned = ds.isel(lat=slice(None, None, -1)).roll(lon=shift, roll_coords=True)
    expected = area.isel(lat=slice(None, None, -1)).roll(lon=shift, roll_coords=True)
    np.testing.assert_allclose(cell_area(turned).values, expected.values, rtol=1e-12)


def test_one_cell_has_the_area_of_the_formula():
    area = cell_area(grid([30, 40], [10, 12]))
    expected = EARTH_RADIUS**2 * np.deg2rad(2) * (np.sin(np.deg2rad(40)) - 0.5)
    assert float(area.squeeze()) == pytest.approx(expected, rel=1e-14)
    assert area.attrs["units"] == "m2"
    assert "lat_bnds" in area.attrs["climeri_area_weights"]


def test_bounds_are_found_under_other_names():
    ds = grid([-90, 0, 90], [0, 360], bnds="vertices")
    assert "lat_vertices" in cell_area(ds).attrs["climeri_area_weights"]
    ds = grid([-90, 0, 90], [0, 360], bnds="bounds")
    del ds.lat.attrs["bounds"], ds.lon.attrs["bounds"]
    assert "lat_bounds" in cell_area(ds).attrs["climeri_area_weights"]


def test_a_cell_may_cross_the_end_of_the_circle():
    ds = grid([-90, 90], [-2, 2, 6])
    ds["lon_bnds"] = (("lon", "two"), [[358.0, 2.0], [2.0, 6.0]])
    np.testing.assert_allclose(cell_area(ds) / SPHERE, [[4 / 360, 4 / 360]], rtol=1e-14)


def test_a_single_longitude_may_be_the_whole_circle():
    assert float(cell_area(grid([-90, 0, 90], [0, 360])).sum()) == pytest.approx(SPHERE)


def test_edges_are_inferred_only_where_there_are_none_and_this_is_said():
    ds = grid(np.linspace(-90, 90, 37), np.linspace(0, 360, 73))
    exact = cell_area(ds)
    bare = cell_area(ds.drop_vars(["lat_bnds", "lon_bnds"]))
    np.testing.assert_allclose(bare.values, exact.values, rtol=1e-12)
    assert (
        "inferred from midpoints, because lat has no bounds" in bare.attrs["climeri_area_weights"]
    )
    assert "inferred" not in exact.attrs["climeri_area_weights"]


def test_inferred_cells_end_at_the_poles():
    centres = {"lat": np.linspace(-90, 90, 19), "lon": np.arange(0, 360, 10.0)}
    assert float(cell_area(xr.Dataset(coords=centres)).sum()) == pytest.approx(SPHERE, rel=1e-12)
    gauss = np.rad2deg(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
    area = cell_area(xr.Dataset(coords={"lat": gauss, "lon": np.arange(0, 360, 2.8125)}))
    assert float(area.sum()) == pytest.approx(SPHERE, rel=1e-12)


def test_a_region_is_not_stretched_to_the_poles():
    region = xr.Dataset(coords={"lat": np.arange(70.5, 85), "lon": np.arange(0.5, 40)})
    top = cell_area(region).isel(lat=-1, lon=0)
    expected = np.sin(np.deg2rad(85)) - np.sin(np.deg2rad(84))
    assert float(top) == pytest.approx(EARTH_RADIUS**2 * np.deg2rad(1) * expected, rel=1e-12)


def test_a_rotated_grid_is_as_exact_as_a_true_one():
    true = cell_area(grid(np.linspace(-20, 20, 81), np.linspace(-25, 25, 101)))
    ds = grid(np.linspace(-20, 20, 81), np.linspace(-25, 25, 101)).rename(lat="rlat", lon="rlon")
    ds["rlat"].attrs.update(standard_name="grid_latitude", bounds="lat_bnds", units="degrees")
    ds["rlon"].attrs.update(standard_name="grid_longitude", bounds="lon_bnds", units="degrees")
    ds["lat"] = (("rlat", "rlon"), np.zeros((80, 100)), {"units": "degrees_north"})
    ds = ds.set_coords("lat")
    area = cell_area(ds)
    assert area.dims == ("rlat", "rlon")
    np.testing.assert_allclose(area.values, true.values, rtol=1e-14)


def test_a_curvilinear_grid_is_refused_without_its_cell_measure():
    latitude = (("j", "i"), np.zeros((3, 4)), {"units": "degrees_north"})
    ds = xr.Dataset({"tos": (("j", "i"), np.ones((3, 4)))}, coords={"lat": latitude})
    with pytest.raises(DatasetInconsistent, match="areacello"):
        cell_area(ds)
    ds["areacello"] = (("j", "i"), np.full((3, 4), 2.0), {"standard_name": "cell_area"})
    assert float(cell_area(ds).sum()) == 24
    assert cell_area(ds).attrs["climeri_area_weights"] == "cell measure areacello"


def test_nominal_axes_of_a_tripolar_grid_do_not_count():
    axes = {
        "yh": (
            "yh",
            [0.0, 1.0],
            {"units": "degrees_north", "long_name": "h point nominal latitude"},
        ),
        "xh": (
            "xh",
            [0.0, 1.0],
            {"units": "degrees_east", "long_name": "h point nominal longitude"},
        ),
    }
    with pytest.raises(DatasetInconsistent, match="holds no cell area"):
        cell_area(xr.Dataset(coords=axes))
    true = (("lat", "lon"), np.zeros((2, 2)), {"units": "degrees_north"})
    with pytest.raises(DatasetInconsistent, match="cell area"):
        cell_area(grid([-90, 0, 90], [0, 180, 360]).assign_coords(geolat=true))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"lat_bnds": [[0.0, 0.0], [0.0, 0.0]]}, "lies outside its own bounds"),
        ({"lon_bnds": [[180.0, 360.0], [0.0, 180.0]]}, "lies outside its own bounds"),
        ({"lat_bnds": [[-90.0, 60.0], [0.0, 90.0]]}, "overlap along 'lat'"),
        ({"lon_bnds": [[0.0, 200.0], [180.0, 360.0]]}, "overlap along 'lon'"),
        ({"lon_bnds": [[0.0, 180.0], [180.0, 600.0]]}, "lies outside its own bounds"),
        ({"lat_bnds": [[-90.0, np.nan], [0.0, 90.0]]}, "missing values"),
    ],
)
def test_bounds_of_another_grid_are_refused(spoil, words):
    ds = grid([-90, 0, 90], [0, 180, 360])
    for name, values in spoil.items():
        ds[name] = (ds[name].dims, values)
    with pytest.raises(DatasetInconsistent, match=words):
        cell_area(ds)


def test_bounds_that_gained_a_time_are_refused_with_the_remedy():
    ds = grid([-90, 0, 90], [0, 180, 360])
    ds["lat_bnds"] = ds.lat_bnds.expand_dims(time=3)
    with pytest.raises(DatasetInconsistent, match="data_vars='minimal'"):
        cell_area(ds)


def test_a_single_cell_without_bounds_is_refused():
    with pytest.raises(DatasetInconsistent, match="1 value and no bounds"):
        cell_area(xr.Dataset(coords={"lat": [0.0], "lon": [0.0, 1.0]}))


def test_float32_coordinates_are_no_reason_to_refuse():
    ds = grid(np.linspace(-90, 90, 61), np.linspace(0, 360, 81)).astype("f4")
    ds = ds.assign_coords({name: ds[name].astype("f4") for name in ds.coords})
    assert float(cell_area(ds).sum()) == pytest.approx(SPHERE, rel=1e-6)


@pytest.mark.parametrize("north", ["degrees_north", "degree_N", "degreesN", "Degrees_North"])
def test_axes_are_known_by_their_units(north):
    ds = grid([-90, 0, 90], [0, 180, 360]).rename(lat="y", lon="x")
    ds["y"].attrs["units"] = north
    ds["x"].attrs["units"] = north.replace("north", "east").replace("North", "E").replace("N", "E")
    # newtons on the same plane are no latitude
    ds["force"] = (("y", "x"), np.ones((2, 2)), {"units": "N"})
    assert float(cell_area(ds).sum()) == pytest.approx(SPHERE)


def test_the_door_is_lazy_and_says_what_is_missing():
    import climeri_platform.analysis as room

    assert set(room.__all__) <= set(dir(room))
    with pytest.raises(AttributeError, match="no attribute 'zonal'"):
        _ = room.zonal


def written(low, high, way):
    """Bounds of a cell as archives write them: as they are, a turn away, backwards, or through zero."""
    if way == "backwards":
        return high, low
    if way == "a turn away":
        return low - 360, high - 360
    if way == "through zero" and low % 360 > high % 360:
        return low % 360, high % 360
    return low, high


WAYS = ["as it is", "backwards", "a turn away", "through zero"]


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=24),
    st.integers(-400, 400),
    st.data(),
)
@settings(deadline=None)
def test_each_cell_has_its_width_whatever_way_its_bounds_are_written(parts, start, data):
    widths = np.array(parts) * 360 / sum(parts)
    edges = start + np.r_[0.0, np.cumsum(widths)]
    ways = data.draw(st.lists(st.sampled_from(WAYS), min_size=len(parts), max_size=len(parts)))
    turns = data.draw(st.integers(-1, 1))
    ds = grid([-90, 90], edges)
    bounds = [written(*each) for each in zip(edges[:-1], edges[1:], ways, strict=True)]
    ds = ds.assign_coords(lon=ds.lon + 360 * turns, lon_bnds=(("lon", "two"), bounds))
    np.testing.assert_allclose(cell_area(ds).values[0] / SPHERE * 360, widths, rtol=1e-9)


@pytest.mark.parametrize("beyond", [0.01, 5.0])
def test_the_last_cell_may_not_reach_into_the_first(beyond):
    edges = np.array([0.0, 50.0, 170.0, 360.0])
    ds = grid([-90, 90], edges)
    ds["lon_bnds"][-1, 1] += beyond
    with pytest.raises(DatasetInconsistent, match="overlap along 'lon'"):
        cell_area(ds)
    ds["lon_bnds"][-1, 1] -= beyond + 5
    assert float(cell_area(ds).sum()) == pytest.approx(SPHERE * 355 / 360)


def test_one_cell_of_more_than_the_circle_is_refused():
    ds = grid([-90, 90], [0, 360])
    ds["lon_bnds"][0, 1] += 0.5
    with pytest.raises(DatasetInconsistent, match="outside its own bounds"):
        cell_area(ds)


def test_a_cell_around_the_pole_may_have_an_edge_beyond_it():
    ds = grid([-90, -45, 45, 90], [0, 360])
    ds = ds.assign_coords(lat=[-90.0, 0.0, 90.0])
    exact = cell_area(ds)
    ds["lat_bnds"] = (("lat", "two"), [[-135.0, -45.0], [-45.0, 45.0], [45.0, 135.0]])
    np.testing.assert_allclose(cell_area(ds), exact, rtol=1e-14)
    assert float(exact.sum()) == pytest.approx(SPHERE)


@pytest.mark.parametrize(("gap", "closed"), [(0.49, True), (0.51, False)])
@pytest.mark.parametrize("upwards", [True, False])
def test_a_gap_before_the_pole_is_closed_if_it_is_less_than_half_a_step(gap, closed, upwards):
    step = 90 / (6.5 + gap)
    centres = np.arange(-6, 7) * step
    lat = centres if upwards else centres[::-1]
    area = cell_area(xr.Dataset(coords={"lat": lat, "lon": np.arange(0, 360, 10.0)}))
    reached = 90.0 if closed else 6.5 * step
    assert float(area.sum()) == pytest.approx(SPHERE * np.sin(np.deg2rad(reached)), rel=1e-12)
