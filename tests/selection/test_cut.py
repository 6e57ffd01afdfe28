"""Opening a part: a period and a box, through `Selection.open`."""

from __future__ import annotations

import dask
import netCDF4
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import DataError, HoleInTime, UsageError

KEY = "CMIP.IPSL.IPSL-CM6A-LR.{}.r1i1p1f1.Amon.tas.gr"
DAYS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
LON = np.arange(0.0, 360, 10)


def write(root, experiment, first, last):
    activity = "CMIP" if experiment == "historical" else "ScenarioMIP"
    path = root / (
        f"{activity}/IPSL/IPSL-CM6A-LR/{experiment}/r1i1p1f1/Amon/tas/gr/v1/"
        f"tas_Amon_IPSL-CM6A-LR_{experiment}_r1i1p1f1_gr_{first}01-{last}12.nc"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", None), ("lat", 3), ("lon", LON.size), ("bnds", 2)):
            file.createDimension(name, size)
        edges = np.concatenate([365 * (y - 1850) + DAYS[:12] for y in range(first, last + 1)])
        ends = np.append(edges[1:], 365 * (last + 1 - 1850))
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts(
            {"units": "days since 1850-01-01", "calendar": "365_day", "bounds": "time_bnds"}
        )
        axis[:] = ends  # stamped at the end, as CESM does
        file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.stack([edges, ends], 1)
        for name, values, units in (("lat", [-45, 0, 45], "north"), ("lon", LON, "east")):
            there = file.createVariable(name, "f8", (name,))
            there.units = f"degrees_{units}"
            there[:] = values
        months = 12 * first + np.arange(ends.size)
        field = file.createVariable("tas", "f4", ("time", "lat", "lon"))
        field.units = "K"
        field[:] = months[:, None, None] + LON / 1000
    return path


@pytest.fixture
def files(tmp_path, monkeypatch):
    root = tmp_path / "CMIP6"
    found = [write(root, "historical", y, y + 4) for y in range(1990, 2010, 5)]
    write(root, "ssp585", 2015, 2016)
    build_catalog("CMIP6", root, store=tmp_path / "catalogs")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "catalogs"))
    return found


def years(dataset):
    months = dataset["tas"].isel(lat=0, lon=0).round().values
    return int(months[0] // 12), int(months[-1] // 12), months.size


def never(*_, **__):
    raise AssertionError("something was computed")


def test_period_and_region_are_cut_lazily_and_other_files_are_not_missed(files):
    files[0].unlink()  # outside
    found = open_catalog("CMIP6").search(experiment="historical")
    with dask.config.set(scheduler=never):
        opened = found.open(period="1997/2003", region=(-15, 15, -10, 90), on_error="raise")
    dataset = opened[KEY.format("historical")]
    assert years(dataset) == (1997, 2003, 84)
    assert dataset["lon"].values.tolist() == [-10, 0, 10]
    assert dataset["lat"].values.tolist() == [0, 45]
    np.testing.assert_allclose(dataset["tas"][0, 0].values - 12 * 1997, [0.35, 0, 0.01], atol=2e-3)
    assert not opened.report.having("noted")
    everywhere = open_catalog().search(experiment="historical")
    (same,) = everywhere.open(period="1997/2003", region=(-15, 15, -10, 90)).values()
    assert same["tas"].equals(dataset["tas"])


@pytest.mark.parametrize(
    ("period", "expected"),
    [("last_3Y", (2007, 2009)), ("FIRST_2y", (1990, 1991)), ("full", (1990, 2009))],
)
def test_words(files, period, expected):
    opened = open_catalog("CMIP6").search(experiment="historical").open(period=period)
    first, last, count = years(opened[KEY.format("historical")])
    assert (first, last) == expected
    assert count == 12 * (last - first + 1)


def test_what_has_nothing_of_it_is_left_out_and_told(files):
    found = open_catalog("CMIP6").search(variable="tas")
    with pytest.warns(IncompleteDataWarning, match="the dataset holds 20150101 to 20161231"):
        opened = found.open(period="2000/2010")
    assert list(opened) == [KEY.format("historical")]
    (told,) = opened.report.having("noted")
    assert "of it the dataset holds 2000-01-01 to 2010-01-01" in told.cause
    with pytest.raises(DataError, match="there is nothing of it"):
        found.open(period="1850")
    with pytest.raises(DataError, match="the centre of no cell is in it"):
        found.open(region=(1, 2, 1, 2))
    with pytest.raises(HoleInTime, match="2000/2010"):
        found.search(experiment="historical").open(
            period="2000/2010", allow_gaps=False, on_error="raise"
        )


@pytest.mark.parametrize("how", [{"period": "lately"}, {"region": "Europe"}, {"region": (0, 1)}])
def test_a_question_that_is_none_is_refused_before_anything_is_opened(files, how):
    for path in files:
        path.unlink()
    with pytest.raises(UsageError):
        open_catalog("CMIP6").open(**how)
