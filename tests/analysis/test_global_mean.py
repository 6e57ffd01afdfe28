"""Means over the horizontal."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.analysis import cell_area, global_mean
from climeri_platform.core.errors import DatasetInconsistent, UnknownValue, UsageError

LAT, LON = np.linspace(-87.5, 87.5, 36), np.arange(2.5, 360, 5)


def field(values, **attrs):
    values = np.broadcast_to(np.asarray(values), (36, 72))
    return xr.DataArray(
        values, coords={"lat": LAT, "lon": LON}, dims=("lat", "lon"), name="tas", attrs=attrs
    )


def noise(seed):
    return np.random.default_rng(seed).normal(280, 30, (36, 72))


@given(st.floats(-1e6, 1e6), st.integers(0, 2**31))
@settings(deadline=None)
def test_the_mean_of_a_constant_is_the_constant_with_any_mask(constant, seed):
    masked = field(constant).where(field(noise(seed)) > 270)
    assert float(global_mean(masked)) == pytest.approx(constant, rel=1e-12, abs=1e-12)


@given(st.integers(0, 2**31), st.floats(-10, 10), st.floats(-10, 10))
@settings(deadline=None)
def test_it_is_linear(seed, a, b):
    x, y = field(noise(seed)), field(noise(seed + 1))
    mixed = float(global_mean(a * x + b * y))
    assert mixed == pytest.approx(a * float(global_mean(x)) + b * float(global_mean(y)), abs=1e-9)


@given(st.integers(0, 2**31), st.integers(0, 71))
@settings(deadline=None)
def test_a_flip_and_a_roll_change_nothing(seed, shift):
    x = field(noise(seed))
    turned = x.isel(lat=slice(None, None, -1)).roll(lon=shift, roll_coords=True)
    assert float(global_mean(turned)) == pytest.approx(float(global_mean(x)), rel=1e-13)


def test_a_known_integral():
    # the mean of sin(lat) over a band is the middle of the sines of its edges
    edges = np.sin(np.deg2rad(np.linspace(-90, 90, 37)))
    bands = ((edges[1:] ** 3 - edges[:-1] ** 3) / 3 / (edges[1:] - edges[:-1]))[:, None]
    assert float(global_mean(field(bands))) == pytest.approx(1 / 3, rel=1e-13)


def test_missing_cells_leave_the_weights_at_each_time():
    x = xr.concat([field(1.0), field(3.0), field(np.nan)], "time")
    x[0, :18] = np.nan
    x[1, 0, 0] = 1e3
    x[1, 0, 0] = np.nan
    np.testing.assert_allclose(global_mean(x), [1.0, 3.0, np.nan], rtol=1e-13)


def test_it_adds_in_double_precision():
    big = xr.DataArray(
        np.full((1000, 1000), np.float32(287.123)),
        coords={"lat": np.linspace(-89.9, 89.9, 1000), "lon": np.linspace(0, 359.6, 1000)},
        dims=("lat", "lon"),
    )
    mean = global_mean(big)
    assert mean.dtype == np.float64
    assert float(mean) == pytest.approx(float(np.float32(287.123)), rel=1e-12)


def test_name_attributes_and_coordinates_stay():
    x = field(1.0, units="K", cell_methods="time: mean").expand_dims(time=[0, 1])
    x = x.assign_coords(height=2.0)
    mean = global_mean(x)
    assert (mean.name, mean.dims) == ("tas", ("time",))
    assert mean.attrs["units"] == "K"
    assert mean.attrs["cell_methods"] == "time: mean area: mean"
    assert "inferred" in mean.attrs["climeri_area_weights"]
    assert float(mean.height) == 2.0


def test_the_bounds_of_a_dataset_are_used_and_said():
    edges = np.r_[-90, -10, 0, 90.0]
    ds = xr.Dataset(
        {"tas": (("lat", "lon"), [[1.0], [2.0], [3.0]])},
        coords={
            "lat": [-50.0, -5.0, 45.0],
            "lon": [180.0],
            "lat_bnds": (("lat", "bnds"), np.stack([edges[:-1], edges[1:]], 1)),
            "lon_bnds": (("lon", "bnds"), [[0.0, 360.0]]),
        },
    )
    s = np.sin(np.deg2rad(edges))
    mean = global_mean(ds)
    assert float(mean) == pytest.approx(float(np.diff(s) @ [1, 2, 3]) / 2, rel=1e-14)
    assert mean.attrs["climeri_area_weights"] == "exact bands from bounds (lat_bnds, lon_bnds)"


def curved():
    latitude = (("j", "i"), np.zeros((3, 4)), {"units": "degrees_north"})
    return xr.DataArray(
        np.arange(12.0).reshape(3, 4), dims=("j", "i"), coords={"lat": latitude}, name="tos"
    )


def test_a_cell_measure_serves_any_grid():
    weights = np.arange(12.0).reshape(3, 4)
    area = xr.DataArray(weights, dims=("j", "i"), name="areacello")
    mean = global_mean(curved(), area=area.where(weights != 5))
    kept = np.delete(np.arange(12.0), 5)
    assert float(mean) == pytest.approx((kept**2).sum() / kept.sum())
    assert mean.attrs["climeri_area_weights"] == "cell measure areacello"
    cells = xr.DataArray(np.ones((2, 5)), dims=("time", "ncells"))
    assert global_mean(cells, area=xr.DataArray(np.ones(5), dims="ncells")).dims == ("time",)
    held = curved().to_dataset().assign(areacello=area)
    assert float(global_mean(held)) == pytest.approx((np.arange(12.0) ** 2).sum() / 66)


def test_a_curvilinear_field_without_area_is_refused():
    with pytest.raises(DatasetInconsistent, match="tos is on a grid"):
        global_mean(curved())


@pytest.mark.parametrize("dims", [("j", "i"), ("time", "j", "i"), ("x",), ()])
def test_an_area_of_another_shape_is_refused_and_both_are_named(dims):
    area = xr.DataArray(np.ones((2,) * len(dims)), dims=dims, name="areacello")
    with pytest.raises(DatasetInconsistent, match=r"areacello.*tos"):
        global_mean(curved(), area=area)


def test_an_area_that_runs_the_other_way_is_refused():
    x = field(1.0)
    with pytest.raises(DatasetInconsistent, match="runs the other way"):
        global_mean(x, area=cell_area(x).isel(lat=slice(None, None, -1)))


def test_float_noise_in_the_coordinates_of_the_area_drops_no_cell():
    x = field(noise(1))
    area = cell_area(x)
    noisy = area.assign_coords(lat=area.lat + 1e-6, lon=area.lon.astype("f4"))
    assert float(global_mean(x, area=noisy)) == pytest.approx(float(global_mean(x)), rel=1e-14)


def test_the_variable_is_named_or_obvious():
    ds = xr.Dataset({"tas": field(1.0), "pr": field(2.0)})
    assert float(global_mean(ds, variable="pr")) == pytest.approx(2.0)
    assert float(global_mean(ds.assign_attrs(variable_id="tas"))) == pytest.approx(1.0)
    with pytest.raises(UsageError, match="several fields"):
        global_mean(ds)
    with pytest.raises(UnknownValue, match="Did you mean tas"):
        global_mean(ds, variable="tos")


def test_lazy_fields_stay_lazy():
    def explode(block):
        message = "computed"
        raise AssertionError(message)

    values = da.ones((4, 36, 72), chunks=(1, 18, 72)).map_blocks(explode, meta=np.empty((0, 0, 0)))
    x = xr.DataArray(values, dims=("time", "lat", "lon"), coords={"lat": LAT, "lon": LON})
    mean = global_mean(x)
    assert mean.chunks is not None
    with pytest.raises(AssertionError, match="computed"):
        mean.compute()


def test_a_lazy_cell_measure_stays_lazy():
    area = xr.DataArray(da.ones((3, 4)), dims=("j", "i"), name="areacello")
    mean = global_mean(curved().chunk(), area=area)
    assert mean.chunks is not None
    assert float(mean) == pytest.approx(5.5)
