"""When two headers say the same, item by item."""

from __future__ import annotations

import numpy as np

from climeri_platform.access.engines import hdf5


def assert_same_header(ours, theirs):
    assert list(ours.sizes.items()) == list(theirs.sizes.items())
    assert ours.unlimited == theirs.unlimited
    assert_same(ours.attrs, theirs.attrs, "attributes")
    assert list(ours.variables) == list(theirs.variables)
    for name, one in ours.variables.items():
        other = theirs.variables[name]
        assert one.dims == other.dims, name
        assert_same(one.attrs, other.attrs, name)
        assert_same(one.encoding, other.encoding, f"{name}, encoding")
        assert_same_array(one.array, other.array, name)


def assert_same_array(one, other, where):
    assert type(one) is type(other), where
    for field in one.__slots__:
        ours, theirs = getattr(one, field), getattr(other, field)
        if field != "find":
            assert_same(ours, theirs, f"{where}, {field}")
            continue
        ours, theirs = (_places(each) for each in (ours, theirs))
        for each in ("offsets", "sizes", "skipped"):
            assert_same(getattr(ours, each), getattr(theirs, each), f"{where}, {each}")


def _places(find):
    hdf5._KEPT._places.clear()
    return find()


def assert_same(one, other, where):
    assert type(one) is type(other), (where, one, other)
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key, value in one.items():
            assert_same(value, other[key], f"{where}: {key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for ours, theirs in zip(one, other, strict=True):
            assert_same(ours, theirs, where)
    elif isinstance(one, np.ndarray | np.generic):
        assert_same(one.dtype, other.dtype, where)
        assert one.shape == other.shape, where
        assert one.tobytes() == other.tobytes(), (where, one, other)
    elif isinstance(one, np.dtype):
        assert (one, one.metadata) == (other, other.metadata), where
    else:
        assert one == other, (where, one, other)
