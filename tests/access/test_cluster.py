"""Forty models in eight hundred files through a cluster of processes: each mean is right, none hangs."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest
from distributed import wait

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.compute import cluster

MODELS, FILES, STEPS = 40, 20, 12
SHAPE = 8, 16
DEADLINE = 120  # seconds


def values_of(model, number):
    return np.random.default_rng([model, number]).standard_normal((STEPS, *SHAPE)).astype("f4")


def write(path, model, number):
    """Every second model is of NetCDF classic; the others are deflated."""
    with netCDF4.Dataset(path, "w", format=("NETCDF4", "NETCDF3_CLASSIC")[model % 2]) as file:
        for name, size in (("time", None), ("lat", SHAPE[0]), ("lon", SHAPE[1])):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": "days since 2000-01-01", "standard_name": "time"})
        time[:] = number * STEPS + np.arange(STEPS) + 0.5
        options = {} if model % 2 else {"zlib": True, "chunksizes": (1 + model % 5, *SHAPE)}
        field = file.createVariable("tas", "f4", ("time", "lat", "lon"), **options)
        field.units = "K"
        field[:] = values_of(model, number) + model
    return str(path)


@pytest.mark.timeout(2 * DEADLINE)
def test_forty_models_on_two_workers(tmp_path, no_client):
    wanted = [
        DatasetFiles(
            f"m{model}",
            tuple(write(tmp_path / f"{model}-{n:02}.nc", model, n) for n in range(FILES)),
        )
        for model in range(MODELS)
    ]
    assert sum(len(each.paths) for each in wanted) == 800
    with cluster(workers=2, threads_per_worker=2, memory="2 GB") as client:
        # a block for each file, so that the workers open all of them beside each other
        opened = open_datasets(wanted, chunks={"time": STEPS}, on_error="raise")
        assert all(each["tas"].data.npartitions >= FILES for each in opened.values())
        means = {key: client.compute(each["tas"].mean().data) for key, each in opened.items()}
        done = wait(list(means.values()), timeout=DEADLINE)
        assert not done.not_done
        assert len(client.scheduler_info()["workers"]) == 2
        found = {key: float(each.result(timeout=DEADLINE)) for key, each in means.items()}
    for model in range(MODELS):
        whole = np.concatenate([values_of(model, n) for n in range(FILES)]) + np.float32(model)
        assert found[f"m{model}"] == pytest.approx(whole.mean(dtype="f8"), rel=1e-5, abs=1e-5)
