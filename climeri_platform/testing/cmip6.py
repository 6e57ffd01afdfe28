"""Datasets of the CMIP6 tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.climate import climate
from climeri_platform.testing.fields import FieldPlan, blocks
from climeri_platform.testing.grids import Atmosphere, Points, atmosphere
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.metadata import cmip6_attributes
from climeri_platform.testing.netcdf import FILL, created, put, put_time
from climeri_platform.testing.simulation import axis_of, monthly_targets, simulate
from climeri_platform.testing.variables import VARIABLES
from climeri_platform.testing.weather import modes, series

if TYPE_CHECKING:
    import netCDF4

    from climeri_platform.testing.recipe import Model, Recipe, Run
    from climeri_platform.testing.timeaxis import TimeAxis

__all__ = ["dataset_folder", "plan_fields", "write_dataset"]

VERSION = "v20210101"
OLDER_VERSION = "v20200101"


def dataset_folder(run: Run, table: str, variable: str, version: str = VERSION) -> Path:
    """Return the folder of a dataset, relative to the archive."""
    activity = "ScenarioMIP" if run.experiment_id.startswith("ssp") else "CMIP"
    names = (run.source_id, run.experiment_id, run.member_id, table, variable, "gn", version)
    return Path("CMIP6", activity, "DEMO", *names)


def plan_fields(model: Model, run: Run, variable: str, points: Points) -> FieldPlan:
    """Return what makes the monthly fields of a variable of a run at some places."""
    simulation, axis = simulate(model, run), axis_of(model, run)
    annual = simulation.annual[variable]
    base = annual[0] - simulation.anomaly[0] if variable == "tas" else annual[0]
    amplitude = {
        "tas": simulation.anomaly,
        "tos": 0.8 * simulation.anomaly,
        "pr": 0.02 * simulation.anomaly,
        "psl": simulation.anomaly,
    }.get(variable, annual - base)
    if variable == "rsut":
        amplitude = amplitude / base
    return FieldPlan(
        climate(variable, points),
        modes(model.source_id, points),
        np.repeat(amplitude, 12),
        series(run.name, variable, len(axis)),
        monthly_targets(run, simulation, axis, variable),
        axis.month,
    )


def _periods(model: Model, run: Run, axis: TimeAxis) -> list[tuple[int, int]]:
    first, last = int(axis.year[0]), int(axis.year[-1])
    step = model.file_years or run.length
    return [(year, min(year + step - 1, last)) for year in range(first, last + 1, step)]


def _put_horizontal(dataset: netCDF4.Dataset, grid: Atmosphere) -> None:
    dataset.createDimension("lat", len(grid.lat))
    dataset.createDimension("lon", len(grid.lon))
    if "bnds" not in dataset.dimensions:
        dataset.createDimension("bnds", 2)
    put(
        dataset, "lat", ("lat",), grid.lat,
        bounds="lat_bnds", units="degrees_north", axis="Y", long_name="Latitude",
        standard_name="latitude",
    )  # fmt: skip
    put(dataset, "lat_bnds", ("lat", "bnds"), grid.lat_bnds)
    put(
        dataset, "lon", ("lon",), grid.lon,
        bounds="lon_bnds", units="degrees_east", axis="X", long_name="Longitude",
        standard_name="longitude",
    )  # fmt: skip
    put(dataset, "lon_bnds", ("lon", "bnds"), grid.lon_bnds)


def _put_height(dataset: netCDF4.Dataset, metres: float) -> None:
    put(
        dataset, "height", (), metres,
        units="m", axis="Z", positive="up", long_name="height", standard_name="height",
    )  # fmt: skip


def variable_attributes(variable: str, measure: str) -> dict[str, Any]:
    """Return the attributes of a variable of CMIP, without the fill value."""
    described = VARIABLES[variable]
    made = {
        "standard_name": described.standard_name,
        "long_name": described.long_name,
        "comment": described.comment,
        "units": described.units,
        "positive": described.positive,
        "cell_methods": described.cell_methods,
        "cell_measures": f"area: {measure}" if measure else "",
        "coordinates": "height" if described.height else "",
        "missing_value": FILL,
    }
    return {key: value for key, value in made.items() if not isinstance(value, str) or value}


def _file_name(run: Run, table: str, variable: str, period: str = "") -> str:
    names = [variable, table, run.source_id, run.experiment_id, run.member_id, "gn", period]
    return "_".join(name for name in names if name) + ".nc"


def write_dataset(
    directory: Path, recipe: Recipe, run: Run, table: str, variable: str
) -> list[Path]:
    """Write one dataset.

    Returns
    -------
    list of Path
        The files, relative to the archive.
    """
    model = recipe.model(run.source_id)
    if table == "fx":
        return [_write_fixed(directory, recipe, model, run, variable)]
    return _write_monthly(directory, recipe, model, run, variable)


def _write_fixed(directory: Path, recipe: Recipe, model: Model, run: Run, variable: str) -> Path:
    grid = atmosphere(*model.grid)
    points = grid.points
    values = points.area if variable == "areacella" else 100.0 * land_fraction(points.lat, points.lon)
    path = dataset_folder(run, "fx", variable) / _file_name(run, "fx", variable)
    with created(directory / path, cmip6_attributes(recipe, run, "fx", variable, path)) as dataset:
        _put_horizontal(dataset, grid)
        put(
            dataset, variable, ("lat", "lon"), values.reshape(points.shape),
            kind="f4", fill=FILL, chunks=points.shape, **variable_attributes(variable, ""),
        )  # fmt: skip
    return path


def _write_monthly(
    directory: Path, recipe: Recipe, model: Model, run: Run, variable: str
) -> list[Path]:
    grid, axis = atmosphere(*model.grid), axis_of(model, run)
    plan = plan_fields(model, run, variable, grid.points)
    written = []
    for first, last in _periods(model, run, axis):
        part, inside = axis.cut(first, last)
        path = dataset_folder(run, "Amon", variable)
        path /= _file_name(run, "Amon", variable, f"{first:04d}01-{last:04d}12")
        attributes = cmip6_attributes(recipe, run, "Amon", variable, path)
        with created(directory / path, attributes) as dataset:
            put_time(
                dataset, inside.centres, inside.bounds, units=axis.units, calendar=axis.calendar
            )
            _put_horizontal(dataset, grid)
            if VARIABLES[variable].height:
                _put_height(dataset, VARIABLES[variable].height)
            put_fields(dataset, variable, ("time", "lat", "lon"), cut_plan(plan, part), grid.points,
                       chunk=model.chunk_months, measure="areacella")
        written.append(path)
    return written


def cut_plan(plan: FieldPlan, part: slice) -> FieldPlan:
    """Return the plan of some of the months."""
    return replace(
        plan,
        amplitude=plan.amplitude[part],
        weather=plan.weather[part],
        target=plan.target[part],
        months=plan.months[part],
    )


def put_fields(
    dataset: netCDF4.Dataset,
    variable: str,
    dimensions: tuple[str, ...],
    plan: FieldPlan,
    points: Points,
    *,
    chunk: int,
    measure: str,
) -> None:
    """Add a variable and write its fields, five years at a time."""
    target = put(
        dataset, variable, dimensions,
        kind="f4", fill=FILL, chunks=(min(chunk, len(plan.target)), *points.shape),
        **variable_attributes(variable, measure),
    )  # fmt: skip
    first = 0
    block: NDArray[np.float32]
    for block in blocks(plan, points, VARIABLES[variable].quantum):
        target[first : first + len(block)] = block
        first += len(block)
