"""Walking a tree: names, sizes and times of files, without opening any."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FoundFile", "Skipped", "check_root", "format_of", "walk"]

# one dataset each, whatever they hold; the second is a kerchunk reference as one file or as a directory
_STORE = (".zarr",)
_REFERENCE = (".kerchunk.json", "_kerchunk.json", ".kerchunk.parquet", "_kerchunk.parquet", ".parq")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the directory shows it, or a directory that is one dataset.

    Attributes
    ----------
    name
        The file's name.
    size
        Bytes; None for a directory, which is not listed.
    mtime
        Last change of the content, in nanoseconds since 1970.
    format
        ``netcdf``, ``zarr`` or ``kerchunk``.
    """

    name: str
    size: int | None
    mtime: int
    format: str = "netcdf"


@dataclass(slots=True)
class Skipped:
    """What a walk saw and did not take, for the report.

    Attributes
    ----------
    other
        How many files were not data by name.
    links
        Directory links, which are not followed: ``latest`` and its like repeat the tree.
    unreadable
        Relative path of a directory, or a file, and the reason of the system.
    unseen
        Relative paths of directories and files at which nobody could look: what is known of them,
        and of all below them, stays true. A dangling link is none of them.
    pending
        Directories that the time did not allow; `unseen` holds them too.
    """

    other: int = 0
    links: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)


def format_of(name: str, *, directory: bool) -> str | None:
    """Return what a name says that a file or a directory is.

    Parameters
    ----------
    name
        Its last level.
    directory
        Whether it is a directory.

    Returns
    -------
    str or None
        ``netcdf``, ``zarr`` or ``kerchunk``; None for other files, and for directories to descend
        into.

    Examples
    --------
    >>> format_of("tas.nc", directory=False), format_of("tas.zarr", directory=True)
    ('netcdf', 'zarr')
    """
    if name.endswith(_REFERENCE):
        return "kerchunk"
    if directory:
        return "zarr" if name.endswith(_STORE) else None
    return "netcdf" if name.endswith((".nc", ".nc4")) else None


def readable(path: str) -> str:
    """Return a path that can be printed and stored: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def check_root(root: str | os.PathLike[str]) -> Path:
    """Return the absolute path of an archive root, or say why it cannot be walked.

    Parameters
    ----------
    root
        A directory, or a link to one.

    Returns
    -------
    pathlib.Path
        Absolute; links in it are kept, because the mount is known by that name.

    Raises
    ------
    RootUnusable
        If it does not exist, is not a directory, may not be read, or its path is not UTF-8.
    """
    path = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would lose the mount's name
    if (shown := readable(str(path))) != str(path):
        raise RootUnusable(
            f"the path of the root {shown} is not UTF-8", hint="Give it another name, or a link."
        )
    if not path.exists():
        parent = next((each for each in path.parents if each.exists()), path)
        kind = "is a dangling link" if path.is_symlink() else "does not exist"
        raise RootUnusable(
            f"the root {path} {kind}",
            hint=f"What exists of it is {parent}: is a mount missing, or the name misspelled?",
        )
    if not path.is_dir():
        raise RootUnusable(f"the root {path} is a file", hint="Give the directory above it.")
    try:
        with os.scandir(path):
            pass
    except OSError as problem:
        raise RootUnusable(
            f"the root {path} cannot be read: {problem.strerror}",
            hint="Ask for the group that may read it, or run as somebody who may.",
        ) from problem
    return path


def walk(root: Path, skipped: Skipped) -> Iterator[tuple[str, list[FoundFile]]]:
    """Yield every directory that holds data, with its files; a Zarr store is one of them.

    Directory links are not followed, so that a version is met once; the root itself may be a link.
    Links to files are followed: publishing tools lay out versions that way.

    Parameters
    ----------
    root
        What `check_root` returned.
    skipped
        Is filled with what is not taken.

    Yields
    ------
    tuple
        The directory relative to the root ("" for the root), and its files by name.
    """
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        found: list[FoundFile] = []
        below: list[str] = []
        try:
            with os.scandir(root / relative) as entries:
                for entry in entries:
                    _sort(entry, relative, found, below, skipped)
        except OSError as problem:
            skipped.unreadable.append((readable(relative) or ".", problem.strerror or str(problem)))
            skipped.unseen.append(relative)
        if found:
            found.sort(key=lambda each: each.name)
            yield relative, found
        waiting.extend(sorted(below, reverse=True))


def _sort(
    entry: os.DirEntry[str],
    relative: str,
    found: list[FoundFile],
    below: list[str],
    skipped: Skipped,
) -> None:
    path = f"{relative}/{entry.name}" if relative else entry.name
    try:
        is_directory = entry.is_dir(follow_symlinks=False)
        kind = format_of(entry.name, directory=is_directory)
        if is_directory and kind is None:
            below.append(path)
            return
        status = entry.stat() if kind is not None or entry.is_symlink() else None
    except OSError as problem:
        if entry.is_symlink():
            skipped.unreadable.append((readable(path), "dangling link"))
        else:
            skipped.unreadable.append((readable(path), problem.strerror or str(problem)))
            skipped.unseen.append(path)
        return
    if status is not None and stat.S_ISDIR(status.st_mode):
        kind = format_of(entry.name, directory=True)
        if kind is None:
            skipped.links.append(readable(path))
        else:
            found.append(FoundFile(entry.name, None, status.st_mtime_ns, kind))
    elif status is not None and kind is not None and stat.S_ISREG(status.st_mode):
        found.append(FoundFile(entry.name, status.st_size, status.st_mtime_ns, kind))
    else:
        skipped.other += 1
