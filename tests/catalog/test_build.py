"""Building: every file is catalogued or rejected, versions in order, other roots untouched."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, open_snapshot
from climeri_platform.catalog.tables import mark_latest
from climeri_platform.core.errors import (
    RootUnusable,
    StoreMissing,
    UnknownFamily,
    UnknownSite,
    UsageError,
)


def netcdf_below(root) -> int:
    """What `find -L -name '*.nc'` would count, directory links left out."""
    return sum(
        name.endswith((".nc", ".nc4")) and Path(folder, name).is_file()
        for folder, _, names in os.walk(root)
        for name in names
    )


def test_found_is_catalogued_plus_rejected_plus_nothing(plant, tas, tmp_path):
    root = plant(
        [
            *(tas(exp) for exp in ("historical", "ssp126", "ssp585")),
            tas(span="185001-201413"),
            "CMIP/stray.nc",
            "notes.txt",
        ]
    )
    empty = root / tas("piControl")
    empty.parent.mkdir(parents=True)
    empty.touch()
    (root / "latest").symlink_to("CMIP")
    (root / tas()).with_name("gone.nc").symlink_to("nowhere")
    seen = []
    report = build_catalog("CMIP6", root, store=tmp_path / "store", progress=seen.append)
    assert report.found == netcdf_below(root) == 6
    assert (report.catalogued, report.rejected) == (3, 3)
    assert report.reasons == {"directory": 1, "empty file": 1, "time range": 1}
    assert (report.other, report.links, len(report.unreadable)) == (1, 1, 1)
    assert (report.datasets, report.size) == (3, 3)
    assert seen[-1] == 6
    assert seen == sorted(seen)
    json.dumps(report.as_dict())
    snapshot = open_snapshot(tmp_path / "store")
    rejected = snapshot.read("CMIP6", "rejected").to_dicts()
    assert {each["code"] for each in rejected} == set(report.reasons)
    assert all(len(each["reason"]) > 15 for each in rejected)
    (card,) = snapshot.card.roots
    assert (card.found, card.catalogued, card.rejected) == (6, 3, 3)


def test_paths_that_are_not_utf8_are_rejected_and_named(plant, tas, tmp_path):
    root = plant([tas()])
    odd = os.fsencode((root / tas()).parent) + b"/caf\xe9.nc"
    Path(os.fsdecode(odd)).write_bytes(b"x")
    report = build_catalog("CMIP6", root, store=tmp_path / "store")
    assert report.reasons == {"encoding": 1}
    rows = open_snapshot(tmp_path / "store").read("CMIP6", "rejected")
    assert rows["path"][0].endswith("caf\\xe9.nc")


def test_minor_versions_are_in_order_and_one_is_the_newest(plant, tmp_path):
    versions = ["v9.0", "v23.0e", "v23.1e"]
    paths = [f"Grid_0.1deg_reg/tg_ens_mean_0.1deg_reg_{each}.nc" for each in versions]
    build_catalog("E-OBS", plant(paths, root="E-OBS"), store=tmp_path / "store")
    view = CatalogView.open("E-OBS", tmp_path / "store")
    assert view.datasets["version"].to_list() == ["v23.1e"]
    assert view.search(version="all").datasets["version"].to_list() == versions


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        ({"v23.0e": False, "v23.1e": False}, "v23.1e"),
        ({"v23.0e": False, "v23.1e": True}, "v23.0e"),
        ({"v1": False, "v20190101": False, "v20190102": False}, "v20190102"),
        ({"v1": None, "v20190101": None, "v20190102": True}, "v20190101"),
        ({"v1": False, "v20190101": True, "v20190102": True}, "v1"),
        ({"v20190101": True, "v20190102": True}, "v20190102"),
        ({"latest": False, "v20190102": True}, "latest"),
    ],
)
def test_one_version_is_the_newest_and_retracted_ones_give_way(versions, newest):
    rows = {"dataset": "a", "version": list(versions), "retracted": list(versions.values())}
    marked = mark_latest(pl.DataFrame(rows, schema_overrides={"retracted": pl.Boolean}))
    assert marked.filter("latest")["version"].to_list() == [newest]


def test_versions_are_ordered_as_numbers(plant, tas, tmp_path):
    order = ["latest", "v2", "v10", "v20190101"]
    for newest in range(len(order)):
        root = plant([tas(version=each) for each in order[: newest + 1]], root=f"{newest}/CMIP6")
        build_catalog("CMIP6", root, store=tmp_path / f"store{newest}")
        view = CatalogView.open("CMIP6", tmp_path / f"store{newest}")
        assert view.datasets["version"].to_list() == [order[newest]]
        assert len(view.search(version="all")) == newest + 1


def test_a_version_of_absurd_length_does_not_stop_the_night(plant, tas, tmp_path):
    root = plant([tas(version="v" + "9" * 40), tas(version="v20190101")])
    build_catalog("CMIP6", root, store=tmp_path / "store")
    assert CatalogView.open("CMIP6", tmp_path / "store").datasets["version"].to_list() == [
        "v20190101"
    ]


def test_the_newest_version_is_the_newest_of_all_roots(plant, tas, tmp_path):
    for root, version in (("a/CMIP6", "v20190101"), ("b/CMIP6", "v20200101")):
        build_catalog("CMIP6", plant([tas(version=version)], root), store=tmp_path / "store")
    rows = CatalogView.open("CMIP6", tmp_path / "store").datasets
    assert rows["version"].to_list() == ["v20200101"]
    assert rows["root"].to_list()[0].startswith("CMIP6-")


def test_building_a_root_again_replaces_its_rows_only(plant, tas, tmp_path):
    store = tmp_path / "store"
    first = plant([tas(), tas("ssp126"), "CMIP/bad.nc"], "a/CMIP6")
    second = plant([tas("ssp585"), "CMIP/worse.nc"], "b/CMIP6")
    build_catalog("CMIP6", first, store=store, root_id="first")
    build_catalog("CMIP6", second, store=store, root_id="second")
    obs = plant(["NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"], root="obs4MIPs")
    build_catalog("obs4MIPs", obs, store=store)
    (first / tas("ssp126")).unlink()
    (first / "CMIP/bad.nc").unlink()
    build_catalog("CMIP6", first, store=store, root_id="first", accept_loss=True)
    snapshot = open_snapshot(store)
    files = snapshot.read("CMIP6", "files")
    assert dict(files.group_by("root").len().iter_rows()) == {"first": 1, "second": 1}
    assert snapshot.read("CMIP6", "rejected")["root"].to_list() == ["second"]
    assert snapshot.read("obs4MIPs", "files").height == 1
    assert [(each.family, each.root_id) for each in snapshot.card.roots][:2] == [
        ("CMIP6", "first"),
        ("CMIP6", "second"),
    ]
    assert snapshot.mounts["second"] == str(second)


def test_a_catalog_that_vanished_is_not_published_empty(plant, tas, tmp_path):
    store = tmp_path / "store"
    root = plant([tas()])
    build_catalog("CMIP6", root, store=store)
    before = open_snapshot(store).name
    (root / tas()).unlink()
    with pytest.raises(RootUnusable, match="it is empty"):
        build_catalog("CMIP6", root, store=store)
    assert open_snapshot(store).name == before
    assert len(CatalogView.open("CMIP6", store)) == 1


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ([], "it is empty"),
        (["a.txt", "b.grb"], "2 other files"),
        (["a.nc"], "follows CMIP6; the first: a.nc: "),
    ],
)
def test_a_root_without_files_of_the_family(plant, tmp_path, paths, said):
    with pytest.raises(RootUnusable) as refused:
        build_catalog("CMIP6", plant(paths), store=tmp_path / "store")
    assert said in refused.value.message
    assert refused.value.hint.startswith("Nothing was published.")
    with pytest.raises(StoreMissing, match="nothing was published"):
        open_snapshot(tmp_path / "store")


def test_a_root_of_which_nothing_can_be_read(plant, tmp_path):
    root = plant([])
    (root / "a.nc").symlink_to("nowhere")
    with pytest.raises(RootUnusable, match="1 paths in it cannot be read"):
        build_catalog("CMIP6", root, store=tmp_path / "store")


def test_wrong_words_are_refused_before_anything_is_made(plant, tas, tmp_path):
    root, store = plant([tas()]), tmp_path / "store"
    with pytest.raises(UnknownFamily):
        build_catalog("CMIP66", root, store=store)
    with pytest.raises(UnknownSite):
        build_catalog("CMIP6", root, store=store, site="../../elsewhere")
    for wrong in ("a/b", ".hidden", "../up", "a b", "é"):
        with pytest.raises(UsageError, match="no root id"):
            build_catalog("CMIP6", root, store=store, root_id=wrong)
    assert not store.exists()


def test_a_root_id_stands_for_one_root(plant, tas, tmp_path):
    store = tmp_path / "store"
    build_catalog("CMIP6", plant([tas()], "a/CMIP6"), store=store, root_id="one")
    with pytest.raises(UsageError, match="stands for"):
        build_catalog("CMIP6", plant([tas()], "b/CMIP6"), store=store, root_id="one")
    assert open_snapshot(store).mounts == {"one": str(tmp_path / "a/CMIP6")}


def test_a_root_may_be_any_folder_of_the_tree(plant, tas, tmp_path):
    root = plant([tas()])
    for number, below in enumerate([".", "CMIP", "CMIP/IPSL/IPSL-CM6A-LR/historical"]):
        report = build_catalog("CMIP6", root / below, store=tmp_path / str(number))
        assert report.catalogued == 1
        row = open_snapshot(tmp_path / str(number)).read("CMIP6", "files").to_dicts()[0]
        assert row["dataset"].startswith("CMIP.IPSL.")
        assert not row["path"].startswith("/")
        assert (Path(report.root) / row["path"]).is_file()


def test_rows_hold_the_period_as_numbers(plant, tas, tmp_path):
    build_catalog("CMIP6", plant([tas(span="000101-999912")]), store=tmp_path / "store")
    row = open_snapshot(tmp_path / "store").read("CMIP6", "files").to_dicts()[0]
    assert (row["start"], row["end"]) == (101010000, 999912312359)
    assert (row["frequency"], row["size"], row["calendar"]) == ("mon", 1, None)


def test_two_stores_of_one_tree_hold_the_same(plant, tas, tmp_path):
    root = plant(
        [tas(exp, span=span) for exp in "abc" for span in ("200001-200012", "200101-200112")]
    )
    tables = []
    for store in ("one", "two"):
        build_catalog("CMIP6", root, store=tmp_path / store, root_id="r")
        tables.append(open_snapshot(tmp_path / store).read("CMIP6", "files"))
    assert tables[0].equals(tables[1])
    assert re.fullmatch(r"\d{8}T\d{6}Z", open_snapshot(tmp_path / "one").name)


@pytest.mark.real_data
def test_a_real_tree(real_data, tmp_path):
    root = real_data / "mini-esgf/test_data/badc/cmip6/data"
    if not root.is_dir():
        root = next(p for p in (real_data / "mini-esgf/test_data").rglob("CMIP6") if p.is_dir())
    report = build_catalog("CMIP6", root, store=tmp_path / "store")
    assert report.found == netcdf_below(root)
    assert report.catalogued > 0.9 * report.found
