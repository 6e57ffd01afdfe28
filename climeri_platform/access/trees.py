"""All that was opened in one object: a tree of experiments, models and members, or one Dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from climeri_platform.access.clock import time_dimension
from climeri_platform.access.members import MEMBER, common_facets
from climeri_platform.access.merging import merge_datasets
from climeri_platform.access.reindexing import say_names
from climeri_platform.access.stacking import stack
from climeri_platform.catalog.members import member_order
from climeri_platform.catalog.vocabulary import in_order
from climeri_platform.core.errors import NothingFound, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

__all__ = ["to_dataset", "to_datatree"]

# runs whose years are only counted
_COUNTED = re.compile(r"(esm-)?piControl.*|esmControl|abrupt.*|1pctCO2.*")
_LEVELS = ("experiment", "model", MEMBER)
# what tells the leaves of one branch apart, the most telling first
_LEAF = (
    *("variable", "table", "frequency", "grid", "domain", "driving_model", "driving_experiment"),
    *("driving_member", "rcm_version", "version_realization", "institution", "version"),
    *("branding_suffix", "region", "realm", "activity", "product", "simulation", "family"),
)


def to_datatree(
    datasets: Mapping[str, xr.Dataset], facets: Mapping[str, Mapping[str, str]]
) -> xr.DataTree:
    """Return datasets as a tree: experiment, model, member, variable.

    A level of which nothing says the value is left out. Leaves are named by the variable, or by the
    table where variables were merged, and by more facets where these do not tell them apart.

    Parameters
    ----------
    datasets
        Key to Dataset.
    facets
        Key to facets, by common names.

    Returns
    -------
    xarray.DataTree
        Each node's attribute ``climeri_key`` is the key.
    """
    import xarray as xr

    branches: dict[tuple[str, ...], list[str]] = {}
    for key in datasets:
        its = facets.get(key, {})
        branch = tuple(_safe(its[level]) for level in _LEVELS if its.get(level))
        branches.setdefault(branch, []).append(key)
    nodes: dict[str, xr.Dataset] = {}
    inner = {branch[:depth] for branch in branches for depth in range(len(branch) + 1)}
    for branch, keys in branches.items():
        for key, leaf in _leaves(keys, facets).items():
            path = (*branch, leaf)
            if path in inner:  # a variable that is called like a model
                path = (*branch, _safe(key))
            dataset = datasets[key].copy(deep=False)
            dataset.attrs = {**dataset.attrs, "climeri_key": key}
            nodes["/" + "/".join(path)] = dataset
    return xr.DataTree.from_dict(nodes)


def _leaves(keys: Sequence[str], facets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    def name(key: str, words: Sequence[str]) -> str:
        its = facets.get(key, {})
        return "_".join(_safe(its[word]) for word in words if its.get(word))

    words: list[str] = []
    for word in _LEAF:
        has = [facets.get(key, {}).get(word) for key in keys]
        before = len({name(key, words) for key in keys})
        more = len({name(key, [*words, word]) for key in keys})
        # the first that is said at all names the leaf, others only if they tell leaves apart
        if any(has) and (not words or more > before):
            words.append(word)
        if words and len({name(key, words) for key in keys}) == len(keys):
            break
    found = {key: name(key, words) or _safe(key) for key in keys}
    if len(set(found.values())) < len(keys) or any(name(key, words) == "" for key in keys):
        found = {key: _safe(key) for key in keys}
    return found


def _safe(name: str) -> str:
    """Return a name that a node of a tree may have.

    Examples
    --------
    >>> _safe("a/b"), _safe(".."), _safe("")
    ('a-b', '--', 'none')
    """
    text = name.replace("/", "-").strip()
    return "-" * len(text) if text in (".", "..") else text or "none"


def to_dataset(
    datasets: Mapping[str, xr.Dataset],
    facets: Mapping[str, Mapping[str, str]],
    dim: str = "model",
    *,
    pad: bool = False,
    time: Literal["calendar", "elapsed"] = "calendar",
) -> tuple[xr.Dataset, list[str]]:
    """Return one Dataset with the values of a facet as a dimension.

    Variables of one value are merged. Monthly and coarser series of different calendars are put
    beside each other by month; all are cut to the common period.

    Parameters
    ----------
    datasets
        Key to Dataset.
    facets
        Key to facets, by common names.
    dim
        The facet that becomes the dimension: ``model``, ``experiment``, ``member``, ...
    pad
        Whether what some lack in time (or of members) is filled with missing values instead.
    time
        ``"elapsed"`` matches steps by the time since each series began, and not by their dates.

    Returns
    -------
    dataset
        Facets and attributes that differ are coordinates along ``dim``.
    notes
        What was done to make them one.

    Raises
    ------
    GridMismatch
        If they are not on one grid; those that differ are named.
    DatasetInconsistent
        If calendars, units or steps of time differ, or nothing is common.
    UsageError
        If ``dim`` is no facet of theirs, or a value of it has several datasets of one variable; or
        if ``time`` is none of the two.
    NothingFound
        If there is nothing to put together.
    """
    if time not in ("calendar", "elapsed"):
        raise UsageError(f"time={time!r}: it is 'calendar' or 'elapsed'")
    if not datasets:
        raise NothingFound("nothing was opened that could be put into one Dataset")
    groups: dict[str, list[str]] = {}
    for key in datasets:
        its = facets.get(key, {})
        if not its.get(dim):
            raise _without(dim, key, its, datasets[key])
        groups.setdefault(its[dim], []).append(key)
    notes: list[str] = []
    merged, known = {}, {}
    order = member_order if dim == MEMBER else in_order
    for label in sorted(groups, key=order):
        keys = groups[label]
        _check_alone(label, dim, keys, facets)
        known[label] = common_facets([facets[key] for key in keys])
        known[label].pop(dim)
        if len(keys) == 1:
            merged[label] = datasets[keys[0]]
            continue
        parts = [(facets[key].get("variable", key), datasets[key]) for key in keys]
        merged[label], said = merge_datasets(parts, pad=pad)
        notes += [f"{label}: {each}" for each in said]
    stacked, said = stack(merged, dim, pad=pad, calendars=dim != MEMBER, time=time, facets=known)
    if time == "calendar" and dim != MEMBER:
        notes += _counted(merged, known, dim)
    return stacked, [*notes, *said]


def _counted(
    datasets: Mapping[str, xr.Dataset], facets: Mapping[str, Mapping[str, str]], dim: str
) -> list[str]:
    """Say that dates mean nothing where runs count their years, each from another."""
    runs = {
        label: label if dim == "experiment" else facets[label].get("experiment", "")
        for label in datasets
    }
    first = {
        label: int(each[time][:1].dt.year.values[0])
        for label, each in datasets.items()
        if _COUNTED.fullmatch(runs[label])
        and (time := time_dimension(each))
        and each[time].dtype.kind in "MO"
        and each.sizes[time]
    }
    if len(set(first.values())) < 2:
        return []
    said = say_names([f"{label} {year}" for label, year in first.items()])
    return [
        (
            f"they count their years, and begin in other ones ({said}): the same date need not mean the "
            "same; to_dataset(time='elapsed') matches the time since each began"
        )
    ]


def _without(dim: str, key: str, facets: Mapping[str, str], dataset: xr.Dataset) -> UsageError:
    if dim in dataset.dims:
        return UsageError(
            f"{key} has the dimension {dim} already",
            hint="Take it as it is, or another facet: to_dataset(dim='model').",
        )
    like = nearest(dim, facets)
    return UsageError(
        f"nothing says the {dim} of {key}",
        hint=f"Did you mean {' or '.join(like)}?" if like else f"It has: {', '.join(facets)}.",
    )


def _check_alone(
    label: str, dim: str, keys: Sequence[str], facets: Mapping[str, Mapping[str, str]]
) -> None:
    """Refuse several datasets of one variable, and say which facets tell them apart."""
    names = [facets[key].get("variable", key) for key in keys]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return
    those = [key for key, name in zip(keys, names, strict=True) if name == twice]
    words = dict.fromkeys(word for key in those for word in facets[key])
    differ = [
        f"{word} ({say_names(sorted({facets[key].get(word, 'none') for key in those}))})"
        for word in words
        if len({facets[key].get(word) for key in those}) > 1
    ]
    raise UsageError(
        f"{dim} {label} has {len(those)} datasets of {twice}, which differ in "
        f"{', '.join(differ) or 'nothing that a catalog knows'}",
        hint="Search for one of them, or open(members='stack') if they are members.",
    )
