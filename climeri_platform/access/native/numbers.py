"""One native variable: by what its numbers become CMIP's, or why they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from climeri_platform.access.conversion import is_unit, linear
from climeri_platform.access.decoding import OF_VALUES, encoding_of_changed
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from climeri_platform.catalog.native import NativeVariable

__all__ = ["Change", "change_of", "changed", "step_of"]

_IDENTITY = (1.0, 0.0)
_NOTHING = {"", "-", "--", "none", "unknown", "undefined", "n/a", "na", "no unit", "no units"}


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with a variable.

    Attributes
    ----------
    factor, offset
        Value in CMIP's units = factor times value plus offset.
    units
        The native ones.
    said
        What is to be known of it.
    refusal
        Why it is left as it is; empty if it is not.
    """

    factor: float = 1.0
    offset: float = 0.0
    units: str = ""
    said: str = ""
    refusal: str = ""


def change_of(row: NativeVariable, variable: xr.DataArray, frequency: str = "") -> Change:
    """Return what makes a variable CMIP's.

    The file's own units go before those of the table, and so does its own direction.

    Parameters
    ----------
    row
        Of the table.
    variable
        As it was decoded.
    frequency
        In the words of the catalog, such as ``mon``; "" if it is not known.
    """
    attrs = variable.attrs
    if variable.dtype.kind not in "fiu":
        return Change(refusal=f"it holds no numbers, but {variable.dtype}")
    if row.frequencies and frequency and frequency not in row.frequencies:
        wanted = ", ".join(row.frequencies)
        return Change(
            refusal=f"it is {row.variable} at the frequency {wanted} only, not {frequency}"
        )
    if attrs.get("standard_name") in row.cmip.unlike:
        return Change(refusal=f"its standard name is {attrs['standard_name']}")
    if "veget" in variable.dims:
        return Change(refusal="it is given for each type of vegetation, not for the cell")
    text = str(attrs["units"]).strip() if _stated(attrs.get("units")) else ""
    base, said = _by_units(row, text)
    if base is None:
        return Change(units=text, refusal=said)
    sign, direction = _by_direction(row, attrs)
    factor, offset = (sign * each + 0.0 for each in base)
    notes = [*filter(None, (said, direction))]
    return Change(factor, offset, text or str(row.units), "; ".join(notes))


def _stated(text: object) -> bool:
    return text is not None and str(text).strip().lower() not in _NOTHING


def _by_units(row: NativeVariable, text: str) -> tuple[tuple[float, float] | None, str]:
    assumed = (row.factor * row.sign, row.offset * row.sign)
    if not text:
        if row.units is None:
            return None, "the file states no units, and models differ in them"
        said = f"the file states no units, {row.units} is assumed"
        return assumed, f"{said}; {row.note}" if row.note else said
    if not is_unit(text):
        return None, f"its units {text!r} are not understood"
    to_native = linear(text, row.units) if row.units is not None else None
    if to_native == _IDENTITY:
        return assumed, row.note
    known = f", where the table has {row.units}" if row.units is not None else ""
    if (to_cmip := linear(text, row.cmip.units)) is not None:
        return to_cmip, f"the file states {text}{known}" if known else row.note
    if to_native is not None:
        factor, offset = to_native
        made = (assumed[0] * factor, assumed[0] * offset + assumed[1])
        return made, f"the file states {text}{known}"
    wanted = " nor ".join(filter(None, (row.units, row.cmip.units)))
    return None, f"it states {text!r}, which is neither {wanted}"


def _by_direction(row: NativeVariable, attrs: Mapping[str, Any]) -> tuple[int, str]:
    theirs, own = row.cmip.positive, str(attrs.get("positive", "")).strip().lower()
    if theirs is None:
        return 1, ""
    if own in ("up", "down"):
        known = row.positive or theirs
        differs = f"the file says that it counts {own}, where the table has {known}"
        return (1 if own == theirs else -1), "" if own == known else differs
    if row.sign < 0:
        return -1, f"it counts {row.positive}, and CMIP {theirs}"
    return 1, ""


def changed(variable: xr.DataArray, row: NativeVariable, change: Change) -> xr.Variable:
    """Return the variable with CMIP's numbers and attributes; nothing is computed.

    Parameters
    ----------
    variable
        As it was decoded.
    row, change
        Of the table, and what is to be done.
    """
    made = variable.variable.copy(deep=False)
    attrs, encoding = dict(variable.attrs), variable.encoding
    if (change.factor, change.offset) != _IDENTITY:
        made = xr.Variable(made.dims, _scaled(made.data, change.factor, change.offset))
        attrs = {name: value for name, value in attrs.items() if name not in OF_VALUES}
        encoding = encoding_of_changed(encoding)
    made.attrs = attrs | {
        "units": row.cmip.units,
        **({"standard_name": row.cmip.standard_name} if row.cmip.standard_name else {}),
        **({"positive": row.cmip.positive} if row.cmip.positive else {}),
        "native_name": str(variable.name),
        "native_units": change.units,
        "native_factor": change.factor,
        "native_offset": change.offset,
    }
    made.encoding = {name: value for name, value in encoding.items() if name != "coordinates"}
    return made


def _scaled(data: Any, factor: float, offset: float) -> Any:
    # single precision stays single: factor and offset are made of the kind of the data
    small = data.dtype.kind == "f" and data.dtype.itemsize <= 4
    small = small or (data.dtype.kind in "iu" and data.dtype.itemsize <= 2)
    kind: Any = np.float32 if small else np.float64
    made = data.astype(kind, copy=False)
    if factor != 1.0:
        made = made * kind(factor)
    return made + kind(offset) if offset else made


def step_of(row: NativeVariable, native: str, change: Change) -> Step | None:
    """Return what the report says of a change, or None if there was none.

    Parameters
    ----------
    row, native, change
        Of the table, the name in the file, and what was done.
    """
    if change.refusal:
        said = f"{native} is not taken for {row.variable}: {change.refusal}"
        return Step("kept as native", native, said, native_name=native, native_units=change.units)
    numbers = (change.factor, change.offset) != _IDENTITY
    if native == row.variable and not numbers and not change.said:
        return None
    parts = [f"{native} is {row.variable}"] if native != row.variable else [native]
    if change.factor != 1.0:
        parts.append(f"x {change.factor:.8g}")
    if change.offset:
        parts.append(f"{change.offset:+.6g}")
    parts.append(f"from {change.units} to {row.cmip.units}" if numbers else f"in {row.cmip.units}")
    said = " ".join(parts) + (f" ({change.said})" if change.said else "")
    return Step(
        "native names",
        row.variable,
        said,
        factor=change.factor,
        offset=change.offset,
        native_name=native,
        native_units=change.units,
        kind="numbers" if numbers else "names",
    )
