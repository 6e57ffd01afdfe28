"""Coordinates of native files under the names of CMIP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        if name in dataset.coords:
            dataset[name].attrs = _described(dataset[name], native)
            steps.append(Step(_FIX, name, f"{native} is {name}", native_name=native))
    return _bounds(dataset), steps


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


def _bounds(dataset: xr.Dataset) -> xr.Dataset:
    """Name the bounds of each coordinate after it."""
    names: dict[str, str] = {}
    for name, coordinate in dataset.coords.items():
        there = coordinate.attrs.get("bounds")
        wanted = f"{name}_bnds"
        if there in dataset.variables and there != wanted and wanted not in dataset.variables:
            names[str(there)] = wanted
    made = dataset.rename(names)
    for coordinate in made.coords.values():
        if (there := coordinate.attrs.get("bounds")) in names:
            coordinate.attrs = {**coordinate.attrs, "bounds": names[there]}
    return made
