"""Headers read without the library are those that the library reads, or are left to it."""

from __future__ import annotations

import os
import pickle
import select
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.access.engines import hdf5_library, hdf5_metadata
from climeri_platform.access.engines.chunked import Places
from climeri_platform.access.engines.conventions import NoNetCDF
from climeri_platform.access.engines.hdf5 import read_header
from climeri_platform.access.engines.hdf5_bytes import Unusual
from climeri_platform.access.engines.header import HeldArray
from climeri_platform.access.engines.stored import FileStamp
from climeri_platform.core.errors import FileUnreadable

CHECKOUT = Path(__file__).resolve().parents[3]


def ours_of(path):
    return hdf5_metadata.read_header(FileStamp.of(path))


def read_with_library(path):
    return hdf5_library.read_header(FileStamp.of(path))


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
    if getattr(one, "filters", ()) == ("shuffle",) and type(other) is hdf5_library.LibraryArray:
        # h5py cannot ask whether chunks at the edges are shuffled too; a header says it
        assert any(size % chunk for size, chunk in zip(one.extent, one.chunks, strict=True)), where
        every = (slice(None),) * len(one.shape)
        assert_same(one.read(every), other.read(every), where)
        return
    assert type(one) is type(other), where
    for field in one.__slots__:
        ours, theirs = getattr(one, field), getattr(other, field)
        if field == "find":
            ours, theirs = (
                [getattr(places, each) for each in ("offsets", "sizes", "skipped")]
                for places in (places_of(one), places_of(other))
            )
        assert_same(ours, theirs, f"{where}, {field}")


def places_of(array):
    hdf5_library._KEPT._places.clear()
    return array.find if isinstance(array.find, Places) else array.places()


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


TEXTS = st.sampled_from(["", "K", "mole_fraction é", "x" * 300, "a history " * 900])
ATTRIBUTES = st.one_of(
    TEXTS,
    TEXTS.map(lambda each: np.bytes_(each.encode())),
    st.sampled_from([np.bytes_(b"\xe9 latin"), np.bytes_(b"a\0b"), h5py.Empty("f4")]),
    st.sampled_from([h5py.Empty(h5py.string_dtype()), np.zeros(0, "i4"), np.array([b"a", b"bc"])]),
    st.just(np.array(["a", "", "é"], object)),
    st.tuples(
        st.sampled_from(["<f8", ">f4", "<f2", ">i8", "u1", "<i2"]),
        st.sampled_from([(), (1,), (5,), (2, 3)]),
    ).map(lambda each: np.arange(np.prod(each[1], dtype=int)).reshape(each[1]).astype(each[0])),
)
# few, or so many that they are kept in a heap
COUNTS = st.sampled_from([0, 2, 7, 9, 40, 260])
KINDS = ["<f8", ">f4", "<i2", "u1", "S1", "S5", "text", "<f2"]


@st.composite
def datasets(draw, sizes):
    """What is asked of h5py, for a variable on the first of some dimensions."""
    shape = tuple(sizes[: draw(st.integers(0, len(sizes)))])
    kind = draw(st.sampled_from(KINDS))
    how = {"shape": shape, "dtype": h5py.string_dtype() if kind == "text" else kind}
    how["track_order"] = draw(st.booleans())
    if shape and draw(st.booleans()):
        how["chunks"] = tuple(draw(st.integers(1, size)) for size in shape)
        how["maxshape"] = draw(st.sampled_from([None, (None,) * len(shape)]))
        if kind != "text":
            how["shuffle"] = draw(st.booleans())
            how["compression"] = draw(st.sampled_from([None, "gzip", "lzf"]))
            how["fletcher32"] = draw(st.booleans())
    if kind[0] not in "St" and draw(st.booleans()):
        how["fillvalue"] = 7
    value = {"text": "é", "S1": b"a", "S5": b"ab"}.get(kind, 3)
    return how, value if draw(st.booleans()) else None


@st.composite
def files(draw):
    """What is asked of h5py, for a file."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    how = {
        "libver": draw(st.sampled_from(["earliest", ("earliest", "v108"), "v108"])),
        "track_order": draw(st.booleans()),
        "userblock_size": draw(st.sampled_from([0, 0, 512, 2048])),
    }
    attrs = draw(st.lists(ATTRIBUTES, min_size=1, max_size=9))
    variables = draw(st.lists(datasets(sizes), min_size=1, max_size=4))
    grows = [draw(st.booleans()) for _ in sizes]
    return how, sizes, grows, attrs, draw(COUNTS), variables, draw(st.sampled_from([4, 40]))


def planted(path, asked):
    how, sizes, grows, attrs, counted, variables, many = asked
    with h5py.File(path, "w", **how) as file:
        for axis, (size, grow) in enumerate(zip(sizes, grows, strict=True)):
            limits = {"maxshape": (None,), "chunks": (4,)} if grow else {}
            scale = file.create_dataset(f"d{axis}", data=np.arange(size, dtype=">f4"), **limits)
            scale.make_scale(f"d{axis}")
        for number, (each, value) in enumerate(islice(cycle(variables), many)):
            field = file.create_dataset(f"v{number}", **each)
            if value is not None:
                field[...] = np.array(value, each["dtype"])
            for axis in range(len(each["shape"])):
                field.dims[axis].attach_scale(file[f"d{axis}"])
        for owner in (file, file["v0"]):
            for number, value in enumerate(islice(cycle(attrs), counted)):
                long = isinstance(value, str | bytes) and len(value) > 1_000 and number > 4
                owner.attrs.create(f"a{number * 7919 % 1000}é", "short" if long else value)


@given(files())
@settings(max_examples=60)
def test_what_h5py_writes_is_read_as_h5py_reads_it(tmp_path_factory, how):
    path = tmp_path_factory.mktemp("metadata") / "x.nc"
    planted(path, how)
    assert_same_header(ours_of(path), read_with_library(path))


@pytest.mark.parametrize("many", [1, 60])
@pytest.mark.parametrize("length", [3, 500])
def test_what_netcdf_writes_is_read_as_the_library_reads_it(tmp_path, many, length):
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts({f"attribute {each}": f"value {each}" for each in range(many)})
        for name, size in (("time", None), ("lat", 3), ("bnds", 2), ("lost", 4)):
            file.createDimension(name, size)
        times = file.createVariable("time", "f8", ("time",), chunksizes=(1,))
        times[:] = np.arange(length)
        lat = file.createVariable("lat", ">f4", ("time", "lat"), endian="big", zlib=True)
        lat[:] = 5  # no coordinate
        file.createVariable("lost", "S1", ("lat", "bnds"))
        file.createVariable("names", str, ("lat",))[:] = np.array(["a", "", "é"], object)
        file.createVariable("unwritten", str, ("lat",), fill_value="none")
        file.createVariable("height", "f8").units = "m"
        for each in range(many):
            field = file.createVariable(
                f"x{each}", "f4", ("time", "lat", "bnds"), zlib=True, fill_value=1e20
            )
            field.setncatts({f"word {word}": np.arange(word) for word in range(1, many)})
            field[: length - 1] = each
        file.createGroup("beside").createDimension("x", 1)
    ours, theirs = ours_of(path), read_with_library(path)
    assert_same_header(ours, theirs)
    assert ours.sizes == {"time": length, "lat": 3, "bnds": 2, "lost": 4}
    assert ours.variables["lat"].dims == ("time", "lat")


@pytest.mark.parametrize("size", [5_000, 60_000])
def test_numbers_beside_their_header_are_held(tmp_path, size):
    path = tmp_path / "x.nc"
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    values = np.arange(size // 4, dtype="<f4").reshape(2, -1)
    with h5py.File(path, "w") as file:
        kind, space = h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(values.shape)
        field = h5py.Dataset(h5py.h5d.create(file.id, b"x", kind, space, plan))
        field[...] = values
        for axis, length in enumerate(values.shape):
            scale = file.create_dataset(f"d{axis}", data=np.zeros(length))
            scale.make_scale(f"d{axis}")
            field.dims[axis].attach_scale(scale)
    ours, theirs = ours_of(path), read_with_library(path)
    assert_same_header(ours, theirs)
    assert isinstance(ours.variables["x"].array, HeldArray)
    assert (ours.variables["x"].array.values == values).all()


def test_the_places_of_many_chunks(tmp_path):
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name in ("time", "lat"):
            file.createDimension(name, None)
        field = file.createVariable("x", "f4", ("time", "lat"), chunksizes=(1, 2), zlib=True)
        rest = file.createVariable("long", "f4", ("time", "lat"), chunksizes=(1, 2))
        for step in reversed(range(0, 3000, 3)):
            field[step, :5] = step
        rest[3001, 6] = 1
    array = ours_of(path).variables["x"].array
    assert_same_array(array, read_with_library(path).variables["x"].array, "x")
    assert isinstance(array.find, hdf5_metadata.FindPlaces)
    assert (places_of(array).offsets >= 0).sum() == 3000
    assert array.read((slice(2997, 3000), slice(4, 7)))[0].tolist()[0] == 2997
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    with pytest.raises(FileUnreadable, match="replaced after"):
        places_of(array)


def odd_type(file):
    file["x"].attrs["yes"] = True


def soft_link(file):
    file["y"] = h5py.SoftLink("/x")


def shared_type(file):
    file["kind"] = np.dtype("f4")
    file.create_dataset("y", (), file["kind"])


def compound(file):
    file["y"] = np.zeros((), [("a", "f4"), ("b", "i4")])


def second_name(file):
    file["y"] = file["d"]


def outside(file):
    beside = Path(file.filename).with_name("numbers")
    beside.write_bytes(bytes(16))
    field = file.create_dataset("y", (4,), "f4", external=str(beside))
    field.dims[0].attach_scale(file["d"])


@pytest.mark.parametrize(
    "unusual", [odd_type, soft_link, shared_type, compound, second_name, outside]
)
def test_what_is_unusual_is_left_to_the_library(tmp_path, unusual):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        file["d"] = np.arange(4.0)
        file["d"].make_scale("d")
        file["x"] = np.arange(4.0)
        file["x"].dims[0].attach_scale(file["d"])
        unusual(file)
    with pytest.raises(Unusual):
        ours_of(path)
    assert_same_header(read_header(path), read_with_library(path))


def test_newer_indexes_of_chunks_are_asked_of_the_library(tmp_path):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        for axis, size in enumerate((40, 30)):
            file[f"d{axis}"] = np.arange(size)
            file[f"d{axis}"].make_scale(f"d{axis}")
        field = file.create_dataset("x", (40, 30), "f8", chunks=(8, 30), maxshape=(None, 30))
        field[...] = np.arange(1200).reshape(40, 30)
        for axis in range(2):
            field.dims[axis].attach_scale(file[f"d{axis}"])
    ours = ours_of(path)
    assert_same_header(ours, read_with_library(path))
    assert ours.variables["x"].array.read((39, 29)) == 1199


@pytest.fixture
def asked(monkeypatch):
    """Where files on a disk are read, and how much at once."""
    asked = []
    real = FileStamp.bytes_at

    def noted(self, handle, offset, size):
        asked.append((offset, size))
        return real(self, handle, offset, size)

    monkeypatch.setattr(FileStamp, "bytes_at", noted)
    return asked


def test_a_header_is_a_few_reads(tmp_path, asked):
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.setncatts({f"attribute {each}": "value " * 20 for each in range(80)})
        file.createDimension("time", None)
        file.createDimension("lat", 90)
        for name in ("time", "lat"):
            file.createVariable(name, "f8", (name,))
        for each in range(6):
            file.createVariable(f"x{each}", "f4", ("time", "lat")).units = "K"
        for step in range(2000):
            file["time"][step] = step
            file["x0"][step] = step
    size = path.stat().st_size
    assert size > 800_000
    ours = ours_of(path)
    assert len(asked) <= 8
    assert sum(count for _, count in asked) < 400_000
    assert all(offset + count <= size for offset, count in asked)
    assert_same_header(ours, read_with_library(path))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Small files: attributes beside their objects and in heaps, old groups and new ones."""
    folder = tmp_path_factory.mktemp("sound")
    attrs = ["K", np.arange(3.0), np.array(["a", "é"], object), np.bytes_(b"fixed")]
    plain = {"shape": (4, 2), "dtype": "<f4", "chunks": (2, 2), "compression": "gzip"}
    text = {"shape": (4,), "dtype": h5py.string_dtype()}
    contents = []
    for counted, many, libver in ((3, 3, "earliest"), (12, 12, "v108"), (12, 3, "earliest")):
        how = {"libver": libver, "track_order": counted > 3}
        path = folder / f"{len(contents)}.nc"
        fields = [(plain, 1), (text, "é")]
        planted(path, (how, [4, 2], [True, False], attrs, counted, fields, many))
        ours_of(path)
        contents.append(path.read_bytes())
    return contents


# HDF5 itself does not end on some damaged files: it is asked in a process that may be killed
ASKED = """
import dataclasses, pickle, sys
from climeri_platform.access.engines.hdf5_library import read_header
from climeri_platform.access.engines.stored import FileStamp
for line in sys.stdin:
    try:
        found = read_header(FileStamp.of(line.rstrip()))
        for name, each in found.variables.items():
            if hasattr(each.array, "find"):
                known = each.array.places()
                array = dataclasses.replace(each.array, find=known)
                found.variables[name] = dataclasses.replace(each, array=array)
    except Exception:
        found = None
    pickle.dump(found, sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


class Library:
    """The library, in another process."""

    def __init__(self):
        self.process = None

    def read(self, path, patience=5):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", ASKED],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            )
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], patience)[0]:
            self.close()
            return None
        try:
            return pickle.load(self.process.stdout)
        except EOFError:
            self.close()
            return None

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def library(tmp_path_factory, sound):
    library = Library()
    path = tmp_path_factory.mktemp("library") / "x.nc"
    path.write_bytes(sound[0])
    assert library.read(path, patience=60) is not None  # it takes its time to begin
    yield library
    library.close()


DAMAGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
)


def refused(*_):
    raise Unusual("the library is not asked here")


def told_or_found(path):
    """What we read; nothing if the file is damaged, or has what we do not know."""
    try:
        ours = ours_of(path)
        for each in ours.variables.values():
            if hasattr(each.array, "find"):
                places_of(each.array)
    except (FileUnreadable, NoNetCDF, Unusual):
        return None
    return ours


@given(st.integers(0, 2), DAMAGES, st.one_of(st.none(), st.floats(0, 1)))
@settings(max_examples=400)
def test_a_damaged_file_is_never_read_otherwise_than_by_the_library(
    sound, library, tmp_path_factory, which, damages, cut
):
    content = bytearray(sound[which])
    (filled,) = np.nonzero(np.frombuffer(bytes(content), np.uint8))  # what is empty says little
    for place, value in damages:
        content[filled[int(place * len(filled))]] = value
    path = tmp_path_factory.getbasetemp() / "damaged.nc"
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    before = time.process_time()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hdf5_library, "ask", refused)
        ours = told_or_found(path)
        assert time.process_time() - before < 2
        theirs = ours and library.read(path)
        if theirs is not None:
            assert_same_header(ours, theirs)


SIGNS = [b"OHDR", b"OCHK", b"SNOD", b"HEAP", b"TREE", b"BTHD", b"BTLF", b"FRHP", b"FHDB", b"GCOL"]


@pytest.mark.parametrize("sign", [*SIGNS, b""])
def test_the_library_is_not_asked_of_damaged_files(sound, tmp_path, sign, monkeypatch):
    """HDF5 does not end on some of them, and nobody else could read a file meanwhile."""
    monkeypatch.setattr(hdf5_library, "ask", lambda *_: pytest.fail("the library was asked"))
    path = tmp_path / "x.nc"
    damaged = [each.replace(sign, b"ABCD") if sign else each[:-1] for each in sound if sign in each]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(FileUnreadable, match="x\\.nc: damaged: ") as told:
            read_header(path)
        assert "checksum" in told.value.hint
    assert damaged


def test_a_byte_that_rotted_in_an_attribute_is_told(tmp_path):
    """In objects, in what continues them, in heaps and in trees of names: each has its checksum."""
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        for n in range(600):
            file.setncattr(f"global_{n}", f"value {n} of all")
        file.createDimension("x", 2)
        few, many = (file.createVariable(name, "f4", ("x",)) for name in ("few", "many"))
        few.setncatts({"scale_factor": 7.25, "units": "K of few"})
        for n in range(20):
            many.setncattr(f"attribute_{n}", f"value {n} of many")
    content = path.read_bytes()
    signs = {sign for sign in SIGNS if sign in content}
    assert {b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"BTHD", b"BTLF"} <= signs
    assert b"FHIB" in content
    read_header(path)
    texts = [b"value 0 of all", b"value 599 of all", b"K of few", b"value 3 of many"]
    texts += [np.float64(7.25).tobytes(), b"global_17\0"]
    for text in texts:
        at = content.index(text) + 6
        path.write_bytes(content[:at] + bytes((content[at] ^ 4,)) + content[at + 1 :])
        with pytest.raises(FileUnreadable, match="does not match its checksum"):
            read_header(path)
        with pytest.raises((OSError, AttributeError), match=r"HDF"), netCDF4.Dataset(path) as file:
            _ = [file.__dict__, *(each.__dict__ for each in file.variables.values())]


def test_a_header_that_continues_in_itself_ends(tmp_path):
    path = tmp_path / "x.nc"
    with h5py.File(path, "w") as file:
        for each in range(30):
            file.attrs[f"a{each}"] = each
    content = bytearray(path.read_bytes())
    begin = at = 96 + 16  # the messages of the root group
    kind, size = struct.unpack_from("<HH", content, at)
    while kind != 16:
        at += 8 + size
        kind, size = struct.unpack_from("<HH", content, at)
    length = int.from_bytes(content[begin - 8 : begin - 4], "little")
    struct.pack_into("<QQ", content, at + 8, begin, length)
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=r"damaged: .*contains itself"):
        ours_of(path)


@pytest.mark.parametrize(
    "content", [b"", b"CDF\1" + bytes(200), b"\x89HDF\r\n\x1a\n", bytes(9_999)]
)
def test_what_is_no_hdf5_is_told(tmp_path, content):
    path = tmp_path / "x.nc"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable, match="no HDF5, or cut"):
        read_header(path)
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none.nc")


def test_many_threads_read_headers_at_the_same_time(sound, tmp_path):
    paths = [tmp_path / f"{each}.nc" for each in range(len(sound))]
    for path, content in zip(paths, sound, strict=True):
        path.write_bytes(content)
    expected = {path: read_with_library(path) for path in paths}
    with ThreadPoolExecutor(32) as pool:
        wanted = list(islice(cycle(paths), 1_000))
        for path, found in zip(wanted, pool.map(ours_of, wanted), strict=True):
            assert found.attrs.keys() == expected[path].attrs.keys()
            assert list(found.variables) == list(expected[path].variables)
    for path in paths:
        assert_same_header(ours_of(path), expected[path])


def is_hdf5(path):
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


@pytest.mark.real_data
def test_no_real_file_needs_the_library(real_data):
    read, left = 0, []
    for path in sorted(real_data.rglob("*.nc*")):
        if not path.is_file() or not is_hdf5(path):
            continue
        read += 1
        try:
            ours = ours_of(path)
        except Unusual:
            left.append(path)
            continue
        assert_same_header(ours, read_with_library(path))
    assert read > 450
    assert len(left) <= read * 0.02, left
