"""Walking a tree: names, sizes, times and rights of files, without opening any."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, NamedTuple

from climeri_platform.catalog.folders import state_of
from climeri_platform.catalog.skipped import Skipped
from climeri_platform.catalog.walkers import Pace, Spread
from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from climeri_platform.catalog.folders import Folders, Stamped

__all__ = [
    "FoundFile",
    "Skipped",
    "Walking",
    "check_root",
    "format_of",
    "group_name",
    "readable",
    "walk",
]

# one dataset each, whatever they hold; the second is a kerchunk reference as one file or as a directory
_STORE = (".zarr",)
_REFERENCE = (".kerchunk.json", "_kerchunk.json", ".kerchunk.parquet", "_kerchunk.parquet", ".parq")
_NETCDF = (".nc", ".nc4")
_GONE = {errno.ENOENT, errno.ENOTDIR}
_TYPE, _REGULAR, _PUBLIC = stat.S_IFMT(0o777777), stat.S_IFREG, stat.S_IROTH
_new = tuple.__new__
_SHARE = 64  # files of a directory that one walker looks at; others may take the rest


@dataclass(frozen=True, slots=True)
class Walking:
    """How a root is walked.

    Attributes
    ----------
    walkers
        How many directories are read at the same time; more than one hides the latency of a
        network file system.
    calls_per_second
        The limit of metadata calls, so that others can use the file system; None for none. Opening
        a directory is one, looking at a file another.
    seconds
        The budget: directories that are not begun when it is spent are left for the next night.
    first
        Directories, relative to the root, with which to begin: what the last night left.
    tape
        Whether the root is backed by tape: a file without blocks is then not online.
    """

    walkers: int = 1
    calls_per_second: float | None = None
    seconds: float | None = None
    first: tuple[str, ...] = ()
    tape: bool = False


class FoundFile(NamedTuple):
    """A file as the file system shows it, or a directory that is one dataset.

    Attributes
    ----------
    name
        The file's name.
    size
        Bytes; None for a directory, which is not listed.
    mtime, ctime
        Last change of the content, and of the file's card, in nanoseconds since 1970.
    format
        ``netcdf``, ``zarr`` or ``kerchunk``.
    inode, device
        Its identity.
    online
        False if it has no blocks on a root that is backed by tape; None if nobody knows.
    group
        The number of its group.
    public
        Whether everybody may read the file; the directories above it are not considered.
    """

    name: str
    size: int | None
    mtime: int
    format: str = "netcdf"
    ctime: int | None = None
    inode: int | None = None
    online: bool | None = None
    group: int | None = None
    public: bool | None = None
    device: int | None = None


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
    return "netcdf" if name.endswith(_NETCDF) else None


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
    if not os.fspath(root):  # which would be the folder one is in
        raise RootUnusable(
            "the root '' is no path", hint="Is a variable of the shell empty? `.` is this folder."
        )
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


@lru_cache(maxsize=4096)
def group_name(number: int) -> str:
    """Return the name of a group, or its number as text where it has none here."""
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OverflowError):
        return str(number)


def walk(
    root: Path, skipped: Skipped, how: Walking | None = None, folders: Folders | None = None
) -> Iterator[tuple[str, list[FoundFile]]]:
    """Yield every directory that holds data, with its files; a Zarr store is one of them.

    Directory links are not followed, so that a version is met once; the root itself may be a link.
    Links to files are followed: publishing tools lay out versions that way.

    Parameters
    ----------
    root
        What `check_root` returned.
    skipped
        Is filled with what is not taken, at the end.
    how
        By default one walker without limits. With several, directories come in any order, and a
        large one in several pieces.
    folders
        What is known of directories: those that nobody changed are not listed and not yielded, and
        what is learned of the others is noted there.

    Yields
    ------
    tuple
        The directory relative to the root ("" for the root), and its files by name.
    """
    how = how or Walking()
    first = _planned(root, how.first)
    look = _Look(root, how, frozenset(first), folders)
    until = None if how.seconds is None else time.monotonic() + how.seconds
    begin = [""]
    if folders is not None:
        for _ in folders.compare(look.states, first, walkers=how.walkers, until=until):
            yield "", []  # it is alive
        begin = folders.visit([""])
    tasks: list[_Task] = [*begin, *reversed(first)]
    spread = Spread(look, tasks, walkers=how.walkers, until=until)
    for relative, found in spread:
        if found:
            found.sort()
            yield relative, found
    for said in look.said.values():
        skipped.take(said)
    for task in spread.waiting:
        if isinstance(task, str):
            skipped.pending.append(task)
            skipped.unseen.append(task)
            if folders is not None:
                folders.note(task, None)
        else:  # of a directory that was begun: the rest of it was seen
            skipped.pending.append(task[0])
            skipped.unseen += [_below(task[0], each.name) for each, _ in task[1]]
    skipped.pending = sorted({*skipped.pending})
    skipped.sort()


def _below(relative: str, name: str) -> str:
    return f"{relative}/{name}" if relative else name


def _planned(root: Path, first: tuple[str, ...]) -> list[str]:
    """Return the directories to begin with, each once, and none that a link leads to."""
    real = os.path.realpath(root)
    all_of_them = {*first}
    planned: list[str] = []
    for each in dict.fromkeys(first):
        above = {each[:at] for at in range(1, len(each)) if each[at] == "/"}
        if "" in all_of_them or not above.isdisjoint(all_of_them):
            continue
        if os.path.realpath(f"{real}/{each}") == f"{real}/{each}" and Path(real, each).is_dir():
            planned.append(each)
    return planned


if TYPE_CHECKING:
    _Entries = list[tuple[os.DirEntry[str], str | None]]
    _Task = str | tuple[str, _Entries]  # a directory, or some of its files
    _Seen = tuple[str, list[FoundFile]]


class _Look:
    """Looks at a directory, or at some files of one; `said` is what each thread did not take."""

    def __init__(
        self, root: Path, how: Walking, planned: frozenset[str], folders: Folders | None
    ) -> None:
        self._top = os.path.join(root, "")  # noqa: PTH118 - with a slash at its end
        self._pace = Pace(how.calls_per_second)
        self._paced = how.calls_per_second is not None
        self._shares = how.walkers > 1
        self._tape = how.tape
        self._planned = planned
        self._folders = folders
        self.said: dict[int, Skipped] = defaultdict(Skipped)

    def __call__(self, task: _Task) -> tuple[_Seen, Sequence[_Task]]:
        said = self.said[get_ident()]
        if not isinstance(task, str):
            return (task[0], self._take(task[1], task[0], said)), ()
        entries, more = (self._list if self._folders is None else self._noted)(task, said)
        if len(more) > 1:
            more.sort(reverse=True)
        if not entries:
            return (task, []), more
        if self._shares and len(entries) > _SHARE:
            parts = range(_SHARE, len(entries), _SHARE)
            shares = [(task, entries[at : at + _SHARE]) for at in parts]
            return (task, self._take(entries[:_SHARE], task, said)), [*more, *shares]
        return (task, self._take(entries, task, said)), more

    def states(self, folders: Iterable[Stamped]) -> bytes:
        """Return what became of directories, as `folders.state_of` says it."""
        found = bytearray()
        for path, *stamp in folders:
            self._pace.take()
            found.append(state_of(self._top + path, *stamp))
        return bytes(found)

    def _noted(self, relative: str, said: Skipped) -> tuple[_Entries, list[str]]:
        """List a directory, and note what it is like."""
        assert self._folders is not None
        self._pace.take()
        try:
            status = os.lstat(self._top + relative)  # before: what changes under way changes it
        except OSError:
            status = None
        before = said.other, len(said.unreadable), len(said.gone)
        entries, below = self._list(relative, said)
        whole = before == (said.other, len(said.unreadable), len(said.gone))
        plain = whole and all(each.is_file(follow_symlinks=False) for each, _ in entries)
        self._folders.note(relative, status, files=len(entries), plain=plain)
        return entries, self._folders.visit(below)

    def _list(self, relative: str, said: Skipped) -> tuple[_Entries, list[str]]:  # noqa: C901 - the one loop over all entries: no calls in it
        """Return the entries of a directory that want a look, and the directories below."""
        wanted: _Entries = []
        below: list[str] = []
        above = f"{relative}/" if relative else ""
        planned = self._planned
        if self._paced:
            self._pace.take()
        try:
            with os.scandir(self._top + relative) as entries:
                for entry in entries:
                    name = entry.name
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            kind = format_of(name, directory=True) if "." in name else None
                            if kind is None:
                                path = above + name
                                if not planned or path not in planned:
                                    below.append(path)
                                continue
                        elif name.endswith(_NETCDF):
                            kind = "netcdf"
                        else:
                            kind = format_of(name, directory=False)
                            if kind is None and not entry.is_symlink():
                                said.other += 1
                                continue
                        wanted.append((entry, kind))
                    except OSError as problem:
                        self._failed(entry, above + name, problem, said)
        except OSError as problem:
            if problem.errno in _GONE and relative:
                said.gone.append(readable(relative))
            else:
                said.unreadable.append((readable(relative) or ".", _reason(problem)))
                said.unseen.append(relative)
        return wanted, below

    def _take(self, entries: _Entries, relative: str, said: Skipped) -> list[FoundFile]:
        """Look at entries, one call each."""
        paced, tape = self._paced, self._tape
        found: list[FoundFile] = []
        for entry, kind in entries:
            if paced:
                self._pace.take()
            try:
                status = entry.stat()
            except OSError as problem:
                self._failed(entry, _below(relative, entry.name), problem, said)
                continue
            mode = status.st_mode
            size: int | None = status.st_size
            online = status.st_blocks > 0 if tape else None
            taken = kind
            if mode & _TYPE != _REGULAR:
                size, online = None, None
                is_directory = stat.S_ISDIR(mode)
                taken = format_of(entry.name, directory=True) if is_directory else None
                if is_directory and taken is None:
                    self._link(entry, _below(relative, entry.name), said)
                    continue
            if taken is None:
                said.other += 1
                continue
            row = (
                entry.name,
                size,
                status.st_mtime_ns,
                taken,
                status.st_ctime_ns,
                status.st_ino,
                online,
                status.st_gid,
                mode & _PUBLIC != 0,
                status.st_dev,
            )
            found.append(_new(FoundFile, row))  # half the time of FoundFile(...)
        return found

    def _link(self, entry: os.DirEntry[str], path: str, said: Skipped) -> None:
        said.links.append(readable(path))
        if entry.name == "latest":
            self._pace.take()
            try:
                target = os.readlink(entry.path)  # noqa: PTH115 - as it is written
                said.latest.append((readable(path), readable(target)))
            except OSError as problem:
                said.unreadable.append((readable(path), _reason(problem)))

    @staticmethod
    def _failed(entry: os.DirEntry[str], path: str, problem: OSError, said: Skipped) -> None:
        absent = problem.errno in {*_GONE, errno.ELOOP}
        if absent and entry.is_symlink():
            said.unreadable.append((readable(path), "dangling link"))
        elif problem.errno in _GONE:
            said.gone.append(readable(path))
        else:
            said.unreadable.append((readable(path), _reason(problem)))
            said.unseen.append(path)


def _reason(problem: OSError) -> str:
    return problem.strerror or str(problem)
