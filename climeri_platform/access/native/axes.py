"""Coordinates of native files under the names of CMIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from climeri_platform.access.coordinates import bounds_of
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["place"]

_FIX = "native coordinates"
# name in files to name in CMIP; of several levels in one file the first is lev, others keep theirs
_PLACES = {
    "nav_lat": "lat",
    "nav_lon": "lon",
    "olevel": "lev",
    "deptht": "lev",
    "depthu": "lev",
    "depthv": "lev",
    "depthw": "lev",
    "presnivs": "lev",
}
_DIMENSIONS = {"axis_nbounds": "bnds", "tbnds": "bnds", "nvertex": "vertices"}
_HORIZONTAL: dict[str, dict[str, str]] = {
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}
_DEPTH = {"standard_name": "depth", "axis": "Z", "positive": "down", "units": "m"}
_PRESSURE = {
    "axis": "Z",
    "positive": "down",
    "comment": "nominal pressures of the model's levels: over high ground the pressure is another",
}


def place(dataset: xr.Dataset) -> tuple[xr.Dataset, list[Step]]:
    """Give horizontal and vertical coordinates, and bounds, the names that CMIP has for them.

    Parameters
    ----------
    dataset
        As it was decoded.

    Returns
    -------
    dataset, steps
    """
    dataset = dataset.set_coords([each for each in _PLACES if each in dataset.data_vars])
    names, steps = _new_names(dataset)
    dataset = dataset.rename(names)
    for native, name in names.items():
        if name not in dataset.coords:
            continue
        dataset[name].attrs = _described(dataset[name], native)
        dataset, bounds = _with_bounds(dataset, name)
        said = f"{native} is {name}" + (f", its bounds {bounds} are {name}_bnds" if bounds else "")
        steps.append(Step(_FIX, name, said, kind="names", native_name=native))
    return dataset, steps


def _new_names(dataset: xr.Dataset) -> tuple[dict[str, str], list[Step]]:
    names: dict[str, str] = {}
    steps: list[Step] = []
    taken = {*dataset.variables, *dataset.dims}
    for native, name in {**_PLACES, **_DIMENSIONS}.items():
        if native not in taken:
            continue
        if name in taken:
            if native in dataset.variables:
                said = f"{native} keeps its name, as there is a {name} beside it"
                steps.append(Step(_FIX, native, said, native_name=native))
            continue
        names[native] = name
        taken.add(name)
    return names, steps


def _described(coordinate: xr.DataArray, native: str) -> dict[str, Any]:
    words = _HORIZONTAL.get(str(coordinate.name), _PRESSURE if native == "presnivs" else _DEPTH)
    attrs = {**words, **coordinate.attrs, "native_name": native}
    if native == "presnivs":
        attrs.setdefault("units", "Pa")
    attrs.pop("name", None)  # XIOS repeats the name of the variable, which is another now
    return attrs


def _with_bounds(dataset: xr.Dataset, name: str) -> tuple[xr.Dataset, str]:
    """Name the bounds of a coordinate after it; also return their name in the file."""
    there, wanted = bounds_of(dataset, name), f"{name}_bnds"
    if there is None or wanted in dataset.variables:
        return dataset, ""
    made = dataset.rename({there: wanted})
    made[name].attrs = {**made[name].attrs, "bounds": wanted}
    return made, there
