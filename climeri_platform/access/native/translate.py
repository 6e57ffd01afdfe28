"""A native dataset becomes one of CMIP: names, numbers, coordinates, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array
import numpy as np
import xarray as xr

from climeri_platform.access.coordinates import BOUNDS, named_by
from climeri_platform.access.decoding import encoding_of_changed
from climeri_platform.access.native.axes import place
from climeri_platform.access.native.numbers import change_of, changed, step_of
from climeri_platform.access.native.seasonal import climatological, is_seasonal
from climeri_platform.access.native.timing import name_time
from climeri_platform.access.steps import Step
from climeri_platform.catalog.native import native_table, native_tables

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from climeri_platform.catalog.native import NativeVariable

__all__ = ["dated", "only", "to_cmip"]

_AREAS = ("areacella", "areacello")
_ICE = ("I", "Seaice", "SeaIce")
_LARGE = 1e19  # GELATO writes 1e20 where there is nothing, and does not declare it


def to_cmip(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Return a native dataset under the names, units, signs and coordinates of CMIP.

    Numbers follow the table of its family (``docs/reference/native-names.md``) and the file's own
    units, which go first. What cannot be translated keeps its own name and values, and a step says
    why. Nothing is computed.

    Parameters
    ----------
    dataset
        As it was decoded.
    about
        Its facets in the catalog, as far as they are known: ``family``, ``component``,
        ``frequency``, ``product_frequency``, ``table_id``, ``start`` and ``end`` (of the names,
        YYYYMMDDhhmm), and ``variable``, by either of its names: with it, other variables of the
        file are left out.

    Returns
    -------
    dataset
        The same, if its family has no table.
    steps
        What was changed, or refused, one for each variable and coordinate.

    Raises
    ------
    UnknownFamily
        If the table of its family is not valid.
    """
    family = about.get("family", "")
    if family not in native_tables():
        return dataset, []
    # a path with a table is of what dr2xml writes, whose names and numbers are CMIP's
    rows = {} if about.get("table_id") else native_table(family).rows(about.get("component"))
    dataset, steps = _translated(dataset, rows, about)
    if family == "CNRM" and about.get("component") in _ICE:
        dataset, more = _without_fill(dataset)
        steps += more
    for change in (dated, _placed):
        dataset, more = change(dataset, about)
        steps += more
    if wanted := about.get("variable"):
        name = rows[wanted].variable if wanted in rows else wanted
        dataset, more = _asked(dataset, name if name in dataset else wanted)
        steps += more
    return dataset, steps


def dated(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Return a native dataset with the time axis that it has in CMIP.

    Of `to_cmip` this is what can be done, and must be, before files are joined and their time is
    checked: the good one of several axes, and the months of a mean annual cycle.

    Parameters
    ----------
    dataset
        As it was decoded; one that this was done to is as it was.
    about
        As for `to_cmip`.

    Returns
    -------
    dataset, steps
    """
    if about.get("family", "") not in native_tables():
        return dataset, []
    seasonal = is_seasonal(about)
    dataset, steps = name_time(dataset, undated=seasonal)
    if seasonal and not ("time" in dataset and "climatology" in dataset["time"].attrs):
        dataset, more = climatological(dataset, about)
        steps += more
    return dataset, steps


def _placed(dataset: xr.Dataset, _about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    return place(dataset)


def _translated(
    dataset: xr.Dataset, rows: Mapping[str, NativeVariable], about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    steps: list[Step] = []
    made: dict[str, xr.Variable] = {}
    basins: dict[str, list[tuple[str, str]]] = {}
    taken = {*map(str, dataset.variables), *map(str, dataset.dims)}
    for native, row in rows.items():
        if native not in dataset.data_vars:
            continue
        change = change_of(row, dataset[native], about.get("frequency", ""))
        step = step_of(row, native, change)
        if change.refusal:
            steps += [step] if step else []
            continue
        if row.basin:
            basins.setdefault(row.variable, []).append((native, row.basin))
            name = native
        elif row.variable != native and row.variable in taken:
            said = f"{native} keeps its name, as there is a {row.variable} beside it"
            steps.append(Step("kept as native", native, said, native_name=native))
            continue
        else:
            name = row.variable
        taken.add(name)
        made[native] = changed(dataset[native], row, change)
        steps += [step] if step else []
    dataset = _in_place(dataset, made, rows, basins)
    for name, parts in basins.items():
        dataset = _with_basins(dataset, name, parts)
    return dataset, steps


def _in_place(
    dataset: xr.Dataset,
    made: Mapping[str, xr.Variable],
    rows: Mapping[str, NativeVariable],
    basins: Mapping[str, list[tuple[str, str]]],
) -> xr.Dataset:
    apart = {native for parts in basins.values() for native, _ in parts}
    names = {
        native: rows[native].variable
        for native in made
        if native not in apart and rows[native].variable != native
    }
    dataset = dataset.assign(made).rename(names)
    for variable in dataset.data_vars.values():
        variable.encoding = {k: v for k, v in variable.encoding.items() if k != "coordinates"}
        if "cell_measures" in variable.attrs:
            words = str(variable.attrs["cell_measures"]).split()
            measures = " ".join(
                each if each.endswith(":") else names.get(each, each) for each in words
            )
            variable.attrs = {**variable.attrs, "cell_measures": measures}
    return dataset


def _with_basins(dataset: xr.Dataset, name: str, parts: list[tuple[str, str]]) -> xr.Dataset:
    """Put what was summed over parts of the ocean along one dimension, as CMIP has it."""
    natives = [native for native, _ in parts]
    fields = [dataset[native].variable for native in natives]
    dims = fields[0].dims
    at = sum("time" in str(each) for each in dims)  # after time, where CMIP has it
    data = dask.array.stack([each.data for each in fields], axis=at)
    attrs = {**fields[0].attrs, "native_name": " ".join(natives)}
    joined = xr.Variable((*dims[:at], "basin", *dims[at:]), data, attrs)
    dataset = dataset.drop_vars(natives).assign({name: joined})
    sectors = np.array([basin for _, basin in parts])
    described = {"standard_name": "region", "long_name": "ocean basin"}
    return dataset.assign_coords(sector=("basin", sectors, described))


def _without_fill(dataset: xr.Dataset) -> tuple[xr.Dataset, list[Step]]:
    """Take 1e20 for missing where a file does not say so."""
    steps, made = [], {}
    for name, variable in dataset.data_vars.items():
        of_axis = variable.ndim < 2 or str(name).endswith(("_bnds", "_bounds"))
        declared = [variable.encoding.get(each) for each in ("_FillValue", "missing_value")]
        told = any(each is not None and _LARGE < each < 1e21 for each in declared)
        if told or of_axis or variable.dtype.kind != "f":
            continue
        masked = variable.where(abs(variable) < _LARGE)
        masked.attrs = variable.attrs
        masked.encoding = encoding_of_changed(variable.encoding, moved=False)
        made[name] = masked
        said = "1e20 counts as missing, though the file does not declare it"
        steps.append(Step("undeclared missing value", str(name), said, kind="numbers"))
    return dataset.assign(made), steps


def _asked(dataset: xr.Dataset, wanted: str) -> tuple[xr.Dataset, list[Step]]:
    if wanted in dataset.data_vars:
        return only(dataset, [wanted]), []
    held = ", ".join(str(each) for each in dataset.data_vars if not str(each).endswith("_bnds"))
    return dataset, [Step("not there", wanted, f"there is no {wanted} in it; it holds {held}")]


def only(dataset: xr.Dataset, variables: Collection[str]) -> xr.Dataset:
    """Return some variables with their coordinates, the bounds of these, and the area of cells.

    Parameters
    ----------
    dataset
        Of several variables, as `to_cmip` gives them.
    variables
        Their names; those that it does not hold are passed over.

    Returns
    -------
    xarray.Dataset
        Empty of data if it holds none of them.
    """
    chosen = dataset[[each for each in variables if each in dataset.data_vars]]
    bounds = sorted(named_by(chosen.coords.values(), *BOUNDS))
    beside = [
        name
        for name in dict.fromkeys([*bounds, *_AREAS])
        if name in dataset.data_vars and name not in chosen
    ]
    return chosen.assign(
        {
            name: dataset[name]
            for name in beside
            if name in bounds or set(dataset[name].dims) <= set(chosen.dims)
        }
    )
