"""A program: build a catalog again and again, killed at one step after the other.

It prints one line of JSON for each run: the step, and what was left. Each run is a process of its
own: polars has threads from its import on, which a fork would miss.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from climeri_platform.catalog import CatalogView, assembly, build_catalog, pieces
from climeri_platform.catalog.history import check_store

AUDITED = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Steps:
    """Counts what changes the disk below a store; dies before, or in the middle of, one of it."""

    def __init__(self, store, at=0, *, torn=False):
        self.store, self.at, self.torn, self.names, self.over = str(store), at, torn, [], False
        sys.addaudithook(self.audited)
        real_sync, real_write = os.fsync, pl.DataFrame.write_parquet
        real_sink = pl.LazyFrame.sink_parquet

        def fsync(handle):
            self.step("fsync", str(Path(f"/proc/self/fd/{handle}").readlink()))
            real_sync(handle)

        def write_parquet(frame, path, **options):
            self.step("parquet", str(path))  # polars opens files unseen
            real_write(frame, path, **options)

        def sink_parquet(frame, path, **options):
            self.step("parquet", str(path))
            real_sink(frame, path, **options)

        os.fsync, pl.DataFrame.write_parquet = fsync, write_parquet
        pl.LazyFrame.sink_parquet = sink_parquet

    def audited(self, event, args):
        if event not in AUDITED or self.over or not isinstance(args[0], (str, Path)):
            return
        if event == "open" and not args[2] & WRITES:
            return
        self.step(event, str(args[0]))

    def step(self, name, path):
        if self.over or not path.startswith(self.store):
            return
        self.names.append(f"{name} {path.removeprefix(self.store)}")
        if len(self.names) != self.at:
            return
        self.over = True
        if self.torn:
            with Path(path).open("wb") as file:
                file.write(b"PAR1" if name == "parquet" else b"")
        os.kill(os.getpid(), signal.SIGKILL)


def build(root, store):
    return build_catalog("CMIP6", root, store=store, root_id="r").snapshot


def die(root, store, at, torn):
    """Build until a step, and print the steps if none of them was the last."""
    steps = Steps(store, int(at), torn=torn == "torn")
    build(root, store)
    steps.over = True
    sys.stdout.write(json.dumps(steps.names))


def spawned(root, store, at, *, torn=False):
    """Return the steps of a build in a process of its own, and how it ended."""
    words = [__file__, "die", root, store, str(at), "torn" if torn else "whole"]
    done = subprocess.run([sys.executable, *words], check=False, stdout=subprocess.PIPE)
    return json.loads(done.stdout or b"[]"), done.returncode


def look(root, store):
    """Return what a reader finds, before the next build and after it."""

    def state():
        view = CatalogView.open("CMIP6", store)
        obs = CatalogView.open("obs4MIPs", store).files().height
        return [len(view), view.files().height, obs, len(view.facets()["experiment_id"])]

    found, damage = state(), check_store(store)
    build(root, store)
    hidden = [str(each.relative_to(store)) for each in store.rglob(".*")]
    return {"found": found, "damage": damage, "after": [state(), check_store(store), hidden]}


def main(root, template, folder):
    def fresh(name):
        return Path(shutil.copytree(template, Path(folder) / str(name)))

    names, code = spawned(root, fresh("count"), 0)
    assert code == 0
    ways = [(at, False) for at in range(1, len(names) + 2)]
    ways += [(at, True) for at, name in enumerate(names, 1) if name.startswith(("open", "parquet"))]
    # most syncs differ in nothing but what a power cut would take
    ways = [
        (at, torn)
        for at, torn in ways
        if at > len(names) or at % 8 == 0 or not names[at - 1].startswith("fsync")
    ]

    def killed(way):
        at, torn = way
        store = fresh(f"{at}-torn" if torn else at)
        return store, spawned(root, store, at, torn=torn)[1]

    with ThreadPoolExecutor(2) as pool:
        for (at, torn), (store, code) in zip(ways, pool.map(killed, ways), strict=True):
            name = names[at - 1] if at <= len(names) else "the end"
            line = {"step": name, "torn": torn, "code": code, "left": look(root, store)}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    assembly._PART = pieces._WHOLE = 1  # so that tables are written in several pieces too
    if sys.argv[1] == "die":
        die(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
