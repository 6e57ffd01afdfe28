"""Daily fields whose monthly means are the monthly fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.fields import area_mean, quanta, quantise, raw_block
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.plans import plan_fields
from climeri_platform.testing.reproducible import generator, snapped
from climeri_platform.testing.variables import VARIABLES
from climeri_platform.testing.weather import MODES, autoregressive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.testing.grids import Points
    from climeri_platform.testing.recipe import Model, Run
    from climeri_platform.testing.timeaxis import TimeAxis

__all__ = ["daily_blocks"]

Array = NDArray[np.float64]


def _day_weather(run: Run, kind: str, year: int, month: int, days: int) -> Array:
    """Return the series of the modes within a month, (days, MODES), without a monthly mean."""
    random = generator("days", run.name, kind, f"{year}-{month}")
    made = [autoregressive(random, days, memory=0.7, size=1.0) for _ in range(MODES - 1)]
    weather = np.stack([np.zeros(days), *made], axis=1)
    centred: Array = weather - weather.mean(axis=0)
    return centred


def _range(points: Points) -> Array:
    """Half of the range between the coldest and the warmest hour of a day, K."""
    dry = np.exp(-(((np.abs(points.lat) - 24.0) / 14.0) ** 2))
    return snapped(1.0 + land_fraction(points.lat, points.lon) * (3.0 + 3.5 * dry), 6)


def daily_blocks(
    model: Model, run: Run, variable: str, points: Points, months: TimeAxis, part: slice
) -> Iterator[NDArray[np.float32]]:
    """Yield the daily fields of some months of a run, (days, row, column), month by month.

    ``tas``: the monthly field, a straight line through its neighbours, and daily weather that
    cancel over the month; ``tasmax`` and ``tasmin`` lie half a daily range above and below;
    ``pr``: the monthly field times daily factors, at times zero, of mean one.
    """
    rain = variable == "pr"
    plan = plan_fields(model, run, "pr" if rain else "tas", points)
    first, last = max(part.start - 1, 0), min(part.stop + 1, len(months))
    around = raw_block(plan, slice(first, last), points.weight)
    shapes = plan.modes * (2.0 if rain else plan.climate.noise)
    half = {"tasmax": 1.0, "tasmin": -1.0}.get(variable, 0.0) * _range(points)
    quantum = quanta(2.0 * VARIABLES[variable].quantum, plan.climate.noise)
    for step in range(part.start, part.stop):
        here, days = step - first, int(months.days[step])
        weather = _day_weather(
            run, "pr" if rain else "tas", int(months.year[step]), step % 12, days
        )
        changes = np.einsum("tk,kc->tc", weather, shapes)
        if rain:
            factor = np.maximum(0.7 + changes, 0.0) + 0.01
            field = around[here] * factor / factor.mean(axis=0)
        else:
            before, after = around[max(here - 1, 0)], around[min(here + 1, len(around) - 1)]
            middle = (np.arange(days) + 0.5) / days - 0.5
            field = around[here] + middle[:, None] * (after - before) / 2.0 + changes + half
        target = area_mean(field, points.weight)
        yield quantise(field, target, points, quantum).reshape(-1, *points.shape)
