"""Values of coordinates, read in this thread: the only numbers that are read while files are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from dask.base import is_dask_collection

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["bounds_of", "values_of"]


def values_of(array: xr.DataArray) -> np.ndarray[Any, Any]:
    """Return the values of a coordinate, or of its bounds.

    No cluster and no pool is asked: a lazy one is computed by the thread that calls.

    Parameters
    ----------
    array
        In memory or lazy.
    """
    data = array.variable.data
    if is_dask_collection(data):
        data = data.compute(scheduler="synchronous")
    return np.asarray(data)


def bounds_of(dataset: xr.Dataset, name: str) -> str | None:
    """Return the name of the variable with the bounds of a coordinate; None if there is none.

    Parameters
    ----------
    dataset
        What may hold it.
    name
        The coordinate.
    """
    variable = dataset[name]
    for word in ("bounds", "climatology"):
        named = variable.attrs.get(word) or variable.encoding.get(word)
        if named in dataset.variables:
            return str(named)
    return None
