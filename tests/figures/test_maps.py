"""Maps: what is on them, looked at through their objects and pixels."""

import io
import socket

import cartopy
import cartopy.crs as ccrs
import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

from climeri_platform.core.errors import UsageError
from climeri_platform.figures import map_of
from climeri_platform.figures.coasts import TABLE, coastlines
from climeri_platform.figures.geography import mesh_of, projection_for

LAT, LON = np.arange(-87.5, 90, 5), np.arange(0.0, 360, 5)


def field(values=1.0, lat=LAT, lon=LON, **attrs):
    values = np.broadcast_to(np.asarray(values, float), (len(lat), len(lon)))
    return xr.DataArray(
        values, coords={"lat": lat, "lon": lon}, dims=("lat", "lon"), name="tas", attrs=attrs
    )


def pixels(axes):
    canvas = io.BytesIO()
    axes.figure.savefig(canvas, format="rgba", dpi=60)
    width, height = (int(side * 60) for side in axes.figure.get_size_inches())
    return np.frombuffer(canvas.getvalue(), np.uint8).reshape(height, width, 4)[..., :3]


def share_of_white_inside(axes):
    """Return how much of the map itself was left unpainted."""
    image = pixels(axes)
    box = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    top, bottom = (round(image.shape[0] - 60 * y) for y in (box.y1, box.y0))
    left, right = (round(60 * x) for x in (box.x0, box.x1))
    middle = image[(top + bottom) // 2 - 5 : (top + bottom) // 2 + 5, left + 3 : right - 3]
    return float((middle.min(axis=-1) > 250).mean())


def rotated(*, pole=True, two_dimensional=True):
    rlat, rlon = np.arange(-20, 20, 2.0), np.arange(-25, 18, 2.0)
    system = ccrs.RotatedPole(pole_longitude=-162, pole_latitude=39.25)
    x, y = np.meshgrid(rlon, rlat)
    true = ccrs.PlateCarree().transform_points(system, x, y)
    coords = {
        "rlat": ("rlat", rlat, {"standard_name": "grid_latitude"}),
        "rlon": ("rlon", rlon, {"standard_name": "grid_longitude"}),
    }
    if two_dimensional:
        coords["lat"] = (("rlat", "rlon"), true[..., 1], {"standard_name": "latitude"})
        coords["lon"] = (("rlat", "rlon"), true[..., 0], {"standard_name": "longitude"})
    if pole:
        attrs = {"grid_north_pole_latitude": 39.25, "grid_north_pole_longitude": -162.0}
        coords["rotated_pole"] = ((), 0, attrs)
    return xr.DataArray(true[..., 1], dims=("rlat", "rlon"), coords=coords, name="tas")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Forbid every connection, and give cartopy an empty folder for what it downloads."""

    def refuse(*args, **kwargs):
        message = "a connection was tried"
        raise AssertionError(message)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setitem(cartopy.config, "data_dir", tmp_path)
    monkeypatch.setitem(cartopy.config, "pre_existing_data_dir", tmp_path)
    return tmp_path


def test_a_map_downloads_nothing(offline):
    pixels(map_of(field(), coastlines=True))
    pixels(map_of(rotated(), coastlines=True))
    assert list(offline.iterdir()) == []


@pytest.mark.parametrize(
    "lon", [LON, LON - 180, np.arange(2.5, 360, 5), LON[::-1], np.roll(LON, 17), LON[::6]]
)
def test_a_global_map_has_no_gap_wherever_the_longitudes_begin(lon):
    assert share_of_white_inside(map_of(field(lon=lon), coastlines=False)) == 0


def test_a_curvilinear_globe_has_no_gap_at_the_date_line():
    lat, lon = np.meshgrid(LAT, np.arange(77.0, 437, 5), indexing="ij")
    curved = xr.DataArray(
        np.ones(lat.shape), dims=("j", "i"), name="tos",
        coords={"nav_lat": (("j", "i"), lat), "nav_lon": (("j", "i"), (lon + 180) % 360 - 180)},
    )  # fmt: skip
    axes = map_of(curved, coastlines=False)
    assert isinstance(axes.projection, ccrs.Robinson)
    assert share_of_white_inside(axes) < 0.01


def test_values_are_where_they_belong():
    spot = field().copy(data=np.zeros((36, 72)))
    spot.loc[{"lat": 2.5, "lon": slice(300, 330)}] = 1
    axes = map_of(spot, levels=[-0.5, 0.5, 1.5], coastlines=False, cmap="Greys")
    image = pixels(axes).astype(int).sum(axis=-1)
    x, y = axes.projection.transform_point(-45, 2.5, ccrs.PlateCarree())
    column, row = axes.transData.transform((x, y)) * 60 / axes.figure.dpi
    assert image[image.shape[0] - round(row), round(column)] < 100
    x, y = axes.projection.transform_point(45, 2.5, ccrs.PlateCarree())
    column, row = axes.transData.transform((x, y)) * 60 / axes.figure.dpi
    assert image[image.shape[0] - round(row), round(column)] > 700


def test_missing_cells_are_grey_and_unplaced_cells_are_not_drawn():
    holed = field().where(field().lat > 0)
    assert mesh_of(holed).missing.sum() == 18 * 72
    grey = pixels(map_of(holed, coastlines=False))
    assert ((grey == round(0.85 * 255)).all(axis=-1)).mean() > 0.2
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    lat[:3] = np.nan
    halo = xr.DataArray(
        np.ones(lat.shape), dims=("j", "i"), name="tos",
        coords={"nav_lat": (("j", "i"), lat), "nav_lon": (("j", "i"), lon)},
    )  # fmt: skip
    mesh = mesh_of(halo)
    assert np.isfinite(mesh.x).all()
    assert not mesh.missing.any()
    assert np.isnan(mesh.values[:3]).all()


def test_the_projection_follows_the_grid():
    def chosen(data):
        return projection_for(mesh_of(data))

    assert isinstance(chosen(field()), ccrs.Robinson)
    assert isinstance(chosen(rotated()), ccrs.RotatedPole)
    assert isinstance(chosen(rotated(pole=False)), ccrs.LambertConformal)
    assert isinstance(chosen(field(lat=LAT[LAT > 55])), ccrs.NorthPolarStereo)
    assert isinstance(chosen(field(lat=LAT[LAT < -55])), ccrs.SouthPolarStereo)
    south = field(lat=LAT[(LAT < -25) & (LAT > -60)], lon=np.arange(110, 160, 5.0))
    assert chosen(south).proj4_params["lon_0"] == pytest.approx(132.5, abs=0.1)
    assert isinstance(chosen(field(lat=LAT[np.abs(LAT) < 30], lon=LON[:10])), ccrs.PlateCarree)
    mine = ccrs.Mollweide()
    assert map_of(field(), projection=mine, coastlines=False).projection == mine


def test_a_rotated_pole_without_any_place_on_the_sphere_is_refused():
    with pytest.raises(UsageError, match="no latitude and longitude"):
        map_of(rotated(pole=False, two_dimensional=False))


def test_dimensions_may_come_in_any_order():
    image = pixels(map_of(field(LAT[:, None]), coastlines=False))
    np.testing.assert_array_equal(pixels(map_of(field(LAT[:, None]).T, coastlines=False)), image)
    image = pixels(map_of(rotated(), coastlines=False))
    np.testing.assert_array_equal(pixels(map_of(rotated().T, coastlines=False)), image)


def bar_of(axes):
    return next(other for other in axes.figure.axes if other is not axes)


def test_the_colour_bar_carries_name_and_units():
    named = field(LAT[:, None], long_name="precipitation flux", units="kg m-2 s-1")
    assert bar_of(map_of(named)).get_xlabel() == "Precipitation flux [kg m$^{-2}$ s$^{-1}$]"
    assert bar_of(map_of(field(LAT[:, None]))).get_xlabel() == "tas"
    assert bar_of(map_of(named, label="mine")).get_xlabel() == "mine"
    changed = named.assign_attrs(climeri_baseline="1850-1900", units="K")
    label = bar_of(map_of(changed)).get_xlabel()
    assert label == "Precipitation flux, relative to 1850-1900 [K]"


def colours_at(axes, values):
    cells = axes.collections[-1] if len(axes.collections) == 1 else axes.collections[0]
    return cells.cmap(cells.norm(np.asarray(values, float)))


def test_zero_is_white_where_values_diverge():
    axes = map_of(field(LAT[:, None] / 10), coastlines=False)
    low, high = colours_at(axes, [-6.5, 6.5])
    assert low[2] > low[0]
    assert high[0] > high[2]
    warming = field(3 + LAT[:, None] / 90, climeri_baseline="1850-1900")
    levels = map_of(warming, coastlines=False).collections[0].norm.boundaries
    assert levels[0] == 0
    first = colours_at(map_of(warming, coastlines=False), [0.1])[0]
    np.testing.assert_allclose(first[:3], colormaps["RdBu_r"](0.5)[:3], atol=0.06)


def test_degrees_celsius_do_not_diverge_unless_asked():
    warm = field(LAT[:, None] / 3, units="degC")
    expected = colormaps["viridis"](0)[:3]
    np.testing.assert_allclose(colours_at(map_of(warm), [-28])[0][:3], expected, atol=0.02)
    asked = colours_at(map_of(warm, diverging=True), [-28])[0][:3]
    assert not np.allclose(asked, expected, atol=0.1)


def test_levels_and_the_ends_of_the_scale():
    axes = map_of(field(LAT[:, None]), levels=[-50, 0, 50], cmap="viridis", coastlines=False)
    cells = axes.collections[0]
    assert cells.norm.boundaries.tolist() == [-50, 0, 50]
    assert cells.norm.extend == "both"
    assert map_of(field(7.0)).collections[0].norm.boundaries[0] < 7
    with pytest.raises(UsageError, match="do not rise"):
        map_of(field(), levels=[1, 0])


def test_an_axes_may_be_given():
    figure = Figure(layout="constrained")
    left, right = (figure.add_subplot(1, 2, place, projection=ccrs.Robinson()) for place in (1, 2))
    assert map_of(field(), ax=left, title="left") is left
    assert map_of(field(), ax=right).figure is figure
    assert left.get_title() == "left"
    with pytest.raises(UsageError, match="has no projection"):
        map_of(field(), ax=Figure().add_subplot())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (field().expand_dims(time=2), "needs two dimensions"),
        (field(np.nan), "all cells are missing"),
        (field().drop_vars("lat"), "no latitude and longitude"),
        (field(lat=[0.0]), "at least two latitudes"),
    ],
)
def test_what_is_no_map_is_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        map_of(wrong)


def test_a_lazy_field_is_drawn():
    assert map_of(field().chunk(lat=10), coastlines=False).collections


def test_a_notebook_shows_the_figure():
    image = map_of(field(), coastlines=False).figure._repr_png_()
    assert image.startswith(b"\x89PNG")


def test_the_table_of_coastlines_is_small_and_says_where_it_comes_from():
    assert TABLE.stat().st_size < 200_000
    text = TABLE.read_text(encoding="utf-8")
    for word in ("Natural Earth", "public domain", "ISC", "sha256", '"derived"'):
        assert word in text


@pytest.mark.parametrize(("detail", "total"), [("world", 2600), ("region", 3000)])
def test_coastlines_are_on_the_sphere_and_cross_no_map(detail, total):
    lines = coastlines(detail)
    west, south, east, north = lines.bounds
    assert (west, east) == (-180, 180)
    assert -90 < south < -75
    assert 80 < north < 84
    steps = np.concatenate([np.abs(np.diff(line.coords, axis=0)[:, 0]) for line in lines.geoms])
    assert steps.max() < 20
    assert lines.length > total / 2
