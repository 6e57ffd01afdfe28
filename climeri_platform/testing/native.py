"""The fields of a native IPSL-like run: the names, units and signs of LMDZ and NEMO.

Written from the physics in the conventions of the models, not through a mapping table: sensible
and latent heat fluxes are positive downward, a cloud cover is a fraction, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.climate import Climate, climate, insolation
from climeri_platform.testing.fields import FieldPlan, quanta
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.plans import plan_fields
from climeri_platform.testing.reproducible import snapped
from climeri_platform.testing.simulation import axis_of, monthly_targets, simulate
from climeri_platform.testing.weather import modes, series

if TYPE_CHECKING:
    from climeri_platform.testing.grids import Points
    from climeri_platform.testing.recipe import Model, Run

__all__ = ["ATMOSPHERE", "OCEAN", "Native", "native_plan", "native_target"]

Array = NDArray[np.float64]

STEFAN_BOLTZMANN = 5.670374e-8
"""W m-2 K-4."""


@dataclass(frozen=True)
class Native:
    """A variable as the model names it; ``like`` is the CMIP variable with the same physics."""

    long_name: str
    units: str
    like: str = ""
    mean: float = 0.0
    quantum: float = 1.0


ATMOSPHERE = {
    "t2m": Native("Temperature 2m", "K", "tas"),
    "precip": Native("Precip Totale liq+sol", "kg/(s*m2)", "pr"),
    "slp": Native("Sea Level Pressure", "Pa", "psl"),
    "SWdnTOA": Native("SWdn at TOA", "W/m2", "rsdt"),
    "SWupTOA": Native("SWup at TOA", "W/m2", "rsut"),
    "topl": Native("Net thermal radiation at top of atmosphere, upward", "W/m2", "rlut"),
    "SWdnSFC": Native("SWdn at surface", "W/m2", mean=186.0),
    "SWupSFC": Native("SWup at surface", "W/m2", mean=24.0),
    "LWdnSFC": Native("Down. IR rad. at surface", "W/m2", mean=343.0),
    "LWupSFC": Native("Upwd. IR rad. at surface", "W/m2", mean=398.0),
    "sens": Native("Sensible heat flux, positive downward", "W/m2", mean=-19.0),
    "flat": Native("Latent heat flux, positive downward", "W/m2"),
    "cldt": Native("Total cloudiness", "-", mean=0.62, quantum=2.0**-6),
}
"""Variables of the stream histmth of LMDZ."""

OCEAN = {"tos": Native("sea surface temperature", "degC", "tos")}
"""Variables of the stream grid_T of NEMO."""


def _surface(name: str, points: Points) -> Climate:
    """Return the climate of a variable that CMIP6 trees of the archive do not hold."""
    land, warm = land_fraction(points.lat, points.lon), climate("tas", points).mean
    sine, sun = np.abs(np.sin(np.deg2rad(points.lat))), insolation(points.lat)
    shape = np.zeros_like(land)
    emitted = STEFAN_BOLTZMANN * warm**4
    means = {
        "SWdnSFC": sun * (0.5 + 0.08 * land),
        "SWupSFC": sun * 0.55 * (0.07 + 0.1 * land + 0.4 * sine**6),
        # the colder the air, the drier, and the less it radiates for its temperature
        "LWdnSFC": (0.86 + 0.0018 * (warm - 288.0)) * emitted,
        "LWupSFC": emitted,
        "sens": -12.0 - 22.0 * land * (sun / 340.0),
        "flat": -105.0 * np.cos(np.deg2rad(points.lat)) ** 1.5 * (1.0 - 0.45 * land) + 0.0 * sun,
        "cldt": 0.62 + 0.15 * np.cos(6.0 * np.deg2rad(points.lat)) - 0.12 * land + 0.0 * sun,
    }
    positive = name.startswith("SW")
    noise = {"cldt": 0.03, "sens": 2.0, "flat": 5.0}.get(name, 0.03 if positive else 3.0)
    return Climate(snapped(means[name], 6), shape, shape + noise, positive)


def native_target(model: Model, run: Run, name: str) -> Array:
    """Return the monthly global means of a native variable, (t,).

    The surface budget closes: ``SWdnSFC - SWupSFC + LWdnSFC - LWupSFC + sens + flat`` is in every
    month the net flux at the top of the atmosphere, ``SWdnTOA - SWupTOA - topl``.
    """
    made, axis = simulate(model, run), axis_of(model, run)
    described = {**ATMOSPHERE, **OCEAN}[name]
    if described.like:
        return monthly_targets(run, made, axis, described.like)
    warming = np.repeat(made.anomaly, 12)
    target: Array
    if name in {"LWdnSFC", "LWupSFC"}:
        target = described.mean + (5.6 if name == "LWdnSFC" else 5.2) * warming
    elif name != "flat":
        target = np.full(len(axis), described.mean)
    else:
        top = {key: native_target(model, run, key) for key in ("SWdnTOA", "SWupTOA", "topl")}
        others = {key: native_target(model, run, key) for key in ("SWdnSFC", "SWupSFC", "sens")}
        infrared = native_target(model, run, "LWdnSFC") - native_target(model, run, "LWupSFC")
        short = others["SWdnSFC"] - others["SWupSFC"]
        net = top["SWdnTOA"] - top["SWupTOA"] - top["topl"]
        target = net - short - infrared - others["sens"]
    return target


def native_plan(model: Model, run: Run, name: str, points: Points) -> FieldPlan:
    """Return what makes the monthly fields of a native variable."""
    described = {**ATMOSPHERE, **OCEAN}[name]
    if described.like:
        return plan_fields(model, run, described.like, points)
    local, axis = _surface(name, points), axis_of(model, run)
    return FieldPlan(
        local,
        modes(model.source_id, points),
        np.zeros(len(axis)),
        series(run.name, name, len(axis)),
        native_target(model, run, name),
        axis.month,
        quanta(described.quantum, local.noise),
    )
