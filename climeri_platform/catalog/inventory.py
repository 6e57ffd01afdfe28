r"""Inventories: a list of a tree's files, in place of walking it.

Accepted are

- the long form, what ``find ROOT -printf '%y\t%s\t%T@\t%C@\t%i\t%b\t%m\t%G\t%P\t%l\0'`` prints, so
  that any name survives;
- the short form, a line ``path<TAB>size<TAB>mtime`` for each file (mtime in seconds since 1970);
- CSV (``.csv``) and Parquet (``.parquet``) with columns ``path``, ``size``, ``mtime``, as policy engines
  export them.

Paths are relative to the root, or absolute below it.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.walk import FoundFile, Skipped, readable
from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FIND_FORMAT", "read_inventory"]

FIND_FORMAT = r"%y\t%s\t%T@\t%C@\t%i\t%b\t%m\t%G\t%P\t%l\0"
_BEFORE_PATH = 8  # fields of the long form before the path
_NETCDF = (".nc", ".nc4")
_COLUMNS = ("path", "size", "mtime")


def read_inventory(
    file: str | os.PathLike[str], root: str | os.PathLike[str], skipped: Skipped
) -> Iterator[tuple[str, list[FoundFile]]]:
    """Yield what `walk` would: every directory that holds NetCDF files, with those files.

    Parameters
    ----------
    file
        The inventory.
    root
        What its paths are relative to; it need not exist on this machine.
    skipped
        Is filled with what is not taken.

    Yields
    ------
    tuple
        The directory relative to the root ("" for the root), and its files by name.

    Raises
    ------
    RootUnusable
        If the inventory cannot be read, or a line of it is not in its form.
    """
    path = Path(file)
    above = posixpath.normpath(os.fspath(root)) + "/"
    try:
        if path.suffix in {".csv", ".parquet"}:
            entries = _table(path)
        else:
            text = path.read_bytes()
            entries = _long(text, path, skipped) if b"\0" in text else _short(text, path)
        folders: dict[str, list[FoundFile]] = {}
        for name, size, mtime in entries:
            relative = name.removeprefix(above)
            if relative.startswith("/"):
                raise RootUnusable(
                    f"the inventory {path} lists {readable(name)}, which is not below {above[:-1]}",
                    hint="Name the root that the inventory was made of.",
                )
            if not relative.endswith(_NETCDF):
                skipped.other += 1
                continue
            folder, _, last = relative.rpartition("/")
            folders.setdefault(folder, []).append(FoundFile(last, size, mtime))
    except OSError as problem:
        raise RootUnusable(
            f"the inventory {path} cannot be read: {problem.strerror or problem}",
            hint="Name a file that `find -printf`, or a policy engine, has written.",
        ) from problem
    for folder in sorted(folders):
        yield folder, sorted(folders[folder], key=lambda each: each.name)


def _nanoseconds(seconds: str) -> int:
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _not_in_form(path: Path, number: int, record: str) -> RootUnusable:
    return RootUnusable(
        f"the inventory {path}: record {number} is in none of the accepted forms: {record[:80]!r}",
        hint=f"Make it with: find ROOT -printf '{FIND_FORMAT}'",
    )


def _short(text: bytes, path: Path) -> Iterable[tuple[str, int, int]]:
    for number, raw in enumerate(text.splitlines(), 1):
        line = os.fsdecode(raw)
        if not line.strip():
            continue
        try:
            name, size, mtime = line.rsplit("\t", 2)
            yield name, int(size), _nanoseconds(mtime)
        except ValueError:
            raise _not_in_form(path, number, line) from None


def _long(text: bytes, path: Path, skipped: Skipped) -> Iterable[tuple[str, int, int]]:
    files: dict[str, tuple[int, int]] = {}
    links: list[tuple[str, str]] = []
    for number, raw in enumerate(text.split(b"\0"), 1):
        if not raw:
            continue
        record = os.fsdecode(raw)
        fields = record.split("\t", _BEFORE_PATH)
        if len(fields) <= _BEFORE_PATH or "\t" not in fields[-1]:
            raise _not_in_form(path, number, record)
        # a name may hold a tab; what follows the last one is the target, empty but for links
        name, _, target = fields[-1].rpartition("\t")
        if fields[0] == "f":
            try:
                files[name] = (int(fields[1]), _nanoseconds(fields[2]))
            except ValueError:
                raise _not_in_form(path, number, record) from None
        elif fields[0] == "l":
            links.append((name, target))
        else:
            skipped.other += fields[0] != "d"
    yield from ((name, size, mtime) for name, (size, mtime) in files.items())
    yield from _links(links, files, skipped)


def _links(
    links: list[tuple[str, str]], files: dict[str, tuple[int, int]], skipped: Skipped
) -> Iterable[tuple[str, int, int]]:
    for name, target in links:
        to = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if not name.endswith(_NETCDF):
            skipped.links.append(readable(name))
        elif to in files:
            yield (name, *files[to])
        else:
            skipped.unreadable.append((readable(name), f"a link to {target}, not in the inventory"))


def _table(path: Path) -> Iterable[tuple[str, int, int]]:
    try:
        frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
        columns = frame.select(
            pl.col("path").cast(pl.String),
            pl.col("size").cast(pl.Int64),
            (pl.col("mtime").cast(pl.Float64) * 1e9).cast(pl.Int64),
        )
    except pl.exceptions.PolarsError as problem:
        raise RootUnusable(
            f"the inventory {path} has no usable columns {', '.join(_COLUMNS)}: "
            f"{(str(problem).splitlines() or [''])[0]}",
            hint="Paths, bytes, and seconds since 1970; other columns do not matter.",
        ) from problem
    if columns.null_count().sum_horizontal().item():
        raise RootUnusable(
            f"the inventory {path} has rows without path, size or mtime",
            hint="Write it again: what is missing there would be missing here.",
        )
    return columns.iter_rows()
