"""The header of a NetCDF-4 file, read without the HDF5 library.

The library lets one thread in at a time, and makes an object of all it touches. What archives hold
uses little of HDF5: that is read here, in few large reads. Whatever else a file has is refused, and
never guessed, for the library then reads the file instead.
"""

from __future__ import annotations

import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.chunked import ChunkedArray, NoPlaces, Places
from climeri_platform.access.engines.conventions import (
    KNOWN_FILTERS,
    Dataset,
    NoNetCDF,
    encoding_of,
    is_held,
    lengths,
    named,
    shown,
    visible,
)
from climeri_platform.access.engines.hdf5_bytes import Blocks, Damaged, Unusual
from climeri_platform.access.engines.hdf5_chunks import (
    CHUNKED,
    COMPACT,
    Layout,
    fill_of,
    filters_of,
    layout_of,
    places_of,
    small_values,
)
from climeri_platform.access.engines.hdf5_library import AskPlaces, LibraryArray, kept_places
from climeri_platform.access.engines.hdf5_objects import SHAPE, TYPE, HDF5File
from climeri_platform.access.engines.hdf5_types import kind_of, space_of
from climeri_platform.access.engines.header import TRUNCATED, Header, HeldArray, StoredVariable
from climeri_platform.access.engines.stored import FlatArray
from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.access.engines.chunked import Finder
    from climeri_platform.access.engines.hdf5_objects import Object
    from climeri_platform.access.engines.hdf5_types import Kind, Space
    from climeri_platform.access.engines.header import StoredArray
    from climeri_platform.access.engines.stored import Source

__all__ = ["FindPlaces", "read_header"]

# what a damaged file makes of code that believes it
_NONSENSE = (
    *(struct.error, zlib.error),
    *(ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError),
)
_MOST_LABELS = 2**16  # texts of any length that are read with the header
_MOST_OF_A_TREE = 2**31  # bytes that are read to find the chunks of one array


def read_header(source: Source) -> Header:
    """Read the header of a NetCDF-4 file, and the numbers of its small variables.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    Header
        The same that the library gives.

    Raises
    ------
    FileUnreadable
        If it is damaged, was replaced, or cannot be read.
    ValueError
        If it does not follow the conventions of NetCDF.
    Unusual
        If it holds what is not known here.
    """
    with source.opened() as handle, _damage_told(source):
        return _header(HDF5File(Blocks(source, handle)), source)


@contextmanager
def _damage_told(source: Source) -> Iterator[None]:
    """Say of which file it is that it contradicts itself."""
    try:
        yield
    except NoNetCDF:
        raise
    except (Damaged, *_NONSENSE) as problem:
        what = str(problem) if isinstance(problem, Damaged) else "what it says makes no sense"
        raise FileUnreadable(f"{source.path}: damaged: {what}", hint=TRUNCATED) from problem


def _header(file: HDF5File, stamp: Source) -> Header:
    root = file.object_at(file.root)
    parts: dict[str, _Part] = {}
    for name, address in file.links(root):
        found = file.object_at(address)
        if found.is_dataset:
            parts[name.decode()] = _Part(file, name.decode(), found)
    datasets = {name: part.dataset for name, part in parts.items()}
    dims = named(datasets)
    sizes, unlimited = lengths(datasets, dims)
    variables = {
        shown(name): parts[name].variable(stamp, its, tuple(sizes[each] for each in its))
        for name, its in dims.items()
    }
    return Header(sizes, unlimited, visible(file.attributes(root)), variables)


class _Part:
    """A dataset of the file, while that is open."""

    __slots__ = ("_file", "_found", "_kind", "dataset")

    def __init__(self, file: HDF5File, name: str, found: Object) -> None:
        self._file, self._found = file, found
        self._kind: Kind = kind_of(found.message(TYPE) or b"")
        space: Space = space_of(found.message(SHAPE) or b"")
        self.dataset = Dataset(
            name,
            file.attributes(found),
            space.shape or (),
            space.limits,
            found.address,
            partial(file.scale_of, found),
        )

    def variable(
        self, stamp: Source, dims: tuple[str, ...], shape: tuple[int, ...]
    ) -> StoredVariable:
        """Return it as a variable of the whole file."""
        layout = layout_of(self._found, self._kind, len(self.dataset.shape))
        filters = filters_of(self._found)
        array = self._array(stamp, layout, [number for number, _ in filters], shape)
        encoding = encoding_of(self._kind.dtype, layout.chunks, dict(filters), dims)
        encoding["source"] = stamp.path
        encoding["original_shape"] = array.shape
        return StoredVariable(dims, visible(self.dataset.attrs), array, encoding)

    def _array(
        self, stamp: Source, layout: Layout, filters: list[int], shape: tuple[int, ...]
    ) -> StoredArray:
        kind, its = self._kind, self.dataset.shape
        known = all(number in KNOWN_FILTERS for number in filters)
        names = tuple(KNOWN_FILTERS[number] for number in filters) if known else ()
        blocks = self._file.blocks
        fill = fill_of(self._found, kind, self.dataset.attrs, shorter=shape != its)
        if kind.any_length:
            return HeldArray(self._labels(layout, names, fill, known=known))
        if not known:
            return LibraryArray(stamp, self.dataset.name, shape, kind.native, fill, its)
        if layout.kind == COMPACT and shape != its:
            raise Unusual("a compact array that is shorter than its dimensions")
        small = is_held(stamp, shape, its, kind.size, layout.chunks)
        if small or layout.kind == COMPACT:
            return HeldArray(small_values(blocks, layout, kind, its, names, fill))
        if layout.kind == CHUNKED and layout.chunks is not None:
            chunks = layout.chunks
            find: Finder = FindPlaces(self.dataset.name, layout, blocks.base)
        elif layout.address is not None:
            return FlatArray(stamp, shape, kind.dtype, layout.address + blocks.base)
        else:
            find, chunks = NoPlaces(), tuple(max(1, each) for each in shape)
        return ChunkedArray(stamp, shape, kind.dtype, chunks, names, find, fill, its)

    def _labels(
        self, layout: Layout, names: tuple[str, ...], fill: Any, *, known: bool
    ) -> np.ndarray[Any, Any]:
        """Return texts of any length."""
        shape = self.dataset.shape
        if not known or prod(shape) > _MOST_LABELS:
            raise Unusual("text that only the library reads")
        listed = small_values(self._file.blocks, layout, self._kind, shape, names, fill)
        texts = self._file.texts(listed.tobytes(), 0, listed.size)
        return np.array(texts, np.str_).reshape(shape)


@dataclass(frozen=True, slots=True)
class FindPlaces:
    """Finds the chunks of an array in the tree that knows them; where there is none, asks the library.

    Attributes
    ----------
    name
        Of the array in the file.
    layout, base
        How it is stored, and where HDF5 begins in the file.
    """

    name: str
    layout: Layout
    base: int

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
            If the file is there no longer, was replaced, or is damaged.
        """
        find = partial(_places, stamp, self.layout, self.base, shape, chunks)
        try:
            return kept_places(stamp, self.name, find)
        except Unusual:
            return AskPlaces(self.name)(stamp, shape, chunks)


def _places(
    stamp: Source, layout: Layout, base: int, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> Places:
    if not layout.in_tree:
        raise Unusual("chunks that no tree of the first version knows")
    with stamp.opened() as handle, _damage_told(stamp):
        blocks = Blocks(stamp, handle, base=base, most=_MOST_OF_A_TREE)
        return places_of(blocks, layout.address, shape, chunks)
