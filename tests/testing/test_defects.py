import shutil

import netCDF4
import numpy as np
import pytest

from climeri_platform.testing import defects


@pytest.fixture
def origin(root):
    return next(root.glob("CMIP6/**/ssp585/**/tas_Amon_BORA*.nc"))


@pytest.fixture
def path(origin, tmp_path):
    return shutil.copyfile(origin, tmp_path / origin.name)


def opens(path):
    try:
        with netCDF4.Dataset(path):
            return True
    except OSError:
        return False


def test_files_that_do_not_open(path):
    whole = path.stat().st_size
    defects.truncated(path)
    assert path.stat().st_size == whole // 2
    assert not opens(path)
    defects.not_netcdf(path)
    assert path.read_bytes().startswith(b"<!DOCTYPE html>")
    assert not opens(path)
    defects.zero_byte(path)
    assert path.stat().st_size == 0
    defects.dangling(path)
    assert path.is_symlink()
    assert not path.exists()
    defects.missing(path)
    assert not path.is_symlink()


def test_a_linked_tree_leaves_its_origin_alone(origin, tmp_path):
    before = origin.stat()
    tree = defects.linked_tree(origin.parent, tmp_path / "tree")
    copy = tree / origin.name
    defects.shifted(copy, 10.0)
    defects.zero_byte(copy)
    assert origin.stat().st_size == before.st_size
    assert origin.stat().st_mtime_ns == before.st_mtime_ns
    assert opens(origin)


def test_time_axes(path):
    def times():
        with netCDF4.Dataset(path) as dataset:
            return dataset["time"][:].filled(), dataset["time"].units, dataset["time"].calendar

    old, units, calendar = times()
    defects.shifted(path, 31.0)
    assert np.array_equal(times()[0], old + 31.0)
    defects.shifted(path, -31.0)
    defects.unordered(path, 2, 5)
    assert times()[0][2] == old[5]
    defects.unordered(path, 2, 5)
    defects.other_units(path, "days since 1850-01-01")
    new, changed, _ = times()
    assert changed != units
    assert cal(new, changed, calendar) == cal(old, units, calendar)
    defects.other_calendar(path, "360_day")
    assert times()[2] == "360_day"
    defects.empty_bounds(path)
    with netCDF4.Dataset(path) as dataset:
        assert np.isnan(dataset["time_bnds"][:]).all()


def cal(values, units, calendar):
    return [str(date) for date in netCDF4.num2date(values[:20], units, calendar)]


def test_labels_and_copies(path):
    defects.relabelled(path, "source_id", "OTHER-1")
    with netCDF4.Dataset(path) as dataset:
        assert dataset.source_id == "OTHER-1"
    twin = defects.duplicated(path, "twin.nc")
    assert twin.read_bytes() == path.read_bytes()
