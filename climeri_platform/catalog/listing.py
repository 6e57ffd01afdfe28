"""What a root holds, before anybody reads its names: one row for each file, from a walk or a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.walk import group_name, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from climeri_platform.catalog.walk import FoundFile

__all__ = ["LISTING", "gather", "with_group_names"]

_BATCH = 20_000  # files; their names are read while the next ones are looked at

LISTING: dict[str, Any] = {
    "path": pl.String,
    "size": pl.Int64,
    "mtime": pl.Int64,
    "format": pl.String,
    "ctime": pl.Int64,
    "inode": pl.UInt64,
    "online": pl.Boolean,
    "unix_group": pl.String,
    "public": pl.Boolean,
    "device": pl.UInt64,
}


def gather(
    found: Iterable[tuple[str, list[FoundFile]]],
    odd: list[tuple[str, int | None]],
    progress: Callable[[int], None] | None = None,
) -> Iterable[pl.DataFrame]:
    """Yield what a walk finds as tables.

    Parameters
    ----------
    found
        Directories with their files.
    odd
        Is filled with files whose path is not UTF-8, readably, and their sizes.
    progress
        Is called with the number of files seen so far.
    """
    paths: list[str] = []
    files: list[FoundFile] = []
    seen = 0
    for folder, each in found:
        above = f"{folder}/" if folder else ""
        names = [above + file.name for file in each]
        seen += len(each)
        if _is_text("".join(names)):
            paths += names
            files += each
        else:
            _sift(names, each, paths, files, odd)
        if len(paths) >= _BATCH:
            yield _table(paths, files)
            paths, files = [], []
        if progress is not None:
            progress(seen)
    if paths:
        yield _table(paths, files)


def _is_text(path: str) -> bool:
    return path.isascii() or readable(path) == path


def _sift(
    names: list[str],
    found: list[FoundFile],
    paths: list[str],
    files: list[FoundFile],
    odd: list[tuple[str, int | None]],
) -> None:
    for name, each in zip(names, found, strict=True):
        if _is_text(name):
            paths.append(name)
            files.append(each)
        else:
            odd.append((readable(name), each.size))


def _table(paths: list[str], files: list[FoundFile]) -> pl.DataFrame:
    _, sizes, mtimes, formats, ctimes, inodes, online, groups, public, devices = zip(
        *files, strict=True
    )
    names = {each: None if each is None else group_name(each) for each in set(groups)}
    columns = [paths, sizes, mtimes, formats, ctimes, inodes, online]
    columns += [[names[each] for each in groups], public, devices]
    return pl.DataFrame(dict(zip(LISTING, columns, strict=True)), schema=LISTING)


def with_group_names(listing: pl.DataFrame) -> pl.DataFrame:
    """Return a listing with the names that the groups have on this machine."""
    numbers = listing["unix_group"].drop_nulls().unique().to_list()
    names = {each: group_name(int(each)) for each in numbers if each.isdecimal()}
    return listing.with_columns(pl.col("unix_group").replace(names))
