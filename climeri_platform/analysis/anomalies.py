"""Anomalies of annual series."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from climeri_platform.analysis.grid import label
from climeri_platform.core.errors import DatasetInconsistent, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["anomaly"]

Data = TypeVar("Data", xr.DataArray, xr.Dataset)


def anomaly(data: Data, *, baseline: tuple[str | int, str | int] = ("1850", "1900")) -> Data:
    r"""Return the departure of annual values from their mean over a baseline.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset (year, ...), any units
        Annual values, as `annual_mean` gives them.
    baseline
        First and last year, both counted: 1850-1900 stands for pre-industrial in AR6.

    Returns
    -------
    same type as ``data``, same units
        The attribute ``climeri_baseline`` holds the years.

    Raises
    ------
    DatasetInconsistent
        If a year of the baseline is missing: half a baseline is another baseline.
    UsageError
        If there is no coordinate ``year``, or if the baseline is no span of years.

    Notes
    -----
    .. math:: x'_y = x_y - \frac{1}{n} \sum_{k \in \text{baseline}} x_k

    Every year counts alike; weighing leap years by their 366th day would change a mean by less
    than 1e-4 of the spread between years.

    References
    ----------
    IPCC AR6 WGI, Cross-Chapter Box 2.3, doi:10.1017/9781009157896.004.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> series = xr.DataArray(
    ...     [1.0, 3.0, 8.0], coords={"year": [2000, 2001, 2002]}, dims="year"
    ... )
    >>> anomaly(series, baseline=(2000, 2001)).values.tolist()
    [-1.0, 1.0, 6.0]
    """
    if "year" not in data.dims or "year" not in data.coords:
        raise UsageError(
            f"{label(data)} has no coordinate 'year'",
            hint="Take annual means first: anomaly(annual_mean(data)).",
        )
    first, last = _span(baseline)
    inside = _steps_of(data, first, last)
    note = {"climeri_baseline": f"{first}-{last}"}
    if isinstance(data, xr.DataArray):
        result = data - data.isel(year=inside).mean("year", skipna=False)
        result.attrs = {**data.attrs, **note}
        return result
    result = data.copy()
    for name, held in data.data_vars.items():
        if "year" in held.dims:
            result[name] = anomaly(held, baseline=(first, last))
    return result.assign_attrs(note)


def _span(baseline: tuple[str | int, str | int]) -> tuple[int, int]:
    try:
        first, last = (int(year) for year in baseline)
    except (TypeError, ValueError):
        first, last = 1, 0
    if last < first:
        raise UsageError(f"the baseline {baseline!r} is no span of years such as ('1850', '1900')")
    return first, last


def _steps_of(data: xr.DataArray | xr.Dataset, first: int, last: int) -> NDArray[np.intp]:
    years = np.asarray(data["year"].values)
    missing = sorted({*range(first, last + 1)} - {*years.tolist()})
    if missing:
        listed = f"{missing[0]}" if len(missing) == 1 else f"{len(missing)} years from {missing[0]}"
        raise DatasetInconsistent(
            f"{label(data)} covers {years.min()}-{years.max()} and lacks {listed} of the baseline "
            f"{first}-{last}",
            hint="Join the historical simulation in front of a scenario, or choose a baseline "
            "that the data cover.",
        )
    return np.flatnonzero((years >= first) & (years <= last))
