"""Areas of cells and fractions of land, beside the fields they belong to.

Data requests keep ``areacella``, ``areacello`` and ``sftlf`` in files of their own, often of one
experiment or member only; a measure of a sister dataset is the right one if it lies on the same
grid, and of the same length another grid's is silently wrong (ESMValCore #440, #1265; CF
Conventions, chapter 7.2). Shape and coordinates are compared, rounding allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.harmonise.fields import fields, read
from climeri_platform.access.harmonise.sequence import harmonise
from climeri_platform.access.steps import STEPS, Step
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import xarray as xr

__all__ = ["AREAS", "FRACTIONS", "MEASURES", "Candidate", "attach", "attach_measures"]

_FIX = "measures"
AREAS = ("areacella", "areacello", "areacellr")
FRACTIONS = ("sftlf", "sftof")
MEASURES = (*AREAS, *FRACTIONS)
"""The measures that are looked for, by their names in CMIP."""
# of a step between cells: more is another grid
_ROUNDING = 1e-2
_LINES = (0, 1, -2, -1)  # of a two-dimensional coordinate, beside its middle
_PLACES = ("lat", "lon", "rlat", "rlon")


def attach_measures(
    dataset: xr.Dataset,
    candidates: Iterable[tuple[Mapping[str, str], xr.Dataset]],
    about: Mapping[str, str] | None = None,
) -> tuple[xr.Dataset, list[Step]]:
    """Attach cell areas and land fractions that lie on the dataset's grid, as coordinates.

    Parameters
    ----------
    dataset
        Harmonised.
    candidates
        Facets and Dataset of what may fit, the nearest first: of the same member, of another
        member, of another experiment. They are harmonised here.
    about
        Common facets of the dataset.

    Returns
    -------
    dataset : xarray.Dataset
        With ``areacella`` (m2) or its like named in ``cell_measures`` of the fields, and ``sftlf``
        (%). Without a candidate that fits, a rectilinear grid gets ``cell_area``, the exact areas
        of its bands (`climeri_platform.analysis.cell_area`).
    steps : list of Step
        What was attached, from where, and what did not fit.

    Examples
    --------
    >>> import xarray as xr
    >>> lat = ("lat", [-45.0, 45.0], {"units": "degrees_north"})
    >>> lon = ("lon", [90.0, 270.0], {"units": "degrees_east"})
    >>> tas = xr.Dataset({"tas": (("lat", "lon"), np.ones((2, 2)))}, {"lat": lat, "lon": lon})
    >>> tas, steps = attach_measures(tas, [])
    >>> tas["tas"].attrs["cell_measures"], steps[0].said[:34]
    ('area: cell_area', 'no cell area is at hand; the exact')
    """
    known = [(facets, harmonise(other, facets)[0]) for facets, other in candidates]

    def find(name: str) -> Iterable[Candidate]:
        return (Candidate(its, each) for its, each in known if name in each.variables)

    dataset, told = attach(dataset, find, about or {})
    return dataset, [step for step, _ in told]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a measure of a dataset.

    Attributes
    ----------
    facets
        Where it is from.
    dataset
        Harmonised, with the measure in it; None if it cannot be had.
    path
        Its file.
    why
        Why it cannot be had.
    """

    facets: Mapping[str, str]
    dataset: xr.Dataset | None
    path: str = ""
    why: str = ""

    @property
    def where(self) -> str:
        """Model, experiment and member, as far as they are known."""
        its = (self.facets.get(each) for each in ("model", "experiment", "member"))
        return ", ".join(str(each) for each in its if each)


def attach(
    dataset: xr.Dataset,
    find: Callable[[str], Iterable[Candidate]],
    about: Mapping[str, str],
) -> tuple[xr.Dataset, list[tuple[Step, str]]]:
    """Attach measures as `attach_measures` does, looking only for those that are wanted.

    Parameters
    ----------
    dataset
        Harmonised.
    find
        From the name of a measure to what may be it, the nearest first; what comes behind one
        that fits is not asked for.
    about
        Common facets of the dataset.

    Returns
    -------
    dataset : xarray.Dataset
    told : list of tuple
        Steps, each with the path of the file that it is about.
    """
    told: list[tuple[Step, str]] = []
    if not any({f"{turn}lat", f"{turn}lon"} <= {*dataset.variables} for turn in ("", "r")):
        said = "it has no latitudes and longitudes, and so no cells that have an area"
        return dataset, [(Step(_FIX, "", said), "")]
    areas = _areas_wanted(dataset, about)
    found = {"area"} if any(name in dataset.variables for name in AREAS) else set()
    for name in (*areas, *_fractions_wanted(areas)):
        kind = "area" if name in AREAS else name
        if kind in found or name in dataset.variables:
            continue
        for each in find(name):
            other, where = each.dataset, each.where
            why = each.why if other is None else _other_grid(dataset, other, name)
            if other is None or why:
                said = f"{name} of {where or 'a candidate'} is not taken: {why}"
                told.append((Step(_FIX, name, said), each.path))
                continue
            said = f"{name} is that of {where or 'a file'}"
            dataset = _attach(dataset, other[name], name, said)
            found.add(kind)
            told.append((Step(_FIX, name, said, "numbers"), each.path))
            break
    if "area" not in found:
        dataset, step = _exact(dataset)
        told.append((step, ""))
    return dataset, told


def _areas_wanted(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[str, ...]:
    named = {
        word
        for name in fields(dataset, about)
        for word in str(dataset[name].attrs.get("cell_measures", "")).split()
    }
    usual = sorted(AREAS, key="areacello".__ne__) if _of_the_sea(dataset, about) else AREAS
    return tuple(name for name in usual if name in named) or tuple(usual)


def _of_the_sea(dataset: xr.Dataset, about: Mapping[str, str]) -> bool:
    realm = str(about.get("realm") or dataset.attrs.get("realm") or "")
    table = str(about.get("table") or dataset.attrs.get("table_id") or "")
    return realm.startswith(("ocean", "ocn", "seaIce")) or table.startswith(("O", "SI"))


def _fractions_wanted(areas: tuple[str, ...]) -> tuple[str, ...]:
    return ("sftof",) if areas[0] == "areacello" else ("sftlf",)


def _other_grid(dataset: xr.Dataset, measure: xr.Dataset, name: str) -> str:
    """Return why a measure is not on the dataset's grid; "" if it is."""
    held = measure[name]
    there = dict(held.sizes)
    here = {str(dim): dataset.sizes.get(dim) for dim in there}
    if not there or here != there:
        return f"it has {there}, the dataset {dict(dataset.sizes)}"
    compared = 0
    for axis in _PLACES:
        if axis not in dataset.coords or axis not in held.coords:
            continue
        one, other = dataset[axis], held[axis]
        if one.sizes != other.sizes:
            return f"{axis} has another shape"
        if not _alike(one.variable, other.variable.transpose(*one.dims), turn=axis.endswith("lon")):
            return f"{axis} has other values"
        compared += 1
    return "" if compared >= 2 else "it has no coordinates that could be compared"


def _alike(one: xr.Variable, other: xr.Variable, *, turn: bool) -> bool:
    if one.dtype.kind not in "fiu" or other.dtype.kind not in "fiu":
        return False
    parts: list[Any] = [()] if one.ndim < 2 else []
    if one.ndim == 2:
        rows = {n % one.shape[0] for n in (*_LINES, one.shape[0] // 2)}
        columns = {n % one.shape[1] for n in (*_LINES, one.shape[1] // 2)}
        parts = [(row, slice(None)) for row in sorted(rows)]
        parts += [(slice(None), column) for column in sorted(columns)]
    elif one.ndim > 2:
        return False
    for part in parts:
        here, there = read(one[part]).astype(float), read(other[part]).astype(float)
        gap = there - here
        if turn:
            gap = (gap + 180) % 360 - 180
        step = np.abs(np.diff(here))
        step = step[np.isfinite(step) & (step > 0)]
        limit = max(_ROUNDING * float(np.median(step)), 1e-5) if step.size else 1e-3
        known = np.isfinite(gap)
        if not known.any() or np.abs(gap[known]).max() > limit:
            return False
    return True


def _attach(dataset: xr.Dataset, held: xr.DataArray, name: str, said: str) -> xr.Dataset:
    variable = held.variable.copy(deep=False)
    variable.attrs[STEPS] = "; ".join(filter(None, [str(variable.attrs.get(STEPS, "")), said]))
    dataset = dataset.assign_coords({name: variable})
    return _named(dataset, name) if name in AREAS or name == "cell_area" else dataset


def _named(dataset: xr.Dataset, name: str) -> xr.Dataset:
    dims = {*dataset[name].dims}
    for each in dataset.data_vars.values():
        if dims <= {*each.dims}:
            old = str(each.attrs.get("cell_measures", "")).split()
            pairs = [f"{k} {v}" for k, v in zip(old[::2], old[1::2], strict=False) if k != "area:"]
            each.attrs["cell_measures"] = " ".join([f"area: {name}", *pairs])
    return dataset


def _exact(dataset: xr.Dataset) -> tuple[xr.Dataset, Step]:
    from climeri_platform.analysis import cell_area
    from climeri_platform.analysis.grid import horizontal_axes

    if horizontal_axes(dataset) is None:
        said = "no cell area is at hand, and only a rectilinear grid tells it; the dataset has none"
        return dataset, Step(_FIX, "", said)
    try:
        area = cell_area(dataset)
    except DatasetInconsistent as problem:
        return dataset, Step(_FIX, "", f"no cell area is at hand: {problem.message}")
    origin = area.attrs["climeri_area_weights"]
    said = f"no cell area is at hand; the exact areas of the bands are taken: {origin}"
    return _attach(dataset, area, "cell_area", said), Step(_FIX, "cell_area", said, "numbers")
