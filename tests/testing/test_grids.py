import numpy as np
import pytest

from climeri_platform.testing.grids import EARTH_RADIUS, atmosphere
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.ocean import SOUTH, _areas, tripolar
from climeri_platform.testing.rotated import EUR_44, bilinear

SPHERE = 4 * np.pi * EARTH_RADIUS**2


@pytest.mark.parametrize("kind", ["cells", "poles", "gaussian"])
def test_an_atmosphere_covers_the_earth(kind):
    grid = atmosphere(kind, 48, 96)
    assert grid.points.area.sum() == pytest.approx(SPHERE, rel=1e-7)
    assert (np.diff(grid.lat) > 0).all()
    assert ((grid.lat_bnds[:, 0] <= grid.lat) & (grid.lat <= grid.lat_bnds[:, 1])).all()
    assert grid.points.weight.sum() == pytest.approx(1.0)


def test_a_tripolar_ocean_covers_all_but_the_south(monkeypatch):
    ocean = tripolar(72, 84)
    whole = _areas(ocean.lat_corners, ocean.lon_corners)
    north_of = SPHERE / 2 * (1 - np.sin(np.deg2rad(SOUTH)))
    # the cells of the south are great circles, which bulge away from the parallels a little
    assert whole.sum() == pytest.approx(north_of, rel=1e-4)
    assert (whole > 0).all()
    assert 0.6 < (ocean.area > 0).mean() < 0.8


def test_the_grid_poles_of_the_ocean_are_on_land():
    ocean = tripolar(72, 84)
    cap = ocean.lat_corners[..., 0] > 50
    smallest = np.unravel_index(
        np.argmin(np.where(cap, _areas(ocean.lat_corners, ocean.lon_corners), np.inf)), cap.shape
    )
    assert ocean.area[smallest] == 0.0


def test_the_cap_is_curvilinear_and_the_rest_is_not():
    ocean = tripolar(72, 84)
    assert np.ptp(ocean.lat[10]) == 0.0
    assert np.ptp(ocean.lat[-2]) > 5.0


def test_the_middle_of_the_european_domain():
    points = EUR_44.points
    centre = np.argmin(np.abs(EUR_44.rlat))
    column = np.argmin(np.abs(EUR_44.rlon))
    place = centre * 106 + column
    assert points.lat[place] == pytest.approx(90 - 39.25, abs=0.3)
    assert points.lon[place] == pytest.approx(18.0, abs=0.4)


def test_interpolation_keeps_planes():
    grid = atmosphere("cells", 60, 80)
    cells, weights = bilinear(grid.lat, grid.lon, EUR_44.points)
    assert weights.sum(axis=0) == pytest.approx(1.0)
    plane = grid.points.lat
    assert (plane[cells] * weights).sum(axis=0) == pytest.approx(EUR_44.points.lat)


def test_there_is_land_and_sea():
    points = atmosphere("cells", 60, 80).points
    land = land_fraction(points.lat, points.lon)
    assert 0.24 < (land * points.weight).sum() < 0.34
    assert land.min() >= 0.0
    assert land.max() <= 1.0
    assert land_fraction(np.array([0.0]), np.array([359.99])) == pytest.approx(
        land_fraction(np.array([0.0]), np.array([-0.01]))
    )
