"""NetCDF classic files read without a library are those that the library reads."""

from __future__ import annotations

import pickle
import struct

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import netcdf_file

from climeri_platform.access.engines import classic, header
from climeri_platform.access.engines.classic import read_header
from climeri_platform.access.engines.header import HeldArray
from climeri_platform.core.errors import FileUnreadable

FORMS = {1: "NETCDF3_CLASSIC", 2: "NETCDF3_64BIT_OFFSET", 5: "NETCDF3_64BIT_DATA"}
OLD = ["i1", "S1", "i2", "i4", "f4", "f8"]
NEW = [*OLD, "u1", "u2", "u4", "i8", "u8"]


@st.composite
def described(draw):
    """A file: its form, dimensions, records, and variables with an attribute each."""
    form = draw(st.sampled_from(sorted(FORMS)))
    kinds = st.sampled_from(NEW if form == 5 else OLD)
    fixed = draw(st.lists(st.integers(1, 5), max_size=3))
    count = draw(st.integers(0, 6))
    shapes = st.tuples(st.booleans(), st.lists(st.sampled_from(range(len(fixed))), max_size=3))
    if not fixed:
        shapes = st.tuples(st.booleans(), st.just([]))
    variables = draw(st.lists(st.tuples(kinds, shapes), max_size=5))
    text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)
    number = st.lists(st.integers(-9, 9), min_size=1, max_size=3)
    attrs = draw(st.lists(st.one_of(text, number), max_size=3))
    return form, fixed, count, variables, attrs


def written(path, form, fixed, count, variables, attrs):
    with netCDF4.Dataset(path, "w", format=FORMS[form]) as file:
        file.createDimension("time", None)
        for number, size in enumerate(fixed):
            file.createDimension(f"d{number}", size)
        for number, value in enumerate(attrs):
            plain = value if isinstance(value, str) else np.array(value, "i4")
            file.setncattr(f"a{number}", plain)
        for number, (kind, (grows, dims)) in enumerate(variables):
            names = ["time"] * grows + [f"d{each}" for each in dims]
            field = file.createVariable(f"v{number}", kind, names)
            field.setncattr("note", f"number {number}")
            shape = [count] * grows + [fixed[each] for each in dims]
            values = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 91 + 33
            if np.size(values):
                field[...] = values.astype("u1").view("S1") if kind == "S1" else values


def same(path, found):
    """Whether the library says the same, value by value."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        assert {name: len(each) for name, each in file.dimensions.items()} == found.sizes
        unlimited = {name for name, each in file.dimensions.items() if each.isunlimited()}
        assert unlimited == found.unlimited
        like(file, found.attrs)
        assert list(file.variables) == list(found.variables)
        for name, each in file.variables.items():
            ours = found.variables[name]
            assert (each.dimensions, each.shape) == (ours.dims, ours.array.shape)
            like(each, ours.attrs)
            values = pickle.loads(pickle.dumps(ours.array)).read((slice(None),) * each.ndim)
            assert values.dtype == np.dtype(each.dtype).newbyteorder("=")
            np.testing.assert_array_equal(values, each[...])


def like(owner, attrs):
    assert owner.ncattrs() == list(attrs)
    for name, value in attrs.items():
        expected = owner.getncattr(name)
        np.testing.assert_array_equal(value, expected)
        assert np.asarray(value).dtype == np.asarray(expected).dtype


@given(described(), st.booleans())
def test_any_file(tmp_path_factory, how, held):
    path = tmp_path_factory.mktemp("classic") / "x.nc"
    written(path, *how)
    with pytest.MonkeyPatch.context() as patched:
        if not held:
            patched.setattr(header, "_SMALL", -1)
            patched.setattr(header, "_TINY", -1)
        found = read_header(path)
    if not held:
        assert not any(isinstance(each.array, HeldArray) for each in found.variables.values())
    same(path, found)


@given(st.data())
def test_any_part_of_records_and_of_what_is_fixed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("classic") / "x.nc"
    written(
        path,
        1,
        [4, 3],
        6,
        [("i2", (True, [0, 1])), ("f4", (False, [0, 1])), ("i1", (True, [1]))],
        [],
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(header, "_SMALL", -1)
        patched.setattr(header, "_TINY", -1)
        # rows read one by one, or with what lies between; few or many at a time
        patched.setattr(
            "climeri_platform.access.engines.stored._GAP", data.draw(st.integers(-9, 40))
        )
        patched.setattr(
            "climeri_platform.access.engines.stored._AT_ONCE", data.draw(st.integers(1, 99))
        )
        array = read_header(path).variables[data.draw(st.sampled_from(["v0", "v1", "v2"]))].array
        key = tuple(
            data.draw(st.one_of(st.integers(-size, size - 1), st.slices(size)))
            for size in array.shape
        )
        whole = array.read((slice(None),) * len(array.shape))
        part = array.read(key)
    np.testing.assert_array_equal(part, whole[key])
    assert part.shape == whole[key].shape


@pytest.mark.parametrize("kind", ["b", "h", "f"])
@pytest.mark.parametrize("alone", [True, False])
def test_a_variable_that_is_alone_has_records_without_padding(tmp_path, kind, alone):
    path = tmp_path / "x.nc"
    with netcdf_file(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 3)
        file.createVariable("field", kind, ("time", "x"))[:5] = np.arange(15).reshape(5, 3)
        if not alone:
            file.createVariable("time", kind, ("time",))[:5] = np.arange(5)
    same(path, read_header(path))


@pytest.fixture
def run(tmp_path):
    """A file with records, as models write it."""
    path = tmp_path / "run.nc"
    written(
        path,
        2,
        [4, 3],
        7,
        [("f4", (True, [0, 1])), ("f8", (True, [])), ("f8", (False, [0]))],
        ["IPSL"],
    )
    return path


def test_a_file_that_was_streamed_has_as_many_records_as_fit(run):
    content = bytearray(run.read_bytes())
    assert content[4:8] == struct.pack(">I", 7)
    content[4:8] = b"\xff" * 4
    run.write_bytes(content)
    found = read_header(run)
    assert found.sizes["time"] == 7
    assert found.variables["v1"].array.read((slice(None),)).tolist() == [*range(33, 40)]


def test_a_file_that_ends_early_is_refused_with_the_byte(run):
    content = run.read_bytes()
    for size in range(4, len(content)):
        run.write_bytes(content[:size])
        with pytest.raises(FileUnreadable, match=f"it ends at byte {size}") as told:
            read_header(run)
        assert told.value.message.startswith(f"{run}: ")
        assert "Truncated" in told.value.hint


@pytest.mark.parametrize(
    ("name", "offset", "value", "said"),
    [
        ("dimensions", 8, 11, "11 where 10 would begin a list, at byte 16"),
        ("how many", 12, -1, "a count of -1"),
        ("how many", 12, 2**31 - 1, "within a list of 2147483647 in its header"),
        ("length of a name", 16, 2**30, "within its header"),
        ("length of d0", 36, -4, "a count of -4"),
        ("length of d0", 36, 0, "two dimensions that may grow"),
        ("length of d0", 36, 2**31 - 1, "it ends at byte"),
        ("records", 4, 2**31 - 1, "it ends at byte"),
    ],
)
def test_what_cannot_be_is_refused(run, name, offset, value, said):
    content = bytearray(run.read_bytes())
    content[offset : offset + 4] = struct.pack(">i", value)
    run.write_bytes(content)
    with pytest.raises(FileUnreadable, match=said):
        read_header(run)


@given(st.data())
def test_a_scrambled_header_is_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("classic") / "x.nc"
    form = data.draw(st.sampled_from(sorted(FORMS)))
    written(path, form, [4, 3], 7, [("f4", (True, [0, 1])), ("S1", (False, [0]))], ["a text", [1]])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(content) - 1))
        piece = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 8)))
        content[at : at + len(piece)] = piece
    path.write_bytes(content)
    try:
        found = read_header(path)
    except FileUnreadable as told:
        assert told.message.startswith(f"{path}: ")  # noqa: PT017 - either is right
        return
    # nothing that it claims is larger than the file
    total = sum(
        each.array.dtype.itemsize * np.prod(each.array.shape) for each in found.variables.values()
    )
    assert total <= len(content)
    for each in found.variables.values():
        each.array.read((slice(None),) * len(each.array.shape))


def test_a_header_longer_than_what_is_read_at_first(run, monkeypatch):
    expected = read_header(run)
    monkeypatch.setattr(classic, "_AT_FIRST", 10)
    again = read_header(run)
    assert (again.sizes, again.attrs) == (expected.sizes, expected.attrs)
    monkeypatch.setattr(classic, "_LARGEST", 99)
    with pytest.raises(FileUnreadable, match="a header of more than 99 bytes"):
        read_header(run)


def test_a_file_that_was_replaced_is_not_read(run, monkeypatch):
    monkeypatch.setattr(header, "_TINY", -1)
    array = read_header(run).variables["v0"].array
    run.write_bytes(run.read_bytes() + b"\0")
    with pytest.raises(FileUnreadable, match="replaced after"):
        array.read((0, 0, 0))


@pytest.mark.real_data
def test_every_real_file_is_read_as_the_library_reads_it(real_data):
    read = 0
    for path in sorted(each for each in real_data.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            if file.read(4) not in classic.MAGIC:
                continue
        same(path, read_header(path))
        read += 1
    assert read >= 46
