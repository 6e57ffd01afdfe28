"""Global attributes: those of the real archives, of invented institutions, marked synthetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from climeri_platform.testing.reproducible import tracking_id
from climeri_platform.testing.simulation import first_year, indices
from climeri_platform.testing.timeaxis import day_number
from climeri_platform.testing.variables import VARIABLES

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.testing.recipe import Model, Recipe, Run

__all__ = ["CREATED", "SYNTHETIC", "branch", "cmip6_attributes", "variable_attributes"]

CREATED = "2020-01-01T00:00:00Z"

SYNTHETIC = {
    "synthetic": "true: invented by climeri_platform.testing, not the output of a climate model",
    "comment": "Synthetic data with a known truth (truth.json) for tests and teaching. "
    "No statement about the real climate can be made from it.",
}

_EXPERIMENTS = {
    "piControl": "pre-industrial control",
    "historical": "all-forcing simulation of the recent past",
    "abrupt-4xCO2": "abrupt quadrupling of CO2",
    "1pctCO2": "1 percent per year increase in CO2",
    "ssp126": "update of RCP2.6 based on SSP1",
    "ssp585": "update of RCP8.5 based on SSP5",
}

_TABLES = {"Amon": "mon", "Omon": "mon", "day": "day", "fx": "fx", "Ofx": "fx"}


def branch(recipe: Recipe, run: Run) -> dict[str, Any]:
    """Return where a run branched: the truth, and what its files say.

    Returns
    -------
    dict
        ``parent``, ``parent_year`` (its first of January), ``child_year``, ``units`` and
        ``calendar`` of the parent; ``in_parent`` and ``in_child`` as the attributes give them;
        ``true_in_parent``; ``wrong_on_purpose``. Empty for a control.
    """
    if run.experiment_id == "piControl":
        return {}
    model = recipe.model(run.source_id)
    scenario = run.experiment_id.startswith("ssp")
    parent = "historical" if scenario else "piControl"
    year = 2015 if scenario else model.control_start + run.branch
    units = model.units if scenario else model.control_units or model.units
    true = day_number(year, model.calendar, units)
    wrong = day_number(model.control_start + 700, model.calendar, units)
    child = first_year(model, run)
    return {
        "parent": f"{run.source_id}.{parent}.{parent_member(run)}",
        "parent_year": year,
        "child_year": child,
        "units": units,
        "calendar": model.calendar,
        "true_in_parent": true,
        "in_parent": wrong if run.wrong_branch else true,
        "in_child": day_number(child, model.calendar, model.units),
        "wrong_on_purpose": run.wrong_branch,
    }


def parent_member(run: Run) -> str:
    """Return the member of the parent: its own for a scenario, else the control's."""
    if run.experiment_id.startswith("ssp"):
        return run.member_id
    _, _, physics, forcing = indices(run.member_id)
    return f"r1i1p{physics}f{forcing}"


def _parent_attributes(recipe: Recipe, run: Run) -> dict[str, Any]:
    point = branch(recipe, run)
    if not point:
        return {
            "branch_method": "no parent",
            "branch_time_in_child": 0.0,
            "branch_time_in_parent": 0.0,
            "parent_activity_id": "no parent",
            "parent_experiment_id": "no parent",
            "parent_mip_era": "no parent",
            "parent_source_id": "no parent",
            "parent_time_units": "no parent",
            "parent_variant_label": "no parent",
        }
    source, experiment, member = point["parent"].split(".")
    return {
        "branch_method": "standard",
        "branch_time_in_child": point["in_child"],
        "branch_time_in_parent": point["in_parent"],
        "parent_activity_id": "CMIP",
        "parent_experiment_id": experiment,
        "parent_mip_era": "CMIP6",
        "parent_source_id": source,
        "parent_time_units": point["units"],
        "parent_variant_label": member,
    }


def cmip6_attributes(
    recipe: Recipe, run: Run, table: str, variable: str, path: Path
) -> dict[str, Any]:
    """Return the global attributes of a CMIP6 file, in alphabetical order as CMOR writes them."""
    model, described = recipe.model(run.source_id), VARIABLES[variable]
    realization, initialization, physics, forcing = indices(run.member_id)
    scenario = run.experiment_id.startswith("ssp")
    made: dict[str, Any] = {
        "Conventions": "CF-1.7 CMIP-6.2",
        "activity_id": "ScenarioMIP" if scenario else "CMIP",
        "contact": "nobody: the data are invented",
        "creation_date": CREATED,
        "data_specs_version": "01.00.31",
        "experiment": _EXPERIMENTS[run.experiment_id],
        "experiment_id": run.experiment_id,
        "forcing_index": forcing,
        "frequency": _TABLES[table],
        "further_info_url": "https://furtherinfo.es-doc.org/CMIP6.DEMO."
        f"{run.source_id}.{run.experiment_id}.none.{run.member_id}",
        "grid": _grid_text(model, table),
        "grid_label": "gn",
        "history": "written by climeri_platform.testing",
        "initialization_index": initialization,
        "institution": "DEMO (an invented institution)",
        "institution_id": "DEMO",
        "license": "Invented data, free for any use, with no warranty of any kind.",
        "mip_era": "CMIP6",
        "nominal_resolution": model.nominal_resolution,
        "physics_index": physics,
        "product": "model-output",
        "realization_index": realization,
        "realm": described.realm,
        "source": f"{run.source_id} (2020): an energy balance model dressed as a climate model",
        "source_id": run.source_id,
        "source_type": "AOGCM",
        "sub_experiment": "none",
        "sub_experiment_id": "none",
        "table_id": table,
        "title": f"{run.source_id} output prepared for CMIP6",
        "tracking_id": tracking_id(path.as_posix()),
        "variable_id": variable,
        "variant_label": run.member_id,
        **SYNTHETIC,
        **_parent_attributes(recipe, run),
    }
    if table not in {"fx", "Ofx"}:
        made["external_variables"] = "areacello" if table == "Omon" else "areacella"
    return dict(sorted(made.items(), key=lambda item: item[0].lower()))


def variable_attributes(variable: str, measure: str) -> dict[str, Any]:
    """Return the attributes of a variable of CMIP, without its missing value."""
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
    }
    return {key: value for key, value in made.items() if value}


def _grid_text(model: Model, table: str) -> str:
    if table in {"Omon", "Ofx"} and model.ocean:
        rows, columns = model.ocean
        return f"tripolar, {columns} x {rows} longitude/latitude"
    kind, nlat, nlon = model.grid
    return f"{kind}, {nlon} x {nlat} longitude/latitude"
