"""Temperatures of CNRM-ALADIN53 are in degC, and labelled K.

py-cordex #17 ("all ALADIN53 datasets"), ESMValCore #2842 (ts). No temperature at the surface is
below 100 K or above 100 degC, so that the values themselves say which they are: each block is
looked at when it is read, and one that holds both is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.harmonise.fields import elementwise, model
from climeri_platform.access.steps import Step, was_done
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["aladin_celsius"]

_FIX = "aladin-celsius"
_VARIABLES = {"tas", "tasmax", "tasmin", "ts"}
_ZERO = 273.15
_BETWEEN = 100.0


def aladin_celsius(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Add 273.15 to values of ALADIN53 that are in degC, when they are read.

    Parameters
    ----------
    dataset
        With CMIP's names of variables.
    about
        Common facets; ``model`` is used.
    """
    steps: list[Step] = []
    if "ALADIN53" not in model(about, dataset).upper():
        return dataset, steps
    for name in sorted(_VARIABLES & {str(each) for each in dataset.data_vars}):
        held = dataset.variables[name]
        if held.attrs.get("units") != "K" or held.dtype.kind != "f":
            continue
        if was_done(held, _FIX):
            continue
        dataset = dataset.assign({name: elementwise(held, _in_kelvin)})
        said = f"{_FIX}: values below {_BETWEEN:g} are in degC though labelled K, they get {_ZERO}"
        steps.append(Step(_FIX, name, said, "numbers", 1.0, _ZERO, native_units="degC", units="K"))
    return dataset, steps


def _in_kelvin(block: np.ndarray) -> np.ndarray:
    known = block[np.isfinite(block)]
    if not known.size or known.min() >= _BETWEEN:
        return block
    if known.max() >= _BETWEEN:
        raise DatasetInconsistent(
            f"a temperature of ALADIN53 has values from {known.min():g} to {known.max():g}: neither K "
            "nor degC",
            hint="Open it with harmonise=False, and look at it.",
        )
    return np.asarray(block + block.dtype.type(_ZERO))
