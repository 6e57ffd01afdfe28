"""Zarr stores, and kerchunk references, which are stores too.

The zarr library reads them: it lets any number of threads in. An array is the place of its store and
a name; a store is opened once in each process.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.header import Header, HeldArray, StoredVariable, is_small
from climeri_platform.access.engines.references import described_by, open_references
from climeri_platform.access.engines.remote import RemoteFile, is_address, shown, unreadable
from climeri_platform.access.engines.stored import FileStamp, read_part
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from climeri_platform.access.engines.header import Key, StoredArray
    from climeri_platform.access.engines.stored import Source

__all__ = ["ZarrArray", "read_header"]

_DIMENSIONS = "_ARRAY_DIMENSIONS"
_OPEN = 16  # stores that a process keeps open
_UNNAMED = "Only its author can say: xarray writes names of dimensions, and so does GDAL."


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """An array of a store.

    Attributes
    ----------
    place
        The store: a path or an address, which is not shown.
    references
        Whether it is a kerchunk reference.
    stamp
        The document that describes the array, as it was when the header was read.
    name, shape, dtype
        Of the array.
    """

    place: str = field(repr=False)
    references: bool
    stamp: Source
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it."""
        return read_part(self, key)

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""
        part = tuple(slice(each.start, each.stop, each.step) for each in ranges)
        with self.stamp.opened():
            try:
                array = _STORES.get(self.place, self.references, self.stamp).array(self.name)
                found[...] = array[part]
            except FileUnreadable:
                raise
            except Exception as problem:  # noqa: BLE001 - codecs and servers raise anything
                raise _damaged(self.place, self.name, problem) from None


def read_header(place: str, *, references: bool = False) -> Header:
    """Read the header of a Zarr store (version 2 or 3), and the numbers of its small variables.

    Parameters
    ----------
    place
        A folder, or an address; of references their file.
    references
        Whether these are kerchunk references.

    Returns
    -------
    Header
        Of its top level: groups are left out. Fill values are ``_FillValue`` as xarray has it: of
        version 2 always, of version 3 where an attribute says it.

    Raises
    ------
    FileUnreadable
        If it is no store, or damaged, or its dimensions have no names.
    """
    store = _Store(place, references=references)
    variables: dict[str, StoredVariable] = {}
    sizes: dict[str, int] = {}
    for name, array in sorted(store.group.arrays()):
        variable = _variable(store, name, array)
        variables[name] = variable
        for dim, size in zip(variable.dims, array.shape, strict=True):
            if sizes.setdefault(dim, size) != size:
                raise FileUnreadable(
                    f"{store.name}: the dimension {dim} has {sizes[dim]} and, of {name}, {size} values",
                    hint="The store was not written to its end, or changes now: ask its author.",
                )
    if not variables and is_address(place) and not store.consolidated:
        raise FileUnreadable(
            f"{store.name}: its metadata are not consolidated, and the server lists no folders",
            hint="Ask its author to consolidate them: zarr.consolidate_metadata(store).",
        )
    attrs = {
        name: value
        for name, value in store.group.attrs.asdict().items()
        if not name.lower().startswith("_nc")
    }
    return Header(sizes, frozenset(), attrs, variables)


class _Store:
    """A store that is open."""

    def __init__(self, place: str, *, references: bool) -> None:
        import zarr

        self.place, self.references = place, references
        self.name = _shown(place)
        try:
            store = open_references(place) if references else _plain(place)
            self.group = zarr.open_group(store, mode="r")
        except FileUnreadable:
            raise
        except FileNotFoundError:
            raise FileUnreadable(
                f"{self.name}: no Zarr store: what describes it is missing or damaged",
                hint="Compare it with its origin: one of zarr.json, .zgroup and .zmetadata is read first.",
            ) from None
        except Exception as problem:  # noqa: BLE001 - codecs and servers raise anything
            raise unreadable(place, problem) from None
        self.version: int = self.group.metadata.zarr_format
        self.consolidated = self.group.metadata.consolidated_metadata is not None
        self._arrays: dict[str, Any] = {}

    def array(self, name: str) -> Any:
        """Return one of its arrays."""
        if name not in self._arrays:
            self._arrays[name] = self.group[name]
        return self._arrays[name]

    def document(self, name: str) -> str:
        """Return the name of the document that describes an array."""
        if self.consolidated:
            return "zarr.json" if self.version == 3 else ".zmetadata"
        return f"{name}/zarr.json" if self.version == 3 else f"{name}/.zarray"

    def stamp(self, name: str) -> Source:
        """Return that document as it is now."""
        if self.references:
            return _stamp(described_by(self.place))
        return _stamp(f"{self.place.rstrip('/')}/{self.document(name)}")

    def described(self, name: str) -> dict[str, Any]:
        """Return what the document of an array of version 2 says."""
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.sync import sync

        path = f"{name}/.zarray"
        found = sync(self.group.store.get(path, prototype=default_buffer_prototype()))
        said: dict[str, Any] = json.loads(found.to_bytes()) if found is not None else {}
        return said


class _Stores:
    """The stores that were asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stores: OrderedDict[tuple[str, Source], _Store] = OrderedDict()

    def get(self, place: str, references: bool, stamp: Source) -> _Store:
        """Return a store, opened if it was not."""
        key = (place, stamp)
        with self._lock:
            if key in self._stores:
                self._stores.move_to_end(key)
                return self._stores[key]
        opened = _Store(place, references=references)
        with self._lock:
            self._stores[key] = opened
            while len(self._stores) > _OPEN:
                self._stores.popitem(last=False)
        return opened


_STORES = _Stores()


def _stamp(place: str) -> Source:
    return RemoteFile.of(place) if is_address(place) else FileStamp.of(place)


def _plain(place: str) -> Any:
    from zarr.storage import FsspecStore, LocalStore

    if is_address(place):
        return FsspecStore.from_url(place, read_only=True)
    return LocalStore(place, read_only=True)


def _variable(store: _Store, name: str, array: Any) -> StoredVariable:
    dims = _dims(store, name, array)
    attrs = dict(array.attrs)
    if store.version == 2:
        attrs = {
            key: value
            for key, value in attrs.items()
            if key != _DIMENSIONS and not key.lower().startswith("_nc")
        }
        if array.fill_value is not None:
            attrs["_FillValue"] = array.fill_value
    elif "_FillValue" in attrs:
        attrs["_FillValue"] = _fill(attrs["_FillValue"], array.dtype)
    encoding = {
        "chunks": array.chunks,
        "preferred_chunks": dict(zip(dims, array.chunks, strict=True)),
        "compressors": array.compressors,
        "filters": array.filters,
        "shards": array.shards,
        "source": store.name,
        "original_shape": array.shape,
    }
    if store.version == 3:
        encoding |= {"serializer": array.serializer, "fill_value": array.fill_value}
    return StoredVariable(dims, attrs, _array(store, name, array), encoding)


def _dims(store: _Store, name: str, array: Any) -> tuple[str, ...]:
    if store.version == 3:
        found = array.metadata.dimension_names or ()
    else:
        found = array.attrs.get(_DIMENSIONS)
        if found is None:  # as the netCDF library writes it, with the whole path of each
            refs = store.described(name).get("_NCZARR_ARRAY", {}).get("dimrefs", ())
            found = [os.path.basename(each) for each in refs]  # noqa: PTH119 - no path of a file
    if len(found) != len(array.shape) or None in found:
        raise FileUnreadable(f"{store.name}: the dimensions of {name} have no names", hint=_UNNAMED)
    return tuple(found)


def _array(store: _Store, name: str, array: Any) -> StoredArray:
    text = array.dtype.kind in "OT"
    size = 1 if text else array.dtype.itemsize
    if text or is_small(array.shape, size):
        try:
            values = np.asarray(array[(slice(None),) * len(array.shape)])
        except Exception as problem:  # noqa: BLE001 - codecs and servers raise anything
            raise _damaged(store.place, name, problem) from None
        return HeldArray(values.astype(np.str_ if text else array.dtype.newbyteorder("=")))
    dtype = array.dtype.newbyteorder("=")
    return ZarrArray(store.place, store.references, store.stamp(name), name, array.shape, dtype)


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fill value of version 3, which xarray writes as text where JSON has no number for it."""
    if dtype.kind == "f" and isinstance(value, str):
        return struct.unpack("<d", base64.standard_b64decode(value))[0]
    if dtype.kind == "c" and isinstance(value, list):
        return complex(*(_fill(each, np.dtype("f8")) for each in value))
    if dtype.kind == "S" and isinstance(value, str):
        return base64.standard_b64decode(value)
    return value


def _damaged(place: str, name: str, problem: Exception) -> FileUnreadable:
    there = _shown(place)
    text = " ".join(str(problem).replace(place, there).split())
    said = shown(text) if is_address(place) else text
    return FileUnreadable(
        f"{there}: {name}: {type(problem).__name__}: {said[:300]}",
        hint="A chunk of it is damaged, or cannot be read: compare it with its origin.",
    )


def _shown(place: str) -> str:
    return shown(place) if is_address(place) else place
