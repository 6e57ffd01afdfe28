"""From a joined dataset to xarray: one dask array for each variable, and nothing read.

A variable of all files is one array-like that dask slices, as it does those of xarray's own backends: a
part of it reads that part, and blocks may hold many small files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import normalize_chunks
from dask.base import is_dask_collection
from dask.utils import parse_bytes

from climeri_platform.access.guard import load_limit
from climeri_platform.compute.local import worker_memory
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from climeri_platform.access.engines.header import Key
    from climeri_platform.access.joined import Joined, JoinedVariable, Piece

__all__ = ["JoinedArray", "as_dataset"]

_Blocks = tuple[tuple[int, ...], ...]
_AT_ONCE = 8  # blocks that a thread may hold: what it reads, what it makes of them, what waits
_WORTH = 2**24  # bytes that are worth a task of their own
_INDEXED = 500_000  # values of an axis, above which it is not read for an index
_HINT = "It is 'auto', {} for the files' own, or sizes of dimensions: {'time': 120}."


def as_dataset(joined: Joined, chunks: Any = "auto") -> xr.Dataset:
    """Return an xarray Dataset whose data are read when they are computed.

    Parameters
    ----------
    joined
        The dataset.
    chunks
        ``"auto"``: multiples of the files' own chunks, and several small files together, of the size
        that dask's ``array.chunk-size`` names or of what a thread here has memory for; ``{}``: the
        files' own; a number, or a mapping from dimensions to numbers (-1: all of a file), as xarray
        takes them.

    Raises
    ------
    UsageError
        If ``chunks`` is none of these.
    """
    variables = {name: _variable(name, joined, chunks) for name in joined.variables}
    coordinates = {name: variables.pop(name) for name in list(variables) if _is_one(name, joined)}
    lazy = {
        name: coordinates.pop(name)
        for name, each in list(coordinates.items())
        if each.dims == (name,) and is_dask_collection(each.data)
    }
    dataset = xr.Dataset(variables, coordinates, dict(joined.attrs))
    if lazy:  # xarray would compute them for an index
        dataset = dataset.assign_coords(xr.Coordinates(lazy, indexes={}))
    dataset.encoding["unlimited_dims"] = set(joined.unlimited)
    return dataset


def _variable(name: str, joined: Joined, chunks: Any) -> xr.Variable:
    each = joined.variables[name]
    values = each.in_memory()
    if values is None:
        array = _array(each, joined)
        if each.dims != (name,) or array.shape[0] > _INDEXED:
            data = _lazy(name, each, array, joined.identity, chunks)
            return xr.Variable(
                each.dims, data, dict(each.attrs), dict(each.encoding), fastpath=True
            )
        values = array[:]
    return xr.Variable(each.dims, values, dict(each.attrs), dict(each.encoding))


def _is_one(name: str, joined: Joined) -> bool:
    return name in joined.coordinates or joined.variables[name].dims == (name,)


@dataclass(frozen=True)
class JoinedArray:
    """A variable of all files, of which any part may be read.

    Attributes
    ----------
    shape, dtype
        Of its values.
    pieces
        What each file holds, None where it lacks the variable.
    steps
        How many time steps are of each file; none of a fixed field.
    axis
        Which dimension is time.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: tuple[Piece | None, ...]
    steps: tuple[int, ...] = ()
    axis: int = 0

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)

    @cached_property
    def _starts(self) -> np.ndarray[Any, Any]:
        return np.cumsum((0, *self.steps))

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        wanted = key if isinstance(key, tuple) else (key,)
        wanted = (*wanted, *(slice(None),) * (self.ndim - len(wanted)))
        lists = [at for at, each in enumerate(wanted) if isinstance(each, list | np.ndarray)]
        if lists:
            return self._listed(wanted, lists[0])
        return self._part(wanted)

    def _listed(self, key: tuple[Any, ...], at: int) -> np.ndarray[Any, Any]:
        """Read what lies between the first and the last of a list, and take of it what is in it."""
        listed = np.asarray(key[at])
        places = np.arange(self.shape[at])[listed if listed.size else listed.astype(int)]
        first, last = (int(places.min()), int(places.max())) if places.size else (0, -1)
        values = self[(*key[:at], slice(first, last + 1), *key[at + 1 :])]
        axis = sum(not isinstance(each, int | np.integer) for each in key[:at])
        found: np.ndarray[Any, Any] = np.take(values, places - first, axis=axis)
        return found

    def _part(self, wanted: Key) -> np.ndarray[Any, Any]:
        if not self.steps:
            return self._of_file(0, wanted)
        along = wanted[self.axis]
        if not isinstance(along, slice):
            at = int(along) % self.shape[self.axis]
            number = int(np.searchsorted(self._starts, at, side="right")) - 1
            return self._of_file(number, self._with(wanted, at - int(self._starts[number])))
        places = range(self.shape[self.axis])[along]
        parts = [
            self._of_file(number, self._with(wanted, inside))
            for number, inside in self._files(places)
        ]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return self._of_file(0, self._with(wanted, slice(0, 0)))
        # an integer before it takes a dimension away
        axis = sum(isinstance(each, slice) for each in wanted[: self.axis])
        return np.concatenate(parts, axis=axis)

    def _with(self, key: Key, along: int | slice) -> Key:
        return (*key[: self.axis], along, *key[self.axis + 1 :])

    def _files(self, places: range) -> list[tuple[int, slice]]:
        """Return the files that hold some steps, and which of theirs, in the order of the steps."""
        found: list[tuple[int, slice]] = []
        done = 0
        while done < len(places):
            at = places[done]
            number = int(np.searchsorted(self._starts, at, side="right")) - 1
            first, end = int(self._starts[number]), int(self._starts[number + 1])
            room = end - 1 - at if places.step > 0 else at - first
            count = min(len(places) - done, room // abs(places.step) + 1)
            stop = at - first + count * places.step
            inside = slice(at - first, stop if stop >= 0 else None, places.step)
            found.append((number, inside))
            done += count
        return found

    def _of_file(self, number: int, key: Key) -> np.ndarray[Any, Any]:
        piece = self.pieces[number]
        if piece is None:
            shape = list(self.shape)
            shape[self.axis] = self.steps[number]
            return np.broadcast_to(np.array(np.nan, self.dtype), shape)[key].copy()
        if piece.begin and self.steps:
            along = key[self.axis]
            key = self._with(key, _shifted(along, piece.begin))
        values = piece.decoding(piece.array.read(key))
        return values.astype(self.dtype, copy=False)


def _shifted(key: int | slice, by: int) -> int | slice:
    if not isinstance(key, slice):
        return key + by
    stop = key.stop
    if stop is None and (key.step or 1) < 0:  # backwards to the first that is taken
        stop = by - 1 if by else None
    elif stop is not None:
        stop += by
    return slice((key.start or 0) + by, stop, key.step)


def _array(variable: JoinedVariable, joined: Joined) -> JoinedArray:
    along = joined.time in variable.dims
    return JoinedArray(
        tuple(joined.sizes[dim] for dim in variable.dims),
        variable.dtype,
        variable.pieces,
        joined.steps if along else (),
        variable.dims.index(joined.time) if along else 0,
    )


def _lazy(
    name: str, variable: JoinedVariable, array: JoinedArray, identity: str, chunks: Any
) -> da.Array:
    blocks = _blocks(variable, array, chunks)
    return da.from_array(
        array,
        chunks=blocks,
        name=f"read-{name}-{identity}-{abs(hash(blocks)):x}",
        asarray=True,
        meta=np.empty((0,) * array.ndim, variable.dtype),
    )


def _blocks(variable: JoinedVariable, array: JoinedArray, chunks: Any) -> _Blocks:
    """Return the lengths of the blocks along each dimension: none cuts a file's chunk in vain."""
    if chunks is None:
        raise UsageError("chunks=None would read a whole variable at the first touch", hint=_HINT)
    shape = list(array.shape)
    if array.steps:
        shape[array.axis] = max(array.steps)
    own = variable.encoding.get("preferred_chunks") or {}
    stored = [
        min(own.get(dim, size), size) or 1 for dim, size in zip(variable.dims, shape, strict=True)
    ]
    limit = _limit(array)
    try:
        found = normalize_chunks(
            _wanted(variable.dims, shape, stored, chunks),
            shape=tuple(shape),
            limit=None if _is_sized(chunks) else limit,  # else it names a limit of its own
            dtype=variable.dtype,
            previous_chunks=tuple(
                _repeated(each, size) for each, size in zip(stored, shape, strict=True)
            ),
        )
    except (ValueError, TypeError, ArithmeticError) as problem:
        raise UsageError(f"chunks={chunks!r}: {problem}", hint=_HINT) from problem
    blocks = [tuple(map(int, each)) for each in found]
    if any(part < 0 for each in blocks for part in each):
        raise UsageError(f"chunks={chunks!r}: lengths are 1 or more, or -1 for all", hint=_HINT)
    if array.steps:
        one = variable.dtype.itemsize * int(
            np.prod([max(each, default=1) for dim, each in enumerate(blocks) if dim != array.axis])
        )
        most = max(blocks[array.axis], default=1) or 1
        together = max(1, limit // max(1, one)) if chunks == "auto" else 0
        blocks[array.axis] = _along(array.steps, most, together)
    return tuple(blocks)


def _along(steps: tuple[int, ...], most: int, together: int) -> tuple[int, ...]:
    """Return blocks along time: parts of a large file, or several small files whole."""
    found: list[int] = []
    open_to_more = False
    for count in steps:
        parts = _repeated(most, count)
        if open_to_more and len(parts) == 1 and found[-1] + count <= together:
            found[-1] += count
            continue
        found.extend(parts)
        open_to_more = len(parts) == 1
    return tuple(found)


def _limit(array: JoinedArray) -> int:
    """Return how many bytes a block may have: less than that where threads would be idle."""
    wanted = parse_bytes(dask.config.get("array.chunk-size"))
    each = worker_memory() or _memory_of_a_thread()
    most = min(wanted, max(_WORTH, each // _AT_ONCE))
    whole = array.dtype.itemsize * int(np.prod(array.shape, dtype=np.int64))
    return int(min(most, max(_WORTH, whole // (2 * len(os.sched_getaffinity(0))))))


@lru_cache(maxsize=1)
def _memory_of_a_thread() -> int:
    return 2 * load_limit() // max(1, len(os.sched_getaffinity(0)))


def _is_sized(chunks: Any) -> bool:
    """Return whether blocks are asked for by their bytes, such as "100 MB"."""
    asked = chunks.values() if isinstance(chunks, dict) else [chunks]
    return any(isinstance(each, str) and each != "auto" for each in asked)


def _wanted(dims: tuple[str, ...], shape: list[int], stored: list[int], chunks: Any) -> Any:
    if not isinstance(chunks, dict):
        return tuple(chunks for _ in dims) if isinstance(chunks, int) else chunks
    return tuple(
        min(part, size) if isinstance(part := chunks.get(dim, own), int) and part > 0 else part
        for dim, size, own in zip(dims, shape, stored, strict=True)
    )


def _repeated(part: int, size: int) -> tuple[int, ...]:
    """Return a length as parts of one size and what is left."""
    if not size:
        return (0,)
    whole, rest = divmod(size, part)
    return (part,) * int(whole) + ((int(rest),) if rest else ())
