"""One file or store: what it says of itself, and a Dataset of it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from climeri_platform.access.clock import time_dimension
from climeri_platform.access.engines.recognising import Place, read_header
from climeri_platform.access.joining import NOT_DECODED, FileHeader, join
from climeri_platform.access.lazy import as_dataset
from climeri_platform.core.errors import DatasetInconsistent, FileUnreadable

if TYPE_CHECKING:
    import os

    import xarray as xr

__all__ = ["open_file", "read_file"]


def read_file(place: str | os.PathLike[str], span: tuple[int, int] | None = None) -> FileHeader:
    """Read what a file says of itself.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows.
    span
        Start and end by its name, YYYYMMDDhhmm.

    Raises
    ------
    FileUnreadable
        If it cannot be used, with the reason.
    MissingExtra
        If the packages for such an address are not installed.
    """
    there = Place(place)
    header = read_header(there)
    if not header.variables:
        raise FileUnreadable(
            f"{there.name}: there is no variable at its top level; groups are not read",
            hint=NOT_DECODED,
        )
    time = time_dimension(header)
    if time and not header.sizes[time]:
        raise FileUnreadable(
            f"{there.name}: it holds no time step: {time} has length 0", hint=NOT_DECODED
        )
    alone = not _refers(there)
    return FileHeader(there.name, header, _mark(there, alone=alone), span, alone)


def _refers(place: Place) -> bool:
    """Return whether its values lie elsewhere: what changes there does not change it."""
    return place.is_address or not place.is_file or place.begins_with(b"{")


def _mark(place: Place, *, alone: bool) -> str:
    if not alone:
        return uuid4().hex  # another file may come to an address, and stores have no one size
    stamp = place.source
    return f"{stamp.size}-{getattr(stamp, 'mtime', '')}"


def open_file(
    place: str | os.PathLike[str], *, chunks: Any = "auto", use_cftime: bool | None = None
) -> xr.Dataset:
    """Open one file lazily, decoded by itself.

    Parameters
    ----------
    place
        A NetCDF file, a Zarr store or kerchunk references: a path, or an address that fsspec
        knows.
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
    MissingExtra
        If the packages for such an address are not installed.
    """
    file = read_file(place)
    try:
        dataset = as_dataset(join([file], use_cftime=use_cftime, undated=True), chunks)
    except DatasetInconsistent as problem:
        raise FileUnreadable(f"{file.path}: {problem.message}", hint=problem.hint) from problem
    dataset.encoding["source"] = file.path
    return dataset
