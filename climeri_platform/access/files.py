"""One file: what it says of itself, or the reason why it cannot be used."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.access.axis import time_dimension
from climeri_platform.access.engines import classic, hdf5
from climeri_platform.access.engines.stored import FileStamp
from climeri_platform.access.joining import FileHeader, join
from climeri_platform.access.lazy import as_dataset
from climeri_platform.core.errors import DatasetInconsistent, FileUnreadable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import xarray as xr

    from climeri_platform.access.engines.header import Header

__all__ = ["engine_of", "open_file", "read_file"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_TRUNCATED = "Truncated files end like this: compare its size and checksum with its origin."
_NOT_DECODED = "Its header or its time axis does not follow the CF conventions: see ncdump -h."
_ENGINES: dict[str, Callable[[str], Header]] = {
    "classic": classic.read_header,
    "hdf5": hdf5.read_header,
}


def engine_of(path: str | os.PathLike[str]) -> str:
    """Return the engine that reads a file, from its first bytes.

    Parameters
    ----------
    path
        A local file.

    Returns
    -------
    str
        ``hdf5`` or ``classic``.

    Raises
    ------
    FileUnreadable
        If it is missing, not readable, empty, or of a format that is not NetCDF.
    """
    try:
        with Path(path).open("rb") as file:
            first = file.read(8)
    except OSError as problem:
        raise FileUnreadable(f"{path}: {problem.strerror}", hint=_remedy(problem)) from problem
    if not first:
        raise FileUnreadable(f"{path}: zero bytes", hint="Copy it from its origin again.")
    if first == _HDF5:
        return "hdf5"
    if first[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
        return "classic"
    raise FileUnreadable(
        f"{path}: not a NetCDF file, it begins with {first!r}",
        hint="A web page or an error message may have been saved under its name.",
    )


def _remedy(problem: OSError) -> str:
    if problem.errno == errno.ENOENT:
        return "It was there when it was catalogued: rebuild the catalog, or is a mount missing?"
    if problem.errno in (errno.EACCES, errno.EPERM):
        return "Ask for the group that may read it."
    return "Try again; tell the centre if it lasts."


def read_file(path: str | os.PathLike[str], span: tuple[int, int] | None = None) -> FileHeader:
    """Read what a file says of itself.

    Parameters
    ----------
    path
        A local NetCDF file.
    span
        Start and end by its name, YYYYMMDDhhmm.

    Raises
    ------
    FileUnreadable
        If it cannot be used, with the reason.
    """
    engine = engine_of(path)
    try:
        stamp = FileStamp.of(path)
        header = _ENGINES[engine](str(path))
    except FileUnreadable:
        raise
    except Exception as problem:  # a damaged file raises anything, and costs only itself
        raise _unreadable(path, problem) from problem
    if not header.variables:
        raise FileUnreadable(
            f"{path}: there is no variable at its top level; groups are not read", hint=_NOT_DECODED
        )
    time = time_dimension(header)
    if time and not header.sizes[time]:
        raise FileUnreadable(
            f"{path}: it holds no time step: {time} has length 0", hint=_NOT_DECODED
        )
    return FileHeader(str(path), header, f"{stamp.size}-{stamp.mtime}", span)


def open_file(
    path: str | os.PathLike[str], *, chunks: Any = "auto", use_cftime: bool | None = None
) -> xr.Dataset:
    """Open one file lazily, decoded by itself.

    Parameters
    ----------
    path
        A local NetCDF file.
    chunks
        ``"auto"`` makes multiples of the file's own; ``{}`` its own; or as xarray takes them.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.

    Returns
    -------
    xarray.Dataset
        Its data are dask arrays; coordinates are read. Fill values, declared or the library's
        default, are missing.

    Raises
    ------
    FileUnreadable
        If it cannot be opened or decoded, with the reason.
    """
    file = read_file(path)
    try:
        return as_dataset(join([file], use_cftime=use_cftime), chunks)
    except DatasetInconsistent as problem:
        raise FileUnreadable(f"{path}: {problem.message}", hint=problem.hint) from problem


def _unreadable(path: str | os.PathLike[str], problem: Exception) -> FileUnreadable:
    hint = _NOT_DECODED if isinstance(problem, ValueError) else _TRUNCATED
    return FileUnreadable(f"{path}: {_deepest(problem)}", hint=hint)


def _deepest(problem: BaseException) -> str:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:300]}"
