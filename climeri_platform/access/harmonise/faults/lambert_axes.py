"""Lambert axes that do not belong to their latitudes and longitudes.

ALADIN53 and ALADIN63 write ``x`` and ``y`` in km, shifted, or not monotonic, and tas of ALADIN53 a
false easting and northing that its other variables do not have (ESMValCore #2840, #3105; WRF381P and
RegCM have their own, #1879). Latitudes and longitudes are right. For a Lambert conformal projection,
``x`` and ``y`` are computed from them (Snyder 1987, doi:10.3133/pp1395, pp. 106-109, on the sphere),
and false easting and northing are zero then; where a regular grid does not come out, nothing is
changed but that the fields no longer name the projection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.coordinates import read_here, words
from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["lambert", "lambert_axes"]

_FIX = "lambert-axes"
_MODELS = ("ALADIN53", "ALADIN63", "WRF381P", "REGCM4")
_RADIUS = 6_371_229.0
_REGULAR = 0.02  # of the spacing
_SQUARE = 0.02


def lambert_axes(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Compute the axes of a Lambert grid from its latitudes and longitudes, where they disagree.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Common facets; ``model`` is used.
    """
    name = model(about, dataset).upper()
    mapping = _mapping(dataset) if any(each in name for each in _MODELS) else None
    if mapping is None or "lat" not in dataset.coords or dataset["lat"].ndim != 2:
        return dataset, []
    lat, lon = dataset["lat"], dataset["lon"].transpose(*dataset["lat"].dims)
    rows, columns = (str(dim) for dim in lat.dims)
    if min(lat.shape) < 3:
        return dataset, []
    try:
        x, y = _axes(lat, lon, dataset[mapping].attrs)
    except (KeyError, TypeError, ValueError):
        return _doubted(dataset, mapping, "its parameters are not complete")
    if x is None or y is None:
        return _doubted(
            dataset, mapping, "its latitudes and longitudes are on no regular grid of it"
        )
    if _agrees(dataset, columns, x) and _agrees(dataset, rows, y):
        return dataset, []
    stale = [
        str(n)
        for n, each in dataset.variables.items()
        if each.ndim == 1 and str(each.attrs.get("standard_name", "")).startswith("projection_")
    ]
    dataset = dataset.drop_vars(stale)
    dataset = dataset.assign_coords(
        {
            columns: (columns, x, _attributes("x", "X")),
            rows: (rows, y, _attributes("y", "Y")),
        }
    )
    dataset[mapping].attrs.update(false_easting=0.0, false_northing=0.0)
    said = f"{_FIX}: the axes did not belong to lat and lon; they are computed from them, in m"
    return dataset, [Step(_FIX, columns, said, "numbers"), Step(_FIX, rows, said, "numbers")]


def lambert(
    lat: NDArray[np.float64], lon: NDArray[np.float64], parameters: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return easting and northing of places, without false ones, metres.

    Parameters
    ----------
    lat, lon
        Degrees.
    parameters
        ``standard_parallel`` (one or two), ``longitude_of_central_meridian``,
        ``latitude_of_projection_origin``, ``earth_radius``; as CF names them.

    Examples
    --------
    >>> parameters = {
    ...     "standard_parallel": 49.5,
    ...     "longitude_of_central_meridian": 10.5,
    ...     "latitude_of_projection_origin": 49.5,
    ... }
    >>> x, y = lambert(np.array([49.5, 50.5]), np.array([10.5, 10.5]), parameters)
    >>> x.tolist(), bool(abs(y[1] - 111.2e3) < 100)
    ([0.0, 0.0], True)
    """
    parallels = np.deg2rad(np.atleast_1d(np.asarray(parameters["standard_parallel"], float)))
    origin = np.deg2rad(float(parameters["latitude_of_projection_origin"]))
    radius = float(parameters.get("earth_radius") or parameters.get("semi_major_axis") or _RADIUS)
    first, second = parallels[0], parallels[-1]

    def half(angle: Any) -> Any:
        return np.tan(np.pi / 4 + angle / 2)

    if np.isclose(first, second):
        cone = np.sin(first)
    else:
        cone = np.log(np.cos(first) / np.cos(second)) / np.log(half(second) / half(first))
    scale = radius * np.cos(first) * half(first) ** cone / cone
    far, from_origin = scale / half(np.deg2rad(lat)) ** cone, scale / half(origin) ** cone
    east = lon - float(parameters["longitude_of_central_meridian"])
    turn = cone * np.deg2rad((east + 180) % 360 - 180)
    return far * np.sin(turn), from_origin - far * np.cos(turn)


def _mapping(dataset: xr.Dataset) -> str | None:
    named = {word for each in dataset.data_vars.values() for word in words(each, "grid_mapping")}
    found = [
        name
        for name in named
        if name in dataset.variables
        and dataset[name].attrs.get("grid_mapping_name") == "lambert_conformal_conic"
    ]
    return found[0] if len(found) == 1 else None


def _axes(
    lat: xr.DataArray, lon: xr.DataArray, parameters: Mapping[str, Any]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Return the axes from the middle row and column, if the corners lie on them too."""
    row, column = lat.shape[0] // 2, lat.shape[1] // 2
    across = lambert(_values(lat[row]), _values(lon[row]), parameters)[0]
    up = lambert(_values(lat[:, column]), _values(lon[:, column]), parameters)[1]
    x, y = _line(across), _line(up)
    if x is None or y is None:
        return None, None
    step = abs(x[1] - x[0])
    if abs(abs(y[1] - y[0]) - step) > _SQUARE * step:
        return None, None
    for j in (0, -1):
        for i in (0, -1):
            east, north = lambert(_values(lat[j, i]), _values(lon[j, i]), parameters)
            if max(abs(float(east) - x[i]), abs(float(north) - y[j])) > 5 * _REGULAR * step:
                return None, None
    return x, y


def _values(some: xr.DataArray) -> NDArray[np.float64]:
    return np.asarray(read_here(some), dtype=np.float64)


def _line(points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    even = np.linspace(points[0], points[-1], points.size)
    step = abs(even[1] - even[0])
    if not np.isfinite(points).all() or not np.abs(points - even).max() <= _REGULAR * step:
        return None
    return np.asarray(np.round(even, 3), dtype=np.float64)


def _agrees(dataset: xr.Dataset, axis: str, wanted: NDArray[np.float64]) -> bool:
    if axis not in dataset.indexes or dataset[axis].attrs.get("units") != "m":
        return False
    held = np.asarray(dataset[axis].values, float)
    return bool(np.abs(held - wanted).max() <= 0.1 * abs(wanted[1] - wanted[0]))


def _attributes(name: str, axis: str) -> dict[str, str]:
    return {
        "standard_name": f"projection_{name}_coordinate",
        "long_name": f"{name} coordinate of projection",
        "units": "m",
        "axis": axis,
    }


def _doubted(dataset: xr.Dataset, mapping: str, why: str) -> tuple[xr.Dataset, list[Step]]:
    dataset = dataset.copy(deep=False)
    for each in dataset.data_vars.values():
        if mapping in words(each, "grid_mapping"):
            each.attrs.pop("grid_mapping", None)
            each.encoding.pop("grid_mapping", None)
    said = f"{_FIX}: {why}; lat and lon are right, and the fields no longer name {mapping}"
    return dataset, [Step(_FIX, mapping, said, "names")]
