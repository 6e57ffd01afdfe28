"""Fields of float32 whose area means are prescribed numbers.

A field is a climatology, a pattern times an amplitude, and weather. It is moved onto its target
mean, rounded to a quantum (so that it compresses), and then the rounding is mended: some cells of
one row, all of one area, take one quantum more or less, and the last of them what is left, until
the area mean is the target to within 1/512 of a quantum of a single cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.testing.climate import Climate
    from climeri_platform.testing.grids import Points

__all__ = ["MISSING", "FieldPlan", "area_mean", "blocks", "quanta", "quantise", "raw_block"]

Array = NDArray[np.float64]

MISSING = np.float32(1e20)
"""The missing value of CMIP."""

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
    quantum
        (c,) the powers of two to whose multiples values are rounded.
    """

    climate: Climate
    modes: Array
    amplitude: Array
    weather: Array
    target: Array
    months: NDArray[np.int64]
    quantum: Array

    def cut(self, part: slice) -> FieldPlan:
        """Return the plan of some of the months."""
        return replace(
            self,
            amplitude=self.amplitude[part],
            weather=self.weather[part],
            target=self.target[part],
            months=self.months[part],
        )


def quanta(fixed: float, noise: Array) -> Array:
    """Return the rounding of each cell: fixed, or about a third of its weather if that is 0."""
    if fixed:
        return np.full_like(noise, fixed)
    powers: Array = 2.0 ** np.rint(np.log2(noise / 3.0))
    return powers


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
        if made.floor > -np.inf:
            _keep_above(field, made.floor, plan.target[part], weight)
    return field


def _keep_above(field: Array, floor: float, target: Array, weight: Array) -> None:
    """Lift what lies below a floor, and lower the rest by as much, in place."""
    for _ in range(4):  # each round sinks a few more cells; mending takes what is left
        np.maximum(field, floor, out=field)
        above = (field > floor).astype(np.float64)
        excess = area_mean(field, weight) - target
        field -= above * (excess / area_mean(above, weight))[:, None]
    np.maximum(field, floor, out=field)


def _mending_row(points: Points, quantum: Array) -> NDArray[np.int64]:
    """Return cells of one area and one quantum, near the equator, in an order that scatters them."""
    nrow, ncol = points.shape
    finest = quantum == quantum.reshape(points.shape).min(axis=1).repeat(ncol)
    valid = ((points.area > 0) & finest).reshape(points.shape)
    lat = np.abs(points.lat.reshape(points.shape)).mean(axis=1)
    row = int(np.argmax(valid.sum(axis=1) / ncol - lat / 300.0))
    cells = row * ncol + np.flatnonzero(valid[row])
    first = max(1, int(len(cells) * 0.618))
    stride = next(n for n in range(first, nrow * ncol) if np.gcd(n, len(cells)) == 1)
    order: NDArray[np.int64] = cells[(np.arange(len(cells)) * stride) % len(cells)]
    return order


def quantise(
    field: Array, target: Array | None, points: Points, quantum: Array
) -> NDArray[np.float32]:
    """Round fields to multiples of a quantum and keep their area means.

    Parameters
    ----------
    field
        (t, c).
    target
        (t,) area means, or None to leave the rounding as it falls.
    points
        The cells; those without area become missing values.
    quantum
        (c,) powers of two, so that multiples are exact in float32.

    Returns
    -------
    ndarray of float32
        (t, c).
    """
    rounded = np.rint(field / quantum) * quantum
    if target is not None:
        order = _mending_row(points, quantum)
        rounded[:, order] = _mended(rounded, target, points.weight, order, quantum[order[0]])
    made = rounded.astype(np.float32)
    made[:, points.area == 0] = MISSING
    return made


def _mended(
    rounded: Array, target: Array, weight: Array, order: NDArray[np.int64], step: float
) -> Array:
    """Return the cells of the mending row, (t, row), that bring the fields to their means.

    Where nothing is negative, dry cells come last, so that nothing becomes negative.
    """
    row, cell = rounded[:, order], float(weight[order[0]])
    missing = (target - area_mean(rounded, weight)) / cell
    rank = np.broadcast_to(np.arange(len(order)), row.shape)
    if rounded.min() >= 0.0:
        rank = np.argsort(row < 2.0 * step, axis=1, kind="stable")
    rounds, rest = np.divmod(np.abs(np.rint(missing / step)), len(order))
    ranked = rounds[:, None] + (np.arange(len(order)) < rest[:, None])
    extra = np.empty_like(row)
    np.put_along_axis(extra, rank, np.sign(missing)[:, None] * ranked * step, axis=1)
    # what is less than one quantum goes into one cell, in parts of a quantum
    left = missing - extra.sum(axis=1)
    first = rank[:, :1]
    part = np.rint(left / step * 256.0)[:, None] * step / 256.0
    np.put_along_axis(extra, first, np.take_along_axis(extra, first, axis=1) + part, axis=1)
    mended: Array = row + extra
    return mended


def blocks(plan: FieldPlan, points: Points) -> Iterator[NDArray[np.float32]]:
    """Yield the rounded fields of a run, (t, row, column), five years at a time."""
    for first in range(0, len(plan.target), BLOCK):
        part = slice(first, first + BLOCK)
        field = raw_block(plan, part, points.weight)
        made = quantise(field, plan.target[part], points, plan.quantum)
        yield made.reshape(-1, *points.shape)
