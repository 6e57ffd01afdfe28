"""Known faults of real models: repaired where they are, and not where they are not."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.harmonise import FIXES, harmonise
from climeri_platform.access.harmonise.faults import FAULTS
from climeri_platform.access.harmonise.faults.cordex_domains import domains, true_places
from climeri_platform.access.harmonise.faults.lambert_axes import lambert
from climeri_platform.core.errors import DatasetInconsistent
from climeri_platform.testing.rotated import EUR_44, Rotated

LAT, LON = np.linspace(-88, 88, 45), np.arange(0, 360, 5.0)


def globe(name, values, units, **attributes):
    """Two times on a global grid; values by time."""
    held = np.broadcast_to(np.asarray(values, "f4")[:, None, None], (2, 45, 72))
    return xr.Dataset(
        {
            name: (
                ("time", "lat", "lon"),
                da.from_array(held.copy(), chunks=(1, 45, 72)),
                {"units": units},
            )
        },
        {"lat": LAT, "lon": LON},
        attrs=attributes,
    )


def done(steps, fix):
    return [step for step in steps if step.fix == fix]


# temperatures of ALADIN53


@pytest.mark.parametrize(
    ("values", "right"), [([-40, 35], [233.15, 308.15]), ([250, 310], [250, 310])]
)
def test_aladin_is_in_kelvin_either_way(values, right):
    out, steps = harmonise(globe("tas", values, "K"), {"model": "CNRM-ALADIN53"})
    np.testing.assert_allclose(out["tas"].values[:, 0, 0], right, rtol=1e-6)
    assert out["tas"].dtype == np.float32
    assert done(steps, "aladin-celsius")
    assert "degC though labelled K" in out["tas"].attrs["climeri_steps"]
    again, _ = harmonise(out, {"model": "CNRM-ALADIN53"})
    np.testing.assert_allclose(again["tas"].values[:, 0, 0], right, rtol=1e-6)


def test_a_block_of_both_is_refused_when_it_is_read():
    held = globe("tas", [10, 20], "K")
    held["tas"] = held["tas"].where(held["lat"] < 0, 290.0)
    out, _ = harmonise(held, {"model": "ALADIN53"})
    with pytest.raises(DatasetInconsistent, match="neither K nor degC"):
        out["tas"].compute()


def test_missing_temperatures_stay_missing():
    out, _ = harmonise(globe("ts", [np.nan, 5], "K"), {"model": "ALADIN53"})
    assert bool(out["ts"][0].isnull().all())
    assert float(out["ts"][1].max()) == pytest.approx(278.15)


@pytest.mark.parametrize(("model", "name"), [("ALADIN63", "tas"), ("ALADIN53", "pr")])
def test_other_models_and_variables_are_left(model, name):
    held = globe(name, [5, 5], "K" if name == "tas" else "kg m-2 s-1")
    assert done(harmonise(held, {"model": model})[1], "aladin-celsius") == []


# fractions


@pytest.mark.parametrize(
    ("model", "name"), [("EC-Earth3", "siconca"), ("CCSM4", "cl"), ("EC-EARTH", "sic")]
)
@pytest.mark.parametrize(("values", "right"), [([0.9, 1.0], [90, 100]), ([90, 0.5], [90, 0.5])])
def test_fractions_labelled_percent(model, name, values, right):
    out, steps = harmonise(globe(name, values, "%"), {"model": model})
    np.testing.assert_allclose(out[name].values[:, 0, 0], right, rtol=1e-6)
    assert done(steps, "fraction-as-percent")[0].kind == "numbers"


def test_a_field_that_says_both_is_refused_when_it_is_read():
    out, _ = harmonise(globe("siconca", [0.9, 90], "%"), {"model": "EC-Earth3"})
    with pytest.raises(DatasetInconsistent, match="cannot be known"):
        out["siconca"].compute()


def test_a_grid_too_small_to_tell_is_left_and_told():
    held = globe("siconca", [0.9, 1.0], "%").isel(lat=slice(20, 25))
    out, steps = harmonise(held, {"model": "EC-Earth3"})
    assert float(out["siconca"].max()) == 1
    assert "too small to tell" in done(steps, "fraction-as-percent")[0].said


# rain of CIESM


@pytest.mark.parametrize(
    ("values", "right"), [([2e-7, 3e-7], [2e-4, 3e-4]), ([2e-4, 0], [2e-4, 0])]
)
def test_rain_of_ciesm(values, right):
    out, _ = harmonise(globe("pr", values, "kg m-2 s-1", source_id="CIESM"), {})
    np.testing.assert_allclose(out["pr"].values[:, 0, 0], right, rtol=1e-5)


def test_rain_of_others_is_left():
    held = globe("pr", [2e-7, 3e-7], "kg m-2 s-1")
    out, steps = harmonise(held, {"model": "CESM2"})
    assert out["pr"].data is held["pr"].data
    assert steps == []


# signs


def test_the_sink_of_unicon():
    held = globe("nbp", [1, -2], "kg m-2 s-1")
    out, (step,) = harmonise(held, {"model": "SAM0-UNICON", "version": "v20190323"})
    assert out["nbp"].values[:, 0, 0].tolist() == [-1, 2]
    assert step.factor == -1
    again, more = harmonise(out, {"model": "SAM0-UNICON", "version": "v20190323"})
    assert more == []
    assert again["nbp"].values[:, 0, 0].tolist() == [-1, 2]
    out, (step,) = harmonise(held, {"model": "SAM0-UNICON", "version": "v20250101"})
    assert out["nbp"].values[:, 0, 0].tolist() == [1, -2]
    assert step.kind == "noted"


# fill values


@pytest.mark.parametrize(
    ("model", "name", "units", "fill"),
    [
        ("CNRM-CM5", "sic", "%", 1e20),
        ("CCSM4", "gpp", "kg m-2 s-1", 1e33),
        ("MIROC5", "tos", "K", 0.0),
        ("EC-EARTH", "tos", "K", 273.15),
    ],
)
def test_fill_values_that_nobody_declared(model, name, units, fill):
    good = 290.0 if units == "K" else 5.0
    out, _ = harmonise(globe(name, [good, fill], units), {"model": model})
    assert bool(out[name][1].isnull().all())
    assert bool(out[name][0].notnull().all())
    assert out[name].dtype == np.float32


def test_zero_degrees_celsius_are_a_temperature():
    out, _ = harmonise(globe("tos", [0.0, 1.0], "degC"), {"model": "MIROC5"})
    assert bool(out["tos"].notnull().all())


def test_fill_values_in_coordinates(nemo):
    lat = nemo["nav_lat"].copy()
    lat[0, 0] = 9.97e36
    held = nemo.assign_coords(nav_lat=lat)
    held["bounds_nav_lat"][0, 0] = 1e20
    out, _ = harmonise(held, {})
    assert np.isnan(out["lat"].values[0, 0])
    assert np.isnan(out["lat_bnds"].values[0, 0]).all()
    assert int(out["lat"].count()) == lat.size - 1


# depths of CESM2


@pytest.mark.parametrize(
    ("levels", "right", "kind"),
    [
        ([500.0, 1500, 537500], [5, 15, 5375], "numbers"),
        ([5.0, 15, 5375], [5, 15, 5375], "names"),
        ([500.0, 1500], [500, 1500], "noted"),
    ],
)
@pytest.mark.parametrize("bounds_in", [1.0, 0.01])
def test_depths_of_cesm2(unread, levels, right, kind, bounds_in):
    edges = np.array(right, float)[:, None] + [-4.0, 4.0]
    held = xr.Dataset(
        {
            "thetao": (("lev",), unread((len(levels),)), {"units": "degC"}),
            "lev_bnds": (("lev", "bnds"), edges / bounds_in),
        },
        {"lev": ("lev", levels, {"units": "centimeters", "bounds": "lev_bnds"})},
    )
    out, steps = harmonise(held, {"model": "CESM2"})
    step = done(steps, "cesm-depth")[0]
    assert step.kind == kind
    if kind != "noted":
        assert out["lev"].values.tolist() == right
        assert out["lev"].attrs["units"] == "m"
        np.testing.assert_allclose(out["lev_bnds"].values, edges)


def test_bounds_that_fit_neither_are_left_out(unread):
    held = xr.Dataset(
        {"thetao": (("lev",), unread((2,))), "lev_bnds": (("lev", "bnds"), [[1.0, 2], [3, 4]])},
        {"lev": ("lev", [5.0, 15], {"units": "centimeters", "bounds": "lev_bnds"})},
    )
    out, _ = harmonise(held, {"model": "CESM2"})
    assert "lev_bnds" not in out.variables
    assert "bounds" not in out["lev"].attrs
    assert held["lev"].attrs["bounds"] == "lev_bnds"


# regional grids


def regional(domain="EUR-44", noise=0.0, dtype="f8", **more):
    grid = domains()[domain]
    rlat, rlon = np.meshgrid(grid.rlat, grid.rlon, indexing="ij")
    lat, lon = true_places(rlat, rlon, grid.pole_lat, grid.pole_lon)
    return xr.Dataset(
        {"tas": (("rlat", "rlon"), np.zeros(lat.shape, "f4"), {"units": "K"})},
        {
            "rlat": ("rlat", (grid.rlat + noise).astype(dtype), {"standard_name": "grid_latitude"}),
            "rlon": (
                "rlon",
                (grid.rlon - noise).astype(dtype),
                {"standard_name": "grid_longitude"},
            ),
            "lat": (("rlat", "rlon"), lat, {"units": "degrees_north"}),
            "lon": (("rlat", "rlon"), lon, {"units": "degrees_east"}),
        },
        attrs=more,
    )


@pytest.mark.parametrize(("noise", "dtype"), [(1e-6, "f8"), (0, "f4"), (1e-4, "f4")])
def test_noise_is_snapped_to_the_domain(noise, dtype):
    grid = domains()["EUR-44"]
    out, steps = harmonise(regional(noise=noise, dtype=dtype), {"domain": "EUR-44"})
    np.testing.assert_array_equal(out["rlat"].values, grid.rlat)
    np.testing.assert_array_equal(out["rlon"].values, grid.rlon)
    assert len(done(steps, "cordex-grid")) == 2
    assert harmonise(out, {"domain": "EUR-44"})[1] == []


def test_a_cut_is_snapped_too_and_another_grid_is_not():
    cut = regional(noise=1e-6).isel(rlat=slice(3, 9), rlon=slice(0, 4))
    out, _ = harmonise(cut, {"domain": "EUR-44"})
    np.testing.assert_array_equal(out["rlat"].values, domains()["EUR-44"].rlat[3:9])
    shifted, steps = harmonise(regional(noise=0.22), {"domain": "EUR-44"})
    assert {step.kind for step in done(steps, "cordex-grid")} == {"noted"}
    assert shifted["rlat"].values[0] == pytest.approx(domains()["EUR-44"].rlat[0] + 0.22)


def test_the_domain_is_that_of_the_kit():
    grid = domains()["EUR-44"]
    assert grid is domains()["EUR-50"]
    np.testing.assert_array_equal(grid.rlat, EUR_44.rlat)
    np.testing.assert_array_equal(grid.rlon, EUR_44.rlon)
    points = EUR_44.points
    rlat, rlon = np.meshgrid(grid.rlat, grid.rlon, indexing="ij")
    lat, lon = true_places(rlat.ravel(), rlon.ravel(), grid.pole_lat, grid.pole_lon)
    np.testing.assert_allclose(lat, points.lat, atol=1e-8)
    np.testing.assert_allclose((lon - points.lon + 180) % 360, 180, atol=1e-7)


@pytest.mark.parametrize("name", sorted(domains()))
def test_every_domain_is_a_grid(name):
    grid = domains()[name]
    assert grid.rlat.size * grid.rlon.size > 5000
    assert np.ptp(np.diff(grid.rlat)) < 2e-6
    points = Rotated(grid.pole_lat, grid.pole_lon, grid.rlat[:2], grid.rlon[:2]).points
    assert np.isfinite(points.lat).all()


def wrf(domain="EUR-44"):
    held = regional(domain).drop_vars(["rlat", "rlon"]).rename(rlat="y", rlon="x")
    zero = {"standard_name": "projection_x_coordinate", "units": "m"}
    held = held.assign(X=("x", np.zeros(held.sizes["x"]), zero))
    held["Lambert"] = ((), 0, {"grid_mapping_name": "lambert_conformal_conic"})
    held["tas"].attrs["grid_mapping"] = "Lambert"
    return held


def test_wrf_gets_the_axes_that_its_places_are_on():
    out, _ = harmonise(wrf(), {"model": "IPSL-WRF381P", "domain": "EUR-44"})
    assert out["tas"].dims == ("rlat", "rlon")
    np.testing.assert_array_equal(out["rlat"].values, domains()["EUR-44"].rlat)
    assert out["tas"].attrs["grid_mapping"] == "rotated_pole"
    assert out["rotated_pole"].attrs["grid_north_pole_latitude"] == 39.25
    assert "X" not in out.variables


def test_wrf_on_another_grid_gets_none():
    held = wrf()
    held["lat"] = held["lat"] + 0.3
    out, steps = harmonise(held, {"model": "IPSL-WRF381P", "domain": "EUR-44"})
    assert out["tas"].dims == ("y", "x")
    assert "grid_mapping" not in out["tas"].attrs
    assert "not those of the rotated grid" in done(steps, "wrf-projection")[1].said


PARAMETERS = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": 49.5,
    "longitude_of_central_meridian": 10.5,
    "latitude_of_projection_origin": 49.5,
    "earth_radius": 6371229.0,
}


def inverse(x, y):
    """Places of easting and northing (Snyder 1987, eq. 14-10 to 15-11, on the sphere)."""
    first = np.deg2rad(49.5)
    cone = np.sin(first)
    scale = (
        PARAMETERS["earth_radius"] * np.cos(first) * np.tan(np.pi / 4 + first / 2) ** cone / cone
    )
    origin = scale / np.tan(np.pi / 4 + first / 2) ** cone
    far = np.hypot(x, origin - y)
    turn = np.arctan2(x, origin - y)
    lat = 2 * np.arctan((scale / far) ** (1 / cone)) - np.pi / 2
    return np.rad2deg(lat), 10.5 + np.rad2deg(turn) / cone


def aladin(**axes):
    x, y = 12500.0 * np.arange(-20, 21), 12500.0 * np.arange(-15, 16)
    lat, lon = inverse(*np.meshgrid(x, y))
    held = xr.Dataset(
        {
            "tas": (("y", "x"), np.full(lat.shape, 280, "f4"), {"units": "K"}),
            "Lambert_Conformal": ((), 0, {**PARAMETERS, "false_easting": 2925000.0}),
        },
        {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon), **axes},
    )
    held["lat"].attrs["units"], held["lon"].attrs["units"] = "degrees_north", "degrees_east"
    held["tas"].attrs["grid_mapping"] = "Lambert_Conformal"
    return held, x, y


def test_lambert_axes_are_computed_from_the_places():
    names = {"standard_name": "projection_x_coordinate", "units": "km"}
    held, x, y = aladin(x=("x", np.r_[np.arange(40.0), 3.0], names))
    out, steps = harmonise(held, {"model": "CNRM-ALADIN53"})
    np.testing.assert_allclose(out["x"].values, x, atol=0.1)
    np.testing.assert_allclose(out["y"].values, y, atol=0.1)
    mapping = out["Lambert_Conformal"].attrs
    assert (mapping["false_easting"], mapping["false_northing"]) == (0, 0)
    assert held["Lambert_Conformal"].attrs["false_easting"] == 2925000
    assert len(done(steps, "lambert-axes")) == 2
    assert done(harmonise(out, {"model": "CNRM-ALADIN53"})[1], "lambert-axes") == []


def test_places_that_are_on_no_lambert_grid_lose_the_mapping_only():
    held, *_ = aladin()
    held["lat"] = held["lat"] ** 1.01
    held["lat"].attrs["units"] = "degrees_north"
    out, steps = harmonise(held, {"model": "CNRM-ALADIN53"})
    assert "x" not in out.coords
    assert "grid_mapping" not in out["tas"].attrs
    assert "no regular grid" in done(steps, "lambert-axes")[0].said


def test_lambert_there_and_back():
    x, y = np.meshgrid(np.linspace(-2e6, 2e6, 9), np.linspace(-2e6, 2e6, 7))
    east, north = lambert(*inverse(x, y), PARAMETERS)
    np.testing.assert_allclose(east, x, atol=1e-3)
    np.testing.assert_allclose(north, y, atol=1e-3)


def test_each_fault_can_be_switched_off():
    held = globe("tas", [-40, 35], "K")
    out, _ = harmonise(held, {"model": "ALADIN53"}, without=["aladin-celsius"])
    assert out["tas"].values[:, 0, 0].tolist() == [-40, 35]
    assert FAULTS.keys() < FIXES.keys()


@pytest.mark.parametrize("model", ["CNRM-ALADIN53", "CIESM", "CESM2", "EC-Earth3", "IPSL-WRF381P"])
def test_no_field_is_read(unread, model):
    names = {"tas": "K", "pr": "kg m-2 s-1", "siconca": "%"}
    held = xr.Dataset(
        {n: (("time", "lat", "lon"), unread((2, 45, 72)), {"units": u}) for n, u in names.items()},
        {"lat": LAT, "lon": LON},
    )
    out, steps = harmonise(held, {"model": model})
    assert [step for step in steps if "left as it is:" in step.said] == []
    assert all(out[name].chunks is not None for name in names)


def test_missing_places_are_missing_when_they_are_written_again(tmp_path):
    places = np.array([[10.0, 20], [30, 9.9e5]])  # the last is none, and the file does not say so
    held = xr.Dataset(
        {"tos": (("y", "x"), np.zeros((2, 2)), {"units": "degC"})},
        {"lat": (("y", "x"), places), "lon": (("y", "x"), places)},
    )
    for name in ("lat", "lon"):
        held[name].encoding = {"dtype": np.dtype("i4"), "scale_factor": 0.1}
    out, steps = harmonise(held, {})
    assert len(done(steps, "filled-coordinates")) == 2
    out.to_netcdf(tmp_path / "again.nc")
    with xr.open_dataset(tmp_path / "again.nc") as again:
        for name in ("lat", "lon"):
            np.testing.assert_array_equal(again[name], [[10, 20], [30, np.nan]])
