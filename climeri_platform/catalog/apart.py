"""Scanning a root in a process of its own, so that a hung mount costs that root and nothing else.

The child writes what it found into a folder; it is there whole once ``scan.json`` is.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.carding import cards_of, cards_text
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.folders import Noted, Trust
from climeri_platform.catalog.scan import Difference, Walking, compare_root
from climeri_platform.catalog.tables import UNREADABLE
from climeri_platform.catalog.walk import Skipped, check_root
from climeri_platform.core import errors
from climeri_platform.core.errors import ClimeriError, RootUnusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO


__all__ = ["child", "load_scan", "scan_apart"]

_CHILD = "import sys; from climeri_platform.catalog.apart import child; child(sys.argv[1])"
_TELL = 0.2  # seconds between two messages of progress


def scan_apart(
    folder: Path,
    job: dict[str, Any],
    *,
    patience: float,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Difference:
    """Scan a root in a child process.

    Parameters
    ----------
    folder
        Where the child writes; emptied first.
    job
        ``family``, ``place``, ``root_id``, ``inventory`` and ``how``, as `compare_root` takes them,
        ``cards``, a folder of simulation cards or None, and ``known``, a `files` table of which the
        child takes what did not change, or None; ``trust``, the fields of a `Trust` but
        ``to``, if directories may be left alone.
    patience
        Seconds without progress and without work after which the mount counts as hung.
    progress
        Is called with the number of files seen so far.
    stop
        Ends the child when it is set.

    Returns
    -------
    Difference

    Raises
    ------
    RootUnusable
        If the root cannot be walked, the mount does not answer, or the child died.
    ClimeriError
        What else the child raised.
    """
    # what is in it is believed later: it is nobody else's
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    job = {**job, "known": _held(job["known"], folder)}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    with (folder / "stderr").open("w", encoding="utf-8") as told:
        child = subprocess.Popen(  # noqa: S603 - our own code; it ends when its input does
            [sys.executable, "-P", "-c", _CHILD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
    try:
        _follow(child, job["place"], patience, progress, stop or threading.Event())
    finally:
        _end(child)
    if (folder / "error.json").exists():
        raise _told(json.loads((folder / "error.json").read_text(encoding="utf-8")))
    if not (folder / "scan.json").exists():
        last = (folder / "stderr").read_text(encoding="utf-8", errors="replace").splitlines()
        raise RootUnusable(
            f"the scan of {job['place']} ended with code {child.returncode}: "
            f"{last[-1] if last else 'it said nothing'}",
            hint="Its rows stay as they were. Is the memory of the machine enough?",
        )
    try:
        return load_scan(folder)
    except UNREADABLE:
        if job["known"] is None:
            raise
    # the table is damaged where the child had no need to look, or was pruned
    return scan_apart(
        folder, {**job, "known": None}, patience=patience, progress=progress, stop=stop
    )


def _held(table: str | None, folder: Path) -> str | None:
    """Return a name of a table that stays when its snapshot is pruned while the night runs."""
    if table is None:
        return None
    name = folder / "known.parquet"
    try:
        name.hardlink_to(table)
    except OSError:
        return table  # a file system without such links, or it is gone already
    return str(name)


def _follow(
    child: subprocess.Popen[str],
    place: str,
    patience: float,
    progress: Callable[[int], None] | None,
    stop: threading.Event,
) -> None:
    lines: queue.Queue[str | None] = queue.Queue()
    assert child.stdout is not None
    threading.Thread(target=_listen, args=(child.stdout, lines), daemon=True).start()
    work, alive = _work(child.pid), time.monotonic()
    while True:
        if stop.is_set():
            raise RootUnusable(f"the scan of {place} was ended with its night")
        try:
            line = lines.get(timeout=min(0.5, patience / 2))
        except queue.Empty:
            before, work = work, _work(child.pid)
            if work > before:  # it computes
                alive = time.monotonic()
            if time.monotonic() - alive < patience:
                continue
            raise RootUnusable(
                f"the root {place} has not answered for {patience:g} s",
                hint="Its mount hangs: its rows stay as they were. Ask who runs the file system.",
            ) from None
        if line is None:
            return
        alive = time.monotonic()
        if progress is not None:
            progress(int(line))


def _listen(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    with contextlib.suppress(ValueError):  # closed under our feet
        for line in stream:
            lines.put(line)
    lines.put(None)


def _work(pid: int) -> float:
    """Return the processor time of a process, in ticks; it stands still on a mount that hangs."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return float(fields[11]) + float(fields[12])


def _end(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(timeout=0 if child.poll() is None else None)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1)  # it may be about to end by itself
        child.kill()
        # a process that hangs in the file system dies when that answers: nobody waits for it here
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _told(error: dict[str, str]) -> ClimeriError:
    kind = getattr(errors, error["kind"], RootUnusable)
    raised: ClimeriError = kind(error["message"], hint=error["hint"])
    return raised


def load_scan(folder: Path) -> Difference:
    """Return what a child has written.

    Raises
    ------
    FileNotFoundError
        If it did not come to its end.
    OSError, polars.exceptions.PolarsError
        If what is known of the root, which it relies on, cannot be read.
    """
    told = json.loads((folder / "scan.json").read_text(encoding="utf-8"))
    known, cards, folders = told.pop("known"), told.pop("cards"), told.pop("folders")
    found = Difference(
        rules=load_family(told.pop("family")),
        fresh=pl.read_parquet(folder / "files.parquet"),
        known=pl.scan_parquet(known, glob=False) if known is not None else None,
        kept=pl.read_parquet(folder / "kept.parquet")["at"],
        rejected=pl.read_parquet(folder / "rejected.parquet"),
        skipped=Skipped(**told.pop("skipped")),
        cards=cards_of(cards) if cards is not None else None,
        known_at=Path(known) if known is not None else None,
        folders=Noted(**folders) if folders is not None else None,
        **told,
    )
    found.check()
    return found


def _save(found: Difference, job: dict[str, Any], folder: Path) -> None:
    found.fresh.write_parquet(folder / "files.parquet", compression="lz4")
    found.kept.to_frame("at").write_parquet(folder / "kept.parquet", compression="lz4")
    found.rejected.write_parquet(folder / "rejected.parquet", compression="lz4")
    told = {
        "family": job["family"],
        "root_id": found.root_id,
        "known": job["known"] if found.known is not None else None,
        "skipped": asdict(found.skipped),
        "walked": found.walked,
        "seconds": found.seconds,
        "cards": cards_text(found.cards) if found.cards is not None else None,
        "folders": asdict(found.folders) if found.folders is not None else None,
    }
    beside = folder / ".scan.json"
    beside.write_text(json.dumps(told), encoding="utf-8")
    beside.replace(folder / "scan.json")


def _compared(job: dict[str, Any], folder: Path, tell: Callable[[int], None]) -> Difference:
    inventory, known = job["inventory"], job["known"]
    trust = None
    if given := job.get("trust"):
        # directories are known by their rows
        given = given if known is not None else {**given, "known": None}
        trust = Trust(str(folder / "folders.parquet"), **given)
    place = check_root(job["place"]) if inventory is None else Path(job["place"])
    found = compare_root(
        load_family(job["family"]),
        place,
        job["root_id"],
        inventory=inventory,
        how=Walking(**{**job["how"], "first": tuple(job["how"]["first"])}),
        known=pl.scan_parquet(known, glob=False) if known is not None else None,
        progress=tell,
        trust=trust,
    )
    found.look_for_cards(place, folder=job["cards"], look=inventory is None)
    return found


def child(path: str) -> None:
    """Do the job that a folder holds, and end the process."""
    folder = Path(path)

    def ends_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=ends_with_parent, daemon=True).start()
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    last = 0.0

    def tell(seen: int) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > _TELL:
            last = now
            sys.stdout.write(f"{seen}\n")
            sys.stdout.flush()

    try:
        try:
            found = _compared(job, folder, tell)
        # part of what is known is damaged
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            found = _compared({**job, "known": None}, folder, tell)
    except ClimeriError as problem:
        told = {
            "kind": type(problem).__name__,
            "message": problem.message,
            "hint": problem.hint,
        }
        (folder / "error.json").write_text(json.dumps(told), encoding="utf-8")
    else:
        _save(found, job, folder)
    sys.stdout.flush()
    os._exit(0)  # threads that wait for a file system are not waited for
