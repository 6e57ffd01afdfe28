"""Arrays read without a library are those that the library reads."""

from __future__ import annotations

import ctypes
import pickle
import threading
import tracemalloc
import zlib
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
from h5py import h5d, h5f, h5p, h5s, h5t
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.engines import chunked, filters, hdf5_library, hdf5_metadata, header
from climeri_platform.access.engines.chunked import ChunkedArray
from climeri_platform.access.engines.hdf5 import read_header
from climeri_platform.access.engines.hdf5_library import LibraryArray
from climeri_platform.access.engines.stored import FileStamp, FlatArray
from climeri_platform.core.errors import FileUnreadable

SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple)
# bytes and chunks that are read together, and bytes that may lie between them
TOGETHER = st.tuples(
    st.sampled_from([1, 40, 2**20]), st.integers(1, 9), st.sampled_from([0, 64, 2**12])
)
KINDS = st.sampled_from(["<f4", ">f4", "<f8", ">i2", "<i4", "u1", "S1"])


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch):
    monkeypatch.setattr(header, "_SMALL", -1)
    monkeypatch.setattr(header, "_TINY", -1)


@st.composite
def stored(draw):
    """How an array is written, and which part of it is asked for."""
    shape = draw(SHAPES)
    options = {}
    if draw(st.booleans()):
        options["chunks"] = tuple(draw(st.integers(1, size)) for size in shape)
        options["shuffle"] = draw(st.booleans())
        options["compression"] = draw(st.sampled_from([None, "gzip", "lzf"]))
        options["fletcher32"] = draw(st.booleans())
    part = st.one_of(
        st.integers(0, 6),
        st.slices(7).filter(lambda each: each.step is None or each.step != 0),
    )
    key = tuple(
        min(each, size - 1) if isinstance(each, int) else each
        for each, size in ((draw(part), size) for size in shape)
    )
    written = draw(st.integers(0, shape[0]))
    return shape, options, draw(KINDS), key, written, draw(st.integers(0, 9)), draw(TOGETHER)


def planted(path, shape, options, kind, written, fill):
    values = (np.arange(np.prod(shape)) % 97 + 1).reshape(shape).astype(kind)
    with h5py.File(path, "w") as file:
        for axis, size in enumerate(shape):
            scale = file.create_dataset(f"d{axis}", data=np.zeros(size))
            scale.make_scale(f"d{axis}")
        extra = {} if kind == "S1" else {"fillvalue": np.asarray(fill).astype(kind)}
        field = file.create_dataset("x", shape, kind, **options, **extra)
        if written:
            field[:written] = values[:written]
        for axis in range(len(shape)):
            field.dims[axis].attach_scale(file[f"d{axis}"])
        return field[...]


@given(stored())
def test_any_part_of_any_array(tmp_path_factory, how):
    shape, options, kind, key, written, fill, together = how
    path = tmp_path_factory.mktemp("stored") / "x.nc"
    expected = planted(path, shape, options, kind, written, fill)
    array = read_header(path).variables["x"].array
    other = options.get("compression") == "lzf" or options.get("fletcher32")
    if other:
        assert isinstance(array, LibraryArray)
    else:
        assert isinstance(array, ChunkedArray | FlatArray)
    with pytest.MonkeyPatch.context() as patched:
        for name, each in zip(("_TOGETHER", "_MANY", "_BETWEEN"), together, strict=True):
            patched.setattr(chunked, name, each)
        found = pickle.loads(pickle.dumps(array)).read(key)
    np.testing.assert_array_equal(found, expected[key])
    assert found.dtype == expected.dtype.newbyteorder("=")
    assert found.shape == expected[key].shape


@given(
    st.permutations(range(6)),
    st.lists(st.sampled_from([0, 1, 2, 3]), min_size=6, max_size=6),
    st.sampled_from(["<f4", ">i2", "u1"]),
)
def test_chunks_in_any_order_and_without_some_filters(tmp_path_factory, order, skipped, kind):
    path = tmp_path_factory.mktemp("stored") / "x.nc"
    values = np.arange(24).reshape(6, 4).astype(kind)
    with h5py.File(path, "w") as file:
        file["d0"], file["d1"] = np.zeros(6), np.zeros(4)
        options = {"chunks": (1, 4), "shuffle": True, "compression": "gzip"}
        field = file.create_dataset("x", (6, 4), kind, **options)
        for axis in range(2):
            file[f"d{axis}"].make_scale(f"d{axis}")
            field.dims[axis].attach_scale(file[f"d{axis}"])
        for number in order:
            data = values[number].tobytes()
            if not skipped[number] & 1:
                data = np.frombuffer(data, "u1").reshape(4, -1).T.tobytes()
            if not skipped[number] & 2:
                data = zlib.compress(data)
            field.id.write_direct_chunk((number, 0), data, filter_mask=skipped[number])
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"][...], values)
    found = read_header(path).variables["x"].array
    assert isinstance(found, ChunkedArray)
    np.testing.assert_array_equal(found.read((slice(None), slice(None))), values)


def test_a_chunk_that_becomes_much_larger_is_not_held(field):
    """A megabyte of zeros is a kilobyte: what a chunk cannot be is not made."""
    path, array = field
    places = array.places()
    bomb = zlib.compress(bytes(2**26))
    with path.open("ab") as file:
        offset = file.tell()
        file.write(bomb)
    places.offsets[3], places.sizes[3] = offset, len(bomb)
    now = FileStamp.of(path)
    changed = ChunkedArray(
        now,
        array.shape,
        array.stored,
        array.chunks,
        array.filters,
        lambda *_: places,
        0,
        array.shape,
    )
    tracemalloc.start()
    try:
        with pytest.raises(FileUnreadable, match=f"byte {offset} .* where a chunk has 2400"):
            changed.read((3, slice(None), slice(None)))
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("checked", [False, True])
def test_a_variable_that_is_shorter_than_its_dimension_is_filled(tmp_path, checked):
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("lat", 3)
        long = file.createVariable("long", "f4", ("time", "lat"), chunksizes=(4, 2))
        how = {"chunksizes": (4, 2), "fill_value": -9, "fletcher32": checked}
        short = file.createVariable("short", "i2", ("time", "lat"), **how)
        file.createVariable("never", "f8", ("time", "lat"))
        long[:10] = 1.0
        short[:3] = 2
    header = read_header(path)
    assert (header.sizes, header.unlimited) == ({"time": 10, "lat": 3}, {"time"})
    everything = (slice(None), slice(None))
    assert isinstance(header.variables["short"].array, LibraryArray) == checked
    values = header.variables["short"].array.read(everything)
    assert values.tolist() == [[2] * 3] * 3 + [[-9] * 3] * 7
    assert header.variables["short"].array.read((slice(9, 1, -3), 1)).tolist() == [-9, -9, -9]
    never = header.variables["never"].array.read(everything)
    assert (never == netCDF4.default_fillvals["f8"]).all()


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("engine", [hdf5_metadata, hdf5_library])
def test_what_hdf5_is_told_not_to_fill_is_no_zero(tmp_path, checked, engine):
    """As CDO writes it, which ended for want of room: netCDF reads missing values there."""
    path = tmp_path / "x.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.set_fill_off()
        file.createDimension("time", None)
        file.createDimension("lat", 3)
        how = {"chunksizes": (2, 3), "fletcher32": checked}
        file.createVariable("time", "f8", ("time",))[:] = np.arange(6)
        for name, attrs in (
            ("plain", {}),
            ("filled", {"_FillValue": np.float32(1e20)}),
            ("old", {"missing_value": 1e20}),
        ):
            field = file.createVariable(name, "f4", ("time", "lat"), fill_value=False, **how)
            field.setncatts(attrs)
            field[:3] = 7.0
        sparse = file.createVariable("sparse", "i2", ("time", "lat"), fill_value=False, **how)
        sparse[4:6] = 7
    header = engine.read_header(FileStamp.of(path))
    found = {
        name: header.variables[name].array.read((slice(None), 0)).tolist()
        for name in ("plain", "filled", "old", "sparse")
    }
    fill, declared = netCDF4.default_fillvals["f4"], float(np.float32(1e20))
    assert found == {
        "plain": [7, 7, 7, *[float(np.float32(fill))] * 3],
        "filled": [7, 7, 7, *[declared] * 3],
        "old": [7, 7, 7, *[declared] * 3],
        "sparse": [*[netCDF4.default_fillvals["i2"]] * 4, 7, 7],
    }


@pytest.fixture
def field(tmp_path):
    path = tmp_path / "x.nc"
    planted(path, (40, 30, 20), {"chunks": (1, 30, 20), "compression": "gzip"}, "<f4", 40, 0)
    return path, read_header(path).variables["x"].array


def test_a_file_that_was_replaced_is_not_read(field):
    path, array = field
    content = path.read_bytes()
    array.read((0, 0, 0))
    path.write_bytes(content + b"\0")
    with pytest.raises(FileUnreadable, match="replaced after") as told:
        array.read((0, 0, 0))
    assert "again" in told.value.hint
    path.unlink()
    with pytest.raises(FileUnreadable, match="No such file"):
        array.read((0, 0, 0))


@pytest.mark.parametrize("how", ["cut", "scrambled", "another size"])
def test_damaged_data_are_told_with_their_place(field, how, monkeypatch):
    path, array = field
    places = array.places()
    offset = int(places.offsets[7])
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[: offset + 5]
    else:
        content[offset : offset + 20] = b"\xff" * 20
    path.write_bytes(content)
    now = FileStamp.of(path)
    kind = np.dtype("f8") if how == "another size" else array.stored
    changed = ChunkedArray(
        now, array.shape, kind, array.chunks, array.filters, lambda *_: places, 0, array.shape
    )
    at = 3 if how == "another size" else 7
    with pytest.raises(
        FileUnreadable, match=f"byte {int(places.offsets[at])}|ends at byte"
    ) as told:
        changed.read((at, slice(None), slice(None)))
    assert told.value.message.startswith(str(path))
    assert told.value.hint


def test_the_places_of_chunks_are_asked_for_once(field, monkeypatch):
    _, array = field
    array.read((0, 0, 0))
    monkeypatch.setattr(hdf5_library, "ask", lambda *_: pytest.fail("the library was asked"))
    monkeypatch.setattr(hdf5_metadata, "_places", lambda *_: pytest.fail("looked for again"))
    assert array.read((39, 29, 19)) == pickle.loads(pickle.dumps(array)).read((39, 29, 19))


def test_few_places_are_kept(field, monkeypatch):
    _, array = field
    monkeypatch.setattr(hdf5_library, "_KNOWN", 100)
    kept = hdf5_library._Kept()
    stamps = [FileStamp(f"{n}.nc", 1, 1) for n in range(9)]
    for each in stamps:
        kept.put((each, "x"), array.places())
    assert [kept.get((each, "x")) is not None for each in stamps] == [False] * 7 + [True] * 2


def test_two_threads_read_at_the_same_time(field):
    """Not faster on a busy machine: but the second begins before the first has ended."""
    _, array = field
    inside, together = threading.Barrier(2, timeout=60), []
    real = filters._inflated

    def inflated(data, size):
        inside.wait()
        together.append(threading.get_ident())
        return real(data, size)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(filters, "_inflated", inflated)
        threads = [
            threading.Thread(target=array.read, args=((n, slice(None), slice(None)),))
            for n in range(2)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(set(together)) == 2


@pytest.mark.real_data
def test_every_real_file_is_read_as_the_library_reads_it(real_data):
    read = 0
    for path in sorted(real_data.rglob("*.nc*")):
        with path.open("rb") as file:
            if file.read(8) != b"\x89HDF\r\n\x1a\n":
                continue
        header = read_header(path)
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            assert {name: len(each) for name, each in file.dimensions.items()} == header.sizes, path
            assert list(file.variables) == list(header.variables), path
            assert set(file.ncattrs()) == set(header.attrs), path
            for name, each in file.variables.items():
                ours = header.variables[name]
                assert each.dimensions == ours.dims, (path, name)
                for word in each.ncattrs():
                    np.testing.assert_array_equal(ours.attrs[word], each.getncattr(word))
                if each.size < 1_000_000:
                    found = ours.array.read((slice(None),) * each.ndim)
                    np.testing.assert_array_equal(found, each[...].astype(found.dtype))
        read += 1
    assert read > 450


# --------------------------------------------------------------------------- what HDF5 can do besides

SHAPE = (37, 50)
FIELD = np.random.default_rng(1).normal(size=SHAPE)
WHOLE = np.arange(37 * 50).reshape(SHAPE) % 1999 - 999


def make_field(file, kind, values, memory, *, chunks=None, plan=None):
    plan = h5p.create(h5p.DATASET_CREATE) if plan is None else plan
    if chunks:
        plan.set_chunk(chunks)
    space = h5s.create_simple(SHAPE)
    h5d.create(file.id, b"x", kind, space, plan).write(h5s.ALL, h5s.ALL, values, mtype=memory)


def few_bits(file, chunks):
    kind = h5t.STD_I16LE.copy()
    kind.set_precision(11)
    kind.set_offset(3)
    make_field(file, kind, WHOLE.astype("i2"), h5t.NATIVE_INT16, chunks=chunks)


def few_bits_at_the_end(file, chunks):
    kind = h5t.STD_I32BE.copy()
    kind.set_precision(20)
    kind.set_offset(5)
    make_field(file, kind, WHOLE.astype("i4"), h5t.NATIVE_INT32, chunks=chunks)


def short_floats(file, chunks):
    kind = h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)  # bfloat16, which numpy lacks
    make_field(file, kind, FIELD.astype("f4"), h5t.NATIVE_FLOAT, chunks=chunks)


def elsewhere(file, chunks):
    numbers = Path(file.filename).with_name("numbers")
    file.create_dataset("x", SHAPE, "f8", external=[(str(numbers), 16, h5f.UNLIMITED)])
    file["x"][...] = FIELD


def with_dimensions(path, make, chunks=None, **options):
    with h5py.File(path, "w", **options) as file:
        for name, size in zip("ab", SHAPE, strict=True):
            file.create_dataset(name, data=np.arange(size)).make_scale(name)
        make(file, chunks)
        file["more"] = np.ones(10**4 // 8)  # so that the file does not end in it
        file["more"].make_scale("more")
        for axis, name in enumerate("ab"):
            file["x"].dims[axis].attach_scale(file[name])


@pytest.mark.parametrize("chunks", [None, (10, 20)])
@pytest.mark.parametrize("make", [few_bits, few_bits_at_the_end, short_floats, elsewhere])
def test_numbers_that_only_the_library_makes_of_bytes(tmp_path, make, chunks):
    path = tmp_path / "x.nc"
    with_dimensions(path, make, chunks)
    array = read_header(path).variables["x"].array
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        expected = file["x"][:]
    assert array.dtype == expected.dtype.newbyteorder("=")
    for key in ((slice(None), slice(None)), (slice(35, 2, -4), slice(3, 45, 9)), (36, 49)):
        assert np.array_equal(array.read(key), expected[key])


def library_of_h5py():
    (path,) = Path(h5py.__file__).parents[1].glob("h5py.libs/libhdf5-*")
    return ctypes.CDLL(str(path))


@pytest.mark.parametrize("version", ["v110", "latest"])
@pytest.mark.parametrize("filters", [["shuffle"], ["shuffle", "deflate"], []])
def test_chunks_at_the_edges_that_were_left_unfiltered(tmp_path, version, filters):
    """H5Pset_chunk_opts, which h5py does not have."""
    if not [*Path(h5py.__file__).parents[1].glob("h5py.libs/libhdf5-*")]:
        pytest.skip("h5py has a library of the system")

    def make(file, chunks):
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_chunk(chunks)
        if "shuffle" in filters:
            plan.set_shuffle()
        if "deflate" in filters:
            plan.set_deflate(4)
        left = library_of_h5py().H5Pset_chunk_opts(ctypes.c_int64(plan.id), ctypes.c_uint(2))
        assert left >= 0
        make_field(file, h5t.IEEE_F64LE, FIELD, h5t.NATIVE_DOUBLE, plan=plan)

    path = tmp_path / "x.nc"
    with_dimensions(path, make, (10, 20), libver=(version, version))
    array = read_header(path).variables["x"].array
    every = (slice(None), slice(None))
    if "deflate" in filters:
        with pytest.raises(FileUnreadable, match="damaged"):  # refused, and never other numbers
            array.read(every)
    else:
        assert np.array_equal(array.read(every), FIELD)


def virtual(file):
    layout = h5py.VirtualLayout((50,), "f8")
    layout[...] = h5py.VirtualSource("beside.nc", "x", (50,))
    file.create_virtual_dataset("x", layout, fillvalue=-5).make_scale("x")


def link(file):
    file["x"] = h5py.ExternalLink("beside.nc", "/x")


def link_through_another(file):
    file["there"] = h5py.ExternalLink("beside.nc", "/")
    file["x"] = h5py.SoftLink("/there/x")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (virtual, "put together of other files"),
        (link, "a link to another file"),
        (link_through_another, "a link to another file"),
    ],
)
def test_numbers_of_other_files_are_refused(tmp_path, make, why):
    """The library fills what is not there with nothing, and says nothing."""
    with h5py.File(tmp_path / "beside.nc", "w") as file:
        file["x"] = FIELD[0]
        file["x"].make_scale("x")
    with h5py.File(tmp_path / "x.nc", "w") as file:
        make(file)
    with pytest.raises(FileUnreadable, match=f"x.nc: x is {why}") as told:
        read_header(tmp_path / "x.nc")
    assert "one file" in told.value.hint
