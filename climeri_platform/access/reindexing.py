"""Datasets reindexed along a dimension, lazily, with missing values for the steps that they lack."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import is_dask_collection

from climeri_platform.access.coordinates import marginal_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["reindexed", "say_names"]

_TOLD = 5


def say_names(names: Sequence[str], most: int = _TOLD) -> str:
    """Return some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def reindexed(
    dataset: xr.Dataset,
    dim: str,
    positions: np.ndarray,
    lend: Callable[[str, int, int], xr.Variable | None] | None,
) -> xr.Dataset:
    """Return a dataset with its steps at other positions along a dimension.

    Parameters
    ----------
    dataset
        Lazy, and stays so.
    dim
        The dimension; where steps are lacking, its coordinate is left to the caller.
    positions
        For each step of the result, which one of the dataset it is; -1 is one that it lacks, and
        that is filled with missing values.
    lend
        Gives bounds of lacking steps, by name, first step and the one after the last; or None.
    """
    if np.array_equal(positions, np.arange(dataset.sizes[dim])):
        return dataset
    if (positions >= 0).all():
        whole = np.array_equal(np.diff(positions), np.ones(positions.size - 1))
        taken: Any = slice(positions[0], positions[-1] + 1) if whole else positions
        return dataset.isel({dim: taken})
    marginal = marginal_names(dataset)
    made = {}
    for name, variable in dataset.variables.items():
        if dim in variable.dims and name != dim:
            lender = lend if name in marginal else None
            made[name] = _filled(str(name), variable, dim, positions, lender)
    rest = dataset.drop_dims(dim)
    names = {name: each for name, each in made.items() if name in dataset.coords}
    return rest.assign(made).set_coords(list(names)).assign_attrs(dataset.attrs)


def _filled(
    name: str,
    variable: xr.Variable,
    dim: str,
    positions: np.ndarray,
    lend: Callable[[str, int, int], xr.Variable | None] | None,
) -> xr.Variable:
    axis = variable.get_axis_num(dim)
    kinds = {"M": np.datetime64("NaT"), "m": np.timedelta64("NaT"), "U": ""}
    missing = kinds.get(variable.dtype.kind, np.nan)
    kept = variable.dtype.kind in "fcMmOU"
    dtype = variable.dtype if kept else np.dtype("f8" if variable.dtype.kind in "iub" else "O")
    parts: list[Any] = []
    start = 0
    for there, run in groupby(positions >= 0):
        stop = start + len(list(run))
        lent = lend(name, start, stop) if lend and not there else None
        shape = [stop - start if n == axis else size for n, size in enumerate(variable.shape)]
        if there:
            own = variable.isel({dim: _as_slice(positions[start:stop])})
            parts.append(own.data.astype(dtype))
        elif lent is not None:
            parts.append(lent.transpose(*variable.dims).data)
        elif variable.chunks is None:
            parts.append(np.full(shape, missing, dtype=dtype))
        else:
            chunks = tuple(max(c) if n == axis else c for n, c in enumerate(variable.chunks))
            parts.append(da.full(shape, missing, dtype=dtype, chunks=chunks))
        start = stop
    here = not any(is_dask_collection(each) for each in parts)  # what is in memory stays there
    join = np.concatenate if here else da.concatenate
    return xr.Variable(variable.dims, join(parts, axis=axis), variable.attrs)


def _as_slice(positions: np.ndarray) -> Any:
    whole = np.array_equal(np.diff(positions), np.ones(positions.size - 1))
    return slice(positions[0], positions[-1] + 1) if whole else positions
