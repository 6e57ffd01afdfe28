"""Fields of float32 whose area means are prescribed numbers.

A field is a climatology, a pattern times an amplitude, and weather. It is moved onto its target
mean, rounded to a quantum (so that it compresses), and then the rounding is mended: some cells of
one row, all of one area, take one quantum more or less, until the area mean is the target to
within half a quantum of a single cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.testing.climate import Climate
    from climeri_platform.testing.grids import Points

__all__ = ["FieldPlan", "area_mean", "blocks", "quantise", "raw_block"]

Array = NDArray[np.float64]

BLOCK = 60
"""Months that are made at once: five years stay in the cache of a processor."""


@dataclass(frozen=True)
class FieldPlan:
    """Everything that makes the monthly fields of one variable in one run.

    Parameters
    ----------
    climate, modes
        At the places: see :class:`~climeri_platform.testing.climate.Climate`; (MODES, c).
    amplitude
        (t,) how much of the pattern of change.
    weather
        (t, MODES) series of the modes.
    target
        (t,) area means to reach.
    months
        (t,) month of the year, from 0.
    """

    climate: Climate
    modes: Array
    amplitude: Array
    weather: Array
    target: Array
    months: NDArray[np.int64]


def area_mean(field: Array, weight: Array) -> Array:
    """Return the mean of (t, c) over the cells, (t,), without the threads of a BLAS."""
    mean: Array = np.einsum("tc,c->t", field, weight)
    return mean


def raw_block(plan: FieldPlan, part: slice, weight: Array) -> Array:
    """Return the fields of some months before rounding, (t, c), on their target means."""
    made = plan.climate
    anomaly = plan.amplitude[part, None] * made.change
    anomaly += np.einsum("tk,kc->tc", plan.weather[part], plan.modes * made.noise)
    mean = made.mean[plan.months[part]]
    field: Array
    if made.positive:
        anomaly += 1.0
        np.maximum(anomaly, 0.05, out=anomaly)
        field = mean * anomaly
        field *= (plan.target[part] / area_mean(field, weight))[:, None]
    else:
        field = mean + anomaly
        field += (plan.target[part] - area_mean(field, weight))[:, None]
    return field


def _mending_row(points: Points) -> NDArray[np.int64]:
    """Return cells of one area, near the equator, in an order that scatters them."""
    nrow, ncol = points.shape
    valid = (points.area > 0).reshape(points.shape)
    lat = np.abs(points.lat.reshape(points.shape)).mean(axis=1)
    row = int(np.argmax(valid.sum(axis=1) / ncol - lat / 900.0))
    cells = row * ncol + np.flatnonzero(valid[row])
    stride = next(n for n in range(int(len(cells) * 0.618), nrow * ncol) if np.gcd(n, len(cells)) == 1)
    order: NDArray[np.int64] = cells[(np.arange(len(cells)) * stride) % len(cells)]
    return order


def quantise(
    field: Array, target: Array | None, points: Points, quantum: float
) -> NDArray[np.float32]:
    """Round fields to multiples of a quantum and keep their area means.

    Parameters
    ----------
    field
        (t, c).
    target
        (t,) area means, or None to leave the rounding as it falls.
    points
        The cells; those without area do not count.
    quantum
        A power of two, so that multiples are exact in float32.

    Returns
    -------
    ndarray of float32
        (t, c).
    """
    counts = np.rint(field / quantum)
    if target is not None:
        weight, order = points.weight, _mending_row(points)
        missing = target / quantum - area_mean(counts, weight)
        steps = np.rint(missing / weight[order[0]])
        rounds, rest = np.divmod(np.abs(steps), len(order))
        extra = rounds[:, None] + (np.arange(len(order)) < rest[:, None])
        counts[:, order] += np.sign(steps)[:, None] * extra
    return (counts * quantum).astype(np.float32)


def blocks(plan: FieldPlan, points: Points, quantum: float) -> Iterator[NDArray[np.float32]]:
    """Yield the rounded fields of a run, (t, row, column), five years at a time."""
    for first in range(0, len(plan.target), BLOCK):
        part = slice(first, first + BLOCK)
        field = raw_block(plan, part, points.weight)
        made = quantise(field, plan.target[part], points, quantum)
        yield made.reshape(-1, *points.shape)
