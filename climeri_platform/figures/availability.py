"""The availability matrix as a picture, from plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import Normalize

from climeri_platform.core.errors import UsageError
from climeri_platform.figures.canvas import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

__all__ = ["availability"]

Cell = tuple[int | None, int, bool]


def availability(
    cells: Mapping[tuple[str, str], Cell], *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw which rows have which columns.

    Parameters
    ----------
    cells
        (row, column) to the number of years (None for fixed fields), the number of members, and
        whether there are holes. What is not there stays white.
    title
        Above the matrix.
    ax
        Axes to draw on, instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The colour is the number of years, the number in a cell that of members; hatching marks
        holes.

    Raises
    ------
    UsageError
        If there is no cell.

    Examples
    --------
    >>> axes = availability({("a model", "historical tas"): (165, 3, False)})
    >>> [each.get_text() for each in axes.get_yticklabels()]
    ['a model']
    """
    if not cells:
        raise UsageError("there is no cell to draw: the mapping is empty")
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = sorted(dict.fromkeys(column for _, column in cells))
    if ax is None:
        ax = Picture(2.6 + 0.55 * len(columns), 1.9 + 0.3 * len(rows)).add_subplot()
    years = np.full((len(rows), len(columns)), np.nan)
    most = max((cell[0] or 0 for cell in cells.values()), default=0) or 1
    for (row, column), (count, _, _) in cells.items():
        years[rows.index(row), columns.index(column)] = most if count is None else count
    mesh = ax.pcolormesh(years, cmap="YlGnBu", norm=Normalize(0, most), edgecolors="white")
    for (row, column), (count, members, holes) in cells.items():
        x, y = columns.index(column), rows.index(row)
        dark = (count if count is not None else most) > 0.6 * most
        ax.text(
            x + 0.5,
            y + 0.5,
            str(members),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
        if holes:
            ax.fill([x, x + 1, x + 1, x], [y, y, y + 1, y + 1], fill=False, hatch="////", lw=0)
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=60, ha="right", fontsize=8)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=8)
    ax.invert_yaxis()
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.figure.colorbar(mesh, ax=ax, label="years", shrink=0.8, pad=0.02)
    if title:
        ax.set_title(title, loc="left", fontsize=9)
    return ax
