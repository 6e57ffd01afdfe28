"""Two-dimensional coordinates hold fill values where there is no ocean.

FGOALS-g3 writes 1e30 into latitudes and longitudes of its sea (ESMValCore #614, #627), ACCESS-OM2
9.97e36 into vertices, others 1e20. No place has such a latitude; it becomes missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.harmonise.fields import bounds_of, elementwise, in_memory
from climeri_platform.access.steps import STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["filled_coordinates"]

_FIX = "filled-coordinates"
_BEYOND = 1e4  # degrees


def filled_coordinates(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Let values of ``lat`` and ``lon`` that are no angles be missing, when they are read.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Not used: any ocean model may do it.
    """
    del about
    steps: list[Step] = []
    for name in ("lat", "lon"):
        if name not in dataset.coords or dataset[name].ndim < 2 or "rlat" in dataset.dims:
            continue
        for each in (name, bounds_of(dataset, name)):
            if each is None or dataset[each].dtype.kind != "f":
                continue
            declared = {"_FillValue", "missing_value"} & dataset[each].encoding.keys()
            if declared or _FIX in str(dataset[each].attrs.get(STEPS, "")):
                continue
            held = in_memory(dataset.variables[each])
            count = None if held is None else int((np.abs(held) >= _BEYOND).sum())
            if count == 0:
                continue
            dataset = dataset.assign({each: elementwise(dataset.variables[each], _no_angle)})
            if each == name:
                dataset = dataset.set_coords(name)
            known = ", if there is any" if held is None else f": {count} of {held.size} values"
            said = f"{_FIX}: what is no angle is missing{known}"
            steps.append(Step(_FIX, each, said, "numbers"))
    return dataset, steps


def _no_angle(block: np.ndarray) -> np.ndarray:
    return np.where(np.abs(block) < _BEYOND, block, np.nan).astype(block.dtype)
