import netCDF4
import numpy as np
import pytest

from climeri_platform.testing import build_archive, read_truth


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The small archive, built once."""
    return build_archive(tmp_path_factory.mktemp("archive") / "demo")


@pytest.fixture(scope="session")
def root(archive):
    return archive.directory


@pytest.fixture(scope="session")
def truth(root):
    return read_truth(root)


@pytest.fixture(scope="session")
def read(root):
    """Read one variable of some files, in order, as float64 beside its month lengths and years."""

    def reader(pattern, variable):
        paths = sorted(root.glob(pattern))
        assert paths, pattern
        values, days, calendar, units = [], [], "", ""
        for path in paths:
            with netCDF4.Dataset(path) as dataset:
                time = "time" if "time" in dataset.variables else "time_counter"
                values.append(dataset[variable][:].astype(np.float64))
                days.append(dataset[dataset[time].bounds][:])
                calendar, units = dataset[time].calendar, dataset[time].units
        bounds = np.ma.concatenate(days).filled()
        first = netCDF4.num2date(bounds[0, 0], units, calendar).year
        return np.ma.concatenate(values), np.diff(bounds, axis=1)[:, 0], first

    return reader


@pytest.fixture(scope="session")
def annual():
    """Annual means of area means, months weighted by their length; plain numpy on purpose."""

    def means(values, days, area):
        weights = np.ma.filled(area, 0.0).astype(np.float64)
        monthly = (np.ma.filled(values, 0.0) * weights).sum(axis=(1, 2)) / weights.sum()
        years = days.reshape(-1, 12)
        return (monthly.reshape(-1, 12) * years).sum(axis=1) / years.sum(axis=1)

    return means


@pytest.fixture(scope="session")
def field(root):
    """Read a variable without time, from the first file that matches."""

    def reader(pattern, variable):
        with netCDF4.Dataset(min(root.glob(pattern))) as dataset:
            return dataset[variable][:]

    return reader
