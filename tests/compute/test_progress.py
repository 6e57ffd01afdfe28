"""Progress: results as they are, the bar on stderr only."""

from __future__ import annotations

import subprocess
import sys
import time

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from climeri_platform.compute import progress


def test_one_result_for_one_argument():
    assert float(progress(da.ones(10, chunks=3).sum())) == 10


def test_a_tuple_for_several():
    one, two = progress(da.arange(4, chunks=2), da.ones(2))
    assert isinstance(one, np.ndarray)
    np.testing.assert_array_equal(one, [0, 1, 2, 3])
    np.testing.assert_array_equal(two, 1)


def test_containers_within_containers():
    lazy = {"a": [xr.DataArray(da.ones(3), dims="x"), 5], "b": {"c": (da.zeros(2), "text")}}
    found = progress(lazy)
    assert isinstance(found["a"][0], xr.DataArray)
    np.testing.assert_array_equal(found["a"][0].values, 1)
    assert found["a"][1] == 5
    np.testing.assert_array_equal(found["b"]["c"][0], 0)
    assert found["b"]["c"][1] == "text"


def test_datasets_keep_coordinates_and_attributes():
    dataset = xr.Dataset({"tas": ("x", da.ones(3))}, {"x": [1, 2, 3]}, {"title": "t"})
    found = progress(dataset)
    assert isinstance(found, xr.Dataset)
    assert found["tas"].chunks is None
    xr.testing.assert_identical(found, dataset.compute())


def test_what_is_not_lazy_comes_back():
    word = object()
    assert progress(word) is word
    assert progress(1, "two") == (1, "two")


def test_what_is_shared_is_computed_once():
    calls = []

    @dask.delayed
    def work():
        calls.append(1)
        return 1

    shared = da.from_delayed(work(), (), dtype=int)
    progress(shared + 1, shared + 2)
    assert calls == [1]


def test_errors_of_the_work_come_through():
    @dask.delayed
    def fail():
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        progress(fail())


def test_the_bar_goes_to_stderr():
    code = (
        "import time, dask, dask.array as da\n"
        "from climeri_platform import progress\n"
        "slow = lambda x: (time.sleep(0.5), x)[1]\n"
        "with dask.config.set(scheduler='synchronous'):\n"
        "    print(float(progress(da.ones(6, chunks=1).map_blocks(slow).sum(), label='my sum')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "6.0\n"
    assert "my sum" in done.stderr


def test_a_short_computation_shows_no_bar(capfd):
    began = time.monotonic()
    progress(da.ones(3).sum())
    assert time.monotonic() - began < 1
    out, err = capfd.readouterr()
    assert (out, err.strip()) == ("", "")
