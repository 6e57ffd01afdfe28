"""Series of several models in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.core.errors import UnitMismatch, UsageError
from climeri_platform.figures.canvas import Picture, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["series"]

# Okabe and Ito (2008): told apart by everybody, without the yellow that vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
STYLES = ("-", (0, (5, 1)), (0, (1, 1)))
Lines = Mapping[str, xr.DataArray] | xr.DataArray


def series(
    lines: Lines,
    *,
    reference: Lines | None = None,
    reference_label: str = "reference",
    title: str | None = None,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one line for each series, and what they should follow.

    Parameters
    ----------
    lines : mapping of str to xarray.DataArray (year) or (time)
        What the legend says, and the values; a single DataArray is a single line. Lazy ones are
        computed.
    reference : the same, optional
        Truth or observations: black dots on top, one entry in the legend.
    reference_label
        What the legend calls them.
    title
        Above the lines.
    label
        Of the vertical axis; by default ``long_name`` and units of the first line.
    ax
        Axes to draw on, instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A notebook shows ``series(lines).figure``.

    Raises
    ------
    UsageError
        If there is no line, or if one is not one-dimensional.
    UnitMismatch
        If two lines have different units.

    Examples
    --------
    >>> import xarray as xr
    >>> line = xr.DataArray([1.0, 2.0], coords={"year": [2000, 2001]}, dims="year", name="tas")
    >>> axes = series({"a model": line}, reference=line, reference_label="truth")
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['a model', 'truth']
    """
    drawn, wanted = _named(lines), _named(reference) if reference is not None else {}
    if not drawn:
        raise UsageError("there is no line to draw: the mapping is empty")
    _check_units({**drawn, **{f"{reference_label} {key}": line for key, line in wanted.items()}})
    if ax is None:
        ax = Picture(8.4, 4.2).add_subplot()
    for number, (name, line) in enumerate(drawn.items()):
        colour = COLOURS[number % len(COLOURS)]
        style = STYLES[number // len(COLOURS) % len(STYLES)]
        ax.plot(*_points(name, line), color=colour, linestyle=style, linewidth=1.6, label=name)
    for number, (name, line) in enumerate(wanted.items()):
        ax.plot(
            *_points(name, line),
            color="black",
            linestyle=(0, (1.2, 3.5)),
            linewidth=1.3,
            label="" if number else reference_label,
        )
    ax.set_ylabel(label if label is not None else describe(next(iter(drawn.values()))))
    ax.margins(x=0.01)
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.legend(frameon=False, loc="best", ncols=1 + (len(drawn) - 1) // 8)
    if title:
        ax.set_title(title, loc="left")
    return ax


def _named(lines: Lines) -> dict[str, xr.DataArray]:
    if isinstance(lines, Mapping):
        return {str(name): line for name, line in lines.items()}
    return {str(lines.name): lines}


def _check_units(lines: Mapping[str, xr.DataArray]) -> None:
    # a line without units (a truth read from a table) is taken at its word
    units = {
        name: str(line.attrs["units"]) for name, line in lines.items() if "units" in line.attrs
    }
    for name, unit in units.items():
        first = next(iter(units))
        if unit != units[first]:
            raise UnitMismatch(
                f"{first!r} is in {units[first]!r}, {name!r} in {unit!r}: one axis cannot carry both",
                hint="Convert one of them first.",
            )


def _points(name: str, line: xr.DataArray) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    if line.ndim != 1:
        raise UsageError(
            f"a line needs one dimension, {name!r} has {dict(line.sizes)}",
            hint="Take a mean first: analysis.global_mean, then analysis.annual_mean.",
        )
    (dim,) = line.dims
    along = line.coords[dim] if dim in line.coords else xr.DataArray(np.arange(line.size))
    if along.dtype.kind == "O":  # cftime, which matplotlib does not know
        along = along.dt.decimal_year
    return np.asarray(along.values), np.asarray(line.values, dtype=np.float64)
