"""Chunks against h5py's own filters, and damaged ones by their number."""

from __future__ import annotations

import io
import itertools
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.access.engines.filters import (
    DEFLATE,
    SHUFFLE,
    DamagedChunk,
    chunks_of,
    runs,
)

SIZES = st.sampled_from([1, 2, 3, 16, 64, 65, 200, 3000])


def stored_by_hdf5(numbers: np.ndarray, *, shuffle: bool) -> list[bytes]:
    """The rows of an array, each as the chunk that HDF5 makes of it."""
    with h5py.File(io.BytesIO(), "w") as file:
        array = file.create_dataset(
            "x", data=numbers, chunks=(1, numbers.shape[1]), compression=4, shuffle=shuffle
        )
        return [array.id.read_direct_chunk((row, 0))[1] for row in range(len(numbers))]


@given(SIZES, st.integers(1, 5), st.sampled_from(["i1", "f4", "f8"]), st.booleans(), st.data())
def test_the_beginning_of_each_chunk_is_that_of_the_whole(length, count, kind, shuffle, data):
    rng = np.random.default_rng(length)
    numbers = rng.integers(0, 9, (count, length)).astype(kind)
    filters = (SHUFFLE, DEFLATE) if shuffle else (DEFLATE,)
    size, width = length * numbers.itemsize, numbers.itemsize
    stored = stored_by_hdf5(numbers, shuffle=shuffle)
    kept = data.draw(st.integers(0, length))
    for wanted in (None, size, kept * width):
        found = chunks_of(iter(stored), [0] * count, filters, size, width, wanted)
        expected = numbers[:, :kept] if wanted == kept * width else numbers
        np.testing.assert_array_equal(found.reshape(-1).view(kind), expected.ravel())


@pytest.mark.parametrize("size", [16, 4096])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda size: zlib.compress(bytes(size))[:-1], "incomplete or truncated stream"),
        (lambda size: zlib.compress(bytes(size - 1)), " bytes where a chunk has "),
        (lambda size: zlib.compress(bytes(size + 1)), " bytes where a chunk has "),
        (lambda _: zlib.compress(bytes(2**20)), " bytes where a chunk has "),
        (lambda size: b"\0" * size, "."),
    ],
    ids=["cut", "short", "long", "a bomb", "not deflated"],
)
def test_a_damaged_chunk_is_named(size, content, problem):
    sound = zlib.compress(bytes(size))
    pieces = [sound, sound, content(size), sound]
    with pytest.raises(DamagedChunk, match=problem) as told:
        chunks_of(iter(pieces), [0] * 4, (DEFLATE,), size, 1)
    assert told.value.number == 2


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), max_size=40), st.integers(0, 99)
)
def test_what_is_read_at_once_has_every_place_in_order(places, gap):
    places = [(begin, begin + size) for begin, size in places]
    found = list(runs(places, gap))
    assert [each for _, _, some in found for each in some] == places
    for begin, end, some in found:
        assert begin == some[0][0]
        assert end == max(each for _, each in some)
        reached = some[0][1]
        for a, b in some[1:]:
            assert begin <= a <= reached + gap
            reached = max(reached, b)
    for (begin, end, _), (_, _, some) in itertools.pairwise(found):
        assert some[0][0] < begin or some[0][0] > end + gap


def test_a_run_is_no_longer_than_it_may_be():
    places = [(at, at + 2**18) for at in range(0, 2**23, 2**18)]
    assert [end - begin for begin, end, _ in runs(places, 0)] == [2**20] * 8
    assert next(iter(runs([(0, 2**22), (2**22, 2**22 + 1)], 9)))[:2] == (0, 2**22)
