"""Figures that live without pyplot, and the words on them."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Picture", "describe", "pretty_units"]


class Picture(Figure):
    """A figure that a notebook shows without pyplot, hence without state left behind."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=120, layout="constrained")

    def _repr_png_(self) -> bytes:
        image = BytesIO()
        self.savefig(image, format="png", dpi=self.dpi)
        return image.getvalue()


def pretty_units(units: str) -> str:
    """Return units as people write them.

    Parameters
    ----------
    units
        As udunits has them.

    Examples
    --------
    >>> pretty_units("kg m-2 s-1"), pretty_units("degC"), pretty_units("1")
    ('kg m$^{-2}$ s$^{-1}$', '°C', '')
    """
    if units in {"1", ""}:
        return ""
    if units in {"degC", "deg_C", "celsius", "Celsius", "degrees_Celsius"}:
        return "°C"
    return re.sub(r"(?<=[A-Za-z])(?:\^|\*\*)?(-?\d+)", r"$^{\1}$", units)


def describe(field: xr.DataArray) -> str:
    """Return the name of a quantity with its units, as an axis carries it."""
    name = str(field.attrs.get("long_name") or field.attrs.get("standard_name") or "")
    name = name.replace("_", " ")
    name = name[:1].upper() + name[1:] or str(field.name)
    if baseline := field.attrs.get("climeri_baseline"):
        name = f"{name}, relative to {baseline}"
    units = pretty_units(str(field.attrs.get("units", "")))
    return f"{name} [{units}]" if units else name
