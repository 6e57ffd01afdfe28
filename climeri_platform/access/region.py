"""Datasets cut to a box of longitudes and latitudes, whatever their grid is.

A cell is in the box if its centre is. Of all that is in the files, the coordinates alone are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.asked import TOLERANCE, Region
from climeri_platform.access.coordinates import Grid, bounds_of, degrees_of, grids_of, read_here
from climeri_platform.access.decoding import encoding_of_changed
from climeri_platform.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Region", "cut_region"]


def cut_region(
    dataset: xr.Dataset, region: Region | Sequence[float] | Mapping[str, Sequence[float]]
) -> tuple[xr.Dataset, list[str]]:
    """Return the cells of a dataset of which the centre lies in a box.

    Parameters
    ----------
    dataset
        On latitudes and longitudes with a dimension each, on a rotated, projected or curvilinear
        grid with both in two dimensions, or on a list of cells.
    region
        As `Region.parse` takes it.

    Returns
    -------
    dataset
        Lazy as it was; bounds are cut along. Where longitudes have a dimension, they increase, in
        the convention of the box: (-10, 10) gives -10 to 10 of a grid from 0 to 360, too. Of other
        grids it is the smallest box of indices that holds the cells, the others in it missing.
    notes
        For the report.

    Raises
    ------
    UsageError
        If the region is none.
    DataError
        If no cell is in it (the message says where the grid is), or if nothing says where cells are.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> lon = np.arange(0.0, 360, 5)
    >>> field = xr.Dataset({"tas": (("lat", "lon"), np.ones((2, 72)))}, {"lat": [0.0, 9], "lon": lon})
    >>> cut, notes = cut_region(field, (-10, 10, -5, 5))
    >>> cut["lon"].values.tolist(), cut.sizes["lat"]
    ([-10.0, -5.0, 0.0, 5.0, 10.0], 1)
    """
    asked = Region.parse(region)
    grids = grids_of(dataset)
    notes: list[str] = []
    if not grids:
        raise DataError(
            f"region={asked.text}: it has no latitudes and longitudes",
            hint="Open it whole; of a projected grid the true coordinates may be in another file.",
        )
    for grid in grids:
        if grid.kind == "axes":
            dataset = _cut_axes(dataset, grid, asked)
        elif grid.kind == "cells":
            dataset = _cut_cells(dataset, grid, asked)
        else:
            dataset, masked = _cut_plane(dataset, grid, asked)
            if masked:
                notes.append(f"region={asked.text}: {masked} cells around it are missing values")
    # what was cut shares its attributes with what came in
    return dataset.assign_attrs(climeri_region=asked.text), notes


def _index(where: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return places as a slice, where they are a run: it costs a lazy array nothing."""
    if where.size and np.array_equal(where, np.arange(where[0], where[0] + where.size)):
        return slice(int(where[0]), int(where[-1]) + 1)
    return where


def _nothing(asked: Region, *extents: tuple[str, NDArray[np.float64]]) -> DataError:
    known = [(name, values[np.isfinite(values)]) for name, values in extents]
    there = ", ".join(
        f"{name} {each.min():g} to {each.max():g}" if each.size else f"no values of {name}"
        for name, each in known
    )
    return DataError(
        f"region={asked.text}: the centre of no cell is in it, the grid has {there}",
        hint="Widen the box, or look at the coordinates.",
    )


def _cut_axes(dataset: xr.Dataset, grid: Grid, asked: Region) -> xr.Dataset:
    extents = [(name, degrees_of(dataset[name])) for name in (grid.lat, grid.lon) if name]
    index: dict[str, Any] = {}
    if grid.lat is not None:
        rows = np.flatnonzero(asked.holds_lat(degrees_of(dataset[grid.lat])))
        if not rows.size:
            raise _nothing(asked, *extents)
        index[str(dataset[grid.lat].dims[0])] = _index(rows)
    elif asked.south > -90 or asked.north < 90:
        raise _no_side(asked, "latitudes")
    if grid.lon is None and asked.width < 360:
        raise _no_side(asked, "longitudes")
    if grid.lon is None or asked.any_lon:
        return dataset.isel(index)
    lon = degrees_of(dataset[grid.lon])
    away = asked.eastward(lon)
    if asked.width == 360:  # a meridian that is there twice begins and ends the row
        begins = np.flatnonzero(np.abs(away) <= TOLERANCE)
        if begins.size > 1:
            away[begins[np.argmax(lon[begins])]] += 360
    places = np.flatnonzero(asked.holds_lon(lon))
    if not places.size:
        raise _nothing(asked, *extents)
    places = places[np.argsort(away[places], kind="stable")]
    if asked.width < 360:  # 0 and 360 degrees are one place: within the row it would count twice
        places = places[np.append(True, np.diff(away[places]) > TOLERANCE)]
    turns = np.round((asked.west + away - lon) / 360)[places]
    dimension = str(dataset[grid.lon].dims[0])
    cut = dataset.isel({**index, dimension: _index(places)})
    return _turned(cut, grid.lon, dimension, turns) if turns.any() else cut


def _no_side(asked: Region, what: str) -> DataError:
    return DataError(
        f"region={asked.text}: it has no {what}; a mean over all of them is not one over the box",
        hint="Leave that side out: region={'lat': (-30, 30)}.",
    )


def _turned(cut: xr.Dataset, lon: str, dimension: str, turns: NDArray[np.float64]) -> xr.Dataset:
    """Write longitudes and their bounds a number of times around."""
    import xarray as xr

    old = cut[lon]
    circle = 2 * np.pi if str(old.attrs.get("units", "")).lower().startswith("rad") else 360
    moved = (read_here(old) + circle * turns).astype(old.dtype)
    edges = bounds_of(cut, lon)
    new = xr.Variable(old.dims, moved, old.attrs, encoding_of_changed(old.encoding))
    cut = cut.assign_coords({lon: new})
    if edges is not None and dimension in cut[edges].dims:
        held = cut[edges].variable
        # the edges of a cell go with its centre, wherever the file cuts the circle
        around = circle * ((held - new) / circle).round()
        held = (held - around).astype(held.dtype)
        held.attrs, held.encoding = cut[edges].attrs, encoding_of_changed(cut[edges].encoding)
        cut[edges] = held.transpose(*cut[edges].dims)
    return cut


def _cut_cells(dataset: xr.Dataset, grid: Grid, asked: Region) -> xr.Dataset:
    assert grid.lat is not None
    assert grid.lon is not None
    lat, lon = degrees_of(dataset[grid.lat]), degrees_of(dataset[grid.lon])
    where = np.flatnonzero(asked.holds_lat(lat) & asked.holds_lon(lon))
    if not where.size:
        raise _nothing(asked, (grid.lat, lat), (grid.lon, lon))
    return dataset.isel({str(dataset[grid.lat].dims[0]): _index(where)})


def _cut_plane(dataset: xr.Dataset, grid: Grid, asked: Region) -> tuple[xr.Dataset, int]:
    import xarray as xr

    assert grid.lat is not None
    assert grid.lon is not None
    dims = tuple(map(str, dataset[grid.lat].dims))
    lat = degrees_of(dataset[grid.lat])
    lon = degrees_of(dataset[grid.lon].transpose(*dims))
    inside = asked.holds_lat(lat) & asked.holds_lon(lon)
    if not inside.any():
        raise _nothing(asked, (grid.lat, lat), (grid.lon, lon))
    runs = [
        _run(np.asarray(inside.any(axis=1 - side)), around=_goes_around(lat, lon, side))
        for side in (0, 1)
    ]
    cut = dataset.isel({name: _index(run) for name, run in zip(dims, runs, strict=True)})
    inside = inside[np.ix_(*runs)]
    if inside.all():
        return cut, 0
    mask = xr.DataArray(inside, dims=dims)
    edges = {bounds_of(cut, name) for name in cut.variables}
    masked = {
        name: (each & mask) if each.dtype.kind == "b" else each.where(mask)
        for name, each in cut.data_vars.items()
        if {*dims} <= {*each.dims} and name not in edges and each.dtype.kind in "fiubcmM"
    }
    for name, each in masked.items():
        each.attrs = cut[name].attrs
        each.encoding = encoding_of_changed(cut[name].encoding, moved=False)
        masked[name] = each.transpose(*cut[name].dims)
    return cut.assign(masked), int(inside.size - inside.sum())


def _run(flags: NDArray[np.bool_], *, around: bool) -> NDArray[np.intp]:
    """Return the shortest run of places that holds all that are flagged."""
    places = np.flatnonzero(flags)
    first, last = int(places[0]), int(places[-1])
    if around and places.size > 1:
        gaps = np.diff(places)
        widest = int(np.argmax(gaps))
        if gaps[widest] > first + flags.size - last:
            first, last = int(places[widest + 1]), int(places[widest]) + flags.size
    return np.arange(first, last + 1) % flags.size


def _goes_around(lat: NDArray[np.float64], lon: NDArray[np.float64], side: int) -> bool:
    """Say whether a grid meets itself: its last cells lie beside its first ones, or on them."""
    if lat.shape[side] < 8:
        return False
    phi, lam = (np.deg2rad(np.take(each, [0, 1, -1], axis=side)) for each in (lat, lon))
    places = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    first, second, last = np.moveaxis(places, side + 1, 0)
    step, gap = (np.linalg.norm(first - each, axis=0) for each in (second, last))
    known = np.isfinite(step) & np.isfinite(gap) & (step > 0)
    return bool(known.any() and np.mean(gap[known] <= 2.5 * step[known]) >= 0.8)
