"""From the archive to numbers: what the platform computes is what the archive was written from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.analysis import annual_mean, global_mean
from climeri_platform.catalog import build_catalog
from climeri_platform.testing import ARCHIVE_ROOTS, read_truth

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

pytestmark = pytest.mark.science

EXPERIMENTS = {"piControl", "historical", "ssp126", "ssp585", "abrupt-4xCO2", "1pctCO2"}


def made(archive: Path, store: Path) -> tuple[Path, dict[str, Any], dict[str, int]]:
    counts = {
        family: build_catalog(family, archive / root, store=store).catalogued
        for family, root in ARCHIVE_ROOTS.items()
    }
    return store, read_truth(archive), counts


@pytest.fixture(scope="module", params=["small", "full"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    archive = request.getfixturevalue(f"{request.param}_archive")
    return (*made(archive, tmp_path_factory.mktemp(request.param) / "store"), archive)


def annual(dataset: xr.Dataset, variable: str, area: xr.DataArray | None = None) -> np.ndarray:
    return annual_mean(global_mean(dataset, variable=variable, area=area)).compute()


def simulation(key: str) -> str:
    return ".".join(key.split(".")[2:5])


def test_every_file_of_the_archive_is_catalogued(demo):
    _, _, counts, archive = demo
    assert sum(counts.values()) == sum(1 for _ in archive.rglob("*.nc"))
    assert all(counts.values())


def test_global_annual_means_are_the_energy_balance_models(demo):
    store, truth, _, _ = demo
    opened = open_catalog("CMIP6", store=store).search(variable_id="tas", table_id="Amon").open()
    assert not opened.report.having("skipped")
    assert {simulation(key) for key in opened} == set(truth["global_mean"])
    for key, dataset in opened.items():
        known = truth["global_mean"][simulation(key)]
        mean = annual(dataset, "tas")
        np.testing.assert_array_equal(mean["year"], known["years"], err_msg=key)
        np.testing.assert_allclose(mean, known["tas"], rtol=1e-6, err_msg=key)


def test_the_newest_version_is_opened_and_the_older_one_on_request(demo):
    store, truth, _, _ = demo
    catalog = open_catalog("CMIP6", store=store)
    for dataset, known in truth["versions"].items():
        source, experiment, member, table, variable = dataset.split(".")
        found = catalog.search(
            model=source, experiment=experiment, member=member, table=table, variable=variable
        )
        (newest,) = found.open().values()
        (older,) = found.search(version=known["older"]).open().values()
        assert (newest.attrs["climeri_version"], older.attrs["climeri_version"]) == (
            known["latest"],
            known["older"],
        )
        difference = annual(older, variable) - annual(newest, variable)
        assert difference.sizes["year"] == known["older_years"]
        np.testing.assert_allclose(difference, known["older_offset"], atol=1e-3)


def balance(catalog, run: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Annual tas and net downward flux of a run, or None where the archive has no fluxes of it."""
    model, experiment, member = run.split(".")
    names = ["tas", "rsdt", "rsut", "rlut"]
    found = catalog.search(source_id=model, experiment_id=experiment, member_id=member)
    if not set(names) <= set(found.facets()["variable_id"]):
        return None
    opened = found.search(variable_id=names).open()
    tas, rsdt, rsut, rlut = (
        annual(next(opened[key] for key in opened if f".{name}." in key), name).values
        for name in names
    )
    return tas, rsdt - rsut - rlut


def test_gregory_regression_gives_the_chosen_sensitivity(demo):
    """Gregory et al. 2004, doi:10.1029/2003GL018747, from the branch that the metadata tell."""
    store, truth, _, _ = demo
    catalog = open_catalog("CMIP6", store=store).search(table_id="Amon")
    tried = 0
    for run, branch in truth["branch"].items():
        model, experiment, member = run.split(".")
        if experiment != "abrupt-4xCO2":
            continue
        forced, control = balance(catalog, run), balance(catalog, branch["parent"])
        if forced is None or control is None:
            continue
        tried += 1
        known_years = truth["global_mean"][branch["parent"]]["years"]
        first = known_years.index(branch["parent_year"])
        years = np.arange(forced[0].size)
        anomalies = [
            perturbed - np.polyval(np.polyfit(years, series[first:][: years.size], 1), years)
            for perturbed, series in zip(forced, control, strict=True)
        ]
        slope, intercept = np.polyfit(*anomalies, 1)
        # perturbed physics has a sensitivity of its own
        physics = truth["models"][model]["physics"][f"p{member.split('p')[1].split('f')[0]}"]
        assert -intercept / slope / 2 == pytest.approx(physics["ecs"], rel=0.03), run
        assert -slope == pytest.approx(physics["lambda"], rel=0.05), run
    assert tried == (1 if truth["size"] == "small" else 6)


def test_ocean_mean_with_the_cell_measure(demo):
    store, truth, _, _ = demo
    catalog = open_catalog("CMIP6", store=store)
    (areas,) = list(catalog.search(variable_id="areacello").open().values())[:1]
    model = areas.attrs["source_id"]
    tried = 0
    for key, dataset in (
        catalog.search(variable_id="tos", source_id=model, table_id="Omon").open().items()
    ):
        known = truth["global_mean"][simulation(key)]
        if "tos" in known:
            tried += 1
            mean = annual(dataset, "tos", areas["areacello"])
            np.testing.assert_allclose(mean, known["tos"], rtol=1e-6, err_msg=key)
    assert tried >= 1


def test_observations_and_the_native_run(demo):
    store, truth, _, _ = demo
    (observed,) = open_catalog("obs4MIPs", store=store).search(variable_id="tas").open().values()
    assert observed["tas"].attrs["units"] == "K"
    native = truth["libigcm"]
    (run,) = open_catalog("libIGCM", store=store).search(variable="tas").open().values()
    mean = annual(run, "tas")
    begin, end = native["series_years"]
    np.testing.assert_array_equal(mean["year"], np.arange(begin, end + 1))
    known = dict(zip(native["years"], native["global_mean"]["t2m"], strict=True))
    np.testing.assert_allclose(mean, [known[int(year)] for year in mean["year"]], rtol=1e-6)


def test_the_full_archive_is_what_was_asked_for(full_archive):
    truth = read_truth(full_archive)
    runs = [name.split(".") for name in truth["global_mean"]]
    assert len(truth["models"]) >= 5
    assert {experiment for _, experiment, _ in runs} >= EXPERIMENTS
    assert {each["calendar"] for each in truth["models"].values()} >= {
        "standard",
        "noleap",
        "360_day",
    }
    for letter in "ripf":
        numbers = {member.split(letter)[1][0] for _, _, member in runs}
        assert len(numbers) > 1, f"{letter} does not vary"
    lengths = dict.fromkeys(EXPERIMENTS, 0)
    for (_, experiment, _), known in zip(runs, truth["global_mean"].values(), strict=True):
        if experiment in lengths:
            lengths[experiment] = max(lengths[experiment], len(known["years"]))
    assert lengths["piControl"] >= 300
    assert (lengths["abrupt-4xCO2"], lengths["1pctCO2"]) == (150, 140)
    assert (lengths["historical"], lengths["ssp126"], lengths["ssp585"]) == (165, 86, 86)
    wrong = [name for name, each in truth["branch"].items() if each["wrong_on_purpose"]]
    assert len(wrong) == 1
    size = sum(path.stat().st_size for path in full_archive.rglob("*") if path.is_file())
    assert size <= 600e6
