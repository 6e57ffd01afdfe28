"""Whether several datasets are on one grid; rounding is no difference, anything else is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.coordinates import marginal_names, read_here, rounding
from climeri_platform.core.errors import GridMismatch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import xarray as xr

__all__ = ["on_one_grid"]

# a coordinate of more values than this is not compared, because reading it would take too long
_READ = 4_000_000


def on_one_grid(
    datasets: Mapping[str, xr.Dataset], *, apart: Collection[str] = (), shared: bool = False
) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Give datasets the same coordinates of space where these differ by rounding only.

    Parameters
    ----------
    datasets
        Label to Dataset.
    apart
        Dimensions that are none of the grid: time, member.
    shared
        Compare only the dimensions that a dataset has in common with the first: a field at the
        surface may stand beside one on levels.

    Returns
    -------
    datasets
        All with the coordinates of the first that is on the most common grid.
    notes
        What was taken for rounding, and what was too large to compare.

    Raises
    ------
    GridMismatch
        If some are on another grid; they are named, with how they differ: sizes, or the largest
        distance between coordinates.
    """
    if len(datasets) < 2:
        return dict(datasets), []
    grids: list[_Grid] = []
    for label, dataset in datasets.items():
        if not any(grid.takes(label, dataset) for grid in grids):
            grids.append(_Grid(label, dataset, frozenset(apart), shared=shared))
    usual = max(grids, key=lambda grid: len(grid.same))
    if len(grids) > 1:
        raise _mismatch(usual, [grid for grid in grids if grid is not usual])
    snapped = {
        label: dataset.assign_coords(usual.same[label]) if usual.same[label] else dataset
        for label, dataset in datasets.items()
    }
    notes = [
        f"{name} differs by up to {distance:.1e}, which is rounding; that of {usual.label} is kept"
        for name, distance in usual.worst.items()
    ]
    notes += [
        f"{name} is too large to be compared; that of {usual.label} is kept"
        for name in usual.unread
    ]
    return snapped, notes


class _Grid:
    """Datasets on the grid of the first of them."""

    def __init__(
        self, label: str, dataset: xr.Dataset, apart: frozenset[str], *, shared: bool
    ) -> None:
        self.label, self.dataset, self.apart, self.shared = label, dataset, apart, shared
        self.sizes = _sizes(dataset, apart)
        places = _places(dataset, apart)
        self.places = {name: each for name, each in places.items() if each.size <= _READ}
        self.unread = [name for name in places if name not in self.places]
        self.same: dict[str, dict[str, xr.DataArray]] = {label: {}}
        self.worst: dict[str, float] = {}
        self._values: dict[str, np.ndarray] = {}

    def _value(self, name: str) -> np.ndarray:
        if name not in self._values:
            self._values[name] = read_here(self.places[name])
        return self._values[name]

    def takes(self, label: str, dataset: xr.Dataset) -> bool:
        """Return whether a dataset is on this grid, and remember what of it is rounding."""
        how, same, distances = self.compare(dataset)
        if how:
            return False
        self.same[label] = same
        for name, distance in distances.items():
            self.worst[name] = max(self.worst.get(name, 0.0), distance)
        return True

    def compare(self, other: xr.Dataset) -> tuple[str, dict[str, xr.DataArray], dict[str, float]]:
        """Return how another differs, our coordinates for what is rounding, and its size."""
        sizes, others = self.sizes, _sizes(other, self.apart)
        if self.shared:
            sizes, others = _common(sizes, others), _common(others, sizes)
        if sizes != others:
            return f"{_say(others)} against {_say(sizes)}", {}, {}
        same, distances = {}, {}
        for name, place in self.places.items():
            if name not in other.coords or other[name].variable is place.variable:
                continue
            there = read_here(other[name])
            how, distance = _difference(name, self._value(name), there, axis=place.dims == (name,))
            if how:
                return how, {}, {}
            if distance:
                distances[name] = distance
            if distance or there.dtype != place.dtype:
                same[name] = place
        return "", same, distances


def _mismatch(usual: _Grid, others: list[_Grid]) -> GridMismatch:
    said = [f"{', '.join(each.same)} ({usual.compare(each.dataset)[0]})" for each in others]
    count = sum(len(each.same) for each in others)
    more = len(usual.same) - 1
    where = f"{usual.label} and {more} other{'s' if more > 1 else ''}" if more else usual.label
    return GridMismatch(
        f"{count} of {count + more + 1} are on another grid than {where}: {'; '.join(said)}",
        hint="Regrid them to one grid first, or leave them apart.",
    )


def _sizes(dataset: xr.Dataset, apart: Collection[str]) -> dict[str, int]:
    marginal = marginal_names(dataset)
    dims = {
        dim for name, each in dataset.data_vars.items() if name not in marginal for dim in each.dims
    }
    return {str(dim): dataset.sizes[dim] for dim in sorted(map(str, dims)) if dim not in apart}


def _common(sizes: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if name in others}


def _say(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no grid at all"


def _places(dataset: xr.Dataset, apart: Collection[str]) -> dict[str, xr.DataArray]:
    marginal = marginal_names(dataset)
    return {
        str(name): each
        for name, each in dataset.coords.items()
        if each.ndim and name not in marginal and not set(apart) & set(each.dims)
    }


def _difference(name: str, here: np.ndarray, there: np.ndarray, *, axis: bool) -> tuple[str, float]:
    """Return how a coordinate differs, "" where it does not, and the distance that is rounding."""
    if here.shape != there.shape:
        return f"{name} has the shape {there.shape} against {here.shape}", 0.0
    distance = rounding(here, there, axis=axis)
    if distance is not None:
        return "", distance
    if here.dtype.kind not in "fiu" or there.dtype.kind not in "fiu":
        return f"other values of {name}", 0.0
    if here.ndim == 1 and here.size > 1 and np.allclose(here, there[::-1]):
        return f"{name} runs the other way", 0.0
    return (
        f"{name} differs by up to {np.nanmax(np.abs(here.astype('f8') - there), initial=0.0):.3g}",
        0.0,
    )
