"""Annual means in the calendar of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr

from climeri_platform.analysis.grid import label
from climeri_platform.core.errors import DatasetInconsistent, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["annual_mean", "keep_periods"]

Data = TypeVar("Data", xr.DataArray, xr.Dataset)
# Days. Bounds in float32 days since 1850 are exact to some minutes.
_DAY_TOLERANCE = 0.05
_PERIOD = ("period_begin", "period_end")


def annual_mean(data: Data) -> Data:
    r"""Return annual means of monthly data, each month weighted by its length.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset (time, ...), any units
        Monthly values, cftime or datetime64, in any order; lazy ones stay lazy. A Dataset may
        hold time bounds, which then say what each value covers; without them the time stamp
        tells the month. Variables of a Dataset without a time pass unchanged. `global_mean` of a
        Dataset whose stamps lie at the end of their months keeps the bounds that tell them.

    Returns
    -------
    same type as ``data`` (year, ...), same units, float64
        Complete years only, on the integer coordinate ``year``. The attribute
        ``climeri_dropped_years`` says which years were left out, and why.

    Raises
    ------
    DatasetInconsistent
        If a month occurs twice (files that overlap, daily data), if the bounds are not whole
        months, or if no year is complete.
    UsageError
        If there is no time axis.

    Notes
    -----
    .. math:: \bar x_y = \sum_{m=1}^{12} d_{y,m} \, x_{y,m} \,/ \sum_{m=1}^{12} d_{y,m}

    with the days :math:`d_{y,m}` of the data's own calendar: 28 for every February of
    ``noleap``, 30 for every month of ``360_day``. It is ``cdo yearmonmean`` on complete data. A
    cell that is missing in one month is missing in that year, where CDO averages what is left.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = xr.date_range("2001-01", periods=14, freq="MS", calendar="noleap", use_cftime=True)
    >>> january = xr.DataArray([31.0] + [0.0] * 13, coords={"time": time}, dims="time")
    >>> mean = annual_mean(january)
    >>> mean.year.values.tolist(), round(float(mean[0]) * 365, 9)  # 31 days of 31
    ([2001], 961.0)
    >>> mean.attrs["climeri_dropped_years"]
    '2002 (2 of 12 months)'
    """
    time = _time_axis(data)
    stamps, days, origin = _months(data, time)
    steps, years, dropped = _complete_years(data, stamps)
    notes = {
        "climeri_month_weights": f"days of the calendar {time.dt.calendar}, {origin}",
        **({"climeri_dropped_years": dropped} if dropped else {}),
    }
    share = days[steps].reshape(-1, 12)
    weights = xr.DataArray((share / share.sum(axis=1, keepdims=True)).ravel(), dims=time.dims)
    year = xr.DataArray(
        years,
        dims="year",
        attrs={"long_name": "year", "units": "1", "calendar": str(time.dt.calendar)},
    )

    def average(held: xr.DataArray) -> xr.DataArray:
        # a slice, where the months follow each other, leaves dask chunks as they are
        whole = bool((np.diff(steps) == 1).all())
        chosen = slice(int(steps[0]), int(steps[-1]) + 1) if whole else steps
        kept = held.isel({time.name: chosen}).astype(np.float64)
        kept = kept.drop_vars([name for name, c in kept.coords.items() if time.name in c.dims])
        blocks = (kept * weights).coarsen({time.name: 12}).construct({time.name: ("year", "month")})
        result = blocks.sum("month", skipna=False).assign_coords(year=year).rename(held.name)
        methods = f"{held.attrs.get('cell_methods', '')} time: mean (annual)".strip()
        result.attrs = {**held.attrs, "cell_methods": methods, **notes}
        return result.transpose(*("year" if dim == time.name else dim for dim in held.dims))

    if isinstance(data, xr.DataArray):
        return average(data)
    result = data.drop_vars([n for n in data.variables if time.name in data[n].dims])
    bounds = _bounds_name(data, time)
    for name, held in data.data_vars.items():
        if time.name in held.dims and name != bounds:
            result[name] = average(held)
    return result.assign_attrs(notes)


def _time_axis(data: xr.DataArray | xr.Dataset) -> xr.DataArray:
    for dim in data.dims:
        if dim in data.coords:
            axis = data.coords[dim]
            if axis.dtype.kind == "M" or isinstance(data.indexes[dim], xr.CFTimeIndex):
                return axis
    raise UsageError(
        f"{label(data)} has no time axis; its dimensions are {dict(data.sizes)}",
        hint="Times must be decoded (cftime or datetime64) and be the coordinate of a dimension.",
    )


def keep_periods(result: xr.DataArray, data: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """Give a field the bounds of its times, where its stamps alone would tell another period.

    Some models (CESM) stamp a mean at its very end: the mean of January bears the first of
    February. A DataArray cannot hold bounds, which have a dimension of their own, so that they
    become two coordinates along time, ``period_begin`` and ``period_end``.
    """
    try:
        time = _time_axis(data)
        name = _bounds_name(data, time)
        if name is None or time.name not in result.dims:
            return result
        edges = _read_edges(data, time, name)
    except (DatasetInconsistent, UsageError):
        return result
    if edges.dtype.kind in "iuf" or xr.DataArray(edges).isnull().any():
        return result
    begin, end = edges.T
    if ((begin <= time.values) & (time.values < end)).all():
        return result
    return result.assign_coords(
        {key: (time.name, side) for key, side in zip(_PERIOD, (begin, end), strict=True)}
    )


def _read_edges(data: xr.DataArray | xr.Dataset, time: xr.DataArray, name: str) -> NDArray[Any]:
    bounds = data[name].transpose(time.name, ...)
    if bounds.shape != (time.size, 2):
        raise DatasetInconsistent(f"{label(data)}: {name!r} has sizes {dict(bounds.sizes)}")
    return np.asarray(bounds.compute(scheduler="synchronous").values)  # small: not for a cluster


def _bounds_name(data: xr.DataArray | xr.Dataset, time: xr.DataArray) -> str | None:
    if isinstance(data, xr.DataArray):
        return None
    named = [time.attrs.get("bounds"), time.encoding.get("bounds")]
    for name in [*named, f"{time.name}_bnds", f"{time.name}_bounds"]:
        if name is not None and name in data.variables:
            return str(name)
    return None


def _months(
    data: xr.DataArray | xr.Dataset, time: xr.DataArray
) -> tuple[NDArray[np.int64], NDArray[np.float64], str]:
    """Return 12 * year + month - 1, the days of each step, and what told them."""
    name = _bounds_name(data, time)
    if not time.size:
        raise DatasetInconsistent(f"{label(data)} has no complete year: its time axis is empty")
    if name is None and not {*_PERIOD} <= {*data.coords}:
        stamps = 12 * time.dt.year + time.dt.month - 1
        days = np.asarray(time.dt.days_in_month.values, dtype=np.float64)
        return np.asarray(stamps.values, dtype=np.int64), days, "months from the time stamps"
    if name is None:
        name = " and ".join(_PERIOD)
        edges = np.stack([data[each].values for each in _PERIOD], axis=1)
    else:
        edges = _read_edges(data, time, name)
    if edges.dtype.kind in "iuf":
        raise DatasetInconsistent(
            f"{label(data)}: {name!r} holds numbers, while the times are decoded",
            hint="Open the file with decoded bounds (xarray decodes them where the attribute "
            "'bounds' of time names them).",
        )
    span = edges[:, 1] - edges[:, 0]
    days = np.asarray(span / np.timedelta64(1, "D") if span.dtype.kind == "m" else _days(span))
    middle = xr.DataArray(edges[:, 0] + span / 2, dims="step")
    whole = np.asarray(middle.dt.days_in_month.values)
    wrong = np.flatnonzero(~(np.abs(days - whole) <= _DAY_TOLERANCE))
    if wrong.size:
        step = int(wrong[0])
        raise DatasetInconsistent(
            f"{label(data)}: the bounds {name!r} of {time.values[step]} cover {days[step]:g} days, "
            f"not the {whole[step]} days of a month",
            hint="Only monthly data have annual means here. If the bounds are wrong, drop them: "
            "the time stamps then tell the month, where they lie within it.",
        )
    covered = np.asarray((12 * middle.dt.year + middle.dt.month - 1).values, dtype=np.int64)
    return covered, whole.astype(np.float64), f"months from {name}"


def _days(span: NDArray[np.object_]) -> list[float]:
    return [each.total_seconds() / 86400 for each in span]


def _complete_years(
    data: xr.DataArray | xr.Dataset, stamps: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64], str]:
    """Return the steps of complete years in order, those years, and what was dropped."""
    once, counts = np.unique(stamps, return_counts=True)
    if (counts > 1).any():
        year, month = divmod(int(once[counts > 1][0]), 12)
        raise DatasetInconsistent(
            f"{label(data)} has {int(counts.max())} values for {year:04d}-{month + 1:02d}",
            hint="Files overlap, or the data are not monthly. Stamps at the end of a month need "
            "their bounds.",
        )
    years, months = np.unique(once // 12, return_counts=True)
    complete = years[months == 12]
    short = [*zip(years[months < 12], months[months < 12], strict=True)]
    dropped = ", ".join(f"{year} ({count} of 12 months)" for year, count in short[:4])
    dropped += f" and {len(short) - 4} more" if len(short) > 4 else ""
    if not complete.size:
        raise DatasetInconsistent(
            f"{label(data)} has no complete year: {dropped}",
            hint="An annual mean of some months would be a seasonal mean under a wrong name.",
        )
    order = np.argsort(stamps, kind="stable")
    return order[np.isin(stamps[order] // 12, complete)], complete, dropped
