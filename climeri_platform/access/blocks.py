"""How variables are cut into blocks, each of which is read by one task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
from dask.array.core import normalize_chunks
from dask.utils import parse_bytes

from climeri_platform.access.guard import load_limit
from climeri_platform.access.steps import NATIVE_NAME
from climeri_platform.compute.local import worker_memory
from climeri_platform.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

    from climeri_platform.access.joined import Joined, JoinedVariable
    from climeri_platform.access.lazy import JoinedArray

__all__ = ["Blocks", "blocks_of", "names_in_files", "of_files", "refuse_unknown"]

Blocks = tuple[tuple[int, ...], ...]
_AT_ONCE = 8  # blocks that a thread may hold: what it reads, what it makes of them, what waits
_WORTH = 2**24  # bytes that are worth a task of their own
_HINT = "It is 'auto', {} for the files' own, or sizes of dimensions: {'time': 120}."


def of_files(chunks: Any, joined: Joined) -> tuple[Any, dict[str, Any]]:
    """Return what ``chunks`` says of the dimensions of files, and of others.

    Parameters
    ----------
    chunks
        As it was asked for; ``time`` is the axis of time, whatever the files call it.
    joined
        The dataset.
    """
    if not isinstance(chunks, Mapping):
        return chunks, {}
    own = {name: each for name, each in chunks.items() if name in joined.sizes}
    others = {name: each for name, each in chunks.items() if name not in own}
    if "time" in others and joined.time:
        own.setdefault(joined.time, others.pop("time"))
    return own, others


def names_in_files(dataset: xr.Dataset, joined: Joined) -> dict[str, str]:
    """Return what the files call the dimensions of a dataset that was harmonised.

    Parameters
    ----------
    dataset
        What became of it.
    joined
        What was in the files.
    """
    names: dict[str, str] = {}
    for name, each in dataset.variables.items():
        old = joined.variables.get(str(each.attrs.get(NATIVE_NAME, name)))
        if old is not None and len(old.dims) == each.ndim:
            names.update(zip(map(str, each.dims), old.dims, strict=True))
    return names


def refuse_unknown(chunks: Any, dims: Iterable[str]) -> None:
    """Refuse sizes for dimensions that are not there: they would be passed over.

    Raises
    ------
    UsageError
        If there are some.
    """
    if not isinstance(chunks, Mapping):
        return
    known = sorted(dims)
    for name in chunks:
        if name not in known:
            near = nearest(str(name), known) or known
            raise UsageError(
                f"chunks={dict(chunks)!r}: no dimension is called {name!r}",
                hint=f"Dimensions: {', '.join(near)}.",
            )


def blocks_of(variable: JoinedVariable, array: JoinedArray, chunks: Any) -> Blocks:
    """Return the lengths of the blocks along each dimension: none cuts a file's chunk in vain.

    Parameters
    ----------
    variable, array
        Of a joined dataset.
    chunks
        As `climeri_platform.access.lazy.as_dataset` takes it.

    Raises
    ------
    UsageError
        If ``chunks`` names no sizes.
    """
    asked = chunks.values() if isinstance(chunks, Mapping) else [chunks]
    if any(
        each is None or isinstance(each, bool) or (type(each) is int and not each) for each in asked
    ):
        raise UsageError(f"chunks={chunks!r} names no size", hint=_HINT)
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
    asked = chunks.values() if isinstance(chunks, Mapping) else [chunks]
    return any(isinstance(each, str) and each != "auto" for each in asked)


def _wanted(dims: tuple[str, ...], shape: list[int], stored: list[int], chunks: Any) -> Any:
    if not isinstance(chunks, Mapping):
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
