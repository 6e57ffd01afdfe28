"""Real files of many models are harmonised without an exception, and come out plausible."""

from __future__ import annotations

import hashlib
from collections import Counter

import cftime
import dask
import numpy as np
import pytest

from climeri_platform.access import open_file
from climeri_platform.access.conversion import table
from climeri_platform.access.harmonise import harmonise
from climeri_platform.core.errors import FileUnreadable

pytestmark = pytest.mark.real_data

OF_EACH_FOLDER = 40
# what a first field may reach, in canonical units
PLAUSIBLE = {"K": (150, 350), "degC": (-10, 45), "%": (-1, 130), "Pa": (0, 1.1e5)}


def _refuse(*_, **__):
    raise AssertionError("something was computed")


def sample(folder):
    """Return files of every folder in an order that has nothing to do with their names."""
    chosen = []
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [path for path in each.rglob("*.nc") if path.stat().st_size < 50_000_000]
        files.sort(key=lambda path: hashlib.sha1(path.name.encode()).digest())
        chosen += files[:OF_EACH_FOLDER]
    return chosen


def test_a_sample_of_every_archive(real_data):
    seen, opened = Counter(), 0
    for path in sample(real_data):
        try:
            held = open_file(path)
        except FileUnreadable:
            continue
        opened += 1
        with dask.config.set(scheduler=_refuse):
            out, steps = harmonise(held, {})
            again, more = harmonise(out, {})
        assert [step for step in steps if "left as it is:" in step.said] == [], path
        assert [step for step in more if step.kind != "noted"] == [], path
        assert again.identical(out), path
        check(path, held, out, steps, seen)
        held.close()
    assert opened >= 150
    assert seen["places"] > 100
    for fix in ("names", "times", "bounds", "units", "latitudes", "longitudes", "cordex-grid"):
        assert seen[fix], f"no real file needed {fix}: the sample says nothing of it"


def check(path, held, out, steps, seen):
    seen.update({step.fix for step in steps})
    assert {name: out[name].dtype for name in held.data_vars if name in out} == {
        name: held[name].dtype for name in held.data_vars if name in out
    } or {step.fix for step in steps} & {"units"}, path
    for axis in ("lat", "rlat"):
        if axis in out.indexes and out.sizes[axis] > 1:
            order = np.diff(out[axis].values)
            assert (order > 0).all() or any(s.variable == axis for s in steps), path
    if "lat" in out.coords and out["lat"].size < 100_000:
        lat = out["lat"].values
        assert np.nanmax(np.abs(lat), initial=0) <= 90.001, path
    if "time" in out.indexes:
        first = out["time"].values[0]
        assert isinstance(first, np.datetime64 | cftime.datetime | np.number), path
    for step in steps:
        if step.kind == "numbers":
            assert "climeri_steps" in out[step.variable].attrs, path
    same_places(path, held, out, steps, seen)
    known = table().canonical
    for name, field in out.data_vars.items():
        units = known.get(str(name))
        if field.attrs.get("units") != units or units not in PLAUSIBLE or field.size > 10**7:
            continue
        sizes = {dim: slice(0, 1) for dim in field.dims if dim == "time"}
        values = field.isel(sizes).values
        values = values[np.isfinite(values)]
        low, high = PLAUSIBLE[units]
        if name in ("tas", "ts", "ta", "tos", "siconc", "hurs", "clt", "sftlf", "psl", "ps"):
            assert not values.size or (low <= values.min() and values.max() <= high), (path, name)
            seen["plausible"] += 1


def same_places(path, held, out, steps, seen):
    """The corners of the file have the values that they had."""
    if not {"lat", "lon"} <= {*out.indexes}:
        return
    native = {axis: out[axis].attrs.get("native_name", axis) for axis in ("lat", "lon")}
    moved = {step.variable for step in steps if step.kind == "numbers"}
    fields = [
        name
        for name, each in out.data_vars.items()
        if name in held and name not in moved and {"lat", "lon"} <= {*each.dims}
    ]
    for name in fields[:2]:
        if not 0 < held[name].size < 10**7:
            continue
        rest = {dim: 0 for dim in out[name].dims if dim not in native}
        first = {
            native_dim: 0 for native_dim in held[name].dims if native_dim not in native.values()
        }
        for row, column in ((0, -1), (-1, 0)):
            there = held[name].isel({**first, native["lat"]: row, native["lon"]: column})
            lat, lon = float(there[native["lat"]]), float(there[native["lon"]])
            apart = (out["lon"].values - lon + 180) % 360 - 180
            here = out[name].isel(
                {
                    **rest,
                    "lat": int(np.abs(out["lat"].values - lat).argmin()),
                    "lon": int(np.abs(apart).argmin()),
                }
            )
            np.testing.assert_array_equal(here.values, there.values, err_msg=f"{path} {name}")
            seen["places"] += 1
