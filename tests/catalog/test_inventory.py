"""Inventories in place of a walk: the same catalog, whatever the form."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog, records
from climeri_platform.catalog.inventory import FIND_FORMAT, read_inventory
from climeri_platform.catalog.listing import gather
from climeri_platform.catalog.walk import Skipped, walk
from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from pathlib import Path

DATASET = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr"
NAME = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{}.nc"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A dataset with two files, laid out by links as publishing tools do, and what else lies about."""
    root = tmp_path / "root"
    kept = root / DATASET / "files" / "d20180803"
    kept.mkdir(parents=True)
    version = root / DATASET / "v20180803"
    version.mkdir()
    for part in ("185001-194912", "195001-201412"):
        (kept / NAME.format(part)).write_bytes(b"x" * int(part[:4]))
        (version / NAME.format(part)).symlink_to(f"../files/d20180803/{NAME.format(part)}")
    (root / DATASET / "latest").symlink_to("v20180803")
    (version / "README").write_text("text")
    (version / NAME.format("201501-201512")).symlink_to("../nowhere.nc")
    return root


def find(root: Path, to: Path) -> Path:
    command = ["find", root, "-mindepth", "1", "-printf", FIND_FORMAT]
    to.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return to


def rows(store: Path) -> pl.DataFrame:
    return CatalogView.open("CMIP6", store).search(version="all").files().drop("root")


def test_the_long_form_gives_the_catalog_of_a_walk(tree, tmp_path):
    inventory = find(tree, tmp_path / "inventory")
    walked = build_catalog("CMIP6", tree, store=tmp_path / "walked")
    listed = build_catalog("CMIP6", tree, store=tmp_path / "listed", inventory=inventory)
    walked_rows, listed_rows = rows(tmp_path / "walked"), rows(tmp_path / "listed")
    # only a list has block counts of a root that nobody calls tape-backed
    assert (walked_rows["online"].to_list(), listed_rows["online"].to_list()) == (
        [None] * 2,
        [True] * 2,
    )
    assert walked_rows.drop("online").equals(listed_rows.drop("online"))
    for name in ("found", "catalogued", "rejected", "links", "other", "datasets", "size"):
        assert getattr(walked, name) == getattr(listed, name), name
    assert walked.catalogued == 2
    assert [path for path, _ in listed.unreadable] == [path for path, _ in walked.unreadable]
    assert "not in the inventory" in listed.unreadable[0][1]


def test_any_name_survives_the_long_form(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    names = ["a\tb.nc", "c\nd.nc", "é.nc", " e .nc", os.fsdecode(b"\xff.nc")]
    for name in names:
        (root / name).write_bytes(b"x")
    inventory = find(root, tmp_path / "inventory")
    listed_odd, walked_odd = [], []
    listed = pl.concat(read_inventory(inventory, root, Skipped(), listed_odd)).sort("path")
    walked = pl.concat(gather(walk(root, Skipped()), walked_odd)).sort("path")
    assert listed.drop("device", "online").equals(walked.drop("device", "online"))
    assert set(listed["path"]) == set(names[:-1])
    assert listed_odd == walked_odd == [("\\xff.nc", 1)]


@pytest.mark.parametrize("form", ["short", "csv", "parquet", "absolute"])
def test_the_other_forms(form, tree, tmp_path):
    folder = tree / DATASET / "files" / "d20180803"
    frame = pl.DataFrame(
        {
            "path": [f"{DATASET}/v20180803/{each.name}" for each in sorted(folder.iterdir())],
            "size": [each.stat().st_size for each in sorted(folder.iterdir())],
            "mtime": [1_600_000_000.5, 1_600_000_001.0],
            "owner": ["somebody", "else"],
        }
    )
    if form == "absolute":
        frame = frame.with_columns(path=f"{tree}/" + pl.col("path"))
    file = tmp_path / f"inventory.{form}"
    if form == "csv":
        frame.write_csv(file)
    elif form == "parquet":
        frame.write_parquet(file)
    else:
        file.write_text("".join(f"{p}\t{s}\t{m}\n" for p, s, m, _ in frame.iter_rows()))
    build_catalog("CMIP6", tree, store=tmp_path / "store", inventory=file)
    found = rows(tmp_path / "store")
    assert found["size"].to_list() == [1850, 1950]
    assert found["mtime"].to_list() == [1_600_000_000_500_000_000, 1_600_000_001_000_000_000]


def test_an_inventory_of_another_centre_needs_no_mount(tree, tmp_path):
    inventory = find(tree, tmp_path / "inventory")
    report = build_catalog("CMIP6", "/ccc/elsewhere", store=tmp_path / "s", inventory=inventory)
    assert (report.root, report.catalogued) == ("/ccc/elsewhere", 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"no tabs at all\n", "record 1"),
        (b"a.nc\t1\t2\nb.nc\tmany\t2\n", "record 2"),
        (b"f\t1\t2\t3\t4\t5\t6\t7\0", "record 1"),
        (b"f\tmany\t2\t3\t4\t5\t6\tg\ta.nc\t\0", "record 1"),
        (b"/somewhere/else/a.nc\t1\t2\n", "not below"),
    ],
)
def test_a_list_in_no_form_is_refused_whole(text, said, tmp_path):
    file = tmp_path / "inventory"
    file.write_bytes(text)
    with pytest.raises(RootUnusable, match=said):
        list(read_inventory(file, "/root", Skipped(), []))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_without_the_columns_are_refused(suffix, tmp_path):
    file = tmp_path / f"inventory{suffix}"
    frame = pl.DataFrame({"path": ["a.nc"], "size": [1]})
    frame.write_csv(file) if suffix == ".csv" else frame.write_parquet(file)
    with pytest.raises(RootUnusable, match="no usable columns"):
        list(read_inventory(file, "/root", Skipped(), []))
    holes = pl.DataFrame({"path": ["a.nc", "b.nc"], "size": [1, None], "mtime": [1.0, 2.0]})
    holes.write_csv(file) if suffix == ".csv" else holes.write_parquet(file)
    with pytest.raises(RootUnusable, match="rows without"):
        list(read_inventory(file, "/root", Skipped(), []))


def test_a_missing_inventory(tmp_path):
    with pytest.raises(RootUnusable, match="cannot be read"):
        list(read_inventory(tmp_path / "none", "/root", Skipped(), []))


def test_a_file_that_is_listed_twice_is_one_and_times_before_1970_count(tmp_path):
    path = f"{DATASET}/v20180803/{NAME.format('185001-194912')}"
    file = tmp_path / "list"
    file.write_text(f"{path}\t1\t5\n{path}\t2\t-1.5\n")
    build_catalog("CMIP6", "/elsewhere", store=tmp_path / "store", inventory=file)
    found = rows(tmp_path / "store")
    assert found.select("size", "mtime").rows() == [(2, -1_500_000_000)]


def test_a_short_form_says_what_it_cannot_know(tree, tmp_path):
    file = tmp_path / "list.parquet"
    place = f"{DATASET}/v20180803/{NAME.format('185001-194912')}"
    frame = pl.DataFrame(
        {"path": [place], "size": [1], "mtime": [1.5], "inode": [7], "blocks": [0]}
    )
    frame.write_parquet(file)
    report = build_catalog("CMIP6", tree, store=tmp_path / "store", inventory=file)
    assert [each.partition(":")[0].partition(" (")[0] for each in report.unknown] == [
        "rewrites in place",
        "what links lead to",
        "who may read a file",
    ]
    found = rows(tmp_path / "store")
    columns = ["inode", "online", "ctime", "unix_group", "public"]
    assert found.select(columns).rows() == [(7, False, None, None, None)]
    long = build_catalog(
        "CMIP6", tree, store=tmp_path / "long", inventory=find(tree, tmp_path / "inventory")
    )
    assert long.unknown == []


def test_pieces_of_a_list_fit_together(tree, tmp_path, monkeypatch):
    inventory = find(tree, tmp_path / "inventory")
    whole = pl.concat(read_inventory(inventory, tree, Skipped(), [])).sort("path")
    for size in (1, 37, 400):
        monkeypatch.setattr(records, "_PIECE", size)
        pieces = pl.concat(read_inventory(inventory, tree, Skipped(), [])).sort("path")
        assert pieces.equals(whole)


def test_what_is_outside_of_the_list_is_unseen_and_not_gone(tree, tmp_path):
    version = tree / DATASET / "v20180803"
    (version / "out.nc").symlink_to("/somewhere/else/a.nc")
    (version / "up.nc").symlink_to("../" * 40 + "b.nc")
    skipped = Skipped()
    list(read_inventory(find(tree, tmp_path / "inventory"), tree, skipped, []))
    inside = f"{DATASET}/v20180803/"
    assert skipped.unseen == [f"{inside}out.nc", f"{inside}up.nc"]
    assert len(skipped.unreadable) == 3  # with the one that dangles
