"""From a run and a variable to the plan of its fields at some places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.testing.climate import climate
from climeri_platform.testing.fields import FieldPlan, quanta
from climeri_platform.testing.simulation import BASE, axis_of, monthly_targets, simulate
from climeri_platform.testing.variables import VARIABLES
from climeri_platform.testing.weather import modes, series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from climeri_platform.testing.grids import Points
    from climeri_platform.testing.recipe import Model, Run
    from climeri_platform.testing.simulation import Simulation

__all__ = ["plan_fields"]


def _amplitude(model: Model, made: Simulation, variable: str) -> NDArray[np.float64]:
    """Return the annual amplitude of the pattern of change of a variable."""
    if variable == "rsut":  # relative, for a field that is never negative
        return made.annual["rsut"] / BASE["rsut"] - 1.0
    if variable == "rlut":
        return made.annual["rlut"] - (BASE["rsdt"] - BASE["rsut"] - model.imbalance)
    return {"tos": 0.8, "pr": 0.02}.get(variable, 1.0) * made.anomaly


def plan_fields(model: Model, run: Run, variable: str, points: Points) -> FieldPlan:
    """Return what makes the monthly fields of a variable of a run at some places.

    Parameters
    ----------
    model, run
        Who simulates what.
    variable
        A CMIP name of a monthly variable.
    points
        The cells; the area mean over them is the prescribed global mean.
    """
    made, axis = simulate(model, run), axis_of(model, run)
    local = climate(variable, points)
    return FieldPlan(
        local,
        modes(model.source_id, points),
        np.repeat(_amplitude(model, made, variable), 12),
        series(run.name, variable, len(axis)),
        monthly_targets(run, made, axis, variable),
        axis.month,
        quanta(VARIABLES[variable].quantum, local.noise),
    )
