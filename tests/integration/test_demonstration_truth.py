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


def test_gregory_regression_gives_the_chosen_sensitivity(demo):
    store, truth, _, _ = demo
    catalog = open_catalog("CMIP6", store=store).search(table_id="Amon")
    forced = catalog.search(experiment_id="abrupt-4xCO2")
    tried = 0
    for model in forced.facets()["source_id"]:
        series: dict[tuple[str, str], np.ndarray] = {}
        both = catalog.search(
            source_id=model,
            experiment_id=["piControl", "abrupt-4xCO2"],
            variable_id=["tas", "rsdt", "rsut", "rlut"],
        )
        opened = both.open()
        for key, dataset in opened.items():
            variable = key.split(".")[-2]
            series[key.split(".")[3], variable] = annual(dataset, variable).values
            if key.split(".")[3] == "abrupt-4xCO2" and variable == "tas":
                branch = truth["branch"][simulation(key)]
        if ("piControl", "rlut") not in series or ("abrupt-4xCO2", "rlut") not in series:
            continue
        tried += 1
        net = {
            name: series[name, "rsdt"] - series[name, "rsut"] - series[name, "rlut"]
            for name in ("piControl", "abrupt-4xCO2")
        }
        control_years = np.asarray(truth["global_mean"][f"{branch['parent']}"]["years"])
        first = int(np.flatnonzero(control_years == branch["parent_year"])[0])
        anomalies = []
        for name in ("tas", "net"):
            control = net["piControl"] if name == "net" else series["piControl", "tas"]
            perturbed = net["abrupt-4xCO2"] if name == "net" else series["abrupt-4xCO2", "tas"]
            same = control[first : first + 150]
            years = np.arange(150)
            assert same.size == 150
            anomalies.append(perturbed - np.polyval(np.polyfit(years, same, 1), years))
        slope, intercept = np.polyfit(anomalies[0], anomalies[1], 1)
        known = truth["models"][model]
        # the noise of 150 years leaves some per cent
        assert -intercept / slope / 2 == pytest.approx(known["ecs"], rel=0.06), model
        assert -slope == pytest.approx(known["lambda"], rel=0.08), model
    assert tried >= 1


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
    (run,) = open_catalog("libIGCM", store=store).search(variable="t2m").open().values()
    mean = annual(run, "t2m")
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
