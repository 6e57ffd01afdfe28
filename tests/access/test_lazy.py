"""One array of many files: any part of it is that part, and blocks are of whole files."""

from __future__ import annotations

import pickle

import dask
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from climeri_platform.access import DatasetFiles, open_datasets, open_file
from climeri_platform.access.decoding import Decoding
from climeri_platform.access.engines import header
from climeri_platform.access.engines.header import HeldArray
from climeri_platform.access.joined import Piece
from climeri_platform.access.lazy import JoinedArray
from climeri_platform.compute import cluster
from climeri_platform.core.errors import UsageError

FLOAT = np.dtype("f4")


@st.composite
def joined(draw):
    """An array of several files, the whole of it, and which part is asked for."""
    axis = draw(st.integers(0, 1))
    other = draw(st.integers(1, 4))
    pieces, whole, steps = [], [], []
    for number in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 5))
        begin = draw(st.integers(0, size - 1))
        end = draw(st.integers(begin + 1, size))
        shape = (size, other) if axis == 0 else (other, size)
        values = (np.arange(size * other).reshape(shape) + 100 * number).astype(FLOAT)
        taken = values[begin:end] if axis == 0 else values[:, begin:end]
        if draw(st.booleans()):
            pieces.append(Piece(HeldArray(values), Decoding((), FLOAT), begin, end))
            whole.append(taken)
        else:
            pieces.append(None)
            whole.append(np.full_like(taken, np.nan))
        steps.append(end - begin)
    whole = np.concatenate(whole, axis=axis)
    array = JoinedArray(whole.shape, FLOAT, tuple(pieces), tuple(steps), axis)
    parts = []
    for size in whole.shape:
        steps_of = st.slices(size).filter(lambda each: each.step != 0)
        listed = st.lists(st.integers(0, size - 1), max_size=4).map(
            lambda each: np.array(each, int)
        )
        ways = [st.integers(-size, size - 1), steps_of]
        if not any(isinstance(each, np.ndarray) for each in parts):
            ways.append(listed)
        parts.append(draw(st.one_of(ways)))
    return array, whole, tuple(parts[: draw(st.integers(1, 2))])


@given(joined())
def test_any_part_is_that_part(case):
    array, whole, key = case
    if len(key) == 2 and isinstance(key[0], int) and isinstance(key[1], np.ndarray):
        key = (slice(key[0], key[0] + 1 or None), key[1])  # NumPy would call both of them lists
    found = pickle.loads(pickle.dumps(array))[key]
    np.testing.assert_array_equal(found, whole[key])
    assert found.dtype == whole.dtype


@given(joined(), st.data())
def test_lists_along_several_dimensions_are_a_grid(case, data):
    """As dask asks: each list goes along its own dimension."""
    array, whole, _ = case
    lists = [data.draw(st.lists(st.integers(-size, size - 1), max_size=3)) for size in whole.shape]
    expected = whole[np.ix_(*(np.array(each, int) for each in lists))]
    np.testing.assert_array_equal(array[tuple(lists)], expected)


def series(write, count, **options):
    steps = [(3.0 * n + 0.5, 3.0 * n + 1.5, 3.0 * n + 2.5) for n in range(count)]
    paths = tuple(write(f"{n}.nc", each, **options) for n, each in enumerate(steps))
    return open_datasets([DatasetFiles("k", paths)], chunks=options.get("how", "auto"))["k"]


def test_small_files_are_read_together(write):
    dataset = series(write, 5)
    assert dataset["tas"].chunks == ((15,), (2,))
    with dask.config.set({"array.chunk-size": 2 * 3 * 2 * 4}):
        assert series(write, 5)["tas"].chunks == ((6, 6, 3), (2,))
    with dask.config.set({"array.chunk-size": 2 * 2 * 4}):
        assert series(write, 2, chunks=(1, 2))["tas"].chunks == ((2, 1, 2, 1), (2,))


def test_blocks_fit_the_workers_while_they_run(write):
    def large(file):
        field = file.createVariable("field", "f4", ("time", "lat"), chunksizes=(1, 2**20))
        field[0] = 0.0

    path = write("a.nc", np.arange(48.0), lat=np.linspace(-90, 90, 2**20), more=large)
    alone = open_file(path)["field"].chunks
    with cluster(workers=1, threads_per_worker=2, memory="400 MB"):
        beside = open_file(path)["field"].chunks
        assert max(beside[0]) * 2**22 <= 400e6 / 2 / 8
    assert open_file(path)["field"].chunks == alone
    assert max(alone[0]) > max(beside[0])


def test_a_part_reads_that_part(write, monkeypatch):
    path = write("a.nc", np.arange(40.0), chunks=(1, 2))
    read = []
    real = JoinedArray.__getitem__
    monkeypatch.setattr(
        JoinedArray, "__getitem__", lambda self, key: read.append(key) or real(self, key)
    )
    assert open_file(path)["tas"].isel(time=7, lat=slice(1, 2)).compute().shape == (1,)
    (key,) = read
    sizes = [len(range(40)[key[0]]) if isinstance(key[0], slice) else 1]
    assert sizes == [1]


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ({}, ((2, 2, 2), (1, 1))),
        ({"time": 4}, ((4, 2), (1, 1))),
        ({"time": -1, "lat": -1}, ((6,), (2,))),
        (3, ((3, 3), (2,))),
        ({"time": "8 B", "lat": 1}, ((2, 2, 2), (1, 1))),
    ],
)
def test_chunks_as_xarray_takes_them(write, chunks, found):
    path = write("a.nc", np.arange(6.0), chunks=(2, 1))
    assert open_file(path, chunks=chunks)["tas"].chunks == found


@pytest.mark.parametrize(
    "chunks",
    [None, True, 0, -5, "many", {"time": "many"}, {"time": 0}, {"time": None}, {"tme": 2}],
)
def test_chunks_that_are_none(write, chunks):
    with pytest.raises(UsageError, match="chunks"):
        open_file(write("a.nc"), chunks=chunks)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT_OFFSET"])
def test_a_long_axis_is_read_for_its_index_and_a_huge_one_is_not(write, form):
    def more(file):
        for name, size in (("long", 20_000), ("huge", 600_000)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))[:] = np.arange(size) / 2

    def never(*_, **__):
        raise AssertionError("something was computed")

    path = write("a.nc", more=more, form=form)
    with dask.config.set(scheduler=never):
        dataset = open_datasets([DatasetFiles("k", (path,))])["k"]
        assert float(dataset["long"].sel(long=77.5)) == 77.5
    assert dataset["huge"].chunks
    assert "huge" in dataset.coords
    assert "huge" not in dataset.indexes
    np.testing.assert_array_equal(dataset["huge"].values, np.arange(600_000) / 2)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT_OFFSET"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_part_of_files_that_are_packed_otherwise(write, form, monkeypatch, data):
    """Each file is read into its place in a block; what is of its type is not copied."""
    monkeypatch.setattr(header, "_SMALL", -1)
    expected, paths = [], []
    for n, how in enumerate(data.draw(st.lists(st.booleans(), min_size=2, max_size=3))):
        times = 3.0 * n + np.arange(3)
        values = 270 + n + 0.5 * np.arange(3)
        options = {"packing": (0.25, 200.0)} if how else {}
        paths.append(write(f"{n}.nc", times, values, form=form, lat=(-45.0, 0.0, 45.0), **options))
        expected += values.tolist()
    field = open_datasets([DatasetFiles("k", tuple(paths))])["k"]["tas"]
    assert field.data.npartitions == 1
    whole = np.repeat(np.array(expected)[:, None], 3, axis=1)
    np.testing.assert_array_equal(field.values, whole)
    part = st.one_of(st.integers(0, 2), st.slices(3).filter(lambda each: each.step != 0))
    steps = len(expected)
    along = st.one_of(
        st.integers(0, steps - 1), st.slices(steps).filter(lambda each: each.step != 0)
    )
    key = data.draw(along), data.draw(part)
    np.testing.assert_array_equal(field[key].values, whole[key])
