"""A native run beside CMIP6: opened together, in one vocabulary, with the numbers that are true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.access.native import only, prefer_series, to_cmip
from climeri_platform.analysis import annual_mean, global_mean
from climeri_platform.selection.about import facets_of
from climeri_platform.testing import ARCHIVE_ROOTS, read_truth

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

SURFACE = {"rsds": 1, "rsus": -1, "rlds": 1, "rlus": -1, "hfss": -1, "hfls": -1}

pytestmark = pytest.mark.science


def harmonised(
    found: Any,
) -> tuple[dict[str, xr.Dataset], dict[str, dict[str, str]], dict[str, Any]]:
    """Return what a search in several catalogs gives, each dataset in the words of CMIP."""
    about = {
        f"{part.family}:{key}": its
        for part in found.parts
        for (key, _), its in facets_of(part.view).items()
    }
    opened = found.open(harmonise=False)
    made, steps = {}, {}
    for key, dataset in opened.items():
        made[key], steps[key] = to_cmip(dataset, about[key])
    return made, about, steps


@pytest.fixture(scope="module")
def run(demo_store: Path):
    """The libIGCM run, whole."""
    made, about, _ = harmonised(
        open_catalog(store=demo_store).search(simulation="CM6-DEMO-hist.01")
    )
    return {tuple(key.rsplit(".", 4)[1:]): each for key, each in made.items()}, made, about


def annual(dataset: xr.Dataset, variable: str, area: xr.DataArray) -> xr.DataArray:
    return annual_mean(global_mean(dataset, variable=variable, area=area)).compute()


def test_one_search_gives_both_with_one_vocabulary(demo_store, small_archive):
    found = open_catalog(store=demo_store).search(
        variable="tas",
        experiment="historical",
        frequency="mon",
        model=["IPSLCM6", "AUTAN-CM2"],
    )
    made, _, steps = harmonised(found)
    assert {key.split(":")[0] for key in made} == {"CMIP6", "libIGCM"}
    truth = read_truth(small_archive)
    for key, dataset in made.items():
        tas = dataset["tas"]
        assert (tas.dims, tas.attrs["units"]) == (("time", "lat", "lon"), "K"), key
        assert tas.attrs["standard_name"] == "air_temperature"
        assert tas.dtype == "float32"
        assert dataset["time"].attrs["bounds"] == "time_bnds"
        assert dataset["time_bnds"].dims == ("time", "bnds")
        if key.startswith("libIGCM"):
            known = truth["libigcm"]
            expected = dict(zip(known["years"], known["global_mean"]["t2m"], strict=True))
            assert next(each.said for each in steps[key]) == "t2m is tas in K"
        else:
            known = truth["global_mean"][".".join(key.split(".")[2:5])]
            expected = dict(zip(known["years"], known["tas"], strict=True))
            assert steps[key] == []
        mean = annual_mean(global_mean(dataset, variable="tas"))
        wanted = [expected[int(year)] for year in mean["year"]]
        np.testing.assert_allclose(mean, wanted, rtol=1e-6, err_msg=key)


def test_that_is_one_call(demo_store):
    found = open_catalog(store=demo_store).search(
        variable="tas",
        experiment="historical",
        frequency="mon",
        model=["IPSLCM6", "AUTAN-CM2"],
    )
    opened = found.open()
    assert {key.split(":")[0] for key in opened} == {"CMIP6", "libIGCM"}
    for key, dataset in opened.items():
        assert dataset["tas"].dims == ("time", "lat", "lon"), key
        assert dataset["tas"].attrs["units"] == "K"
    (native,) = {key for key in opened if key.startswith("libIGCM")}
    assert opened[native]["tas"].attrs["native_name"] == "t2m"
    assert "t2m is tas in K" in str(opened.report.to_dicts())


def test_the_budgets_of_the_run_close(run, small_archive):
    datasets, _, _ = run
    truth = read_truth(small_archive)["libigcm"]
    output = datasets["Output", "MO", "1M", "histmth"]
    area = output["areacella"]
    means = {name: annual(output, name, area) for name in (*SURFACE, "rsdt", "rsut", "rlut")}
    years = [truth["years"].index(year) for year in means["rsdt"]["year"].values]
    top = means["rsdt"] - means["rsut"] - means["rlut"]
    surface = sum(sign * means[name] for name, sign in SURFACE.items())
    for name, found in (("toa_net", top), ("surface_net", surface)):
        known = [truth["global_mean"][name][at] for at in years]
        # of fluxes of 100 to 400 W m-2, kept in single precision
        np.testing.assert_allclose(found, known, atol=4e-4, err_msg=name)
    np.testing.assert_allclose(top, surface, atol=4e-4)
    for native, name, factor in (("sens", "hfss", -1), ("flat", "hfls", -1), ("cldt", "clt", 100)):
        known = [factor * truth["global_mean"][native][at] for at in years]
        found = means[name] if name in means else annual(output, name, area)
        np.testing.assert_allclose(found, known, rtol=1e-6, err_msg=name)


def test_a_variable_of_series_and_output_is_used_once(run):
    _, made, about = run
    kept, steps = prefer_series(made, about)
    holding = {
        key for key, each in kept.items() if "tas" in each and about[key]["frequency"] == "mon"
    }
    (series,) = holding
    assert ".TS_MO." in series
    assert {step.variable for each in steps.values() for step in each} == {"tas", "pr", "tos"}
    # the ocean's stream held nothing else
    assert len(kept) == len(made) - 1


def test_the_mean_annual_cycle_is_that_of_the_series(run):
    datasets, _, _ = run
    series, cycle = (
        datasets["Analyse", "TS_MO", "1M", "t2m"],
        datasets["Analyse", "SE", "1M", "histmth"],
    )
    assert cycle["time"].dt.year.values.tolist() == [2004] * 12
    assert cycle["climatology_bnds"].values.astype("M8[Y]").astype(int)[0].tolist() == [25, 44]
    area = cycle["areacella"]
    years = global_mean(series.sel(time=slice("1995", "2014")), variable="tas", area=area)
    expected = years.compute().groupby("time.month").mean()
    found = global_mean(cycle, variable="tas", area=area)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.cdo
@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("hfls", "x=-flat"),
        ("hfss", "x=-sens"),
        ("clt", "x=100*cldt"),
        ("pr", "x=precip"),
        ("rlut", "x=topl"),
        ("tos", "x=tos"),
    ],
)
def test_means_are_those_of_cdo(run, cdo, small_archive, tmp_path, name, expression):
    stream, area = ("grid_T", "area") if name == "tos" else ("histmth", "aire")
    dataset = only(run[0]["Output", "MO", "1M", stream], [name])
    measure = dataset["areacello" if name == "tos" else "areacella"]
    ours = global_mean(dataset, variable=name, area=measure).values
    root = small_archive / ARCHIVE_ROOTS["libIGCM"]
    files = sorted(root.rglob(f"Output/MO/*_1M_{stream}.nc"))
    first, joined = tmp_path / "first.nc", tmp_path / "joined.nc"
    cdo("-seltimestep,1", files[0], first)
    cdo(f"-selname,{area}", first, tmp_path / "area.nc")
    cdo("-mergetime", *files, joined)
    mean = ["outputf,%.15g", "-fldmean", f"-setgridarea,{tmp_path / 'area.nc'}"]
    theirs = np.array(cdo(*mean, f"-expr,{expression}", joined).split(), dtype=float)
    assert theirs.size == 36
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
