"""Weather: a few coherent patterns with AR(1) series, one of them like El Nino."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.reproducible import generator, snapped

if TYPE_CHECKING:
    from climeri_platform.testing.grids import Points

__all__ = ["MODES", "autoregressive", "modes", "series"]

Array = NDArray[np.float64]

MODES = 10
"""How many patterns; the first is the warm tongue of the tropical Pacific."""


def autoregressive(
    random: np.random.Generator, steps: int, *, memory: float, size: float, start: float = 0.0
) -> Array:
    """Return an AR(1) series of standard deviation ``size`` that begins beside ``start``."""
    kicks = random.standard_normal(steps) * size * np.sqrt(1.0 - memory**2)
    values, state = np.empty(steps), start
    for step, kick in enumerate(kicks.tolist()):
        state = memory * state + kick
        values[step] = state
    return snapped(values, 9)


def modes(name: str, points: Points, *, fineness: float = 1.0) -> Array:
    """Return the patterns of a model at some places, (MODES, c).

    Each is a sum of plane waves in space, seen where the sphere cuts them: isotropic, smooth, and
    defined on any grid, so that atmosphere and ocean of one model share their weather. Waves are
    as long as continents; a ``fineness`` above one shortens them.
    """
    random = generator("modes", name)
    phi, lam = np.deg2rad(points.lat), np.deg2rad(points.lon)
    space = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    tongue = np.exp(-((points.lat / 9.0) ** 2))
    tongue = tongue / (1.0 + np.exp(-(points.lon - 185.0) / 12.0))
    tongue = 2.2 * tongue / (1.0 + np.exp((points.lon - 275.0) / 6.0))
    made = [tongue]
    for _ in range(MODES - 1):
        waves = random.uniform(-1.0, 1.0, (5, 3)) * 5.5 * fineness
        shifts = random.uniform(0.0, 2.0 * np.pi, 5)
        field = np.zeros_like(phi)
        for wave, shift in zip(waves, shifts, strict=True):
            field += np.cos(wave[0] * space[0] + wave[1] * space[1] + wave[2] * space[2] + shift)
        made.append(field / np.sqrt(2.5 * (MODES - 1)))
    return snapped(np.stack(made), 6)


def series(name: str, variable: str, months: int) -> Array:
    """Return the monthly series of the patterns in one run, (months, MODES).

    The first mode, with a memory of about a year, is the same for all variables of a run.
    """
    nino = autoregressive(generator("nino", name), months, memory=0.93, size=0.8)
    columns = [nino if variable in {"tas", "tos"} else -0.2 * nino]
    kind = "tas" if variable in {"tas", "tos"} else variable
    memory = 0.55 if kind == "tas" else 0.25
    for mode in range(1, MODES):
        random = generator("weather", name, kind, str(mode))
        columns.append(autoregressive(random, months, memory=memory, size=1.0))
    return np.stack(columns, axis=1)
