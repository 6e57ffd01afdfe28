"""The variables of the archive as the CMIP6 tables describe them, and how finely they are kept."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VARIABLES", "Variable"]


@dataclass(frozen=True)
class Variable:
    """Attributes of a variable.

    ``quantum`` is the step to which its values are rounded, a power of two; 0 stands for a third
    of the local weather, see :func:`~.fields.quanta`.
    """

    standard_name: str
    long_name: str
    units: str
    quantum: float
    positive: str = ""
    realm: str = "atmos"
    cell_methods: str = "area: time: mean"
    height: float = 0.0
    comment: str = ""


VARIABLES = {
    "tas": Variable(
        "air_temperature",
        "Near-Surface Air Temperature",
        "K",
        0.0,
        height=2.0,
        comment="near-surface (usually, 2 meter) air temperature",
    ),
    "tasmax": Variable(
        "air_temperature",
        "Daily Maximum Near-Surface Air Temperature",
        "K",
        0.0,
        cell_methods="area: mean time: maximum",
        height=2.0,
    ),
    "tasmin": Variable(
        "air_temperature",
        "Daily Minimum Near-Surface Air Temperature",
        "K",
        0.0,
        cell_methods="area: mean time: minimum",
        height=2.0,
    ),
    "pr": Variable(
        "precipitation_flux",
        "Precipitation",
        "kg m-2 s-1",
        2.0**-20,
        comment="includes both liquid and solid phases",
    ),
    "psl": Variable("air_pressure_at_mean_sea_level", "Sea Level Pressure", "Pa", 0.0),
    "rsdt": Variable(
        "toa_incoming_shortwave_flux", "TOA Incident Shortwave Radiation", "W m-2", 2.0**-4, "down"
    ),
    "rsut": Variable(
        "toa_outgoing_shortwave_flux", "TOA Outgoing Shortwave Radiation", "W m-2", 1.0, "up"
    ),
    "rlut": Variable(
        "toa_outgoing_longwave_flux", "TOA Outgoing Longwave Radiation", "W m-2", 1.0, "up"
    ),
    "tos": Variable(
        "sea_surface_temperature",
        "Sea Surface Temperature",
        "degC",
        0.0,
        realm="ocean",
        cell_methods="area: mean where sea time: mean",
    ),
    "areacella": Variable(
        "cell_area",
        "Grid-Cell Area for Atmospheric Grid Variables",
        "m2",
        0.0,
        realm="atmos land",
        cell_methods="area: sum",
    ),
    "areacello": Variable(
        "cell_area",
        "Grid-Cell Area for Ocean Variables",
        "m2",
        0.0,
        realm="ocean",
        cell_methods="area: sum",
    ),
    "sftlf": Variable(
        "land_area_fraction",
        "Percentage of the Grid Cell Occupied by Land (Including Lakes)",
        "%",
        0.0,
        realm="atmos",
        cell_methods="area: mean",
    ),
}
"""By CMIP name."""
