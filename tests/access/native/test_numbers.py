"""Factor and offset of one variable, by the table and by the file."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.native.numbers import change_of
from climeri_platform.catalog.native import NativeVariable


@pytest.mark.parametrize(
    ("units", "factor", "offset"),
    [
        ("m2 s-2", 0.1, 5.0),
        ("km2 s-2", 1e5, 5.0),
        ("m", 1.0, 0.0),
        ("km", 1e3, 0.0),
        (None, 0.1, 5.0),
    ],
)
def test_units_lead_to_those_of_the_table_and_from_there_to_cmip(units, factor, offset):
    row = NativeVariable(variable="zg", units="m2 s-2", factor=0.1, offset=5.0)
    attrs = {} if units is None else {"units": units}
    change = change_of(row, xr.DataArray(np.zeros(2), dims="x", attrs=attrs))
    assert (change.factor, change.offset) == (pytest.approx(factor), offset)
    assert not change.refusal


def test_what_is_no_number_is_refused():
    row = NativeVariable(variable="tas", units="K")
    change = change_of(row, xr.DataArray(np.array(["a"]), dims="x", attrs={"units": "K"}))
    assert change.refusal.startswith("it holds no numbers")
