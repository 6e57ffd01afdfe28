"""Means over the horizontal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.analysis.area import cell_area, is_measure
from climeri_platform.analysis.grid import TOLERANCE, horizontal_axes, label
from climeri_platform.analysis.years import keep_periods
from climeri_platform.core.errors import DatasetInconsistent, UnknownValue, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["global_mean"]


def global_mean(
    data: xr.DataArray | xr.Dataset,
    *,
    area: xr.DataArray | None = None,
    variable: str | None = None,
) -> xr.DataArray:
    r"""Return the area-weighted mean over the horizontal.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset (..., lat, lon), any units
        A field on any grid; lazy fields stay lazy. Prefer the Dataset: it holds the bounds.
    area : xarray.DataArray (lat, lon), m2, optional
        The cell measure (areacella, areacello). Needed on curvilinear, projected and
        unstructured grids; its dimensions are those averaged over. Without it the exact bands
        of `cell_area` are used.
    variable
        Which variable of a Dataset; by default its ``variable_id``, or the only one on the grid.

    Returns
    -------
    xarray.DataArray (...), units of the field, float64
        Name, attributes and other coordinates are kept, but for ``cell_measures``;
        ``cell_methods`` gains ``area: mean`` and ``climeri_area_weights`` says which areas were
        used. Where a Dataset stamps its times at the end of what they cover (CESM), the
        coordinates ``period_begin`` and ``period_end`` keep its bounds for `annual_mean`.

    Raises
    ------
    DatasetInconsistent
        If there are no areas, or if they are on another grid than the field.
    UnknownValue
        If the Dataset has no such variable.
    UsageError
        If the Dataset has several fields and none was named.

    Notes
    -----
    .. math:: \bar x(t) = \sum_i A_i \, x_i(t) \,/ \sum_i A_i \quad
       \text{over the cells } i \text{ that are not missing at } t,

    in double precision whatever the precision of the field: 1e6 cells of 287 K, added in single
    precision one after the other, are wrong by 0.8 K. A time without any cell is missing.
    Cells without a positive area do not count.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> lat, lon = np.arange(-87.5, 90, 5), np.arange(0.0, 360, 5)
    >>> field = xr.DataArray(
    ...     np.sin(np.deg2rad(lat))[:, None] ** 2 * np.ones(72),
    ...     coords={"lat": lat, "lon": lon},
    ...     dims=("lat", "lon"),
    ...     name="tas",
    ... )
    >>> round(float(global_mean(field)), 2)  # 1/3, but for the width of the cells
    0.33
    """
    field = _field(data, variable)
    if area is None:
        area = cell_area(data if horizontal_axes(data) else _with_measure(data, field))
        origin = area.attrs["climeri_area_weights"]
    else:
        origin = area.attrs.get("climeri_area_weights") or f"cell measure {label(area)}"
    dims = _shared_dims(field, area)
    # Coordinates of the area are checked, then left behind: noise of 1e-6 degrees in one of the
    # two would drop cells in xarray's alignment without a word.
    weights = xr.DataArray(area.where(area > 0, 0.0).astype(np.float64).variable)
    mean = field.astype(np.float64).weighted(weights).mean(dims, keep_attrs=True)
    methods = f"{field.attrs.get('cell_methods', '')} area: mean".strip()
    # what is left has no cells on the globe whose area cell_measures could name
    kept = {name: value for name, value in field.attrs.items() if name != "cell_measures"}
    mean.attrs = {**kept, "cell_methods": methods, "climeri_area_weights": origin}
    return keep_periods(mean.rename(field.name), data)


def _field(data: xr.DataArray | xr.Dataset, variable: str | None) -> xr.DataArray:
    if isinstance(data, xr.DataArray):
        return data
    if variable is None:
        variable = str(data.attrs.get("variable_id", ""))
        if variable not in data:
            variable = _only_field(data)
    if variable not in data:
        names = [str(name) for name in data.data_vars]
        near = ", ".join(nearest(variable, names) or names)
        raise UnknownValue(
            f"{label(data)} has no variable {variable!r}", hint=f"Did you mean {near}?"
        )
    return data[variable]


def _only_field(data: xr.Dataset) -> str:
    bounds = {str(c.attrs.get("bounds", c.encoding.get("bounds"))) for c in data.variables.values()}
    fields = [
        str(name)
        for name, held in data.data_vars.items()
        if held.ndim >= 2
        and str(name) not in bounds
        and not str(name).endswith(("_bnds", "_bounds"))
        and not is_measure(held)
    ]
    if len(fields) != 1:
        listed = ", ".join(fields) or "none"
        raise UsageError(
            f"{label(data)} has several fields, or none ({listed}), and none was named",
            hint="Name one: global_mean(ds, variable='tas').",
        )
    return fields[0]


def _with_measure(
    data: xr.DataArray | xr.Dataset, field: xr.DataArray
) -> xr.DataArray | xr.Dataset:
    """Leave only the cell measures that lie on the grid of the field."""
    if isinstance(data, xr.DataArray):
        return data
    other = [name for name, held in data.data_vars.items() if not {*held.dims} <= {*field.dims}]
    return data.drop_vars(other)


def _shared_dims(field: xr.DataArray, area: xr.DataArray) -> list[Hashable]:
    """Return the dimensions of the area, after making sure that both lie on one grid."""
    here, there = dict(field.sizes), dict(area.sizes)
    if not there or any(here.get(dim) != size for dim, size in there.items()):
        raise DatasetInconsistent(
            f"the area {label(area)!r} has {there}, the field {label(field)!r} has {here}: they "
            "are not on one grid",
            hint="Take the cell measure of the same model and the same grid label (gn, gr), "
            "without a time dimension.",
        )
    for name, coord in area.coords.items():
        if name not in field.coords or not {*coord.dims} <= {*area.dims}:
            continue
        same = field.coords[name]
        if coord.dtype.kind not in "iuf" or same.dtype.kind not in "iuf":
            continue
        if same.sizes != coord.sizes or not _alike(coord, same):
            raise DatasetInconsistent(
                f"the area {label(area)!r} and the field {label(field)!r} have the same shape, but "
                f"other values of {name!r}: they are not on one grid, or one runs the other way",
                hint="Take the cell measure of the same grid label, or sort both alike.",
            )
    return list(area.dims)


def _alike(one: xr.DataArray, other: xr.DataArray) -> bool:
    gap = np.abs(np.asarray(one.values, np.float64) - np.asarray(other.transpose(*one.dims).values))
    return bool((np.nan_to_num(gap) <= TOLERANCE).all())
