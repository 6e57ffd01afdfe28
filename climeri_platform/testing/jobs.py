"""The work of building, cut into jobs that know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from climeri_platform.testing.cmip6 import write_dataset
from climeri_platform.testing.cordex import write_regional
from climeri_platform.testing.libigcm import write_native
from climeri_platform.testing.observations import write_observations

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.testing.recipe import Recipe

    Done = tuple[list[Path], dict[str, Any]]

__all__ = ["Job", "jobs_of", "run_job"]


@dataclass(frozen=True)
class Job:
    """One dataset, or a few that are written together; ``cost`` orders the work."""

    kind: str
    name: str
    cost: int


def jobs_of(recipe: Recipe) -> list[Job]:
    """Return the jobs of a recipe, the longest first so that no process waits at the end."""
    jobs = [
        Job("cmip6", f"{run.name}.{variable}", _cost(variable, run.length))
        for run in recipe.runs
        for variable in run.variables
    ]
    jobs += [Job("obs4mips", variable, 30) for variable in recipe.observables]
    if recipe.regional:
        names = recipe.regional.variables
        jobs += [Job("cordex", f"{e}.{v}", 400) for e in ("historical", "rcp85") for v in names]
    if recipe.workflow:
        jobs += [Job("libigcm", f"ATM.TS.{name}", 40) for name in recipe.workflow.series]
        parts = ("card", "ATM.MO", "ATM.SE", "OCE.MO", "OCE.SE", "OCE.TS.tos")
        jobs += [Job("libigcm", part, 100) for part in parts]
    return sorted(jobs, key=lambda job: (-job.cost, job.name))


def _cost(variable: str, years: int) -> int:
    table = variable.split(".", maxsplit=1)[0]
    return {"fx": 0, "Ofx": 0, "day": 600}.get(table, years)


def run_job(directory: Path, recipe: Recipe, job: Job) -> tuple[list[str], dict[str, Any]]:
    """Do one job.

    Returns
    -------
    list of str, dict
        The NetCDF files relative to the archive, and what the truth shall know of them.
    """
    paths, told = _WRITERS[job.kind](directory, recipe, job.name)
    return [path.as_posix() for path in paths], told


def _cmip6(directory: Path, recipe: Recipe, name: str) -> Done:
    source, experiment, member, table, variable = name.split(".")
    run = recipe.run(source, experiment, member)
    assert run is not None
    return write_dataset(directory, recipe, run, table, variable), {}


def _cordex(directory: Path, recipe: Recipe, name: str) -> Done:
    experiment, variable = name.split(".")
    return write_regional(directory, recipe, experiment, variable)


def _libigcm(directory: Path, recipe: Recipe, name: str) -> Done:
    return write_native(directory, recipe, name), {}


_WRITERS = {
    "cmip6": _cmip6,
    "cordex": _cordex,
    "libigcm": _libigcm,
    "obs4mips": write_observations,
}
