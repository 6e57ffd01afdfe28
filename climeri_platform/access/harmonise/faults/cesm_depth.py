"""Depths of CESM2 are labelled centimetres, and are sometimes metres.

ESMValCore #215 ("values look like m"), #859 (levels in cm, their bounds in m). POP's first level is
at 5 m and its last at 5375 m, which tells one from the other: more than 120 m is no depth in cm
below 12000, less than 100 is none of its levels in cm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.coordinates import bounds_of, read_here
from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.harmonise.units import scaled
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["cesm_depth"]

_FIX = "cesm-depth"
_CENTIMETRES = {"centimeters", "centimetres", "centimeter", "cm"}
_DEEPEST, _FIRST = 12000.0, 100.0


def cesm_depth(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Bring CESM2's levels and their bounds to metres, each from what it is.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Common facets; ``model`` is used.
    """
    if not model(about, dataset).startswith("CESM2") or "lev" not in dataset.indexes:
        return dataset, []
    if dataset["lev"].attrs.get("units") not in _CENTIMETRES:
        return dataset, []
    levels = np.asarray(dataset["lev"].values, float)
    factor = _factor(levels)
    if factor is None:
        said = f"{_FIX}: its depths may be in cm or in m; they are left as they are"
        return dataset, [Step(_FIX, "lev", said)]
    bounds = bounds_of(dataset, "lev")
    said = f"{_FIX}: depths labelled centimetres are times {factor:g}, and in m"
    steps: list[Step] = []
    if bounds is not None:
        dataset, step = _bounds(dataset, bounds, levels * factor)
        steps += step
    dataset, step_of_levels = scaled(dataset, "lev", factor, 0.0, "m", fix=_FIX, why=said)
    return dataset, [step_of_levels, *steps]


def _factor(levels: np.ndarray) -> float | None:
    if levels.max() > _DEEPEST:
        return 0.01
    return 1.0 if levels.min() < _FIRST else None


def _bounds(dataset: xr.Dataset, bounds: str, metres: np.ndarray) -> tuple[xr.Dataset, list[Step]]:
    edges = read_here(dataset[bounds].transpose("lev", ...)).astype(float)
    for factor in (1.0, 0.01):
        low, high = edges.min(axis=1) * factor, edges.max(axis=1) * factor
        if ((low <= metres + 0.01) & (metres <= high + 0.01)).all():
            said = f"{_FIX}: bounds are times {factor:g}, and in m"
            dataset, step = scaled(dataset, bounds, factor, 0.0, "m", fix=_FIX, why=said)
            return dataset, [step]
    said = f"{_FIX}: its bounds fit neither in cm nor in m; they are left out"
    dataset = dataset.drop_vars(bounds).copy(deep=False)
    dataset["lev"].attrs.pop("bounds", None)
    return dataset, [Step(_FIX, "lev", said)]
