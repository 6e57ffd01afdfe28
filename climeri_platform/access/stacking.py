"""Datasets along a new dimension: members of a model, or models on one grid."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import numpy as np
import xarray as xr

from climeri_platform.access.alignment import align_in_time, align_labels
from climeri_platform.access.clock import time_dimension
from climeri_platform.access.coordinates import marginal_names, read_here
from climeri_platform.access.elapsed import ORIGINAL_TIME, Elapsed, align_elapsed
from climeri_platform.access.reindexing import say_names
from climeri_platform.access.samegrid import on_one_grid
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["along", "stack"]

# a field without time of more values than this is stacked unread
_SMALL = 250_000
_MEANING = ("units", "positive")
_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
_MEMBER = "member"


def stack(
    datasets: Mapping[str, xr.Dataset],
    dim: str,
    *,
    pad: bool = False,
    calendars: bool = False,
    time: Literal["calendar", "elapsed"] = "calendar",
    facets: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[xr.Dataset, list[str]]:
    """Put datasets beside each other along a new dimension; nothing is computed.

    Parameters
    ----------
    datasets
        Label to Dataset, in the order of the dimension.
    dim
        The name of the dimension.
    pad
        Whether what some lack in time (or of members) is filled with missing values; by default
        all are cut to what is common.
    calendars
        Whether monthly series of different calendars may stand beside each other.
    time
        ``"elapsed"`` matches steps by the time since each series began, and not by their dates.
    facets
        What a catalog says of each label; what differs becomes a coordinate.

    Returns
    -------
    dataset
        Attributes that differ are coordinates along ``dim``, of numbers or text.
    notes
        What was done to make them one.

    Raises
    ------
    GridMismatch
        If they are not on one grid.
    DatasetInconsistent
        If units, calendars or steps of time differ, or nothing is common.
    """
    order = list(datasets)
    _check_units(datasets)
    times = {name for each in datasets.values() if (name := time_dimension(each))}
    snapped, notes = on_one_grid(datasets, apart={*times, _MEMBER, dim})
    begun = align_elapsed(snapped, pad=pad) if time == "elapsed" else None
    if begun is None:
        timed, said = align_in_time(snapped, pad=pad, calendars=calendars)
    else:
        timed, said = begun.datasets, begun.notes
    aligned, more = align_labels(timed, _MEMBER, pad=pad)
    notes += [*said, *more]
    parts = [aligned[label] for label in order]
    taken = _variables(order, parts, dim, next(iter(times), None), notes)
    result = _collected(parts, taken)
    result = result.assign_coords({dim: (dim, np.array(order))})
    if begun is not None and begun.time:
        result = _with_dates(result, begun, dim)
    known = [dict((facets or {}).get(label, {})) for label in order]
    _keep_attributes(result, parts, known, dim)
    if begun is not None and begun.time:
        result.attrs["climeri_time"] = "; ".join(begun.notes)
    closing = ExitStack()
    for each in datasets.values():
        closing.callback(each.close)
    result.set_close(closing.close)
    return result, notes


def _with_dates(result: xr.Dataset, begun: Elapsed, dim: str) -> xr.Dataset:
    """Return the result with the dates that each step had, and what was done in its attributes."""
    dates = np.stack([begun.original[label] for label in result[dim].values.tolist()])
    attributes = {"long_name": "time as the files say it"}
    held = xr.Variable((dim, begun.time), dates, attributes, result[begun.time].encoding)
    return result.assign_coords({ORIGINAL_TIME: held})


def _check_units(datasets: Mapping[str, xr.Dataset]) -> None:
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for label, each in datasets.items():
        marginal = marginal_names(each)
        for name, variable in each.variables.items():
            for word in _MEANING:
                said = variable.attrs.get(word)
                if said is not None and name not in marginal and name not in each.indexes:
                    text = " ".join(str(said).split())
                    found.setdefault((str(name), word), {}).setdefault(text, []).append(label)
    for (name, word), its in found.items():
        if len(its) > 1:
            said = "; ".join(f"{text!r}: {say_names(labels)}" for text, labels in its.items())
            raise DatasetInconsistent(
                f"{name} has different {word}: {said}",
                hint="open(harmonise=True) gives all the same units; or convert them first.",
            )


def _variables(
    labels: Sequence[str],
    parts: Sequence[xr.Dataset],
    dim: str,
    time: str | None,
    notes: list[str],
) -> dict[str, tuple[xr.Variable, bool]]:
    """Return the variables of the result, each with whether it is a coordinate."""
    marginal = {str(name) for each in parts for name in marginal_names(each)}
    names = list(dict.fromkeys(str(name) for each in parts for name in each.variables))
    found: dict[str, tuple[xr.Variable, bool]] = {}
    for name in names:
        has = [each.variables.get(name) for each in parts]
        first = next(each for each in has if each is not None)
        coordinate = any(name in each.coords for each in parts)
        if name in marginal or any(name in each.indexes for each in parts):
            found[name] = first, coordinate
            continue
        whose = _MEMBER in first.dims  # attributes of members, which each model has its own of
        if coordinate and first.ndim and not whose and (time not in first.dims or first.ndim == 1):
            found[name] = first, True  # a place, compared before; or another word for time
            continue
        if (coordinate and (whose or not first.ndim)) or (time and time not in first.dims):
            if (same := _same(has)) is not None:
                found[name] = same, coordinate
                continue
            if not first.ndim:
                found[name] = along(dim, [None if e is None else read_here(e) for e in has]), True
                found[name][0].attrs.update(first.attrs)
                continue
        without = [label for label, each in zip(labels, has, strict=True) if each is None]
        if without:
            notes.append(f"{name} is not in {say_names(without)}; it is missing values there")
        found[name] = _stacked(name, has, dim), coordinate
    return found


def _same(has: Sequence[xr.Variable | None]) -> xr.Variable | None:
    """Return a small variable that is the same in all."""
    first = has[0]
    if first is None or any(each is None for each in has) or first.size > _SMALL:
        return None
    here = read_here(first)
    for each in has[1:]:
        assert each is not None
        if each.dims != first.dims:
            return None
        there = read_here(each)
        numbers = here.dtype.kind in "fiu" and there.dtype.kind in "fiu"
        same = (
            here.shape == there.shape and np.allclose(here, there, rtol=1e-6, equal_nan=True)
            if numbers
            else np.array_equal(here, there)
        )
        if not same:
            return None
    return first


def _stacked(name: str, has: Sequence[xr.Variable | None], dim: str) -> xr.Variable:
    there = [each for each in has if each is not None]
    first = there[0]
    if any(set(each.dims) != set(first.dims) for each in there):
        raise DatasetInconsistent(
            f"{name} has the dimensions {first.dims} in some and others elsewhere",
            hint="Open them apart.",
        )
    shared = {
        word: first.encoding[word]
        for word in _PACKING
        if word in first.encoding
        and len({tuple(str(each.encoding.get(word)) for word in _PACKING) for each in there}) == 1
    }
    dtype = np.result_type(*(each.dtype for each in there))
    if dtype.kind in "iub" and len(there) < len(has):
        dtype = np.dtype("f8")
    missing = {"M": np.datetime64("NaT"), "U": ""}.get(dtype.kind, np.nan)
    turned = [None if each is None else each.transpose(*first.dims) for each in has]
    if not any(each.chunks for each in there):
        held = [np.full(first.shape, missing, dtype) if e is None else e.values for e in turned]
        return xr.Variable((dim, *first.dims), np.stack(held).astype(dtype), {}, shared)
    arrays = [None if each is None else da.asarray(each.data) for each in turned]
    chunks = _chunks([each for each in arrays if each is not None])
    filled = [
        da.full(first.shape, missing, dtype=dtype, chunks=chunks)
        if each is None
        else each.rechunk(chunks).astype(dtype)
        for each in arrays
    ]
    return xr.Variable((dim, *first.dims), da.stack(filled), {}, shared)


def _chunks(arrays: Sequence[da.Array]) -> tuple[tuple[int, ...], ...]:
    """Return the chunks that most have: all must have the same, and joining all cuts would explode."""
    return tuple(
        max(Counter(its).items(), key=lambda each: (each[1], -len(each[0])))[0]
        for its in zip(*(each.chunks for each in arrays), strict=True)
    )


def _collected(
    parts: Sequence[xr.Dataset], taken: Mapping[str, tuple[xr.Variable, bool]]
) -> xr.Dataset:
    indexes = {name: each[name] for each in reversed(parts) for name in each.indexes}
    coords = {name: each for name, (each, is_coord) in taken.items() if is_coord}
    data = {name: each for name, (each, is_coord) in taken.items() if not is_coord}
    coords = {name: each for name, each in coords.items() if name not in indexes}
    return xr.Dataset(data, coords={**{n: i.variable for n, i in indexes.items()}, **coords})


def _keep_attributes(
    result: xr.Dataset,
    parts: Sequence[xr.Dataset],
    facets: Sequence[Mapping[str, str]],
    dim: str,
) -> None:
    """Keep attributes that are equal, and make coordinates of those that differ."""
    result.attrs = _split([each.attrs for each in parts], result, dim, "")
    for name, variable in result.variables.items():
        if name in result.indexes:
            continue
        its = [each.variables[name].attrs for each in parts if name in each.variables]
        if dim in variable.dims and name in result.data_vars and len(its) == len(parts):
            variable.attrs = _split(its, result, dim, f"{name}_")
        elif its:
            variable.attrs = dict(its[0])
    _split(facets, result, dim, "", also=True)


def _split(
    said: Sequence[Mapping[str, Any]],
    result: xr.Dataset,
    dim: str,
    prefix: str,
    *,
    also: bool = False,
) -> dict[str, Any]:
    common = {}
    for word in dict.fromkeys(word for each in said for word in each):
        values = [each.get(word) for each in said]
        if all(_equal(values[0], each) for each in values[1:]):
            common[word] = values[0]
            continue
        name = f"{prefix}{word}".replace("/", "_")
        taken = name in result.variables or name in result.dims
        if taken and also:
            continue  # a facet that the files say themselves
        if taken:
            name = f"attribute_{name}"
        result.coords[name] = along(dim, values)
    return common


def _equal(here: Any, there: Any) -> bool:
    if (here is None) != (there is None):
        return False
    return bool(np.array_equal(np.asarray(here), np.asarray(there)))


def along(dim: str, values: Sequence[Any]) -> xr.Variable:
    """Return one value for each label: numbers where all are, else text; what is absent is missing.

    Parameters
    ----------
    dim
        The dimension.
    values
        Of attributes; None where there is none.

    Examples
    --------
    >>> along("member", [10957.0, None, 0]).values
    array([10957.,    nan,     0.])
    >>> along("member", ["r1i1p1f1", None, 3]).values
    array(['r1i1p1f1', '', '3'], dtype='<U8')
    """
    held = [np.asarray(each) for each in values if each is not None]
    if held and all(each.size == 1 and each.dtype.kind in "iufM" for each in held):
        kinds = {each.dtype.kind for each in held}
        if kinds == {"M"}:
            missing: Any = np.datetime64("NaT", "us")
        else:
            missing = np.nan
        if "M" not in kinds or len(kinds) == 1:
            plain = [
                missing if each is None else np.asarray(each).reshape(())[()] for each in values
            ]
            return xr.Variable((dim,), np.array(plain))
    return xr.Variable((dim,), np.array(["" if each is None else _text(each) for each in values]))


def _text(value: Any) -> str:
    held = np.asarray(value)
    return str(held.item()) if held.size == 1 else " ".join(map(str, held.ravel().tolist()))
