"""No cell holds what a careful reader would take for a broken file."""

import netCDF4
import numpy as np
import pytest

FREEZING = -1.8 - 2.0**-5  # what rounding may add


@pytest.fixture(scope="module")
def native(root):
    with netCDF4.Dataset(min(root.glob("IGCM_OUT/**/Output/MO/*_histmth.nc"))) as dataset:
        names = [name for name in dataset.variables if dataset[name].ndim == 3]
        return {name: dataset[name][:].astype(np.float64) for name in names}


def test_a_surface_radiates_as_its_temperature_lets_it(native):
    emitted = 5.67e-8 * native["t2m"] ** 4
    assert (native["LWupSFC"] / emitted).min() > 0.8
    assert (native["LWupSFC"] / emitted).max() < 1.25
    assert native["LWdnSFC"].min() > 40
    assert np.mean(native["LWdnSFC"] < native["LWupSFC"]) > 0.99


def test_no_more_sunlight_comes_back_than_came(native):
    assert (native["SWupTOA"] <= native["SWdnTOA"]).all()
    assert (native["SWupSFC"] <= native["SWdnSFC"]).all()
    assert ((native["cldt"] >= 0) & (native["cldt"] <= 1)).all()


@pytest.mark.parametrize("pattern", ["CMIP6/**/tos_Omon_*.nc", "IGCM_OUT/**/OCE/**/*.nc"])
def test_sea_water_does_not_fall_below_freezing(root, pattern):
    paths = sorted(root.glob(pattern))
    assert paths
    for path in paths:
        with netCDF4.Dataset(path) as dataset:
            assert FREEZING <= dataset["tos"][:].min() < 0, path.name
