"""Mean annual cycles of libIGCM (SE), whose time axis says nothing of the years that went in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np
import xarray as xr

from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["climatological", "is_seasonal"]

_FIX = "climatological time"
_BOUNDS = "climatology_bnds"
_IN_NAME = re.compile(r"_SE_(\d{4,5})_(\d{4,5})_1M_")
_MEAN = re.compile(r"time:\s*mean(?:\s*\([^)]*\))?")
_CYCLE = "time: mean within years time: mean over years"


def is_seasonal(about: Mapping[str, str]) -> bool:
    """Return whether facets are those of a mean annual cycle.

    Parameters
    ----------
    about
        The facets of the catalog.
    """
    return about.get("frequency") == "monClim" or about.get("product_frequency", "")[:2] == "SE"


def climatological(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Give twelve months the time that CF has for a mean over years.

    Each month stands in its middle in the middle year; its bounds are its beginning in the first
    year and its end in the last (CF conventions, section 7.4).

    Parameters
    ----------
    dataset
        With ``time``.
    about
        The facets of the catalog: the years are those of its ``start`` and ``end``, or of the name
        that XIOS wrote into the file.

    Returns
    -------
    dataset, steps
        As it was, and the reason, if it has not twelve steps or nothing says its years.
    """
    years = _years(dataset, about)
    steps = dataset.sizes.get("time", 0)
    if steps != 12 or years is None:
        lacks = f"it has {steps} steps and not 12" if steps != 12 else "no name says its years"
        return dataset, [Step(_FIX, "time", f"time is left as it is: {lacks}")]
    first, last = years
    calendar, numpy_time = _calendar(dataset, about)
    middle = (first + last) // 2
    begins = [_month(first, month, calendar) for month in range(1, 13)]
    ends = [_month(last + month // 12, month % 12 + 1, calendar) for month in range(1, 13)]
    centres = []
    for month in range(1, 13):
        begin = _month(middle, month, calendar)
        centres.append(begin + (_month(middle + month // 12, month % 12 + 1, calendar) - begin) / 2)
    time = np.array(centres, dtype=object)
    bounds = np.array(list(zip(begins, ends, strict=True)), dtype=object)
    if numpy_time:
        time, bounds = _as_numpy(time), _as_numpy(bounds)
    made = dataset.drop_vars([each for each in ("time_bnds",) if each in dataset.variables])
    old = dataset["time"]
    attrs = {
        name: value for name, value in old.attrs.items() if name not in ("bounds", "time_origin")
    }
    counted = {"units": f"days since {first:04}-01-01", "calendar": calendar, "dtype": "float64"}
    made = made.assign_coords(time=("time", time, attrs | {"climatology": _BOUNDS}, counted))
    # the file's own dimension, which is bnds once its other bounds are named
    pair = "axis_nbounds" if "axis_nbounds" in made.dims else "bnds"
    made[_BOUNDS] = xr.Variable(("time", pair), bounds, encoding=counted)
    made.attrs = {**made.attrs, "climatology": f"{first:04}-{last:04}"}
    for name, variable in made.data_vars.items():
        if "time" in variable.dims and name != _BOUNDS:
            cells = str(variable.attrs.get("cell_methods", "time: mean"))
            variable.attrs = {**variable.attrs, "cell_methods": _MEAN.sub(_CYCLE, cells)}
    dated = old.dtype.kind in "MO"
    said = (
        f"the months are means over {first} to {last}: time is their middles in {middle}, and "
        f"{_BOUNDS} says the years; in the file it "
        + (f"begins at {old.values[0]}" if dated else "has no dates")
    )
    return made, [Step(_FIX, "time", said, kind="numbers")]


def _years(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[int, int] | None:
    start, end = (str(about.get(each) or "") for each in ("start", "end"))
    if start.isdigit() and end.isdigit():  # YYYYMMDDhhmm
        return int(start[:-8]), int(end[:-8])
    named = _IN_NAME.search(str(dataset.attrs.get("name", "")) + "_")
    return (int(named[1]), int(named[2])) if named else None


def _calendar(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[str, bool]:
    axis = dataset["time"]
    if axis.dtype.kind == "M":
        return "standard", True
    if axis.dtype == object:
        return str(axis.dt.calendar), False
    return about.get("calendar") or "standard", False


def _month(year: int, month: int, calendar: str) -> Any:
    return cftime.datetime(year, month, 1, calendar=calendar, has_year_zero=True)


def _as_numpy(times: np.ndarray) -> np.ndarray:
    flat = [np.datetime64(each.isoformat(), "us") for each in times.ravel()]
    return np.array(flat).reshape(times.shape)
