"""From a joined dataset to xarray: one dask array for each variable, and nothing read."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import normalize_chunks

from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from climeri_platform.access.joined import Joined, JoinedVariable, Piece

__all__ = ["as_dataset"]

_Blocks = tuple[tuple[int, ...], ...]


def as_dataset(joined: Joined, chunks: Any = "auto") -> xr.Dataset:
    """Return an xarray Dataset whose data are read when they are computed.

    Parameters
    ----------
    joined
        The dataset.
    chunks
        ``"auto"``: multiples of the files' own chunks, of the size that dask's ``array.chunk-size``
        names, and never of two files; ``{}``: the files' own; a number, or a mapping from
        dimensions to numbers (-1: all of it), as xarray takes them.

    Raises
    ------
    UsageError
        If ``chunks`` is none of these.
    """
    variables = {name: _variable(name, joined, chunks) for name in joined.variables}
    coordinates = {name: variables.pop(name) for name in list(variables) if _is_one(name, joined)}
    dataset = xr.Dataset(variables, coordinates, dict(joined.attrs))
    dataset.encoding["unlimited_dims"] = set(joined.unlimited)
    return dataset


def _variable(name: str, joined: Joined, chunks: Any) -> xr.Variable:
    each = joined.variables[name]
    values = each.in_memory()
    if values is None:
        data = _lazy(name, each, joined, chunks)
        return xr.Variable(each.dims, data, dict(each.attrs), dict(each.encoding), fastpath=True)
    return xr.Variable(each.dims, values, dict(each.attrs), dict(each.encoding))


def _is_one(name: str, joined: Joined) -> bool:
    return name in joined.coordinates or joined.variables[name].dims == (name,)


def _lazy(name: str, variable: JoinedVariable, joined: Joined, chunks: Any) -> da.Array:
    sizes = tuple(joined.sizes[each] for each in variable.dims)
    steps = joined.steps if joined.time in variable.dims else ()
    axis = variable.dims.index(joined.time) if steps else 0
    blocks = _blocks(variable, sizes, steps, axis, chunks)
    key = f"read-{name}-{joined.identity}-{abs(hash(blocks)):x}"
    graph: dict[tuple[Any, ...], Any] = {}
    firsts = [np.cumsum((0, *each)) for each in blocks]
    others = [[slice(int(a), int(b)) for a, b in pairwise(first)] for first in firsts]
    owners = _owners(variable, blocks[axis], steps) if steps else []
    for at in product(*(range(len(each)) for each in blocks)):
        places = [others[dim][number] for dim, number in enumerate(at)]
        piece = variable.pieces[0]
        if steps:
            piece, places[axis] = owners[at[axis]]
        shape = tuple(blocks[dim][number] for dim, number in enumerate(at))
        graph[(key, *at)] = (
            (_absent, shape, variable.dtype)
            if piece is None
            else (_read, piece, tuple(places), variable.dtype)
        )
    return da.Array(graph, key, blocks, dtype=variable.dtype)


def _owners(
    variable: JoinedVariable, lengths: tuple[int, ...], steps: tuple[int, ...]
) -> list[tuple[Piece | None, slice]]:
    """Return for each block along time the file that holds it, and which of its steps."""
    found: list[tuple[Piece | None, slice]] = []
    remaining = iter(lengths)
    for piece, count in zip(variable.pieces, steps, strict=True):
        done, begin = 0, piece.begin if piece is not None else 0
        while done < count:
            length = next(remaining)
            found.append((piece, slice(begin + done, begin + done + length)))
            done += length
    return found


def _blocks(
    variable: JoinedVariable,
    sizes: tuple[int, ...],
    steps: tuple[int, ...],
    axis: int,
    chunks: Any,
) -> _Blocks:
    """Return the lengths of the blocks along each dimension; none is of two files."""
    shape = list(sizes)
    if steps:
        shape[axis] = max(steps)
    own = variable.encoding.get("preferred_chunks") or {}
    stored = [
        min(own.get(dim, size), size) or 1 for dim, size in zip(variable.dims, shape, strict=True)
    ]
    wanted = _wanted(variable.dims, shape, stored, chunks)
    try:
        found = normalize_chunks(
            wanted,
            shape=tuple(shape),
            dtype=variable.dtype,
            previous_chunks=tuple(
                _repeated(each, size) for each, size in zip(stored, shape, strict=True)
            ),
        )
    except (ValueError, TypeError) as problem:
        raise UsageError(
            f"chunks={chunks!r}: {problem}",
            hint="It is 'auto', {} for the files' own, or sizes of dimensions: {'time': 120}.",
        ) from problem
    if not steps:
        return tuple(tuple(map(int, each)) for each in found)
    most = max(found[axis], default=1) or 1
    along = tuple(part for count in steps for part in _repeated(most, count))
    return tuple(along if dim == axis else tuple(map(int, each)) for dim, each in enumerate(found))


def _wanted(dims: tuple[str, ...], shape: list[int], stored: list[int], chunks: Any) -> Any:
    if chunks is None:
        raise UsageError(
            "chunks=None would read a whole variable at the first touch",
            hint="It is 'auto', {} for the files' own, or sizes of dimensions: {'time': 120}.",
        )
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


def _read(piece: Piece, places: tuple[slice, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    values = piece.decoding(piece.array.read(places))
    return values.astype(dtype, copy=False)


def _absent(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    return np.full(shape, np.nan, dtype)
