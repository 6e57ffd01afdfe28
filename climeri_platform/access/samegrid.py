"""Whether several datasets are on one grid; rounding is no difference, anything else is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.placing import marginal_names, read_here
from climeri_platform.core.errors import GridMismatch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import xarray as xr

__all__ = ["on_one_grid"]

# of the smallest step of an axis: less than this is rounding
_ROUNDING = 1e-3
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
    grids = _grids(datasets, apart, shared=shared)
    label = max(grids, key=lambda each: len(grids[each]))
    worst: dict[str, float] = {}
    snapped = {}
    for other in datasets:
        if other not in grids[label]:
            raise _mismatch(label, grids, datasets, apart, shared=shared)
        same = _compare(datasets[label], datasets[other], apart, shared=shared, worst=worst)[1]
        snapped[other] = datasets[other].assign_coords(same) if same else datasets[other]
    notes = [
        f"{name} differs by up to {distance:.1e}, which is rounding; that of {label} is kept"
        for name, distance in worst.items()
    ]
    notes += [
        f"{name} is too large to be compared; that of {label} is kept"
        for name in _too_large(datasets[label], apart)
    ]
    return snapped, notes


def _grids(
    datasets: Mapping[str, xr.Dataset], apart: Collection[str], *, shared: bool
) -> dict[str, list[str]]:
    """Return the labels on each grid, under the first of them."""
    grids: dict[str, list[str]] = {}
    for label, dataset in datasets.items():
        for first, its in grids.items():
            if not _compare(datasets[first], dataset, apart, shared=shared, worst={})[0]:
                its.append(label)
                break
        else:
            grids[label] = [label]
    return grids


def _mismatch(
    label: str,
    grids: Mapping[str, list[str]],
    datasets: Mapping[str, xr.Dataset],
    apart: Collection[str],
    *,
    shared: bool,
) -> GridMismatch:
    said = []
    for first, its in grids.items():
        if first != label:
            how = _compare(datasets[label], datasets[first], apart, shared=shared, worst={})[0]
            said.append(f"{', '.join(its)} ({how})")
    count = len(datasets) - len(grids[label])
    others = len(grids[label]) - 1
    where = label if not others else f"{label} and {others} other{'s' if others > 1 else ''}"
    return GridMismatch(
        f"{count} of {len(datasets)} are on another grid than {where}: {'; '.join(said)}",
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


def _too_large(dataset: xr.Dataset, apart: Collection[str]) -> list[str]:
    return [str(name) for name, each in _places(dataset, apart).items() if each.size > _READ]


def _places(dataset: xr.Dataset, apart: Collection[str]) -> dict[str, xr.DataArray]:
    marginal = marginal_names(dataset)
    return {
        str(name): each
        for name, each in dataset.coords.items()
        if each.ndim and name not in marginal and not set(apart) & set(each.dims)
    }


def _compare(
    first: xr.Dataset,
    second: xr.Dataset,
    apart: Collection[str],
    *,
    shared: bool,
    worst: dict[str, float],
) -> tuple[str, dict[str, xr.DataArray]]:
    """Return how two differ, and the coordinates of the first for what is rounding."""
    sizes, others = _sizes(first, apart), _sizes(second, apart)
    if shared:
        sizes, others = _common(sizes, others), _common(others, sizes)
    if sizes != others:
        return f"{_say(others)} against {_say(sizes)}", {}
    same = {}
    for name, place in _places(first, apart).items():
        if name not in second.coords or place.size > _READ:
            continue
        if first is second or second[name].variable is place.variable:
            continue
        here, there = read_here(place), read_here(second[name])
        how, distance = _difference(name, here, there)
        if how:
            return how, {}
        if distance:
            worst[name] = max(worst.get(name, 0.0), distance)
        if distance or here.dtype != there.dtype:
            same[name] = place
    return "", same


def _difference(name: str, here: np.ndarray, there: np.ndarray) -> tuple[str, float]:
    """Return how a coordinate differs, "" where it does not, and the distance that is rounding."""
    if here.shape != there.shape:
        return f"{name} has the shape {there.shape} against {here.shape}", 0.0
    if here.dtype.kind not in "fiu" or there.dtype.kind not in "fiu":
        return ("" if np.array_equal(here, there) else f"other values of {name}"), 0.0
    distance = float(np.nanmax(np.abs(here.astype("f8") - there), initial=0.0))
    if np.array_equal(np.isnan(here), np.isnan(there)) and distance <= _tolerance(here):
        return "", distance
    if here.ndim == 1 and here.size > 1 and np.allclose(here, there[::-1]):
        return f"{name} runs the other way", 0.0
    return f"{name} differs by up to {distance:.3g}", 0.0


def _tolerance(here: np.ndarray) -> float:
    values = here.astype("f8")
    if here.ndim == 1 and here.size > 1:
        return _ROUNDING * float(np.nanmin(np.abs(np.diff(values))))
    return max(
        _ROUNDING if here.ndim > 1 else 0.0, 1e-6 * float(np.nanmax(np.abs(values), initial=0.0))
    )
