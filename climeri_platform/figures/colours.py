"""Which colours stand for which values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap
from matplotlib.ticker import MaxNLocator

from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Scale", "make_scale"]

Extend = Literal["neither", "min", "max", "both"]
_WATER = {"kg m-2 s-1", "mm day-1", "mm/day", "mm d-1", "mm", "kg m-2"}
_CELSIUS = {"degC", "deg_C", "celsius", "Celsius", "degrees_Celsius"}


@dataclass(frozen=True)
class Scale:
    """Classes of values and their colours."""

    levels: NDArray[np.float64]
    colours: ListedColormap
    norm: BoundaryNorm
    extend: Extend


def _diverges(field: xr.DataArray, low: float, high: float) -> bool:
    if "climeri_baseline" in field.attrs:
        return True
    # 0 degrees Celsius is a place on the scale, not its middle
    if str(field.attrs.get("units")) in _CELSIUS:
        return False
    return low < 0 < high and min(-low, high) > 0.05 * max(-low, high)


def make_scale(
    field: xr.DataArray,
    values: NDArray[np.float64],
    *,
    cmap: str | Colormap | None,
    levels: int | Sequence[float] | None,
    diverging: bool | None,
) -> Scale:
    """Return round classes that cover the values, white at zero where they diverge.

    Parameters
    ----------
    field
        Where units and attributes are read.
    values
        Its values; the outermost percent at each end may fall off the scale, and is then shown
        by a pointed end of the colour bar.
    cmap, levels, diverging
        As `map_of` takes them.

    Raises
    ------
    UsageError
        If there are no values, or if the levels do not rise.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise UsageError(f"the map of {field.name!r} has no values: all cells are missing")
    low, high = (float(each) for each in np.percentile(finite, [1, 99]))
    if diverging is None:
        diverging = _diverges(field, low, high)
    if levels is None or isinstance(levels, int):
        chosen = _round_levels(low, high, levels or 14, with_zero=diverging)
    else:
        chosen = np.asarray(levels, dtype=np.float64)
        if chosen.size < 2 or not (np.diff(chosen) > 0).all():
            raise UsageError(f"levels={levels!r} do not rise: at least two are needed")
    below, above = bool(finite.min() < chosen[0]), bool(finite.max() > chosen[-1])
    extend: Extend = ("neither", "min", "max", "both")[below + 2 * above]
    water = str(field.attrs.get("units")) in _WATER
    default = ("BrBG" if water else "RdBu_r") if diverging else ("YlGnBu" if water else "viridis")
    table = cmap if isinstance(cmap, Colormap) else colormaps[cmap or default]
    colours = ListedColormap(table(_places(chosen, diverging=diverging, extend=extend)))
    norm = BoundaryNorm(chosen.tolist(), colours.N, extend=extend)
    return Scale(chosen, colours, norm, extend)


def _round_levels(low: float, high: float, count: int, *, with_zero: bool) -> NDArray[np.float64]:
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        margin = abs(low) * 0.01 or 1.0
        low, high = low - margin, high + margin
    ticks = MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return np.asarray(ticks, dtype=np.float64)


def _places(levels: NDArray[np.float64], *, diverging: bool, extend: Extend) -> NDArray[np.float64]:
    """Return where each class sits on a colour map that runs from 0 to 1."""
    step_low, step_high = levels[1] - levels[0], levels[-1] - levels[-2]
    edges = [
        *([levels[0] - step_low] if extend in {"min", "both"} else []),
        *levels,
        *([levels[-1] + step_high] if extend in {"max", "both"} else []),
    ]
    middles = (np.asarray(edges[1:]) + np.asarray(edges[:-1])) / 2
    if diverging:
        return np.asarray(0.5 + 0.5 * middles / np.abs(middles).max())
    return np.linspace(0, 1, middles.size) if middles.size > 1 else np.array([0.5])
