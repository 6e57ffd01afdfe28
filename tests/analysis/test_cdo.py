"""The same fields through Climate Data Operators, an implementation that shares nothing."""

import numpy as np
import pytest
import xarray as xr

from climeri_platform.analysis import EARTH_RADIUS, annual_mean, cell_area, global_mean

pytestmark = pytest.mark.cdo
CDO_RADIUS = 6_371_000.0


def read(path):
    with xr.open_dataset(path, decode_times=False) as ds:
        return ds.load()


def uniform(nlat, nlon):
    return np.linspace(-90, 90, nlat + 1), np.linspace(0, 360, nlon + 1)


def with_poles(nlat, nlon):
    """Return a grid with points on both poles, as LMDZ has it."""
    centres = np.linspace(-90, 90, nlat)
    step = 360 / nlon
    edges = np.r_[-90, (centres[1:] + centres[:-1]) / 2, 90]
    return edges, np.linspace(-step / 2, 360 - step / 2, nlon + 1)


def gaussian(nlat, nlon):
    weights = np.polynomial.legendre.leggauss(nlat)[1]
    edges = np.rad2deg(np.arcsin(np.clip(np.r_[-1, np.cumsum(weights) - 1], -1, 1)))
    edges[-1] = 90
    return edges, np.linspace(0, 360, nlon + 1)


def region(nlat, nlon):
    return np.linspace(30, 72, nlat + 1), np.linspace(-15, 40, nlon + 1)


def planet(edges, *, masked=False, months=24, calendar="standard"):
    """Return monthly temperatures that fall towards the poles, with weather."""
    lat_edges, lon_edges = edges
    lat, lon = (lat_edges[1:] + lat_edges[:-1]) / 2, (lon_edges[1:] + lon_edges[:-1]) / 2
    rng = np.random.default_rng(7)
    season = 8 * np.cos(2 * np.pi * (np.arange(months) - 6) / 12)
    values = (
        303.0
        - 55 * np.sin(np.deg2rad(lat))[None, :, None] ** 2
        + season[:, None, None] * np.sin(np.deg2rad(lat))[None, :, None]
        + rng.normal(0, 2, (months, lat.size, lon.size))
    )
    if masked:
        values[:, rng.random(values.shape[1:]) < 0.3] = np.nan
        values[:, lat > 75, :] = np.nan
    first = xr.date_range(
        "1850-01", periods=months + 1, freq="MS", calendar=calendar, use_cftime=True
    )
    bounds = np.stack([np.asarray(first[:-1]), np.asarray(first[1:])], axis=1)
    return xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), values, {"units": "K"}),
            "time_bnds": (("time", "bnds"), bounds),
            "lat_bnds": (("lat", "bnds"), np.stack([lat_edges[:-1], lat_edges[1:]], 1)),
            "lon_bnds": (("lon", "bnds"), np.stack([lon_edges[:-1], lon_edges[1:]], 1)),
        },
        coords={
            "time": ("time", first[:-1] + (first[1:] - first[:-1]) / 2, {"bounds": "time_bnds"}),
            "lat": ("lat", lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", lon, {"units": "degrees_east", "bounds": "lon_bnds"}),
        },
    )


def save(ds, path):
    quiet = {name: {"_FillValue": None} for name in ds.variables if name != "tas"}
    for name in ("time", "time_bnds"):
        quiet[name].update(units="days since 1850-01-01", calendar=ds.time.dt.calendar, dtype="f8")
    ds.to_netcdf(path, encoding=quiet | {"tas": {"_FillValue": 1e20}})
    return path


GRIDS = {
    "1 degree": (uniform(180, 360), 4e-4),
    "2.5 degrees with poles": (with_poles(73, 144), 3e-3),
    "N48 gaussian": (gaussian(96, 192), 2e-3),
    "5 degrees": (uniform(36, 72), 2e-2),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("masked", [False, True])
def test_with_the_same_areas_the_means_agree_to_rounding(cdo, tmp_path, name, masked):
    edges, _ = GRIDS[name]
    ds = planet(edges, masked=masked, months=3)
    file = save(ds, tmp_path / "tas.nc")
    area = cell_area(ds)
    area.to_netcdf(tmp_path / "area.nc")
    cdo("fldmean", f"-setgridarea,{tmp_path / 'area.nc'}", file, tmp_path / "mean.nc")
    theirs = read(tmp_path / "mean.nc").tas.values.ravel()
    np.testing.assert_allclose(global_mean(ds).values, theirs, rtol=1e-12)

    cdo("gridarea", file, tmp_path / "cdo_area.nc")
    cdo("fldmean", file, tmp_path / "cdo_mean.nc")
    mine = global_mean(ds, area=read(tmp_path / "cdo_area.nc").cell_area)
    np.testing.assert_allclose(mine, read(tmp_path / "cdo_mean.nc").tas.values.ravel(), rtol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
def test_with_its_own_areas_cdo_is_warmer_by_what_the_docstring_says(cdo, tmp_path, name):
    edges, most = GRIDS[name]
    ds = planet(edges, months=1)
    cdo("fldmean", save(ds, tmp_path / "tas.nc"), tmp_path / "mean.nc")
    warmer = float(read(tmp_path / "mean.nc").tas.squeeze()) - float(global_mean(ds).squeeze())
    width = np.deg2rad(edges[1][1] - edges[1][0])
    # 55 K * 4/15 * dlon^2 / 12, and the weather of one month
    assert warmer == pytest.approx(55 * 4 / 15 * width**2 / 12, rel=0.1, abs=1e-5)
    assert 0 < warmer < most


@pytest.mark.parametrize(
    "edges", [uniform(36, 72), with_poles(37, 72), gaussian(48, 96), region(21, 30)]
)
def test_areas_of_cdo_have_great_circles_for_edges(cdo, tmp_path, edges):
    ds = planet(edges, months=1)
    cdo("gridarea", save(ds, tmp_path / "tas.nc"), tmp_path / "area.nc")
    theirs = read(tmp_path / "area.nc").cell_area.values
    # the triangle pole, corner, corner: tan(E/2) = t sin(dlon) / (1 + t cos(dlon)), t = tan^2(c/2)
    width = np.deg2rad(np.diff(edges[1]))[0]
    t = np.tan(np.deg2rad(90 - edges[0]) / 2) ** 2
    north = 2 * np.arctan2(t * np.sin(width), 1 + t * np.cos(width))
    expected = CDO_RADIUS**2 * -np.diff(north)
    np.testing.assert_allclose(theirs, np.broadcast_to(expected[:, None], theirs.shape), rtol=2e-8)

    sphere = (EARTH_RADIUS / CDO_RADIUS) ** 2
    ratio = theirs * sphere / cell_area(ds).values - 1
    lat = np.deg2rad(ds.lat.values)[:, None]
    formula = width**2 / 12 * (1 - 3 * np.sin(lat) ** 2)
    assert np.abs(ratio - formula).max() < 0.1 * width**2 / 12


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_annual_means_agree_to_rounding(cdo, tmp_path, calendar):
    ds = planet(uniform(18, 36), masked=True, months=60, calendar=calendar)
    cdo("yearmonmean", save(ds, tmp_path / "tas.nc"), tmp_path / "year.nc")
    theirs = read(tmp_path / "year.nc").tas.values
    np.testing.assert_allclose(annual_mean(ds).tas.values, theirs, rtol=1e-13)
    np.testing.assert_allclose(annual_mean(ds.tas).values, theirs, rtol=1e-13)


def test_the_whole_way_agrees(cdo, tmp_path):
    ds = planet(uniform(90, 180), masked=True, months=36, calendar="360_day")
    cell_area(ds).to_netcdf(tmp_path / "area.nc")
    file = save(ds, tmp_path / "tas.nc")
    cdo("yearmonmean", "-fldmean", f"-setgridarea,{tmp_path / 'area.nc'}", file, tmp_path / "y.nc")
    mine = annual_mean(global_mean(ds))
    np.testing.assert_allclose(mine, read(tmp_path / "y.nc").tas.values.ravel(), rtol=1e-12)
