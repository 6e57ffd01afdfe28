"""Whether several datasets are on one grid; rounding is no difference, anything else is named."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.placing import marginal_names, read_here, say_names
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
    sizes = {label: _sizes(each, apart) for label, each in datasets.items()}
    usual = Counter(tuple(sorted(each.items())) for each in sizes.values()).most_common(1)[0][0]
    label = next(
        each for each, its in sizes.items() if shared or tuple(sorted(its.items())) == usual
    )
    snapped, notes = {}, []
    differs: dict[str, list[str]] = {}
    worst: dict[str, float] = {}
    for other, dataset in datasets.items():
        here, its = sizes[label], sizes[other]
        if shared:
            here, its = _common(here, its), _common(its, here)
        if its != here:
            how = f"{_say(its)} against {_say(here)}"
            differs.setdefault(how, []).append(other)
            continue
        how, same = _compare(datasets[label], dataset, apart, worst)
        if how:
            differs.setdefault(how, []).append(other)
        snapped[other] = dataset.assign_coords(same) if same else dataset
    if differs:
        count = sum(map(len, differs.values()))
        said = "; ".join(f"{say_names(its)} ({how})" for how, its in differs.items())
        raise GridMismatch(
            f"{count} of {len(datasets)} are on another grid than {label}: {said}",
            hint="Regrid them to one grid first, or leave them apart.",
        )
    for name, distance in worst.items():
        notes.append(
            f"{name} differs by up to {distance:.1e}, which is rounding; that of {label} is kept"
        )
    notes += [
        f"{name} is too large to be compared; that of {label} is kept"
        for name in _too_large(datasets[label], apart)
    ]
    return snapped, notes


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
    first: xr.Dataset, second: xr.Dataset, apart: Collection[str], worst: dict[str, float]
) -> tuple[str, dict[str, xr.DataArray]]:
    """Return how two differ, and the coordinates of the first for what is rounding."""
    same = {}
    for name, place in _places(first, apart).items():
        if name not in second.coords or place.size > _READ:
            continue
        if first.variables is second.variables or second[name].variable is place.variable:
            continue
        here, there = read_here(place), read_here(second[name])
        if here.shape != there.shape:
            return f"{name} has the shape {there.shape} against {here.shape}", {}
        if here.dtype.kind not in "fiu" or there.dtype.kind not in "fiu":
            if not np.array_equal(here, there):
                return f"other values of {name}", {}
            continue
        gone = np.isnan(here), np.isnan(there)
        distance = float(np.nanmax(np.abs(here.astype("f8") - there), initial=0.0))
        if not np.array_equal(*gone) or distance > _tolerance(here):
            turned = here.ndim == 1 and here.size > 1 and np.allclose(here, there[::-1])
            return (
                f"{name} runs the other way"
                if turned
                else f"{name} differs by up to {distance:.3g}"
            ), {}
        if distance or here.dtype != there.dtype:
            same[name] = place
        if distance:
            worst[name] = max(worst.get(name, 0.0), distance)
    return "", same


def _tolerance(here: np.ndarray) -> float:
    values = here.astype("f8")
    if here.ndim == 1 and here.size > 1:
        return _ROUNDING * float(np.nanmin(np.abs(np.diff(values))))
    return max(
        _ROUNDING if here.ndim > 1 else 0.0, 1e-6 * float(np.nanmax(np.abs(values), initial=0.0))
    )
