"""What is true in the archive, as numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import ArchiveError
from climeri_platform.testing.climate import PATTERN
from climeri_platform.testing.cmip6 import LATEST, OLDER, OLDER_OFFSET, OLDER_YEARS
from climeri_platform.testing.cordex import ADDED, SPLIT
from climeri_platform.testing.gregory import gregory
from climeri_platform.testing.libigcm import native_truth
from climeri_platform.testing.metadata import branch
from climeri_platform.testing.recipe import ARCHIVE_VERSION
from climeri_platform.testing.reproducible import SEED
from climeri_platform.testing.simulation import NOISE, indices, simulate

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from climeri_platform.testing.recipe import Model, Recipe, Run
    from climeri_platform.testing.simulation import Simulation

__all__ = ["TRUTH_FILE", "make_truth", "read_truth"]

TRUTH_FILE = "truth.json"

TOLERANCE = {"global_mean_relative": 3e-8, "toa_net": 3e-6, "ecs_relative": 0.03}
"""How far a right reader may be off.

Relative for the annual means of single variables; in W m-2 for the net flux; and how far the
noise of one run may take a regression from the sensitivity that was chosen.
"""


def _numbers(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.12g}") for value in values.tolist()]


def _model_truth(model: Model, recipe: Recipe) -> dict[str, Any]:
    layers = model.layers()
    runs = [run for run in recipe.runs if run.source_id == model.source_id]
    return {
        "calendar": model.calendar,
        "time_units": model.units,
        "ecs": model.ecs,
        "tcr": round(layers.tcr(), 9),
        "lambda": layers.feedback,
        "F2x": layers.forcing_2x,
        "F4x": 2.0 * layers.forcing_2x,
        "heat_capacity": layers.capacity,
        "deep_heat_capacity": layers.deep_capacity,
        "heat_exchange": layers.exchange,
        "mean_tas": model.mean_tas,
        "drift_per_century": model.drift,
        "imbalance": model.imbalance,
        "physics": {
            f"p{physics}": {
                "ecs": model.sensitivity(physics),
                "lambda": model.layers(physics).feedback,
                "tcr": round(model.layers(physics).tcr(), 9),
            }
            for physics in sorted({indices(run.member_id)[2] for run in runs})
        },
        "members": {
            experiment: sorted(run.member_id for run in runs if run.experiment_id == experiment)
            for experiment in sorted({run.experiment_id for run in runs})
        },
    }


def _means(run: Run, made: Simulation) -> dict[str, Any]:
    """Return annual global means: of tas and the net flux always, of others where written."""
    names = ["tas", *(name.split(".")[1] for name in run.variables)]
    return {
        "years": made.years.tolist(),
        "toa_net": _numbers(made.toa),
        "forced_tas": _numbers(made.forced),
        **{name: _numbers(made.annual[name]) for name in names if name in made.annual},
    }


def _regional_truth(recipe: Recipe) -> dict[str, Any]:
    regional = recipe.regional
    if regional is None:
        return {}
    source, member = regional.source_id, regional.member_id
    return {
        "name": regional.name,
        "rcm_model": regional.rcm_model,
        "domain": "EUR-44",
        "driving_model": regional.driving_model,
        "driven_by": [f"{source}.historical.{member}", f"{source}.ssp585.{member}"],
        "historical_ends": SPLIT,
        "interpolation": "bilinear in latitude and longitude, of the written fields",
        "added": {name: ADDED[name] for name in regional.variables},
    }


def _versions(recipe: Recipe) -> dict[str, Any]:
    return {
        f"{run.name}.Amon.tas": {
            "latest": LATEST,
            "older": OLDER,
            "older_offset": OLDER_OFFSET,
            "older_years": OLDER_YEARS,
        }
        for run in recipe.runs
        if run.older_version
    }


def make_truth(recipe: Recipe, found: dict[str, Any]) -> dict[str, Any]:
    """Return the truth of an archive.

    Parameters
    ----------
    recipe
        What was written.
    found
        What only the writing of the fields could tell, by the names of its keys.
    """
    simulations = {run.name: simulate(recipe.model(run.source_id), run) for run in recipe.runs}
    means = {run.name: _means(run, simulations[run.name]) for run in recipe.runs}
    return {
        "archive_version": ARCHIVE_VERSION,
        "size": recipe.size,
        "seed": SEED,
        "models": {model.source_id: _model_truth(model, recipe) for model in recipe.models},
        "global_mean": means,
        "regional": _regional_truth(recipe),
        "libigcm": native_truth(recipe.workflow) if recipe.workflow else {},
        "versions": _versions(recipe),
        "branch": {run.name: point for run in recipe.runs if (point := branch(recipe, run))},
        "gregory": gregory(recipe, simulations),
        "warming_pattern": PATTERN,
        "noise": NOISE,
        "tolerance": TOLERANCE,
        **found,
    }


def read_truth(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what is true in an archive.

    Parameters
    ----------
    directory
        An archive that :func:`~climeri_platform.testing.build_archive` wrote.

    Raises
    ------
    ArchiveError
        If there is no complete archive.
    """
    path = Path(directory) / TRUTH_FILE
    try:
        truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"no truth of a demonstration archive can be read at {path}: {error}",
            hint="Write one with build_archive(directory) or `climeri demo --archive-only DIR`.",
        ) from error
    return truth
