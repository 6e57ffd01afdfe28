"""What was published is on the disk, in the right order, and nothing half done is ever seen."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from climeri_platform.catalog import CatalogView, build_catalog, open_snapshot
from climeri_platform.catalog.facets import FACETS_TABLE

OBS = "NASA/GPCP/mon/pr/gn/v1/pr_mon_GPCP_BE_gn_197901-197912.nc"
CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,openat,close"


@pytest.fixture
def store(plant, tas, tmp_path):
    """A store of two families, one of which has changed since."""
    folder = tmp_path / "store"
    build_catalog("obs4MIPs", plant([OBS], root="obs"), store=folder)
    build_catalog("CMIP6", plant([tas()]), store=folder, root_id="r")
    plant([tas("ssp585")])
    return folder


@dataclass(frozen=True)
class Call:
    """A system call that succeeded: its name, and the absolute paths in it."""

    name: str
    paths: list[str]
    writes: bool


def traced(command, trace):
    done = subprocess.run(
        ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", trace, *command],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    begun, calls = {}, []
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            text = begun.pop(pid) + text[resumed.end() :]
        name, _, rest = text.partition("(")
        if re.search(r"\) += (-1|\?)", rest) or not re.search(r"\) += \d", rest):
            continue
        if name in ("fsync", "fdatasync", "close"):
            paths = re.findall(r"^\d+<([^>]*)>", rest)
        else:
            paths = re.findall(r'"([^"]*)"', rest)
        calls.append(Call(name, paths, bool(re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest))))
    return calls


def only(calls, name, target):
    (at,) = [
        at
        for at, call in enumerate(calls)
        if call.name.startswith(name) and call.paths[1] == target
    ]
    return at


def synced(calls, path, after, before):
    return any(
        call.name in ("fsync", "fdatasync") and call.paths == [str(path)]
        for call in calls[after + 1 : before]
    )


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_all_is_on_the_disk_before_it_has_its_name(first, store, plant, tmp_path, strace):
    if first:
        store = tmp_path / "new"
    program = "from climeri_platform.cli import main; main()"
    build = ["catalog", "build", "CMIP6", str(tmp_path / "archive/CMIP6"), "--root-id", "r"]
    words = [sys.executable, "-c", program, *build, "--store", str(store)]
    calls = traced(words, tmp_path / "trace")
    snapshot = open_snapshot(store)
    building = store / "snapshots" / f".building-{snapshot.name}"
    named = only(calls, "rename", str(snapshot.folder))
    current = only(calls, "rename", str(store / "CURRENT"))
    assert calls[named].paths[0] == str(building)
    assert named < current

    inside = [snapshot.folder, *snapshot.folder.rglob("*")]
    assert len(inside) > (10 if first else 15)
    for each in inside:
        was = building / each.relative_to(snapshot.folder)
        # the last moment at which it, or the list of what is in it, changed
        changed = max(
            at
            for at, call in enumerate(calls[:named])
            if (call.writes and call.paths == [str(was)])
            or (call.name.startswith(("mkdir", "link")) and call.paths[-1] == str(was))
            or (
                (call.writes or call.name.startswith(("mkdir", "link")))
                and str(Path(call.paths[-1]).parent) == str(was)
            )
        )
        if each.is_file() and calls[changed].name == "openat":
            closes = [
                at
                for at, call in enumerate(calls[:named])
                if call.name == "close" and call.paths == [str(was)]
            ]
            changed = next(at for at in closes if at > changed)
        assert synced(calls, was, changed, named), each
    for folder in (store / "snapshots", store):
        assert synced(calls, folder, named, current), folder
    if first:
        made = [
            at
            for at, call in enumerate(calls)
            if call.name == "mkdir" and call.paths == [str(store)]
        ]
        assert synced(calls, store.parent, made[-1], named)
    draft = calls[current].paths[0]
    drafted = max(at for at, call in enumerate(calls) if call.writes and call.paths == [draft])
    assert synced(calls, draft, drafted, current)
    assert synced(calls, store, current, len(calls))
    # and what names the new snapshot to others comes after it is the published one
    for each in (store / "export").rglob("*.json"):
        at = only(calls, "rename", str(each))
        assert at > current
        assert synced(calls, each.parent, at, len(calls))
        assert synced(calls, calls[at].paths[0], current, at)


def test_killed_at_every_step_a_reader_has_the_old_or_the_new(store, tmp_path):
    program = Path(__file__).with_name("killed_publish.py")
    command = [sys.executable, program, tmp_path / "archive/CMIP6", store, tmp_path / "copies"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    old, new = [1, 1, 1, 1], [2, 2, 1, 2]
    seen = []
    for run in runs:
        ended = run["step"] == "the end"
        assert run["code"] == (0 if ended else -signal.SIGKILL), run
        assert run["left"]["found"] in (old, new), run
        assert run["left"]["damage"] == [], run
        *after, hidden = run["left"]["after"]
        assert after == [new, []], run
        # an empty file says not whose it is: it goes when it is old
        unnamed = run["torn"] and run["step"].startswith("open /.writing.by-")
        assert len(hidden) == unnamed, run
        if not run["torn"]:
            seen.append(run["left"]["found"])
    # old until one step, and new from then on
    assert seen == sorted(seen)
    assert seen[0] == old
    assert seen[-1] == new
    steps = {run["step"].partition(" ")[0] for run in runs}
    assert steps == {
        *("open", "parquet", "fsync", "os.rename", "os.link", "os.remove", "os.mkdir", "the")
    }
    assert sum(run["torn"] for run in runs) > 10
    assert len(runs) > 60


def test_counts_of_the_whole_catalog_are_published(store, plant, tas):
    build_catalog("CMIP6", plant([tas(version="v20190101")]), store=store, root_id="r")
    # a replica counts once
    build_catalog("CMIP6", plant([tas()], root="mirror"), store=store, root_id="mirror")
    published = CatalogView.open("CMIP6", store)
    folder = published.snapshot.folder
    for family in ("CMIP6", "obs4MIPs"):
        assert (folder / family / FACETS_TABLE).is_file()
    table = folder / "CMIP6" / FACETS_TABLE
    told = published.facets()
    assert told["experiment_id"] == {"historical": 1, "ssp585": 1}
    # a store that moved is another one, of which nothing is remembered
    moved = store.rename(store.with_name("moved"))
    (moved / table.relative_to(store)).unlink()
    counted = CatalogView.open("CMIP6", moved)
    assert counted.facets() == told
    assert list(counted.facets()) == list(told)
