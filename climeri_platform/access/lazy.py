"""From a joined dataset to xarray: one dask array for each variable, and nothing read.

A variable of all files is one array-like that dask slices, as it does those of xarray's own backends: a
part of it reads that part, and blocks may hold many small files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import is_dask_collection

from climeri_platform.access.blocks import blocks_of, refuse_unknown

if TYPE_CHECKING:
    from climeri_platform.access.engines.header import Key
    from climeri_platform.access.joined import Joined, JoinedVariable, Piece

__all__ = ["JoinedArray", "as_dataset"]

_INDEXED = 500_000  # values of an axis, above which it is not read for an index


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
        If ``chunks`` is none of these, or names a dimension that the files do not have.
    """
    refuse_unknown(chunks, joined.sizes)
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
    return xr.Variable(each.dims, values, dict(each.attrs), dict(each.encoding), fastpath=True)


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
        files = self._files(places)
        if len(files) < 2:
            number, inside = files[0] if files else (0, slice(0, 0))
            return self._of_file(number, self._with(wanted, inside))
        lengths = zip(self.shape, wanted, strict=True)
        shape = [len(range(size)[each]) for size, each in lengths if isinstance(each, slice)]
        found = np.empty(shape, self.dtype)
        # an integer before it takes a dimension away
        before = (slice(None),) * sum(isinstance(each, slice) for each in wanted[: self.axis])
        done = 0
        for number, inside in files:
            count = len(range(self.steps[number])[inside])
            there = found[(*before, slice(done, done + count))]
            self._put(number, self._with(wanted, inside), there)
            done += count
        return found

    def _put(self, number: int, key: Key, there: np.ndarray[Any, Any]) -> None:
        """Read part of a file into its place in a block: no second one is held beside it."""
        piece = self.pieces[number]
        straight = all(isinstance(each, slice) and (each.step or 1) > 0 for each in key)
        if piece is None or not straight or piece.array.dtype != self.dtype or not there.size:
            there[...] = self._of_file(number, key)
            return
        fill_in = getattr(piece.array, "fill_in", None)
        if fill_in is None:
            there[...] = self._of_file(number, key)
            return
        key = self._shifted(piece, key)
        sizes = zip(piece.array.shape, key, strict=True)
        fill_in([range(size)[each] for size, each in sizes], there)
        values = piece.decoding(there)
        if values is not there:
            there[...] = values

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
        values = piece.decoding(piece.array.read(self._shifted(piece, key)))
        return values.astype(self.dtype, copy=False)

    def _shifted(self, piece: Piece, key: Key) -> Key:
        """Return what of the file's own array is meant, of which a piece may be the later part."""
        if not (piece.begin and self.steps):
            return key
        return self._with(key, _shifted(key[self.axis], piece.begin))


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
    blocks = blocks_of(variable, array, chunks)
    return da.from_array(
        array,
        chunks=blocks,
        name=f"read-{name}-{identity}-{abs(hash(blocks)):x}",
        asarray=True,
        meta=np.empty((0,) * array.ndim, variable.dtype),
    )
