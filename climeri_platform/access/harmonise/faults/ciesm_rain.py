"""Precipitation of CIESM is a thousandth of what it should be.

ESMValCore #471 and #1340, errata d4a11704-808a-5869-b94d-234170eb70ea (errata.ipsl.fr): the versions
of CMIP6 v20191228 and v20200417 have a mean of 2.8e-8 kg m-2 s-1. The wettest cell of the globe in
the first step says whether a dataset has the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.faults.first_step import reaches, scaled_if_small
from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.steps import Step, was_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["ciesm_rain"]

_FIX = "ciesm-rain"
# kg m-2 s-1: the globe's wettest cell has more than 1e-4 in any month, a thousandth of the wettest
# day ever seen is 2e-5
_LIMIT = 4e-5


def ciesm_rain(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Multiply CIESM's ``pr`` by 1000, if it has the fault, when it is read.

    Parameters
    ----------
    dataset
        With CMIP's names of variables.
    about
        Common facets; ``model`` is used.
    """
    if model(about, dataset) != "CIESM" or "pr" not in dataset.data_vars:
        return dataset, []
    rain = dataset.variables["pr"]
    if rain.attrs.get("units") != "kg m-2 s-1" or was_done(rain, _FIX):
        return dataset, []
    if not reaches(dataset, 60.0) or dataset.sizes.get("lon", 0) < 32:
        said = f"{_FIX}: CIESM may write a thousandth of its rain; the grid is too small to tell"
        return dataset, [Step(_FIX, "pr", said)]
    dataset = dataset.assign(pr=scaled_if_small(rain, _LIMIT, 1000.0, "pr of CIESM"))
    said = (
        f"{_FIX}: if its first step stays below {_LIMIT:g} kg m-2 s-1 everywhere, it is multiplied "
        "by 1000"
    )
    return dataset, [Step(_FIX, "pr", said, "numbers", 1000.0, 0.0)]
