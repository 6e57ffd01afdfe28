"""How the numbers of an HDF5 dataset are stored, where its chunks are, and those of small ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.engines.chunked import Places
from climeri_platform.access.engines.conventions import fill_of_netcdf
from climeri_platform.access.engines.filters import DamagedChunk, chunks_of, laid_out
from climeri_platform.access.engines.hdf5_bytes import NOWHERE, Damaged, Unusual
from climeri_platform.access.engines.hdf5_objects import FILL, FILL_ONCE, FILTERS, LAYOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from climeri_platform.access.engines.hdf5_bytes import Blocks
    from climeri_platform.access.engines.hdf5_objects import Object
    from climeri_platform.access.engines.hdf5_types import Kind

__all__ = [
    "Layout",
    "fill_of",
    "filters_of",
    "layout_of",
    "places_of",
    "small_values",
]

COMPACT, FLAT, CHUNKED = 0, 1, 2
_PLACE = Struct("<QQ")
_FILTER = Struct("<HHHH")
_SHORT_FILTER = Struct("<HHH")
_SIZE = Struct("<i")
_NODE = Struct("<4sBBHQQ")
_MOST_FILTERS = 32
_NEVER = 1  # when HDF5 fills, says a message
_USUAL = 66  # entries of a full node, and its beginning
_HELD = 2**26  # bytes of the chunks of a small array: one chunk may be much larger than it


@dataclass(frozen=True, slots=True)
class Layout:
    """How a dataset is stored.

    Attributes
    ----------
    kind
        `COMPACT` beside its header, `FLAT` in one piece, or `CHUNKED`.
    address
        Of the piece, or of the tree that knows the chunks; None if nothing was written, or for chunks
        that something else knows.
    size
        Bytes of the piece.
    chunks
        The shape of a chunk.
    data
        The content, if it is compact.
    in_tree
        Whether a tree of the first version knows the chunks: it is the only index that is read here.
    """

    kind: int
    address: int | None = None
    size: int = 0
    chunks: tuple[int, ...] | None = None
    data: bytes = b""
    in_tree: bool = True


def layout_of(found: Object, kind: Kind, rank: int) -> Layout:
    """Return how a dataset is stored."""
    if LAYOUT not in found.messages:
        raise Damaged("a dataset that is nowhere")
    data, at, end = found.messages[LAYOUT]
    version, group = data[at], data[at + 1]
    if version not in (3, 4) or group > CHUNKED:
        raise Unusual("numbers stored in another way")
    if group == COMPACT:
        size = int.from_bytes(data[at + 2 : at + 4], "little")
        if at + 4 + size > end:
            raise Damaged("numbers beyond their message")
        return Layout(COMPACT, size=size, data=data[at + 4 : at + 4 + size])
    if group == FLAT:
        address, size = _PLACE.unpack_from(data, at + 2)
        return Layout(FLAT, None if address == NOWHERE else address, size)
    if version == 3:
        count = data[at + 2]
        (address,) = Struct("<Q").unpack_from(data, at + 3)
        sizes = Struct(f"<{count}I").unpack_from(data, at + 11)
    else:
        if data[at + 2] & 1:
            raise Unusual("chunks that are not filtered where they reach beyond the array")
        count, width = data[at + 3], data[at + 4]
        address = NOWHERE
        begin = at + 5
        sizes = tuple(
            int.from_bytes(data[each : each + width], "little")
            for each in range(begin, begin + count * width, width or 1)
        )
    if count != rank + 1 or sizes[-1] != kind.size or not all(sizes):
        raise Damaged("chunks of another shape")
    where = None if address == NOWHERE else address
    return Layout(CHUNKED, where, 0, sizes[:-1], in_tree=version == 3)


def filters_of(found: Object) -> list[tuple[int, tuple[int, ...]]]:
    """Return the filters in the order in which they were applied: number and options."""
    if FILTERS not in found.messages:
        return []
    data, at, end = found.messages[FILTERS]
    version, count = data[at], data[at + 1]
    if version not in (1, 2):
        raise Unusual("filters of another version")
    if count > _MOST_FILTERS:
        raise Damaged("more filters than there may be")
    at += 8 if version == 1 else 2
    filters = []
    for _ in range(count):
        number = int.from_bytes(data[at : at + 2], "little")
        if version == 1 or number >= 256:
            number, named, _, options = _FILTER.unpack_from(data, at)
            at += 8 + (named + 7 & -8 if version == 1 else named)
        else:
            number, _, options = _SHORT_FILTER.unpack_from(data, at)
            at += 6
        filters.append((number, Struct(f"<{options}I").unpack_from(data, at)))
        at += 4 * options + (4 if version == 1 and options & 1 else 0)
        if at > end:
            raise Damaged("filters beyond their message")
    return filters


def fill_of(found: Object, kind: Kind, attrs: Mapping[str, Any], *, shorter: bool) -> Any:
    """Return the value of what was never written.

    Parameters
    ----------
    found, kind, attrs
        The array, the type of its elements, and its attributes.
    shorter
        Whether it is shorter than its dimensions, of which HDF5 knows nothing.
    """
    content = _fill(found)
    if kind.any_length:
        content = content or bytes(kind.size)
    if not content and not kind.text and (shorter or _never_filled(found)):
        return fill_of_netcdf(attrs, kind.native)
    if not content:
        return np.zeros((), kind.native)[()]
    if len(content) != kind.size:
        raise Unusual("a fill value of another type")
    if kind.any_length:
        return np.frombuffer(content, _raw(kind))[0]
    if kind.text:
        return _cut(np.frombuffer(content, kind.dtype), kind)[0]
    return np.frombuffer(content, kind.dtype)[0]


def _fill(found: Object) -> bytes:
    message = found.message(FILL)
    if message is None:
        message = found.message(FILL_ONCE)
        if message is None:
            return b""
        begin, defined = 0, True
    elif message[0] in (1, 2):
        begin, defined = 4, bool(message[3])
    elif message[0] == 3:
        begin, defined = 2, message[1] & 0x20 != 0
    else:
        raise Unusual("a fill value of another version")
    if not defined:
        return b""
    (size,) = _SIZE.unpack_from(message, begin)
    if size < 0 or begin + 4 + size > len(message):
        raise Damaged("a fill value beyond its message")
    return message[begin + 4 : begin + 4 + size]


def _never_filled(found: Object) -> bool:
    """Return whether HDF5 leaves what was never written as it happens to be."""
    message = found.message(FILL)
    if message is None or message[0] not in (1, 2, 3):
        return False
    return (message[2] if message[0] < 3 else message[1] >> 2 & 3) == _NEVER


def _cut(values: np.ndarray[Any, Any], kind: Kind) -> np.ndarray[Any, Any]:
    """Return fixed text without what stands after its end."""
    if kind.padding == 2:
        raise Unusual("text filled with blanks")
    if kind.padding == 0 and kind.size > 1:
        texts = [each.partition(b"\0")[0] for each in values.ravel().tolist()]
        return np.array(texts, kind.native).reshape(values.shape)
    return values


def places_of(
    blocks: Blocks, tree: int | None, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> Places:
    """Return where the chunks of an array are, from the tree of the first version that knows them.

    Parameters
    ----------
    blocks
        The file.
    tree
        Where the tree begins; None if nothing was written.
    shape, chunks
        Of the array, and of a chunk.
    """
    grid = tuple(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    places = Places.none(prod(grid))
    if tree is None:
        return places
    rank = len(chunks)
    entry = np.dtype(
        [("size", "<u4"), ("mask", "<u4"), ("at", "<u8", (rank + 1,)), ("child", "<u8")]
    )
    level: list[tuple[int, list[list[int]]]] = [(tree, [])]
    leaves, heights = [], range(17)
    while level:
        level.sort()
        below: list[tuple[int, list[list[int]]]] = []
        found = blocks.nodes([address for address, _ in level], _USUAL * entry.itemsize)
        for (address, within), (data, at) in zip(level, found, strict=True):
            height, entries, keys = _node(blocks, address, entry, data, at)
            if height not in heights:
                raise Damaged("a tree of another kind")
            heights = range(height, height + 1)
            _check(keys, within)
            if height:
                children = entries["child"].tolist()
                below += [(each, keys[i : i + 2]) for i, each in enumerate(children)]
            elif len(entries):
                leaves.append(entries)
        level, heights = below, range(heights.start - 1, heights.start)
    if leaves:
        _put(places, np.concatenate(leaves), grid, chunks, blocks.base)
    return places


def _node(
    blocks: Blocks, address: int, entry: np.dtype[Any], data: bytes, at: int
) -> tuple[int, np.ndarray[Any, Any], list[list[int]]]:
    """Return the height of a node, its entries, and the places of their chunks and of the next one."""
    if len(data) - at < _NODE.size:
        data, at = blocks.at(address, _NODE.size)
    sign, kind, height, used, _, _ = _NODE.unpack_from(data, at)
    if sign != b"TREE" or kind != 1:
        raise Damaged("a tree of another kind")
    last = _NODE.size + used * entry.itemsize + 8
    size = last + entry["at"].itemsize
    blocks.once(address, size)
    if len(data) - at < size:
        data, at = blocks.at(address, size)
    entries = np.frombuffer(data, entry, used, at + _NODE.size)
    keys = entries["at"].tolist()
    keys.append(np.frombuffer(data, "<u8", entry["at"].shape[0], at + last).tolist())
    return height, entries, keys


def _check(keys: list[list[int]], within: list[list[int]]) -> None:
    """Refuse a node in which the library, which looks for one chunk at a time, may miss some."""
    if any(one >= other for one, other in pairwise(keys)) or any(each[-1] for each in keys[:-1]):
        raise Damaged("chunks without an order")
    if within and (keys[0] < within[0] or keys[-1] > within[1]):
        raise Damaged("chunks of another part of the tree")


def _put(
    places: Places,
    entries: np.ndarray[Any, Any],
    grid: tuple[int, ...],
    chunks: tuple[int, ...],
    base: int,
) -> None:
    offsets = entries["at"].astype(np.int64)[:, :-1]
    at = offsets // np.array(chunks, np.int64)
    # chunks beyond what is there now are left of a variable that was longer once
    inside = ((offsets >= 0) & (at < np.array(grid))).all(axis=1)
    if (at * np.array(chunks) != offsets).any():
        raise Damaged("chunks of another shape")
    number = np.ravel_multi_index(tuple(at[inside].T), grid)
    if len(number) > 1 and len(np.unique(number)) < len(number):
        raise Damaged("a chunk that is there twice")
    places.offsets[number] = entries["child"][inside].astype(np.int64) + base
    places.sizes[number] = entries["size"][inside]
    places.skipped[number] = entries["mask"][inside]


def small_values(
    blocks: Blocks,
    layout: Layout,
    kind: Kind,
    shape: tuple[int, ...],
    filters: tuple[str, ...],
    fill: Any,
) -> np.ndarray[Any, Any]:
    """Return all of a small array, native; of text of any length where it is.

    Parameters
    ----------
    blocks, layout, kind, shape
        The file, how the array is stored in it, its type and shape.
    filters
        Those that were applied, all known.
    fill
        The value of what was never written.
    """
    count = prod(shape)
    if not count:
        return np.empty(shape, kind.native)
    if layout.kind == CHUNKED:
        found = _from_chunks(blocks, layout, kind, shape, filters, fill)
    elif layout.kind == FLAT and layout.address is None:
        return np.full(shape, fill, _raw(kind) if kind.any_length else kind.native)
    else:
        data, size = layout.data, len(layout.data)
        if layout.kind == FLAT and layout.address is not None:
            data, size = blocks.data(layout.address, count * kind.size), layout.size
        if size < count * kind.size:
            raise Damaged("fewer numbers than there are")
        found = np.frombuffer(data, _raw(kind), count).reshape(shape)
    if kind.any_length:
        return found
    if kind.text:
        found = _cut(found, kind)
    return found.astype(kind.native, order="C")


def _raw(kind: Kind) -> np.dtype[Any]:
    return np.dtype("V16") if kind.any_length else kind.dtype


def _from_chunks(
    blocks: Blocks,
    layout: Layout,
    kind: Kind,
    shape: tuple[int, ...],
    filters: tuple[str, ...],
    fill: Any,
) -> np.ndarray[Any, Any]:
    chunks = layout.chunks
    if chunks is None or not layout.in_tree:
        raise Unusual("chunks that no tree of the first version knows")
    places = places_of(blocks, layout.address, shape, chunks)
    size = prod(chunks) * kind.size
    if len(places.offsets) * size > _HELD:
        raise Unusual("chunks much larger than their array")
    (written,) = np.nonzero(places.offsets >= 0)
    written = written[np.argsort(places.offsets[written])]
    begins, sizes = places.offsets[written], places.sizes[written]
    pieces = blocks.pieces(list(zip(begins.tolist(), (begins + sizes).tolist(), strict=True)))
    if chunks and shape[0] < chunks[0]:  # the rest of its only row of chunks is nothing
        chunks = (shape[0], *chunks[1:])
    wanted = prod(chunks) * kind.size
    here = np.empty((len(places.offsets), wanted), np.uint8)
    if len(written) < len(here):
        here[:] = np.frombuffer(np.full(chunks, fill, _raw(kind)).tobytes(), np.uint8)
    skipped = places.skipped[written].tolist()
    try:
        here[written] = chunks_of(pieces, skipped, filters, size, kind.size, wanted)
    except DamagedChunk as problem:
        raise Damaged(f"a chunk at byte {begins[problem.number]}: {problem}") from problem
    grid = [-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)]
    whole = laid_out(here.reshape(-1).view(_raw(kind)), grid, chunks)
    return whole[tuple(slice(length) for length in shape)]
