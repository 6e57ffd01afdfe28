"""Files that are there whole, or as they were, whatever befalls the one who writes them."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["sync", "write_named", "write_whole"]


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk.

    Parameters
    ----------
    path
        What may be read.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(
    path: Path,
    content: str | bytes,
    *,
    mode: int | None = None,
    new: bool = False,
    until: Callable[[], object] | None = None,
) -> None:
    """Write a small file so that it is there whole, or as it was; also after a power cut.

    Parameters
    ----------
    path
        Where; a file that is there is replaced.
    content
        All of it; text is written in UTF-8.
    mode
        Its permissions, by default those of a new file.
    new
        Whether one that is there stays, and is an error.
    until
        Called as late as can be before the file gets its name; what it raises stops that.

    Raises
    ------
    OSError
        If it cannot be written; of the file only, nothing is left beside it. After the file has its
        name, only the sync of its folder can fail.
    FileExistsError
        With ``new``, if it is there.
    """
    data = content.encode() if isinstance(content, str) else content
    # no two writers share a draft; its end says whose it is, for those who sweep
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    handle = os.open(beside, flags, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if until is not None:
            until()
        if new:
            os.link(beside, path)
        else:
            beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    try:
        sync(path.parent)
    except OSError as problem:
        # a folder may be passed through and not be read, and not every file system syncs one
        if problem.errno not in (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP):
            raise


def write_named(
    path: str | os.PathLike[str], content: str | bytes, *, mode: int | None = None
) -> Path:
    """Write a file whole, where somebody wants it.

    Parameters
    ----------
    path
        As it was given. A link stays, and what it leads to is replaced; a pipe or a device, such as
        ``/dev/stdout``, is written to.
    content, mode
        As for `write_whole`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    UsageError
        If it cannot be written there.
    """
    there = Path(path)
    if not there.name:  # "" and ".", and "/"
        raise UsageError(
            f"{os.fspath(path)!r} names no file to write",
            hint="Name a file in a folder that exists and that you may write to.",
        )
    try:
        if _is_stream(there):
            there.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            write_whole(there.resolve() if there.is_symlink() else there, content, mode=mode)
    except OSError as problem:
        raise UsageError(
            f"{there} cannot be written: {problem.strerror or problem}",
            hint="Name a file in a folder that exists and that you may write to.",
        ) from problem
    return there


def _is_stream(path: Path) -> bool:
    return path.exists() and not (path.is_file() or path.is_dir())
