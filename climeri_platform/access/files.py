"""One file: what format it has, and how its bytes become lazy arrays.

netCDF4 from PyPI dies when two threads are in it, xarray's file cache included, so files are read
through h5py (NetCDF-4) and scipy (classic), which survive threads.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    import os

__all__ = ["engine_of", "open_file"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_CLASSIC = (b"CDF\x01", b"CDF\x02")


def engine_of(path: str | os.PathLike[str]) -> str:
    """Return the xarray engine that reads a file, from its first bytes.

    Parameters
    ----------
    path
        A local file.

    Returns
    -------
    str
        ``h5netcdf`` or ``scipy``.

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
        return "h5netcdf"
    if first[:4] in _CLASSIC:
        return "scipy"
    if first[:4] == b"CDF\x05":
        raise FileUnreadable(
            f"{path}: NetCDF classic 64-bit data (CDF-5), which no thread-safe library reads",
            hint="Convert it once: nccopy -k nc4 IN OUT.",
        )
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


def open_file(
    path: str | os.PathLike[str], *, chunks: Any = "auto", use_cftime: bool | None = None
) -> xr.Dataset:
    """Open one file lazily, decoded by itself.

    Parameters
    ----------
    path
        A local NetCDF file.
    chunks
        As xarray takes them; ``"auto"`` makes multiples of the file's own.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.

    Returns
    -------
    xarray.Dataset
        Its data are dask arrays; coordinates that index are read.

    Raises
    ------
    FileUnreadable
        If it cannot be opened or decoded, with the reason.
    """
    engine = engine_of(path)
    coder = xr.coders.CFDatetimeCoder(use_cftime=use_cftime, time_unit="us")
    try:
        return xr.open_dataset(path, engine=engine, chunks=chunks, decode_times=coder)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, OverflowError) as problem:
        raise FileUnreadable(
            f"{path}: {_deepest(problem)}",
            hint="Truncated files end like this: compare its size and checksum with its origin.",
        ) from problem


def _deepest(problem: BaseException) -> str:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:300]}"
