"""Bounds are called after their coordinate: lat_bnds (lat, bnds), or lat_bnds (y, x, vertices).

Chapter 7.1 of the CF Conventions (https://cfconventions.org/cf-conventions/cf-conventions.html) leaves the names free; CMIP's tables write ``bnds`` and
``vertices``, XIOS ``axis_nbounds`` and ``nvertex``.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from climeri_platform.access.coordinates import bounds_of
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["name_bounds"]

_FIX = "bounds"


def name_bounds(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Call bounds and their dimension as CMIP does, and let the coordinates name them.

    Parameters
    ----------
    dataset
        With the coordinates of the common vocabulary.
    about
        Common facets; ``variable`` is no bounds, whatever says so.
    """
    steps: list[Step] = []
    dataset = dataset.copy(deep=False)
    claims = Counter(bounds_of(dataset, name) for name in dataset.coords)
    for name in [str(each) for each in dataset.coords]:
        if name not in dataset.coords:  # the number of a vertex, gone with its dimension
            continue
        old = bounds_of(dataset, name)
        if old is None or old == about.get("variable"):
            continue
        if claims[old] > 1:
            steps.append(Step(_FIX, old, f"{old} is called the bounds of several; it stays"))
            continue
        axis = dataset[name]
        extra = next(str(dim) for dim in dataset[old].dims if dim not in axis.dims)
        size = dataset.sizes[extra]
        edge = "bnds" if axis.ndim <= 1 and size == 2 else "vertices"
        if edge in dataset.sizes and dataset.sizes[edge] != size:
            edge = extra  # vertices of triangles beside those of quadrangles
        new = f"{name}_bnds"
        if new != old and (new in dataset.variables or new in dataset.dims):
            steps.append(Step(_FIX, old, f"{new} is something else here, so that {old} stays"))
            new = old
        dataset = _rename(dataset, old, new, extra, edge)
        dataset[name].encoding.pop("bounds", None)
        dataset[name].attrs["bounds"] = new
        if new != old:
            steps.append(Step(_FIX, new, f"{old} is called {new}", "names", native_name=old))
        elif edge != extra:
            steps.append(Step(_FIX, new, f"its dimension {extra} is called {edge}", "names"))
    return dataset, steps


def _rename(dataset: xr.Dataset, old: str, new: str, extra: str, edge: str) -> xr.Dataset:
    if (old, extra) == (new, edge):
        return dataset
    variable = dataset.variables[old].copy(deep=False).to_base_variable()
    variable.dims = tuple(edge if dim == extra else dim for dim in variable.dims)
    coordinate = old in dataset.coords
    left = dataset.drop_vars(old)
    if extra in left.coords and all(
        extra not in each.dims for name, each in left.variables.items() if name != extra
    ):
        left = left.drop_vars(extra)  # "vertex number" of what is no more
    left = left.assign({new: variable})
    return left.set_coords(new) if coordinate else left
