"""A program: build a catalog again and again, killed at one step after the other.

It prints one line of JSON for each run: the step, and what was left. All runs are forks of this
process, which has imported everything and has no thread that a fork would miss.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

import polars as pl

from climeri_platform.catalog import CatalogView, assembly, build_catalog, open_snapshot, pieces
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


def forked(work):
    """Return what a fork printed, and how it ended."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(out)
            os.write(into, json.dumps(work()).encode())
            code = 0
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
            traceback.print_exc()
        os._exit(code)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        text = file.read()
    return json.loads(text or b"null"), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(root, template, store):
    assembly._PART = pieces._WHOLE = 1  # so that tables are written in several pieces too

    def build():
        return build_catalog("CMIP6", root, store=store, root_id="r").snapshot

    def count():
        steps = Steps(store)
        build()
        steps.over = True
        return steps.names

    def die(at, *, torn):
        Steps(store, at, torn=torn)
        build()

    def look():
        def state():
            view = CatalogView.open("CMIP6", store)
            obs = CatalogView.open("obs4MIPs", store).files().height
            return [len(view), view.files().height, obs, len(view.facets()["experiment_id"])]

        found, damage = state(), check_store(Path(store))
        build()
        hidden = [str(each.relative_to(store)) for each in Path(store).rglob(".*")]
        after = [open_snapshot(store).store.name, state(), check_store(Path(store)), hidden]
        return {"found": found, "damage": damage, "after": after[1:]}

    def fresh():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(template, store)

    fresh()
    names, code = forked(count)
    assert code == 0
    threads = {each.read_text().strip() for each in Path("/proc/self/task").glob("*/comm")}
    assert threads <= {Path("/proc/self/comm").read_text().strip(), "jemalloc_bg_thd"}  # fork-safe
    ways = [(at, False) for at in range(1, len(names) + 2)]
    ways += [(at, True) for at, name in enumerate(names, 1) if name.startswith(("open", "parquet"))]
    for at, torn in ways:
        name = names[at - 1] if at <= len(names) else "the end"
        if name.startswith("fsync") and at % 8:
            continue  # most of them differ in nothing but what a power cut would take
        fresh()
        _, code = forked(lambda at=at, torn=torn: die(at, torn=torn))
        left, looked = forked(look)
        line = {"step": name, "torn": torn, "code": code, "looked": looked, "left": left}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
