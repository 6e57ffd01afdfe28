"""What a perfect regression of the exact series gives, the sampling noise included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from climeri_platform.testing.recipe import Recipe
    from climeri_platform.testing.simulation import Simulation

__all__ = ["gregory"]


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line."""
    centred = x - x.mean()
    slope = float((centred * (y - y.mean())).sum() / (centred**2).sum())
    return slope, float(y.mean() - slope * x.mean())


def gregory(recipe: Recipe, simulations: dict[str, Simulation]) -> dict[str, Any]:
    """Regress the net flux on the warming of each abrupt quadrupling that has its control.

    Anomalies are taken from a straight line through the whole control, evaluated in the years
    that run in parallel after the true branch point (Gregory et al. 2004,
    doi:10.1029/2003GL018747). The sensitivity is half the warming at which the line reaches zero.

    Returns
    -------
    dict
        By run: ``ecs`` (K), ``lambda`` (W m-2 K-1), ``F4x`` (W m-2).
    """
    made = {}
    for run in recipe.runs:
        model = recipe.model(run.source_id)
        if run.experiment_id != "abrupt-4xCO2":
            continue
        physics_forcing = run.member_id[run.member_id.index("p") :]
        control = simulations.get(f"{run.source_id}.piControl.r1i1{physics_forcing}")
        if control is None:
            continue
        abrupt = simulations[run.name]
        elapsed = (control.years - model.control_start).astype(np.float64)
        parallel = run.branch + np.arange(run.length)
        slope, start = _line(elapsed, control.annual["tas"])
        warming = abrupt.annual["tas"] - (start + slope * parallel)
        slope, start = _line(elapsed, control.toa)
        flux = abrupt.toa - (start + slope * parallel)
        slope, start = _line(warming, flux)
        made[run.name] = {
            "ecs": round(-start / slope / 2.0, 9),
            "lambda": round(-slope, 9),
            "F4x": round(start, 9),
        }
    return made
