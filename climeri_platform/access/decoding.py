"""What the attributes of a variable make of its numbers: packing, and values that are missing.

A file's own attributes decode a file's own numbers: packing and fill values differ between the files
of one dataset, so that nothing is joined before it is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from climeri_platform.access.quiet import quiet
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PACKING", "Decoding", "decoding_of", "encoding_of_changed", "fitted"]

_MISSING = ("_FillValue", "missing_value")
_LINE = ("scale_factor", "add_offset")
PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
"""The attributes that say how numbers are packed (CF conventions, sections 2.5.1 and 8.1)."""
OF_VALUES = ("valid_min", "valid_max", "valid_range", "actual_range")
"""The attributes that are true of a file's own values, and of no others."""
# fill values that large are no value of any field, in whatever units
_NO_VALUE = 1e10
# netcdf.h: NC_FILL_FLOAT, NC_FILL_DOUBLE, NC_FILL_SHORT, and so on; bytes have none by convention
_DEFAULT_FILL = {
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
}
_OTHER_SIGN = {("i", "true"): "u", ("u", "false"): "i"}  # kind, and ``_Unsigned``


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the numbers of one variable of one file become values.

    Attributes
    ----------
    packing
        Its attributes of `PACKING`, by name.
    dtype
        What the values are, before those of several files are made one type.
    """

    packing: tuple[tuple[str, Any], ...]
    dtype: np.dtype[Any]

    def __call__(self, raw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the values; ``raw`` is the caller's own, and may be changed."""
        if not self.packing:
            return raw
        packing = dict(self.packing)
        fills = [fill for word in _MISSING for fill in np.ravel(packing.get(word, ()))]
        raw, fills = _signed(raw, fills, packing.get("_Unsigned"))
        # NaN is missing as it is; both attributes mostly name one value
        absent = [raw == fill for fill in dict.fromkeys(fills) if fill == fill]  # noqa: PLR0124
        same = raw.dtype == self.dtype and raw.flags.writeable
        values = raw if same else raw.astype(self.dtype)  # in place: half the memory of a copy
        for each in absent:
            values[each] = np.nan
        if "scale_factor" in packing:
            values *= np.ravel(packing["scale_factor"])[0]
        if "add_offset" in packing:
            values += np.ravel(packing["add_offset"])[0]
        return values


def _signed(
    raw: np.ndarray[Any, Any], fills: list[Any], unsigned: Any
) -> tuple[np.ndarray[Any, Any], list[Any]]:
    """Return integers with the sign that ``_Unsigned`` gives them (NetCDF best practices)."""
    kind = _OTHER_SIGN.get((raw.dtype.kind, str(unsigned).lower()))
    if kind is None:
        return raw, fills
    dtype = np.dtype(f"{kind}{raw.dtype.itemsize}")
    return raw.view(dtype), [np.array(each).astype(raw.dtype).view(dtype)[()] for each in fills]


def decoding_of(attrs: Mapping[str, Any], stored: np.dtype[Any]) -> Decoding:
    """Return how the numbers of a variable are decoded.

    Parameters
    ----------
    attrs
        Of the variable, `fitted`.
    stored
        The type of its numbers in memory, before they are decoded.

    Returns
    -------
    Decoding
        As xarray decodes it, but never as whole numbers; arrays that hold no numbers are left alone.

    Raises
    ------
    DatasetInconsistent
        If the packing is text.
    """
    packing = tuple((name, attrs[name]) for name in PACKING if name in attrs)
    if stored.kind not in "iuf" or not packing:
        return Decoding((), stored)
    for name in _LINE:
        if np.asarray(attrs.get(name, 1)).dtype.kind not in "iuf":
            raise DatasetInconsistent(
                f"{name} is {attrs[name]!r}, which is text and no number",
                hint="Write it as a number (ncatted), or ask the author of the file.",
            )
    return Decoding(packing, _dtype_of(tuple(map(_Same, packing)), stored))


class _Same(tuple[str, Any]):
    """A name and a value that may be an array or NaN, so that equal ones are found in a cache."""

    __slots__ = ()

    def _text(self) -> tuple[str, str, str]:
        value = np.asarray(self[1])
        return self[0], value.dtype.str, str(value.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._text() == other._text()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._text())


@lru_cache(maxsize=512)
def _dtype_of(packing: tuple[_Same, ...], stored: np.dtype[Any]) -> np.dtype[Any]:
    """Ask xarray, so that values are what they are when it opens the file."""
    attrs = {each[0]: each[1] for each in packing}
    variable = xr.Variable("x", np.zeros(1, stored), attrs)
    # several fill values are what it is, and all of them are missing
    with quiet(xr.SerializationWarning):
        decoded = xr.conventions.decode_cf_variable(
            "x", variable, decode_times=False, decode_timedelta=False
        )
    dtype: np.dtype[Any] = decoded.dtype
    if dtype.kind in "iu" and attrs.keys() & {*_LINE}:
        # it takes the type of a factor that is a whole number, which cuts off what is behind the point
        return stored if stored.kind == "f" else np.dtype("f8")
    return dtype


def fitted(attrs: Mapping[str, Any], stored: np.dtype[Any], *, marginal: bool) -> dict[str, Any]:
    """Return attributes of which the fill values are what the numbers really are.

    A declared one takes the precision of its variable: 1e20 as a double is no float32. Where none
    is declared, the NetCDF library's default is: what was never written reads as 9.97e36 (NetCDF
    Users' Guide, "Fill Values"), and tools that rewrite files put it, undeclared, where values were
    missing; a mean over it is silently wrong.

    Parameters
    ----------
    attrs
        Of the variable, as the file has them.
    stored
        The type of its numbers.
    marginal
        Whether it is a coordinate or the bounds of one, which have no missing values.
    """
    found = dict(attrs)
    for word in _MISSING:
        if word not in found:
            continue
        value = np.asarray(found[word])
        if stored.kind == value.dtype.kind == "f" and value.dtype != stored:
            with np.errstate(over="ignore"):
                found[word] = value.astype(stored)[()]
    packed = "scale_factor" in found or "add_offset" in found
    # with the other sign the default is a number like others: 32769 of a short
    packed &= (stored.kind, str(found.get("_Unsigned")).lower()) not in _OTHER_SIGN
    kind = stored.kind + str(stored.itemsize)
    if marginal or not (stored.kind == "f" or packed) or kind not in _DEFAULT_FILL:
        return found
    if not found.keys() & set(_MISSING):
        found["_FillValue"] = stored.type(_DEFAULT_FILL[kind])
    return found


def encoding_of_changed(encoding: Mapping[str, Any], *, moved: bool = True) -> dict[str, Any]:
    """Return how values are to be written that are no longer those of the file.

    A file's packing has room for the file's own values: 300 K do not fit where 27 degC did, and
    whole numbers hold no halves and nothing missing. What does not fit, a library writes as
    something else, and says nothing.

    Parameters
    ----------
    encoding
        As the file had it.
    moved
        Whether values were changed; False if some became missing and no others changed.

    Examples
    --------
    >>> encoding_of_changed({"dtype": np.dtype("i2"), "scale_factor": 0.01, "zlib": True})
    {'zlib': True}
    >>> encoding_of_changed({"dtype": np.dtype("f4"), "_FillValue": 1e20})
    {'dtype': dtype('float32'), '_FillValue': 1e+20}
    """
    kind = np.dtype(encoding.get("dtype", "f4")).kind
    fills = [fill for word in _MISSING for fill in np.ravel(encoding.get(word, ()))]
    keeps = kind == "f" or (not moved and bool(fills))
    if moved:
        keeps &= not {"scale_factor", "add_offset"} & encoding.keys()
        keeps &= not any(
            abs(fill) < _NO_VALUE for fill in fills if np.asarray(fill).dtype.kind in "iuf"
        )
    taken = () if keeps else (*PACKING, "dtype")
    return {name: value for name, value in encoding.items() if name not in taken}
