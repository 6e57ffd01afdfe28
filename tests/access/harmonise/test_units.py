"""Canonical units, asked of UDUNITS; what cannot be known is left."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.conversion import linear, table, to_canonical
from climeri_platform.access.harmonise import convert, harmonise
from climeri_platform.core.errors import UnitMismatch, UnknownValue


def of(name, units, values=(1.0, 2.0), **attributes):
    data = da.from_array(np.array(values, "f4"), chunks=1)
    return xr.Dataset({name: (("time",), data, {"units": units, **attributes})})


@pytest.mark.parametrize(
    ("name", "units", "canonical", "factor", "offset"),
    [
        ("tas", "degC", "K", 1, 273.15),
        ("tas", "C", "K", 1, 273.15),
        ("tas", "°C", "K", 1, 273.15),
        ("tos", "K", "degC", 1, -273.15),
        ("pr", "mm/day", "kg m-2 s-1", 1 / 86400, 0),
        ("pr", "m s-1", "kg m-2 s-1", 1000, 0),
        ("snw", "mm", "kg m-2", 1, 0),
        ("psl", "hPa", "Pa", 100, 0),
        ("psl", "mb", "Pa", 100, 0),
        ("siconc", "1", "%", 100, 0),
        ("siconc", "0-1", "%", 100, 0),
        ("sic", "fraction", "%", 100, 0),
        ("sftlf", "1", "%", 100, 0),
        ("areacella", "km2", "m2", 1e6, 0),
        ("so", "psu", "0.001", 1, 0),
        ("so", "ppt", "0.001", 1, 0),  # per thousand; to UDUNITS, per trillion
        ("huss", "g kg-1", "1", 1e-3, 0),
        ("zos", "cm", "m", 0.01, 0),
        ("zg", "gpm", "m", 1, 0),
        ("rlut", "W m**-2", "W m-2", 1, 0),
    ],
)
def test_canonical_units(name, units, canonical, factor, offset):
    held = of(name, units)
    out, steps = harmonise(held, {})
    assert out[name].attrs["units"] == canonical
    np.testing.assert_allclose(out[name].values, np.array([1, 2]) * factor + offset, rtol=1e-6)
    assert out[name].dtype == np.float32
    (step,) = [each for each in steps if each.fix == "units"]
    assert step.native_units == out[name].attrs["native_units"] == units
    if (factor, offset) == (1, 0):
        assert step.kind == "names"
        assert "climeri_steps" not in out[name].attrs
    else:
        assert step.kind == "numbers"
        assert (step.factor, step.offset) == pytest.approx((factor, offset))
        assert out[name].attrs["climeri_steps"] == step.said
    assert harmonise(out, {})[1] == []


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("hurs", ""),
        ("hurs", "-"),
        ("siconc", "none"),
        ("tas", ""),
        ("gpp", "mm day-1"),
        ("fgco2", "kg C m-2 s-1"),
        ("sithick", "m-ice"),
        ("tas", "days since 1850-01-01"),
        ("pr", "quux"),
        ("pr", "mm/month"),  # of which month?
        ("evspsbl", "kg m-2 Months-1"),
        ("clt", "degrees_north"),
        ("hurs", "radian"),
    ],
)
def test_what_cannot_be_known_is_left_and_told(name, units):
    held = of(name, units)
    out, steps = harmonise(held, {})
    assert [(step.fix, step.kind) for step in steps] == [("units", "noted")]
    assert out[name].attrs == {"units": units}
    assert out[name].data is held[name].data


def test_variables_that_the_tables_do_not_know_are_left_without_a_word():
    out, steps = harmonise(of("my_tuning", "degC"), {})
    assert steps == []
    assert out["my_tuning"].attrs["units"] == "degC"


def test_what_has_no_dimension_may_be_written_without():
    assert harmonise(of("huss", ""), {})[1] == []


def test_nothing_is_read(unread):
    held = xr.Dataset({"tas": (("time", "lat"), unread((2, 3)), {"units": "degC"})})
    out, _ = harmonise(held, {})
    assert out["tas"].dtype == np.float32
    assert out["tas"].chunks is not None
    with pytest.raises(AssertionError, match="was read"):
        out["tas"].compute()


def test_packing_and_ranges_of_the_old_units_do_not_stay():
    held = of("tas", "degC", valid_range=[-90, 60])
    held["tas"].encoding = {"scale_factor": 0.1, "dtype": "i2", "_FillValue": -1, "zlib": True}
    out, _ = harmonise(held, {})
    assert out["tas"].encoding == {"zlib": True}
    assert "valid_range" not in out["tas"].attrs
    assert held["tas"].encoding["scale_factor"] == 0.1


def test_integers_become_double():
    held = xr.Dataset({"tas": (("time",), np.array([10, 20], "i2"), {"units": "degC"})})
    out, _ = harmonise(held, {})
    np.testing.assert_allclose(out["tas"].values, [283.15, 293.15])


def test_height_of_water_is_no_flux_by_name_either():
    held = of("pr", "mm s-1", standard_name="lwe_precipitation_rate")
    assert harmonise(held, {})[0]["pr"].attrs["standard_name"] == "precipitation_flux"


def test_vertical_axes_and_their_bounds():
    held = of("ta", "K").rename(time="level")
    held = held.assign_coords(level=("level", [1000.0, 500.0], {"units": "hPa"}))
    held["level_bnds"] = (("level", "bnds"), [[1010.0, 990], [510, 490]])
    out, _ = harmonise(held, {})
    assert out["plev"].values.tolist() == [1e5, 5e4]
    assert out["plev_bnds"].values.tolist() == [[1.01e5, 9.9e4], [5.1e4, 4.9e4]]
    assert out["plev"].attrs["units"] == "Pa"


def test_radians_become_degrees(unread):
    place = ("cell", np.full(3, np.pi / 4), {"standard_name": "latitude", "units": "radian"})
    held = xr.Dataset({"tas": (("cell",), unread((3,)), {"units": "K"})}, {"clat": place})
    out, _ = harmonise(held, {})
    np.testing.assert_allclose(out["lat"].values, 45)
    assert out["lat"].attrs["units"] == "degrees_north"


def test_on_request():
    rain = of("pr", "kg m-2 s-1", [1e-5, 2e-5])
    out, (step,) = convert(rain, {"pr": "mm/day"})
    np.testing.assert_allclose(out["pr"].values, [0.864, 1.728], rtol=1e-6)
    assert out["pr"].attrs["units"] == "mm/day"
    assert (step.fix, step.factor) == ("convert", 86400)
    back, _ = convert(out, {"pr": "kg m-2 s-1"})
    np.testing.assert_allclose(back["pr"].values, [1e-5, 2e-5], rtol=1e-6)
    assert back["pr"].attrs["native_units"] == "kg m-2 s-1"
    warm, _ = convert(of("tas", "K", [300.0]), {"tas": "degC"})
    assert float(warm["tas"][0]) == pytest.approx(26.85, abs=1e-4)
    assert convert(rain, {"pr": "kg m-2 s-1"})[1] == []


def test_what_does_not_convert_is_refused_on_request():
    with pytest.raises(UnitMismatch, match="do not convert to 'mm/day'"):
        convert(of("gpp", "kg m-2 s-1"), {"gpp": "mm/day"})
    with pytest.raises(UnitMismatch, match="units None"):
        convert(xr.Dataset({"tas": ("time", [1.0])}), {"tas": "K"})
    with pytest.raises(UnknownValue) as told:
        convert(of("tas", "K"), {"tos": "K"})
    assert "tas" in told.value.hint


def test_every_canonical_unit_means_something():
    known = table()
    assert len(known.canonical) > 1000
    for units in {*known.canonical.values()}:
        assert linear(units, units) == (1, 0)
        assert linear(f"{units}", f"0.5 {units}") is not None, units
    assert known.water <= known.canonical.keys()
    assert {known.canonical[name] for name in known.water} <= {"kg m-2", "kg m-2 s-1"}
    assert {*known.senses.values()} == {*known.spelling}
    assert known.canonical["tos"] == "degC"


def test_spellings_count_in_the_sense_of_the_variable_only():
    assert to_canonical("tas", "C", "K") == (1, 273.15)
    assert to_canonical("rsdt", "C", "W m-2") is None  # coulomb
    assert to_canonical("hurs", "none", "%") is None
    assert to_canonical("huss", "none", "1") is not None
