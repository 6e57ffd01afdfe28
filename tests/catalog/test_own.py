"""A catalog of one's own: which family a tree is of, and where the catalog goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from climeri_platform.catalog import CatalogView, load_family, open_snapshot
from climeri_platform.catalog.guess import guess_family
from climeri_platform.catalog.own import add_catalog, own_store
from climeri_platform.core.errors import RootUnusable, StoreError, UnknownFamily, UsageError
from climeri_platform.testing import ARCHIVE_ROOTS

TEMPLATE = """
family: Oasis
title: Ocean runs of my group
variable: variable
directories: [<run>/<frequency>]
files: ["<variable>_<run>_<time_range>.nc"]
dataset: [run, frequency, variable]
optional: [version]
patterns: {run: '[A-Z]+\\d+', frequency: 'mon|day', variable: '[a-z0-9]+'}
common: {experiment: run}
"""


@pytest.mark.parametrize("family", ARCHIVE_ROOTS)
def test_the_family_of_each_tree_of_the_demonstration_is_found(small_archive, family):
    guess = guess_family(small_archive / ARCHIVE_ROOTS[family])
    assert guess.family == family
    assert guess.fits[family] == guess.sample > 0
    assert f"{guess.sample} of {guess.sample} sampled files follow {family}" in str(guess)


@pytest.mark.real_data
def test_the_family_of_real_trees_is_found(real_data):
    guess = guess_family(real_data / "esmvaltool-sample")
    assert (guess.family, guess.fits["CMIP6"]) == ("CMIP6", guess.sample)
    with pytest.raises(UnknownFamily, match="CNRM 3"):
        guess_family(real_data / "access-nri")


def test_a_folder_named_for_the_family_decides_between_two_of_the_same_rules(plant, tas):
    path = "output1/IPSL/IPSL-CM5A-LR/{exp}/mon/atmos/Amon/r1i1p1/v20110406/tas/tas_Amon_IPSL-CM5A-LR_{exp}_r1i1p1_185001-189912.nc"
    root = plant([path.format(exp="lgm")], root="bdd/PMIP3")
    assert guess_family(root).family == "PMIP3"
    assert guess_family(plant([path.format(exp="x")], root="badc/cmip5")).family == "CMIP5"
    with pytest.raises(UnknownFamily, match="several families") as refused:
        guess_family(plant([path.format(exp="lgm")], root="bdd/mine"))
    assert {"CMIP5 1", "PMIP3 1"} <= set(refused.value.message.rpartition("fit ")[2].split(", "))
    assert "--family" in refused.value.hint


def test_a_tree_of_no_family_is_refused_with_an_example(plant, tmp_path):
    root = plant(["run1/out.nc"], root="mine")
    with pytest.raises(UnknownFamily, match=r"the first: run1/out\.nc") as refused:
        add_catalog(root, store=tmp_path / "store")
    assert "--template" in refused.value.hint
    assert not (tmp_path / "store").exists()
    with pytest.raises(RootUnusable, match="no NetCDF"):
        guess_family(plant(["notes.txt"], root="text"))


def test_a_few_files_that_fit_do_not_make_a_family(plant, tas):
    root = plant([tas(), *(f"junk{each}/x.nc" for each in range(3))])
    with pytest.raises(UnknownFamily, match="no family as a whole: of 4 sampled files fit CMIP6 1"):
        guess_family(root)


def test_it_goes_to_the_users_own_store_and_grows(plant, tas, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    report, guess = add_catalog(plant([tas()]))
    assert guess.family == report.family == "CMIP6"
    assert Path(report.store) == own_store() == tmp_path / "share" / "climeri" / "catalogs"
    template = tmp_path / "mine.yaml"
    template.write_text(TEMPLATE)
    runs = plant(["A1/mon/sst_A1_200001-200012.nc"], root="runs")
    report, guess = add_catalog(runs, template=template)
    assert (report.family, guess) == ("Oasis", None)
    assert open_snapshot(own_store()).families == ["CMIP6", "Oasis"]
    monkeypatch.setenv("CLIMERI_OWN_STORE", str(tmp_path / "group"))
    report, _ = add_catalog(plant([tas()]), family="cmip6")
    assert Path(report.store) == tmp_path / "group"
    assert len(CatalogView.open("CMIP6", tmp_path / "group")) == 1
    assert load_family("CMIP6").family == "CMIP6"


def test_adding_again_replaces_the_rows_of_the_root(plant, tas, tmp_path):
    root = plant([tas(), tas("ssp585")])
    for gone in (None, "ssp585"):
        if gone:
            shutil.rmtree(root / "CMIP/IPSL/IPSL-CM6A-LR" / gone)
        add_catalog(root, store=tmp_path / "store", accept_loss=True)
    assert CatalogView.open("CMIP6", tmp_path / "store").facets("experiment") == {
        "experiment_id": {"historical": 1}
    }


def test_a_store_that_cannot_be_made_says_so(plant, tas, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        add_catalog(plant([tas()]), store=tmp_path / "file" / "store")


def test_a_family_and_a_template_contradict_one_another(plant, tas):
    with pytest.raises(UsageError, match="not both"):
        add_catalog(plant([tas()]), family="CMIP6", template="mine.yaml")
