"""What was read of the files of a dataset, kept beside the catalog until one of them changes.

A record holds what `joining` made of the headers, and size and times of change of each file: it is used
only while all of them are as they were. It is data (`access.records`), in a folder that only its owner may
write to.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform import __version__
from climeri_platform.access.records import LARGEST, NoRecord, from_bytes, to_bytes
from climeri_platform.core.settings import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.access.joined import Joined

__all__ = ["HeaderCache", "header_cache"]

_LIMIT = 2**29  # bytes of all records; the oldest go first
_LOOK = 64  # records written between looks at the size of all
_DAY = 86_400.0
_RECORD = re.compile(r"[0-9a-f]{40}|\.new-\w+", re.ASCII)
# a file that changed this short a time ago may change again within one tick of its clock
_RECENT = 2_000_000_000
_Span = tuple[int, int]
_Stamp = tuple[int, int, int]  # size, time of change, and when the disk last noted a change


class HeaderCache:
    """Records of datasets in a folder.

    Parameters
    ----------
    folder
        Is made, for its owner alone, when the first record is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._written = 0

    def find(self, paths: Sequence[str], spans: Sequence[_Span]) -> Joined | None:
        """Return what is known of a dataset, None if its files are not as they were."""
        record = self._record(paths, spans)
        try:
            # no link to what somebody else wrote and we only own
            with open(record, "rb", opener=_no_link) as file:
                about = os.fstat(file.fileno())
                if about.st_uid != os.getuid() or about.st_nlink != 1:
                    return None
                found = from_bytes(file.read(LARGEST)) if about.st_size <= LARGEST else None
        except OSError:
            return None
        if found is None or found[0] != _stamps(paths):
            return None
        if time.time() - about.st_mtime > _DAY:
            with suppress(OSError):
                os.utime(record)  # the oldest go first
        return found[1]

    def stamps(self, paths: Sequence[str]) -> list[_Stamp] | None:
        """Return size and times of change of files, before they are read."""
        return _stamps(paths)

    def keep(
        self,
        paths: Sequence[str],
        spans: Sequence[_Span],
        stamps: list[_Stamp] | None,
        joined: Joined,
    ) -> None:
        """Write what is known of a dataset; a folder that cannot be written to keeps nothing.

        Parameters
        ----------
        paths, spans
            Of its files.
        stamps
            Of the files before they were read.
        joined
            What was made of them.
        """
        if stamps is None or max(each[1] for each in stamps) > time.time_ns() - _RECENT:
            return
        with suppress(OSError, NoRecord):
            data = to_bytes(stamps, joined)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(self._record(paths, spans))
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self._written += 1
            if self._written % _LOOK == 1:
                self.prune()

    def prune(self, limit: int = _LIMIT) -> int:
        """Delete the oldest records until all take no more than some bytes; return how many.

        Whatever else is in the folder stays: the setting may name one that is not ours alone.
        """
        with os.scandir(self.folder) as entries:
            found = sorted(
                (about.st_mtime, about.st_size, each.path)
                for each in entries
                if _RECORD.fullmatch(each.name) and (about := each.stat(follow_symlinks=False))
                if stat.S_ISREG(about.st_mode)
            )
        total, gone = sum(size for _, size, _ in found), 0
        for _, size, path in found:
            if total <= limit:
                break
            Path(path).unlink(missing_ok=True)
            total, gone = total - size, gone + 1
        return gone

    def _record(self, paths: Sequence[str], spans: Sequence[_Span]) -> Path:
        marks = hashlib.sha256(_maker().encode())
        marks.update("\0".join(paths).encode("utf-8", "surrogateescape"))
        marks.update(repr(list(spans)).encode())
        return self.folder / marks.hexdigest()[:40]


def header_cache() -> HeaderCache | None:
    """Return the cache that the setting ``header_cache`` names, None if that is ``off``."""
    folder = setting("header_cache")
    if folder == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return HeaderCache(folder or Path(home) / "climeri" / "headers")


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _stamps(paths: Sequence[str]) -> list[_Stamp] | None:
    found = []
    for path in paths:
        try:
            about = os.stat(path)  # noqa: PTH116 - a thousand of them
        except OSError:
            return None
        if not stat.S_ISREG(about.st_mode):
            return None  # the folder of a store does not change with what is in it
        # copies keep the time of change (cp -p, rsync -t); when the copy came, they cannot set
        found.append((about.st_size, about.st_mtime_ns, about.st_ctime_ns))
    return found


@lru_cache(maxsize=1)
def _maker() -> str:
    """Return a mark of the code that makes records: another one's are read anew.

    Sizes and times, and not what it says: reading it all takes longer than reading a record.
    """
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(Path(__file__).parent):
        folders.sort()
        for name in sorted(each for each in names if each.endswith(".py")):
            path = os.path.join(folder, name)  # noqa: PTH118 - nearly a hundred of them
            about = os.stat(path)  # noqa: PTH116
            digest.update(
                f"{path} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}".encode()
            )
    return f"{__version__} {np.__version__} {digest.hexdigest()}"
