"""What is known of a root: a scan that goes by it is the scan without it, row for row."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import (
    build_catalog,
    known,
    open_snapshot,
    pieces,
    reader,
    records,
)
from climeri_platform.catalog.apart import scan_apart
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.known import Known, known_table
from climeri_platform.catalog.parsing import Parser
from climeri_platform.catalog.pieces import rows_at
from climeri_platform.catalog.scan import Walking, compare_root
from climeri_platform.catalog.tables import files_schema

CMIP6 = load_family("CMIP6")
ROOT = Path("/nowhere")
GRID = "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr"
NAME = "tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{}.nc"
PATHS = [
    f"{GRID}/{version}/{NAME.format(span)}"
    for version in ("v20180803", "v20190101", "files/d20180803", "files/tas_20190101")
    for span in ("185001-194912", "195001-201412", "no time")
]
RECORD = st.fixed_dictionaries(
    {
        "path": st.sampled_from(PATHS),
        "size": st.integers(0, 2),
        "time": st.integers(1, 2),
        "inode": st.integers(1, 6),
        "blocks": st.integers(0, 1),
        "mode": st.sampled_from(["644", "640"]),
        "group": st.sampled_from(["7", "8"]),
    }
)
LISTS = st.lists(RECORD, min_size=1, max_size=10)


def written(folder, rows):
    form = "f\t{size}\t{time}.5000000000\t{time}.0000000000\t{inode}\t{blocks}\t{mode}\t{group}\t{path}\t"
    latest = f"l\t9\t1.0\t1.0\t99\t0\t777\t7\t{GRID}/latest\tv20180803"
    folder.mkdir(exist_ok=True)
    path = folder / "list"
    text = "\0".join([*(form.format(**row) for row in rows), latest, ""])
    path.write_bytes(text.encode())
    return path


def whole(found):
    """All that was found, with the rows of files that are as they were."""
    rows = found.in_table(None).fresh.sort("path")
    return SimpleNamespace(files=rows, rejected=found.rejected, skipped=found.skipped)


def scan(**more):
    return whole(compare_root(CMIP6, ROOT, "r", **more))


def said(scan):
    return scan.files, scan.rejected, scan.skipped


@given(before=LISTS, again=st.lists(st.booleans(), min_size=10, max_size=10), after=LISTS)
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize(("piece", "rows"), [(8 * 2**20, 500_000), (150, 2)])
def test_what_is_known_changes_nothing_but_the_work(
    tmp_path_factory, before, again, after, piece, rows
):
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(records, "_PIECE", piece)
        patched.setattr(pieces, "_PIECE", rows)
        patched.setattr(pieces, "_WHOLE", rows)
        first = scan(inventory=written(folder, before))
        # rows of another root stand between; a catalog is in another order than a list
        other = first.files.with_columns(root=pl.lit("other"))
        table = pl.concat([other, first.files]).sort("inode", "root", descending=True)
        table.write_parquet(folder / "files.parquet")
        stay = [each for each, stays in zip(before, again, strict=False) if stays]
        now = written(folder, [*stay, *after])
        lean = compare_root(
            CMIP6, ROOT, "r", inventory=now, known=pl.scan_parquet(folder / "files.parquet")
        )
        fresh = scan(inventory=now)
        assert lean.files == fresh.files.height
        assert sorted(whole(lean).files["path"]) == fresh.files["path"].to_list()
        for one, two in zip(said(whole(lean)), said(fresh), strict=True):
            assert one.equals(two) if isinstance(one, pl.DataFrame) else one == two


def _listed(files):
    return [
        {
            "path": path,
            "size": 1,
            "time": 1,
            "inode": 9 + at,
            "blocks": 8,
            "mode": "644",
            "group": "7",
        }
        for at, path in enumerate(files)
    ]


@pytest.fixture
def asked(monkeypatch):
    """Return the paths of which names are read."""
    paths = []
    real = Parser.parse
    monkeypatch.setattr(Parser, "parse", lambda self, new: paths.extend(new) or real(self, new))
    return paths


@pytest.mark.parametrize(
    ("column", "value"),
    [("size", 2), ("time", 2), ("inode", 30), ("blocks", 0), ("mode", "600"), ("group", "8")],
)
def test_whatever_a_list_says_otherwise_is_a_change(tmp_path, asked, column, value):
    rows = _listed(PATHS[:2])
    first = scan(inventory=written(tmp_path, rows)).files
    rows[1][column] = value
    asked.clear()
    lean = compare_root(CMIP6, ROOT, "r", inventory=written(tmp_path, rows), known=first)
    assert asked == [PATHS[1]] == lean.fresh["path"].to_list()
    assert lean.kept.to_list() == [0]


def test_paths_of_one_hash_are_told_apart(tmp_path, monkeypatch):
    rows = _listed(PATHS[:2])
    first = scan(inventory=written(tmp_path, rows)).files
    real = known._numbers
    monkeypatch.setattr(
        known,
        "_numbers",
        lambda group: [(pl.col("path").hash(1) * 0).alias("one"), *real(group)[1:]],
    )
    table = pl.concat([first.head(1), first.tail(1).with_columns(size=pl.lit(3, pl.Int64))])
    same = {each: rows[0][each] for each in ("size", "time", "inode")}
    other = [{**rows[1], **same}]
    lean = compare_root(CMIP6, ROOT, "r", inventory=written(tmp_path, other), known=table)
    assert lean.fresh["path"].to_list() == [PATHS[1]]
    assert lean.kept.is_empty()


@pytest.mark.parametrize("read", ["2026-01-01", None])
def test_what_headers_said_is_known_and_what_cards_and_lists_said_is_not(tmp_path, read):
    rows = _listed(PATHS[:2])
    fresh = scan(inventory=written(tmp_path, rows)).files
    known = fresh.with_columns(
        calendar=pl.lit("noleap"), header_read=pl.lit(read, pl.String), retracted=pl.lit(value=True)
    )
    table = known.with_columns(latest=pl.lit(value=True))
    again = scan(inventory=written(tmp_path, rows), known=table).files
    said = known.with_columns(retracted=pl.lit(None, pl.Boolean)) if read else fresh
    assert again.equals(said)


def test_rows_that_nobody_could_see_are_read_again(tmp_path, asked):
    rows = _listed(PATHS[:1])
    first = scan(inventory=written(tmp_path, rows)).files
    stale = first.with_columns(stale=pl.lit("2026-01-01"))
    asked.clear()
    again = scan(inventory=written(tmp_path, rows), known=stale)
    assert asked == PATHS[:1]
    assert again.files.equals(first)


def test_a_table_that_cannot_be_read_is_no_table(tmp_path):
    rows = _listed(PATHS[:2])
    inventory = written(tmp_path, rows)
    fresh = scan(inventory=inventory)
    table = tmp_path / "files.parquet"
    fresh.files.write_parquet(table)
    table.write_bytes(b"PAR1" + b"\0" * 50)
    lean = compare_root(CMIP6, ROOT, "r", inventory=inventory, known=pl.scan_parquet(table))
    assert whole(lean).files.equals(fresh.files)


def test_rows_at_places_come_in_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "_WHOLE", 3)
    frame = pl.LazyFrame({"n": range(10)})
    at = pl.Series([0, 2, 3, 4, 5, 9], dtype=pl.UInt32)
    found = [each["n"].to_list() for each in rows_at(frame, at)]
    assert found == [[0, 2], [3, 4, 5], [9]]
    assert Known(None, "r").kept.is_empty()
    assert set(files_schema(CMIP6)) >= set(known._SAME)


def test_known_is_what_the_same_rules_release_and_place_gave(tmp_path):
    store = tmp_path / "store"
    inventory = written(tmp_path, _listed(PATHS[:2]))
    build_catalog("CMIP6", ROOT, store=store, root_id="r", site="local", inventory=inventory)
    snapshot = open_snapshot(store)
    table = snapshot.folder / "CMIP6" / "files.parquet"
    assert known_table(snapshot, CMIP6, "r", str(ROOT)) == table
    assert known_table(None, CMIP6, "r", str(ROOT)) is None
    assert known_table(snapshot, CMIP6, "r", "/elsewhere") is None
    assert known_table(snapshot, CMIP6, "other", str(ROOT)) is None
    otherwise = CMIP6.model_copy(update={"title": "other rules"})
    assert known_table(snapshot, otherwise, "r", str(ROOT)) is None
    card = snapshot.folder / "snapshot.json"
    told = json.loads(card.read_text(encoding="utf-8"))
    told["roots"][0]["read_by"] = "0.0.1"
    card.write_text(json.dumps(told), encoding="utf-8")
    assert known_table(open_snapshot(store), CMIP6, "r", str(ROOT)) is None
    table.unlink()
    assert known_table(snapshot, CMIP6, "r", str(ROOT)) is None


@pytest.mark.parametrize("damage", ["none", "no Parquet", "a column is missing", "it is away"])
def test_a_child_goes_by_what_is_known(tmp_path, damage):
    rows = _listed(PATHS[:4])
    inventory = written(tmp_path, rows)
    fresh = scan(inventory=inventory)
    table = tmp_path / "files.parquet"
    fresh.files.write_parquet(table)
    if damage == "no Parquet":
        table.write_bytes(b"PAR1" + b"\0" * 50)
    elif damage == "a column is missing":
        fresh.files.drop("dataset").write_parquet(table)
    elif damage == "it is away":
        table.unlink()
    job = {
        "family": "CMIP6",
        "place": str(ROOT),
        "root_id": "r",
        "inventory": str(inventory),
        "how": asdict(Walking()),
        "cards": None,
        "known": str(table),
    }
    found = scan_apart(tmp_path / "job", job, patience=60)
    assert whole(found).files.equals(fresh.files)
    assert len(found.kept) == (found.files if damage == "none" else 0)
    assert found.rejected.equals(fresh.rejected)
    assert json.dumps(asdict(found.skipped)) == json.dumps(asdict(fresh.skipped))
    read = pl.read_parquet(tmp_path / "job" / "files.parquet").height
    assert read == (0 if damage == "none" else fresh.files.height)


def test_other_code_or_another_table_of_variables_reads_anew(tmp_path, monkeypatch):
    now = reader.reader_mark.__wrapped__()
    assert now == reader.reader_mark() == reader.reader_mark.__wrapped__()
    shutil.copytree(reader.data_path("catalogs"), tmp_path / "catalogs")
    shutil.copytree(Path(reader.__file__).parent, tmp_path / "code")
    monkeypatch.setattr(reader, "data_path", lambda name: tmp_path / name)
    monkeypatch.setattr(reader, "__file__", str(tmp_path / "code/reader.py"))
    assert reader.reader_mark.__wrapped__() == now
    seen = {now}
    for changed in (
        "catalogs/variables/libIGCM.yaml",
        "catalogs/vocabulary.yaml",
        "code/levels.py",
    ):
        with (tmp_path / changed).open("a") as file:
            file.write("# changed\n")
        seen.add(reader.reader_mark.__wrapped__())
    assert len(seen) == 4
