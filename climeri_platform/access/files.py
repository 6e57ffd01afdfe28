"""One file or store: its header becomes a lazy, decoded Dataset.

netCDF4 from PyPI dies when two threads are in it, xarray's file cache included, so files are read
without it, by `access.engines`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from climeri_platform.access.engines.recognising import Place, read_header
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from climeri_platform.access.engines.header import Header, StoredArray

__all__ = ["TIME_NAMES", "open_file"]

TIME_NAMES = ("time", "time_counter")  # of the dimension, where a file does not say it otherwise

_TRUNCATED = "Truncated files end like this: compare its size and checksum with its origin."
_NOT_DECODED = "Its header or its time axis does not follow the CF conventions: see ncdump -h."
# netcdf.h: NC_FILL_FLOAT, NC_FILL_DOUBLE, NC_FILL_SHORT, NC_FILL_INT; bytes have none by convention
_DEFAULT_FILL = {
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
    "i2": -32767,
    "i4": -2147483647,
}
_MARGINAL = ("bounds", "climatology")  # attributes that name variables of coordinates


class _Lazy(BackendArray):
    """What xarray reads when it needs it."""

    def __init__(self, array: StoredArray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self.array.read
        )


def _as_dataset(header: Header, without: Collection[str]) -> xr.Dataset:
    variables = {
        name: xr.Variable(
            each.dims, indexing.LazilyIndexedArray(_Lazy(each.array)), each.attrs, each.encoding
        )
        for name, each in header.variables.items()
        if name not in without
    }
    dataset = xr.Dataset(variables, attrs=header.attrs)
    dataset.encoding["unlimited_dims"] = set(header.unlimited)
    return dataset


class _Known:
    """A header that was read, as xarray hands it on."""

    def __init__(self, place: Place, header: Header) -> None:
        self.place, self.header = place, header

    def __dask_tokenize__(self) -> str:
        # of a path xarray adds the time of the file; another file may have come to an address
        return uuid4().hex if self.place.is_address else self.place.text


class _DecodedHere(BackendEntrypoint):
    """xarray's engines, with the one convention that they leave out."""

    description = "NetCDF files, with values that were never written masked"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "known", "use_cftime")

    def open_dataset(  # type: ignore[override] # known and use_cftime come beside xarray's own
        self,
        filename_or_obj: str,
        *,
        drop_variables: Any = None,
        known: _Known,
        use_cftime: bool | None,
    ) -> xr.Dataset:
        raw = _as_dataset(known.header, drop_variables or ())
        raw.encoding["source"] = filename_or_obj
        if not raw.variables:
            raise ValueError("there is no variable at its top level; groups are not read")
        empty = [name for name in TIME_NAMES if raw.sizes.get(name) == 0]
        if empty:
            raise ValueError(f"it holds no time step: {empty[0]} has length 0")
        _fit_declared_fill(raw)
        _declare_default_fill(raw)
        coder = xr.coders.CFDatetimeCoder(use_cftime=use_cftime, time_unit="us")
        return xr.decode_cf(raw, decode_times=coder, decode_timedelta=False)


def _fit_declared_fill(raw: xr.Dataset) -> None:
    """Give declared fill values the precision of their variable: 1e20 as a double is no float32."""
    for variable in raw.variables.values():
        for word in ("_FillValue", "missing_value"):
            value = np.asarray(variable.attrs.get(word))
            if variable.dtype.kind == value.dtype.kind == "f" and value.dtype != variable.dtype:
                with np.errstate(over="ignore"):
                    variable.attrs[word] = value.astype(variable.dtype)[()]


def _declare_default_fill(raw: xr.Dataset) -> None:
    """Make the NetCDF library's default fill value explicit where a file declares none.

    What was never written reads as 9.97e36 (NetCDF Users' Guide, "Fill Values"), and tools that
    rewrite files put it, undeclared, where values were missing; a mean over it is silently wrong.
    """
    marginal = {each.attrs.get(name) for each in raw.variables.values() for name in _MARGINAL}
    for name, variable in raw.data_vars.items():
        packed = "scale_factor" in variable.attrs or "add_offset" in variable.attrs
        kind = variable.dtype.kind + str(variable.dtype.itemsize)
        if name in marginal or not (variable.dtype.kind == "f" or packed):
            continue
        if kind in _DEFAULT_FILL and not {"_FillValue", "missing_value"} & variable.attrs.keys():
            variable.attrs["_FillValue"] = variable.dtype.type(_DEFAULT_FILL[kind])


def open_file(
    place: str | os.PathLike[str], *, chunks: Any = "auto", use_cftime: bool | None = None
) -> xr.Dataset:
    """Open one file or store lazily, decoded by itself.

    Parameters
    ----------
    place
        A path, or an address that fsspec knows (``https://``, ``s3://``): NetCDF of any kind, or a store.
    chunks
        As xarray takes them; ``"auto"`` makes multiples of the file's own.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.

    Returns
    -------
    xarray.Dataset
        Its data are dask arrays; coordinates that index are read. Fill values, declared or the
        library's default, are missing.

    Raises
    ------
    FileUnreadable
        If it cannot be opened or decoded, with the reason.
    MissingExtra
        If the packages for such an address are not installed.
    """
    there = Place(place)
    header = read_header(there)
    try:
        with warnings.catch_warnings():
            # that dates before 1582 become cftime objects is what we ask for, and no news
            warnings.simplefilter("ignore", xr.SerializationWarning)
            return xr.open_dataset(
                there.name,
                engine=_DecodedHere,
                chunks=chunks,
                backend_kwargs={"known": _Known(there, header), "use_cftime": use_cftime},
            )
    except FileUnreadable:
        raise
    except Exception as problem:  # what cannot be decoded raises anything, and costs only itself
        hint = _NOT_DECODED if isinstance(problem, ValueError) else _TRUNCATED
        raise FileUnreadable(f"{there.name}: {_deepest(problem)}", hint=hint) from problem


def _deepest(problem: BaseException) -> str:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:300]}"
