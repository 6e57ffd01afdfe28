import numpy as np
import pytest

from climeri_platform.testing.fields import MISSING, area_mean, quanta, quantise
from climeri_platform.testing.grids import Points, atmosphere


@pytest.mark.parametrize("quantum", [2.0**-6, 0.25, 1.0])
def test_rounding_keeps_the_area_mean(quantum):
    points = atmosphere("gaussian", 32, 64).points
    random = np.random.default_rng(1)
    field = 280 + 20 * random.standard_normal((24, points.area.size))
    target = area_mean(field, points.weight) + 0.01
    made = quantise(field, target, points, np.full(points.area.size, quantum))
    assert made.dtype == np.float32
    assert area_mean(made.astype(np.float64), points.weight) == pytest.approx(target, abs=5e-6)
    assert np.abs(made - field).max() < 4 * quantum + 0.5


def test_cells_without_area_are_missing():
    points = atmosphere("cells", 12, 16).points
    area = points.area.copy()
    area[40:60] = 0.0
    masked = Points(points.lat, points.lon, area, points.shape)
    field = np.full((3, area.size), 10.3)
    made = quantise(field, np.full(3, 10.3), masked, np.full(area.size, 0.5))
    assert (made[:, 40:60] == MISSING).all()
    kept = np.where(made == MISSING, 0.0, made).astype(np.float64)
    assert area_mean(kept, masked.weight) == pytest.approx(np.full(3, 10.3), abs=1e-4)


def test_quanta_are_powers_of_two_below_the_weather():
    noise = np.array([0.2, 1.0, 7.0])
    made = quanta(0.0, noise)
    assert (np.log2(made) % 1 == 0).all()
    assert (made < 0.5 * noise).all()
    assert quanta(0.25, noise).tolist() == [0.25] * 3


def test_dry_cells_stay_dry():
    points = atmosphere("gaussian", 32, 64).points
    random = np.random.default_rng(2)
    field = np.maximum(random.standard_normal((40, points.area.size)) - 0.3, 0.0)
    target = area_mean(field, points.weight)
    made = quantise(field, target, points, np.full(points.area.size, 2.0**-3))
    assert made.min() == 0.0
    assert area_mean(made.astype(np.float64), points.weight) == pytest.approx(target, abs=1e-6)
