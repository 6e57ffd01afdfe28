"""IPSL-WRF381P, driven by MPI-ESM-LR, writes a projection whose coordinates are all zero.

ESMValCore #3145: rlut and others of that run say they are on a Lambert projection, with ``x`` and
``y`` zero everywhere, while their latitudes and longitudes are those of the domain's rotated grid.
They get ``rlat`` and ``rlon`` of the domain, if the corners and the centre agree with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.access.coordinates import read_here
from climeri_platform.access.harmonise.faults.cordex_domains import Domain, true_places
from climeri_platform.access.harmonise.faults.cordex_grid import domain_of
from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["wrf_projection"]

_FIX = "wrf-projection"
_POLE = "rotated_pole"


def wrf_projection(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Give IPSL-WRF381P the rotated coordinates that its places are on.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Common facets; ``model`` and ``domain`` are used.
    """
    if "WRF381P" not in model(about, dataset).upper() or "lat" not in dataset.coords:
        return dataset, []
    lat = dataset["lat"]
    if lat.ndim != 2 or {"rlat", "rlon"} & {*dataset.dims} or _POLE in dataset.variables:
        return dataset, []
    axes = [
        str(name)
        for name, each in dataset.variables.items()
        if each.ndim == 1
        and str(each.attrs.get("standard_name", "")).startswith("projection_")
        and not np.any(read_here(each))
    ]
    if not axes:
        return dataset, []
    name, domain = domain_of(dataset, about)
    dataset = dataset.drop_vars(axes)
    said = f"{_FIX}: {' and '.join(sorted(axes))} were zero everywhere and are left out"
    steps = [Step(_FIX, "lat", said, "names")]
    if domain is None or not _on_grid(dataset, domain):
        said = f"{_FIX}: its places are not those of the rotated grid of {name or 'a domain'}"
        return _without_mapping(dataset), [*steps, Step(_FIX, "lat", said)]
    rows, columns = (str(dim) for dim in lat.dims)
    dataset = _without_mapping(dataset).rename_dims({rows: "rlat", columns: "rlon"})
    dataset = dataset.assign_coords(
        rlat=("rlat", domain.rlat, _attributes("latitude", "Y")),
        rlon=("rlon", domain.rlon, _attributes("longitude", "X")),
    )
    pole = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": domain.pole_lat,
        "grid_north_pole_longitude": domain.pole_lon,
    }
    dataset = dataset.assign({_POLE: xr.Variable((), np.int32(0), pole)})
    for each in dataset.data_vars.values():
        if {"rlat", "rlon"} <= {*each.dims}:
            each.attrs["grid_mapping"] = _POLE
    said = f"{_FIX}: its places are those of the rotated grid of {name}, which it gets"
    return dataset, [*steps, Step(_FIX, "rlat", said, "names"), Step(_FIX, "rlon", said, "names")]


def _attributes(kind: str, axis: str) -> dict[str, str]:
    return {
        "standard_name": f"grid_{kind}",
        "long_name": f"{kind} in rotated pole grid",
        "units": "degrees",
        "axis": axis,
    }


def _on_grid(dataset: xr.Dataset, domain: Domain) -> bool:
    lat, lon = dataset["lat"], dataset["lon"]
    if lat.shape != (domain.rows, domain.columns) or lon.dims != lat.dims:
        return False
    for row in (0, domain.rows // 2, -1):
        for column in (0, domain.columns // 2, -1):
            there = true_places(
                domain.rlat[[row]], domain.rlon[[column]], domain.pole_lat, domain.pole_lon
            )
            here = float(read_here(lat[row, column])), float(read_here(lon[row, column]))
            apart = abs((here[1] - float(there[1][0]) + 180) % 360 - 180)
            if abs(here[0] - float(there[0][0])) > domain.spacing / 4:
                return False
            if apart * np.cos(np.deg2rad(here[0])) > domain.spacing / 4:
                return False
    return True


def _without_mapping(dataset: xr.Dataset) -> xr.Dataset:
    dataset = dataset.copy(deep=False)
    for each in dataset.data_vars.values():
        each.attrs.pop("grid_mapping", None)
        each.encoding.pop("grid_mapping", None)
    return dataset
