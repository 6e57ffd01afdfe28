"""Building the archive: jobs for some processes, a marker when all is done."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import signal
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import ArchiveError, nearest
from climeri_platform.testing.jobs import Job, jobs_of, run_job
from climeri_platform.testing.recipe import ARCHIVE_ROOTS, ARCHIVE_VERSION
from climeri_platform.testing.sizes import SIZES
from climeri_platform.testing.truth import TRUTH_FILE, make_truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from climeri_platform.testing.recipe import Recipe

    Progress = Callable[[str, int, int], object]

__all__ = ["MARKER", "ArchiveSummary", "build_archive", "build_recipe"]

MARKER = "demonstration-archive.json"
"""Written first (``building``) and last (``complete``); it says that a folder is ours."""

_LOGGER = logging.getLogger(__name__)

_LOCK = ".demonstration-archive.lock"


@dataclass(frozen=True)
class ArchiveSummary:
    """What was built, or found.

    Parameters
    ----------
    directory, size
        Where, and which size.
    files, bytes
        Number of NetCDF files and their bytes.
    seconds
        How long this call took.
    reused
        If true, the archive was complete already.
    """

    directory: Path
    size: str
    files: int
    bytes: int
    seconds: float
    reused: bool


def build_archive(
    directory: str | os.PathLike[str],
    *,
    size: str = "small",
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> ArchiveSummary:
    """Write the demonstration archive, or find it complete.

    Parameters
    ----------
    directory
        A folder that is empty or does not exist, or that holds an archive of this size and
        version. An archive whose building was interrupted is built again in its place.
    size
        ``"small"`` (a demonstration, the seats of a workshop) or ``"full"`` (tests of science).
    workers
        Processes; by default, as many as the processors this process may use.
    replace
        If true, an archive of another version or size, or one that is no longer whole, makes way;
        by default it is refused.
    progress
        Called with the name of what was written, how many are done, and of how many.

    Returns
    -------
    ArchiveSummary

    Raises
    ------
    ArchiveError
        If the size is unknown, if the folder holds something else or cannot be written, or if
        the processes cannot be started. Nothing that is not ours is ever removed.

    Notes
    -----
    The bytes are the same for any number of workers. The processes are started afresh
    (``spawn``): a script needs the usual ``if __name__ == "__main__":`` around its call.

    Examples
    --------
    >>> summary = build_archive("demo")  # doctest: +SKIP
    >>> summary.size  # doctest: +SKIP
    'small'
    """
    if size not in SIZES:
        close = nearest(str(size), SIZES, count=1)
        raise ArchiveError(
            f"the demonstration archive has no size {size!r}",
            hint=f"Did you mean {close[0]!r}?" if close else f"Choose one of: {', '.join(SIZES)}.",
        )
    return build_recipe(
        Path(directory), SIZES[size](), workers=workers, replace=replace, progress=progress
    )


def build_recipe(
    directory: Path,
    recipe: Recipe,
    *,
    workers: int | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> ArchiveSummary:
    """Write the archive of any recipe: see :func:`build_archive`."""
    began = time.monotonic()
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 - a link stays the user's name
    count = len(os.sched_getaffinity(0)) if workers is None else workers
    if count < 1:
        raise ArchiveError(
            f"the archive cannot be built by {count} processes", hint="Give workers=1 or more."
        )
    mark = {"archive_version": ARCHIVE_VERSION, "size": recipe.size, "recipe": _digest(recipe)}
    found = None if replace else _inspect(directory, mark)
    reused = found is not None
    if found is None:
        with _locked(directory):
            # another builder may have finished between the look and the lock
            found = _inspect(directory, mark, replace=replace)
            reused = found is not None
            if found is None:
                found = _write(directory, recipe, mark, count, progress)
    seconds = time.monotonic() - began
    return ArchiveSummary(
        directory, recipe.size, found["files"], found["bytes"], seconds, reused=reused
    )


def _write(
    directory: Path, recipe: Recipe, mark: dict[str, Any], workers: int, progress: Progress | None
) -> dict[str, Any]:
    """Write everything, the marker first and last; return the last."""
    _write_json(directory / MARKER, {**mark, "state": "building"})
    written, told = _run(directory, recipe, workers, progress)
    _write_json(directory / TRUTH_FILE, make_truth(recipe, told))
    held = sum((directory / path).stat().st_size for path in written)
    done = {**mark, "state": "complete", "files": len(written), "bytes": held}
    _write_json(directory / MARKER, done)
    return done


def _digest(recipe: Recipe) -> str:
    """Hash everything that decides the bytes: the recipe and the code that cooks it."""
    digest = sha256(f"{ARCHIVE_VERSION} {recipe!r}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        if source.name not in {"defects.py", "strategies.py", "__init__.py"}:
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _inspect(
    directory: Path, mark: dict[str, Any], *, replace: bool = False
) -> dict[str, Any] | None:
    """Return the marker of a complete archive, None where one can be built, or refuse."""
    asked = f"the {mark['size']} demonstration archive cannot be written to {directory}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in directory.iterdir()} - {_LOCK}
    except OSError as error:
        raise ArchiveError(
            f"{asked}: {error.strerror or error}", hint="Give a folder that you may write to."
        ) from error
    if MARKER in names:
        try:
            return _compare(directory, mark, asked)
        except ArchiveError:
            if not replace:
                raise
            _make_way(directory)
            return None
    if names:
        raise ArchiveError(
            f"{asked}: it holds something else ({', '.join(sorted(names)[:3])})",
            hint="Give a folder that is empty or does not exist yet; nothing was changed.",
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ArchiveError(f"{asked}: permission denied", hint="Give a folder you may write to.")
    return None


def _compare(directory: Path, mark: dict[str, Any], asked: str) -> dict[str, Any] | None:
    try:
        held: dict[str, Any] = json.loads((directory / MARKER).read_text(encoding="utf-8"))
        same = {key: held[key] for key in mark} == mark
        complete = held["state"] == "complete" and (directory / TRUTH_FILE).is_file()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{asked}: its marker {MARKER} cannot be read ({error})",
            hint="Remove that folder yourself, or give another one.",
        ) from error
    if same and complete:
        _check_whole(directory, held, asked)
        return held
    if same:
        return None
    raise ArchiveError(
        f"{asked}: it holds a demonstration archive of size {held['size']!r}, "
        f"version {held['archive_version']}, made by another recipe",
        hint="Remove that folder yourself, or give another one.",
    )


def _make_way(directory: Path) -> None:
    """Remove an archive of ours, and nothing else that may lie in its folder."""
    for root in ARCHIVE_ROOTS.values():
        shutil.rmtree(directory / root, ignore_errors=True)
    (directory / TRUTH_FILE).unlink(missing_ok=True)


def _check_whole(directory: Path, held: dict[str, Any], asked: str) -> None:
    """Refuse an archive from which something was taken since; additions do not matter."""
    files = [path.stat().st_size for path in directory.rglob("*.nc") if path.is_file()]
    if len(files) < held["files"] or sum(files) < held["bytes"]:
        raise ArchiveError(
            f"{asked}: the archive there is no longer whole, it holds {len(files)} of "
            f"{held['files']} files and {sum(files)} of {held['bytes']} bytes",
            hint="Remove that folder yourself, then ask again; spoil copies only "
            "(climeri_platform.testing.defects.linked_tree).",
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep a second builder out of the folder."""
    path = directory / _LOCK
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be written to {directory}: {error.strerror or error}",
            hint="Give a folder that you may write to.",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(
                f"another process is building the archive in {directory}",
                hint="Wait until it is done, then ask again: a complete archive is reused.",
            ) from error
        except OSError:
            _LOGGER.debug("%s has no locks: one builder is taken for granted", directory)
        yield
        path.unlink(missing_ok=True)


def _end_with_the_terminal() -> None:
    """Let Ctrl-C end a worker at once; a pool would finish its job of some seconds, then another."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the workers now: none may go on writing when the folder is free for the next builder."""
    workers = list(pool._processes.values())  # noqa: SLF001 - Python 3.14 has terminate_workers
    pool.shutdown(wait=False, cancel_futures=True)
    for each in workers:
        each.terminate()
    for each in workers:
        each.join()


def _run(
    directory: Path, recipe: Recipe, workers: int, progress: Progress | None
) -> tuple[list[str], dict[str, Any]]:
    jobs = jobs_of(recipe)
    written: list[str] = []
    told: dict[str, Any] = {}
    results: dict[Job, tuple[list[str], dict[str, Any]]] = {}
    try:
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_end_with_the_terminal
        ) as pool:
            pending = {pool.submit(run_job, directory, recipe, job): job for job in jobs}
            try:
                for done, future in enumerate(as_completed(pending), start=1):
                    results[pending[future]] = future.result()
                    if progress is not None:
                        progress(f"{pending[future].kind} {pending[future].name}", done, len(jobs))
            except BaseException:
                _end(pool)
                raise
    except BrokenProcessPool as error:
        raise ArchiveError(
            f"a process that was building the archive in {directory} stopped",
            hint="In a script, call build_archive under `if __name__ == '__main__':`; "
            "otherwise look for missing memory, then ask again.",
        ) from error
    except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
        raise ArchiveError(
            f"the archive cannot be written to {directory}: {error}",
            hint="Look for the space left on the disk and for your quota, then ask again.",
        ) from error
    for job in jobs:
        paths, truth = results[job]
        written += paths
        for key, value in truth.items():
            told.setdefault(key, {}).update(value)
    return sorted(written), told


def _write_json(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be written to {path.parent}: {error.strerror or error}",
            hint="Make room there, or give another folder that you may write to.",
        ) from error
