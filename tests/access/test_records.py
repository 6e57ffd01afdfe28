"""Joined headers as bytes: what is read is what was written, or nothing, whatever the bytes are."""

from __future__ import annotations

import json
import math
import pickle
import random
import struct
import tracemalloc
import zlib
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import singledispatch

import cftime
import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from climeri_platform.access import records
from climeri_platform.access.columns import Content, Distinct, Plain, Records, Rows
from climeri_platform.access.decoding import Decoding
from climeri_platform.access.engines import hdf5_library
from climeri_platform.access.engines.chunked import ChunkedArray, NoPlaces
from climeri_platform.access.engines.hdf5_chunks import Layout
from climeri_platform.access.engines.hdf5_library import AskPlaces, LibraryArray
from climeri_platform.access.engines.hdf5_metadata import FindPlaces
from climeri_platform.access.engines.header import HeldArray
from climeri_platform.access.engines.stored import FileStamp, FlatArray
from climeri_platform.access.files import read_file
from climeri_platform.access.joined import Joined, JoinedVariable, Note, Piece
from climeri_platform.access.joining import join
from climeri_platform.access.plain import Arrays, DTypes
from climeri_platform.access.records import NoRecord, from_bytes, to_bytes
from climeri_platform.access.times import Counted
from climeri_platform.core.errors import DataError

BEGIN = 16  # bytes before the JSON
STAMPS = [(3, 1_700_000_000_000_000_001, 1_700_000_000_000_000_002)]


@singledispatch
def plain(value):
    """Return what a value is, with its type, all the way down: to be compared."""
    if is_dataclass(value):
        return type(value), [plain(getattr(value, each.name)) for each in fields(value)]
    return type(value), value


@plain.register
def _(value: np.ndarray):
    numbers = value.dtype.kind != "O"
    content = value.tobytes() if numbers else [plain(each) for each in value.ravel().tolist()]
    return type(value), value.dtype, value.shape, content


@plain.register
def _(value: np.dtype):
    return value.str, value.metadata or {}


@plain.register
def _(value: np.generic):
    return type(value), value.dtype, value.tobytes()


@plain.register(list)
@plain.register(tuple)
def _(value):
    return type(value), [plain(each) for each in value]


@plain.register
def _(value: dict):
    return type(value), [(name, plain(each)) for name, each in value.items()]


@plain.register
def _(value: float):
    # NaN is NaN: JSON has one of them
    return type(value), "NaN" if math.isnan(value) else struct.pack("d", value)


def same(one, other):
    return plain(one) == plain(other)


def sealed(said, content=b""):
    """Return a record that says whatever it is to say, with a checksum that is right."""
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    rest = text + content
    return b"climeri\x01" + struct.pack("<II", zlib.crc32(rest), len(text)) + rest


def opened(record):
    """Return what a record says, and the bytes beside it."""
    (length,) = struct.unpack("<I", record[12:BEGIN])
    return json.loads(record[BEGIN : BEGIN + length]), record[BEGIN + length :]


# which types the fields have: in a list, those of what is in a tuple; where nothing is said, any
TYPES_OF = {
    FileStamp: (str, int, int),
    Layout: (int, (int, None), int, (tuple, None), bytes, bool),
    FindPlaces: (str, Layout, int),
    AskPlaces: (str,),
    NoPlaces: (),
    HeldArray: (np.ndarray,),
    ChunkedArray: (
        *(FileStamp, [int], np.dtype, [int], [str], (FindPlaces, AskPlaces, NoPlaces), (), [int]),
    ),
    FlatArray: (FileStamp, [int], np.dtype, int, (int, None)),
    LibraryArray: (FileStamp, str, [int], np.dtype, (), [int]),
    Decoding: ([tuple], np.dtype),
    Piece: ((HeldArray, ChunkedArray, FlatArray, LibraryArray), Decoding, int, int),
    Counted: (np.ndarray, dict, (bool, None)),
    JoinedVariable: (
        *([str], dict, dict, np.dtype, (np.ndarray, None), (Counted, None), [Piece, None]),
    ),
    Note: (str, str, str),
    Joined: (
        *(dict, str, [int], dict, dict, frozenset, frozenset, str, [Note], [Note], [Note], int),
    ),
}


def is_one(value, kinds):
    return any(
        value is None if kind is None else isinstance(value, np.dtype) or type(value) is kind
        for kind in kinds
    )


def check_types(value):
    """Compare the types of all fields with the table, and of all that is in them."""
    for field, wanted in zip(fields(value), TYPES_OF[type(value)], strict=True):
        its = getattr(value, field.name)
        listed = isinstance(wanted, list)
        assert not listed or type(its) is tuple, field
        kinds = wanted if isinstance(wanted, list | tuple) else [wanted]
        for each in its if listed else [its]:
            assert not kinds or is_one(each, kinds), (field, each)
            assert isinstance(each, np.dtype) == (kinds == [np.dtype]) or not kinds, (field, each)
            if type(each) in TYPES_OF:
                check_types(each)
    if type(value) is Joined:
        names = (*value.coordinates, *value.unlimited, *value.sizes, *value.variables)
        assert {str}.issuperset(map(type, names))
        assert {int}.issuperset(map(type, value.sizes.values()))
        for each in value.variables.values():
            check_types(each)
    if type(value) is Layout and value.chunks is not None:
        assert {int}.issuperset(map(type, value.chunks))
    if type(value) is Decoding:
        assert all(type(name) is str for name, _ in value.packing)


def comes_back(joined, stamps=STAMPS):
    found = from_bytes(to_bytes(stamps, joined))
    assert found is not None
    assert same(found[0], stamps)
    assert same(found[1], joined)
    check_types(found[1])
    return found[1]


# ------------------------------------------------------------------------------- real headers


@pytest.mark.real_data
def test_headers_of_real_files_come_back(real_data):
    kinds = set()
    count = 0
    for path in sorted(real_data.rglob("*.nc*"))[::2]:
        try:
            joined = join([read_file(path)], undated=True)
        except DataError:
            continue
        comes_back(joined)
        count += 1
        kinds |= {type(p.array) for v in joined.variables.values() for p in v.pieces}
    assert count > 200
    assert kinds == {HeldArray, ChunkedArray, FlatArray}


def test_headers_that_the_library_read_come_back(write):
    def more(file):
        file.createDimension("x", 3000)
        field = file.createVariable("a", "f4", ("time", "x"), zlib=True, chunksizes=(1, 3000))
        field[:] = 1
        file.createVariable("b", "f4", ("time", "x"), contiguous=False)

    paths = [write(f"{n}.nc", (n + 0.5, n + 0.7), more=more) for n in range(3)]
    files = [
        replace(read_file(path), header=hdf5_library.read_header(FileStamp.of(path)))
        for path in paths
    ]
    found = comes_back(join(files))
    assert {type(each.array.find) for each in found.variables["a"].pieces} == {AskPlaces}


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("calendar", ["standard", "noleap"])
def test_several_files_come_back_and_share_what_they_shared(write, form, calendar):
    def more(file):
        file.createDimension("x", 3000)
        field = file.createVariable("a", "f4", ("time", "x"), fill_value=1e20)
        field[:] = 1

    files = [
        read_file(write(f"{n}.nc", (n + 0.5, n + 0.7), calendar=calendar, form=form, more=more))
        for n in range(9)
    ]
    found = comes_back(join(files))
    stamps = {id(piece.array.stamp) for piece in found.variables["a"].pieces}
    decodings = {id(piece.decoding) for piece in found.variables["a"].pieces}
    assert (len(stamps), len(decodings)) == (9, 1)


def test_what_hdf5_alone_has_comes_back(tmp_path):
    """Text of any length, numbers with names, and filters that only the library undoes."""
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(3000.0)
        file["x"].make_scale("x")
        kinds = h5py.enum_dtype({"sea": 0, "land": 1}, basetype="i1")
        words = h5py.string_dtype("utf-8", 5)
        for name, data, more in (
            ("a", np.arange(3000.0), {"compression": "lzf", "chunks": (100,)}),
            ("b", np.zeros(3000, "i1").astype(kinds), {"dtype": kinds}),
            ("c", np.full(3000, b"one", words), {"dtype": words}),
        ):
            file.create_dataset(name, data=data, **more).dims[0].attach_scale(file["x"])
        text = file.create_dataset("d", (3000,), h5py.string_dtype())
        text[...] = "of any length"
        text.dims[0].attach_scale(file["x"])
    joined = comes_back(join([read_file(path)], undated=True))
    assert isinstance(joined.variables["a"].pieces[0].array, LibraryArray)
    assert joined.variables["b"].encoding["dtype"].metadata["enum"] == {"sea": 0, "land": 1}
    assert joined.variables["d"].encoding["dtype"] == np.dtype("O")


def store(folder):
    series = xr.Dataset({"a": ("x", np.arange(3000.0))})
    series.to_zarr(folder / "a.zarr", zarr_format=2, consolidated=True)
    return folder / "a.zarr"


def references(folder):
    there = store(folder)
    told = json.loads((there / ".zmetadata").read_text())["metadata"]
    refs = {name: json.dumps(each) for name, each in told.items()}
    refs |= {"a/0": [str(there / "a" / "0")]}
    (folder / "a.json").write_text(json.dumps(refs))
    return folder / "a.json"


@pytest.mark.parametrize("place", [store, references])
def test_stores_have_no_place_in_a_record(tmp_path, place):
    # nobody sees that they change, so that no record of them is kept
    joined = join([read_file(place(tmp_path))], undated=True)
    with pytest.raises(NoRecord, match=r"a value that is|another class"):
        to_bytes(STAMPS, joined)


# ----------------------------------------------------------------------------- invented ones

NAMES = st.text(max_size=8)
COUNTS = st.integers(0, 2**63 - 1)
SHAPES = st.lists(st.integers(0, 2**40), max_size=4).map(tuple)
NUMBERS = (
    hn.boolean_dtypes()
    | hn.integer_dtypes(endianness="?")
    | hn.floating_dtypes(endianness="?")
    | hn.complex_number_dtypes(endianness="?")
)
TYPES = (
    NUMBERS
    | hn.datetime64_dtypes(endianness="?")
    | hn.timedelta64_dtypes(endianness="?")
    | hn.byte_string_dtypes(min_len=1)
    | hn.unicode_string_dtypes(min_len=1, endianness="?")
)
TOLD_TYPES = TYPES | st.sampled_from(
    [
        np.dtype("O"),
        h5py.string_dtype(),
        h5py.string_dtype("ascii"),
        h5py.string_dtype("utf-8", 7),
        h5py.string_dtype("ascii", 3),
        h5py.enum_dtype({"a": 1, "b": 200}, basetype="i4"),
    ]
)
DATES = st.builds(
    lambda kind, year, day: kind(year, 2, day, 12, 30, 15, 7),
    st.sampled_from([cftime.DatetimeNoLeap, cftime.Datetime360Day, cftime.DatetimeJulian]),
    st.integers(1, 3000),
    st.integers(1, 28),
) | st.just(cftime.datetime(1850, 1, 1, calendar="noleap", has_year_zero=True))
SMALL = hn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
OBJECTS = hn.arrays(object, SMALL, elements=DATES | NAMES | st.none() | st.floats(), fill=st.none())
ARRAYS = TYPES.flatmap(lambda kind: hn.arrays(kind, SMALL)) | OBJECTS
SCALARS = TYPES.flatmap(lambda kind: hn.arrays(kind, ())).map(lambda each: each[()])
SAID = st.recursive(
    NAMES | st.integers() | st.floats() | st.booleans() | st.none() | st.binary(max_size=4)
    | SCALARS | ARRAYS | DATES | TOLD_TYPES,
    lambda inside: st.lists(inside, max_size=3)
    | st.lists(inside, max_size=3).map(tuple)
    | st.dictionaries(NAMES, inside, max_size=3),
    max_leaves=5,
)  # fmt: skip
ATTRS = st.dictionaries(NAMES, SAID, max_size=3)
PACKING = st.lists(st.tuples(NAMES, SAID), max_size=2).map(tuple)
STAMP = st.builds(FileStamp, NAMES, COUNTS, COUNTS)
LAYOUT = st.builds(
    Layout, st.integers(0, 2), st.none() | COUNTS, COUNTS, st.none() | SHAPES, st.binary(max_size=4),
    st.booleans(),
)  # fmt: skip
FINDERS = (
    st.builds(FindPlaces, NAMES, LAYOUT, COUNTS) | st.builds(AskPlaces, NAMES) | st.just(NoPlaces())
)
FILTERS = st.lists(st.sampled_from(["shuffle", "deflate"]), max_size=2).map(tuple)


def stored_arrays(rank):
    shapes = st.tuples(*[st.integers(0, 2**40)] * rank)
    held = hn.array_shapes(min_dims=rank, max_dims=rank, min_side=0, max_side=3)
    return (
        st.builds(HeldArray, TYPES.flatmap(lambda kind: hn.arrays(kind, held if rank else ())))
        | st.builds(ChunkedArray, STAMP, shapes, TYPES, shapes, FILTERS, FINDERS, SAID, shapes)
        | st.builds(FlatArray, STAMP, shapes, TYPES, COUNTS, st.none() | COUNTS)
        | st.builds(LibraryArray, STAMP, NAMES, shapes, TOLD_TYPES, SAID, shapes)
    )


@st.composite
def variables(draw, dims, files):
    its = tuple(draw(st.lists(st.sampled_from(dims), max_size=3)))
    told = its, draw(ATTRS), draw(ATTRS), draw(TOLD_TYPES)
    where = draw(st.sampled_from(["values", "dates", "pieces"]))
    shape = draw(hn.array_shapes(min_dims=len(its), max_dims=len(its), max_side=3)) if its else ()
    if where == "values":
        return JoinedVariable(*told, draw(TYPES.flatmap(lambda kind: hn.arrays(kind, shape))))
    if where == "dates":
        raw = draw(NUMBERS.flatmap(lambda kind: hn.arrays(kind, shape)))
        guess = draw(st.sampled_from([None, True, False]))
        return JoinedVariable(*told, dates=Counted(raw, draw(ATTRS), guess))
    # several files have one way to decode them, or each its own
    decoding = st.builds(Decoding, PACKING, TYPES)
    piece = st.builds(Piece, stored_arrays(len(its)), decoding, COUNTS, COUNTS)
    count = draw(st.sampled_from([1, files]))
    pieces = draw(st.lists(st.none() | piece, min_size=count, max_size=count))
    pieces[0] = draw(piece)
    return JoinedVariable(*told, pieces=tuple(pieces))


NOTES = st.lists(st.builds(Note, NAMES, NAMES, NAMES), max_size=2).map(tuple)


@st.composite
def datasets(draw):
    sizes = draw(st.dictionaries(NAMES, st.integers(0, 2**40), min_size=1, max_size=3))
    steps = tuple(draw(st.lists(st.integers(0, 1000), min_size=1, max_size=4)))
    sizes["time"] = sum(steps)
    its = variables(list(sizes), len(steps))
    return Joined(
        sizes=sizes,
        time="time",
        steps=steps,
        attrs=draw(ATTRS),
        variables=draw(st.dictionaries(NAMES, its, max_size=3)),
        coordinates=frozenset(draw(st.sets(NAMES, max_size=3))),
        unlimited=frozenset(draw(st.sets(NAMES, max_size=3))),
        identity=draw(NAMES),
        notes=draw(NOTES),
        repaired=draw(NOTES),
        skipped=draw(NOTES),
        unread=draw(COUNTS),
    )


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@given(datasets(), st.lists(st.tuples(COUNTS, COUNTS, COUNTS), min_size=1, max_size=3))
@settings(max_examples=100, suppress_health_check=SLOW, deadline=None)
def test_invented_ones_come_back(joined, stamps):
    comes_back(joined, stamps)


def one(**attrs):
    """A dataset of one variable, of which something is said."""
    held = JoinedVariable(("x",), attrs, {}, np.dtype("f8"), np.arange(3.0))
    return Joined({"x": 3}, "", (), attrs, {"a": held}, frozenset(), frozenset(), "")


@pytest.mark.parametrize(
    "values",
    [
        [0, False, 0.0, -0.0],
        [-0.0, 0.0],
        [math.nan, math.nan],
        [np.float32(0), np.float64(0), np.float32(-0.0)],
        ["", None],
        [[1], [1]],
        [{"all": 1}, {"all": 1}],
        [{"number": 1}, ["number", 1], ("tuple",)],
        ["\udc80", "\u0000", "\U0001f30d"],
        [10**100, -(10**100)],
        [np.str_("text"), "text", np.bytes_(b"text"), b"text"],
    ],
)
def test_what_is_equal_and_not_the_same_stays_apart(values):
    found = comes_back(one(**{str(number): each for number, each in enumerate(values)}))
    lists = [each for each in found.attrs.values() if isinstance(each, list | dict)]
    assert len({id(each) for each in lists}) == len(lists)


def test_what_was_read_may_be_changed():
    found = comes_back(one(a=np.arange(3))).variables["a"]
    found.values[:] = 7
    found.attrs["a"][:] = 7


class Text(str):
    __slots__ = ()


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        Text("text"),
        object(),
        {1: "a"},
        {1},
        np.zeros(2, "i4,f8"),
        np.zeros((), "i4,f8")[()],
        np.dtype("i4,f8"),
        np.dtype("(2,3)f8"),
        np.dtype("f8", metadata={"mine": object()}),
        np.array([object()]),
        np.ma.masked_array([1.0]),
        10**5000,
        deep(30),
        deep(100_000),
        ["a", lambda: None],
    ],
    ids=range(15),
)
def test_other_things_have_no_place(value):
    with pytest.raises(NoRecord):
        to_bytes(STAMPS, one(a=value))


def test_a_record_has_a_largest_size(monkeypatch):
    data = to_bytes(STAMPS, one())
    monkeypatch.setattr(records, "LARGEST", len(data))
    assert from_bytes(to_bytes(STAMPS, one())) is not None
    monkeypatch.setattr(records, "LARGEST", len(data) - 1)
    assert from_bytes(data) is None
    with pytest.raises(NoRecord, match="more than"):
        to_bytes(STAMPS, one())


def test_a_class_that_gets_a_field_tells_that_records_lack_it():
    @dataclass
    class Wider:
        name: str
        size: int = 0

    with pytest.raises(TypeError, match="other fields"):
        Records(Wider, name=Plain(frozenset({str})))


# --------------------------------------------------------------------------- what is no record


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A record with something of everything in it."""
    stamps = [FileStamp(f"/a/{number}.nc", 10**6 + number, 10**18 + number) for number in range(3)]
    packing = (("_FillValue", np.float32(1e20)), ("scale_factor", np.array([0.5])))
    decoding = Decoding(packing, np.dtype("f4"))
    layouts = [Layout(2, 4096 + number, 0, (1, 10), b"", True) for number in range(3)]
    chunked = tuple(
        Piece(
            ChunkedArray(
                stamp,
                (5, 10),
                np.dtype(">f4"),
                (1, 10),
                ("shuffle", "deflate"),
                FindPlaces("a", layout, 0),
                np.float32(0),
                (5, 10),
            ),
            decoding,
            0,
            5,
        )
        for stamp, layout in zip(stamps, layouts, strict=True)
    )
    flat = tuple(
        Piece(FlatArray(each, (5, 10), np.dtype("i2"), 77, 200), decoding, 0, 5) for each in stamps
    )
    held = tuple(Piece(HeldArray(np.full((5,), n, "f8")), decoding, 0, 5) for n in range(3))
    asked = LibraryArray(stamps[0], "d", (10,), h5py.string_dtype(), b"", (10,))
    names = np.array(["a", "b", None], object)
    dates = np.array([cftime.DatetimeNoLeap(1850, 1, 1 + n) for n in range(3)])
    types = {"dtype": np.dtype("f4"), "chunksizes": (1, 10), "preferred_chunks": {"time": 1}}
    along = ("time", "x"), {"units": "K", "flags": [1, 2]}, types, np.dtype("f4")
    made = {
        "a": JoinedVariable(*along, pieces=chunked),
        "b": JoinedVariable(*along, pieces=(flat[0], None, flat[2])),
        "c": JoinedVariable(("time",), {}, {}, np.dtype("f8"), pieces=held),
        "d": JoinedVariable(("x",), {}, {}, np.dtype("O"), pieces=(Piece(asked, decoding),)),
        "time": JoinedVariable(
            ("time",), {}, {}, np.dtype("M8[us]"), dates=Counted(np.arange(15.0), {"units": "d"})
        ),
        "names": JoinedVariable(("n",), {}, {}, np.dtype("O"), names),
        "dates": JoinedVariable(("n",), {}, {}, np.dtype("O"), dates),
        "text": JoinedVariable(("n",), {}, {}, np.dtype("U2"), np.array(["a", "é", "zz"])),
        "mask": JoinedVariable(("n",), {}, {}, np.dtype("?"), np.array([True, False, True])),
    }
    return Joined(
        {"time": 15, "x": 10, "n": 3},
        "time",
        (5, 5, 5),
        {"title": "é", "version": 3, "area": np.arange(4.0), "empty": None},
        made,
        frozenset({"time", "names"}),
        frozenset({"time"}),
        "0f",
        (Note("a hole", "/a/1.nc"),),
    )


@pytest.fixture(scope="module")
def record(sound):
    data = to_bytes(STAMPS, sound)
    found = from_bytes(data)
    assert found is not None
    assert same(found[1], sound)
    return data


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_damaged_bytes_are_no_record(record, data):
    at = data.draw(st.integers(0, len(record) - 1))
    way = data.draw(st.sampled_from(["flip", "cut", "more", "swap", "zero"]))
    damaged = bytearray(record)
    if way == "flip":
        damaged[at] ^= data.draw(st.integers(1, 255))
    elif way == "cut":
        damaged = damaged[:at]
    elif way == "more":
        damaged[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    elif way == "swap":
        there = data.draw(st.integers(0, len(record) - 1))
        damaged[at], damaged[there] = damaged[there], damaged[at]
    else:
        damaged[at : at + 64] = bytes(len(damaged[at : at + 64]))
    assume(bytes(damaged) != record)
    assert from_bytes(bytes(damaged)) is None


@given(st.binary(max_size=200) | st.binary(max_size=200).map(sealed))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_no_record(data):
    assert from_bytes(data) is None


ODD = st.sampled_from(
    [
        *(None, True, 0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**30, 1e308, math.nan, math.inf),
        *("", "0", "1", "|O", "<f8", "<U1", "<M8[us]", "|S999999999", "<f99", "O", "i4,O", "1111"),
        *([], {}, [[]], [1, 2], ["a"], {"all": 1}, {"all": []}, {"all": {"all": 1}}, {"all": "1"}),
        *(["number", "<f8", "00" * 8], ["number", "|O", "00" * 8], ["array", [["|O"], [[1]], []]]),
        *(
            ["date", "DatetimeNoLeap", 1, 2, 30, 0, 0, 0, 0, False],
            ["dtype", ["|O", "vlen", "text"]],
        ),
        *(["array", [["<f8"], [[2**40]], []]], ["list"], ["tuple", 1], ["bytes", "00"], ["bytes"]),
        *({"all": 10**9}, {"all": [10**9]}, ["held", "held"], {"all": "held"}, {"all": "none"}),
    ]
)


def places(said, inside=()):
    """Return where in the JSON something stands."""
    found = [inside]
    if isinstance(said, list):
        for number, each in enumerate(said):
            found += places(each, (*inside, number))
    elif isinstance(said, dict):
        for name, each in said.items():
            found += places(each, (*inside, name))
    return found


def changed(said, where, change):
    if not where:
        return change(said)
    first, *rest = where
    copied = said.copy()
    copied[first] = changed(said[first], rest, change)
    return copied


def twice(said):
    return said * 2 if isinstance(said, list | str | int) else [said, said]


def without(said):
    return said[:-1] if isinstance(said, list | str) else 0 if isinstance(said, int) else said


@given(st.data())
@settings(max_examples=600, deadline=None)
def test_what_somebody_wrote_on_purpose_is_no_record_or_one(record, data):
    """Its checksum is right: what is read must still be of the types that records have."""
    said, content = opened(record)
    there = places(said)
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(there))
        odd = data.draw(ODD)
        way = data.draw(st.sampled_from([twice, without, lambda _, odd=odd: odd]))
        said = changed(said, where, way)
        there = places(said)
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    found = from_bytes(sealed(said, content))
    if found is not None:
        comes_back(found[1], found[0])


@given(st.binary(max_size=64), st.integers(0, 500))
@settings(max_examples=200, deadline=None)
def test_other_numbers_in_arrays_are_numbers(record, data, at):
    said, content = opened(record)
    found = from_bytes(sealed(said, content[:at] + data + content[at + len(data) :]))
    if found is not None:
        comes_back(found[1], found[0])
        found[1].variables["text"].values.tolist()


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "1", [], ["a"], [True], {}, {"all": None}], ids=repr
)
def test_every_place_holds_its_type_or_nothing_is_read(record, value):
    said, content = opened(record)
    there = places(said)
    read = 0
    for where in there:
        found = from_bytes(sealed(changed(said, where, lambda _: value), content))
        if found is not None:
            check_types(found[1])
            read += 1
    assert read < len(there) / 3  # attributes may have any value


def test_all_bytes_are_asked_for(record):
    assert from_bytes(sealed(*opened(record))) is not None
    said, content = opened(record)
    assert from_bytes(sealed(said, content + b"\0")) is None
    assert from_bytes(sealed(said, content[:-1])) is None


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": {"time": 16, "x": 10, "n": 3}},
        {"sizes": {"time": 15, "x": 10}},
        {"sizes": {"time": 15, "x": 10, "n": -3}},
        {"steps": (5, 5, 6)},
        {"steps": (10, 10, -5)},
        {"steps": (15, 0)},
        {"time": "elsewhere"},
        {"dims": ("time",)},
        {"dims": ("time", "y")},
        {"pieces": ()},
        {"pieces": (None, None, None)},
        {"values": np.zeros((15, 10))},
    ],
    ids=range(12),
)
def test_parts_that_do_not_fit_are_no_record(sound, change):
    if change.keys() <= {"sizes", "steps", "time"}:
        odd = replace(sound, **change)
    else:
        changed_one = replace(sound.variables["b"], **change)
        odd = replace(sound, variables=sound.variables | {"b": changed_one})
    assert from_bytes(to_bytes(STAMPS, odd)) is None


@pytest.mark.parametrize(
    ("column", "said", "content"),
    [
        (Arrays(), [["<U1"], [[1]], []], b"\xff\xff\xff\x7f"),
        (Arrays(), [[">U1"], [[1]], []], b"\x7f\xff\xff\xff"),
        (Arrays(), [["|b1"], [[2]], []], b"\x01\x02"),
        (Arrays(), [["|O"], [[1]], []], bytes(8)),
        (Arrays(), [["|V0"], [[10**6]], []], b""),
        (Arrays(), [["<i1"], [[1]], []], b"1"),
        (Arrays(), [["<f8"], [[-1]], []], bytes(8)),
        (Arrays(), [["<f8"], [[-1, -1]], []], bytes(8)),
        (Arrays(), [["<f8"], [[True]], []], bytes(8)),
        (DTypes(), ["|O"], b""),
        (DTypes(objects=True), [["|O", "vlen", "list"]], b""),
        (DTypes(objects=True), [["|O", "enum", {"a": "b"}]], b""),
        (Distinct(Plain(frozenset({int}))), [[10**7], {"all": 1}], b""),
        (Distinct(Plain(frozenset({int}))), [[-1], [1]], b""),
        (Rows(int), [[1, 2.5]], b""),
    ],
    ids=range(15),
)
def test_no_value_is_made_that_is_none(column, said, content):
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, TypeError, LookupError)):
            column.unpack(said, 1, Content(memoryview(content), 100))
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_nothing_larger_than_the_record_is_made(record):
    said, content = opened(record)
    there = places(said)
    chosen = random.Random(0).sample(there, 100)
    most = 0
    tracemalloc.start()
    try:
        for where in chosen:
            for number in (2**20, 2**40, 10**30):
                for odd in (number, [number], {"all": number}, {"all": [number] * 3}):
                    bad = sealed(changed(said, where, lambda _, odd=odd: odd), content)
                    tracemalloc.reset_peak()
                    before, _ = tracemalloc.get_traced_memory()
                    from_bytes(bad)
                    most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    assert most < 64 * len(record)


def test_what_is_said_once_of_many_is_bounded_by_the_record():
    """As many notes as the record has bytes, each of them said by none."""
    joined = replace(one(a=np.zeros(5_000)), notes=(Note("a"), Note("a")))
    said, content = opened(to_bytes(STAMPS, joined))
    at = json.dumps(said).replace('[[2], [{"all": "a"}', '[[%d], [{"all": "a"}')
    tracemalloc.start()
    try:
        largest = sealed((at % len(content)).encode(), content)
        assert len(from_bytes(largest)[1].notes) == len(content)
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 200 * len(largest)
        assert from_bytes(sealed((at % (2 * len(content))).encode(), content)) is None
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "said",
    [
        b"[" * 10**6,
        b"[" * 10**6 + b"]" * 10**6,
        b'{"all":' * 10**5 + b"1" + b"}" * 10**5,
        b"1" * 10**6,
        b"1e999999999",
        b"\xff" * 100,
        b'[1,{"all":[1,2,3]},{"all":1}]',
        b'[1000000000000,{"all":[1,2,3]},[]]',
        b"",
    ],
    ids=range(9),
)
def test_json_that_is_no_record(said):
    assert from_bytes(sealed(said)) is None


@pytest.mark.parametrize("value", [deep(15), deep(18), deep(500)], ids=range(3))
def test_lists_in_lists_end(value):
    said, content = opened(to_bytes(STAMPS, one(a=[])))
    marked = json.dumps(said).replace('["list"]', "WHERE")
    assert "WHERE" in marked
    inside = json.dumps(value).replace("[", '["list",').replace(",]", "]")
    found = from_bytes(sealed(marked.replace("WHERE", inside).encode(), content))
    assert (found is not None) == (value == deep(15))


def test_a_pickle_is_no_record(sound):
    assert from_bytes(pickle.dumps((STAMPS, sound))) is None
