"""Maps of two-dimensional fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from cartopy.mpl.geoaxes import GeoAxes
from matplotlib.colors import ListedColormap

from climeri_platform.core.errors import UsageError
from climeri_platform.figures.canvas import Picture, describe
from climeri_platform.figures.coasts import draw_coastlines
from climeri_platform.figures.colours import make_scale
from climeri_platform.figures.geography import mesh_of, projection_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from climeri_platform.figures.colours import Scale
    from climeri_platform.figures.geography import Mesh

__all__ = ["map_of"]


def map_of(
    field: xr.DataArray,
    *,
    title: str | None = None,
    label: str | None = None,
    cmap: str | Colormap | None = None,
    levels: int | Sequence[float] | None = None,
    diverging: bool | None = None,
    projection: Any = None,
    coastlines: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a map.

    Parameters
    ----------
    field : xarray.DataArray (lat, lon) or (y, x)
        On a regular, Gaussian, rotated or curvilinear grid. A lazy field is computed.
    title
        Above the map.
    label
        Of the colour bar; by default the field's ``long_name`` and units.
    cmap
        Any colour map of matplotlib; by default blue-white-red where values diverge (brown-green
        for water), else viridis (yellow-blue for water).
    levels
        The edges of the colour classes, or about how many.
    diverging
        Whether zero is the middle of the colours. By default it is for anomalies
        (``climeri_baseline``) and for values of both signs, but for degrees Celsius.
    projection
        A ``cartopy.crs`` projection; by default Robinson for the globe, the model's own axes for
        a rotated grid, a polar view for a cap, and Lambert or plate carrée for a region.
    coastlines
        Whether to draw them; nothing is downloaded.
    ax
        Axes of cartopy to draw on, instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A notebook shows ``map_of(field).figure``; ``.figure.savefig("map.png")`` keeps it.

    Raises
    ------
    UsageError
        If the field is no map, if all of it is missing, or if ``ax`` has no projection.

    Notes
    -----
    Each cell is drawn as it is, from edge to edge, without smoothing; on a global grid the cells
    close the circle, so that no gap is left at the end of the longitudes. Missing cells are grey.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> lat, lon = np.arange(-85.0, 90, 10), np.arange(0.0, 360, 10)
    >>> field = xr.DataArray(
    ...     np.cos(np.deg2rad(lat))[:, None] * np.ones(36),
    ...     coords={"lat": lat, "lon": lon},
    ...     dims=("lat", "lon"),
    ...     name="insolation",
    ... )
    >>> axes = map_of(field, title="Insolation")
    >>> axes.figure.savefig("map.png")  # doctest: +SKIP
    """
    mesh = mesh_of(field)
    scale = make_scale(field, mesh.values, cmap=cmap, levels=levels, diverging=diverging)
    if ax is None:
        ax = _new_axes(mesh, projection or projection_for(mesh))
    elif not isinstance(ax, GeoAxes):
        raise UsageError(
            f"ax={type(ax).__name__} has no projection, so that no map can be drawn on it",
            hint="Make it with figure.add_subplot(projection=cartopy.crs.Robinson()).",
        )
    cells = _draw(ax, mesh, scale)
    if coastlines:
        draw_coastlines(ax, "world" if mesh.around else "region")
    bar = ax.figure.colorbar(
        cells,
        ax=ax,
        orientation="horizontal",
        shrink=0.72,
        aspect=38,
        pad=0.03,
        ticks=_ticks(scale),
    )
    bar.ax.ticklabel_format(axis="x", useMathText=True)
    bar.set_label(label if label is not None else describe(field))
    bar.ax.tick_params(length=0)
    bar.outline.set_linewidth(0.6)
    if title:
        ax.set_title(title)
    return ax


def _draw(ax: Any, mesh: Mesh, scale: Scale) -> Any:
    # a vector file of a million cells shows seams and opens slowly, hence rasterized
    how: dict[str, Any] = {"transform": mesh.crs, "shading": "flat", "rasterized": True}
    ax.spines["geo"].set_linewidth(0.6)
    if mesh.missing.any():  # cartopy allows no colour for masked cells
        grey = np.where(mesh.missing, 0.0, np.nan)
        _draw_cells(ax, mesh, grey, cmap=ListedColormap(["0.85"]), **how)
    return _draw_cells(ax, mesh, mesh.values, cmap=scale.colours, norm=scale.norm, **how)


def _draw_cells(ax: Any, mesh: Mesh, values: NDArray[np.float64], **how: Any) -> Any:
    """Draw cells, those of a curved grid that cross the date line in longitudes up to 360."""
    if mesh.x.ndim == 1:
        return ax.pcolormesh(mesh.x, mesh.y, np.ma.masked_invalid(values), **how)
    crossing = _crosses(mesh.x)
    if crossing.any():
        east = mesh.x % 360
        some = np.where(crossing & ~_crosses(east), values, np.nan)
        ax.pcolormesh(east, mesh.y, np.ma.masked_invalid(some), **how)
    rest = np.where(crossing, np.nan, values)
    return ax.pcolormesh(mesh.x, mesh.y, np.ma.masked_invalid(rest), **how)


def _crosses(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    corners = np.stack([x[1:, 1:], x[1:, :-1], x[:-1, 1:], x[:-1, :-1]])
    return np.asarray(np.ptp(corners, axis=0) > 180)


def _ticks(scale: Scale) -> list[float]:
    """Return as many edges of classes as there is room for."""
    letters = sum(len(f"{level:g}") + 2 for level in scale.levels)
    return [float(level) for level in scale.levels[:: 1 + letters // 64]]


def _new_axes(mesh: Mesh, projection: Any) -> Any:
    if mesh.around and getattr(projection, "proj4_params", {}).get("proj") == "robin":
        ax: Any = Picture(8.4, 5.2).add_subplot(projection=projection)
        ax.set_global()
        return ax
    x, y = np.meshgrid(mesh.x, mesh.y) if mesh.x.ndim == 1 else (mesh.x, mesh.y)
    points = projection.transform_points(mesh.crs, x, y)[..., :2]
    points = points[np.isfinite(points).all(axis=-1)]
    (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
    shape = min(max((top - bottom) / (right - left), 0.4), 1.1)
    ax = Picture(7.0, 6.2 * shape + 1.3).add_subplot(projection=projection)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    return ax
