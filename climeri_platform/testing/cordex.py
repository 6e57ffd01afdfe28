"""A regional model on a rotated pole, driven by one of the global models.

The tree is that of CORDEX in its CMIP5 era, so the experiments are ``historical`` (to 2005) and
``rcp85`` (from 2006), and the driving ensemble has no forcing index. What drives them are the
CMIP6-like ``historical`` and ``ssp585`` of the global model: ``truth.json`` names the datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.coordinates import put_height, put_rotated
from climeri_platform.testing.fields import area_mean, blocks, quanta, quantise
from climeri_platform.testing.grids import atmosphere
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.metadata import CREATED, SYNTHETIC, variable_attributes
from climeri_platform.testing.netcdf import created, put_fields, put_time
from climeri_platform.testing.plans import plan_fields
from climeri_platform.testing.reproducible import generator, tracking_id
from climeri_platform.testing.rotated import EUR_44, bilinear
from climeri_platform.testing.simulation import axis_of
from climeri_platform.testing.timeaxis import TimeAxis, monthly, year_means
from climeri_platform.testing.variables import VARIABLES
from climeri_platform.testing.weather import MODES, autoregressive, modes

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.testing.recipe import Recipe, Regional

__all__ = ["ADDED", "SPLIT", "write_regional"]

Array = NDArray[np.float64]

UNITS = "days since 1949-12-01 00:00:00"
SPLIT = 2005
"""Last year of the historical experiment of CORDEX."""

ADDED: dict[str, dict[str, Any]] = {
    "tas": {
        "kind": "sum",
        "monthly": [-0.6, -0.5, -0.3, -0.1, 0.1, 0.3, 0.4, 0.4, 0.2, 0, -0.3, -0.5],
    },
    "pr": {"kind": "product", "monthly": [1.15] * 6 + [1.05] * 6},
}
"""What the regional model adds to the domain mean of its interpolated driver, by month."""


def _detail(variable: str, months: NDArray[np.int64]) -> Array:
    """Return the fine structure that the global model cannot have, (t, c)."""
    points = EUR_44.points
    coast = land_fraction(points.lat, points.lon, sharpness=14.0)
    coast = coast - land_fraction(points.lat, points.lon)
    hills = modes("EUR-44 hills", points, fineness=9.0)[1:].sum(axis=0)
    hills = hills * land_fraction(points.lat, points.lon)
    season = -np.cos(2.0 * np.pi * (months + 0.5) / 12.0)[:, None]
    made: Array = -0.9 * hills + 6.0 * season * coast
    if variable == "pr":
        made = 0.25 * hills - 0.1 * season * coast
    return made


def _driver(recipe: Recipe, regional: Regional, variable: str, years: tuple[int, int]) -> Array:
    """Return the written fields of the driving model, interpolated to the domain, (t, c)."""
    model = recipe.model(regional.source_id)
    grid = atmosphere(*model.grid)
    cells, weights = bilinear(grid.lat, grid.lon, EUR_44.points)
    found = []
    for experiment in ("historical", "ssp585"):
        run = recipe.run(regional.source_id, experiment, regional.member_id)
        assert run is not None
        axis = axis_of(model, run)
        if years[0] > axis.year[-1] or years[1] < axis.year[0]:
            continue
        plan = plan_fields(model, run, variable, grid.points).cut(axis.cut(*years)[0])
        for block in blocks(plan, grid.points):
            flat = block.reshape(len(block), -1).astype(np.float64)
            found.append(sum(flat[:, cells[n]] * weights[n] for n in range(4)))
    return np.concatenate(found)


def _fields(
    recipe: Recipe, regional: Regional, variable: str, axis: TimeAxis
) -> tuple[Array, Array]:
    """Return fields on their domain means before rounding, and these means."""
    points, years = EUR_44.points, (int(axis.year[0]), int(axis.year[-1]))
    field = _driver(recipe, regional, variable, years)
    target = area_mean(field, points.weight)
    random = generator("regional", regional.name, variable, str(years[0]))
    series = [autoregressive(random, len(axis), memory=0.3, size=0.3) for _ in range(MODES)]
    weather = np.einsum(
        "tk,kc->tc", np.stack(series, 1), modes(regional.name, points, fineness=5.0)
    )
    change = _detail(variable, axis.month) + weather * (0.3 if variable == "pr" else 1.0)
    added = np.array(ADDED[variable]["monthly"], dtype=np.float64)[axis.month]
    if variable == "pr":
        target = target * added
        field *= np.maximum(1.0 + change, 0.1)
        field *= (target / area_mean(field, points.weight))[:, None]
    else:
        target = target + added
        field += change
        field += (target - area_mean(field, points.weight))[:, None]
    return field, target


def write_regional(
    directory: Path, recipe: Recipe, experiment: str, variable: str
) -> tuple[list[Path], dict[str, Any]]:
    """Write one variable of one experiment of the regional model.

    Returns
    -------
    list of Path, dict
        The files, and what the truth shall know: the annual means over the domain.
    """
    regional = recipe.regional
    assert regional is not None
    model = recipe.model(regional.source_id)
    first = regional.first_year if experiment == "historical" else SPLIT + 1
    last = SPLIT if experiment == "historical" else 2100
    written, means = [], []
    while first <= last:
        end = min((first - 1) // 10 * 10 + 10, last)
        axis = monthly(first, end - first + 1, model.calendar, UNITS)
        field, target = _fields(recipe, regional, variable, axis)
        path = regional.folder(experiment, variable) / regional.file(
            experiment, variable, f"{first}01-{end}12"
        )
        attributes = _attributes(regional, experiment, path)
        made = quantise(field, target, EUR_44.points, _quanta(variable))
        _write(directory / path, attributes, variable, axis, made)
        written.append(path)
        means.append((axis, target))
        first = end + 1
    years = [int(year) for axis, _ in means for year in axis.year[::12]]
    values = [float(f"{v:.12g}") for axis, made in means for v in year_means(made, axis).tolist()]
    name = f"{regional.name}.{experiment}"
    return written, {"domain_mean": {f"{name}.{variable}": {"years": years, variable: values}}}


def _quanta(variable: str) -> Array:
    return quanta(VARIABLES[variable].quantum, np.full_like(EUR_44.points.lat, 0.75))


def _write(
    path: Path,
    attributes: dict[str, Any],
    variable: str,
    axis: TimeAxis,
    made: NDArray[np.float32],
) -> None:
    described, shape = VARIABLES[variable], EUR_44.points.shape
    with created(path, attributes) as dataset:
        put_time(dataset, axis.centres, axis.bounds, units=axis.units, calendar=axis.calendar)
        put_rotated(dataset, EUR_44)
        if described.height:
            put_height(dataset, described.height)
        words = variable_attributes(variable, "")
        words["coordinates"] = "lon lat height" if described.height else "lon lat"
        put_fields(
            dataset, variable, ("time", "rlat", "rlon"), [made.reshape(-1, *shape)],
            chunks=(min(12, len(axis)), *shape), grid_mapping="rotated_pole", **words,
        )  # fmt: skip


def _attributes(regional: Regional, experiment: str, path: Path) -> dict[str, Any]:
    scenario = "historical" if experiment == "historical" else "RCP8.5 (its place; see comment)"
    return {
        "Conventions": "CF-1.4",
        "institution": "DEMO (an invented institution)",
        "institute_id": "DEMO",
        "experiment_id": experiment,
        "experiment": scenario,
        "source": f"{regional.rcm_model}: interpolation and invented detail",
        "model_id": regional.rcm_model,
        "rcm_version_id": "v1",
        "contact": "nobody: the data are invented",
        "project_id": "CORDEX",
        "CORDEX_domain": "EUR-44",
        "driving_experiment": f"{regional.driving_model},{experiment},{regional.ensemble}",
        "driving_model_id": regional.driving_model,
        "driving_model_ensemble_member": regional.ensemble,
        "driving_experiment_name": experiment,
        "frequency": "mon",
        "product": "output",
        "creation_date": CREATED,
        "tracking_id": tracking_id(path.as_posix(), prefix="21.14103"),
        "history": "written by climeri_platform.testing",
        **SYNTHETIC,
    }
