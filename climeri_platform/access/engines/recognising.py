"""Which engine reads a place, and its header.

A place is a path or an address that fsspec knows; each engine says whether it is its own, from what the
place is called and what it begins with. A new engine is put before or behind the others: `ENGINES` is
asked in its order.
"""

from __future__ import annotations

import errno
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from climeri_platform.access.engines import classic, hdf5, opendap, references, zarr
from climeri_platform.access.engines.header import TRUNCATED
from climeri_platform.access.engines.remote import RemoteFile, is_address, shown, unreadable
from climeri_platform.access.engines.stored import FileStamp
from climeri_platform.core.errors import FileUnreadable, MissingExtra

if TYPE_CHECKING:
    from climeri_platform.access.engines.header import Header
    from climeri_platform.access.engines.stored import Source

__all__ = [
    "ENGINES",
    "Classic",
    "Engine",
    "Hdf5",
    "Opendap",
    "Place",
    "References",
    "Zarr",
    "engine_of",
    "find_engine",
    "read_header",
]

_NO_NETCDF = "What is in it does not follow the conventions of its format: ask its author."
_HDF5 = b"\x89HDF\r\n\x1a\n"


class Place:
    """A path or an address, and what it is found to be.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        text = os.fspath(place)
        self.text = text.removeprefix("file://")
        self.is_address = is_address(self.text)

    @property
    def name(self) -> str:
        """What it is called, as it may be shown."""
        return shown(self.text) if self.is_address else self.text

    @cached_property
    def source(self) -> Source:
        """The file that is there; FileUnreadable where there is none."""
        if self.is_address:
            return RemoteFile.of(self.text)
        try:
            return FileStamp.of(self.text)
        except OSError as problem:
            raise _refused(self.name, problem) from problem

    @cached_property
    def _beginning(self) -> bytes | FileUnreadable:
        try:
            if self.is_address:
                source = self.source
                assert isinstance(source, RemoteFile)
                return source.first(8)
            with Path(self.text).open("rb") as file:
                return file.read(8)
        except FileUnreadable as problem:
            return problem
        except OSError as problem:
            return _refused(self.name, problem)

    @property
    def first(self) -> bytes:
        """The first bytes of the file; FileUnreadable where there is none."""
        if isinstance(self._beginning, FileUnreadable):
            raise self._beginning
        return self._beginning

    @property
    def is_file(self) -> bool:
        """Whether it is a file that can be read."""
        return not isinstance(self._beginning, FileUnreadable)

    def begins_with(self, *words: bytes) -> bool:
        """Whether it is a file that begins so."""
        return self.is_file and self.first.startswith(words)

    def is_called(self, *endings: str) -> bool:
        """Whether its name ends so."""
        return self.name.rstrip("/").endswith(endings)

    def holds(self, *names: str) -> bool:
        """Whether it is a folder in which one of these is."""
        if not self.is_address:
            return any(Path(self.text, each).is_file() for each in names)
        try:
            from fsspec.core import url_to_fs

            system, path = url_to_fs(self.text)
            return any(system.isfile(f"{path.rstrip('/')}/{each}") for each in names)
        except Exception as problem:  # noqa: BLE001 - a client of a server raises anything
            raise unreadable(self.text, problem) from None


class Engine(Protocol):
    """How the header of one kind of place is read."""

    @property
    def name(self) -> str:
        """What the engine is called in reports."""

    def recognises(self, place: Place) -> bool:
        """Whether it reads this place: asked of every place, so that it may not fail."""

    def header(self, place: Place) -> Header:
        """Read the header; FileUnreadable, or what its library raises, if it is damaged."""


class Hdf5:
    """NetCDF-4, here or elsewhere."""

    name = "hdf5"

    def recognises(self, place: Place) -> bool:
        """Whether it begins as HDF5 does."""
        return place.begins_with(_HDF5)

    def header(self, place: Place) -> Header:
        """Read the header."""
        return hdf5.read_header(place.source)


class Classic:
    """NetCDF classic, here or elsewhere."""

    name = "classic"

    def recognises(self, place: Place) -> bool:
        """Whether it begins as NetCDF classic does."""
        return place.begins_with(*classic.MAGIC)

    def header(self, place: Place) -> Header:
        """Read the header."""
        return classic.read_header(place.source)


class References:
    """kerchunk references: JSON, or a folder of Parquet."""

    name = "references"

    def recognises(self, place: Place) -> bool:
        """Whether it is JSON, or a folder that is called so."""
        if place.is_called(*references.IN_PARQUET):
            return not place.is_file and place.holds(".zmetadata")
        return not place.is_called(".zarr") and place.begins_with(b"{")

    def header(self, place: Place) -> Header:
        """Read the header."""
        return zarr.read_header(place.text, references=True)


class Zarr:
    """Zarr stores of version 2 and 3, here or elsewhere."""

    name = "zarr"

    def recognises(self, place: Place) -> bool:
        """Whether it is a folder with the documents of a store."""
        return (place.is_called(".zarr") or not place.is_file) and place.holds(
            *references.DOCUMENTS
        )

    def header(self, place: Place) -> Header:
        """Read the header."""
        return zarr.read_header(place.text)


class Opendap:
    """Datasets that a server gives by OPeNDAP."""

    name = "opendap"

    def recognises(self, place: Place) -> bool:
        """Whether its scheme, or a folder of its server, is one of OPeNDAP."""
        return bool(opendap.protocol_of(place.text))

    def header(self, place: Place) -> Header:
        """Read the header."""
        return opendap.read_header(place.text)


# by their names first: asking a server costs more
ENGINES: list[Engine] = [Opendap(), References(), Zarr(), Hdf5(), Classic()]


def find_engine(place: str | os.PathLike[str] | Place) -> Engine:
    """Return the engine that reads a place.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows.

    Returns
    -------
    Engine
        The first of `ENGINES` that recognises it.

    Raises
    ------
    FileUnreadable
        If it is missing, not readable, empty, or of a format that none reads.
    MissingExtra
        If the packages for such an address are not installed.
    """
    there = place if isinstance(place, Place) else Place(place)
    for each in ENGINES:
        if each.recognises(there):
            return each
    if not there.first:
        raise FileUnreadable(f"{there.name}: zero bytes", hint="Copy it from its origin again.")
    raise FileUnreadable(
        f"{there.name}: not a NetCDF file, it begins with {there.first!r}",
        hint="A web page or an error message may have been saved under its name.",
    )


def engine_of(place: str | os.PathLike[str]) -> str:
    """Return the name of the engine that reads a place.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows.

    Returns
    -------
    str
        ``hdf5``, ``classic``, ...

    Raises
    ------
    FileUnreadable
        If it is missing, not readable, empty, or of a format that none reads.
    MissingExtra
        If the packages for such an address are not installed.
    """
    return find_engine(place).name


def read_header(place: str | os.PathLike[str] | Place) -> Header:
    """Read the header of a place, whatever its format.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows.

    Returns
    -------
    Header
        Its arrays are read later, by any thread, here or in another process.

    Raises
    ------
    FileUnreadable
        If it is missing, not readable, empty, damaged, or of a format that none reads.
    MissingExtra
        If the packages for such an address are not installed.
    """
    there = place if isinstance(place, Place) else Place(place)
    engine = find_engine(there)
    try:
        return engine.header(there)
    except (FileUnreadable, MissingExtra):
        raise
    except Exception as problem:  # noqa: BLE001 - a damaged file raises anything, and costs only itself
        cause = None if there.is_address else problem
        raise _damaged(there, problem) from cause


def _damaged(place: Place, problem: Exception) -> FileUnreadable:
    text = (
        " ".join(shown(str(problem)).split())
        if place.is_address
        else " ".join(str(problem).split())
    )
    hint = _NO_NETCDF if isinstance(problem, ValueError) else TRUNCATED
    return FileUnreadable(f"{place.name}: {type(problem).__name__}: {text[:300]}", hint=hint)


def _refused(name: str, problem: OSError) -> FileUnreadable:
    return FileUnreadable(f"{name}: {problem.strerror}", hint=_remedy(problem))


def _remedy(problem: OSError) -> str:
    if problem.errno == errno.ENOENT:
        return "It was there when it was catalogued: rebuild the catalog, or is a mount missing?"
    if problem.errno in (errno.EACCES, errno.EPERM):
        return "Ask for the group that may read it."
    return "Try again; tell the centre if it lasts."
