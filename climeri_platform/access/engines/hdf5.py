"""NetCDF-4 files: what HDF5 says of them once, so that they are read without it.

h5py lets one thread at a time into the HDF5 library, and its objects cost more than what they hold:
the header is read through its lowest layer. Of each variable the places of its chunks are noted; how
these become numbers is `access.stored`. What that does not know (other filters than deflate and
shuffle, text of any length) is read by h5py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.header import Header, HeldArray, StoredVariable, is_small
from climeri_platform.access.engines.library import ask
from climeri_platform.access.engines.stored import (
    DEFLATE,
    SHUFFLE,
    ChunkedArray,
    FileStamp,
    FlatArray,
    Places,
    Source,
    read_part,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from climeri_platform.access.engines.header import Key, StoredArray
    from climeri_platform.access.engines.library import Want

__all__ = ["LibraryArray", "read_header"]

_HIDDEN = {
    *("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict"),
}
_OF_THE_LIBRARY = {b"REFERENCE_LIST", b"DIMENSION_LIST", b"DIMENSION_LABELS", b"_NCProperties"}
_ONLY_A_DIMENSION = "This is a netCDF dimension but not a netCDF variable"
_NOT_A_COORDINATE = "_nc4_non_coord_"
_KNOWN = 2**20  # chunks whose places are kept in memory
_PIECES = 4  # of a small array elsewhere, that is read with the header
_FILTERS = {1: DEFLATE, 2: SHUFFLE}


@dataclass(frozen=True, slots=True)
class LibraryArray:
    """An array that only the HDF5 library reads, one thread at a time."""

    stamp: Source
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: Any
    extent: tuple[int, ...]

    def read(self, key: Key) -> np.ndarray[Any, Any]:
        """Return part of it."""
        return read_part(self, key)

    def fill_in(self, ranges: list[range], found: np.ndarray[Any, Any]) -> None:
        """Put the numbers at some places of each dimension into an array."""
        inside = [
            range(each.start, min(each.stop, end), each.step)
            for each, end in zip(ranges, self.extent, strict=True)
        ]
        found[...] = self.fill
        if not all(inside):
            return
        there = tuple(slice(each.start, each.stop, each.step) for each in inside)
        here = tuple(slice(len(each)) for each in inside)
        found[here] = ask(self.stamp, partial(self._part, there))

    def _part(self, part: tuple[slice, ...], file: Any, want: Want) -> Any:
        import h5py
        from h5py import h5d, h5o

        dataset = h5o.open(file, self.name.encode())
        if dataset.get_create_plist().get_layout() == h5d.CHUNKED and all(self.extent):
            chunks = dataset.get_create_plist().get_chunk()
            places: list[tuple[int, int]] = []

            def note(chunk: Any) -> None:
                along = zip(chunk.chunk_offset, chunks, part, strict=True)
                if all(at < each.stop and at + size > each.start for at, size, each in along):
                    places.append((chunk.byte_offset, chunk.size))

            dataset.chunk_iter(note)
            want(places)
        return h5py.Dataset(dataset)[part]


def read_header(place: str | os.PathLike[str] | Source) -> Header:
    """Read the header of a NetCDF-4 file, and the numbers of its small variables.

    Parameters
    ----------
    place
        A local file, or what gives the bytes of another one.

    Returns
    -------
    Header
        Of its top level: groups are left out.

    Raises
    ------
    OSError, ValueError, KeyError
        If it is damaged, or no NetCDF.
    """
    source = place if isinstance(place, Source) else FileStamp.of(place)
    return ask(source, partial(_header, source))


def _header(source: Source, file: Any, _: Want) -> Header:
    from h5py import h5g

    root = h5g.open(file, b"/")
    found = {name: _Found(source, name, each) for name, each in _datasets(root)}
    dims = _named(found)
    sizes, unlimited = _lengths(found, dims)
    variables = {
        name.removeprefix(_NOT_A_COORDINATE): found[name].variable(sizes, its)
        for name, its in dims.items()
    }
    return Header(sizes, unlimited, _visible(_attributes(root)), variables)


def _datasets(root: Any) -> list[tuple[str, Any]]:
    from h5py import h5, h5d, h5o, h5p

    names: list[bytes] = []
    in_order = root.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    root.links.iterate(names.append, idx_type=h5.INDEX_CRT_ORDER if in_order else h5.INDEX_NAME)
    opened = ((name.decode(), h5o.open(root, name)) for name in names)
    return [(name, each) for name, each in opened if isinstance(each, h5d.DatasetID)]


class _Found:
    """A dataset of the file, while that is open."""

    def __init__(self, stamp: Source, name: str, dataset: Any) -> None:
        self.stamp, self.name, self.dataset = stamp, name, dataset
        self.attrs = _attributes(dataset)
        self.shape: tuple[int, ...] = dataset.shape or ()
        self.is_scale = self.attrs.get("CLASS") == "DIMENSION_SCALE"

    @property
    def only_a_dimension(self) -> bool:
        return self.is_scale and str(self.attrs.get("NAME", "")).startswith(_ONLY_A_DIMENSION)

    def dims(self, by_number: Mapping[int, str], by_address: Mapping[Any, str]) -> list[str]:
        """Return the names of its dimensions."""
        numbers = self.attrs.get("_Netcdf4Coordinates")
        if numbers is not None:
            wanted = np.atleast_1d(numbers)
            if all(int(each) in by_number for each in wanted):
                return [by_number[int(each)] for each in wanted]
        if self.is_scale and len(self.shape) == 1:
            return [self.name.removeprefix(_NOT_A_COORDINATE)]
        from h5py import h5ds

        found: list[str] = []
        for axis in range(len(self.shape)):
            scales: list[Any] = []
            if h5ds.get_num_scales(self.dataset, axis):
                h5ds.iterate(self.dataset, axis, scales.append)
            if not scales:
                raise ValueError(
                    f"{self.name} has dimensions without names: this is HDF5, and no NetCDF"
                )
            found.append(by_address[_address(scales[0])])
        return found

    def variable(self, sizes: Mapping[str, int], dims: tuple[str, ...]) -> StoredVariable:
        """Return it as a variable of the whole file."""
        from h5py import h5d

        plan = self.dataset.get_create_plist()
        chunked = plan.get_layout() == h5d.CHUNKED
        chunks = plan.get_chunk() if chunked else None
        filters = [plan.get_filter(at) for at in range(plan.get_nfilters())]
        array = self._array(plan, chunks, filters, tuple(sizes[each] for each in dims))
        codes = {code: options for code, _, options, _ in filters}
        encoding = {
            "dtype": self.dataset.dtype,
            "contiguous": not chunked,
            "chunksizes": chunks,
            "zlib": 1 in codes,
            "shuffle": 2 in codes,
            "fletcher32": 3 in codes,
            "source": self.stamp.path,
            "original_shape": array.shape,
        }
        if chunks is not None:
            encoding["preferred_chunks"] = dict(zip(dims, chunks, strict=True))
        if 1 in codes:
            encoding["complevel"] = codes[1][0]
        return StoredVariable(dims, _visible(self.attrs), array, encoding)

    def _array(
        self, plan: Any, chunks: tuple[int, ...] | None, filters: list[Any], shape: tuple[int, ...]
    ) -> StoredArray:
        from h5py import h5t

        kind = self.dataset.get_type()
        numbers = kind.get_class() in (h5t.INTEGER, h5t.FLOAT) or (
            kind.get_class() == h5t.STRING and not kind.is_variable_str()
        )
        known = all(code in _FILTERS for code, *_ in filters)
        if kind.get_class() == h5t.STRING and not numbers:
            return HeldArray(self._labels())
        if not numbers or not known:
            dtype = self.dataset.dtype.newbyteorder("=")
            fill = self._fill(plan, dtype) if numbers else np.zeros((), dtype)[()]
            return LibraryArray(self.stamp, self.name, shape, dtype, fill, self.shape)
        stored = self.dataset.dtype
        if shape == self.shape and is_small(shape, stored.itemsize) and self._together(chunks):
            return HeldArray(self._read(stored.newbyteorder("=")))
        if chunks is None:
            offset = self.dataset.get_offset()
            if offset is not None:
                return FlatArray(self.stamp, shape, stored, offset)
            # nothing was ever written
            find: Callable[[], Places] = partial(Places.none, 1)
            chunks = tuple(max(1, each) for each in shape)
        else:
            find = partial(_places, self.stamp, self.name, shape, chunks)
        names = tuple(_FILTERS[code] for code, *_ in filters)
        fill = self._fill(plan, stored)
        return ChunkedArray(self.stamp, shape, stored, chunks, names, find, fill, self.shape)

    def _together(self, chunks: tuple[int, ...] | None) -> bool:
        """Whether it is read at once: elsewhere, pieces that lie apart are read when asked for."""
        if chunks is None or isinstance(self.stamp, FileStamp):
            return True
        grid = (-(-size // chunk) for size, chunk in zip(self.shape, chunks, strict=True))
        return prod(grid) <= _PIECES

    def _labels(self) -> np.ndarray[Any, Any]:
        """Return texts of any length, which are few: names of regions, of stations, of models."""
        texts = self._read(self.dataset.dtype)
        return np.array([_text(each) for each in texts.ravel()], np.str_).reshape(self.shape)

    def _read(self, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        from h5py import h5s

        values = np.empty(self.shape, dtype)
        self.dataset.read(h5s.ALL, h5s.ALL, values)
        return values

    def _fill(self, plan: Any, dtype: np.dtype[Any]) -> Any:
        from h5py import h5d

        fill = np.zeros((), dtype.newbyteorder("="))
        if plan.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED:
            plan.get_fill_value(fill)
        return fill[()]


class _Kept:
    """The places of the chunks that were asked for last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._places: dict[tuple[Source, str], Places] = {}

    def get(self, key: tuple[Source, str]) -> Places | None:
        with self._lock:
            if (found := self._places.pop(key, None)) is not None:
                self._places[key] = found
            return found

    def put(self, key: tuple[Source, str], places: Places) -> None:
        with self._lock:
            self._places[key] = places
            count = sum(len(each.offsets) for each in self._places.values())
            while count > _KNOWN and len(self._places) > 1:
                count -= len(self._places.pop(next(iter(self._places))).offsets)


_KEPT = _Kept()


def _places(stamp: Source, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Places:
    """Return where the chunks of an array are: asked of the library once."""
    if (known := _KEPT.get((stamp, name))) is not None:
        return known
    found = ask(stamp, partial(_chunks, name))
    grid = tuple(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    places = Places.none(int(np.prod(grid, dtype=np.int64)))
    if found:
        at = np.array([each.chunk_offset for each in found]) // np.array(chunks)
        # chunks beyond what is there now are left of a variable that was longer once
        inside = (at < np.array(grid)).all(axis=1)
        number = np.ravel_multi_index(tuple(at[inside].T), grid)
        places.offsets[number] = np.array([each.byte_offset for each in found])[inside]
        places.sizes[number] = np.array([each.size for each in found])[inside]
        places.skipped[number] = np.array([each.filter_mask for each in found])[inside]
    _KEPT.put((stamp, name), places)
    return places


def _chunks(name: str, file: Any, _: Want) -> list[Any]:
    from h5py import h5o

    found: list[Any] = []
    h5o.open(file, name.encode()).chunk_iter(found.append)
    return found


def _named(found: Mapping[str, _Found]) -> dict[str, tuple[str, ...]]:
    """Return the names of the dimensions of each variable."""
    scales = {name: each for name, each in found.items() if each.is_scale}
    names = {name: name.removeprefix(_NOT_A_COORDINATE) for name in scales}
    by_number = {
        int(each.attrs["_Netcdf4Dimid"]): names[name]
        for name, each in scales.items()
        if "_Netcdf4Dimid" in each.attrs
    }
    by_address = {_address(each.dataset): names[name] for name, each in scales.items()}
    return {
        name: tuple(each.dims(by_number, by_address))
        for name, each in found.items()
        if not each.only_a_dimension
    }


def _address(dataset: Any) -> tuple[int, ...]:
    """Return where a dataset is; `h5o.get_info` would walk through all of its chunks to say it."""
    from h5py import h5g

    found: tuple[int, ...] = tuple(h5g.get_objinfo(dataset, b".").objno)
    return found


def _lengths(
    found: Mapping[str, _Found], dims: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, int], frozenset[str]]:
    """Return the lengths of the dimensions, as the longest variable has them, and which may grow."""
    from h5py import h5s

    sizes: dict[str, int] = {}
    unlimited: set[str] = set()
    for name, each in found.items():
        its = dims.get(name, (name.removeprefix(_NOT_A_COORDINATE),))
        limits = each.dataset.get_space().get_simple_extent_dims(True) if each.shape else ()
        for dim, size, limit in zip(its, each.shape, limits, strict=True):
            if each.only_a_dimension or name in dims:
                sizes[dim] = max(size, sizes.get(dim, 0))
            if limit == h5s.UNLIMITED:
                unlimited.add(dim)
    return sizes, frozenset(unlimited)


def _attributes(owner: Any) -> dict[str, Any]:
    from h5py import h5a

    names: list[bytes] = []
    h5a.iterate(owner, names.append)
    found: dict[str, Any] = {}
    for each in names:
        if each not in _OF_THE_LIBRARY:
            found[each.decode("utf-8", "replace")] = _value(h5a.open(owner, each))
    return found


def _value(attribute: Any) -> Any:
    from h5py import h5t

    kind = attribute.get_type()
    shape = attribute.shape
    if kind.get_class() == h5t.STRING:
        if shape is None:
            return ""
        if kind.is_variable_str():
            values = np.empty(shape, attribute.dtype)
            attribute.read(values)
        else:  # its own kind: h5py would refuse text that says to be UTF-8
            values = np.empty(shape, f"S{kind.get_size()}")
            attribute.read(values, mtype=kind)
        texts = [_text(each) for each in values.ravel()]
        return texts[0] if len(texts) == 1 else texts
    values = np.empty((0,) if shape is None else shape, attribute.dtype)
    if values.size:
        attribute.read(values)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return values.ravel()[0] if values.size == 1 else values


def _text(value: str | bytes | None) -> str:
    if isinstance(value, str):
        return value
    try:
        return (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return (value or b"").decode("latin-1")


def _visible(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if name not in _HIDDEN}
