"""One vocabulary: coordinates are called lat, lon, plev, lev, member, rlat and rlon.

Names follow chapter 4 of the CF Conventions (https://cfconventions.org/cf-conventions/cf-conventions.html) and the ``out_name`` of
CMIP's tables. What a coordinate is, its metadata say first (standard_name, _CoordinateAxisType,
units), and its name only where they say nothing. Dimensions of curvilinear grids keep their names
(y and x, j and i, nlat and nlon): they are no places. Where two coordinates could be meant, both
stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.conversion import linear, table
from climeri_platform.access.coordinates import is_bounds, words
from climeri_platform.access.harmonise.fields import direction, fields
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["name_coordinates", "renamed"]

_FIX = "names"
_REFERRING = ("coordinates", "bounds", "formula_terms", "ancillary_variables", "grid_mapping")
_OCEAN_LEVELS = {"olevel", "deptht", "depthu", "depthv", "depthw", "st_ocean", "z_t", "presnivs"}
_PRESSURES = {"plev", "plevs", "pressure", "pressure_level", "level", "lev", "p"}
_OCEAN = ("ocean", "ocnBgchem", "seaIce")


def name_coordinates(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Give coordinates the names of the common vocabulary.

    Parameters
    ----------
    dataset
        Decoded.
    about
        Common facets; ``variable`` and ``realm`` are used.
    """
    steps: list[Step] = []
    for wanted in ("lat", "lon"):
        dataset = _name_horizontal(dataset, about, wanted, steps)
    for wanted, standard in (("rlat", "grid_latitude"), ("rlon", "grid_longitude")):
        dataset = _name_axis(dataset, wanted, _with_standard_name(dataset, standard), steps)
    dataset = _name_axis(dataset, "plev", _pressures(dataset), steps)
    dataset = _name_axis(dataset, "lev", _levels(dataset, about), steps)
    members = _with_standard_name(dataset, "realization")
    dataset = _name_axis(dataset, "member", members, steps)
    return dataset, steps


def renamed(dataset: xr.Dataset, old: str, new: str) -> xr.Dataset:
    """Rename a variable, with its dimension if it is one, wherever attributes refer to it."""
    other = dataset.rename({old: new})
    for name in other.variables:
        each = other[name]
        for held in (each.attrs, each.encoding):
            for attribute in _REFERRING:
                text = held.get(attribute)
                if isinstance(text, str) and old in text.split():
                    held[attribute] = " ".join(new if w == old else w for w in text.split())
    return other


def _name_horizontal(
    dataset: xr.Dataset, about: Mapping[str, str], wanted: str, steps: list[Step]
) -> xr.Dataset:
    found = {
        str(name): each
        for name, each in dataset.variables.items()
        if direction(name, each.attrs) == wanted
        and each.dtype.kind in "fiu"
        and name not in table().canonical
        and not is_bounds(dataset, name)
    }
    if wanted in found:
        return dataset if wanted in dataset.coords else dataset.set_coords(wanted)
    chosen: set[str] = set()
    for field in fields(dataset, about):
        among, why = _coordinates_of(dataset, field, list(found))
        if why:
            steps.append(Step(_FIX, field, why))
            return dataset
        chosen |= among
    if len(chosen) != 1:
        if chosen:
            said = f"{', '.join(sorted(chosen))} could all be its {wanted}; they keep their names"
            steps.append(Step(_FIX, wanted, said))
        return dataset
    old = chosen.pop()
    if wanted in dataset.variables or (wanted in dataset.dims and dataset[old].ndim < 2):
        steps.append(Step(_FIX, old, f"{wanted} is something else here, so that {old} stays"))
        return dataset
    if wanted in dataset.dims:  # latitude(lat, lon): these dimensions are no axes
        plain = {"lat": "y", "lon": "x"}
        if any(each in dataset.dims or each in dataset.variables for each in plain.values()):
            steps.append(Step(_FIX, old, f"{wanted} is a dimension of {old}, which stays"))
            return dataset
        only = {a: b for a, b in plain.items() if a in dataset.dims and a not in dataset.variables}
        dataset = dataset.rename_dims(only)
    dataset = renamed(dataset.set_coords(old), old, wanted)
    steps.append(Step(_FIX, wanted, f"{old} is called {wanted}", "names", native_name=old))
    return dataset


def _coordinates_of(dataset: xr.Dataset, field: str, found: list[str]) -> tuple[set[str], str]:
    held = dataset[field]
    named = words(held, "coordinates")
    absent = [w for w in named if w not in dataset.variables and w.startswith(("geolat", "geolon"))]
    fitting = [name for name in found if {*dataset[name].dims} <= {*held.dims}]
    of_it = [name for name in fitting if name in named] or fitting
    deepest = max((dataset[name].ndim for name in of_it), default=0)
    of_it = [name for name in of_it if dataset[name].ndim == deepest]
    if of_it and absent and deepest == 1:
        return set(), (
            f"its places are {' and '.join(absent)}, which are not in the file; the axes "
            f"{', '.join(of_it)} are true only outside the grid's poles and keep their names"
        )
    return set(of_it), ""


def _with_standard_name(dataset: xr.Dataset, standard: str) -> list[str]:
    return [
        str(name)
        for name, each in dataset.coords.items()
        if each.dims == (name,) and each.attrs.get("standard_name") == standard
    ]


def _pressures(dataset: xr.Dataset) -> list[str]:
    standard = _with_standard_name(dataset, "air_pressure")
    if standard:
        return standard
    return [
        str(name)
        for name, each in dataset.coords.items()
        if each.dims == (name,)
        and str(name).lower() in _PRESSURES
        and "standard_name" not in each.attrs
        and linear(str(each.attrs.get("units", "")), "Pa") is not None
    ]


def _levels(dataset: xr.Dataset, about: Mapping[str, str]) -> list[str]:
    realms = str(about.get("realm") or dataset.attrs.get("realm") or "").split()
    ocean = any(each in _OCEAN for each in realms)
    return [
        str(name)
        for name, each in dataset.coords.items()
        if each.dims == (name,)
        and (
            str(name) in _OCEAN_LEVELS
            or (ocean and each.attrs.get("standard_name") == "depth" and name != "lev")
        )
    ]


def _name_axis(dataset: xr.Dataset, wanted: str, found: list[str], steps: list[Step]) -> xr.Dataset:
    if not found or found == [wanted] or wanted in found:
        return dataset
    if len(found) > 1:
        said = f"{', '.join(sorted(found))} could all be {wanted}; they keep their names"
        steps.append(Step(_FIX, found[0], said))
        return dataset
    old = found[0]
    if wanted in dataset.variables or wanted in dataset.dims:
        steps.append(Step(_FIX, old, f"{wanted} is something else here, so that {old} stays"))
        return dataset
    steps.append(Step(_FIX, wanted, f"{old} is called {wanted}", "names", native_name=old))
    return renamed(dataset, old, wanted)
