"""What only the HDF5 library reads of NetCDF-4 files, one thread at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.chunked import ChunkedArray, NoPlaces, Places
from climeri_platform.access.engines.conventions import (
    HIDDEN_FROM_ALL,
    KNOWN_FILTERS,
    Dataset,
    encoding_of,
    fill_of_netcdf,
    is_held,
    lengths,
    named,
    shown,
    visible,
)
from climeri_platform.access.engines.filters import SHUFFLE
from climeri_platform.access.engines.header import Header, HeldArray, StoredVariable
from climeri_platform.access.engines.library import ask
from climeri_platform.access.engines.stored import FlatArray, read_part
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from climeri_platform.access.engines.chunked import Finder
    from climeri_platform.access.engines.header import Key, StoredArray
    from climeri_platform.access.engines.library import Want
    from climeri_platform.access.engines.stored import Source

__all__ = ["AskPlaces", "LibraryArray", "kept_places", "read_header"]

_ONE_FILE = (
    "What other files hold may change, or be gone, without a word: write all into one file, with "
    "xarray's to_netcdf() for example."
)
_KNOWN = 2**20  # chunks whose places are kept in memory


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
        if self.dtype.kind not in "iuf":
            return h5py.Dataset(dataset)[part]
        # the library leaves alone what was never written, if it was told not to fill it
        lengths = zip(part, self.extent, strict=True)
        found = np.full([len(range(size)[each]) for each, size in lengths], self.fill, self.dtype)
        h5py.Dataset(dataset).read_direct(found, part)
        return found


def read_header(source: Source) -> Header:
    """Read the header of a file, whatever it uses of HDF5.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    Header
        Of its top level: groups are left out.

    Raises
    ------
    FileUnreadable
        If the file was replaced, or cannot be read.
    OSError, ValueError, KeyError
        If it is damaged, or no NetCDF.
    """
    return ask(source, partial(_header, source))


def _header(source: Source, file: Any, _: Want) -> Header:
    from h5py import h5g

    root = h5g.open(file, b"/")
    found = {name: _Found(source, name, each) for name, each in _datasets(source, root)}
    datasets = {name: each.told for name, each in found.items()}
    dims = named(datasets)
    sizes, unlimited = lengths(datasets, dims)
    variables = {shown(name): found[name].variable(sizes, its) for name, its in dims.items()}
    return Header(sizes, unlimited, visible(_attributes(root)), variables)


def _datasets(source: Source, root: Any) -> list[tuple[str, Any]]:
    from h5py import h5, h5d, h5i, h5o, h5p

    names: list[bytes] = []
    in_order = root.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    root.links.iterate(names.append, idx_type=h5.INDEX_CRT_ORDER if in_order else h5.INDEX_NAME)
    opened = ((name.decode(), h5o.open(root, name)) for name in names)
    found = [(name, each) for name, each in opened if isinstance(each, h5d.DatasetID)]
    here = h5i.get_file_id(root).name
    for name, each in found:
        # the library follows both without a word, and fills what is not there with nothing
        if h5i.get_file_id(each).name != here:
            raise FileUnreadable(f"{source.path}: {name} is a link to another file", hint=_ONE_FILE)
        if each.get_create_plist().get_layout() == h5d.VIRTUAL:
            raise FileUnreadable(
                f"{source.path}: {name} is put together of other files", hint=_ONE_FILE
            )
    return found


class _Found:
    """A dataset of the file, while that is open."""

    def __init__(self, stamp: Source, name: str, dataset: Any) -> None:
        self.stamp, self.name, self.dataset = stamp, name, dataset
        self.shape: tuple[int, ...] = dataset.shape or ()
        limits = dataset.get_space().get_simple_extent_dims(True) if self.shape else ()
        self.told = Dataset(
            name,
            _attributes(dataset),
            self.shape,
            limits,
            _address(dataset),
            self._scale_of,
        )

    def _scale_of(self, axis: int) -> int | None:
        from h5py import h5ds

        scales: list[Any] = []
        if h5ds.get_num_scales(self.dataset, axis):
            h5ds.iterate(self.dataset, axis, scales.append)
        return _address(scales[0]) if scales else None

    def variable(self, sizes: Mapping[str, int], dims: tuple[str, ...]) -> StoredVariable:
        """Return it as a variable of the whole file."""
        from h5py import h5d

        plan = self.dataset.get_create_plist()
        chunked = plan.get_layout() == h5d.CHUNKED
        chunks = plan.get_chunk() if chunked else None
        filters = [plan.get_filter(at) for at in range(plan.get_nfilters())]
        array = self._array(plan, chunks, filters, tuple(sizes[each] for each in dims))
        codes = {code: options for code, _, options, _ in filters}
        encoding = encoding_of(self.dataset.dtype, chunks, codes, dims)
        encoding["source"] = self.stamp.path
        encoding["original_shape"] = array.shape
        return StoredVariable(dims, visible(self.told.attrs), array, encoding)

    def _array(
        self, plan: Any, chunks: tuple[int, ...] | None, filters: list[Any], shape: tuple[int, ...]
    ) -> StoredArray:
        from h5py import h5d, h5t

        kind = self.dataset.get_type()
        numbers = kind.get_class() in (h5t.INTEGER, h5t.FLOAT) or (
            kind.get_class() == h5t.STRING and not kind.is_variable_str()
        )
        known = all(code in KNOWN_FILTERS for code, *_ in filters)
        # numbers of odd bits, or bytes, are what their type in memory is only after the library
        known &= not numbers or _is_as_in_memory(kind, self.dataset.dtype)
        known &= not plan.get_external_count()
        if kind.get_class() == h5t.STRING and not numbers:
            return HeldArray(self._labels())
        if not numbers or not known:
            dtype = self.dataset.dtype.newbyteorder("=")
            fill = self._fill(plan, dtype, shape) if numbers else np.zeros((), dtype)[()]
            return LibraryArray(self.stamp, self.name, shape, dtype, fill, self.shape)
        stored = self.dataset.dtype
        small = is_held(self.stamp, shape, self.shape, stored.itemsize, chunks)
        if small or plan.get_layout() == h5d.COMPACT:
            fill = self._fill(plan, stored, shape)
            return HeldArray(self._read(stored.newbyteorder("="), fill))
        if chunks is None:
            offset = self.dataset.get_offset()
            if offset is not None:
                return FlatArray(self.stamp, shape, stored, offset)
            # nothing was ever written
            find: Finder = NoPlaces()
            chunks = tuple(max(1, each) for each in shape)
        else:
            find = AskPlaces(self.name)
        names = tuple(KNOWN_FILTERS[code] for code, *_ in filters)
        fill = self._fill(plan, stored, shape)
        if names == (SHUFFLE,) and any(
            size % chunk for size, chunk in zip(self.shape, chunks, strict=True)
        ):
            # HDF5 may leave chunks at the edges unfiltered, and h5py cannot ask: to inflate them would
            # fail, but bytes that were not shuffled make other numbers without a word
            dtype = stored.newbyteorder("=")
            return LibraryArray(self.stamp, self.name, shape, dtype, fill, self.shape)
        return ChunkedArray(self.stamp, shape, stored, chunks, names, find, fill, self.shape)

    def _labels(self) -> np.ndarray[Any, Any]:
        """Return texts of any length, which are few: names of regions, of stations, of models."""
        texts = self._read(self.dataset.dtype, None)
        return np.array([_text(each) for each in texts.ravel()], np.str_).reshape(self.shape)

    def _read(self, dtype: np.dtype[Any], fill: Any) -> np.ndarray[Any, Any]:
        from h5py import h5s

        # the library leaves alone what was never written, if it was told not to fill it
        values = np.full(self.shape, fill, dtype)
        self.dataset.read(h5s.ALL, h5s.ALL, values)
        return values

    def _fill(self, plan: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
        from h5py import h5d

        fill = np.zeros((), dtype.newbyteorder("="))
        if plan.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED:
            plan.get_fill_value(fill)
        elif shape != self.shape or plan.get_fill_time() == h5d.FILL_TIME_NEVER:
            return fill_of_netcdf(self.told.attrs, dtype)
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


def kept_places(stamp: Source, name: str, find: Callable[[], Places]) -> Places:
    """Return where the chunks of an array are: looked for once.

    Parameters
    ----------
    stamp, name
        The file, and the array in it.
    find
        Looks for them in the file.

    Returns
    -------
    Places
        Those that were found before, or are found now.
    """
    if (known := _KEPT.get((stamp, name))) is not None:
        return known
    places = find()
    _KEPT.put((stamp, name), places)
    return places


@dataclass(frozen=True, slots=True)
class AskPlaces:
    """Asks the library where the chunks of an array are, once."""

    name: str

    def __call__(self, stamp: Source, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Places:
        """Return where they are.

        Parameters
        ----------
        stamp
            The file.
        shape, chunks
            Of the array, as long as its dimensions, and of a chunk.

        Raises
        ------
        FileUnreadable
            If the file is there no longer, or was replaced.
        """
        find = partial(_places, stamp, self.name, shape, chunks)
        return kept_places(stamp, self.name, find)


def _places(stamp: Source, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Places:
    found = ask(stamp, partial(_chunks, name))
    grid = tuple(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    places = Places.none(prod(grid))
    if found:
        at = np.array([each.chunk_offset for each in found]) // np.array(chunks)
        # chunks beyond what is there now are left of a variable that was longer once
        inside = (at < np.array(grid)).all(axis=1)
        number = np.ravel_multi_index(tuple(at[inside].T), grid)
        places.offsets[number] = np.array([each.byte_offset for each in found])[inside]
        places.sizes[number] = np.array([each.size for each in found])[inside]
        places.skipped[number] = np.array([each.filter_mask for each in found])[inside]
    return places


def _chunks(name: str, file: Any, _: Want) -> list[Any]:
    from h5py import h5o

    found: list[Any] = []
    h5o.open(file, name.encode()).chunk_iter(found.append)
    return found


def _is_as_in_memory(kind: Any, dtype: np.dtype[Any]) -> bool:
    """Whether numbers lie in the file bit by bit as numpy has them."""
    from h5py import h5t

    return kind.get_class() == h5t.STRING or bool(kind.equal(h5t.py_create(dtype)))


def _address(dataset: Any) -> int:
    """Return where a dataset is; `h5o.get_info` would walk through all of its chunks to say it."""
    from h5py import h5g

    return int(h5g.get_objinfo(dataset, b".").objno[0])


def _attributes(owner: Any) -> dict[str, Any]:
    from h5py import h5a

    names: list[bytes] = []
    h5a.iterate(owner, names.append)
    found: dict[str, Any] = {}
    for each in names:
        if each not in HIDDEN_FROM_ALL:
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
