"""Joined headers as bytes, and back: no code is named in them, and none is run.

A record is a word, a checksum, the length of its JSON, the JSON, and the bytes of arrays. What it may hold
is written below, field by field; whatever else is in it makes it no record.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

from climeri_platform.access.columns import (
    Content,
    Dicts,
    Distinct,
    Either,
    Lists,
    Maybe,
    NoRecord,
    Plain,
    Records,
    Rows,
)
from climeri_platform.access.decoding import Decoding
from climeri_platform.access.engines.chunked import ChunkedArray, NoPlaces
from climeri_platform.access.engines.hdf5_chunks import Layout
from climeri_platform.access.engines.hdf5_library import AskPlaces, LibraryArray
from climeri_platform.access.engines.hdf5_metadata import FindPlaces
from climeri_platform.access.engines.header import HeldArray
from climeri_platform.access.engines.stored import FileStamp, FlatArray
from climeri_platform.access.joined import Joined, JoinedVariable, Note, Piece
from climeri_platform.access.plain import Arrays, DTypes, Values
from climeri_platform.access.times import Counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

__all__ = ["LARGEST", "NoRecord", "from_bytes", "to_bytes"]

LARGEST = 2**27
"""Bytes of the largest record that is written or read."""

# what becomes of values that nobody thought of: numbers of 5,000 digits, types of unknown kinds
_ODD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_MAGIC = b"climeri\x01"
_FRAME = struct.Struct("<II")  # checksum of what follows it, and how long the JSON is

_TEXT = Plain(frozenset({str}))
_WHOLE = Plain(frozenset({int}))
_TRUTH = Plain(frozenset({bool}))
_NUMBERS = Distinct(Rows(int), key=tuple)
_NAMES = Distinct(Rows(str), key=tuple)
_SET = Rows(str, frozenset)
_VALUES, _ARRAYS = Values(), Arrays()
_STORED, _DTYPE = DTypes(), DTypes(objects=True)

_STAMP = Distinct(Records(FileStamp, path=_TEXT, size=_WHOLE, mtime=_WHOLE))
_LAYOUT = Records(
    Layout,
    kind=_WHOLE,
    address=Plain(frozenset({int, type(None)})),
    size=_WHOLE,
    chunks=Maybe(_NUMBERS),
    data=Values(bytes),
    in_tree=_TRUTH,
)
_FINDER = Either(
    tree=Records(FindPlaces, name=_TEXT, layout=_LAYOUT, base=_WHOLE),
    library=Records(AskPlaces, name=_TEXT),
    none=Records(NoPlaces),
)
_ARRAY = Either(
    held=Records(HeldArray, values=_ARRAYS),
    chunked=Records(
        ChunkedArray,
        stamp=_STAMP,
        shape=_NUMBERS,
        stored=_STORED,
        chunks=_NUMBERS,
        filters=_NAMES,
        find=_FINDER,
        fill=_VALUES,
        extent=_NUMBERS,
    ),
    flat=Records(
        FlatArray,
        stamp=_STAMP,
        shape=_NUMBERS,
        stored=_STORED,
        offset=_WHOLE,
        step=Plain(frozenset({int, type(None)})),
    ),
    library=Records(
        LibraryArray,
        stamp=_STAMP,
        name=_TEXT,
        shape=_NUMBERS,
        dtype=_DTYPE,
        fill=_VALUES,
        extent=_NUMBERS,
    ),
)
_PIECE = Records(
    Piece,
    array=_ARRAY,
    decoding=Distinct(Records(Decoding, packing=Dicts(_VALUES, tuple), dtype=_STORED)),
    begin=_WHOLE,
    end=_WHOLE,
)
_VARIABLE = Records(
    JoinedVariable,
    dims=Rows(str),
    attrs=Dicts(_VALUES),
    encoding=Dicts(_VALUES),
    dtype=_DTYPE,
    values=Maybe(_ARRAYS),
    dates=Maybe(
        Records(
            Counted,
            raw=_ARRAYS,
            attrs=Dicts(_VALUES),
            use_cftime=Plain(frozenset({bool, type(None)})),
        )
    ),
    pieces=Lists(Maybe(_PIECE)),
)
_NOTES = Lists(Records(Note, cause=_TEXT, path=_TEXT, remedy=_TEXT))
_JOINED = Records(
    Joined,
    sizes=Dicts(_WHOLE),
    time=_TEXT,
    steps=Rows(int),
    attrs=Dicts(_VALUES),
    variables=Dicts(_VARIABLE),
    coordinates=_SET,
    unlimited=_SET,
    identity=_TEXT,
    notes=_NOTES,
    repaired=_NOTES,
    skipped=_NOTES,
    unread=_WHOLE,
)
_STAMPS = Rows(int)


def to_bytes(stamps: Sequence[tuple[int, ...]], joined: Joined) -> bytes:
    """Write what is known of a dataset.

    Parameters
    ----------
    stamps
        Of its files.
    joined
        What was made of them.

    Returns
    -------
    bytes

    Raises
    ------
    NoRecord
        If it holds what no record may hold, such as the codecs of Zarr.
    """
    parts: list[bytes] = []
    try:
        said = [len(stamps), _STAMPS.pack(stamps, parts), _JOINED.pack([joined], parts)]
        # names of files are bytes, and not always text: JSON has words for what is none
        text = json.dumps(said, separators=(",", ":")).encode("ascii")
    except _ODD as problem:
        raise NoRecord(f"what no record can say: {problem}") from problem
    content = b"".join((text, *parts))
    whole = b"".join((_MAGIC, _FRAME.pack(zlib.crc32(content), len(text)), content))
    if len(whole) > LARGEST:
        raise NoRecord("more than a record may hold")
    return whole


def from_bytes(data: bytes) -> tuple[list[tuple[int, ...]], Joined] | None:
    """Read what is known of a dataset.

    Parameters
    ----------
    data
        Whatever was in the file.

    Returns
    -------
    tuple or None
        The stamps and the dataset; None if it is no record, whatever it is.
    """
    try:
        return _read(memoryview(data))
    except Exception:  # noqa: BLE001 - it may be anything, and nothing else is to be said of it
        return None


def _read(data: memoryview) -> tuple[list[tuple[int, ...]], Joined]:
    begin = len(_MAGIC) + _FRAME.size
    checksum, length = _FRAME.unpack(data[len(_MAGIC) : begin])
    rest = data[begin:]
    if data[: len(_MAGIC)] != _MAGIC or len(data) > LARGEST or zlib.crc32(rest) != checksum:
        raise NoRecord("no record, or a damaged one")
    count, stamps, packed = json.loads(bytes(rest[:length]))
    content = Content(rest[length:], most=len(rest))
    content.total([count])
    found: list[Any] = list(_STAMPS.unpack(stamps, count, content))
    (joined,) = _JOINED.unpack(packed, 1, content)
    if content.at != len(content.data) or not _fits(joined):
        raise NoRecord("parts that do not belong together")
    return found, joined


def _fits(joined: Joined) -> bool:
    """Return whether the parts of a dataset fit together, as they do when they were joined."""
    if joined.time and sum(joined.steps) != joined.sizes.get(joined.time):
        return False
    if min((*joined.steps, *joined.sizes.values()), default=0) < 0:
        return False
    return all(
        _fits_in(each, joined.sizes.keys(), {1, len(joined.steps)})
        for each in joined.variables.values()
    )


def _fits_in(variable: JoinedVariable, dims: AbstractSet[str], files: set[int]) -> bool:
    held = variable.values if variable.dates is None else variable.dates.raw
    if held is None:
        ranks = [len(each.array.shape) for each in variable.pieces if each is not None]
        whole = len(variable.pieces) in files and bool(ranks)
    else:
        ranks = [held.ndim]
        whole = not variable.pieces
    return whole and dims >= {*variable.dims} and {*ranks} == {len(variable.dims)}
