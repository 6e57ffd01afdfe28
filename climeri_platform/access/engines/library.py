"""The HDF5 library, asked about a file that is here, or elsewhere.

One thread at a time is in the library, so that nothing may wait for a network there: a slow server would
stop every reader of the process. Of a file elsewhere the library sees the blocks that are known. Where
it wants another one it is stopped, the block is fetched outside, and it is asked again.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from climeri_platform.access.engines.stored import FileStamp
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from climeri_platform.access.engines.stored import Source

__all__ = ["Want", "ask"]

_T = TypeVar("_T")
Want: TypeAlias = "Callable[[Sequence[tuple[int, int]]], None]"
# archives are read-only mounts, and many of them know no locks; then whatever other code has asked for
_LOCKS = (False, True), (True, True), (True, False), (False, False)
_BLOCK = 2**16  # bytes
_AT_FIRST, _AHEAD = 8, 64  # blocks that are fetched first, and at most where one follows the other


def ask(source: Source, question: Callable[[Any, Want], _T]) -> _T:
    """Open a file in the library, and return what it says.

    Parameters
    ----------
    source
        The file.
    question
        What is asked of the open file; of one elsewhere again and again, until all that it wants to
        see is known. Its second argument is a function that it may call with places (first byte, length)
        which it will read: they are fetched together.

    Returns
    -------
    object
        The answer.

    Raises
    ------
    FileUnreadable
        If the file was replaced, or cannot be read.
    OSError, ValueError, KeyError
        As the library does where the file is damaged.
    """
    from h5py._hl.base import phil

    with source.opened() as handle:
        if isinstance(source, FileStamp):  # opened twice, so that it is the same file
            # all of it at once: a file that is open here, without locks, could not be opened with
            # them by other code of this process that uses h5py
            with phil, _opened(source.path) as file:
                return question(file, lambda _: None)
        blocks = _Blocks(source, handle)
        while True:
            if (answer := _tried(blocks, question)) is not None:
                return answer[0]
            blocks.fetch()


def _tried(blocks: _Blocks, question: Callable[[Any, Want], _T]) -> tuple[_T] | None:
    """Return the answer, if no block was missing."""
    try:
        with _opened(blocks.source.path, blocks) as file:
            answer = question(file, blocks.want)
    except Exception:  # whatever the library makes of a block that is missing
        if not blocks.missing:
            raise
        return None
    return None if blocks.missing else (answer,)


@contextmanager
def _opened(path: str, blocks: _Blocks | None = None) -> Iterator[Any]:
    from h5py import h5f, h5fd, h5p

    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    if blocks is None:
        file = _unlocked(path, access)
    else:
        access.set_fileobj_driver(h5fd.fileobj_driver, blocks)
        file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY, fapl=access)
    try:
        yield file
    finally:
        file.close()


def _unlocked(path: str, access: Any) -> Any:
    """Open a file without locks; as this process has it open already, where it has.

    The library has a file open once, and refuses who asks for other locks or another way to close it.
    """
    from h5py import h5f

    name = os.fsencode(path)
    access.set_file_locking(*_LOCKS[0])
    try:
        return h5f.open(name, h5f.ACC_RDONLY, fapl=access)
    except OSError as problem:
        if "match" not in str(problem):
            raise
    access.set_fclose_degree(h5f.CLOSE_DEFAULT)  # fits all
    for locks in _LOCKS[1:]:
        access.set_file_locking(*locks)
        with suppress(OSError):
            return h5f.open(name, h5f.ACC_RDONLY, fapl=access)
    access.set_file_locking(*_LOCKS[0])
    return h5f.open(name, h5f.ACC_RDONLY, fapl=access)


class _Blocks:
    """The blocks of a file elsewhere that are known, as the library reads them."""

    def __init__(self, source: Source, handle: Any) -> None:
        self.source, self.handle = source, handle
        self.known: dict[int, bytes] = {}
        self.missing: set[int] = set()
        self.at, self.last, self.ahead = 0, -2, 1
        self._fetch(range(_AT_FIRST))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        self.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.at}.get(whence, self.source.size)
        return self.at

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self.at

    def readinto(self, buffer: memoryview) -> int:
        """Give what is asked for; LookupError where it is not known."""
        end = min(self.at + len(buffer), self.source.size)
        numbers = range(self.at // _BLOCK, -(-end // _BLOCK))
        self._have(numbers)
        data = b"".join(self.known[each] for each in numbers)
        begin = self.at - numbers.start * _BLOCK
        found = data[begin : begin + end - self.at]
        buffer[: len(found)] = found
        self.at += len(found)
        return len(found)

    def write(self, _: Any) -> int:
        """Refuse: nothing is written."""
        raise OSError("a file elsewhere is not written")

    def flush(self) -> None:
        """Do nothing: nothing was written."""

    def truncate(self, _: int | None = None) -> int:
        """Refuse, as for writing."""
        raise OSError("a file elsewhere is not written")

    def want(self, places: Sequence[tuple[int, int]]) -> None:
        """Have some bytes known; LookupError where they are not."""
        numbers = {
            each
            for offset, size in places
            for each in range(offset // _BLOCK, -(-(offset + size) // _BLOCK))
        }
        self._have(sorted(numbers))

    def _have(self, numbers: Sequence[int]) -> None:
        missing = {each for each in numbers if each not in self.known}
        if missing:
            self.missing |= missing
            raise LookupError("not known yet")

    def fetch(self) -> None:
        """Fetch the blocks that are missing, and more where one follows the other."""
        wanted = sorted(self.missing)
        if wanted[0] == self.last + 1:
            self.ahead = min(2 * self.ahead, _AHEAD)
            wanted += range(wanted[-1] + 1, wanted[-1] + self.ahead)
        self.last = wanted[-1]
        self.missing = set()
        self._fetch(wanted)

    def _fetch(self, numbers: Sequence[int]) -> None:
        size = self.source.size
        wanted = [each for each in numbers if each not in self.known and each * _BLOCK < size]
        if not wanted and numbers != range(_AT_FIRST):
            raise FileUnreadable(
                f"{self.source.path}: it ends at byte {size}, and its header goes on",
                hint="Truncated files end like this: compare its size and checksum with its origin.",
            )
        begins = [each * _BLOCK for each in wanted]
        sizes = [min(_BLOCK, size - begin) for begin in begins]
        found = self.source.pieces(self.handle, begins, sizes)
        self.known.update(zip(wanted, found, strict=True))
