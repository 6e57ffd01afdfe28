"""Which files are on tape only: a look at each, which recalls nothing."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bytes_offline"]

_AT_ONCE = 8  # a look waits for the server of the file system, and not for us


def bytes_offline(files: Sequence[tuple[str, bool | None]]) -> list[int | None]:
    """Return for each file the bytes of it that are on tape only; None if it can be read now.

    A regular file that has a size and no blocks is on tape only; that is what the catalog's
    ``online`` says, too, of the night when it was walked. What is seen now counts: files are
    recalled and released between nights. A missing file is none of this: opening it says so.

    Parameters
    ----------
    files
        Absolute path, and what the catalog knows of it. That decides for stores, which are
        directories.
    """
    if len(files) < 2 * _AT_ONCE:
        return [_bytes(path, online) for path, online in files]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: _bytes(*each), files, chunksize=_AT_ONCE))


def _bytes(path: str, online: bool | None) -> int | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - one call, for very many files
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return 0 if online is False else None
    return status.st_size if status.st_size and not status.st_blocks else None
