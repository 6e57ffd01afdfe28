"""Memory: what opened data would take, and the refusal to load more than there is unless confirmed.

A dataset of hundreds of gigabytes opens in a moment, and `dataset.load()` on it ends the process, or
the node. Arrays that are larger than the limit therefore know of it: asked for as a whole, by
whatever way, they refuse. A part of them, or what is computed from them, is an ordinary dask array.
"""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import dask.array as da
from dask.utils import parse_bytes

from climeri_platform.compute.limits import cgroup_memory
from climeri_platform.core.errors import TooLarge, UsageError
from climeri_platform.core.sizes import many, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import xarray as xr

__all__ = [
    "LoadCost",
    "confirm_large",
    "cost_of_loading",
    "decoded_bytes",
    "guarded",
    "load_limit",
    "refuse_huge",
]

_SHARE = 0.5  # of the memory: what is done with loaded data takes as much again
_confirmed: ContextVar[bool] = ContextVar("climeri_confirmed", default=False)
_HINT = (
    "Take a part (period=, region=, .sel), or compute first and load the result; "
    "opened.load(confirm=True), or `with confirm_large():`, loads it all the same."
)


@dataclass(frozen=True, slots=True)
class LoadCost:
    """What loading opened data takes; ``str()`` says it in a line.

    Attributes
    ----------
    datasets
        How many.
    bytes
        Of the decoded arrays that are not in memory yet.
    chunks
        In how many pieces they are read.
    largest
        Bytes of the largest piece.
    limit
        Bytes that are loaded without being confirmed.
    """

    datasets: int
    bytes: int
    chunks: int
    largest: int
    limit: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        more = "" if self.bytes <= self.limit else f"; more than {size_text(self.limit)} is refused"
        return (
            f"{many(self.datasets, 'dataset')}, {size_text(self.bytes)} in memory if loaded whole, in "
            f"{many(self.chunks, 'chunk')} of at most {size_text(self.largest)}{more}"
        )


def load_limit() -> int:
    """Return how many bytes are loaded without being confirmed: half of what this process may use.

    That is the least of the machine's memory, of the cgroup's (as a scheduler or a hub limits it)
    and of ``ulimit -v``.
    """
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    if (limited := cgroup_memory()) is not None:
        found.append(limited)
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        found.append(soft)
    return int(_SHARE * min(found))


def _lazy(dataset: xr.Dataset) -> list[da.Array]:
    held = (variable._data for variable in dataset.variables.values())  # noqa: SLF001 - .data of a
    return [data for data in held if isinstance(data, da.Array)]  # lazy index would read it


def decoded_bytes(dataset: xr.Dataset) -> int:
    """Return the bytes of memory that a dataset takes if it is loaded, beside what it takes now.

    Parameters
    ----------
    dataset
        Nothing of it is read.
    """
    return sum(int(each.nbytes) for each in _lazy(dataset))


def cost_of_loading(datasets: Iterable[xr.Dataset]) -> LoadCost:
    """Return what loading datasets takes.

    Parameters
    ----------
    datasets
        Nothing of them is read.
    """
    arrays = [_lazy(each) for each in datasets]
    flat = [array for those in arrays for array in those]
    largest = (prod(max(sizes) for sizes in a.chunks) * a.dtype.itemsize for a in flat if a.size)
    return LoadCost(
        len(arrays),
        sum(int(array.nbytes) for array in flat),
        sum(array.npartitions for array in flat),
        max(largest, default=0),
        load_limit(),
    )


def _limit(limit: int | str | None) -> int:
    if limit is None:
        return load_limit()
    try:
        return int(parse_bytes(limit))
    except (ValueError, AttributeError, TypeError):
        raise UsageError(
            f"limit={limit!r} is no size", hint="Such as 8_000_000_000 or '8 GB'."
        ) from None


def refuse_huge(datasets: Iterable[xr.Dataset], limit: int | str | None = None) -> int:
    """Refuse to load datasets that are together larger than a limit.

    Parameters
    ----------
    datasets
        What would be loaded.
    limit
        Bytes, or a text such as ``"8 GB"``; by default `load_limit`.

    Returns
    -------
    int
        The bytes that they take.

    Raises
    ------
    TooLarge
        If that is more than the limit; the message has both numbers.
    UsageError
        If the limit is no size.
    """
    allowed = _limit(limit)
    wanted = sum(decoded_bytes(each) for each in datasets)
    if wanted > allowed:
        raise _too_large(wanted, allowed)
    return wanted


def _too_large(wanted: int, limit: int) -> TooLarge:
    return TooLarge(
        f"all of it is {wanted:,} bytes ({size_text(wanted)}) in memory; up to {size_text(limit)} is "
        "loaded unasked, half of what this process may use",
        hint=_HINT,
        wanted=wanted,
        limit=limit,
    )


@contextmanager
def confirm_large() -> Iterator[None]:
    """Load whole arrays within this block, however large they are.

    Examples
    --------
    >>> with confirm_large():
    ...     pass  # dataset.load()
    """
    before = _confirmed.set(True)
    try:
        yield
    finally:
        _confirmed.reset(before)


def guarded(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset of which arrays that are too large refuse to be loaded as a whole.

    What is derived from them is not guarded: a sum of two of them is as large, and an array of its
    own. Nor are several that only together are too large; `refuse_huge` counts them.

    Parameters
    ----------
    dataset
        Lazy; arrays below the limit stay as they are.
    """
    limit = load_limit()
    large = {
        name: each
        for name, each in dataset.data_vars.items()
        if isinstance(each.variable._data, da.Array) and each.nbytes > limit  # noqa: SLF001 - as above
    }
    if not large:
        return dataset
    close = dataset._close  # noqa: SLF001 - what was assigned to closes nothing
    dataset = dataset.assign(
        {name: each.copy(data=_as_guarded(each.data)) for name, each in large.items()}
    )
    dataset.set_close(close)
    return dataset


def _as_guarded(data: da.Array) -> da.Array:
    """Return an array that refuses to become a numpy array of more bytes than there is memory for."""
    array = da.Array(data.dask, data.name, data.chunks, dtype=data.dtype, meta=data._meta)  # noqa: SLF001 - the same, anew

    def finalizing() -> Any:
        # dask asks this of an array when its values are wanted, and of no array on their way
        if not _confirmed.get() and array.nbytes > (limit := load_limit()):
            raise _too_large(int(array.nbytes), limit)
        return da.Array.__dask_postcompute__(array)

    # of this array alone: xarray refuses to mix a class of ours with dask's own
    array.__dict__["__dask_postcompute__"] = finalizing
    return array
