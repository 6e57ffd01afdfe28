"""Variables of one run, table and grid in one Dataset."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from climeri_platform.access.alignment import align_in_time, align_labels
from climeri_platform.access.clock import time_dimension
from climeri_platform.access.coordinates import marginal_names, read_here
from climeri_platform.access.grouping import catalogs_said, clusters, in_catalogs
from climeri_platform.access.members import (
    MEMBER,
    Stacked,
    common_facets,
    families_of,
    key_of_all,
)
from climeri_platform.access.samegrid import on_one_grid
from climeri_platform.core.errors import DatasetInconsistent, GridMismatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

__all__ = ["merge_datasets", "merge_variables"]

# facets that name a variable, or what of it was published when
_OF_THE_VARIABLE = (
    *("variable", "branded_variable", "branding_suffix", "native_variable"),
    *("version", "realm"),
)
_SO_FAR = "the others"
_SMALL = 250_000


def merge_variables(
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool = False,
) -> Stacked:
    """Put the variables of one run, table and grid into one Dataset.

    Different tables, frequencies and grids stay apart: their time axes or cells are others. Of two
    archive families the facets that both have say what is of one run.

    Parameters
    ----------
    datasets
        Key to Dataset.
    facets
        Key to facets, by common names.
    pad
        False cuts variables of different length to their common period, True fills the shorter
        ones with missing values.

    Returns
    -------
    Stacked
        ``refused`` holds the groups that do not fit, which stay apart.
    """
    groups: dict[object, list[str]] = {}
    for key in datasets:
        its = facets.get(key, {})
        rest = tuple(sorted((n, v) for n, v in its.items() if n not in _OF_THE_VARIABLE))
        groups.setdefault((rest,) if "variable" in its else key, []).append(key)
    result = Stacked()
    runs = []
    for keys in groups.values():
        if "variable" in facets.get(keys[0], {}):
            runs.append(keys)
        else:
            result.add(keys[0], datasets[keys[0]], facets.get(keys[0], {}), keys)
    known = [(common_facets([facets.get(key, {}) for key in keys]), None) for keys in runs]
    result.combine(
        runs,
        clusters(known, but=_OF_THE_VARIABLE, variable=False),
        "merged",
        across=lambda several: _across(result, several, datasets, facets, pad=pad),
        alone=lambda keys: _merge_one(result, keys, datasets, facets, pad=pad),
    )
    return result.in_order_of(datasets)


def _across(
    result: Stacked,
    several: Sequence[Sequence[str]],
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool,
) -> bool:
    """Merge the variables that several families have of one run; False if they do not fit."""
    keys = [key for its in several for key in its]
    whole = Stacked()
    members = {
        tuple(datasets[key][MEMBER].values.tolist()) for key in keys if MEMBER in datasets[key].dims
    }
    if len(members) > 1 and not pad:  # an ensemble loses no member to a run of another catalog
        why = "they have other members; pad=True fills what is missing"
    else:
        _merge_one(whole, keys, datasets, facets, pad=pad)
        why = "".join(each.message for _, each in whole.refused)
    if why:
        said = " and ".join(catalogs_said(keys)) or "two families"
        result.notes.append((keys[0], f"variables of {said} are not merged together: {why}"))
        return False
    first = list(several[0])
    its = {facets[first[0]].get(word) for word in _OF_THE_VARIABLE}
    plain = ".".join(part for part in first[0].split(".") if part not in its)
    name = in_catalogs(key_of_all(first) if len(first) > 1 else plain, keys)
    if name in result.datasets or name in datasets:
        name = in_catalogs(first[0], keys)
    result.take(name, whole, keys, families_of(keys, facets))
    return True


def _merge_one(
    result: Stacked,
    keys: Sequence[str],
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    *,
    pad: bool,
) -> None:
    if len(keys) == 1:
        result.add(keys[0], datasets[keys[0]], facets.get(keys[0], {}), keys)
        return
    common = key_of_all(keys)
    new = common if common and common not in {*datasets, *result.datasets} else keys[0]
    try:
        merged, notes = merge_datasets(
            [(_name(facets[key]), datasets[key]) for key in keys], pad=pad
        )
    except (DatasetInconsistent, GridMismatch) as problem:
        why = f"its variables do not fit in one Dataset: {problem.message}"
        result.refused.append((new, type(problem)(why, hint=problem.hint)))
        for key in keys:
            result.add(key, datasets[key], facets[key], [key])
        return
    result.add(new, merged, common_facets([facets[key] for key in keys]), keys)
    result.notes += [(new, note) for note in notes]


def _name(facets: Mapping[str, str]) -> str:
    return facets.get("branded_variable") or facets["variable"]


def merge_datasets(
    parts: Sequence[tuple[str, xr.Dataset]], *, pad: bool = False
) -> tuple[xr.Dataset, list[str]]:
    """Merge datasets that hold different variables; nothing is computed.

    Parameters
    ----------
    parts
        The name of a variable, and the Dataset that holds it.
    pad
        As of `merge_variables`.

    Returns
    -------
    dataset
        Attributes that differ are with their variables, and coordinates that differ (the height of
        ``tas`` and ``uas``) bear the name of theirs.
    notes
        What was done to make them one.

    Raises
    ------
    GridMismatch
        If they are not on one grid.
    DatasetInconsistent
        If two hold a variable of one name, or there is no common time.
    """
    names = [name for name, _ in parts]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DatasetInconsistent(
            f"{', '.join(twice)} is there more than once", hint="Narrow the search to one of them."
        )
    datasets = dict(parts)
    timed = {name: each for name, each in datasets.items() if time_dimension(each)}
    aligned, notes = align_in_time(timed, pad=pad)
    aligned, said = align_labels({**datasets, **aligned}, MEMBER, pad=pad)
    notes += said
    times = {name for each in timed.values() if (name := time_dimension(each))}
    merged: xr.Dataset | None = None
    attributes = _shared([each.attrs for each in datasets.values()])
    for name, each in aligned.items():
        own = _with_its_attributes(each, attributes)
        if merged is None:
            merged = own
            continue
        both, said = on_one_grid({_SO_FAR: merged, name: own}, apart={*times, MEMBER}, shared=True)
        notes += said
        merged = _joined(merged, both[name], name, notes)
    assert merged is not None
    merged.attrs = attributes
    closing = ExitStack()
    for each in datasets.values():
        closing.callback(each.close)
    merged.set_close(closing.close)
    return merged, notes


def _shared(said: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        word: value
        for word, value in said[0].items()
        if all(np.array_equal(np.asarray(value), np.asarray(each.get(word))) for each in said)
    }


def _with_its_attributes(dataset: xr.Dataset, shared: Mapping[str, object]) -> xr.Dataset:
    """Give attributes that others do not share to the variables that they speak of."""
    own = {word: value for word, value in dataset.attrs.items() if word not in shared}
    dataset = dataset.copy(deep=False)
    marginal = marginal_names(dataset)
    for name, variable in dataset.data_vars.items():
        if name not in marginal:
            for word, value in own.items():
                free = word if word not in variable.attrs else f"dataset_{word}"
                variable.attrs[free] = value
    return dataset


def _joined(merged: xr.Dataset, other: xr.Dataset, name: str, notes: list[str]) -> xr.Dataset:
    marginal = marginal_names(merged) | marginal_names(other)
    places: dict[str, xr.Variable] = {}
    data: dict[str, xr.Variable] = {}
    for word, variable in other.variables.items():
        coordinate = word in other.coords
        if word not in merged.variables:
            (places if coordinate else data)[str(word)] = variable
            continue
        if word in merged.indexes or word in marginal or _same(merged.variables[word], variable):
            continue
        if not coordinate:
            raise DatasetInconsistent(
                f"{name} and others both hold {word}, with other values",
                hint="Open them apart.",
            )
        if set(variable.dims) - {MEMBER}:
            notes.append(f"{word} of {name} differs from that of the others, which is kept")
            continue
        places[f"{word}_{name}"] = variable
        notes.append(f"{word} of {name} differs from that of the others: it is {word}_{name}")
    return merged.assign(data).assign_coords(places)


def _same(here: xr.Variable, there: xr.Variable) -> bool:
    if here is there:
        return True
    if here.dims != there.dims or here.shape != there.shape or here.size > _SMALL:
        return False
    first, second = read_here(here), read_here(there)
    if first.dtype.kind in "fiu" and second.dtype.kind in "fiu":
        return bool(np.allclose(first, second, rtol=1e-6, equal_nan=True))
    return bool(np.array_equal(first, second))
