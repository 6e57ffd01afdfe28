"""Files elsewhere: bytes of an address, asked for by ranges through fsspec.

An address that holds a user name, a password or a token is never shown: not in an error, not in a
representation, and not as the source of a dataset.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from climeri_platform.core.errors import FileUnreadable, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from climeri_platform.access.engines.stored import Numbers

__all__ = ["RemoteFile", "asked", "is_address", "shown", "unreadable"]

_T = TypeVar("_T")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*(://|::)")
_USER = re.compile(r"//[^/@\s'\"]*@")
_QUERY = re.compile(r"[?#][^\s'\"<>),]*")
# by which file systems tell one file from the next of its name
_TAGS = (
    "ETag",
    "etag",
    "Content-MD5",
    "md5Hash",
    "LastModified",
    "Last-Modified",
    "mtime",
    "created",
)
_GAP, _LARGEST, _AT_ONCE = 2**16, 2**23, 2**26  # bytes between ranges, of a range, and of all
_TRIES, _PAUSE = 3, 0.2  # seconds before the second try, and twice that before the third
_GIVE_PARTS: set[str] = set()  # servers that are known to give parts of a file
_OF_EXTRA = ("http", "https", "s3", "s3a", "dap2", "dap4")
_WITH_EXTRA = "climeri-platform[remote] brings what https://, s3:// and OPeNDAP need"
_IN_GOOGLE = ("gcsfs", "What is public is also at https://storage.googleapis.com/BUCKET/FILE.")
_IN_AZURE = (
    "adlfs",
    "What is public is also at https://ACCOUNT.blob.core.windows.net/CONTAINER/FILE.",
)
_BY_SSH = ("paramiko", "Or copy the file, and open the copy.")
# by protocol: the package that fsspec needs, and what can be done without it
_NOT_OF_EXTRA = {
    **dict.fromkeys(("gs", "gcs"), _IN_GOOGLE),
    **dict.fromkeys(("abfs", "abfss", "az"), _IN_AZURE),
    **dict.fromkeys(("sftp", "ssh"), _BY_SSH),
}
_AGAIN = "Try again; tell the centre if it lasts."


def is_address(place: str) -> bool:
    """Return whether a place is an address (``https://``, ``s3://``), and no path."""
    return _SCHEME.match(place) is not None


def shown(address: str) -> str:
    """Return an address as it may be shown: without user, password, token or signature.

    Examples
    --------
    >>> shown("https://me:secret@data.example.org/tas.nc?token=abc")
    'https://data.example.org/tas.nc'
    """
    return _QUERY.sub("", _USER.sub("//", address))


def unreadable(address: str, problem: BaseException) -> FileUnreadable | MissingExtra:
    """Return the error that says why an address cannot be read."""
    name = shown(address)
    if isinstance(problem, FileUnreadable | MissingExtra):
        return problem
    if isinstance(problem, ImportError):
        return MissingExtra(f"{name}: {shown(str(problem))}", hint=_to_install(name))
    if isinstance(problem, FileNotFoundError) or _status(problem) in (404, 410):
        return FileUnreadable(f"{name}: No such file", hint="Is the address right, and complete?")
    status = _status(problem)
    if isinstance(problem, PermissionError) or status in (401, 403):
        return FileUnreadable(
            f"{name}: Permission denied",
            hint="Ask for access; what fsspec signs in with is set in ~/.config/fsspec, or as its protocol has it.",
        )
    said = " ".join(shown(str(problem).replace(address, name)).split())[:300]
    if said.startswith("Protocol not known"):
        return FileUnreadable(f"{name}: {said}", hint=f"Is the address right? {_WITH_EXTRA}.")
    return FileUnreadable(
        f"{name}: {type(problem).__name__}: {said}".removesuffix(": "), hint=_AGAIN
    )


def _to_install(name: str) -> str:
    """Return what brings the packages for an address, and what reads it without."""
    protocol = name.rpartition("::")[2].partition("://")[0].lower()
    if protocol in _OF_EXTRA:
        return "Install the packages of addresses: pip install 'climeri-platform[remote]'."
    package, instead = _NOT_OF_EXTRA.get(protocol, ("", ""))
    hint = f"pip install {package}." if package else "Install what fsspec asks for."
    return " ".join(filter(None, (hint, f"{_WITH_EXTRA}.", instead)))


def _status(problem: BaseException) -> int:
    """Return what a server answered, as HTTP has it; 0 where it did not."""
    # aiohttp has it in the error; requests has the answer, here or, said again, in its cause
    for each in (problem, problem.__cause__):
        answer = getattr(each, "response", None)
        status = getattr(each, "status", None) or getattr(answer, "status_code", None)
        if isinstance(status, int):
            return status
    return 0


def _cause(problem: Exception) -> Exception:
    """Return what happened, where fsspec says of any answer that there is no such file."""
    cause = problem.__cause__
    if not isinstance(problem, FileNotFoundError) or not isinstance(cause, Exception):
        return problem
    return problem if _status(cause) in (404, 410) else cause


def _lasting(problem: Exception) -> bool:
    """Whether there is no hope in asking again."""
    status = _status(problem)
    if status:
        return status < 500 and status != 429
    if isinstance(problem, FileNotFoundError | PermissionError | IsADirectoryError):
        return True
    # a connection that ended; aiohttp's errors of this kind have no other name in common
    return not (isinstance(problem, OSError) or type(problem).__module__.startswith("aiohttp"))


def asked(address: str, ask: Callable[[], _T]) -> _T:
    """Ask a server: again where it did not answer, and with our own errors.

    Parameters
    ----------
    address
        What is asked for.
    ask
        Asks, and returns the answer; its errors may tell the address.

    Returns
    -------
    object
        The answer.

    Raises
    ------
    FileUnreadable
        If there is none after some tries, without credentials.
    MissingExtra
        If a package for such addresses is not installed.
    """
    for tried in range(1, _TRIES + 1):
        try:
            return ask()
        except Exception as told:  # noqa: BLE001 - a client of a server raises anything
            problem = _cause(told)
            if tried == _TRIES or _lasting(problem):
                # not from the problem, which tells the whole address
                raise unreadable(address, problem) from None
        time.sleep(_PAUSE * tried)
    raise AssertionError


def _system(address: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    found: tuple[Any, str] = url_to_fs(address)
    return found


def _now(address: str) -> tuple[int, str]:
    """Return the size of a file as it is now, and what tells it from another one."""
    system, path = _system(address)
    system.invalidate_cache(system._parent(path))  # noqa: SLF001 - fsspec has no other name for it
    about = system.info(path)
    if about.get("type") == "directory":
        raise IsADirectoryError("Is a directory")
    if about.get("size") is None:
        raise ValueError("the server does not say how long the file is")
    if about.get("partial") is False:
        raise ValueError("the server gives no part of a file (byte ranges)")
    tag = next((str(about[each]) for each in _TAGS if about.get(each)), "")
    return int(about["size"]), tag


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file elsewhere, as it was when its header was read.

    Attributes
    ----------
    address
        For fsspec; it may hold credentials, and is not shown.
    size
        Its bytes.
    tag
        Its ETag or time: what the server tells it from another file by.
    """

    address: str = field(repr=False)
    size: int
    tag: str
    reach: ClassVar[int] = 2**18

    @classmethod
    def of(cls, address: str) -> RemoteFile:
        """Return the file as it is now.

        Raises
        ------
        FileUnreadable
            If there is none, or its server gives no parts of it.
        MissingExtra
            If a package for such addresses is not installed.
        """
        return cls(address, *asked(address, lambda: _now(address)))

    @property
    def path(self) -> str:
        """Its address, without credentials."""
        return shown(self.address)

    def first(self, count: int) -> bytes:
        """Return its first bytes, from a server that may not know ranges."""

        def ask() -> bytes:
            system, path = _system(self.address)
            # opened, fsspec stops where a server sends all of a file; asked for a range it takes it
            with system.open(path, "rb", size=self.size, cache_type="none") as file:
                server = "/".join(self.address.split("/")[:3])
                if server not in _GIVE_PARTS:
                    file.seek(self.size - 1)
                    file.read(1)
                    file.seek(0)
                    _GIVE_PARTS.add(server)
                data: bytes = file.read(min(count, self.size))
                return data

        return asked(self.address, ask) if self.size else b""

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give what reads the file, and tell afterwards whether it is still the same.

        Raises
        ------
        FileUnreadable
            If it was replaced before all was read, or cannot be read.
        """
        handle = asked(self.address, lambda: _system(self.address))
        try:
            yield handle
        except FileUnreadable:
            self._compare()  # a file that was replaced gives damaged data: the cause is told
            raise
        self._compare()

    def _compare(self) -> None:
        if asked(self.address, lambda: _now(self.address)) != (self.size, self.tag):
            raise FileUnreadable(
                f"{self.path}: the file was replaced after the dataset was opened",
                hint="Open the dataset again: what its header said holds no longer.",
            )

    def bytes_at(self, handle: Any, offset: int, size: int) -> bytes:
        """Return some bytes of it."""
        return next(self.pieces(handle, [offset], [size]))

    def pieces(self, handle: Any, offsets: Numbers, sizes: Numbers) -> Iterator[bytes]:
        """Return the bytes at several places: those that are close asked for together, all at once."""
        for some in _batches(offsets, sizes):
            ranges = _merged(some)
            found = asked(self.address, lambda: self._ranges(handle, ranges))  # noqa: B023 - called here
            begins = [begin for begin, _ in ranges]
            for offset, size in some:
                at = bisect_right(begins, offset) - 1
                yield found[at][offset - begins[at] : offset - begins[at] + size]

    def _ranges(self, handle: tuple[Any, str], ranges: list[tuple[int, int]]) -> list[bytes]:
        system, path = handle
        found = system.cat_ranges(
            [path] * len(ranges),
            [begin for begin, _ in ranges],
            [end for _, end in ranges],
            on_error="return",
        )
        for (begin, end), data in zip(ranges, found, strict=True):
            if isinstance(data, BaseException):
                raise data
            if len(data) != end - begin:
                raise FileUnreadable(
                    f"{self.path}: {len(data)} bytes came where {end - begin} were asked for, at byte {begin}",
                    hint="Truncated files, and servers without byte ranges, answer like this.",
                )
        return [bytes(each) for each in found]


def _batches(offsets: Numbers, sizes: Numbers) -> Iterator[list[tuple[int, int]]]:
    """Yield places, not too many bytes at a time."""
    some: list[tuple[int, int]] = []
    total = 0
    for each in zip(map(int, offsets), map(int, sizes), strict=True):
        if some and total + each[1] > _AT_ONCE:
            yield some
            some, total = [], 0
        some.append(each)
        total += each[1]
    if some:
        yield some


def _merged(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return begin and end of ranges that hold the places."""
    ranges: list[tuple[int, int]] = []
    for offset, size in sorted(places):
        if ranges:
            begin, end = ranges[-1]
            after = max(end, offset + size)
            if offset - end <= _GAP and after - begin <= _LARGEST:
                ranges[-1] = (begin, after)
                continue
        ranges.append((offset, offset + size))
    return ranges
