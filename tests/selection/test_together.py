"""Members and variables that lie in several catalogs, opened as one."""

from __future__ import annotations

import shutil

import dask
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.catalog import build_catalog
from climeri_platform.testing import ARCHIVE_ROOTS


def never(*_, **__):
    raise AssertionError("something was computed while catalogs were opened")


class Centres:
    """Centres that each hold a part of an archive, and catalogue it by themselves."""

    def __init__(self, top, monkeypatch):
        self.top, self.monkeypatch, self.names = top, monkeypatch, []

    def hold(self, name, archive, patterns, family="CMIP6"):
        """Copy what fits the patterns to a centre, and catalogue it."""
        root = self.top / name / family
        for pattern in patterns:
            found = sorted(archive.glob(pattern))
            assert found, pattern
            for path in found:
                place = root / path.relative_to(archive)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
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
