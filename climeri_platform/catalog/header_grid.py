"""A short text for the horizontal grid of a file: the same for files on one grid.

========================================================= ==================================
text                                                      grid
========================================================= ==================================
``latlon 96x95 0..356.25 -90..90``                        equal steps in both directions
``rectilinear 192x96 0..358.13 -88.57..88.57 ...``        other latitudes or longitudes, such as
                                                          Gaussian or zoomed ones; then the
                                                          smallest steps and the means of the
                                                          absolute values
``rotated 106x103 ... pole -162,39.25``                   rotated pole: its own coordinates
``lambert_conformal_conic 125x125 ...``                   another projection, by its CF name
``curvilinear 362x332``                                   two-dimensional coordinates
``unstructured 10242``                                    cells in one dimension
``zonal 72 -90..90``                                      no longitude
``point 2.21,48.71``                                      one place
========================================================= ==================================

Sizes and values are x before y, coordinates have two decimals. Two-dimensional coordinates are not
read, because they may be larger than all else in a header: curvilinear and unstructured grids of
one size have one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.catalog.header_time import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["grid_text"]

_LAT = frozenset({"lat", "latitude", "nav_lat", "latitudes"})
_LON = frozenset({"lon", "longitude", "nav_lon", "longitudes"})
_SHORT = {"rotated_latitude_longitude": "rotated"}


def _direction(name: str, variable: Any) -> str:
    """Return "y" for latitudes, "x" for longitudes, "" for others."""
    lower = name.lower()
    if lower in _LAT or lower in _LON:
        return "y" if lower in _LAT else "x"
    units = text_of(variable, "units").lower()
    # the many spellings that CF allows: degrees_north, degree_N, degreesN
    for letter, direction in (("n", "y"), ("e", "x")):
        if (
            units.startswith("degree")
            and units.removesuffix("orth").removesuffix("ast")[6:].lstrip("s").lstrip("_") == letter
        ):
            return direction
    return {"latitude": "y", "longitude": "x"}.get(text_of(variable, "standard_name"), "")


def grid_text(dataset: Any, variable: Any) -> str | None:
    """Return the text of the horizontal grid of a variable.

    Parameters
    ----------
    dataset
        An open ``netCDF4.Dataset``.
    variable
        One of its variables.

    Returns
    -------
    str or None
        As the table above has it; None where the variable has no place, such as a global mean.
    """
    known = dataset.variables
    axes = [name for name in variable.dimensions if name in known and known[name].ndim == 1]
    named = [known[each] for each in text_of(variable, "coordinates").split() if each in known]
    projected = _projected(known, variable, axes)
    if projected:
        return projected
    if field := _field(named, variable.dimensions):
        return field
    found = {_direction(name, known[name]): known[name] for name in axes}
    if "x" in found and "y" in found:
        return _rectilinear(found["x"], found["y"])
    if "y" in found:
        y = found["y"]
        return f"zonal {y.size} {_ends(_values(y))}"
    others = [each for each in known.values() if each.ndim <= 2 and each.name not in axes]
    return (
        _field(others, variable.dimensions)
        or _cells(named, variable.dimensions)
        or _cells(others, variable.dimensions)
        or _point(named)
        or _point(others)
    )


def _values(axis: Any) -> Any:
    axis.set_auto_mask(False)  # coordinates have no missing values, and it costs as much as reading
    return np.asarray(axis[:], dtype="f8")


def _number(value: float) -> str:
    """Return two decimals at most.

    What stands exactly between two of them (358.125) is moved off, so that single and double
    precision of one grid give one text.
    """
    return f"{round(float(value) + 5e-5, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _ends(values: Any) -> str:
    if values.size == 0:
        return "empty"
    return f"{_number(values[0])}..{_number(values[-1])}"


def _even(values: Any) -> bool:
    """Say whether values are equally far from each other, as well as single precision holds it."""
    if values.size < 3:
        return True
    gaps = np.diff(values)
    return bool(
        np.abs(gaps - gaps.mean()).max() <= 1e-6 * np.abs(values).max() + 1e-3 * abs(gaps[0])
    )


def _rectilinear(x: Any, y: Any) -> str:
    columns, rows = _values(x), _values(y)
    size = f"{columns.size}x{rows.size} {_ends(columns)} {_ends(rows)}"
    if _even(columns) and _even(rows):
        return f"latlon {size}"
    # both are as stable as the values, and differ between zooms of one size, centred or not
    finest, mean = [], []
    for values in (columns, rows):
        finest.append(_number(np.abs(np.diff(values)).min()) if values.size > 1 else "0")
        mean.append(_number(np.abs(values).mean()) if values.size else "0")
    return f"rectilinear {size} finest {'x'.join(finest)} mean {','.join(mean)}"


def _projected(known: dict[str, Any], variable: Any, axes: Sequence[str]) -> str:
    mapping = known.get(text_of(variable, "grid_mapping"))
    if mapping is None or len(axes) < 2 or tuple(axes[-2:]) != variable.dimensions[-2:]:
        return ""
    name = text_of(mapping, "grid_mapping_name")
    if name in ("", "latitude_longitude"):
        return ""
    rows, columns = (_values(known[each]) for each in axes[-2:])
    text = f"{_SHORT.get(name, name)} {columns.size}x{rows.size} {_ends(columns)} {_ends(rows)}"
    pole = [text_of(mapping, f"grid_north_pole_{each}") for each in ("longitude", "latitude")]
    return f"{text} pole {','.join(_number(float(each)) for each in pole)}" if all(pole) else text


def _field(variables: Sequence[Any], dimensions: Sequence[str]) -> str:
    """Return the text for latitudes in two dimensions, if there are any among the variables."""
    for each in variables:
        if (
            each.ndim == 2
            and set(each.dimensions) <= set(dimensions)
            and _direction(each.name, each) == "y"
        ):
            rows, columns = each.shape
            return f"curvilinear {columns}x{rows}"
    return ""


def _cells(variables: Sequence[Any], dimensions: Sequence[str]) -> str:
    """Return the text for latitudes and longitudes along one dimension."""
    places = {
        (_direction(each.name, each), each.dimensions[0]): each.size
        for each in variables
        if each.ndim == 1 and each.dimensions[0] in dimensions
    }
    for (direction, dimension), size in places.items():
        if direction == "y" and ("x", dimension) in places:
            return f"unstructured {size}"
    return ""


def _point(variables: Sequence[Any]) -> str | None:
    found = {_direction(each.name, each): each for each in variables if each.size == 1}
    if "x" not in found or "y" not in found:
        return None
    return ",".join(
        ("point " + _number(_values(found["x"]).flat[0]), _number(_values(found["y"]).flat[0]))
    )
