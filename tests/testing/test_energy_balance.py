import numpy as np
import pytest

from climeri_platform.testing.energy_balance import (
    STEPS,
    TwoLayer,
    abrupt_4x,
    historical,
    one_percent,
    scenario,
)

LAYERS = TwoLayer(3.6, 1.2, 8.0, 100.0, 0.7)


def test_the_equilibrium_of_a_quadrupling_is_twice_the_sensitivity():
    temperature, flux = LAYERS.respond(abrupt_4x(3.6, 6000))
    assert temperature[-1] == pytest.approx(2 * LAYERS.ecs, rel=1e-6)
    assert flux[-1] == pytest.approx(0.0, abs=1e-5)


def test_the_regression_of_gregory_is_exact_without_noise():
    temperature, flux = LAYERS.respond(abrupt_4x(3.6, 150))
    slope, forcing = np.polyfit(temperature, flux, 1)
    assert -slope == pytest.approx(1.2, rel=1e-10)
    assert -forcing / slope / 2 == pytest.approx(3.0, rel=1e-10)


def test_the_heat_that_enters_is_the_heat_that_is_held():
    forcing = abrupt_4x(3.6, 1)
    _, flux = LAYERS.respond(forcing)
    upper, deep = 0.0, 0.0
    for force in forcing[0]:
        exchanged = 0.7 * (upper - deep)
        upper += (force - 1.2 * upper - exchanged) / 8.0 / STEPS
        deep += exchanged / 100.0 / STEPS
    assert 8.0 * upper + 100.0 * deep == pytest.approx(flux[0], rel=1e-12)


def test_one_percent_doubles_in_seventy_years():
    assert one_percent(3.6, 140)[69, -1] == pytest.approx(3.6, rel=0.01)
    assert LAYERS.tcr() < LAYERS.ecs


def test_scenarios_continue_the_past_and_part():
    past = historical(3.7, 165)
    high, low = scenario("ssp585", 3.7, 251), scenario("ssp126", 3.7, 251)
    assert np.array_equal(high[:165], past)
    assert abs(high[165, 0] - past[-1, -1]) < 0.1
    assert high[-1, -1] == pytest.approx(8.2, abs=0.3)
    assert low[-1, -1] == pytest.approx(2.5, abs=0.3)


def test_eruptions_cool_and_pass():
    with_them, without = historical(3.7, 165), historical(3.7, 165, volcanoes=0.0)
    dip = (with_them - without).mean(axis=1)
    assert dip[1992 - 1850] < -1.0
    assert dip[2005 - 1850] == pytest.approx(0.0, abs=1e-6)
