"""Each place of a grid counts once.

NEMO's ORCA grids and MPIOM's repeat their outer columns, and ORCA folds its last row, or the last
row and half of the one before, onto the rows below (NEMO reference manual, doi:10.5281/zenodo.3878122,
lateral boundary conditions, ``jperio`` 4 and 6). Sums and means over all cells count these places
twice: ESMValCore #863, xESMF #109, clisops #141. Which cells they are is seen in the coordinates: a
few rows and columns of ``lat`` and ``lon`` are compared, and names of models are not looked at.

A repeated cell becomes missing in the fields and zero in cell areas, so that sums and means are
right whoever takes them, and the coordinate ``duplicate`` says which cells they are. The cells that
stay are the inner ones, which some models alone fill. A rectilinear grid whose last column repeats
the first (LMDZ's own output) loses that column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.access.coordinates import bounds_of, is_bounds, read_here
from climeri_platform.access.decoding import encoding_of_changed
from climeri_platform.access.harmonise.fields import read_together
from climeri_platform.access.harmonise.longitudes import is_global
from climeri_platform.access.steps import STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["mask_halos", "one_turn"]

_FIX = "halos"
_NAME = "duplicate"
_WIDEST = 4  # columns that a grid repeats, both sides together
_ROWS = 4  # of the fold: MPIOM's first row repeats its fourth, ORCA's last the third from the end
_SAME = (
    2e-4  # degrees; the finest ORCA grid has cells of 0.015 near its poles, float32 rounds to 3e-5
)
_ALL = 0.99
_WHOLE = 1_000_000  # cells
_AREA = ("areacello", "areacella", "area", "cell_area")


def one_turn(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Leave out a last column that repeats the first, on a rectilinear grid.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Not used.
    """
    del about
    if "lon" not in dataset.indexes or dataset["lon"].dtype.kind not in "fiu":
        return dataset, []
    lon = np.asarray(dataset["lon"].values, float)
    if lon.size < 4 or not np.isfinite(lon).all() or not is_global(lon[:-1]):
        return dataset, []
    step = float(np.median(np.diff(lon)))
    if abs(lon[-1] - lon[0] - 360) > 1e-3 * step:
        return dataset, []
    bounds = bounds_of(dataset, "lon")
    if bounds is not None and dataset[bounds].ndim == 2:
        width = float(
            np.abs(np.diff(read_here(dataset[bounds].transpose("lon", ...)), axis=1)).sum()
        )
        if width < 360 + step / 2:  # two half cells, which are two places
            return dataset, []
    said = f"the column at {lon[-1]:g} repeats the one at {lon[0]:g}; it is left out"
    return dataset.isel(lon=slice(None, -1)), [Step("one-turn", "lon", said, "order")]


def mask_halos(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Make the repeated cells of a curvilinear grid missing.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Not used: the grid is seen in its coordinates.
    """
    del about
    lat, lon = dataset.coords.get("lat"), dataset.coords.get("lon")
    if lat is None or lon is None or lat.ndim != 2 or lat.dims != lon.dims:
        return dataset, []
    if min(lat.shape) < 2 * _WIDEST or lat.dtype.kind != "f" or _NAME in dataset.variables:
        return dataset, []
    mask, said = _repeated(lat.variable, lon.variable)
    if not said:
        return dataset, []
    flag = xr.Variable(
        lat.dims, mask, {"long_name": "whether the cell repeats another of the grid"}
    )
    steps = [Step(_FIX, _NAME, said, "names")]
    changed: dict[str, xr.Variable] = {}
    for name, each in dataset.variables.items():
        if name in dataset.indexes or not {*lat.dims} <= {*each.dims} or is_bounds(dataset, name):
            continue
        area = name in _AREA or each.attrs.get("standard_name") == "cell_area"
        if (name in dataset.coords and not area) or each.dtype.kind != "f":
            continue
        filled = np.zeros((), each.dtype)[()] if area else np.nan
        kept = each.chunk().where(~flag, filled)  # type: ignore[no-untyped-call]
        kept = kept.transpose(*each.dims).astype(each.dtype)
        kept.attrs = dict(each.attrs)
        kept.encoding = encoding_of_changed(each.encoding, moved=False)
        changed[str(name)] = kept
        what = "zero" if area else "missing"
        text = f"{int(mask.sum())} cells that repeat others of the grid are {what}"
        steps.append(Step(_FIX, str(name), text, "numbers"))
    held = {name for name in changed if name in dataset.coords}
    dataset = dataset.assign(changed).set_coords(held).assign_coords({_NAME: flag})
    dataset[_NAME].attrs[STEPS] = said
    return dataset, steps


def _repeated(lat: xr.Variable, lon: xr.Variable) -> tuple[NDArray[np.bool_], str]:
    """Return which cells repeat others, and a sentence; "" if none does."""
    rows, columns = lat.shape
    mask = np.zeros((rows, columns), bool)
    ends = [slice(rows - _ROWS, rows), slice(None, _ROWS)]
    sides = [slice(None, _WIDEST), slice(columns - _WIDEST, columns)]
    pieces: list[tuple[slice, slice]] = [(slice(None), side) for side in sides]
    pieces += [(end, slice(None)) for end in ends]
    parts = [each[piece] for piece in pieces for each in (lat, lon)]
    # together each block is read once, but whole; one by one, only what is asked for
    values = read_together(parts) if lat.size < _WHOLE else [read_here(part) for part in parts]
    left, right = _columns(values[0], values[1], values[2], values[3])
    mask[:, :left] = True
    mask[:, columns - right :] = True
    inner = slice(left, columns - right)
    said = [f"{left} first and {right} last columns"] if left or right else []
    for number, name in enumerate(("last", "first")):
        lines_lat, lines_lon = values[4 + 2 * number : 6 + 2 * number]
        turn = (
            -1 if name == "first" else 1
        )  # here, for dask would read all for a row read backwards
        fold = _fold(lines_lat[::turn, inner], lines_lon[::turn, inner])
        mask[ends[number], inner] |= fold[::turn]
        whole, half = int(fold.all(axis=1).sum()), int((fold.any(axis=1) & ~fold.all(axis=1)).sum())
        if whole or half:
            said.append(f"its {name} {whole} rows" + (" and half of the next" if half else ""))
    return mask, f"the grid repeats places: {', '.join(said)}" if said else ""


def _columns(
    first_lat: NDArray[np.floating],
    first_lon: NDArray[np.floating],
    last_lat: NDArray[np.floating],
    last_lon: NDArray[np.floating],
) -> tuple[int, int]:
    """Return how many columns at the left and at the right repeat others."""
    for width in range(1, _WIDEST + 1):
        lat, lon = first_lat[:, :width], first_lon[:, :width]
        if _alike(lat, lon, last_lat[:, -width:], last_lon[:, -width:]):
            return width // 2, width - width // 2
    return 0, 0


def _fold(lat: NDArray[np.floating], lon: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which cells of the last rows repeat others of them, once around."""
    rows, columns = lat.shape
    fold = np.zeros((rows, columns), bool)
    for row in (rows - 1, rows - 2):
        whole = any(_mirrored(lat, lon, row, below) is not None for below in range(row))
        fold[row] = whole
        if not whole:  # half a row, folded onto its other half
            mirrored = _mirrored(lat, lon, row, row)
            if mirrored is not None:
                fold[row] = mirrored < np.arange(columns)
            break
    return fold


def _mirrored(
    lat: NDArray[np.floating], lon: NDArray[np.floating], row: int, below: int
) -> NDArray[np.int_] | None:
    """Return which columns of one row the cells of another repeat, in the opposite order."""
    columns = lat.shape[1]
    for turn in _turns(lat, lon, row, below):
        mirrored = (turn - np.arange(columns)) % columns
        if _alike(lat[row], lon[row], lat[below][mirrored], lon[below][mirrored]):
            return np.asarray(mirrored)
    return None


def _turns(lat: NDArray[np.floating], lon: NDArray[np.floating], row: int, below: int) -> set[int]:
    """Return the mirrorings that bring one cell of a row onto the same place in another."""
    columns = lat.shape[1]
    at = columns // 5  # a cell that no mirroring leaves where it is
    same = np.abs(lat[below] - lat[row, at]) < _SAME
    same &= _apart(lon[below], lon[row, at]) < _SAME
    found = {int((at + other) % columns) for other in np.flatnonzero(same)}
    return {turn for turn in found if row != below or (turn - at) % columns != at}


def _alike(
    lat: NDArray[np.floating],
    lon: NDArray[np.floating],
    other_lat: NDArray[np.floating],
    other_lon: NDArray[np.floating],
) -> bool:
    """Whether cells lie at the same places, as far as these are known, and are not all at one."""
    known = np.isfinite(lat) & np.isfinite(other_lat) & np.isfinite(lon) & np.isfinite(other_lon)
    # what land processors that were left out write into coordinates is no place
    known &= ~((lat == 0) & (lon == 0)) & (np.abs(lat) <= 90)
    if known.mean() < 0.5 or np.ptp(lat[known]) + np.ptp(lon[known]) < 1:
        return False
    same = (np.abs(lat - other_lat) < _SAME) & (_apart(lon, other_lon) < _SAME)
    return bool(same[known].mean() >= _ALL)


def _apart(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.abs((one - other + 180) % 360 - 180))
