"""Latitudes increase.

CMIP asks for it (the coordinate table of its data request, doi:10.5194/gmd-13-201-2020, stores them
increasing);
reanalyses, observations and LMDZ write from north to south. Rows are turned, bounds with them, and
each place keeps its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.coordinates import bounds_of
from climeri_platform.access.harmonise.fields import elementwise
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["increasing_latitudes"]

_FIX = "latitudes"


def increasing_latitudes(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Turn rows so that ``lat``, or ``rlat``, increases.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Not used.
    """
    del about
    steps: list[Step] = []
    for name in ("lat", "rlat"):
        if name not in dataset.indexes or dataset[name].dtype.kind not in "fiu":
            continue
        steps_here = np.diff(np.asarray(dataset[name].values, float))
        if not steps_here.size or (steps_here > 0).all():
            continue
        if not (steps_here < 0).all():
            said = f"{name} neither increases nor decreases; it is left as it is"
            steps.append(Step(_FIX, name, said))
            continue
        dataset = dataset.isel({name: slice(None, None, -1)})
        bounds = bounds_of(dataset, name)
        if bounds is not None and dataset[bounds].ndim == 2:
            dataset = dataset.assign(
                {bounds: elementwise(_edge_last(dataset, bounds), _rising, moved=False)}
            )
        said = f"{name} decreased in the file; rows are turned, values stay at their places"
        steps.append(Step(_FIX, name, said, "order"))
    return dataset, steps


def _edge_last(dataset: xr.Dataset, bounds: str) -> xr.Variable:
    variable = dataset.variables[bounds]
    # a pair is never cut in two
    return variable.chunk({variable.dims[-1]: -1})


def _rising(pairs: np.ndarray) -> np.ndarray:
    return np.sort(pairs, axis=-1)
