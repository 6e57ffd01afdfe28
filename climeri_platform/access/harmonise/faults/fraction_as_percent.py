"""Fractions from 0 to 1 that are labelled percent.

cl of eight models of CMIP5 (ESMValCore #1016), siconca of EC-Earth3 and EC-Earth3-Veg (ESMValCore
#703, ece2cmor3 #627: repaired in later versions), sic of HadREM3-GA7-05 (ESMValCore #3135), sftlf of
ALADIN53 (ESMValCore #2841), sic and sftlf of CMIP5's EC-EARTH, snc and sftof of its MIROC5
(ESMValCore, fixes of these models). The largest value of the first step says whether a dataset has
the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.faults.first_step import reaches, scaled_if_small
from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.steps import Step, was_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["fraction_as_percent"]

_FIX = "fraction-as-percent"
_CLOUDY = (
    "BNU-ESM",
    "CCSM4",
    "CESM1-BGC",
    "CESM1-CAM5",
    "CESM1-FASTCHEM",
    "CESM1-WACCM",
    "FIO-ESM",
    "GFDL-CM2P1",
)
_FAULTY = {(name, "cl") for name in _CLOUDY} | {
    ("EC-EARTH3", "siconca"),
    ("EC-EARTH3-VEG", "siconca"),
    ("EC-EARTH", "sic"),
    ("EC-EARTH", "sftlf"),
    ("MIROC5", "snc"),
    ("MIROC5", "sftof"),
}
_REGIONAL = {("HADREM3-GA7-05", "sic"), ("ALADIN53", "sftlf")}
_ICY = 60.0  # degrees: a grid that goes further holds full cells of ice, cloud, land or sea
_LIMIT = 1.5


def fraction_as_percent(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Multiply by 100 what is a fraction and labelled percent, when it is read.

    Parameters
    ----------
    dataset
        With CMIP's names of variables.
    about
        Common facets; ``model`` is used.
    """
    steps: list[Step] = []
    name = model(about, dataset).upper()
    for each in [str(held) for held in dataset.data_vars]:
        regional = any(rcm in name and each == variable for rcm, variable in _REGIONAL)
        variable = dataset.variables[each]
        if not regional and (name, each) not in _FAULTY:
            continue
        if variable.attrs.get("units") != "%" or variable.dtype.kind != "f":
            continue
        if was_done(variable, _FIX):
            continue
        whole = dataset["lat"].size > 1000 if "lat" in dataset.coords and regional else False
        if not (whole or reaches(dataset, _ICY)):
            said = f"{_FIX}: {name} may write fractions as %; the grid is too small to tell"
            steps.append(Step(_FIX, each, said))
            continue
        what = f"{each} of {name}, labelled %,"
        dataset = dataset.assign({each: scaled_if_small(variable, _LIMIT, 100.0, what)})
        said = f"{_FIX}: if its first step stays below {_LIMIT}, it is a fraction, and is multiplied by 100"
        steps.append(Step(_FIX, each, said, "numbers", 100.0, 0.0, native_units="1", units="%"))
    return dataset, steps
