"""Publishing: whatever happens on the way, a reader has the old catalog whole or the new one."""

from __future__ import annotations

import errno
import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from climeri_platform.catalog import (
    CatalogView,
    assembly,
    build_catalog,
    open_snapshot,
    pieces,
    publish,
)
from climeri_platform.catalog.layout import snapshot_names
from climeri_platform.core.errors import StoreBusy, StoreDamaged, StoreError

OBS = "NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"
# everything by which publishing changes the disk
STEPS = [
    (os, "replace"),
    (os, "link"),
    (os, "mkdir"),
    (os, "fsync"),
    (Path, "write_text"),
    (gzip.GzipFile, "write"),
    (pl.DataFrame, "write_parquet"),
    (pl.LazyFrame, "sink_parquet"),
]


class Fault:
    """Counts the steps, and does something before, or in the middle of, the chosen one."""

    def __init__(self, monkeypatch, at=0, how=None):
        self.count, self.at, self.how, self.names = 0, at, how, []
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, real):
        def step(*args, **options):
            if real.__name__ == "mkdir" and Path(args[0]).is_dir():
                return real(*args, **options)  # changes nothing
            self.count += 1
            self.names.append(real.__name__)
            if self.count == self.at:
                self.how(real, args, options)
            return real(*args, **options)

        return step


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refused_by_polars(*_, **__):
    raise pl.exceptions.ComputeError("No space left on device")


@pytest.fixture
def archive(plant, tas, monkeypatch):
    """A store's sources: an old state with one dataset, a new one with two, another family."""
    monkeypatch.setattr(assembly, "_PART", 1)  # tables of several pieces are written otherwise
    monkeypatch.setattr(pieces, "_WHOLE", 1)
    root = plant([tas()])
    obs = plant([OBS], root="obs")

    def make(store):
        build_catalog("obs4MIPs", obs, store=store)
        build_catalog("CMIP6", root, store=store, root_id="r")

    def grow():
        plant([tas("ssp585")])

    return root, make, grow


def state(store):
    """What a reader sees, every table read."""
    view = CatalogView.open("CMIP6", store)
    assert view.files().height == view.datasets.height == len(view)
    assert CatalogView.open("obs4MIPs", store).files().height == 1
    return len(view)


def steps_of_a_build(archive, store, monkeypatch):
    root, make, grow = archive
    make(store)
    grow()
    with monkeypatch.context() as patch:
        fault = Fault(patch)
        build_catalog("CMIP6", root, store=store, root_id="r")
    return fault.names


def test_every_write_may_fail(archive, tmp_path, monkeypatch, plant, tas):
    root, make, _ = archive
    steps = steps_of_a_build(archive, tmp_path / "count", monkeypatch)
    assert len(steps) > 30  # the faults below are real ones
    assert {real.__name__ for real in (getattr(*each) for each in STEPS)} == set(steps)
    outcomes = set()
    for at, step in enumerate(steps, 1):
        if step == "link":
            continue  # what cannot be linked is copied
        store = tmp_path / f"store-{at}"
        (root / tas("ssp585")).unlink(missing_ok=True)
        make(store)
        plant([tas("ssp585")])
        with monkeypatch.context() as patch:
            Fault(patch, at, no_space)
            with pytest.raises(StoreError) as told:
                build_catalog("CMIP6", root, store=store, root_id="r")
        assert "No space left" in told.value.message, at
        after = state(store)
        outcomes.add(after)
        if "unchanged" in told.value.hint and after != 1:
            # only the sync of the folder can fail once CURRENT names the new one
            assert (store / "CURRENT").read_text().strip() == open_snapshot(store).name
        assert not list(store.glob("snapshots/.building-*")), at
        assert not [*store.glob(".CURRENT.*"), *store.glob("export/*/.*")], at
        build_catalog("CMIP6", root, store=store, root_id="r")
        assert state(store) == 2
    assert outcomes == {1, 2}


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", [3, 8, 15])
def test_what_somebody_ends_leaves_nothing(archive, tmp_path, monkeypatch, at):
    root, make, grow = archive
    store = tmp_path / "store"
    make(store)
    grow()
    was = sorted((store / "snapshots").iterdir())
    with monkeypatch.context() as patch:
        Fault(patch, at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_catalog("CMIP6", root, store=store, root_id="r")
    assert sorted((store / "snapshots").iterdir()) == was
    assert state(store) == 1


ENDED = """
import os, signal, sys
import polars as pl
from pathlib import Path
from climeri_platform.catalog.assembly import FamilyTables
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.publish import prepare_store, publish, writing
from climeri_platform.catalog.tables import REJECTED, files_schema

class Parts:
    def __iter__(self):
        for _ in range(3):
            yield pl.DataFrame(schema=files_schema(family)).clear(1)
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            yield pl.DataFrame(schema=files_schema(family)).clear(1)

store, family = Path(sys.argv[1]), load_family("CMIP6")
counts = {"walked": "2026-01-01", "found": 1, "catalogued": 1, "rejected": 0}
root = Root(root_id="r", mount="/r", family="CMIP6", **counts)
tables = FamilyTables(family, Parts(), pl.DataFrame(schema=REJECTED))
prepare_store(store)
with writing(store):
    publish(store, [tables], [root], site="local", previous=None)
"""


def test_ctrl_c_while_a_table_is_written_leaves_nothing(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", ENDED, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGINT, ended.stderr
    assert list((tmp_path / "store/snapshots").iterdir()) == []


def test_what_cannot_be_linked_is_copied(archive, tmp_path, monkeypatch):
    root, make, _ = archive
    make(tmp_path / "store")
    monkeypatch.setattr(os, "link", no_space)
    build_catalog("CMIP6", root, store=tmp_path / "store", root_id="r")
    assert state(tmp_path / "store") == 1


@pytest.mark.parametrize(
    ("frame", "write"), [(pl.DataFrame, "write_parquet"), (pl.LazyFrame, "sink_parquet")]
)
def test_polars_may_refuse_too(archive, tmp_path, monkeypatch, frame, write):
    root, make, grow = archive
    make(tmp_path / "store")
    grow()
    monkeypatch.setattr(frame, write, refused_by_polars)
    with pytest.raises(StoreError, match="No space left"):
        build_catalog("CMIP6", root, store=tmp_path / "store", root_id="r")
    assert state(tmp_path / "store") == 1


KILLED = """
import gzip, os, signal, sys
from pathlib import Path
import polars as pl
from climeri_platform.catalog import assembly, build_catalog, pieces
assembly._PART = pieces._WHOLE = 1
at, count = int(sys.argv[1]), 0
def around(real):
    def step(*args, **options):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)
    return step
for owner, name in [(os, "replace"), (os, "link"), (os, "mkdir"), (Path, "write_text"),
                    (gzip.GzipFile, "write"), (pl.DataFrame, "write_parquet"),
                    (pl.LazyFrame, "sink_parquet")]:
    setattr(owner, name, around(getattr(owner, name)))
build_catalog("CMIP6", sys.argv[2], store=sys.argv[3], root_id="r")
"""


def test_the_writer_may_be_killed_at_every_step(archive, tmp_path):
    root, make, grow = archive
    stores = {at: tmp_path / f"store-{at}" for at in range(1, 66, 4)}
    for store in stores.values():
        make(store)
    grow()

    def kill(at):
        command = [sys.executable, "-c", KILLED, str(at), root, stores[at]]
        return at, subprocess.run(command, check=False, capture_output=True).returncode

    with ThreadPoolExecutor(2) as pool:
        codes = dict(pool.map(kill, stores))
    killed = [at for at, code in codes.items() if code == -signal.SIGKILL]
    assert set(codes.values()) == {0, -signal.SIGKILL}  # the last ones ran to their end
    assert len(killed) > 5
    outcomes = {state(stores[at]) for at in killed}
    assert outcomes == {1, 2}
    for at in killed:
        build_catalog("CMIP6", root, store=stores[at], root_id="r")
        assert state(stores[at]) == 2
        left = list(stores[at].rglob(".*"))
        assert left == [], (at, left)


def test_a_first_build_may_be_killed(archive, tmp_path):
    root, _, grow = archive
    grow()
    for at in (1, 5, 12, 14):
        store = tmp_path / f"first-{at}"
        subprocess.run(
            [sys.executable, "-c", KILLED, str(at), root, store], check=False, capture_output=True
        )
        try:
            assert len(CatalogView.open("CMIP6", store)) == 2
        except StoreError as told:
            assert told.hint  # noqa: PT017 - either is right
        build_catalog("CMIP6", root, store=store, root_id="r")
        assert len(CatalogView.open("CMIP6", store)) == 2


def test_two_writers(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys, time; from pathlib import Path\n"
                "from climeri_platform.catalog.publish import writing\n"
                "with writing(Path(sys.argv[1])):\n"
                "    print('held', flush=True); time.sleep(60)"
            ),
            store,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreBusy) as busy:
            build_catalog("CMIP6", root, store=store, root_id="r")
        assert f"pid {holder.pid} on {os.uname().nodename}" in busy.value.message
        assert state(store) == 1  # readers do not wait
        holder.kill()
    # who died on this host is followed at once
    build_catalog("CMIP6", root, store=store, root_id="r")


def test_many_writers_and_readers_at_once(archive, tmp_path):
    root, make, grow = archive
    store = tmp_path / "store"
    make(store)
    grow()
    done = threading.Event()
    seen = []

    def read():
        while not done.is_set():
            seen.append(state(store))

    def write(_):
        until = time.monotonic() + 60  # not a number of turns: a busy machine makes them long
        while time.monotonic() < until:
            try:
                return build_catalog("CMIP6", root, store=store, root_id="r")
            except StoreBusy:
                time.sleep(0.05)
        raise AssertionError("never its turn")

    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(read)
        reports = list(pool.map(write, range(5)))
        done.set()
        reader.result()
    assert len({each.snapshot for each in reports}) == 5
    assert set(seen) <= {1, 2}
    assert len(seen) > 3


def test_a_lock_that_cannot_be_had_is_told(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    (store / ".writing").mkdir()
    with pytest.raises(StoreError, match="cannot be locked") as told:
        build_catalog("CMIP6", root, store=store, root_id="r")
    assert not isinstance(told.value, StoreBusy)
    assert state(store) == 1


def test_a_reader_keeps_its_snapshot_while_others_publish(archive, tmp_path):
    root, make, grow = archive
    store = tmp_path / "store"
    make(store)
    old = CatalogView.open("CMIP6", store)
    grow()
    build_catalog("CMIP6", root, store=store, root_id="r")
    assert (len(old), old.files().height) == (1, 1)
    assert state(store) == 2
    assert old.snapshot.name != open_snapshot(store).name


def test_a_week_of_snapshots_is_kept(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    first = CatalogView.open("CMIP6", store)
    names = [build_catalog("CMIP6", root, store=store, root_id="r").snapshot for _ in range(9)]
    assert publish.KEPT_SNAPSHOTS == 7
    assert snapshot_names(store) == names[-7:]
    assert open_snapshot(store).name == names[-1]
    assert len(set(names)) == len(names)  # a name never stands for two states
    with pytest.raises(StoreDamaged, match="there no longer") as told:
        first.files()
    assert "open the catalog again" in told.value.hint


def test_the_newest_stays_the_newest_when_the_clock_went_back(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    for number in range(8):
        (store / "snapshots" / f"2999010{number + 1}T000000Z").mkdir()
    for count in (2, 3):
        report = build_catalog("CMIP6", root, store=store, root_id="r")
        assert report.snapshot == f"29990108T000000Z-{count}"
        assert snapshot_names(store)[-1] == open_snapshot(store).name == report.snapshot
    assert state(store) == 1


def test_snapshots_share_what_did_not_change(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    before = open_snapshot(store).folder / "obs4MIPs" / "files.parquet"
    build_catalog("CMIP6", root, store=store, root_id="r")
    after = open_snapshot(store).folder / "obs4MIPs" / "files.parquet"
    assert before != after
    assert before.samefile(after)


def test_the_export_names_its_own_snapshot(archive, tmp_path):
    root, make, _ = archive
    store = tmp_path / "store"
    make(store)
    name = build_catalog("CMIP6", root, store=store, root_id="r").snapshot
    for each in (store / "export" / "local").glob("*.json"):
        assert f"/snapshots/{name}/export/local/" in each.read_text()
