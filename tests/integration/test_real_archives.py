"""The main job on real files: catalogue, open, average on a Dask client, and compare with CDO."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from climeri_platform import cluster, open_catalog, progress
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.analysis import global_mean
from climeri_platform.catalog import BuildReport, CatalogView, build_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

pytestmark = pytest.mark.real_data

# CESM2 and FGOALS-g3 hold the library's default fill value, undeclared: CDO takes it for data
NO_TEMPERATURE = 1e19
BUILDS = (
    ("CMIP6", "mini-esgf"),
    ("CMIP6", "esmvaltool-sample"),
    ("CMIP6", "intake-esm"),
    ("CMIP5", "mini-esgf"),
    ("CMIP5", "intake-esm"),
    ("CORDEX", "mini-esgf"),
)
# what `find` must be told to count the files that follow the rules: levels below the archive's own
# folder, written from the specifications and not from our families
FOLLOWS = {
    ("CMIP6", "mini-esgf"): ["-path", "*/CMIP6/*/*/*/*/*/*/*/g*/*/*.nc", "!", "-name", "*_zm.nc"],
    ("CMIP6", "esmvaltool-sample"): ["-path", "*/CMIP6/*/*/*/*/*/*/*/g*/v????????/*.nc"],
    ("CMIP6", "intake-esm"): ["-path", "*/CMIP6/*/*/*/*/*/*/*/g*/v????????/*/*.nc"],
    ("CMIP5", "mini-esgf"): ["-path", "*/cmip5/output1/*/*/*/*/*/*/r*/latest/*/*.nc"],
    ("CMIP5", "intake-esm"): ["-path", "*/cmip5/output1/*/*/*/*/*/*/r*/v????????/*/*.nc"],
    ("CORDEX", "mini-esgf"): ["-ipath", "*cordex/output/*/*/*/*/*/*/*/*/*/v????????/*.nc"],
}
# no variable fills a global cell of CDO's polygons: the edges of its cells are great circles, ours
# are parallels, as in the files' own bounds; these three have cells too few or too small to show it
AS_CDO = (
    ("CMIP5", {"model": "IPSL-CM5A-LR", "variable": "tas"}),
    ("CMIP5", {"model": "HadGEM2-ES", "variable": "tas", "experiment": "historical"}),
    ("CMIP6", {"model": "IPSL-CM6A-LR", "variable": "ta", "table": "Amon"}),
    ("CMIP6", {"model": "CESM2", "variable": "ta", "table": "Amon"}),
)
FULL_GRIDS = (
    {"model": "FGOALS-g3", "variable": "tas"},
    {"model": "AWI-ESM-1-1-LR", "variable": "tas"},
    {"model": "INM-CM5-0", "variable": "rlds", "experiment": "ssp245"},
)


def found_by(folder: Path, *tests: str) -> int:
    command = ["find", str(folder), "-type", "f", "(", "-name", "*.nc", "-o", "-name", "*.nc4", ")"]
    return len(
        subprocess.run([*command, *tests], check=True, capture_output=True).stdout.splitlines()
    )


@pytest.fixture(scope="module")
def built(
    real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[tuple[str, str], BuildReport]]:
    store = tmp_path_factory.mktemp("real") / "store"
    reports = {
        (family, tree): build_catalog(family, real_data / tree, store=store)
        for family, tree in BUILDS
    }
    return store, reports


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with cluster() as running:
        yield running


@pytest.mark.parametrize(("family", "tree"), BUILDS)
def test_every_file_is_counted(family, tree, built, real_data):
    store, reports = built
    report = reports[family, tree]
    found, follow = found_by(real_data / tree), found_by(real_data / tree, *FOLLOWS[family, tree])
    assert follow > 0
    assert (report.found, report.catalogued, report.rejected) == (found, follow, found - follow)
    rejected = CatalogView.open(family, store).snapshot.scan(family, "rejected").collect()
    ours = rejected.filter(root=report.root_id)
    assert ours.height == found - follow
    assert ours["reason"].str.len_chars().min() or ours.height == 0


def test_sizes_are_those_of_the_disk(built, real_data):
    store, _ = built
    for family in ("CMIP6", "CMIP5", "CORDEX"):
        files = CatalogView.open(family, store).search(version="all").files()
        mounts = CatalogView.open(family, store).snapshot.mounts
        for row in files.iter_rows(named=True):
            assert Path(mounts[row["root"]], row["path"]).stat().st_size == row["size"]


def test_a_file_outside_the_rules_is_listed_with_its_reason(built):
    store, _ = built
    rejected = CatalogView.open("CMIP6", store).snapshot.scan("CMIP6", "rejected").collect()
    reasons = dict(rejected.select("path", "reason").iter_rows())
    of = {Path(path).name: reason for path, reason in reasons.items()}
    assert "does not follow" in of["o3_AERmon_MPI-ESM1-2-LR_historical_r1i1p1f1_gn_185001_zm.nc"]
    assert "where <version> should" in of["sfcwind_E-OBS_mon_195001-202112.nc"]


def _means(selection, variable):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteDataWarning)  # asserted in its own test
        opened = selection.open()
    return opened, {key: global_mean(each, variable=variable) for key, each in opened.items()}


def test_global_means_of_more_than_twenty_models_on_a_cluster(built, client):
    store, _ = built
    catalog = open_catalog("CMIP6", store=store)
    models: set[str] = set()
    for variable in ("ta", "tas"):
        found = catalog.search(variable_id=variable, table_id="Amon")
        opened, means = _means(found, variable)
        assert all(each[variable].chunks for each in opened.values())
        for key, mean in progress(means).items():
            surface = mean.isel(plev=0, missing_dims="ignore")
            assert 180 < float(surface.mean()) < 320, key
            models.add(opened[key].attrs["source_id"])
    assert len(models) >= 20
    assert len(client.scheduler_info()["workers"]) >= 1


def numbers(printed: str) -> np.ndarray:
    return np.array([float(word) for word in printed.split()])


@pytest.mark.cdo
@pytest.mark.parametrize(("family", "facets"), AS_CDO, ids=str)
def test_as_cdo_does_by_itself(family, facets, built, cdo):
    store, _ = built
    found = open_catalog(family, store=store).search(**facets)
    variable = facets["variable"]
    (dataset,) = found.open().values()
    ours = global_mean(dataset, variable=variable).values.ravel()
    mean = ["outputf,%.15g", "-fldmean", f"-selname,{variable}"]
    theirs = np.concatenate([numbers(cdo(*mean, path)) for path in found.paths()])
    assert ours.size == theirs.size > 10
    assert np.nanmin(ours) > 180
    assert np.nanmax(ours) < 320
    sound = theirs < NO_TEMPERATURE
    assert sound.mean() > 0.8
    np.testing.assert_allclose(ours[sound], theirs[sound], rtol=1e-6)


@pytest.mark.cdo
@pytest.mark.parametrize("facets", FULL_GRIDS, ids=lambda each: each["model"])
def test_as_cdo_does_with_the_same_areas(facets, built, cdo, tmp_path):
    """On full grids CDO's own areas differ from the files' by some 1e-5 (edges on great circles)."""
    store, _ = built
    variable = facets["variable"]
    found = open_catalog("CMIP6", store=store).search(**facets)
    path = found.paths()[0]
    with xr.open_dataset(path, engine="netcdf4") as file:
        # independent of the package: the bands between the file's own bounds
        south, north = np.sin(np.deg2rad(file["lat_bnds"].values)).T
        width = np.deg2rad(np.diff(file["lon_bnds"].values))[:, 0]
        area = xr.DataArray(
            (north - south)[:, None] * width,
            coords={"lat": file["lat"], "lon": file["lon"]},
            dims=("lat", "lon"),
            name="cell_area",
            attrs={"units": "m2"},
        )
        area.to_netcdf(tmp_path / "area.nc", engine="scipy")
        ours = global_mean(file, variable=variable).values.ravel()
    mean, chosen = ["outputf,%.15g", "-fldmean"], f"-selname,{variable}"
    theirs = numbers(cdo(*mean, f"-setgridarea,{tmp_path / 'area.nc'}", chosen, path))
    alone = numbers(cdo(*mean, chosen, path))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(ours, alone, rtol=4e-5)


def test_a_hole_and_a_repeated_period_are_told(built):
    store, _ = built
    catalog = open_catalog("CMIP6", store=store)
    with pytest.warns(IncompleteDataWarning, match="a hole in time between"):
        catalog.search(model="AWI-ESM-1-1-LR", variable="tas").open()
    opened = catalog.search(model="IPSL-CM6A-LR", variable="rlds", experiment="historical").open()
    (dataset,) = opened.values()
    assert dataset.sizes["time"] == 1980  # and not 1981: its first month lies in a file apart, too
    (note,) = opened.report.having("noted")
    assert "_185001.nc has no step that is not in " in note.cause


def test_unmodified_intake_esm_opens_the_export(built):
    import intake

    store, reports = built
    for family in ("CMIP6", "CMIP5", "CORDEX"):
        catalogued = sum(each.catalogued for (name, _), each in reports.items() if name == family)
        for form in ("", "-csv"):
            theirs = intake.open_esm_datastore(
                str(store / "export" / "local" / f"{family}{form}.json")
            )
            assert len(theirs.df) == catalogued
            assert all(Path(path).is_file() for path in theirs.df["path"])
