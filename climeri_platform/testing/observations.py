"""A product that looks like observations: another realisation of another climate, with errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.testing.coordinates import put_height, put_latlon
from climeri_platform.testing.fields import blocks
from climeri_platform.testing.grids import atmosphere
from climeri_platform.testing.metadata import CREATED, SYNTHETIC, variable_attributes
from climeri_platform.testing.netcdf import created, put_fields, put_time
from climeri_platform.testing.plans import plan_fields
from climeri_platform.testing.reproducible import tracking_id
from climeri_platform.testing.simulation import axis_of, monthly_targets, simulate
from climeri_platform.testing.timeaxis import year_means
from climeri_platform.testing.variables import VARIABLES

if TYPE_CHECKING:
    from climeri_platform.testing.recipe import Recipe

__all__ = ["write_observations"]

FIRST, LAST = 1950, 2014


def write_observations(
    directory: Path, recipe: Recipe, variable: str
) -> tuple[list[Path], dict[str, Any]]:
    """Write the monthly product of one variable.

    Returns
    -------
    list of Path, dict
        The file, and what the truth shall know: its annual global means.
    """
    model, run = recipe.observed, recipe.observation
    grid = atmosphere(*model.grid)
    months = axis_of(model, run)
    part, axis = months.cut(FIRST, LAST)
    name = f"{variable}_mon_{model.source_id}_DEMO_gn_{FIRST}01-{LAST}12.nc"
    folder = Path("obs4MIPs", "DEMO", model.source_id, "mon", variable, "gn", "v20210101")
    path = folder / name
    height = VARIABLES[variable].height
    with created(directory / path, _attributes(model.source_id, variable, path)) as dataset:
        put_time(dataset, axis.centres, axis.bounds, units=axis.units, calendar=axis.calendar)
        put_latlon(dataset, grid)
        if height:
            put_height(dataset, height)
        plan = plan_fields(model, run, variable, grid.points).cut(part)
        put_fields(
            dataset, variable, ("time", "lat", "lon"), blocks(plan, grid.points),
            chunks=(12, *grid.points.shape), **variable_attributes(variable, ""),
        )  # fmt: skip
    target = monthly_targets(run, simulate(model, run), months, variable)[part]
    values = [float(f"{value:.12g}") for value in year_means(target, axis).tolist()]
    told = {"years": axis.year[::12].tolist(), variable: values, "calendar": model.calendar}
    return [path], {"observations": {f"{model.source_id}.{variable}": told}}


def _attributes(source: str, variable: str, path: Path) -> dict[str, Any]:
    return {
        "Conventions": "CF-1.7 ODS-2.1",
        "activity_id": "obs4MIPs",
        "contact": "nobody: the data are invented",
        "creation_date": CREATED,
        "data_specs_version": "2.1.0",
        "frequency": "mon",
        "grid": "5x5 degrees",
        "grid_label": "gn",
        "history": "written by climeri_platform.testing",
        "institution": "DEMO (an invented institution)",
        "institution_id": "DEMO",
        "license": "Invented data, free for any use, with no warranty of any kind.",
        "nominal_resolution": "500 km",
        "product": "observations",
        "realm": VARIABLES[variable].realm,
        "region": "global",
        "source": f"{source} (2020): invented observations",
        "source_id": source,
        "source_label": source,
        "source_type": "gridded_insitu",
        "source_version_number": "1.0",
        "tracking_id": tracking_id(path.as_posix(), prefix="21.14102"),
        "variable_id": variable,
        "variant_info": "Best estimate",
        "variant_label": "DEMO",
        **SYNTHETIC,
    }
