"""Canonical units: K, Pa, kg m-2 s-1, % of area; the sea in degC.

CMIP6's tables say which (doi:10.5194/gmd-13-201-2020, the data request; ``catalogs/units.yaml``).
What a file says of its units is believed, unless it is a known fault (`faults`); what it does not
say is not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.conversion import is_unit, linear, table, to_canonical
from climeri_platform.access.coordinates import bounds_of
from climeri_platform.access.decoding import OF_VALUES
from climeri_platform.access.harmonise.fields import elementwise
from climeri_platform.access.steps import Step, remember
from climeri_platform.core.errors import UnitMismatch, UnknownValue, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Hashable

    import xarray as xr

__all__ = ["canonical_units", "check_units", "convert", "scaled"]

_FIX = "units"
_SAY = "Say them as UDUNITS spells them: mm/day, degC, hPa, W m-2."
_OF_COORDINATES = {"plev": "Pa", "lev": "m", "lat": "degrees_north", "lon": "degrees_east"}
_RADIANS = {"radian", "radians", "rad"}
_WAS_HEIGHT = {
    "lwe_precipitation_rate": "precipitation_flux",
    "lwe_convective_precipitation_rate": "convective_precipitation_flux",
    "lwe_snowfall_rate": "snowfall_flux",
    "lwe_water_evaporation_rate": "water_evapotranspiration_flux",
}


def canonical_units(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Bring variables and vertical axes to the canonical units.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary; variables by their CMIP names.
    about
        Not used: units are the file's to say.
    """
    del about
    steps: list[Step] = []
    known = table().canonical
    for name in [str(each) for each in dataset.data_vars if each in known]:
        dataset = _one(dataset, name, known[name], steps)
    for name, wanted in _OF_COORDINATES.items():
        if name in dataset.coords and dataset[name].dtype.kind == "f":
            dataset = _coordinate(dataset, name, wanted, steps)
    return dataset, steps


def convert(dataset: xr.Dataset, wanted: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Convert variables to the units that somebody wants to see.

    Parameters
    ----------
    dataset
        Lazy or not; lazy data stay lazy, float32 stays float32.
    wanted
        Variable to units. Water may be asked for as a height: ``{"pr": "mm/day"}``.

    Returns
    -------
    dataset : xarray.Dataset
    steps : list of Step

    Raises
    ------
    UnknownValue
        If the dataset has no such variable.
    UnitMismatch
        If the units do not convert.
    MissingExtra
        If cf-units is not installed.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> units = {"units": "kg m-2 s-1"}
    >>> rain = xr.Dataset({"pr": ("time", np.array([1e-5], "f4"), units)})
    >>> rain, steps = convert(rain, {"pr": "mm/day"})
    >>> round(float(rain["pr"][0]), 3), steps[0].factor
    (0.864, 86400.0)
    """
    steps: list[Step] = []
    for name, units in wanted.items():
        if name not in dataset.data_vars:
            near = nearest(name, [str(each) for each in dataset.data_vars])
            raise UnknownValue(
                f"there is no variable {name!r} to convert to {units!r}",
                hint=f"Did you mean {', '.join(near)}?" if near else "",
            )
        native = dataset[name].attrs.get("units")
        found = None if native is None else to_canonical(name, str(native), units)
        if found is None:
            raise UnitMismatch(
                f"{name} has units {native!r}, which do not convert to {units!r}",
                hint=_SAY,
            )
        if native != units:
            dataset, step = scaled(dataset, name, *found, units, fix="convert")
            steps.append(step)
    return remember(dataset, steps), steps


def check_units(wanted: Any) -> None:
    """Refuse units that mean nothing, or not for their variable, before anything is opened.

    Parameters
    ----------
    wanted
        Variable to units, as for `convert`.

    Raises
    ------
    UsageError
        If it maps no names to texts.
    UnknownValue
        If UDUNITS does not know them, or they are of another kind than the variable's.
    MissingExtra
        If cf-units is not installed.

    Examples
    --------
    >>> check_units({"pr": "mm/day", "tas": "degC"})
    """
    if not isinstance(wanted, Mapping):
        raise UsageError(f"units={wanted!r}: it is a mapping, such as {{'tas': 'degC'}}")
    known = table().canonical
    for name, units in wanted.items():
        if not isinstance(units, str):
            raise UsageError(f"units={{{name!r}: {units!r}}}: units are a text, such as 'degC'")
        said = f"units={{{name!r}: {units!r}}}"
        if not is_unit(units):
            raise UnknownValue(f"{said}: there are no such units", hint=_SAY)
        own = known.get(name)
        if own is not None and to_canonical(name, own, units) is None:
            raise UnknownValue(f"{said}: {name} is in {own!r}, which does not convert", hint=_SAY)


def scaled(
    dataset: xr.Dataset,
    name: Hashable,
    factor: float,
    offset: float,
    units: str,
    *,
    fix: str = _FIX,
    why: str = "",
) -> tuple[xr.Dataset, Step]:
    """Multiply and shift a variable when it is read, in its own precision.

    Parameters
    ----------
    dataset
        What holds it.
    name
        The variable.
    factor, offset
        New values are old values times factor, plus offset.
    units
        Of the new values.
    fix, why
        For the step: its name, and the reason where it is not the units.
    """
    old = dataset.variables[name]
    native = str(old.attrs.get("units", ""))
    new = old.copy(deep=False)
    moved = (factor, offset) != (1.0, 0.0)
    if moved:
        kind = old.dtype if old.dtype.kind == "f" else np.dtype("f8")
        new = elementwise(old, _Line(kind.type(factor), kind.type(offset)), kind)
        for word in OF_VALUES:
            new.attrs.pop(word, None)
    new.attrs["units"] = units
    if units.startswith("kg"):
        standard = str(new.attrs.get("standard_name", ""))
        new.attrs.update(
            {"standard_name": _WAS_HEIGHT[standard]} if standard in _WAS_HEIGHT else {}
        )
    said = f"{native!r} to {units!r}: times {factor:g}, plus {offset:g}" if moved else ""
    step = Step(
        fix,
        str(name),
        why or said or f"{native!r} is the same as {units!r}",
        "numbers" if moved else "names",
        factor=factor if moved else None,
        offset=offset if moved else None,
        native_units=native,
        units=units,
    )
    return dataset.assign({str(name): new}), step


class _Line:
    """Times a factor, plus an offset; a class, so that a graph can be sent to a worker."""

    def __init__(self, factor: np.generic, offset: np.generic) -> None:
        self.factor, self.offset = factor, offset

    def __call__(self, block: np.ndarray) -> np.ndarray:
        return np.asarray(block * self.factor + self.offset)


def _one(dataset: xr.Dataset, name: str, wanted: str, steps: list[Step]) -> xr.Dataset:
    native = dataset[name].attrs.get("units")
    if native == wanted or dataset[name].dtype.kind not in "fiu":
        return dataset
    if not str(native or "").strip():
        if wanted != "1":  # what has no unit may be written without
            steps.append(Step(_FIX, name, f"it says no units, {wanted!r} are usual; it is left"))
        return dataset
    found = to_canonical(name, str(native), wanted)
    if found is None:
        said = f"its units {native!r} do not convert to {wanted!r}; it is left as it is"
        steps.append(Step(_FIX, name, said))
        return dataset
    dataset, step = scaled(dataset, name, *found, wanted)
    steps.append(step)
    return dataset


def _coordinate(dataset: xr.Dataset, name: str, wanted: str, steps: list[Step]) -> xr.Dataset:
    native = str(dataset[name].attrs.get("units", "")).strip()
    if name in ("lat", "lon"):
        if native.lower() not in _RADIANS:
            return dataset
        found: tuple[float, float] | None = (float(np.rad2deg(1.0)), 0.0)
    else:
        found = linear(native, wanted) if native and native != wanted else None
    if found is None:  # hybrid levels, indices: they have no such units
        return dataset
    bounds = bounds_of(dataset, name)
    dataset, step = scaled(dataset, name, *found, wanted)
    steps.append(step)
    own = None if bounds is None else dataset[bounds].attrs.get("units")
    if bounds is not None and own in (None, native):
        dataset, step = scaled(dataset, bounds, *found, wanted)
        steps.append(step)
        if own is None:
            dataset[bounds].attrs.pop("units", None)
    return dataset
