"""What attributes make of numbers is what xarray makes of them."""

from __future__ import annotations

import warnings

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from climeri_platform.access.decoding import decoding_of, fitted
from climeri_platform.core.errors import DatasetInconsistent

KINDS = ["f4", "f8", "i1", "i2", "i4", "u1", "u2", "i8"]


@st.composite
def packed(draw):
    """Numbers, and attributes as producers put them beside."""
    dtype = np.dtype(draw(st.sampled_from(KINDS)))
    elements = st.integers(0, 100) if dtype.kind == "u" else st.integers(-100, 100)
    raw = draw(arrays.arrays(dtype, st.integers(1, 8), elements=elements.map(dtype.type)))
    attrs = {}
    for word in ("_FillValue", "missing_value"):
        if draw(st.booleans()):
            attrs[word] = dtype.type(draw(elements))
    if dtype.kind == "f" and draw(st.booleans()):
        attrs["_FillValue"] = dtype.type(np.nan)
    factors = st.sampled_from([np.float32, np.float64])
    if draw(st.booleans()):
        attrs["scale_factor"] = draw(factors)(draw(st.sampled_from([0.01, 0.5, 1.0, 3.7])))
    if draw(st.booleans()):
        attrs["add_offset"] = draw(factors)(draw(st.sampled_from([0.0, 273.15, -20.0])))
    if dtype.kind in "iu" and draw(st.booleans()):
        attrs["_Unsigned"] = draw(st.sampled_from(["true", "false"]))
        attrs.pop("missing_value", None)  # xarray compares it with its sign, and masks nothing
        if dtype.itemsize > 2:  # xarray compares large numbers as it packs them, rounded
            attrs.pop("scale_factor", None)
            attrs.pop("add_offset", None)
        if dtype.itemsize == 8:  # and makes them doubles before it looks which are missing
            attrs.pop("_FillValue", None)
    return raw, attrs


@given(packed())
def test_values_and_types_are_those_of_xarray(case):
    raw, attrs = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = xr.conventions.decode_cf_variable(
            "x", xr.Variable("x", raw.copy(), dict(attrs)), decode_times=False
        )
        decoding = decoding_of(attrs, raw.dtype)
        values = decoding(raw.copy())
    assert values.dtype == decoding.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected.values)


def test_of_large_unsigned_numbers_those_are_missing_that_are_the_fill_value():
    attrs = {"_FillValue": np.int64(-2), "_Unsigned": "true"}
    values = decoding_of(attrs, np.dtype("i8"))(np.array([-1, -2], "i8"))
    np.testing.assert_array_equal(values, [2.0**64, np.nan])


def test_several_values_are_missing():
    raw = np.array([1.0, -999.0, 1e20], "f4")
    attrs = {"missing_value": np.array([-999.0, 1e20], "f4")}
    np.testing.assert_array_equal(decoding_of(attrs, raw.dtype)(raw), [1.0, np.nan, np.nan])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"])
def test_what_was_never_written_is_missing(dtype):
    fill, dtype = netCDF4.default_fillvals[dtype], np.dtype(dtype)
    attrs = {} if dtype.kind == "f" else {"scale_factor": 0.5}
    made = fitted(attrs, dtype, marginal=False)
    values = decoding_of(made, dtype)(np.array([2, fill], dtype))
    np.testing.assert_array_equal(np.isnan(values), [False, True])
    assert fitted(attrs, dtype, marginal=True) == attrs


@pytest.mark.parametrize(
    ("dtype", "unsigned", "number"), [("i2", "true", 2**15 + 1), ("u2", "false", -1)]
)
def test_a_default_with_the_other_sign_is_a_number_like_others(tmp_path, dtype, unsigned, number):
    raw = np.array([2, netCDF4.default_fillvals[dtype], 3], dtype)
    attrs = {"scale_factor": 0.5, "_Unsigned": unsigned}
    values = decoding_of(fitted(attrs, raw.dtype, marginal=False), raw.dtype)(raw.copy())
    np.testing.assert_array_equal(values, [1, number / 2, 1.5])
    if unsigned == "true":  # netCDF4 knows no other word
        with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
            file.createDimension("x", 3)
            made = file.createVariable("x", dtype, "x")
            made.set_auto_maskandscale(False)
            made.setncatts(attrs)
            made[:] = raw
            made.set_auto_maskandscale(True)
            assert not np.ma.is_masked(made[:])
            np.testing.assert_array_equal(made[:], values)


def test_an_unsigned_missing_value_is_missing():
    attrs = {"missing_value": np.int8(-1), "_Unsigned": "true"}
    values = decoding_of(attrs, np.dtype("i1"))(np.array([-1, -2], "i1"))
    np.testing.assert_array_equal(values, [np.nan, 254])


@pytest.mark.parametrize("stored", ["f4", "f8", "i2", "u4"])
@pytest.mark.parametrize("marginal", [False, True])
def test_a_factor_that_is_a_whole_number_cuts_nothing_off(stored, marginal):
    raw = np.array([2, 3]).astype(stored) + (0.5 if stored[0] == "f" else 0)
    made = fitted({"scale_factor": np.int16(30_000)}, raw.dtype, marginal=marginal)
    values = decoding_of(made, raw.dtype)(raw.copy())
    assert values.dtype == (stored if stored[0] == "f" else "f8")
    np.testing.assert_array_equal(values, raw.astype("f8") * 30_000)


def test_a_factor_that_is_text_is_refused():
    with pytest.raises(DatasetInconsistent, match=r"scale_factor is '0\.01', which is text"):
        decoding_of({"scale_factor": "0.01"}, np.dtype("i2"))


def test_text_is_left_alone():
    raw = np.array([b"a"])
    assert decoding_of({"_FillValue": b"a"}, raw.dtype)(raw) is raw
