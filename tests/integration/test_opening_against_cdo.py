"""Real models, a regional one with its driver, and a native run, opened by one call: means as CDO's.

CDO reads the original files by itself. What it cannot know is given to it: cell areas, because its
edges along a parallel are great circles and those of the files are not (docs/design/003), and which
values are missing where the files do not declare it.
"""

from __future__ import annotations

import warnings
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.analysis import global_mean
from climeri_platform.catalog import build_catalog
from climeri_platform.testing import ARCHIVE_ROOTS, read_truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from climeri_platform.access import Opened

pytestmark = [pytest.mark.real_data, pytest.mark.cdo]

TEN = (
    *("TaiESM1", "BCC-CSM2-MR", "CAMS-CSM1-0", "CanESM5", "CMCC-CM2-SR5", "ACCESS-CM2"),
    *("MPI-ESM1-2-LR", "GISS-E2-1-H", "NorESM2-LM", "GFDL-CM4"),
)
HUGE = 1e19  # no mean is that large; missing ones are
NATIVE = "IPSLCM6"
DRIVER, REGIONAL = "AUTAN-CM2", "DEMO-RCM1"
# by the header of the run's own files (ncdump -h), and CMIP's definitions of the fluxes
FLUXES = {
    "rsdt": "SWdnTOA",
    "rsut": "SWupTOA",
    "rlut": "topl",
    "hfss": "-sens",
    "hfls": "-flat",
    "rsds": "SWdnSFC",
    "rsus": "SWupSFC",
    "rlds": "LWdnSFC",
    "rlus": "LWupSFC",
}
NETS = {
    "toa_net": "SWdnTOA-SWupTOA-topl",
    "surface_net": "SWdnSFC-SWupSFC+LWdnSFC-LWupSFC+sens+flat",
}
INTO_THE_TOP = {"rsdt": 1, "rsut": -1, "rlut": -1}
INTO_THE_SURFACE = {"rsds": 1, "rsus": -1, "rlds": 1, "rlus": -1, "hfss": -1, "hfls": -1}


@pytest.fixture(scope="module")
def opened(
    real_data: Path, small_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Opened, list[str]]:
    """All of them by one call, and their files."""
    store = tmp_path_factory.mktemp("oracle") / "store"
    for tree in ("mini-esgf", "esmvaltool-sample"):
        build_catalog("CMIP6", real_data / tree, store=store)
    for family in ("CMIP6", "CORDEX", "libIGCM"):
        build_catalog(family, small_archive / ARCHIVE_ROOTS[family], store=store)
    found = open_catalog(store=store).search(
        model=[*TEN, "IPSL-CM6A-LR", DRIVER, REGIONAL, NATIVE],
        experiment="historical",
        frequency="mon",
    )
    paths = [path for family in found for path in found[family].paths()]
    with warnings.catch_warnings():
        warnings.simplefilter("error", IncompleteDataWarning)
        result = found.open()
    return result, paths


def dataset_of(opened, *words: str) -> xr.Dataset:
    """Return the one dataset of which the key has these words."""
    (key,) = (key for key in opened[0] if {*words} <= {*key.replace(":", ".").split(".")})
    return opened[0][key]


def files_of(opened, pattern: str) -> list[str]:
    """Return the files of which the names are such, by the names alone."""
    found = sorted(path for path in opened[1] if fnmatch(path.rpartition("/")[2], pattern))
    assert found, pattern
    return found


def cdo_mean(
    cdo: Callable[..., str], files: list[str], expression: str, areas: Path | None, folder: Path
) -> np.ndarray:
    """Means by time and level, as CDO takes them from the files."""
    joined = folder / "joined.nc"
    cdo("-O", "-mergetime", *files, joined)
    mean = ["outputf,%.15g", "-fldmean", *([f"-setgridarea,{areas}"] if areas else [])]
    made = [f"-expr,x={expression}", f"-setrtomiss,{HUGE:g},1e38"]
    means = np.array(cdo(*mean, *made, joined).split(), dtype=float)
    return np.where(np.abs(means) < HUGE, means, np.nan)


def bands(path: str, into: Path) -> Path:
    """Write the areas between a file's own bounds, without the package.

    Without bounds (XIOS on regular grids) edges lie half-way between centres, and at the poles.
    """
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as file:
        lat, lon = (
            file[f"{name}_bnds"].values if f"{name}_bnds" in file else half_way(file[name].values)
            for name in ("lat", "lon")
        )
        south_north = np.sin(np.deg2rad(np.clip(lat, -90, 90)))
        area = np.abs(np.diff(south_north)) * np.abs(np.diff(np.deg2rad(lon))).T
        return write_area(area, {"lat": file["lat"], "lon": file["lon"]}, into)


def half_way(centres: np.ndarray) -> np.ndarray:
    inner = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])
    return np.stack([edges[:-1], edges[1:]], 1)


def write_area(area: np.ndarray, axes: dict[str, xr.DataArray], into: Path) -> Path:
    plain = {name: each.variable for name, each in axes.items()}
    held = xr.DataArray(area, plain, tuple(axes), "cell_area", {"units": "m2"})
    held.to_netcdf(into, engine="scipy")
    return into


@pytest.mark.parametrize(
    ("model", "variable"),
    [("IPSL-CM6A-LR", "rlds"), *((model, "ta") for model in TEN), (DRIVER, "tas")],
)
def test_global_models(opened, cdo, tmp_path, model, variable):
    dataset = dataset_of(opened, model, "r1i1p1f1", "Amon", variable)
    files = files_of(opened, f"{variable}_Amon_{model}_historical_r1i1p1f1_*-*.nc")
    ours = global_mean(dataset, variable=variable).values
    theirs = cdo_mean(cdo, files, variable, bands(files[0], tmp_path / "area.nc"), tmp_path)
    theirs = theirs.reshape(ours.shape)
    low, high = (150, 400) if variable == "rlds" else (180, 320)
    assert low < np.nanmin(ours) <= np.nanmax(ours) < high
    assert np.isfinite(ours).mean() > 0.8
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_the_regional_model_over_its_domain(opened, cdo, tmp_path):
    dataset = dataset_of(opened, REGIONAL, "historical", "tas")
    files = files_of(opened, f"tas_*_historical_*_{REGIONAL}_*.nc")
    ours = global_mean(dataset, variable="tas").values
    with xr.open_dataset(files[0], engine="netcdf4") as file:
        # on the rotated sphere cells lie between parallels half-way to their neighbours
        height = np.diff(np.sin(np.deg2rad(half_way(file["rlat"].values))))
        area = height * np.ones(file["rlon"].size)
        areas = tmp_path / "area.nc"
        write_area(area, {"rlat": file["rlat"], "rlon": file["rlon"]}, areas)
    theirs = cdo_mean(cdo, files, "tas", areas, tmp_path)
    assert ours.size == 420
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def native_run(opened) -> tuple[xr.Dataset, list[str]]:
    dataset = dataset_of(opened, NATIVE, "Output", "1M", "histmth")
    return dataset, files_of(opened, "*_1M_histmth.nc")


def test_the_native_run(opened, cdo, tmp_path):
    dataset, files = native_run(opened)
    areas = tmp_path / "aire.nc"
    cdo("-selname,aire", files[0], areas)
    for name, native in FLUXES.items():
        ours = global_mean(dataset, variable=name, area=dataset["areacella"]).values
        theirs = cdo_mean(cdo, files, native, areas, tmp_path)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=name)
    series = dataset_of(opened, NATIVE, "TS_MO", "1M", "t2m")
    files = files_of(opened, "*_1M_t2m.nc")
    ours = global_mean(series, variable="tas", area=dataset["areacella"]).values
    assert ours.size == 420
    np.testing.assert_allclose(ours, cdo_mean(cdo, files, "t2m", areas, tmp_path), rtol=1e-6)


def test_its_budgets_close(opened, cdo, tmp_path, small_archive):
    dataset, files = native_run(opened)
    areas = tmp_path / "aire.nc"
    cdo("-selname,aire", files[0], areas)
    nets = {}
    for where, signs in (("toa_net", INTO_THE_TOP), ("surface_net", INTO_THE_SURFACE)):
        net = sum(sign * dataset[name].astype("f8") for name, sign in signs.items())
        nets[where] = global_mean(net, area=dataset["areacella"]).values
        theirs = cdo_mean(cdo, files, NETS[where], areas, tmp_path)
        # the difference of fluxes of 100 to 400 W m-2 that are kept in single precision
        np.testing.assert_allclose(nets[where], theirs, atol=4e-4, err_msg=where)
        truth = read_truth(small_archive)["libigcm"]
        years = {year: n for n, year in enumerate(truth["years"])}
        known = truth["global_mean"][where]
        days = dataset["time"].dt.days_in_month.values.reshape(-1, 12)
        annual = (nets[where].reshape(-1, 12) * days).sum(axis=1) / days.sum(axis=1)
        wanted = [known[years[year]] for year in dataset["time"].dt.year.values[::12]]
        np.testing.assert_allclose(annual, wanted, atol=4e-4, err_msg=where)
    np.testing.assert_allclose(nets["toa_net"], nets["surface_net"], atol=4e-4)
