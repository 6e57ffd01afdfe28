"""What the climate of an invented world looks like: mean, seasons, pattern of change.

Every function takes places and returns fields on them. Area means are not set here: the fields
are moved (or scaled, where nothing may be negative) onto the prescribed global means when they
are written, see :mod:`climeri_platform.testing.fields`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.reproducible import snapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from climeri_platform.testing.grids import Points

__all__ = ["PATTERN", "Climate", "climate", "insolation", "warming_pattern"]

Array = NDArray[np.float64]

FREEZING = -1.8
"""Of sea water, degC."""

PATTERN: dict[str, Any] = {
    "formula": "P = p / area_mean(p), p = base + land * fraction_of_land + arctic * "
    "exp(-((lat - 90) / width)**2) - southern * exp(-((lat + 58) / 14)**2) * (1 - fraction_of_land)",
    "base": 0.85,
    "land": 0.45,
    "arctic": 1.9,
    "width": 24.0,
    "southern": 0.35,
}
"""The warming pattern: local change of tas is P times the change of its global mean."""


@dataclass(frozen=True)
class Climate:
    """One variable at some places (c cells).

    Parameters
    ----------
    mean
        (12, c) climatology of each month.
    change
        (c,) local change for a unit change of the global mean.
    noise
        (c,) size of the weather.
    positive
        If true, change and noise multiply the mean, and nothing falls below zero.
    floor
        Nothing that is not ``positive`` falls below this.
    """

    mean: Array
    change: Array
    noise: Array
    positive: bool
    floor: float = -np.inf


def _wave(peak: Array | float) -> Array:
    months = np.arange(12)[:, None] + 0.5
    wave: Array = np.cos(2.0 * np.pi * (months - peak) / 12.0)
    return wave


def insolation(lat: Array, solar_constant: float = 1361.0) -> Array:
    """Return the daily mean insolation in the middle of each month, (12, c), W m-2.

    Circular orbit; declination ``-23.44 cos(2 pi (day + 10) / 365)``.
    """
    day = (np.arange(12)[:, None] + 0.5) * 365.0 / 12.0
    tilt = np.deg2rad(-23.44 * np.cos(2.0 * np.pi * (day + 10.0) / 365.0))
    phi = np.deg2rad(np.clip(lat, -89.99, 89.99))
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(tilt), -1.0, 1.0))
    rays = sunset * np.sin(phi) * np.sin(tilt) + np.cos(phi) * np.cos(tilt) * np.sin(sunset)
    return snapped(np.maximum(solar_constant / np.pi * rays, 0.0), 6)


def warming_pattern(points: Points) -> Array:
    """Return the warming pattern at some places, its area mean is one."""
    land = land_fraction(points.lat, points.lon)
    north = np.exp(-(((points.lat - 90.0) / PATTERN["width"]) ** 2))
    south = np.exp(-(((points.lat + 58.0) / 14.0) ** 2)) * (1.0 - land)
    raw = (
        PATTERN["base"]
        + PATTERN["land"] * land
        + PATTERN["arctic"] * north
        - PATTERN["southern"] * south
    )
    return snapped(raw / (raw * points.weight).sum(), 9)


def _temperature(lat: Array, land: Array) -> Array:
    sine = np.sin(np.deg2rad(lat))
    annual = 300.5 - 33.0 * sine**2 - 14.0 * sine**8
    annual = annual - 20.0 * land * np.exp(-(((lat + 90.0) / 22.0) ** 2))
    annual = annual + 3.0 * land * np.exp(-(((np.abs(lat) - 22.0) / 12.0) ** 2))
    size = land * (2.0 + 23.0 * np.abs(sine) ** 1.3) + (1.0 - land) * (1.0 + 6.0 * np.abs(sine))
    season: Array = size * np.tanh(lat / 12.0) * _wave(6.8 * land + 7.6 * (1.0 - land))
    mean: Array = annual + season
    return mean


def _tas(points: Points, land: Array) -> Climate:
    noise = 0.35 + 0.7 * land + 0.9 * np.abs(np.sin(np.deg2rad(points.lat))) ** 3
    return Climate(_temperature(points.lat, land), warming_pattern(points), noise, positive=False)


def _tos(points: Points, land: Array) -> Climate:
    water = np.maximum(_temperature(points.lat, np.zeros_like(land)) - 273.15, FREEZING)
    warm = np.exp(-(((points.lat - 2.0) / 18.0) ** 2)) * np.cos(np.deg2rad(points.lon - 150.0))
    change = 1.0 - 0.5 * np.exp(-(((points.lat + 60.0) / 15.0) ** 2))
    change = np.where(np.abs(points.lat) > 72.0, 0.3 * change, change)
    noise = 0.45 - 0.3 * np.abs(np.sin(np.deg2rad(points.lat))) ** 2
    return Climate(water + 1.8 * warm, change, noise, positive=False, floor=FREEZING)


def _rain(points: Points, land: Array) -> Climate:
    lat, season = points.lat, _wave(7.5)
    belt = 6.0 * np.exp(-(((lat - 3.0 - 6.5 * season) / (9.0 + 3.0 * land)) ** 2))
    storms = 3.2 * np.exp(-(((np.abs(lat) - 43.0) / 16.0) ** 2)) * (1.0 - 0.25 * land)
    zones = 0.8 + 0.5 * np.cos(np.deg2rad(2.0 * (points.lon - 120.0))) * np.cos(np.deg2rad(lat))
    mean = (0.7 + belt * zones + storms) / 86400.0
    change = 0.4 + 1.2 * np.abs(np.sin(np.deg2rad(lat))) + np.exp(-((lat / 9.0) ** 2))
    return Climate(mean, change, np.full_like(lat, 0.22), positive=True)


def _pressure(points: Points, land: Array) -> Climate:
    lat, sine = points.lat, np.sin(np.deg2rad(points.lat))
    highs = 900.0 * np.exp(-(((np.abs(lat) - 32.0) / 11.0) ** 2))
    lows = -1900.0 * np.exp(-(((lat + 64.0) / 12.0) ** 2))
    lows = (
        lows - 500.0 * np.exp(-(((lat - 60.0) / 12.0) ** 2)) - 300.0 * np.exp(-((lat / 14.0) ** 2))
    )
    season = -500.0 * land * sine * _wave(6.8) + 250.0 * (1.0 - land) * sine * _wave(6.8)
    noise = 60.0 + 420.0 * np.abs(sine) ** 2
    return Climate(101_150.0 + highs + lows + season, 30.0 * sine, noise, positive=False)


def _reflected(points: Points, land: Array) -> Climate:
    sine = np.sin(np.deg2rad(points.lat))
    albedo = 0.195 + 0.36 * np.abs(sine) ** 3 + 0.07 * land
    albedo = albedo + 0.08 * np.exp(-(((points.lat - 4.0) / 8.0) ** 2))
    change = 0.6 + 1.2 * np.abs(sine)
    return Climate(
        insolation(points.lat) * albedo, change, np.full_like(sine, 0.035), positive=True
    )


def _emitted(points: Points, land: Array) -> Climate:
    warm = _temperature(points.lat, land)
    belt = 34.0 * np.exp(-(((points.lat - 4.0 - 5.0 * _wave(7.5)) / 9.0) ** 2))
    change = 0.5 + 0.5 * warming_pattern(points)
    return Climate(
        238.0 + 1.75 * (warm - 288.0) - belt, change, np.full_like(land, 2.6), positive=False
    )


def _incoming(points: Points, land: Array) -> Climate:
    zero = np.zeros_like(land)
    return Climate(insolation(points.lat), zero, zero, positive=True)


_CLIMATES: dict[str, Callable[[Points, Array], Climate]] = {
    "tas": _tas,
    "tos": _tos,
    "pr": _rain,
    "psl": _pressure,
    "rsdt": _incoming,
    "rsut": _reflected,
    "rlut": _emitted,
}


def climate(variable: str, points: Points) -> Climate:
    """Return the climate of a variable at some places.

    Parameters
    ----------
    variable
        A CMIP name: tas (K), tos (degC), pr (kg m-2 s-1), psl (Pa), rsdt, rsut, rlut (W m-2).
    points
        Where.
    """
    made = _CLIMATES[variable](points, land_fraction(points.lat, points.lon))
    snap = 11 if variable == "pr" else 6
    return replace(made, mean=snapped(made.mean, snap), change=snapped(made.change, 6))
