"""What is known of directories: one that nobody changed since it was listed need not be listed again.

A directory's own time changes with every name that is added to it, taken away or moved. What stands
in its files may change without it, so each night lists a share of all directories, those first that
were listed longest ago. docs/design/006-trusted-directories.md has the reasons.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.pieces import height, rows_at, write_pieces
from climeri_platform.catalog.tables import UNREADABLE
from climeri_platform.catalog.walkers import Spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from climeri_platform.catalog.layout import Root, Snapshot

    Stamped = tuple[str, int, int, int, int]

__all__ = [
    "Folders",
    "Noted",
    "Trust",
    "folder_number",
    "known_folders",
    "place_of",
    "share_file",
    "share_folders",
    "state_of",
]

_STAMP = {"mtime": pl.Int64, "ctime": pl.Int64, "inode": pl.UInt64, "device": pl.UInt64}
_NOTE: dict[str, Any] = {"path": pl.String, **_STAMP, "files": pl.UInt32, "plain": pl.Boolean}
FOLDERS: dict[str, Any] = {**_NOTE, "listed": pl.Int64, "within": pl.UInt64, "of": pl.String}
"""Of a directory: its path below the root, its stamp, how many files it holds, whether there is
nothing else in it but directories, when the walk began that listed it, the device of its files, and
the root and the mark of the walk whose table this is."""
_SETTLED = 2 * 10**9  # nanoseconds: no file system rounds times more
_DAY = 86_400 * 10**9
_CHUNK = 512  # directories that one walker compares
_BATCH = 20_000  # notes
_PIECE = 50_000  # directories whose paths are in memory at the same time
_OTHER, _SAME, _GONE = range(3)
_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_SEED = 9


@dataclass(frozen=True, slots=True)
class Trust:
    """That a scan may leave directories alone.

    Attributes
    ----------
    to
        The file into which it writes what it learned of directories.
    nights
        After how many nights each directory is listed again.
    known
        Such a file of the last scan; None if there is none.
    mark
        The mark of that scan.
    """

    to: str
    nights: int
    known: str | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a scan learned of directories.

    Attributes
    ----------
    path
        The file that holds it.
    mark
        Its mark: the file counts for the rows of that scan only.
    unlisted
        How many directories were not listed, because nobody had changed them.
    """

    path: str
    mark: str
    unlisted: int


def place_of(store_folder: Path, family: str, root_id: str) -> Path:
    """Return where a snapshot keeps what is known of the directories of a root."""
    return store_folder / family / "folders" / f"{root_id}.parquet"


def known_folders(previous: Snapshot | None, family: str, root_id: str) -> tuple[str | None, str]:
    """Return the file of what is known of the directories of a root, and its mark; (None, "") if none.

    A root that was carried forward is not known: its rows are stale.
    """
    for each in previous.card.roots if previous is not None else []:
        if (each.root_id, each.family) == (root_id, family) and each.stale is None and each.folders:
            assert previous is not None
            place = place_of(previous.folder, family, root_id)
            return (str(place), each.folders) if place.exists() else (None, "")
    return None, ""


def share_folders(
    building: Path,
    roots: Iterable[Root],
    previous: Snapshot | None,
    learned: Mapping[tuple[str, str], str],
) -> None:
    """Put what is known of directories into a snapshot that is being written.

    Parameters
    ----------
    building
        Its folder.
    roots
        Its roots. Those that were not scanned keep what the last snapshot has.
    previous
        The last snapshot.
    learned
        Family and root id to the file that a scan has written.
    """
    for each in roots:
        if not each.folders:
            continue
        file = learned.get((each.family, each.root_id))
        if file is None and previous is not None:
            file = str(place_of(previous.folder, each.family, each.root_id))
        if file is not None and Path(file).exists():
            share_file(Path(file), place_of(building, each.family, each.root_id))


def share_file(old: Path, new: Path) -> None:
    """Let a snapshot have a file of another one: files of snapshots never change.

    Raises
    ------
    OSError
    """
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)


def folder_number(*, of: str = "path") -> pl.Expr:
    """Return a number for the directory of each path: a hash, for this process only."""
    return _number(pl.col(of).str.replace(r"/?[^/]*$", ""))


def _number(path: pl.Expr) -> pl.Expr:
    return path.hash(_SEED)


def state_of(path: str, mtime: int, ctime: int, inode: int, device: int) -> int:
    """Return whether a directory is as it was (1), is another (0), or is none now (2)."""
    try:
        now = os.lstat(path)
    except OSError as problem:
        return _GONE if problem.errno in _ABSENT else _OTHER
    if not stat.S_ISDIR(now.st_mode):
        return _GONE
    same = now.st_mtime_ns == mtime and now.st_ctime_ns == ctime
    return _SAME if same and now.st_ino == inode and now.st_dev == device else _OTHER


class Folders:
    """The directories of a root: which are as they were, and what is learned of the others.

    Parameters
    ----------
    trust
        What is known, and for how long it may be.
    root_id
        The root.
    rows
        ``folder`` (`folder_number`) and ``len``: how many rows are known in each directory. One in
        which they are not as many as its files is listed.
    now
        When the walk begins, in nanoseconds since 1970; by default now.
    """

    def __init__(
        self, trust: Trust, root_id: str, rows: pl.DataFrame, now: int | None = None
    ) -> None:
        self._now = now or time.time_ns()
        self._root = root_id
        self._table, self._rows = _loaded(trust, root_id)
        self._trusted = _hopeful(self._rows, rows, trust.nights, self._now)
        self._head = pl.Series("head", [], pl.UInt32)
        self._heads: dict[str, int] = {}
        self._begin: dict[int, list[str]] = {}
        self._visited: list[int] = []
        self._notes: list[tuple[Any, ...]] = []
        self._written: list[pl.DataFrame] = []
        self._odd: set[str] = set()
        self._lock = Lock()

    def compare(
        self,
        states: Callable[[Iterable[Stamped]], bytes],
        first: Sequence[str],
        *,
        walkers: int,
        until: float | None,
    ) -> Iterator[None]:
        """Look at every directory that may be as it was, a call each; yields now and then.

        Parameters
        ----------
        states
            Gives `state_of` of some directories.
        first
            Paths that are listed whatever is known of them.
        walkers, until
            As of `Spread`.
        """
        number = pl.Series("path", first, pl.String).hash(_SEED)
        self._trusted &= ~self._rows["one"].is_in(number.implode())
        found = pl.zeros(self._rows.height, pl.UInt8, eager=True)

        def look(task: tuple[int, list[Stamped]]) -> tuple[tuple[int, bytes], tuple[()]]:
            return (task[0], states(task[1])), ()

        for some in self._trusted.arg_true().to_frame("at").iter_slices(_PIECE):
            if until is not None and time.monotonic() >= until:
                break
            frames = rows_at(self._table.select("path", *_STAMP), some["at"])
            rows = [row for frame in frames for row in frame.iter_rows()]
            said = bytearray(len(rows))
            tasks = [(one, rows[one : one + _CHUNK]) for one in range(0, len(rows), _CHUNK)]
            for one, each in Spread(look, tasks[::-1], walkers=walkers, until=until):
                said[one : one + len(each)] = each
                yield
            found.scatter(some["at"], pl.Series([*said], dtype=pl.UInt8))
        self._settle(found, {*first})

    def _settle(self, found: pl.Series, first: set[str]) -> None:
        """Find where a walk has to begin, in the directories that are as they were, at their top."""
        rows, trusted = self._rows, self._trusted & (found == _SAME)
        order = rows["one"].arg_sort()
        numbers = rows["one"].gather(order)
        row = numbers.search_sorted(rows["above"].fill_null(0)).clip(
            upper_bound=max(0, rows.height - 1)
        )
        has = (numbers.gather(row) == rows["above"]).fill_null(value=False)
        above = order.gather(row)
        # what is away now was not when its directory was listed
        trusted.scatter(above.filter(has & (found == _GONE)).unique().sort(), False)
        below = has & trusted.gather(above)
        head = pl.int_range(rows.height, dtype=pl.UInt32, eager=True)
        for depth in range(1, rows.select(pl.col("depth").max().fill_null(0)).item() + 1):
            at = (below & (rows["depth"] == depth)).arg_true()
            head.scatter(at, head.gather(above.gather(at)))
        self._trusted, self._head = trusted, head
        tops, begin = (trusted & ~below).arg_true(), (below & ~trusted).arg_true()
        self._heads = dict(zip(self._paths(tops), tops, strict=True))
        for top, path in zip(head.gather(begin), self._paths(begin), strict=True):
            if path not in first:
                self._begin.setdefault(top, []).append(path)

    def _paths(self, at: pl.Series) -> list[str]:
        return [path for each in rows_at(self._table.select("path"), at) for path in each["path"]]

    def visit(self, below: list[str]) -> list[str]:
        """Return which directories are to be listed: some, and what changed below the others."""
        if not self._heads:
            return below
        wanted: list[str] = []
        for path in below:
            top = self._heads.get(path)
            if top is None:
                wanted.append(path)
            else:
                self._visited.append(top)
                wanted += self._begin.get(top, ())
        return wanted

    def note(
        self, path: str, status: os.stat_result | None, *, files: int = 0, plain: bool = False
    ) -> None:
        """Note a directory that was listed, or that could not be, with the status it had before.

        Parameters
        ----------
        path
            Below the root.
        status
            None if nobody knows it.
        files
            How many files it holds.
        plain
            Whether it holds nothing else but directories, and all of them could be seen.
        """
        if not _is_text(path):
            above = path.rpartition("/")[0]
            if _is_text(above):  # it is listed for its sake
                self._odd.add(above)
            return
        if status is None or not stat.S_ISDIR(status.st_mode):
            row = (path, 0, 0, 0, 0, 0, False)
        else:
            stamp = status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
            row = (path, *stamp, files, plain)
        with self._lock:  # a note that is lost is a directory that nobody visits again
            self._notes.append(row)
            if len(self._notes) >= _BATCH:
                self._flush()

    def _flush(self) -> None:
        self._written.append(pl.DataFrame(self._notes, schema=_NOTE, orient="row"))
        self._notes = []

    @property
    def _unlisted(self) -> pl.Series:
        visited = pl.Series(self._visited, dtype=pl.UInt32)
        return self._trusted & self._head.is_in(visited.implode())

    def unlisted(self) -> pl.DataFrame:
        """Return the directories whose files are as they were: ``folder``, and ``within``, a device."""
        if not len(self._head):
            return self._rows.select("within", folder="one").clear()
        return self._rows.select("within", folder="one").filter(self._unlisted)

    def write(self, trust: Trust, rows: pl.DataFrame) -> Noted:
        """Write what is known now.

        Parameters
        ----------
        trust
            Where to.
        rows
            ``folder``, ``len``, ``low`` and ``high``: of each directory that was listed, how many
            rows it has, and between which devices they are.

        Raises
        ------
        OSError, polars.exceptions.PolarsError
            If that cannot be done.
        """
        self._flush()
        mark = str(self._now)
        of = f"{self._root} {mark}"
        new = (
            pl.concat(self._written)
            .with_columns(folder=_number(pl.col("path")))
            .join(rows, on="folder", how="left")
            .with_columns(
                plain=pl.col("plain")
                & (pl.col("files") == pl.col("len").fill_null(0))
                & (pl.col("low").eq_missing(pl.col("high")))
                & ~pl.col("path").is_in([*self._odd]),
                listed=pl.lit(self._now),
                within=pl.col("low"),
                of=pl.lit(of),
            )
        )
        self._written = []
        at = self._unlisted.arg_true() if len(self._head) else pl.Series(dtype=pl.UInt32)
        new = new.select(*FOLDERS).sort("path")
        write_pieces(self._merged(new, at, of), FOLDERS, Path(trust.to))
        return Noted(trust.to, mark, len(at))

    def _merged(self, new: pl.DataFrame, at: pl.Series, of: str) -> Iterator[pl.DataFrame]:
        """Yield new rows and those at some places of the last table, a piece at a time, by path."""
        done = 0
        for some in at.to_frame("at").iter_slices(_PIECE):
            known = pl.concat(rows_at(self._table, some["at"])).with_columns(of=pl.lit(of))
            upto = int(new["path"].search_sorted(known["path"][-1]))
            yield pl.concat([new[done:upto], known]).sort("path")
            done = upto
        yield new[done:]


def _is_text(path: str) -> bool:
    try:
        return path.isascii() or bool(path.encode())
    except UnicodeEncodeError:
        return False


def _loaded(trust: Trust, root_id: str) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Return the table of a file, and what is held of it; nothing if it is damaged or another's."""
    path = pl.col("path")
    held = {
        "one": _number(path),
        "above": pl.when(path != "").then(_number(path.str.replace(r"/?[^/]*$", ""))),
        "depth": pl.when(path == "")
        .then(0)
        .otherwise(path.str.count_matches("/", literal=True) + 1),
        "newest": pl.max_horizontal("mtime", "ctime"),
        **{each: pl.col(each) for each in ("files", "plain", "listed", "within", "of")},
    }
    none = pl.LazyFrame(schema=FOLDERS)
    empty = none.select(**held).drop("of").collect()
    if trust.known is None:
        return none, empty
    try:
        table = pl.scan_parquet(trust.known, glob=False)
        if table.collect_schema() != pl.Schema(FOLDERS):
            return none, empty
        parts = [empty]
        for first in range(0, height(table), _PIECE):
            piece = table.slice(first, _PIECE).select(**held).collect()
            if (piece["of"] != f"{root_id} {trust.mark}").any():
                return none, empty
            parts.append(piece.drop("of"))
    except UNREADABLE:
        return none, empty
    rows = pl.concat(parts)
    return (none, empty) if rows["one"].is_duplicated().any() else (table, rows)


def _hopeful(rows: pl.DataFrame, known: pl.DataFrame, nights: int, now: int) -> pl.Series:
    """Return which directories need not be listed tonight, if they are as they were."""
    # within that time a change may have left the directory the time that it had
    settled = rows["newest"] < rows["listed"] - _SETTLED
    listed = rows["listed"]
    overdue = (listed < max(0, now - nights * _DAY)) | (listed > now)
    counted = rows.select(folder="one").join(known, on="folder", how="left", maintain_order="left")
    whole = counted["len"].fill_null(0) == rows["files"]
    hopeful = rows["plain"] & settled & whole
    share = math.ceil(hopeful.sum() / nights)
    oldest = pl.select(at=hopeful.arg_true()).with_columns(listed=listed.filter(hopeful))
    due = oldest.sort("listed", "at").head(share)["at"].sort()
    hopeful &= ~overdue
    hopeful.scatter(due, False)
    return hopeful
