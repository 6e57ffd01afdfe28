"""The log, what changed, going back, and the guard against a mount that went away half."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.catalog import CatalogView, build_catalog, history, open_snapshot
from climeri_platform.catalog.history import (
    _hash,
    _of_family,
    _Tables,
    changes,
    check_store,
    named_snapshot,
    snapshot_log,
)
from climeri_platform.catalog.publish import roll_back, writing
from climeri_platform.cli.front import run
from climeri_platform.core.errors import RootShrunk, StoreBusy, StoreDamaged, UnknownValue

if TYPE_CHECKING:
    from pathlib import Path


def dataset(root: Path, model: str, version: str = "v20200101") -> Path:
    folder = root / f"CMIP6/CMIP/IPSL/{model}/historical/r1i1p1f1/Amon/tas/gr/{version}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"tas_Amon_{model}_historical_r1i1p1f1_gr_185001-201412.nc"
    file.write_bytes(b"x" * 10)
    return file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(20):
        dataset(tmp_path / "root", f"MODEL-{number:02}")
    return tmp_path / "root"


@pytest.fixture
def store(root: Path, tmp_path: Path) -> Path:
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="root")
    return tmp_path / "store"


def test_the_log_lists_every_snapshot_newest_first(store, root):
    first = open_snapshot(store).name
    dataset(root, "MODEL-99")
    build_catalog("CMIP6", root, store=store, root_id="root")
    newest, oldest = snapshot_log(store)
    assert (oldest.snapshot, oldest.current, oldest.files) == (first, False, {"CMIP6": 20})
    assert (newest.current, newest.files) == (True, {"CMIP6": 21})
    (store / "snapshots" / first / "snapshot.json").write_text("{")
    assert "cannot be read" in snapshot_log(store)[1].problem


def test_what_changed_is_told_by_kind(store, root, tmp_path):
    before = open_snapshot(store).name
    assert changes(before, store=store) == []
    new = dataset(root, "MODEL-77")
    dataset(root, "MODEL-00", "v20210101")
    rewritten = dataset(root, "MODEL-01")
    rewritten.write_bytes(b"y" * 11)
    gone = dataset(root, "MODEL-02")
    gone.unlink()
    old = dataset(root, "MODEL-03").parent
    os.utime(next(old.iterdir()), ns=(1, 1))
    build_catalog("CMIP6", root, store=store, root_id="root")
    before_move = open_snapshot(store).name
    (change,) = changes(before, store=store)

    def named(path: Path) -> str:
        return f"root:{path.relative_to(root)}"

    assert named(new) in change.added
    assert change.gone == [named(gone)]
    assert set(change.changed) == {named(rewritten), named(next(old.iterdir()))}
    key = "CMIP.IPSL.MODEL-00.historical.r1i1p1f1.Amon.tas.gr"
    assert change.re_versioned == [(key, "v20200101", "v20210101")]
    old.rename(old.with_name("v20190101"))
    build_catalog("CMIP6", root, store=store, root_id="root")
    (change,) = changes(before_move, store=store)
    assert (change.added, change.gone) == ([], [])
    ((was, now),) = change.moved
    assert "/v20200101/" in was
    assert "/v20190101/" in now


def table(rows):
    """Tables of files, of (path, size, time) each."""
    names = ["root", "path", "size", "mtime", "dataset", "version", "latest"]
    kinds = [pl.String, pl.String, pl.Int64, pl.Int64, pl.String, pl.String, pl.Boolean]
    whole = [("root", path, size, mtime, "d", "v1", True) for path, size, mtime in rows]
    rows = pl.LazyFrame(whole, schema=dict(zip(names, kinds, strict=True)), orient="row")
    return _Tables(rows, rows.head(1))


files = st.lists(
    st.tuples(
        st.builds("{}/{}.nc".format, st.sampled_from("abcdef"), st.sampled_from("xyz")),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([None, 1, 2]),
    ),
    unique_by=lambda row: row[0],
)


@given(files, files)
def test_moved_are_those_that_only_one_place_can_have_come_from(before, after):
    was, now = dict.fromkeys(row[0] for row in before), dict.fromkeys(row[0] for row in after)
    left = [row for row in before if row[0] not in now]
    came = [row for row in after if row[0] not in was]
    # every pair that could be meant, and of these the ones of which neither side is in another
    pairs = [
        (old[0], new[0])
        for old in left
        for new in came
        if (old[0][2:], *old[1:]) == (new[0][2:], *new[1:]) and None not in old
    ]
    olds, news = Counter(old for old, _ in pairs), Counter(new for _, new in pairs)
    sure = sorted((old, new) for old, new in pairs if olds[old] == news[new] == 1)
    change = _of_family(table(before), table(after), "CMIP6")
    assert change.moved == [(f"root:{old}", f"root:{new}") for old, new in sure]
    assert len(change.gone) == len(left) - len(sure)
    assert len(change.added) == len(came) - len(sure)


def test_thousands_of_equal_files_that_were_renamed_cost_no_millions_of_pairs():
    alike = [(f"{{}}/{number}/data.nc", 10, 1) for number in range(5_000)]
    before, after = ([(path.format(top), *rest) for path, *rest in alike] for top in "ab")
    started = time.process_time()
    change = _of_family(table([*before, ("a/x.nc", 1, 1)]), table([*after, ("b/x.nc", 1, 1)]), "F")
    assert time.process_time() - started < 2, "25 million pairs"
    assert change.moved == [("root:a/x.nc", "root:b/x.nc")]
    assert (len(change.gone), len(change.added)) == (5_000, 5_000)


@given(files, files, st.sampled_from([1, 2**64 - 1]))
def test_paths_of_one_hash_are_told_apart(before, after, mask):
    with pytest.MonkeyPatch.context() as patched:
        first = _hash

        def poor(names, seed):
            return first(names, seed) & pl.lit(mask if seed == 1 else 2**64 - 1, pl.UInt64)

        patched.setattr(history, "_hash", poor)
        change = _of_family(table(before), table(after), "F")
    was, now = {row[0]: row[1:] for row in before}, {row[0]: row[1:] for row in after}
    differ = [
        path
        for path in was.keys() & now.keys()
        if any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(was[path], now[path], strict=True)
        )
    ]
    assert change.changed == [f"root:{path}" for path in sorted(differ)]
    assert len(change.gone) + len(change.moved) == len(was.keys() - now.keys())
    assert len(change.added) + len(change.moved) == len(now.keys() - was.keys())


def test_a_family_that_came_is_all_added(store, tmp_path):
    before = open_snapshot(store).name
    folder = tmp_path / "obs/INST/SOURCE/mon/tas/gn/v1"
    folder.mkdir(parents=True)
    (folder / "tas_mon_SOURCE_DEMO_gn_195001-201412.nc").write_bytes(b"x")
    build_catalog("obs4MIPs", tmp_path / "obs", store=store)
    (change,) = changes(before, store=store)
    assert (change.family, len(change.added)) == ("obs4MIPs", 1)


def test_going_back_and_forth(store, root):
    first = open_snapshot(store).name
    reader = open_catalog("CMIP6", store=store)
    dataset(root, "MODEL-99")
    build_catalog("CMIP6", root, store=store, root_id="root")
    second = open_snapshot(store).name
    roll_back(store, first)
    assert len(open_catalog("CMIP6", store=store)) == len(reader) == 20
    described = json.loads((store / "export" / "local" / "CMIP6.json").read_text())
    assert first in described["catalog_file"]
    assert named_snapshot(store, second).name == second
    roll_back(store, second)
    assert len(open_catalog("CMIP6", store=store)) == 21


def test_a_build_after_going_back_goes_on_from_there(store, root):
    first = open_snapshot(store).name
    dataset(root, "MODEL-99")
    build_catalog("CMIP6", root, store=store, root_id="root")
    second = open_snapshot(store).name
    roll_back(store, first)
    build_catalog("CMIP6", root, store=store, root_id="root")
    third = open_snapshot(store).name
    assert third > second
    assert len(open_catalog("CMIP6", store=store)) == 21


def test_only_whole_snapshots_are_gone_back_to(store, root):
    first = open_snapshot(store).name
    build_catalog("CMIP6", root, store=store, root_id="root")
    second = open_snapshot(store).name
    (store / "snapshots" / first / "CMIP6" / "files.parquet").write_bytes(b"PAR1")
    with pytest.raises(StoreDamaged):
        roll_back(store, first)
    assert open_snapshot(store).name == second
    with pytest.raises(UnknownValue, match="no snapshot"):
        named_snapshot(store, "20010101T000000Z")
    with writing(store), pytest.raises(StoreBusy):
        roll_back(store, second)


def test_check_finds_what_is_missing(store, tmp_path):
    assert check_store(store) == []
    snapshot = open_snapshot(store)
    folder = snapshot.folder / "CMIP6"
    files = pl.read_parquet(folder / "files.parquet")
    files.head(5).write_parquet(folder / "files.parquet")
    (store / "export" / "local" / "CMIP6.json").unlink()
    told = "\n".join(check_store(store))
    assert "had 20 rows in `files`, and has 5" in told
    assert "the datasets have 20 files, and the files are 5" in told
    assert "intake-esm" in told
    shutil.copy(folder / "datasets.parquet", tmp_path)
    (folder / "datasets.parquet").write_bytes(b"")
    assert "datasets.parquet" in "\n".join(check_store(store))


def test_half_a_mount_does_not_empty_the_catalog(store, root):
    before = open_snapshot(store).name
    for number in range(3):
        dataset(root, f"MODEL-{number:02}").unlink()
    with pytest.raises(RootShrunk, match=r"3 of the 20 CMIP6 files .* more than 10%"):
        build_catalog("CMIP6", root, store=store, root_id="root")
    assert open_snapshot(store).name == before
    assert len(open_catalog("CMIP6", store=store)) == 20
    build_catalog("CMIP6", root, store=store, root_id="root", accept_loss=True)
    assert len(open_catalog("CMIP6", store=store)) == 17


def test_a_few_files_may_go(store, root):
    dataset(root, "MODEL-00").unlink()
    dataset(root, "MODEL-01").unlink()
    build_catalog("CMIP6", root, store=store, root_id="root")
    assert len(CatalogView.open("CMIP6", store)) == 18


def test_the_command_line(store, root, capsys):
    first = open_snapshot(store).name
    dataset(root, "MODEL-99")
    assert (
        run(["catalog", "build", "CMIP6", str(root), "--store", str(store), "--root-id", "root"])
        == 0
    )
    capsys.readouterr()
    assert run(["catalog", "log", "--store", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["*", " "]
    assert run(["catalog", "diff", first, "--store", str(store)]) == 0
    assert "CMIP6: 1 added" in capsys.readouterr().out
    assert run(["catalog", "diff", first, "--store", str(store), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["added"]) == 1
    assert run(["catalog", "rollback", first, "--store", str(store)]) == 0
    assert run(["catalog", "check", "--store", str(store)]) == 0
    assert "is whole" in capsys.readouterr().out
    (store / "snapshots" / first / "CMIP6" / "datasets.parquet").write_bytes(b"")
    assert run(["catalog", "check", "--store", str(store)]) == 5
    assert run(["catalog", "rollback", "nonsense", "--store", str(store)]) == 2
    for number in range(9):
        dataset(root, f"MODEL-{number:02}").unlink()
    words = ["catalog", "build", "CMIP6", str(root), "--store", str(store), "--root-id", "root"]
    capsys.readouterr()
    assert run(words) == 11
    assert "--accept-loss" in capsys.readouterr().err
    assert run([*words, "--accept-loss"]) == 0
