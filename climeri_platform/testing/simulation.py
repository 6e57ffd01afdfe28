"""One run as numbers: annual and monthly global means of every variable, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing import energy_balance
from climeri_platform.testing.reproducible import generator, snapped
from climeri_platform.testing.timeaxis import TimeAxis, monthly, year_means
from climeri_platform.testing.weather import autoregressive

if TYPE_CHECKING:
    from climeri_platform.testing.recipe import Model, Run

__all__ = ["BASE", "NOISE", "Simulation", "axis_of", "first_year", "monthly_targets", "simulate"]

Array = NDArray[np.float64]

NOISE = {"tas": 0.07, "tas_memory": 0.5, "toa": 0.12, "monthly_tas": 0.06, "monthly_toa": 0.25}
"""Sizes of the internal variability of global means: K, -, W m-2, K, W m-2."""

BASE = {"rsdt": 340.25, "rsut": 99.5, "pr": 3.36e-5, "psl": 101_100.0, "tos": 17.2}
"""Global means of the control: W m-2, W m-2, kg m-2 s-1, Pa, degC."""

_SEASON = {
    "tas": (1.9, 6.6),
    "tos": (0.25, 2.5),
    "pr": (4.0e-7, 7.0),
    "psl": (15.0, 0.5),
    "rsdt": (0.0, 0.0),
    "rsut": (4.5, 11.7),
    "rlut": (3.6, 6.9),
}
"""Half-range and month of the maximum of the seasons of the global means."""


@dataclass(frozen=True)
class Simulation:
    """Annual global means of a run.

    ``annual`` maps tas, rsdt, rsut, rlut, pr, psl and tos to (years,); the net flux ``toa`` is
    ``rsdt - rsut - rlut``. ``forced`` is the noise-free warming and ``anomaly`` all of it, K.
    """

    years: NDArray[np.int64]
    annual: dict[str, Array]
    anomaly: Array
    forced: Array
    toa: Array


def indices(member_id: str) -> tuple[int, int, int, int]:
    """Return r, i, p and f of a variant label.

    Examples
    --------
    >>> indices("r2i1p1f3")
    (2, 1, 1, 3)
    """
    text = member_id.replace("r", " ").replace("i", " ").replace("p", " ").replace("f", " ")
    realization, initialization, physics, forcing = (int(each) for each in text.split())
    return realization, initialization, physics, forcing


def first_year(model: Model, run: Run) -> int:
    """Return the first year of a run."""
    if run.experiment_id == "piControl":
        return model.control_start
    return 2015 if run.experiment_id.startswith("ssp") else 1850


def axis_of(model: Model, run: Run) -> TimeAxis:
    """Return the monthly axis of a run."""
    control = run.experiment_id == "piControl"
    units = (model.control_units if control else "") or model.units
    return monthly(first_year(model, run), run.length, model.calendar, units)


def _forcing(model: Model, run: Run, forcing_index: int) -> Array:
    two, years = model.forcing_2x, run.length
    volcanoes = 1.0 if forcing_index == 1 else 0.7
    match run.experiment_id:
        case "piControl":
            return np.zeros((years, energy_balance.STEPS))
        case "abrupt-4xCO2":
            return energy_balance.abrupt_4x(two, years)
        case "1pctCO2":
            return energy_balance.one_percent(two, years)
        case "historical":
            return energy_balance.historical(two, years, volcanoes=volcanoes)
    return energy_balance.scenario(run.experiment_id, two, 165 + years, volcanoes=volcanoes)


def simulate(model: Model, run: Run) -> Simulation:
    """Compute the annual global means of a run.

    ``T = forced + drift + noise``; ``N = F - feedback * (forced + noise) + imbalance + flutter``:
    the drift is that of the control, at the same distance from the branch point, and the net flux
    answers to the internal variability of the temperature.
    """
    _, _, physics, forcing_index = indices(run.member_id)
    layers, years = model.layers(physics), run.length
    forcing = _forcing(model, run, forcing_index)
    forced = layers.respond(forcing)[0][-years:]
    force = forcing.mean(axis=1)[-years:]
    random = generator("global", run.name)
    noise = autoregressive(random, years, memory=NOISE["tas_memory"], size=NOISE["tas"])
    flutter = snapped(NOISE["toa"] * random.standard_normal(years), 9)
    since = np.arange(years) + run.branch + (165 if run.experiment_id.startswith("ssp") else 0)
    drift = model.drift * (since + 0.5) / 100.0
    toa = force - layers.feedback * (forced + noise) + model.imbalance + flutter
    anomaly = forced + drift + noise
    rsdt = np.full(years, BASE["rsdt"])
    rsut = BASE["rsut"] - 0.35 * (forced + noise) + 0.4 * flutter
    start = first_year(model, run)
    annual = {
        "tas": model.mean_tas + anomaly,
        "tos": BASE["tos"] + 0.8 * anomaly,
        "pr": BASE["pr"] * (1.0 + 0.02 * anomaly),
        "psl": np.full(years, BASE["psl"]),
        "rsdt": rsdt,
        "rsut": rsut,
        "rlut": rsdt - rsut - toa,
    }
    return Simulation(np.arange(start, start + years), annual, anomaly, forced, toa)


def monthly_targets(run: Run, simulation: Simulation, axis: TimeAxis, variable: str) -> Array:
    """Return the monthly global means of a variable, (t,).

    A season and monthly noise whose mean over each year, months weighted by their length in the
    calendar of the model, is taken away, so that the annual means are those of the simulation.
    """
    size, peak = _SEASON[variable]
    departure = size * np.cos(2.0 * np.pi * (axis.month + 0.5 - peak) / 12.0)
    flux = variable in {"rsut", "rlut"}
    if variable == "tas" or flux:
        width = NOISE["monthly_toa"] if flux else NOISE["monthly_tas"]
        random = generator("monthly", run.name, variable)
        departure = departure + autoregressive(random, len(axis), memory=0.4, size=width)
    departure = departure - np.repeat(year_means(departure, axis), 12)
    target: Array = np.repeat(simulation.annual[variable], 12) + departure
    return target
