"""Missing values that the file does not declare.

Sea ice of CNRM-CM5 and its kin is 1e20 over land, undeclared (CliMAF, ``climaf/mcdo.py``,
``CLIMAF_FIX``); land fields of CCSM4 are 1e33 over the sea (ESMValCore #578). MIROC5 writes 0 K
over land into tos, EC-Earth (CMIP5) 273.15 K (ESMValCore, fixes of these models).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.harmonise.fields import elementwise, model
from climeri_platform.access.steps import Step, was_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["undeclared_fill"]

_FIX = "undeclared-fill"
_HUGE = 1e19  # no field is that large; CMIP's missing value is 1e20
_ICE = {"sic", "sit", "snd", "siconc", "sithick", "sivol", "sisnthick", "usi", "vsi", "tsice"}
_LAND = {"gpp", "cSoil", "cVeg", "nbp", "lai", "ra", "rh", "npp"}
_ONE_VALUE = {("MIROC5", "tos"): 0.0, ("EC-EARTH", "tos"): 273.15}


def undeclared_fill(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Let undeclared fill values be missing, when they are read.

    Parameters
    ----------
    dataset
        With CMIP's names of variables.
    about
        Common facets; ``model`` is used.
    """
    steps: list[Step] = []
    name = model(about, dataset)
    for each in [str(held) for held in dataset.data_vars]:
        function = _of(name, each, str(dataset[each].attrs.get("units", "")))
        variable = dataset.variables[each]
        if function is None or variable.dtype.kind != "f":
            continue
        if was_done(variable, _FIX):
            continue
        dataset = dataset.assign({each: elementwise(variable, function, moved=False)})
        said = f"{_FIX}: {function} {'is' if function.exactly else 'are'} missing"
        steps.append(Step(_FIX, each, said, "numbers"))
    return dataset, steps


def _of(name: str, variable: str, units: str) -> _Missing | None:
    if ("CNRM" in name and variable in _ICE) or (name == "CCSM4" and variable in _LAND):
        return _Missing(None)
    if (name.upper(), variable) in _ONE_VALUE and units == "K":
        return _Missing(_ONE_VALUE[name.upper(), variable])
    return None


class _Missing:
    """One value, or all that are too large, become missing; a class, so that it can be sent."""

    def __init__(self, exactly: float | None) -> None:
        self.exactly = exactly

    def __str__(self) -> str:
        return f"values above {_HUGE:g}" if self.exactly is None else f"{self.exactly:g}"

    def __call__(self, block: np.ndarray) -> np.ndarray:
        if self.exactly is None:
            absent = np.abs(block) >= _HUGE
        else:
            absent = block == block.dtype.type(self.exactly)
        return np.where(absent, np.nan, block).astype(block.dtype)
