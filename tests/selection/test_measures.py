"""Cell areas and land fractions are found in the catalog, and attached where the grid is the same."""

from __future__ import annotations

import dask
import numpy as np
import pytest
import xarray as xr

from climeri_platform import open_catalog
from climeri_platform.analysis import annual_mean, global_mean
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import UsageError
from climeri_platform.selection import measures as finding
from climeri_platform.selection.measures import with_measures
from climeri_platform.selection.reading import files_to_open
from climeri_platform.testing import read_truth

TAS = "ScenarioMIP.DEMO.AUTAN-CM2.ssp585.r1i1p1f1.Amon.tas.gn"


def never(*_, **__):
    raise AssertionError("something was computed")


def told(opened, key, status=None):
    lines = [each for each in opened.report if each.dataset == key]
    return [each for each in lines if status is None or each.status == status]


def annual(dataset, variable, area):
    return annual_mean(global_mean(dataset, variable=variable, area=dataset[area])).compute()


def test_means_with_the_area_that_was_found_are_true(demo_store, small_archive):
    truth = read_truth(small_archive)["global_mean"]
    catalog = open_catalog("CMIP6", store=demo_store)
    with dask.config.set(scheduler=never):
        opened = catalog.search(variable="tas", table="Amon").open(measures=True)
    assert len(opened) > 10
    for key, dataset in opened.items():
        known = truth[".".join(key.split(".")[2:5])]
        assert dataset["tas"].attrs["cell_measures"] == "area: areacella"
        np.testing.assert_allclose(
            annual(dataset, "tas", "areacella"), known["tas"], rtol=1e-6, err_msg=key
        )
        assert 0 < float(dataset["sftlf"].mean()) < 100
        (area,) = [each for each in told(opened, key) if each.cause.startswith("areacella")]
        assert (area.status, area.path.split("/")[-1][:9]) == ("repaired", "areacella")


def test_the_area_of_another_experiment_is_found_and_named(demo_store):
    found = open_catalog("CMIP6", store=demo_store).search(
        model="BORA-ESM1", experiment="ssp585", member="r2i1p1f1"
    )
    opened = found.open(measures=True)
    (key,) = opened
    assert [each.cause for each in told(opened, key, "repaired")] == [
        f"{name}: {name} is that of BORA-ESM1, piControl, r1i1p1f1"
        for name in ("areacella", "sftlf")
    ]
    assert all("/piControl/" in each.path for each in told(opened, key, "repaired"))


def test_the_sea_has_its_own_and_what_the_catalog_lacks_is_told(demo_store, small_archive):
    found = open_catalog("CMIP6", store=demo_store).search(variable="tos")
    opened = found.open(measures=True)
    ((key, dataset),) = opened.items()
    assert dataset["tos"].attrs["cell_measures"].split()[:2] == ["area:", "areacello"]
    held = small_archive / "CMIP6/CMIP/DEMO/AUTAN-CM2/historical/r1i1p1f1/Ofx/areacello/gn"
    with xr.open_dataset(min(held.rglob("*.nc"))) as file:
        known = file["areacello"].values
    inside = dataset["areacello"].values > 0  # repeated cells count once
    np.testing.assert_array_equal(dataset["areacello"].values[inside], known[inside])
    assert [each.cause for each in told(opened, key, "noted")] == [
        "sftof: the catalog has none of this model"
    ]


def test_series_of_a_native_run_get_the_areas_of_its_streams(demo_store, small_archive):
    truth = read_truth(small_archive)["libigcm"]
    found = open_catalog("libIGCM", store=demo_store).search(frequency="mon")
    opened = found.open(measures=True)
    for native, name, area in (("t2m", "tas", "areacella"), ("precip", "pr", "areacella")):
        (key,) = [each for each in opened if each.endswith(f".{native}")]
        known = dict(zip(truth["years"], truth["global_mean"][native], strict=True))
        mean = annual(opened[key], name, area)
        expected = [known[int(year)] for year in mean["year"]]
        np.testing.assert_allclose(mean, expected, rtol=1e-6)
        assert "Output/MO" in told(opened, key, "repaired")[-1].path
    (key,) = [each for each in opened if each.endswith(".tos")]
    assert "areacello" in opened[key]["tos"].coords


def test_where_there_is_none_the_bands_are_taken(demo_store):
    for family in ("obs4MIPs", "CORDEX"):
        opened = open_catalog(family, store=demo_store).open(measures=True)
        for key, dataset in opened.items():
            assert "cell_area" in dataset["tas"].coords
            (line,) = [each for each in told(opened, key) if each.cause.startswith("cell_area")]
            assert "exact areas of the bands" in line.cause


def test_it_goes_with_regions_members_and_merging(demo_store):
    catalog = open_catalog("CMIP6", store=demo_store)
    found = catalog.search(model="BORA-ESM1", experiment="historical", table="Amon")
    (stacked,) = found.open(measures=True, members="stack", region=(0, 90, 0, 90)).values()
    assert stacked["areacella"].dims == ("lat", "lon")
    assert stacked.sizes["member"] == 2
    assert stacked["areacella"].sizes["lon"] == stacked["tas"].sizes["lon"] < 72
    pair = catalog.search(model="AUTAN-CM2", experiment="historical", variable=["tas", "pr"])
    (merged,) = pair.open(measures=True, merge=True).values()
    assert {"areacella", "sftlf"} <= {*merged.coords}
    everywhere = open_catalog(store=demo_store).search(variable="tas", frequency="mon")
    for dataset in everywhere.open(measures=True).values():
        assert {"areacella", "cell_area"} & {*dataset.coords}


def test_by_default_nothing_is_looked_for(demo_store, monkeypatch):
    monkeypatch.setattr(finding, "facets_of", never)
    found = open_catalog("CMIP6", store=demo_store).search(experiment="ssp585", variable="tas")
    assert all("areacella" not in each.variables for each in found.open().values())
    with pytest.raises(UsageError, match="harmonise=False"):
        found.open(measures=True, harmonise=False)


def test_they_are_looked_up_once_and_opened_once(demo_store, monkeypatch):
    asked, files = [], []

    def spy(view):
        asked.append(view)
        return facets_of(view)

    def count(path, *rest):
        files.append(path)
        return read_file(path, *rest)

    facets_of = finding.facets_of
    from climeri_platform.access import opening

    read_file = opening.read_file
    monkeypatch.setattr(finding, "facets_of", spy)
    monkeypatch.setattr(opening, "read_file", count)
    found = open_catalog("CMIP6", store=demo_store).search(model="BORA-ESM1", variable="tas")
    assert len(found.open(measures=True)) > 5
    assert len(asked) == 1
    assert len(files) == len(set(files))


@pytest.fixture
def tree(small_archive, tmp_path):
    """Make a scenario whose own areas are on other grids, or broken; the sound one is of piControl."""
    root = tmp_path / "CMIP6"
    archive = small_archive / "CMIP6"

    def copy(there, here, change=lambda ds: ds):
        (source,) = (archive / there).glob("*/*.nc")
        parts = here.split("/")
        place = root / here / "gn" / "v1"
        place.mkdir(parents=True)
        span = source.stem.split("_gn")[1]
        name = f"{parts[6]}_{parts[5]}_{parts[2]}_{parts[3]}_{parts[4]}_gn{span}.nc"
        with xr.open_dataset(source, decode_cf=False) as file:
            change(file.load()).to_netcdf(place / name)
        return place / name

    old = "CMIP/DEMO/AUTAN-CM2/historical/r1i1p1f1/fx/areacella/gn"
    copy(f"{TAS.replace('.', '/')}", "ScenarioMIP/DEMO/AUTAN-CM2/ssp585/r1i1p1f1/Amon/tas")
    own = "ScenarioMIP/DEMO/AUTAN-CM2/ssp585/{}/fx/areacella"
    copy(old, own.format("r1i1p1f1"), lambda ds: ds.assign_coords(lat=ds["lat"] * 0.9))
    copy(old, own.format("r2i1p1f1"), lambda ds: ds.isel(lat=slice(1, None)))
    broken = copy(old, "CMIP/DEMO/AUTAN-CM2/historical/r1i1p1f1/fx/areacella")
    broken.write_bytes(broken.read_bytes()[:300])
    copy(old, "CMIP/DEMO/AUTAN-CM2/piControl/r1i1p1f1/fx/areacella")
    return root


def test_another_grid_and_a_broken_file_are_refused_and_the_next_is_taken(tree, tmp_path):
    build_catalog("CMIP6", tree, store=tmp_path / "store")
    found = open_catalog("CMIP6", store=tmp_path / "store").search(variable="tas")
    opened = found.open(measures=True)
    lines = [each for each in told(opened, TAS) if "areacella" in each.cause]
    assert [each.status for each in lines[-2:]] == ["noted", "repaired"]
    assert "r1i1p1f1 is not taken: lat has other values" in lines[0].cause
    assert "r2i1p1f1 is not taken: it has {" in lines[1].cause
    assert lines[1].path.endswith("areacella_fx_AUTAN-CM2_ssp585_r2i1p1f1_gn.nc")
    assert lines[-1].cause.endswith("is that of AUTAN-CM2, piControl, r1i1p1f1")
    assert not opened.report.having("skipped")
    assert "areacella" in opened[TAS].coords


def test_where_none_fits_the_bands_are_taken_and_each_reason_is_told(tree, tmp_path):
    for place in (tree / "CMIP/DEMO/AUTAN-CM2/piControl").rglob("*.nc"):
        place.unlink()
    build_catalog("CMIP6", tree, store=tmp_path / "store")
    opened = (
        open_catalog("CMIP6", store=tmp_path / "store").search(variable="tas").open(measures=True)
    )
    causes = [each.cause for each in told(opened, TAS)]
    assert sum("is not taken" in each for each in causes) == 3
    assert any("exact areas of the bands" in each for each in causes)
    assert "cell_area" in opened[TAS].coords


def candidates(selection, **of):
    view = selection.search(**of).view
    (found,) = with_measures(view, files_to_open(view, recall=False), recall=False)
    return {name: [each.key for each in those] for name, those in found.measures.items()}


def cmip6(experiment, member, table, variable, grid="gn", model="M"):
    activity = "ScenarioMIP" if experiment.startswith("ssp") else "CMIP"
    span = "" if table.endswith("fx") else "_200001-200012"
    return (
        f"{activity}/I/{model}/{experiment}/{member}/{table}/{variable}/{grid}/v1/"
        f"{variable}_{table}_{model}_{experiment}_{member}_{grid}{span}.nc"
    )


def test_the_nearest_come_first(opened):
    there = [
        ("ssp585", "r2i1p1f1", "gn"),
        ("ssp585", "r10i1p1f1", "gn"),
        ("piControl", "r1i1p1f1", "gn"),
        ("historical", "r3i1p1f1", "gn"),
        ("ssp585", "r3i1p1f1", "gr"),
    ]
    catalog = opened(
        "CMIP6",
        [
            cmip6("ssp585", "r3i1p1f1", "Amon", "tas"),
            cmip6("ssp585", "r3i1p1f1", "Amon", "areacella", model="N"),
            *(cmip6(e, m, "fx", "areacella", g) for e, m, g in there),
        ],
    )
    found = candidates(catalog, variable="tas")
    names = [tuple(key.split(".")[i] for i in (3, 4, 7)) for key in found["areacella"]]
    assert names == there[:4]  # of another grid's label only where there are fewer


def test_fixed_fields_of_cmip5_and_cordex(opened):
    cmip5 = (
        "output1/I/M/{0}/{1}/atmos/{2}/{3}/v1/{4}/{4}_{2}_M_{0}_{3}{5}.nc".format,
        ("rcp85", "mon", "Amon", "r2i1p1", "tas", "_200001-200012"),
        ("rcp85", "fx", "fx", "r0i0p0", "areacella", ""),
        ("historical", "fx", "fx", "r0i0p0", "areacella", ""),
        ("historical", "fx", "fx", "r0i0p0", "sftlf", ""),
    )
    found = candidates(opened("CMIP5", (cmip5[0](*each) for each in cmip5[1:])), variable="tas")
    assert [key.split(".")[3] for key in found["areacella"]] == ["rcp85", "historical"]
    assert [key.split(".")[3] for key in found["sftlf"]] == ["historical"]

    def cordex(variable, member, frequency, span="", domain="EUR-11", driver="D"):
        return (
            f"output/{domain}/I/{driver}/historical/{member}/I-R/v1/{frequency}/{variable}/v1/"
            f"{variable}_{domain}_{driver}_historical_{member}_I-R_v1_{frequency}{span}.nc"
        )

    catalog = opened(
        "CORDEX",
        [
            cordex("tas", "r1i1p1", "mon", "_200001-200012"),
            cordex("sftlf", "r0i0p0", "fx", driver="E"),
            cordex("sftlf", "r0i0p0", "fx"),
            cordex("sftlf", "r0i0p0", "fx", domain="AFR-44"),
        ],
    )
    found = candidates(catalog, variable="tas")
    assert [key.split(".")[3] for key in found["sftlf"]] == ["D", "E"]
    assert {key.split(".")[1] for key in found["sftlf"]} == {"EUR-11"}
