r"""The two-layer energy balance model that every simulation of the archive obeys.

.. math::

    C\\,dT/dt &= F - \\lambda T - \\gamma (T - T_0) \\\\
    C_0\\,dT_0/dt &= \\gamma (T - T_0) \\\\
    N &= F - \\lambda T

(Geoffroy et al. 2013, doi:10.1175/JCLI-D-12-00195.1, with an efficacy of one.) The net flux ``N``
is linear in ``T`` for a constant forcing, so that the regression of Gregory et al. (2004,
doi:10.1029/2003GL018747) is exact without noise, and the equilibrium climate sensitivity is
``forcing_2x / feedback`` by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["STEPS", "TwoLayer", "abrupt_4x", "historical", "one_percent", "scenario"]

STEPS = 24
"""Time steps in a year."""

_VOLCANOES = ((1883.65, 3.0), (1902.8, 1.6), (1963.2, 1.4), (1982.3, 1.9), (1991.45, 3.1))


@dataclass(frozen=True)
class TwoLayer:
    """Parameters of one model.

    Parameters
    ----------
    forcing_2x
        Radiative forcing of doubled CO2, W m-2.
    feedback
        Feedback parameter, W m-2 K-1, positive for a stable climate.
    capacity
        Heat capacity of the upper layer, W yr m-2 K-1.
    deep_capacity
        Heat capacity of the deep ocean, W yr m-2 K-1.
    exchange
        Heat exchange between the layers, W m-2 K-1.

    Examples
    --------
    >>> TwoLayer(3.7, 1.0, 8.0, 100.0, 0.7).ecs
    3.7
    """

    forcing_2x: float
    feedback: float
    capacity: float
    deep_capacity: float
    exchange: float

    @property
    def ecs(self) -> float:
        """Equilibrium climate sensitivity, K."""
        return self.forcing_2x / self.feedback

    def respond(self, forcing: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Integrate the response to a forcing.

        Parameters
        ----------
        forcing
            (years, STEPS), W m-2.

        Returns
        -------
        temperature, flux : ndarray of float64
            (years,) annual means of T in K and of N in W m-2; ``flux`` is exactly
            ``forcing.mean(1) - feedback * temperature``.
        """
        upper = deep = 0.0
        step = 1.0 / STEPS
        means = []
        for year in forcing.tolist():
            total = 0.0
            for force in year:
                total += upper
                exchanged = self.exchange * (upper - deep)
                upper += step * (force - self.feedback * upper - exchanged) / self.capacity
                deep += step * exchanged / self.deep_capacity
            means.append(total / STEPS)
        temperature = np.array(means)
        return temperature, forcing.mean(axis=1) - self.feedback * temperature

    def tcr(self) -> float:
        """Return the transient climate response, K.

        The mean warming of years 61 to 80 of a noise-free run with 1 % more CO2 each year
        (doubling in year 70).
        """
        temperature, _ = self.respond(one_percent(self.forcing_2x, 80))
        return float(temperature[60:80].mean())


def _grid(first_year: float, years: int) -> NDArray[np.float64]:
    steps = (np.arange(STEPS) + 0.5) / STEPS
    times: NDArray[np.float64] = first_year + np.arange(years)[:, None] + steps
    return times


def abrupt_4x(forcing_2x: float, years: int) -> NDArray[np.float64]:
    """Return the forcing of an abrupt quadrupling: twice ``forcing_2x``, (years, STEPS)."""
    return np.full((years, STEPS), 2.0 * forcing_2x)


def one_percent(forcing_2x: float, years: int) -> NDArray[np.float64]:
    """Return the forcing of 1 % CO2 a year, logarithmic in CO2 and so linear in time."""
    forcing: NDArray[np.float64] = forcing_2x * np.log2(1.01) * _grid(0.0, years)
    return forcing


def volcanic(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the forcing of the eruptions, W m-2: at once down, back within some years."""
    forcing = np.zeros_like(times)
    for eruption, depth in _VOLCANOES:
        age = np.maximum(times - eruption, 0.0)
        forcing -= depth * (age / 0.5) * np.exp(1.0 - age / 0.5) * 0.8
    return forcing


def historical(forcing_2x: float, years: int, *, volcanoes: float = 1.0) -> NDArray[np.float64]:
    """Return the invented forcing from 1850 on: a growing trend and a few eruptions."""
    times = _grid(1850.0, years)
    trend = 2.5 * ((times - 1850.0) / 165.0) ** 2.3
    return (trend + volcanoes * volcanic(times)) * forcing_2x / 3.7


def _ssp585(since: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2.5 + 0.035 * since + 0.00037 * since**2


def _ssp126(since: NDArray[np.float64]) -> NDArray[np.float64]:
    return 2.5 + 0.035 * since - 0.00041 * since**2


_SCENARIOS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "ssp126": _ssp126,
    "ssp585": _ssp585,
}


def scenario(
    name: str, forcing_2x: float, years: int, *, volcanoes: float = 1.0
) -> NDArray[np.float64]:
    """Return the forcing from 1850 on of the historical years followed by a scenario.

    ``ssp585`` reaches about 8.2 W m-2 in 2100 and ``ssp126`` about 2.5, for ``forcing_2x`` 3.7.
    """
    past = historical(forcing_2x, 165, volcanoes=volcanoes)
    since = _grid(0.0, years - 165)
    return np.concatenate([past, _SCENARIOS[name](since) * forcing_2x / 3.7])
