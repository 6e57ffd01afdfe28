"""Datasets cut to a box: every kind of grid, either convention, across Greenwich and the date line."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, example, given
from hypothesis import strategies as st

from climeri_platform.access import open_file
from climeri_platform.access.asked import Region
from climeri_platform.access.coordinates import degrees_of, grids_of
from climeri_platform.access.region import cut_region
from climeri_platform.core.errors import DataError, FileUnreadable, UsageError
from climeri_platform.testing.rotated import EUR_44


def never(*_, **__):
    raise AssertionError("something was computed")


def inside(lon, lat, box):
    """Say whether a point is in a box, one number at a time, walking east from its beginning."""
    first, last, south, north = map(float, box)
    while last < first:
        last += 360
    lon = float(lon)
    while lon < first - 1e-4:
        lon += 360
    while lon >= first - 1e-4 + 360:
        lon -= 360
    return south - 1e-4 <= float(lat) <= north + 1e-4 and lon <= last + 1e-4


def number(shape):
    return da.arange(int(np.prod(shape)), chunks=-1, dtype="f8").reshape(shape)


def regular(nlat=18, nlon=36, west=0.0, *, flip=False, back=False, dtype="f8", bounds=True):
    """A regular grid; its lons begin at ``west``, its field is the number of the cell."""
    lat = -90 + (np.arange(nlat) + 0.5) * 180 / nlat
    lon = west + np.arange(nlon) * 360 / nlon
    lat, lon = (lat[::-1] if flip else lat), (lon[::-1] if back else lon)
    lat, lon = lat.astype(dtype), lon.astype(dtype)
    half = 180 / nlon
    data = {"tas": (("time", "lat", "lon"), number((1, nlat, nlon)))}
    coords = {
        "lat": ("lat", lat, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": ("lon", lon, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    if bounds:
        data["lon_bnds"] = (("lon", "bnds"), da.from_array(np.stack([lon - half, lon + half], 1)))
        data["lat_bnds"] = (("lat", "bnds"), np.stack([lat, lat], 1))
        coords["lon"][2]["bounds"], coords["lat"][2]["bounds"] = "lon_bnds", "lat_bnds"
    return xr.Dataset(data, coords)


def curvilinear(ny=20, nx=40, seam=73.0, *, sag=8.0):
    """A grid all around, its seam at 73 E as in the ORCA family, its rows no parallels."""
    row, column = np.meshgrid(np.arange(ny) / ny, np.arange(nx) / nx, indexing="ij")
    lon = seam + 360 * column + sag * row
    lat = -80 + 160 * row + sag * np.sin(2 * np.pi * column)
    attrs = ({"standard_name": "latitude"}, {"units": "degrees_east"})
    return xr.Dataset(
        {
            "tos": (("time", "j", "i"), number((2, ny, nx))),
            "land": (("j", "i"), np.ones((ny, nx), bool)),
            "bounds_lat": (("j", "i", "v"), np.zeros((ny, nx, 4))),
        },
        {
            "nav_lat": (("j", "i"), da.from_array(lat), {**attrs[0], "bounds": "bounds_lat"}),
            "nav_lon": (("j", "i"), da.from_array(lon.astype("f4")), attrs[1]),
        },
    )


def rotated():
    points = EUR_44.points
    shape = points.shape
    return xr.Dataset(
        {"tas": (("rlat", "rlon"), number(shape))},
        {
            "rlat": ("rlat", EUR_44.rlat, {"standard_name": "grid_latitude", "units": "degrees"}),
            "rlon": ("rlon", EUR_44.rlon, {"standard_name": "grid_longitude", "units": "degrees"}),
            "lat": (("rlat", "rlon"), points.lat.reshape(shape), {"standard_name": "latitude"}),
            "lon": (("rlat", "rlon"), points.lon.reshape(shape), {"standard_name": "longitude"}),
        },
    )


def unstructured(count=300):
    at = np.arange(count) + 0.5
    lat = np.arcsin(1 - 2 * at / count)
    lon = (np.pi * (1 + 5**0.5) * at) % (2 * np.pi)
    return xr.Dataset(
        {
            "tas": (("time", "cell"), number((1, count))),
            "clat_vertices": (("cell", "nv"), np.zeros((count, 3))),
        },
        {
            "clat": ("cell", lat, {"units": "radian", "standard_name": "latitude"}),
            "clon": ("cell", lon, {"units": "radian", "standard_name": "longitude"}),
        },
    )


GRIDS = {
    "0 to 360": regular,
    "-180 to 180": lambda: regular(west=-180.0),
    "from the middle": lambda: regular(west=-162.5),
    "north to south, single": lambda: regular(flip=True, dtype="f4"),
    "westwards": lambda: regular(back=True),
    "curvilinear": curvilinear,
    "curvilinear, seam at Greenwich": lambda: curvilinear(seam=0.0),
    "rotated": rotated,
    "unstructured": unstructured,
}
CENTRES = {
    name: (make(), next(n for n in make().data_vars if n in ("tas", "tos")))
    for name, make in GRIDS.items()
}


def points_of(dataset, name):
    """Return longitude and latitude of each cell, in the order of its numbers."""
    pairs = {"nav_lon": "nav_lat", "clon": "clat", "lon": "lat"}
    lon = next(n for n in pairs if n in dataset.variables)
    lat, lon = dataset[pairs[lon]].compute(), dataset[lon].compute()
    if lat.attrs.get("units") == "radian":
        lat, lon = np.rad2deg(lat), np.rad2deg(lon)
    if lat.dims == lon.dims:
        return list(zip(lon.values.ravel(), lat.values.ravel(), strict=True))
    return [(x, y) for y in lat.values for x in lon.values]


# to hundredths: at a ten-thousandth, the tolerance, either answer is right
side = st.one_of(
    st.integers(-36, 36).map(lambda n: 10.0 * n), st.integers(-36000, 36000).map(lambda n: n / 100)
)
height = st.integers(-9000, 9000).map(lambda n: n / 100)
boxes = st.tuples(side, side, height, height).map(lambda b: (b[0], b[1], min(b[2:]), max(b[2:])))


@pytest.mark.parametrize("kind", GRIDS)
@given(box=boxes)
@example((-10.0, 10.0, -30.0, 60.0))
@example((350.0, 10.0, -30.0, 60.0))
@example((170.0, -170.0, -90.0, 90.0))
@example((170.0, 190.0, -90.0, 90.0))
@example((60.0, 90.0, -20.0, 20.0))
@example((0.0, 360.0, -90.0, 90.0))
@example((-180.0, 180.0, 30.0, 90.0))
@example((-30.0, 30.0, 40.0, 60.0))
def test_the_cells_are_those_whose_centre_is_inside(kind, box):
    assume(box[1] - box[0] <= 360)
    assume(not (box[0] > box[1] and (box[1] - box[0]) % 360 == 0))
    dataset, name = CENTRES[kind]
    expected = [n for n, (x, y) in enumerate(points_of(dataset, name)) if inside(x, y, box)]
    if not expected:
        with pytest.raises(DataError, match="the centre of no cell is in it, the grid has"):
            cut_region(dataset, box)
        return
    cut, _ = cut_region(dataset, box)
    field = cut[name].isel(time=0) if "time" in cut.dims else cut[name]
    values = field.compute(scheduler="synchronous").values.ravel()
    found = values[np.isfinite(values)].astype(int) % len(points_of(dataset, name))
    assert sorted(found) == expected
    if cut["lon"].dims == ("lon",) if "lon" in cut.variables else False:
        assert (np.diff(cut["lon"].values) > 0).all()
        assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", GRIDS)
def test_nothing_but_coordinates_is_computed(kind):
    dataset, name = GRIDS[kind](), CENTRES[kind][1]
    with dask.config.set(scheduler=never):
        cut, _ = cut_region(dataset, (-10, 40, 30, 60))
        assert dask.is_dask_collection(cut[name].data)
    assert cut[name].dtype == dataset[name].dtype
    assert cut[name].dims == dataset[name].dims
    assert cut[name].attrs == dataset[name].attrs
    assert "climeri_region" not in dataset.attrs
    assert cut.attrs["climeri_region"] == "lon -10 to 40, lat 30 to 60"


@pytest.mark.parametrize(
    ("box", "lons"),
    [
        ((-20, 20, -90, 90), [-20, -10, 0, 10, 20]),
        ((340, 20, -90, 90), [-20, -10, 0, 10, 20]),
        ((340, 380, -90, 90), [340, 350, 360, 370, 380]),
        ((160, -160, -90, 90), [160, 170, 180, 190, 200]),
        ((160, 200, -90, 90), [160, 170, 180, 190, 200]),
        ({"lon": (-200, -160)}, [-200, -190, -180, -170, -160]),
        ((0, 360, -90, 90), list(range(0, 360, 10))),
        ((-180, 180, -90, 90), list(range(-180, 180, 10))),
    ],
)
@pytest.mark.parametrize("west", [0, -180, 20])
@pytest.mark.parametrize("back", [False, True])
def test_longitudes_increase_in_the_convention_of_the_box(box, lons, west, back):
    dataset = regular(west=west, back=back)
    dataset["lon"].encoding["dtype"] = "f4"
    cut, notes = cut_region(dataset, box)
    assert cut["lon"].values.tolist() == lons
    assert notes == []
    edges = cut["lon_bnds"].compute()
    np.testing.assert_allclose(edges.isel(bnds=0), cut["lon"] - 5)
    np.testing.assert_allclose(edges.isel(bnds=1), cut["lon"] + 5)
    assert edges.dims == ("lon", "bnds")
    assert cut["lon"].attrs == dataset["lon"].attrs
    assert cut["lon"].encoding.get("dtype") == "f4"
    assert cut["lat_bnds"].equals(dataset["lat_bnds"])


def test_a_meridian_within_the_box_counts_once():
    lon = np.arange(0.0, 361, 10)
    field = xr.Dataset({"tas": ("lon", np.cos(np.deg2rad(lon)))}, {"lon": ("lon", lon)})
    field["lon"].attrs["units"] = "degrees_east"
    cut, _ = cut_region(field, {"lon": (-10, 20)})
    assert cut["lon"].values.tolist() == [-10, 0, 10, 20]
    np.testing.assert_allclose(cut["tas"], np.cos(np.deg2rad(cut["lon"])))


def test_a_meridian_that_is_there_twice():
    lon = np.arange(0.0, 361, 10)
    dataset = xr.Dataset({"tas": ("lon", np.arange(37.0))}, {"lon": lon})
    assert cut_region(dataset, {"lon": (0, 360)})[0]["lon"].values.tolist() == lon.tolist()
    cut, _ = cut_region(dataset, {"lon": (-180, 180)})
    assert sorted(cut["tas"].values) == list(range(37))


@pytest.mark.parametrize("kind", GRIDS)
def test_what_came_in_stays_as_it_was(kind):
    whole = GRIDS[kind]()
    cut, _ = cut_region(whole, (-90, 90, -90, 90))
    assert "climeri_region" in cut.attrs
    assert "climeri_region" not in whole.attrs


def test_latitudes_keep_their_order_and_their_bounds():
    for flip in (False, True):
        dataset = regular(flip=flip)
        cut, _ = cut_region(dataset, {"lat": (0, 30)})
        lats = [5, 15, 25]
        assert cut["lat"].values.tolist() == (lats[::-1] if flip else lats)
        assert cut["lat_bnds"].isel(bnds=0).values.tolist() == cut["lat"].values.tolist()
        assert cut["lon"].equals(dataset["lon"])


def test_a_wrapped_box_of_a_curvilinear_grid_is_one_piece():
    dataset = curvilinear(sag=0.0)
    cut, _ = cut_region(dataset, (60, 90, -20, 20))
    # not the 40 columns from one end to the other
    assert cut.sizes["i"] == 3
    assert cut["nav_lon"].compute().values[0].round().tolist() == [424, 73, 82]
    assert cut["bounds_lat"].sizes == {"j": 5, "i": 3, "v": 4}
    # the columns of a region are never turned around
    west, east = rotated().isel(rlon=slice(20)), rotated().isel(rlon=slice(-20, None))
    both = xr.concat([east, west], "rlon", join="override", coords="all", data_vars="all")
    box = (float(both["lon"].min()), float(both["lon"].max()), 20, 75)
    assert cut_region(both, box)[0]["rlon"].equals(both["rlon"])


def test_what_lies_around_is_missing_and_told():
    cut, (note,) = cut_region(curvilinear(), (-40, 60, -20, 65))
    lost = int(cut["tos"].isel(time=0).isnull().sum())
    assert 0 < lost < 60
    assert note == f"region=lon -40 to 60, lat -20 to 65: {lost} cells around it are missing values"
    assert int((~cut["land"]).sum()) == lost
    assert cut["land"].dtype == bool
    assert not cut["nav_lat"].isnull().any()
    assert not cut["bounds_lat"].isnull().any()


def test_coordinates_that_are_missing_lie_nowhere():
    dataset = curvilinear().compute()
    dataset["nav_lat"][0] = 1e20
    dataset["nav_lon"][1] = np.nan
    cut, _ = cut_region(dataset, (-180, 180, -90, 90))
    assert cut.sizes["j"] == 18
    dataset["nav_lat"][:] = np.nan
    with pytest.raises(DataError, match="the grid has no values of nav_lat, nav_lon 7"):
        cut_region(dataset, (-180, 180, -90, 90))


def test_a_twin_is_taken_and_axes_of_a_curvilinear_grid_are_not():
    dataset = curvilinear().rename(nav_lat="TLAT", nav_lon="TLON")
    dataset["ULAT"] = dataset["TLAT"] + 50
    dataset["ULON"] = dataset["TLON"] + 50
    dataset = dataset.assign_coords(
        i=("i", np.arange(40.0), {"units": "degrees_east", "long_name": "nominal longitude"})
    )
    dataset["tos"].encoding["coordinates"] = "TLON TLAT"
    ours = cut_region(curvilinear(), (0, 30, 0, 30))[0]["tos"]
    np.testing.assert_array_equal(cut_region(dataset, (0, 30, 0, 30))[0]["tos"], ours)


def test_a_mean_over_all_longitudes_is_not_one_over_a_box():
    zonal = regular().mean("lon")
    with pytest.raises(DataError, match="no longitudes"):
        cut_region(zonal, (0, 30, 0, 30))
    assert cut_region(zonal, {"lat": (0, 30)})[0].sizes["lat"] == 3
    assert cut_region(zonal, (-180, 180, 0, 30))[0].sizes["lat"] == 3
    with pytest.raises(DataError, match="no latitudes"):
        cut_region(regular().mean("lat"), (0, 30, 0, 30))
    with pytest.raises(DataError, match="no latitudes and longitudes"):
        cut_region(regular().mean(("lat", "lon")), (0, 30, 0, 30))


def test_an_empty_box_says_where_the_grid_is():
    with pytest.raises(DataError, match=r"lon -10 to -5, lat 0 to 1.*lat -85 to 85, lon 0 to 350"):
        cut_region(regular(), (-10, -5, 0, 1))
    with pytest.raises(DataError, match="no cell is in it, the grid has lat 2"):
        cut_region(rotated(), (100, 120, 40, 50))


@pytest.mark.parametrize(
    "region",
    [
        (0, 10, 20),
        (0, 10, 20, 30, 40),
        (0, 10, 30, 20),
        (0, 10, -91, 20),
        (0, 10, 0, float("nan")),
        (float("inf"), 10, 0, 10),
        (-10, 380, 0, 10),
        (360, 0, 0, 10),
        (900, 910, 0, 10),
        ("a", 10, 0, 10),
        ("0", "1", "2", None),
        "Europe",
        5,
        None,
        {},
        {"lon": (0, 10), "depth": (0, 10)},
        {"lon": 10},
        {"lon": (0, 10, 20)},
        {"lon": "12"},
        {0, 10, 20, 30},
        {"lat": {0, 10}},
        np.array(5.0),
    ],
)
def test_what_is_no_box_is_refused(region):
    with pytest.raises(UsageError, match="region=") as told:
        Region.parse(region)
    assert "lon_min" in told.value.hint


def test_a_long_series_stays_a_small_graph():
    field = da.zeros((60_000, 90, 180), chunks=(600, 90, 180), dtype="f4")
    lat, lon = np.linspace(-89, 89, 90), np.arange(0.0, 360, 2)
    dataset = xr.Dataset({"tas": (("time", "lat", "lon"), field)}, {"lat": lat, "lon": lon})
    cut, _ = cut_region(dataset, (-30, 30, 30, 60))
    assert len(cut["tas"].__dask_graph__()) <= 5 * 100
    assert cut["tas"].chunks[0] == field.chunks[0]


@pytest.mark.real_data
def test_grids_of_real_files(real_data):
    files = [path for path in sorted(real_data.rglob("*.nc")) if path.stat().st_size][::12]
    kinds = dict.fromkeys(("axes", "plane", "cells"), 0)
    for path in files:
        try:
            dataset = open_file(path)
        except FileUnreadable:
            continue
        for grid in grids_of(dataset):
            if grid.lat is None or grid.lon is None:
                continue
            lat, lon = degrees_of(dataset[grid.lat]), degrees_of(dataset[grid.lon])
            if not (np.isfinite(lat).any() and np.isfinite(lon).any()):
                continue
            # around some cell of it
            south, west = (float(np.round(np.nanmax(each), 2)) for each in (lat, lon))
            box = (west - 30, west + 5, max(-90, south - 40), min(90, south + 5))
            asked = Region.parse({"lon": (box[0] % 360, box[1] % 360), "lat": box[2:]})
            rows, columns = asked.holds_lat(lat), asked.holds_lon(lon)
            expected = rows.sum() * columns.sum() if grid.kind == "axes" else (rows & columns).sum()
            if not expected:
                continue
            cut, _ = cut_region(dataset, asked)
            rows, columns = (
                holds(degrees_of(cut[name]))
                for name, holds in ((grid.lat, asked.holds_lat), (grid.lon, asked.holds_lon))
            )
            found = rows.sum() * columns.sum() if grid.kind == "axes" else (rows & columns).sum()
            assert found == expected, path
            kinds[grid.kind] += 1
    assert kinds["axes"] > 10
    assert kinds["plane"] > 2
