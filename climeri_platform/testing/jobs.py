"""The work of building, cut into jobs that know nothing of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from climeri_platform.testing.cmip6 import write_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.testing.recipe import Recipe

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
        Job("cmip6", f"{run.name}.{variable}", 0 if "fx." in variable else run.length)
        for run in recipe.runs
        for variable in run.variables
    ]
    return sorted(jobs, key=lambda job: (-job.cost, job.name))


def run_job(directory: Path, recipe: Recipe, job: Job) -> tuple[list[str], dict[str, Any]]:
    """Do one job.

    Returns
    -------
    list of str, dict
        The files relative to the archive, and what the truth shall know of them.
    """
    source, experiment, member, table, variable = job.name.split(".")
    run = recipe.run(source, experiment, member)
    assert run is not None
    paths = write_dataset(directory, recipe, run, table, variable)
    return [path.as_posix() for path in paths], {}
