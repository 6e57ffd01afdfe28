"""The numbers of a night: exact however long a list is, and only bytes that a copy less would free."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.catalog import build_catalog, load_family, open_snapshot
from climeri_platform.catalog.layout import Root, Snapshot, SnapshotCard
from climeri_platform.catalog.night import NAMED, NightReport, RootNight, bytes_by_model, duplicated
from climeri_platform.catalog.scan import Difference
from climeri_platform.catalog.tables import REJECTED
from climeri_platform.catalog.walk import Skipped

FOLDER = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v20180803"
KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"
EARLY, LATE = "185001-189912", "190001-201412"


def name(years, ending="nc"):
    return f"tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{years}.{ending}"


@pytest.fixture
def two(tmp_path):
    """Build a store of two roots, of files and their sizes (None: a Zarr store)."""

    def two(**roots):
        for root, files in roots.items():
            folder = tmp_path / root / FOLDER
            folder.mkdir(parents=True)
            for file, size in files.items():
                if size is None:
                    (folder / file).mkdir()
                else:
                    (folder / file).write_bytes(b"x" * size)
            build_catalog("CMIP6", tmp_path / root, store=tmp_path / "store", root_id=root)
        return open_snapshot(tmp_path / "store")

    return two


def test_models_of_one_size_are_told_in_the_order_of_their_names(plant):
    folder = "CMIP6/CMIP/{0}/{0}-1/historical/r1i1p1f1/Amon/tas/gr/v1"
    file = "tas_Amon_{0}-1_historical_r1i1p1f1_gr_185001-189912.nc"
    names = [f"M{number}" for number in range(20)]
    root = plant([f"{folder}/{file}".format(each) for each in names], root="a")
    build_catalog("CMIP6", root, store=root.parent / "store", root_id="a")
    told = bytes_by_model(open_snapshot(root.parent / "store"), load_family("CMIP6"))
    assert [each["institution"] for each in told] == sorted(names)


def test_parts_of_one_dataset_are_no_copies(two):
    snapshot = two(a={name(EARLY): 10}, b={name(LATE): 20})
    assert duplicated(snapshot, "CMIP6") == []


def test_only_the_files_at_both_roots_can_be_freed(two):
    snapshot = two(a={name(EARLY): 10, name(LATE): 20}, b={name(LATE): 21})
    (found,) = duplicated(snapshot, "CMIP6")
    assert found == {"dataset": KEY, "version": "v20180803", "roots": ["a", "b"], "size": 20}


def test_a_store_of_which_nobody_knows_the_size(two):
    snapshot = two(a={name(EARLY, "zarr"): None}, b={name(EARLY, "zarr"): None})
    (found,) = duplicated(snapshot, "CMIP6")
    assert (found["roots"], found["size"]) == (["a", "b"], 0)


def a_snapshot(folder, rows):
    """A published family of (dataset, version, root, name, size) rows."""
    kinds = dict.fromkeys(("dataset", "version", "root", "path"), pl.String) | {"size": pl.Int64}
    whole = [(*where, f"{where[2]}/{file}", size) for *where, file, size in rows]
    files = pl.DataFrame(whole, schema=kinds, orient="row")
    roots = [
        Root(root_id=root, mount="/", family="F", walked="", found=0, catalogued=0, rejected=0)
        for root in "abc"
    ]
    snapshot = Snapshot(folder, SnapshotCard(snapshot="s", created="", site="x", roots=roots))
    (snapshot.folder / "F").mkdir(parents=True)
    files.write_parquet(snapshot.folder / "F/files.parquet")
    datasets = files.group_by("dataset", "version", "root").agg(pl.col("size").sum())
    datasets.write_parquet(snapshot.folder / "F/datasets.parquet")
    return snapshot


one_row = st.tuples(
    st.sampled_from("de"),
    st.sampled_from([None, "v1", "v2"]),
    st.sampled_from("abc"),
    st.sampled_from(["x.nc", "y.nc", "z.zarr"]),
    st.sampled_from([None, 1, 10, 100]),
)


@given(st.lists(one_row, max_size=20, unique_by=lambda row: row[:4]))
def test_what_is_told_is_what_one_copy_of_each_file_less_frees(rows):
    copies = defaultdict(list)
    for dataset, version, root, file, size in rows:
        copies[dataset, version, file].append((root, size or 0))
    expected = defaultdict(lambda: [set(), 0])
    for (dataset, version, _), there in copies.items():
        if len(there) > 1:
            expected[dataset, version][0].update(root for root, _ in there)
            sizes = [size for _, size in there]
            expected[dataset, version][1] += sum(sizes) - max(sizes)
    with tempfile.TemporaryDirectory() as folder:
        snapshot = a_snapshot(Path(folder), rows)
        found = duplicated(snapshot, "F")
        report = NightReport("x", "/x")
        report.count_duplicated(snapshot, "F")
    assert {(each["dataset"], each["version"]): [set(each["roots"]), each["size"]] for each in found} == expected  # fmt: skip
    assert [each["size"] for each in found] == sorted((e["size"] for e in found), reverse=True)
    assert report.duplicated == found
    assert report.duplicated_count == len(expected)
    assert report.duplicated_size == sum(size for _, size in expected.values())


def test_the_report_counts_all_and_names_the_largest_of_all_families(tmp_path):
    rows = [(f"d{n}", "v1", root, "x.nc", n) for n in range(NAMED + 500) for root in "ab"]
    report = NightReport("x", "/x")
    for family in ("one", "two"):
        report.count_duplicated(a_snapshot(tmp_path / family, rows), "F")
    assert report.duplicated_count == 2 * (NAMED + 500)
    assert report.duplicated_size == 2 * sum(range(NAMED + 500))
    assert len(report.duplicated) == NAMED
    sizes = [each["size"] for each in report.duplicated]
    assert sizes == sorted([*range(NAMED + 500)] * 2, reverse=True)[:NAMED]


def test_the_unreadable_are_counted_beside_the_list():
    skipped = Skipped(unreadable=[(f"{n}.nc", "Permission denied") for n in range(NAMED + 7)])
    told = RootNight("a", "CMIP6", "/a")
    empty = pl.DataFrame()
    kept = pl.Series([], dtype=pl.UInt32)
    family = load_family("CMIP6")
    told.took(Difference(family, "a", empty, None, kept, empty, skipped, "", 0.0))
    assert (len(told.unreadable), told.unreadable_count) == (NAMED, NAMED + 7)


def test_headers_that_contradict_are_counted_beside_the_list(tmp_path):
    snapshot = a_snapshot(tmp_path, [("d", "v1", "a", f"{n}.nc", 1) for n in range(NAMED + 8)])
    folder = snapshot.folder / "F"
    files = pl.read_parquet(folder / "files.parquet").with_row_index("n")
    wrong = pl.when(pl.col("n") < NAMED + 7).then(pl.lit("the header says 360_day"))
    files.with_columns(contradiction=wrong).write_parquet(folder / "files.parquet")
    pl.DataFrame(schema=REJECTED).write_parquet(folder / "rejected.parquet")
    told = RootNight("a", "F", "/a")
    told.take_stock(snapshot)
    assert (len(told.contradictions), told.contradictions_count) == (NAMED, NAMED + 7)
    assert (told.datasets, told.size) == (1, NAMED + 8)
