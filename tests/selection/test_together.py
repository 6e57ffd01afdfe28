"""Members and variables that lie in several catalogs, opened as one."""

from __future__ import annotations

import shutil

import dask
import netCDF4
import numpy as np
import pytest
import xarray as xr

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.core.errors import StoreDamaged
from climeri_platform.testing import ARCHIVE_ROOTS


def never(*_, **__):
    raise AssertionError("something was computed while catalogs were opened")


class Centres:
    """Centres that each hold a part of an archive, and catalogue it by themselves."""

    def __init__(self, top, monkeypatch):
        self.top, self.monkeypatch, self.names = top, monkeypatch, []

    def hold(self, name, archive, patterns, family="CMIP6", then=None):
        """Copy what fits the patterns to a centre, and catalogue it."""
        root = self.top / name / family
        for pattern in patterns:
            found = sorted(archive.glob(pattern))
            assert found, pattern
            for path in found:
                place = root / path.relative_to(archive)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        if then is not None:
            then(root)
        build_catalog(family, root, store=self.top / f"s/{name}", root_id=name)
        self.names = list(dict.fromkeys([*self.names, name]))
        places = ":".join(str(self.top / "s" / each) for each in self.names)
        self.monkeypatch.setenv("CLIMERI_STORES", places)


@pytest.fixture
def centres(tmp_path, monkeypatch):
    return Centres(tmp_path, monkeypatch)


HINDCAST = "DCPP/DWD/MPI-ESM1-2-LR/dcppA-hindcast/s1980-{}i1p1f1/day/tasmax/gn/v20220126/*.nc"


def test_members_of_two_centres_stand_in_one_dataset(centres, real_data):
    archive = real_data / "mini-esgf/test_data/badc/cmip6/data/CMIP6"
    centres.hold("here", archive, [HINDCAST.format(each) for each in ("r1", "r3", "r4")])
    centres.hold("there", archive, [HINDCAST.format(each) for each in ("r2", "r3", "r6")])
    whole = open_catalog("CMIP6", store=centres.top / "s/here")
    with dask.config.set(scheduler=never):
        opened = open_catalog().open(members="stack")
    (key,) = opened
    assert key == "CMIP6:DCPP.DWD.MPI-ESM1-2-LR.dcppA-hindcast.s1980.day.tasmax.gn"
    dataset = opened[key]
    labels = [f"s1980-r{n}i1p1f1" for n in (1, 2, 3, 4, 6)]
    assert dataset["member"].values.tolist() == labels
    assert [each.rpartition("/")[2] for each in dataset["climeri_store"].values] == [
        *("here", "there", "here", "here", "there")
    ]
    assert dataset.attrs["climeri_catalog"] == "CMIP6"
    alone = whole.search(member=labels[2]).open()
    (own,) = alone.values()
    np.testing.assert_array_equal(dataset["tasmax"].sel(member=labels[2]), own["tasmax"])


RUN = "CMIP/DEMO/{}/historical/{}/Amon/{}/gn/v20210101/*.nc"


def test_variables_of_two_centres_are_merged(centres, small_archive):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    centres.hold("here", archive, [RUN.format("AUTAN-CM2", "r1i1p1f1", "tas")])
    centres.hold("there", archive, [RUN.format("AUTAN-CM2", "r1i1p1f1", "pr")])
    with dask.config.set(scheduler=never):
        opened = open_catalog().open(merge=True)
    (key,) = opened
    assert key == "CMIP6:CMIP.DEMO.AUTAN-CM2.historical.r1i1p1f1.Amon.gn"
    dataset = opened[key]
    assert {"tas", "pr"} <= set(dataset.data_vars)
    assert dataset["pr"].attrs["climeri_store"].endswith("there")
    assert dataset["tas"].attrs["climeri_store"].endswith("here")
    alone = open_catalog("CMIP6", store=centres.top / "s/there").open()
    np.testing.assert_array_equal(
        dataset["pr"], alone["CMIP.DEMO.AUTAN-CM2.historical.r1i1p1f1.Amon.pr.gn"]["pr"]
    )


def told(opened, status="noted"):
    return [each.cause for each in opened.report.having(status)]


def test_what_two_centres_hold_is_opened_once_and_told(centres, real_data):
    archive = real_data / "mini-esgf/test_data/badc/cmip6/data/CMIP6"
    run = "DCPP/MOHC/HadGEM3-GC31-MM/dcppA-hindcast/s2004-r3i1p1f2/Amon/pr/gn/v20200417"
    centres.hold("here", archive, [f"{run}/*_20060*.nc", f"{run}/*_20070*.nc"])
    centres.hold("there", archive, [f"{run}/*_20070*.nc", f"{run}/*_20080*.nc"])
    with pytest.warns(IncompleteDataWarning, match="there also has 200801"):
        opened = open_catalog().open()
    (dataset,) = opened.values()
    assert sorted(set(dataset["time"].dt.year.values.tolist())) == [2006, 2007]
    assert dataset.attrs["climeri_store"].endswith("/here")
    assert told(opened)[:2] == [
        "taken from the catalog of here; also in that of there (there)",
        "a hole in time: there also has 200801 to 200812, which here has not",
    ]


def shorter_and_newer(root):
    """Make another version of the one file there is, from 1950 on and all 1."""
    (file,) = root.rglob("*.nc")
    newer = file.parent.parent / "v20220101" / file.name.replace("185001", "195001")
    newer.parent.mkdir()
    with xr.open_dataset(file, decode_times=False) as held:
        late = held.isel(time=slice(1200, None))
        late.assign(tas=late["tas"] * 0 + 1).to_netcdf(newer)
    file.unlink()


def test_the_newest_of_two_centres_is_taken_and_never_mixed(centres, small_archive):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    members = [RUN.format("AUTAN-CM2", "r1i1p1f1", "tas")]
    centres.hold("here", archive, members)
    centres.hold("there", archive, members, then=shorter_and_newer)
    key = "CMIP6:CMIP.DEMO.AUTAN-CM2.historical.r1i1p1f1.Amon.tas.gn"
    with pytest.warns(IncompleteDataWarning, match="versions are not mixed"):
        opened = open_catalog().open(members="stack")
    (dataset,) = opened.values()
    assert dataset.attrs["climeri_version"] == "v20220101"
    assert dataset.sizes["time"] == 65 * 12
    assert (dataset["tas"][:, ::60] == 1).all()
    assert any("v20210101 of here also has 185001 to 201412" in each for each in told(opened))
    both = open_catalog().search(version="all").open()
    assert sorted(both) == [f"{key}.v20210101", f"{key}.v20220101"]
    # stacked, they are still two: a member has one version
    both = open_catalog().search(version="all").open(members="stack")
    assert sorted(each.attrs["climeri_version"] for each in both.values()) == [
        *("v20210101", "v20220101")
    ]


TEMPLATE = """
family: Mine
title: Runs of my group
variable: variable
directories: [<model>/<experiment>/<member>/<frequency>]
files: ["<variable>_<model>_<experiment>_<member>.nc"]
dataset: [model, experiment, member, frequency, variable]
patterns: {member: 'r\\d+i\\d+p\\d+f\\d+', frequency: 'mon|day', variable: '[a-z0-9]+'}
"""


@pytest.fixture
def mine(centres, small_archive):
    """A family of one's own: a third member and another variable of runs that CMIP6 has."""

    def write(*runs, lat=slice(None)):
        root = centres.top / "mine/Mine"
        for model, member, variable, source in runs:
            file = max((small_archive / ARCHIVE_ROOTS["CMIP6"]).glob(source))
            place = root / model / "historical" / member / "mon"
            place.mkdir(parents=True)
            target = place / f"{variable}_{model}_historical_{member}.nc"
            with xr.open_dataset(file, decode_times=False) as held:
                held.isel(lat=lat, time=slice(-60, None)).to_netcdf(target)
        (centres.top / "mine.yaml").write_text(TEMPLATE)
        build_catalog(centres.top / "mine.yaml", root, store=centres.top / "s/mine")
        centres.names.append("mine")
        places = ":".join(str(centres.top / "s" / each) for each in centres.names)
        centres.monkeypatch.setenv("CLIMERI_STORES", places)

    return write


def test_members_of_two_families_stand_together(centres, small_archive, mine):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    runs = [RUN.format("BORA-ESM1", member, "tas") for member in ("r1i1p1f1", "r2i1p1f1")]
    centres.hold("here", archive, runs)
    mine(("BORA-ESM1", "r10i1p1f1", "tas", runs[1]))
    with dask.config.set(scheduler=never):
        opened = open_catalog().open(members="stack")
    (key,) = opened
    assert key == "CMIP6+Mine:CMIP.DEMO.BORA-ESM1.historical.Amon.tas.gn"
    dataset = opened[key]
    assert dataset["member"].values.tolist() == ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]
    assert dataset["climeri_catalog"].values.tolist() == ["CMIP6", "CMIP6", "Mine"]
    assert dataset.sizes["time"] == 60  # mine is that short
    np.testing.assert_array_equal(dataset["tas"][2, ::20], dataset["tas"][1, ::20])
    assert opened.facets[key]["family"] == "CMIP6+Mine"
    # and again along models, or as a tree
    assert opened.to_dataset()["tas"].dims[:2] == ("model", "member")
    assert [each.path for each in opened.to_datatree().leaves] == ["/historical/BORA-ESM1/tas"]


def test_variables_of_two_families_are_merged(centres, small_archive, mine):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    tas, pr = (RUN.format("AUTAN-CM2", "r1i1p1f1", each) for each in ("tas", "pr"))
    centres.hold("here", archive, [tas])
    mine(("AUTAN-CM2", "r1i1p1f1", "pr", pr))
    with dask.config.set(scheduler=never):
        opened = open_catalog().open(merge=True)
    (key,) = opened
    assert key == "CMIP6+Mine:CMIP.DEMO.AUTAN-CM2.historical.r1i1p1f1.Amon.gn"
    assert {"tas", "pr"} <= set(opened[key].data_vars)
    assert opened[key]["pr"].attrs["climeri_catalog"] == "Mine"
    both = open_catalog().open(merge=True, members="stack")
    assert list(both) == ["CMIP6+Mine:CMIP.DEMO.AUTAN-CM2.historical.Amon.gn"]
    assert both[next(iter(both))]["pr"].dims[0] == "member"


def test_what_does_not_fit_across_families_still_stands_together_in_each(
    centres, small_archive, mine
):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    runs = [RUN.format("BORA-ESM1", member, "tas") for member in ("r1i1p1f1", "r2i1p1f1")]
    centres.hold("here", archive, runs)
    mine(
        *(("BORA-ESM1", member, "tas", runs[0]) for member in ("r3i1p1f1", "r4i1p1f1")),
        lat=slice(0, 20),
    )
    opened = open_catalog().open(members="stack", on_error="raise")
    assert {key: each.sizes["member"] for key, each in opened.items()} == {
        "CMIP6:CMIP.DEMO.BORA-ESM1.historical.Amon.tas.gn": 2,
        "Mine:BORA-ESM1.historical.mon.tas": 2,
    }
    (note,) = [each for each in opened.report.having("noted") if "together" in each.cause]
    assert note.cause.startswith("members of CMIP6 and Mine are not stacked together: its members")
    assert "lat 20" in note.cause


def test_one_member_in_two_families_stays_in_each(centres, small_archive, mine):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    runs = [RUN.format("BORA-ESM1", member, "tas") for member in ("r1i1p1f1", "r2i1p1f1")]
    centres.hold("here", archive, runs)
    mine(*(("BORA-ESM1", member, "tas", runs[0]) for member in ("r2i1p1f1", "r3i1p1f1")))
    opened = open_catalog().open(members="stack", merge=True)
    assert [each.sizes["member"] for each in opened.values()] == [2, 2]
    assert any("both have r2i1p1f1" in each for each in told(opened))
    apart = open_catalog().open(merge=True)
    assert len(apart) == 4
    assert sum("tas is there more than once" in each for each in told(apart)) == 1


def test_what_could_be_of_two_ensembles_stays_alone(centres, small_archive, mine):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    run = RUN.format("BORA-ESM1", "r1i1p1f1", "tas")

    def on_two_grids(root):
        for file in sorted(root.glob(run)):
            place = root / str(file.relative_to(root)).replace("gn", "gr")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)

    centres.hold("here", archive, [run], then=on_two_grids)
    mine(("BORA-ESM1", "r3i1p1f1", "tas", run))
    opened = open_catalog().open(members="stack")
    assert [each.sizes["member"] for each in opened.values()] == [1, 1, 1]
    assert sum("it could be with" in each for each in told(opened)) == 1
    (note,) = [each for each in told(opened) if "it could be with" in each]
    assert ".gn" in note
    assert ".gr" in note


PMIP = "output/IPSL/IPSL-CM5A-LR/midHolocene/mon/atmos/Amon/r1i1p1/{}/tas"


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        (("v20110101", "v20110101"), "CMIP5"),  # the first of two that are the same
        (("v20110101", "v20120101"), "PMIP3"),
        (("v20130101", "v20120101"), "CMIP5"),
    ],
)
def test_one_dataset_in_two_families_is_opened_once(centres, versions, taken):
    name = "tas_Amon_IPSL-CM5A-LR_midHolocene_r1i1p1_240101-240112.nc"
    for family, version, value in zip(("CMIP5", "PMIP3"), versions, (5.0, 3.0), strict=True):
        place = centres.top / "plain" / family / PMIP.format(version) / name
        place.parent.mkdir(parents=True)
        with netCDF4.Dataset(place, "w") as file:
            file.createDimension("time", None)
            axis = file.createVariable("time", "f8", ("time",))
            axis.setncatts({"units": "days since 2401-01-01", "calendar": "noleap"})
            axis[:] = 15.5 + 30.4 * np.arange(12)
            file.createVariable("tas", "f4", ("time",)).units = "K"
            file["tas"][:] = value
        centres.hold(family, centres.top / "plain" / family, ["**/*.nc"], family=family)
    found = open_catalog()
    # counted where they are listed; only opening tells that they are one
    assert len(found) == found.datasets.height == sum(found.facets("model")["model"].values()) == 2
    opened = found.open()
    (key,) = opened
    assert key.partition(":")[0] == taken
    assert float(opened[key]["tas"][0]) == {"CMIP5": 5.0, "PMIP3": 3.0}[taken]
    other = {"CMIP5": "PMIP3", "PMIP3": "CMIP5"}[taken]
    (note,) = told(opened)
    assert f"{other} of {other} has" in note
    every = open_catalog().search(version="all").open()
    assert len(every) == len(set(versions))


VERSIONED = """
family: {family}
title: Runs that were published
variable: variable
directories: [<model>/<experiment>/<member>/<frequency>/<version>]
files: ["<variable>_<model>_<experiment>_<member>.nc"]
dataset: [model, experiment, member, frequency, variable]
patterns:
  member: 'r\\d+i\\d+p\\d+f\\d+'
  frequency: 'mon|day'
  variable: '[a-z0-9]+'
  version: 'v[0-9.]+'
"""


def published(centres, family, version, source):
    """Hold a dataset in a family that has versions and says no grid."""
    place = centres.top / family / family / f"BORA-ESM1/historical/r1i1p1f1/mon/{version}"
    place.mkdir(parents=True)
    shutil.copyfile(source, place / "tas_BORA-ESM1_historical_r1i1p1f1.nc")
    card = centres.top / f"{family}.yaml"
    card.write_text(VERSIONED.format(family=family))
    build_catalog(card, centres.top / family / family, store=centres.top / "s" / family)
    centres.names.append(family)
    places = ":".join(str(centres.top / "s" / each) for each in centres.names)
    centres.monkeypatch.setenv("CLIMERI_STORES", places)


def test_what_could_be_one_of_two_grids_takes_the_place_of_neither(centres, small_archive):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    run = RUN.format("BORA-ESM1", "r1i1p1f1", "tas")

    def on_two_grids(root):
        for file in sorted(root.glob(run)):
            place = root / str(file.relative_to(root)).replace("gn", "gr")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)

    centres.hold("here", archive, [run], then=on_two_grids)
    published(centres, "Ours", "v20991231", max(archive.glob(run)))
    opened = open_catalog().open()
    assert [key.partition(":")[0] for key in opened].count("CMIP6") == 2
    assert len(opened) == 3
    (note,) = [each for each in told(opened) if "it could be with" in each]
    assert ".gn" in note
    assert ".gr" in note


def test_versions_are_numbers_part_by_part(centres, small_archive):
    archive = small_archive / ARCHIVE_ROOTS["CMIP6"]
    source = max(archive.glob(RUN.format("BORA-ESM1", "r1i1p1f1", "tas")))
    published(centres, "Ours", "v1.10", source)
    published(centres, "Theirs", "v2.0", source)
    (key,) = open_catalog().open()
    assert key.partition(":")[0] == "Theirs"


def test_a_catalog_whose_files_cannot_be_read_costs_only_itself(centres, real_data):
    archive = real_data / "mini-esgf/test_data/badc/cmip6/data/CMIP6"
    centres.hold("here", archive, [HINDCAST.format("r1")])
    centres.hold("there", archive, [HINDCAST.format("r2")])
    found = open_catalog()
    table = open_snapshot(centres.top / "s/there").folder / "CMIP6/files.parquet"
    table.unlink()
    with pytest.warns(IncompleteDataWarning, match="there:CMIP6"):
        opened = found.open(members="stack")
    (dataset,) = opened.values()
    assert dataset["member"].values.tolist() == ["s1980-r1i1p1f1"]
    (lost,) = opened.report.having("skipped")
    assert lost.dataset == "there:CMIP6"
    assert "files.parquet" in lost.cause
    with pytest.raises(StoreDamaged):
        found.open(on_error="raise")
    table = open_snapshot(centres.top / "s/here").folder / "CMIP6/files.parquet"
    table.unlink()
    with pytest.raises(StoreDamaged):
        found.open()


CARD = "title: my run\nmodel: IPSL-CM6A-LR\ncmip: {experiment: historical, member: r33i1p1f1}\n"


def test_a_run_of_ones_own_joins_the_ensemble_that_its_card_names(centres, small_archive):
    """A native run, named and counted otherwise, beside a published member on its grid."""
    job = "IPSLCM6/PROD/historical/CM6-DEMO-hist.01"

    def with_card(root):
        (root / job / "simulation.yaml").write_text(CARD)

    native = small_archive / ARCHIVE_ROOTS["libIGCM"]
    series = [f"{job}/ATM/Analyse/TS_MO/*_t2m.nc", f"{job}/ATM/Analyse/TS_MO/*_precip.nc"]
    centres.hold("runs", native, series, family="libIGCM", then=with_card)
    alone = open_catalog("libIGCM", store=centres.top / "s/runs").search(variable="tas").open()
    (own,) = alone.values()
    place = centres.top / "plain/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
    place.mkdir(parents=True)
    name = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_198001-200412.nc"
    published = own.isel(time=slice(0, 300)).load()
    published.assign(tas=published["tas"] + 1).to_netcdf(place / name)
    centres.hold("published", centres.top / "plain", ["**/*.nc"])
    found = open_catalog().search(model="IPSL-CM6A-LR", experiment="historical")
    with dask.config.set(scheduler=never):
        opened = found.open(members="stack")
    both, alone = (
        "CMIP6+libIGCM:CMIP.IPSL.IPSL-CM6A-LR.historical.Amon.tas.gr",
        "libIGCM:IPSLCM6.PROD.historical.CM6-DEMO-hist.01.ATM.Analyse.TS_MO.1M.precip",
    )
    assert list(opened) == [both, alone]
    dataset = opened[both]
    assert dataset["member"].values.tolist() == ["r1i1p1f1", "r33i1p1f1"]
    assert dataset.sizes["time"] == 300
    apart = dataset["tas"].isel(time=slice(None, None, 100)).values
    np.testing.assert_allclose(apart[0], apart[1] + 1, rtol=1e-6)
    # a published member does not vanish because it has no precipitation
    merged = found.open(members="stack", merge=True)
    assert list(merged) == [both, alone]
    assert any("they have other members" in each for each in told(merged))
    padded = found.open(members="stack", merge=True, pad=True)
    (whole,) = padded.values()
    assert whole["pr"].sel(member="r1i1p1f1").isnull().all()
    assert whole["tas"].sizes["time"] == 420
