"""What the first step of a field says of all of it, asked when the field is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import xarray as xr

from climeri_platform.access.decoding import encoding_of_changed
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["reaches", "scaled_if_small"]


def reaches(dataset: xr.Dataset, latitude: float) -> bool:
    """Whether the grid goes beyond a latitude on both sides; asked of one-dimensional axes only."""
    if "lat" not in dataset.indexes or dataset["lat"].dtype.kind != "f":
        return False
    lat = dataset["lat"].values
    return bool(np.nanmin(lat) < -latitude and np.nanmax(lat) > latitude)


def scaled_if_small(variable: xr.Variable, limit: float, factor: float, what: str) -> xr.Variable:
    """Multiply a field by a factor if its first step stays below a limit.

    Which it is, is found when the field is read, once for all of it; a field that says one thing
    in its first step and another later is refused.

    Parameters
    ----------
    variable
        The field.
    limit
        What values that have the fault stay below, and others do not.
    factor
        That values with the fault are to be multiplied by.
    what
        How the error calls it.
    """
    lazy = variable.chunk()
    first = lazy.isel(time=0) if "time" in lazy.dims else lazy
    peak = da.nanmax(da.where(da.isnan(first.data), -np.inf, first.data))
    data = da.map_blocks(
        _scale,
        lazy.data,
        peak,
        limit,
        factor,
        what,
        dtype=lazy.dtype,
        meta=lazy.data._meta,  # noqa: SLF001
    )
    encoding = encoding_of_changed(variable.encoding)
    return xr.Variable(variable.dims, data, variable.attrs, encoding)


def _scale(
    block: NDArray[np.floating], peak: NDArray[np.floating], limit: float, factor: float, what: str
) -> NDArray[np.floating]:
    if float(np.max(peak)) > limit:
        return block
    known = block[np.isfinite(block)]
    if known.size and known.max() > limit:
        raise DatasetInconsistent(
            f"{what} stays below {limit:g} in its first step and reaches {known.max():g} later: which "
            "units it has cannot be known",
            hint="Open it with harmonise=False, and look at it.",
        )
    return block * block.dtype.type(factor)
