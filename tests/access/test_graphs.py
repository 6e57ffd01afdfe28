"""Graphs stay small: fifty models, 165 years of daily data, one file a year."""

from __future__ import annotations

import dask
import h5py
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.analysis import global_mean

MODELS, YEARS = 50, range(1850, 2015)
LAT, LON = 90, 180
MOST = 100_000  # tasks


def write_year(path, year):
    """A header: none of its 365 chunks was ever written, and each would be 65 kB."""
    with h5py.File(path, "w") as file:
        axes = {
            "time": ((year - 1850) * 365 + np.arange(365) + 0.5, "days since 1850-01-01"),
            "lat": (np.linspace(-89, 89, LAT), "degrees_north"),
            "lon": (np.arange(LON) * 2.0, "degrees_east"),
        }
        for name, (values, units) in axes.items():
            file[name] = values
            file[name].make_scale(name)
            file[name].attrs["units"] = units
        file["time"].attrs["calendar"] = "noleap"
        field = file.create_dataset(
            "tas", (365, LAT, LON), "f4", chunks=(1, LAT, LON), compression="gzip", fillvalue=1e20
        )
        for axis, name in enumerate(axes):
            field.dims[axis].attach_scale(file[name])
        field.attrs.update({"units": "K", "_FillValue": np.float32(1e20)})


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """Every model has 165 files; those of one year are one file, under fifty names."""
    folder = tmp_path_factory.mktemp("daily")
    found = [[] for _ in range(MODELS)]
    for year in YEARS:
        first = folder / f"0-{year}.nc"
        write_year(first, year)
        for model in range(MODELS):
            path = folder / f"{model}-{year}.nc"
            if model:
                path.hardlink_to(first)
            found[model].append(str(path))
    return [
        DatasetFiles(f"m{model}", tuple(paths), facets={"model": f"M{model:02}"})
        for model, paths in enumerate(found)
    ]


def tasks(collection, *, optimised):
    graph = dask.optimize(collection)[0] if optimised else collection
    return len(dict(graph.__dask_graph__()))


def test_a_climatology_and_a_mean_of_fifty_models(wanted):
    assert sum(len(each.paths) for each in wanted) == 8250
    opened = open_datasets(wanted, on_error="raise")
    both = opened.to_dataset(dim="model")
    assert both["tas"].shape == (MODELS, 365 * len(YEARS), LAT, LON)
    mean = global_mean(both, variable="tas")
    mean = mean["tas"] if isinstance(mean, xr.Dataset) else mean
    climatology = both["tas"].groupby("time.month").mean("time")
    for each in (both["tas"], mean, climatology):
        for optimised in (False, True):
            count = tasks(each.data, optimised=optimised)
            assert 0 < count < MOST, (each.dims, optimised, count)
