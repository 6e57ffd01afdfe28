"""Zarr stores and kerchunk references: one row each, never listed."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from climeri_platform.catalog import CatalogView, build_catalog
from climeri_platform.catalog.inventory import FIND_FORMAT, read_inventory
from climeri_platform.catalog.listing import gather
from climeri_platform.catalog.walk import Skipped, format_of, walk
from climeri_platform.cli.tables import size_of, span_text

PLACE = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/{var}/gr/v20180803"
STEM = "{var}_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr"
# in a process of its own, because an audit hook stays for good
WATCH = """
import sys
from pathlib import Path
seen = []
sys.addaudithook(lambda event, given: seen.append(str(given[0])) if event in ("os.scandir", "os.listdir", "open") else None)
from climeri_platform.catalog.walk import Skipped, walk
found = list(walk(Path(sys.argv[1]), Skipped()))
looked = [each for each in seen if each.startswith(sys.argv[1])]
print(len(looked), sum(".zarr" in each or ".parq" in each for each in looked), sum(len(files) for _, files in found))
"""


@pytest.fixture
def archive(tmp_path):
    root = tmp_path / "CMIP6"
    for var in ("tas", "pr", "ta", "hus", "zg"):
        (root / PLACE.format(var=var)).mkdir(parents=True)

    def place(var, ending):
        return root / PLACE.format(var=var) / f"{STEM.format(var=var)}{ending}"

    two = place("tas", ".zarr")
    (two / "tas").mkdir(parents=True)
    for name in (".zgroup", ".zattrs", ".zmetadata", "tas/.zarray", "tas/0.0.0"):
        (two / name).write_text("{}")
    three = place("pr", ".zarr")
    (three / "pr" / "c" / "0").mkdir(parents=True)
    (three / "zarr.json").write_text("{}")
    (three / "pr" / "c" / "0" / "0").write_text("x")
    place("ta", ".kerchunk.json").write_text("{}")
    references = place("hus", ".parq")
    references.mkdir()
    (references / "refs.0.parq").write_text("x")
    place("zg", "_185001-201412.nc").write_text("x")
    return root


def test_each_is_one_row(archive, tmp_path):
    report = build_catalog("CMIP6", archive, store=tmp_path / "store")
    assert (report.catalogued, report.rejected, report.other) == (5, 0, 0)
    view = CatalogView.open("CMIP6", tmp_path / "store")
    formats = dict(view.files().select("variable_id", "format").iter_rows())
    assert formats == {
        "tas": "zarr",
        "pr": "zarr",
        "ta": "kerchunk",
        "hus": "kerchunk",
        "zg": "netcdf",
    }
    sizes = dict(view.files().select("variable_id", "size").iter_rows())
    assert sizes == {"tas": None, "pr": None, "ta": 2, "hus": None, "zg": 1}
    assert report.size == 3
    (row,) = view.search(variable="tas").describe()
    assert (row["format"], row["size"], row["files"]) == ("zarr", None, 1)
    assert (size_of(row["size"]), span_text(row)) == ("-", "-")


def test_the_export_says_how_to_open_each(archive, tmp_path):
    report = build_catalog("CMIP6", archive, store=tmp_path / "store")
    table = pl.read_parquet(
        f"{report.store}/snapshots/{report.snapshot}/export/local/CMIP6.parquet"
    )
    assert sorted(table["format"]) == ["netcdf", "reference", "reference", "zarr", "zarr"]


@pytest.mark.parametrize("short", [False, True])
def test_an_inventory_gives_the_rows_of_a_walk(archive, tmp_path, short):
    place = archive / PLACE.format(var="tas").replace("v20180803", "v20190101")
    place.mkdir()
    name = f"{STEM.format(var='tas')}.zarr"
    (place / name).symlink_to(f"../v20180803/{name}")
    form = r"%P\t%s\t%T@\n" if short else FIND_FORMAT
    wanted = ["-type", "f"] if short else []
    done = subprocess.run(
        ["find", archive, *wanted, "-printf", form], capture_output=True, check=True
    )
    listing = tmp_path / "listing.txt"
    listing.write_bytes(done.stdout)
    listed, walked = Skipped(), Skipped()
    found = pl.concat(read_inventory(listing, archive, listed, [])).sort("path")
    expected = pl.concat(gather(walk(archive, walked), [])).sort("path")
    if short:  # which knows neither links, nor when a directory changed
        expected = expected.filter(~pl.col("path").str.contains("v20190101"))
        said = ["path", "size", "format"]
        assert found.select(said).equals(expected.select(said))
        assert listed.unknown[0].startswith("files that two paths share")
    else:
        assert found.drop("device", "online").equals(expected.drop("device", "online"))
        assert listed == walked


def test_a_link_to_a_store_is_the_store(archive):
    place = archive / PLACE.format(var="tas").replace("v20180803", "v20190101")
    place.mkdir()
    name = f"{STEM.format(var='tas')}.zarr"
    (place / name).symlink_to(f"../v20180803/{name}")
    skipped = Skipped()
    found = {
        f"{place}/{each.name}": each for place, files in walk(archive, skipped) for each in files
    }
    assert sum(each.format == "zarr" for each in found.values()) == 3
    assert skipped.links == []


@pytest.mark.parametrize(
    ("name", "directory", "expected"),
    [
        ("tas.nc", False, "netcdf"),
        ("tas.nc4", False, "netcdf"),
        ("tas.zarr", True, "zarr"),
        ("tas.zarr", False, None),
        ("tas.kerchunk.json", False, "kerchunk"),
        ("tas_kerchunk.json", False, "kerchunk"),
        ("tas.kerchunk.parquet", False, "kerchunk"),
        ("tas.kerchunk.parquet", True, "kerchunk"),
        ("tas.parq", True, "kerchunk"),
        ("catalog.json", False, None),
        ("v20190101", True, None),
    ],
)
def test_the_name_says_the_format(name, directory, expected):
    assert format_of(name, directory=directory) == expected


def test_a_store_of_a_hundred_thousand_objects_is_not_listed(archive):
    store = archive / PLACE.format(var="tas") / f"{STEM.format(var='tas')}.zarr"
    for part in range(100):
        folder = store / "tas" / str(part)
        folder.mkdir()
        for each in range(1000):
            (folder / str(each)).touch()
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(archive)], capture_output=True, text=True, check=True
    )
    looked, inside, found = map(int, done.stdout.split())
    # the levels of the tree, once each, and nothing below a store
    assert (inside, found) == (0, 5)
    assert (
        looked
        == sum(1 for each in archive.rglob("*") if each.is_dir() and not in_a_store(each)) + 1
    )


def in_a_store(path):
    return any(part.endswith((".zarr", ".parq")) for part in path.parts)
