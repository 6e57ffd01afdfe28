"""What NetCDF-4 says in terms of HDF5: names of dimensions, and attributes that are its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.filters import DEFLATE, SHUFFLE
from climeri_platform.access.engines.header import is_small
from climeri_platform.access.engines.stored import FileStamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from climeri_platform.access.engines.stored import Source

__all__ = [
    "HIDDEN_FROM_ALL",
    "KNOWN_FILTERS",
    "Dataset",
    "NoNetCDF",
    "encoding_of",
    "fill_of_netcdf",
    "is_held",
    "lengths",
    "named",
    "shown",
    "visible",
]

HIDDEN_FROM_ALL = {b"REFERENCE_LIST", b"DIMENSION_LIST", b"DIMENSION_LABELS", b"_NCProperties"}
# those that are undone without the library
KNOWN_FILTERS = {1: DEFLATE, 2: SHUFFLE}
_PIECES = 4  # of a small array elsewhere, that is read with the header
_HIDDEN = {
    *("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict"),
}
_ONLY_A_DIMENSION = "This is a netCDF dimension but not a netCDF variable"
_NOT_A_COORDINATE = "_nc4_non_coord_"
_UNLIMITED = 2**64 - 1
# netcdf.h: NC_FILL_BYTE, NC_FILL_UBYTE, and so on
_DEFAULT_FILL: dict[str, int | float] = {
    "i1": -127,
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u1": 255,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}


class NoNetCDF(ValueError):
    """HDF5 that does not follow the conventions."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array of an HDF5 file.

    Attributes
    ----------
    name, attrs, shape
        As they are in the file; a shape without elements is that of a scalar.
    limits
        How long each dimension may become.
    address
        Where it is, by which others refer to it.
    scale_of
        Returns the address of the first scale that is attached to a dimension, or None.
    """

    name: str
    attrs: dict[str, Any]
    shape: tuple[int, ...]
    limits: tuple[int, ...]
    address: int
    scale_of: Callable[[int], int | None]

    @property
    def is_scale(self) -> bool:
        """Whether it stands for a dimension."""
        return bool(self.attrs.get("CLASS") == "DIMENSION_SCALE")

    @property
    def only_a_dimension(self) -> bool:
        """Whether it is no variable besides."""
        return self.is_scale and str(self.attrs.get("NAME", "")).startswith(_ONLY_A_DIMENSION)

    def dims(self, by_number: Mapping[int, str], by_address: Mapping[int, str]) -> tuple[str, ...]:
        """Return the names of its dimensions.

        Raises
        ------
        NoNetCDF
            If they have none.
        """
        numbers = self.attrs.get("_Netcdf4Coordinates")
        if numbers is not None:
            wanted = numbers.tolist() if isinstance(numbers, np.ndarray) else [int(numbers)]
            if all(each in by_number for each in wanted):
                return tuple([by_number[each] for each in wanted])
        if self.is_scale and len(self.shape) == 1:
            return (shown(self.name),)
        found: list[str] = []
        for axis in range(len(self.shape)):
            scale = self.scale_of(axis)
            if scale is None:
                raise NoNetCDF(
                    f"{self.name} has dimensions without names: this is HDF5, and no NetCDF"
                )
            if scale not in by_address:
                raise NoNetCDF(f"{self.name} has a dimension that is not beside it")
            found.append(by_address[scale])
        return tuple(found)


def shown(name: str) -> str:
    """Return the name of a variable as it is in NetCDF."""
    return name.removeprefix(_NOT_A_COORDINATE)


def visible(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes without those of NetCDF itself."""
    return {name: value for name, value in attrs.items() if name not in _HIDDEN}


def named(found: Mapping[str, Dataset]) -> dict[str, tuple[str, ...]]:
    """Return the names of the dimensions of each variable.

    Raises
    ------
    NoNetCDF
        If a variable has dimensions without names.
    """
    scales = [each for each in found.values() if each.is_scale]
    by_number = {
        int(each.attrs["_Netcdf4Dimid"]): shown(each.name)
        for each in scales
        if "_Netcdf4Dimid" in each.attrs
    }
    by_address = {each.address: shown(each.name) for each in scales}
    return {
        name: each.dims(by_number, by_address)
        for name, each in found.items()
        if not each.only_a_dimension
    }


def lengths(
    found: Mapping[str, Dataset], dims: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, int], frozenset[str]]:
    """Return the lengths of the dimensions, as the longest variable has them, and which may grow.

    Raises
    ------
    NoNetCDF
        If a variable has more or fewer dimensions than names of them.
    """
    sizes: dict[str, int] = {}
    unlimited: set[str] = set()
    for name, each in found.items():
        its = dims.get(name, (shown(name),))
        if len(its) != len(each.shape):
            raise NoNetCDF(f"{name} has {len(each.shape)} dimensions, and {len(its)} names of them")
        for dim, size, limit in zip(its, each.shape, each.limits, strict=True):
            if each.only_a_dimension or name in dims:
                sizes[dim] = max(size, sizes.get(dim, 0))
            if limit == _UNLIMITED:
                unlimited.add(dim)
    return sizes, frozenset(unlimited)


def encoding_of(
    dtype: np.dtype[Any],
    chunks: tuple[int, ...] | None,
    filters: Mapping[int, tuple[int, ...]],
    dims: tuple[str, ...],
) -> dict[str, Any]:
    """Return how a variable is stored, in the words of xarray.

    Parameters
    ----------
    dtype
        The type of its numbers in the file.
    chunks
        The shape of a chunk; None if it is in one piece.
    filters
        Options of the filters, by the number that HDF5 gave them.
    dims
        The names of its dimensions.
    """
    encoding: dict[str, Any] = {
        "dtype": dtype,
        "contiguous": chunks is None,
        "chunksizes": chunks,
        "zlib": 1 in filters,
        "shuffle": 2 in filters,
        "fletcher32": 3 in filters,
    }
    if chunks is not None:
        encoding["preferred_chunks"] = dict(zip(dims, chunks, strict=True))
    if 1 in filters:
        encoding["complevel"] = filters[1][0]
    return encoding


def fill_of_netcdf(attrs: Mapping[str, Any], dtype: np.dtype[Any]) -> Any:
    """Return the value of what was never written, where HDF5 was given none.

    The NetCDF library reads what the variable declares, or else the default of its type (NetCDF
    Users' Guide, "Fill Values"), and no zeros: CDO writes files that HDF5 is told not to fill.

    Parameters
    ----------
    attrs
        Of the variable.
    dtype
        The type of its numbers.
    """
    kind = dtype.newbyteorder("=")
    if kind.kind not in "iuf":
        return np.zeros((), kind)[()]
    for word in ("_FillValue", "missing_value"):
        declared = np.ravel(attrs.get(word, ()))
        if declared.size and declared.dtype.kind in "iuf":
            with np.errstate(over="ignore", invalid="ignore"):
                return declared[:1].astype(kind)[0]
    return kind.type(_DEFAULT_FILL.get(kind.str[1:], 0))


def is_held(
    source: Source,
    shape: tuple[int, ...],
    extent: tuple[int, ...],
    size: int,
    chunks: tuple[int, ...] | None,
) -> bool:
    """Return whether the numbers of a variable are read with the header.

    Parameters
    ----------
    source
        The file: elsewhere, pieces that lie apart are read when they are asked for.
    shape, extent
        Of the variable, as long as its dimensions, and as long as it was written.
    size
        Bytes of a number.
    chunks
        The shape of a chunk; None if it is in one piece.
    """
    if shape != extent or not is_small(shape, size):
        return False
    if chunks is None or isinstance(source, FileStamp):
        return True
    grid = (-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
    return prod(grid) <= _PIECES
