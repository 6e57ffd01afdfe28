"""One file's header, and the program that reads headers one after another.

netCDF4 from PyPI dies when two threads are in it, and on some damaged files, so that it runs in a
process of its own: ``python -m climeri_platform.catalog.header_file`` reads a line of JSON for each
file and answers with one. Nothing here imports polars: a worker is up in a fifth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.header_grid import grid_text
from climeri_platform.catalog.header_names import ON_TAPE
from climeri_platform.catalog.header_time import read_time, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read_header", "serve"]


def read_header(path: str, variable: str | None, names: Iterable[str] = ()) -> dict[str, Any]:
    """Return what the header of a file says. The file is opened once.

    Parameters
    ----------
    path
        A local NetCDF file.
    variable
        The main variable; None for a file of many.
    names
        Global attributes to return beside.

    Returns
    -------
    dict
        ``units``, ``grid``, ``chunks`` and ``variable_in_file`` of the main variable,
        ``tracking_id``, ``attributes``, ``holds`` (the variables, if the main one is not among
        them), ``contents`` (the variables of a file of many), what `read_time` returns, and
        ``problem``. What is not known is missing.

    Examples
    --------
    >>> read_header("no/such/file.nc", "tas")
    {'problem': 'No such file or directory'}
    """
    import netCDF4

    try:
        dataset = netCDF4.Dataset(path)
    except Exception as problem:  # noqa: BLE001 - a damaged file raises anything, and costs only itself
        return {"problem": _said(problem)}
    found: dict[str, Any] = {}
    try:
        with dataset:
            for fill in (_main, _attributes, _time):
                fill(dataset, variable, names, found)
    except Exception as problem:  # noqa: BLE001 - as above; what was read until then stays
        found.setdefault("problem", _said(problem))
    return found


def _on_tape(path: str) -> bool:
    try:
        status = os.stat(path)  # noqa: PTH116 - of each file
    except OSError:
        return False  # what is wrong with it, opening it says
    return not status.st_blocks and status.st_size > 0


def _said(problem: BaseException) -> str:
    # an OSError repeats the path, which stands in the row already
    text = getattr(problem, "strerror", None) or f"{type(problem).__name__}: {problem}"
    return " ".join(str(text).split())[:300]


def _attributes(dataset: Any, _: str | None, names: Iterable[str], found: dict[str, Any]) -> None:
    found["tracking_id"] = text_of(dataset, "tracking_id") or None
    present = set(dataset.ncattrs())  # to ask for one that is not there costs more than this list
    wanted = ((name, text_of(dataset, name)) for name in names if name in present)
    found["attributes"] = {name: text for name, text in wanted if text}


def _time(dataset: Any, _: str | None, __: Iterable[str], found: dict[str, Any]) -> None:
    main = dataset.variables.get(found.get("variable_in_file"))
    if main is None:  # the dimensions of any variable; a file may declare others
        used = dict.fromkeys(
            name for each in dataset.variables.values() for name in each.dimensions
        )
    told = read_time(dataset, used if main is None else main.dimensions)
    if "problem" in found:
        told.pop("problem", None)
    found.update(told)


def _main(dataset: Any, variable: str | None, _: Iterable[str], found: dict[str, Any]) -> None:
    known = dataset.variables
    if not known:
        groups = "; groups are not read" if dataset.groups else ""
        raise ValueError(f"there is no variable at its top level{groups}")
    if variable is not None and variable in known:
        main = known[variable]
    else:
        data = _data_variables(known)
        if variable is not None:
            found["holds"] = [each.name for each in data]
        else:
            # names with a space would not come out of a list of words as they went in
            found["contents"] = " ".join(sorted(n for e in data if " " not in (n := e.name)))
        # a file of many: the grid is that of its largest variable
        main = max(data, key=lambda each: each.ndim, default=None)
        if main is not None:
            found["grid"] = grid_text(dataset, main)
        if variable is None or len(data) != 1:
            return
    found["variable_in_file"] = main.name
    found["units"] = text_of(main, "units") or None
    chunks = main.chunking()
    found["chunks"] = "x".join(map(str, chunks)) if isinstance(chunks, list) else "contiguous"
    if "grid" not in found:
        found["grid"] = grid_text(dataset, main)


def _data_variables(known: dict[str, Any]) -> list[Any]:
    """Return the variables that are not coordinates, their bounds, or maps of a projection."""
    named: set[str] = set()
    for variable in known.values():
        for word in ("bounds", "climatology", "coordinates", "grid_mapping", "cell_measures"):
            named.update(text_of(variable, word).split())
        named.update({variable.name} & set(variable.dimensions))
    return [each for each in known.values() if each.name not in named and each.ndim > 0]


def serve() -> None:
    """Answer lines of standard input until it ends.

    The first line holds ``names``, ``timeout`` in seconds, ``deadline`` (of the monotonic clock,
    which all processes of a machine share) and ``on_disk``, the others a path and a variable. A file that comes
    after the deadline is not opened; its answer is ``null``.
    """
    import netCDF4  # noqa: F401 - that it is there is said before the first file

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    # what a library prints must not stand between the answers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    orders = json.loads(sys.stdin.readline())
    deadline = orders["deadline"]
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        path, variable = json.loads(line)
        answer = None
        if deadline is None or time.monotonic() < deadline:
            # the parent ends a worker that hangs; this ends one that has lost its parent
            signal.setitimer(signal.ITIMER_REAL, 2 * orders["timeout"])
            # files go to tape while others are read: asked as late as can be, where it may hang
            away = orders["on_disk"] and _on_tape(path)
            answer = {"problem": ON_TAPE} if away else read_header(path, variable, orders["names"])
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
