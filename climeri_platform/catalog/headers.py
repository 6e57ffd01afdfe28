"""Reading headers: what only the files themselves say, for files that are new or have changed.

The work is done by processes of their own (`catalog.header_workers`), on this machine or on those
of a Dask client. A file that kills or hangs one is named; the others are read.
"""

from __future__ import annotations

import math
import os
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.header_names import ATTRIBUTES, contradiction
from climeri_platform.catalog.header_workers import read_files
from climeri_platform.core.errors import ComputeError, UsageError
from climeri_platform.core.extras import needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["HEADER_COLUMNS", "read_headers"]

HEADER_COLUMNS: dict[str, Any] = {
    "calendar": pl.String,
    "units": pl.String,
    "grid": pl.String,
    "steps": pl.Int64,
    "start_in_file": pl.Int64,
    "end_in_file": pl.Int64,
    "tracking_id": pl.String,
    "chunks": pl.String,
    "variable_in_file": pl.String,
    "contents": pl.String,
    "contradiction": pl.String,
    "problem": pl.String,
}
_WORTH_A_PROCESS = 50  # files: fewer are read before another process is up
_BATCH = 500  # files that a Dask task reads, about a second's work


def read_headers(
    files: pl.DataFrame,
    *,
    workers: int | None = None,
    client: Any = None,
    timeout: float = 60.0,
    progress: Callable[[int], None] | None = None,
    deadline: float | None = None,
    on_disk: bool = False,
) -> pl.DataFrame:
    """Read the headers of files; each is opened once.

    Parameters
    ----------
    files
        The columns ``path`` (absolute) and ``variable`` (as it is called in the file, null for a
        file of many). Further columns are facets of the name, which are compared with what the
        file says; ``frequency`` and ``time_range`` are compared with its time axis. None of the
        files may be on tape: they are opened.
    workers
        How many processes; by default as many as there are cores and enough files. With a client,
        one for each of its tasks.
    client
        A Dask client whose workers see the same paths.
    timeout
        Seconds for one file, after which it is given up.
    progress
        Is called with the number of files read so far.
    deadline
        A moment of `time.monotonic`, after which no file is opened. What was not read is left out.
    on_disk
        Whether each file is looked at once more, and not opened if it went to tape since; its
        problem is `header_names.ON_TAPE` then.

    Returns
    -------
    polars.DataFrame
        One row for each file that was read, in the order given: ``path`` and the columns of
        `HEADER_COLUMNS`.

        ``calendar`` is in small letters and has one name (``standard``, ``noleap``,
        ``all_leap``, ``360_day``, ...), null without time. ``start_in_file`` and ``end_in_file``
        are the first and the last minute that the file covers, by its bounds where it has some, as
        YYYYMMDDhhmm in its own calendar. ``grid`` is described in `catalog.header_grid`. ``chunks``
        is the shape of the main variable's chunks, such as ``1x96x144``, or ``contiguous``.
        ``contents`` are the variables of a file of many, with spaces between.
        ``contradiction`` says what the header says otherwise than the name, ``problem`` why the
        header, or its time, could not be read.

    Raises
    ------
    UsageError
        If a column is missing, or the timeout is not positive.
    MissingExtra
        If netCDF4 is not installed here.
    ComputeError
        If every task fails on the Dask client. Files of a task that fails while others do not are
        left out.
    ClimeriError
        If the processes do not start.

    Examples
    --------
    >>> files = pl.DataFrame({"path": ["/no/such/file.nc"], "variable": ["tas"]})
    >>> read_headers(files)["problem"].to_list()
    ['No such file or directory']
    """
    missing = [each for each in ("path", "variable") if each not in files.columns]
    if missing:
        raise UsageError(f"the files have no column {missing[0]!r}, only {files.columns}")
    if timeout <= 0:
        raise UsageError(f"no file can be read within {timeout:g} s: the timeout is too short")
    with needs("access", "reading headers"):
        if client is None and find_spec("netCDF4") is None:
            raise ModuleNotFoundError("no netCDF4", name="netCDF4")
    items = list(zip(files["path"].to_list(), files["variable"].to_list(), strict=True))
    options: dict[str, Any] = {"names": ATTRIBUTES, "timeout": timeout, "deadline": deadline}
    options["on_disk"] = on_disk
    if client is None:
        answers = read_files(items, workers=workers or _enough(len(items)), **options)
    else:
        answers = _on_client(client, items, **options)
    headers: dict[int, dict[str, Any]] = {}
    for number, header in answers:
        headers[number] = header
        if progress is not None:
            progress(len(headers))
    return _table(files, headers)


def _enough(files: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, math.ceil(files / _WORTH_A_PROCESS)))


def _table(files: pl.DataFrame, headers: dict[int, dict[str, Any]]) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {"path": [], **{name: [] for name in HEADER_COLUMNS}}
    for number, row in enumerate(files.drop("path").iter_rows(named=True)):
        if number not in headers:
            continue
        header = headers[number] | {"path": files["path"][number]}
        header["contradiction"] = contradiction(row, header)
        for name, cells in columns.items():
            cells.append(header.get(name))
    return pl.DataFrame(columns, schema={"path": pl.String, **HEADER_COLUMNS})


def _read_batch(
    items: Sequence[tuple[str, str | None]],
    names: Sequence[str],
    timeout: float,
    until: float | None,
    on_disk: bool,
) -> list[tuple[int, dict[str, Any]]]:
    """Read a batch on a worker of Dask, whose threads must not meet in netCDF4."""
    # each machine has its own monotonic clock
    deadline = None if until is None else time.monotonic() + until - time.time()
    options: dict[str, Any] = {"timeout": timeout, "deadline": deadline, "on_disk": on_disk}
    return list(read_files(items, names=names, **options))


def _on_client(
    client: Any,
    items: Sequence[tuple[str, str | None]],
    *,
    names: Sequence[str],
    timeout: float,
    deadline: float | None,
    on_disk: bool,
) -> Iterator[tuple[int, dict[str, Any]]]:
    threads = sum(client.nthreads().values()) or 1
    size = max(1, min(_BATCH, math.ceil(len(items) / threads)))
    until = None if deadline is None else time.time() + deadline - time.monotonic()
    starts = range(0, len(items), size)
    futures = [
        client.submit(
            _read_batch, items[at : at + size], names, timeout, until, on_disk, pure=False
        )
        for at in starts
    ]
    failed: list[Exception] = []
    try:
        for at, future in zip(starts, futures, strict=True):
            try:
                answers = future.result()
            except Exception as problem:  # noqa: BLE001 - whatever Dask raises, the others go on
                failed.append(problem)
                continue
            yield from ((at + number, header) for number, header in answers)
    finally:
        client.cancel(futures)
    if failed and len(failed) == len(futures):
        raise ComputeError(
            f"no header could be read on the Dask client: {type(failed[0]).__name__}: {failed[0]}",
            hint="Do its workers have climeri-platform[access], and see the same paths?",
        ) from failed[0]
