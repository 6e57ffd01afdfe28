"""Places that a grid repeats count once: global sums are right, on made and on real grids."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import open_file
from climeri_platform.access.engines.chunked import ChunkedArray
from climeri_platform.access.harmonise import harmonise
from climeri_platform.testing.ocean import tripolar

RADIUS = 6_371_229.0
CMIP6 = "mini-esgf/test_data/badc/cmip6/data/CMIP6/"
CNRM = f"{CMIP6}ScenarioMIP/CNRM-CERFACS/CNRM-CM6-1/ssp245/r1i1p1f2/Omon/tos/gn/v20190219/tos_Omon_CNRM-CM6-1_ssp245_r1i1p1f2_gn_201501.nc"
MPI = f"{CMIP6}CMIP/MPI-M/MPI-ESM1-2-LR/historical/r1i1p1f1/Omon/tauuo/gn/v20200909/tauuo_Omon_MPI-ESM1-2-LR_historical_r1i1p1f1_gn_185001.nc"
IITM = f"{CMIP6}CMIP/CCCR-IITM/IITM-ESM/1pctCO2/r1i1p1f1/Omon/tos/gn/v20191204/tos_Omon_IITM-ESM_1pctCO2_r1i1p1f1_gn_193001.nc"


def wrapped(field, left=1, right=1):
    return np.concatenate([field[:, field.shape[1] - left :], field, field[:, :right]], axis=1)


def folded(field):
    """As ORCA1 with an F pivot: the last row repeats the one before, in the opposite order."""
    return np.concatenate([field, field[-1:, ::-1]])


def first_rows(field):
    """As MPIOM's TP04: northern rows come first, two of them repeat the next two."""
    turned = field[::-1]
    return np.concatenate([turned[1::-1, ::-1], turned])


def pivot(field):
    """As ORCA2 with a T pivot: half of a row, and one more, repeat others."""
    columns = field.shape[1]
    mirrored = -np.arange(columns) % columns
    middle = field[-1].copy()
    half = columns // 2
    middle[half + 1 :] = middle[mirrored[half + 1 :]]
    return np.concatenate([field[:-1], middle[None], field[-2:-1, mirrored]])


def on(lat, lon, area, values=None):
    values = np.ones_like(area) if values is None else values
    return xr.Dataset(
        {
            "tos": (("y", "x"), values.astype("f4"), {"units": "degC"}),
            "areacello": (("y", "x"), area, {"units": "m2"}),
        },
        {
            "nav_lat": (("y", "x"), lat.astype("f4"), {"standard_name": "latitude"}),
            "nav_lon": (("y", "x"), lon.astype("f4"), {"standard_name": "longitude"}),
        },
    )


@pytest.mark.parametrize("around", [(0, 0), (1, 1), (0, 1), (2, 2)])
@pytest.mark.parametrize("fold", [None, folded, first_rows])
def test_the_sea_has_its_area(around, fold):
    ocean = tripolar(60, 72)
    lat, lon, area = (
        wrapped(fold(each) if fold else each, *around)
        for each in (ocean.lat, ocean.lon, ocean.area)
    )
    out, steps = harmonise(on(lat, lon, area), {})
    assert float(out["areacello"].sum()) == pytest.approx(ocean.area.sum(), rel=1e-12)
    assert int(out["tos"].count()) == ocean.area.size
    assert out["tos"].dtype == np.float32
    assert ("duplicate" in out.coords) == bool(fold or sum(around))
    assert [step for step in steps if "left as it is" in step.said] == []
    again, more = harmonise(out, {})
    assert [step for step in more if step.kind != "noted"] == []
    assert int(again["tos"].count()) == ocean.area.size


def test_a_fold_through_the_points_of_the_last_row():
    columns = 40
    lon = np.broadcast_to(np.arange(columns) * 9.0, (30, columns)).copy()
    lat = np.broadcast_to(np.linspace(-70, 70, 30)[:, None], lon.shape).copy()
    # on the row of the fold, places lie symmetrically about its two ends
    lon[-1] = 100 + 50 * np.cos(np.deg2rad(lon[-1]))
    lat[-1] = 75 + 5 * np.sin(np.deg2rad(np.abs((np.arange(columns) * 9.0 + 180) % 360 - 180)))
    lat, lon = pivot(lat), pivot(lon)
    out, _ = harmonise(on(lat, lon, np.ones_like(lat)), {})
    flag = out["duplicate"].values
    assert flag[-1].all()
    assert flag[-2].sum() == columns // 2 - 1
    assert not flag[:-2].any()


def test_the_inner_cells_stay():
    ocean = tripolar(40, 60)
    values = wrapped(np.ones_like(ocean.lat))
    values[:, [0, -1]] = 99  # what a model never filled
    lat, lon = wrapped(ocean.lat), wrapped(ocean.lon)
    out, _ = harmonise(on(lat, lon, wrapped(ocean.area), values), {})
    assert float(out["tos"].max()) == 1


@pytest.mark.parametrize("name", ["y", "x"])
def test_a_regular_grid_in_two_dimensions_repeats_nothing(name):
    lat, lon = np.meshgrid(np.linspace(-90, 90, 30), np.arange(0, 360, 10.0), indexing="ij")
    out, _ = harmonise(on(lat, lon, np.ones_like(lat)), {})
    assert "duplicate" not in out.coords


def test_cells_without_places_are_not_repeated_ones():
    ocean = tripolar(40, 60)
    lat, lon = ocean.lat.copy(), ocean.lon.copy()
    lat[:, :5] = lon[:, :5] = 0  # land processors that were left out
    lat[:, -5:] = lon[:, -5:] = 0
    out, _ = harmonise(on(lat, lon, ocean.area), {})
    assert "duplicate" not in out.coords


def test_fields_are_not_read(unread):
    ocean = tripolar(40, 60)
    lat, lon = wrapped(ocean.lat), wrapped(ocean.lon)
    held = on(lat, lon, wrapped(ocean.area)).assign(
        tos=(("time", "y", "x"), unread((2, 40, 62)), {"units": "degC"})
    )
    out, _ = harmonise(held, {})
    assert out["tos"].dims == ("time", "y", "x")
    assert "repeat" in out["tos"].attrs["climeri_steps"]


def polygons(dataset):
    """Areas of quadrilaterals on the sphere, from their vertices (van Oosterom and Strackee 1983)."""
    lat, lon = (np.deg2rad(dataset[f"{name}_bnds"].values) for name in ("lat", "lon"))
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
    a, b, c, d = (points[..., n, :] for n in range(4))

    def triangle(p, q, r):
        volume = np.abs((p * np.cross(q, r)).sum(-1))
        return 2 * np.arctan2(volume, 1 + (p * q).sum(-1) + (q * r).sum(-1) + (r * p).sum(-1))

    return RADIUS**2 * (triangle(a, b, c) + triangle(a, c, d))


@pytest.mark.real_data
def test_the_cells_of_cnrm_that_stay_cover_the_sphere_once(real_data):
    out, _ = harmonise(open_file(real_data / CNRM), {})
    area, flag = polygons(out), out["duplicate"].values
    assert flag.sum() == 2 * 294 + 362 - 2
    bottom = np.deg2rad(out["lat_bnds"].values[0].min(axis=-1)).mean()
    sphere = 2 * np.pi * RADIUS**2 * (1 - np.sin(bottom))
    assert area[~flag].sum() == pytest.approx(sphere, rel=2e-3)
    assert area.sum() > 1.004 * sphere


@pytest.mark.real_data
def test_columns_of_mpi_and_none_of_iitm(real_data):
    out, _ = harmonise(open_file(real_data / MPI), {})
    flag = out["duplicate"].values
    assert flag[:, [0, -1]].all()
    assert flag.sum() == 2 * 220
    assert bool(out["tauuo"].isel(i=[0, -1]).isnull().all())
    out, _ = harmonise(open_file(real_data / IITM), {})
    assert "duplicate" not in out.coords


def test_of_a_large_grid_a_few_rows_and_columns_are_read(tmp_path, monkeypatch):
    lat, lon = np.meshgrid(np.linspace(-78, 89, 1200), np.arange(1002) % 1000 * 0.36, indexing="ij")
    names = ("nav_lat", "nav_lon", "tos", "areacello")
    on(lat, lon, np.ones_like(lat)).to_netcdf(
        tmp_path / "big.nc",
        engine="h5netcdf",
        encoding={name: {"chunksizes": (100, 100)} for name in names},
    )
    cells = []
    whole = ChunkedArray.read

    def counted(array, key):
        found = whole(array, key)
        cells.append(found.size)
        return found

    monkeypatch.setattr(ChunkedArray, "read", counted)
    out, _ = harmonise(open_file(tmp_path / "big.nc"), {})
    assert out["duplicate"].values[:, [0, -1]].all()
    assert 0 < sum(cells) < lat.size / 20
