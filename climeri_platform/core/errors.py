"""The errors of the platform, one tree.

.. code-block:: text

    ClimeriError                      exit code 1
    ├── UsageError                    2   the question cannot be understood
    │   ├── UnknownFacet
    │   ├── UnknownValue
    │   ├── UnknownKey
    │   ├── UnknownFamily
    │   └── UnknownSite
    ├── NothingFound                  3   understood, and there is nothing
    ├── RootUnusable                  4   an archive root cannot be read
    │   ├── RootShrunk                11  too much of it vanished since it was catalogued
    │   └── RootsStale                12  a refresh is published, some roots are as they were
    ├── StoreError                    5   the catalog store
    │   ├── StoreMissing
    │   ├── StoreDamaged
    │   ├── StoreTooNew
    │   └── StoreBusy
    ├── DataError                     6   a file or a dataset
    │   ├── FileUnreadable
    │   ├── DatasetInconsistent
    │   │   └── HoleInTime
    │   ├── GridMismatch
    │   ├── NotHere
    │   ├── OnTape
    │   ├── SelectionChanged
    │   ├── TooLarge
    │   └── UnitMismatch
    ├── ComputeError                  7   Dask
    ├── HubError                      8   JupyterHub
    │   ├── PortBusy
    │   ├── ProxyMissing
    │   └── HubFailed
    ├── ArchiveError                  9   the demonstration archive
    └── MissingExtra                  10  a room's packages are not installed

Every message says what was asked, which value is wrong, where, and what to do next. The command
line prints it without a traceback and leaves with the exit code of its class.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ArchiveError",
    "ClimeriError",
    "ComputeError",
    "DataError",
    "DatasetInconsistent",
    "FileUnreadable",
    "GridMismatch",
    "HoleInTime",
    "HubError",
    "HubFailed",
    "MissingExtra",
    "NotHere",
    "NothingFound",
    "OnTape",
    "PortBusy",
    "ProxyMissing",
    "RootShrunk",
    "RootUnusable",
    "RootsStale",
    "SelectionChanged",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreMissing",
    "StoreTooNew",
    "TooLarge",
    "UnitMismatch",
    "UnknownFacet",
    "UnknownFamily",
    "UnknownKey",
    "UnknownSite",
    "UnknownValue",
    "UsageError",
    "nearest",
]


class ClimeriError(Exception):
    """Anything that the platform refuses, with the reason.

    Parameters
    ----------
    message
        What was asked, which value is wrong, and where.
    hint
        What to do next; printed on a line of its own.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (Dask workers, pools); keyword arguments would be lost.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(cls: type[ClimeriError], message: str, hint: str) -> ClimeriError:
    return cls(message, hint=hint)


class UsageError(ClimeriError, ValueError):
    """The question cannot be understood as it stands."""

    exit_code = 2


class UnknownFacet(UsageError):
    """A facet that the catalog does not have."""


class UnknownValue(UsageError):
    """A value that no row of the catalog has."""


class UnknownKey(UsageError, KeyError):
    """A key that nothing was opened under."""


class UnknownFamily(UsageError):
    """An archive family, or a catalog, that does not exist."""


class UnknownSite(UsageError):
    """A site profile that does not exist or cannot be read."""


class NothingFound(ClimeriError):
    """The question was understood, and the answer is empty."""

    exit_code = 3


class RootUnusable(ClimeriError, OSError):
    """An archive root that is missing, empty, unreadable or not a directory."""

    exit_code = 4


class RootShrunk(RootUnusable):
    """More of a root vanished than may vanish unnoticed; its last rows stay."""

    exit_code = 11


class RootsStale(RootUnusable):
    """A refresh was published, and some roots are carried forward as they were."""

    exit_code = 12


class StoreError(ClimeriError):
    """The catalog store cannot be read or written."""

    exit_code = 5


class StoreMissing(StoreError, FileNotFoundError):
    """There is no catalog store at this place."""


class StoreDamaged(StoreError):
    """The store is there, and part of it is not."""


class StoreTooNew(StoreError):
    """The store was written by a newer version in a format that this one cannot read."""


class StoreBusy(StoreError):
    """Another process holds the store, or took it over."""


class DataError(ClimeriError):
    """A file or a dataset cannot be used."""

    exit_code = 6


class FileUnreadable(DataError, OSError):
    """A file that is missing, empty, truncated, or of another format."""


class DatasetInconsistent(DataError, ValueError):
    """Files of one dataset that do not belong together."""


class HoleInTime(DatasetInconsistent):
    """A dataset that lacks part of its time, where that was not to be accepted."""


class GridMismatch(DataError, ValueError):
    """Datasets that were to stand beside each other, and are on different grids."""


class NotHere(DataError, FileNotFoundError):
    """Data that are catalogued, and of which no replica can be read from here."""


class OnTape(DataError):
    """Files on a tape-backed mount, whose opening may recall them: it must be asked for."""


class SelectionChanged(DataError):
    """Files of a frozen selection that are gone, or no longer what they were."""


class TooLarge(DataError, MemoryError):
    """More data asked for at once than this process has memory for, and nobody confirmed it.

    Parameters
    ----------
    message, hint
        As in `ClimeriError`.
    wanted, limit
        Bytes that were asked for, and those that are taken without being confirmed.
    """

    def __init__(self, message: str, *, hint: str = "", wanted: int = 0, limit: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.wanted = wanted
        self.limit = limit

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_large, (self.message, self.hint, self.wanted, self.limit))


def _rebuild_large(message: str, hint: str, wanted: int, limit: int) -> TooLarge:
    return TooLarge(message, hint=hint, wanted=wanted, limit=limit)


class UnitMismatch(DataError, ValueError):
    """A quantity whose units are absent or of another kind."""


class ComputeError(ClimeriError, RuntimeError):
    """The Dask cluster cannot be had, or lost its workers."""

    exit_code = 7


class HubError(ClimeriError, RuntimeError):
    """The hub cannot run."""

    exit_code = 8


class PortBusy(HubError):
    """Somebody else listens on the port."""


class ProxyMissing(HubError):
    """The proxy of the hub, or the Node.js that runs it, is not installed."""


class HubFailed(HubError):
    """The hub or a user's server stopped, or did not answer in time."""


class ArchiveError(ClimeriError):
    """The demonstration archive cannot be written, or is not what it should be."""

    exit_code = 9


class MissingExtra(ClimeriError, ImportError):
    """A room was entered whose packages are not installed."""

    exit_code = 10


def nearest(word: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """Return the known words that somebody who typed ``word`` may have meant.

    Parameters
    ----------
    word
        What was typed.
    known
        What exists.
    count
        How many to return at the most.

    Returns
    -------
    list of str
        Nearest first: another case of the same word, then words alike.

    Examples
    --------
    >>> nearest("ipsl-cm6a-lr", ["CNRM-CM6-1", "IPSL-CM6A-LR"])
    ['IPSL-CM6A-LR']
    """
    words = list(dict.fromkeys(known))
    lower: dict[str, list[str]] = {}
    for each in words:
        lower.setdefault(each.lower(), []).append(each)
    close = get_close_matches(word.lower(), lower, n=count, cutoff=0.6)
    return [each for key in close for each in lower[key]][:count]
