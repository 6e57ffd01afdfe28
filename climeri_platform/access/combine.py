"""The files of one version of one dataset, joined in time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from dask.base import is_dask_collection

from climeri_platform.access.files import TIME_NAMES
from climeri_platform.access.overlaps import resolve_overlaps, steps_between
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["calendar_of", "holes", "join_in_time", "time_dimension"]

# of a median step: months are 28 to 31 days, so 1.5 separates a hole from a long month
_HOLE = 1.5
# attributes that change what the numbers mean
_MEANING = ("units", "positive")
# of an encoding: how numbers are packed
_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
# a coordinate with more values than this is read from the first and the last file only, because
# reading it from all would take longer than opening them; with more than that, from none
_IN_ALL, _IN_TWO = 250_000, 4_000_000
# of the smallest step of a coordinate: less than this is rounding, more is another grid
_ROUNDING = 1e-3


def time_dimension(dataset: xr.Dataset) -> str | None:
    """Return the name of the time dimension, or None for fixed fields."""
    for known in TIME_NAMES:
        if known in dataset.dims:
            return known
    for name, coordinate in dataset.coords.items():
        if coordinate.dims == (name,) and coordinate.attrs.get("standard_name") == "time":
            return str(name)
    return None


def join_in_time(files: Sequence[tuple[str, xr.Dataset]]) -> tuple[xr.Dataset, list[str]]:
    """Join decoded files along time.

    Parameters
    ----------
    files
        Path and Dataset, one for each file, in the order of their names' periods.

    Returns
    -------
    dataset
        Lazy. Attributes are the first file's, without those that differ between files;
        ``tracking_id`` keeps every file's.
    notes
        What was done to make them one, for the report.

    Raises
    ------
    DatasetInconsistent
        If the files are not on one grid, cover the same time with other stamps (`overlaps` has
        the rule), or hold other variables, units or calendars.
    """
    datasets = [each for _, each in files]
    first = datasets[0]
    time = time_dimension(first)
    if len(files) == 1:
        return first, []
    if time is None or any(time not in each.dims for each in datasets):
        raise DatasetInconsistent(
            f"{len(files)} files, and not all have a time axis: {', '.join(p for p, _ in files)}",
            hint="One of them does not belong to this version: look at them.",
        )
    _check_time(files, time)
    kept, overlaps = resolve_overlaps([(path, each[time].values) for path, each in files])
    every, files = (
        files,
        [
            (
                files[each.number][0],
                files[each.number][1].isel({time: slice(each.start, each.stop)}),
            )
            for each in kept
        ],
    )
    datasets = [each for _, each in files]
    first = datasets[0]
    notes = [*overlaps, *_check_variables(files, time), *_check_places(files, time)]
    datasets, snapped = _snap(datasets, time)
    try:
        joined = xr.concat(
            datasets,
            dim=time,
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="drop_conflicts",
        )
    except (ValueError, TypeError) as problem:
        raise DatasetInconsistent(
            f"the files are not on one grid: {' '.join(str(problem).split())[:300]}",
            hint="Open the files one by one and compare their coordinates.",
        ) from problem
    tracking = [str(each.attrs["tracking_id"]) for each in datasets if "tracking_id" in each.attrs]
    if tracking:
        joined.attrs["tracking_id"] = "\n".join(dict.fromkeys(tracking))
    _unpack(joined, datasets)
    closing = ExitStack()
    for _, each in every:
        closing.callback(each.close)
    joined.set_close(closing.close)
    joined[time].encoding = {
        name: value
        for name, value in first[time].encoding.items()
        if name in ("units", "calendar", "dtype")
    }
    return joined, [*notes, *snapped]


def _unpack(joined: xr.Dataset, datasets: list[xr.Dataset]) -> None:
    # written with the first file's packing, the values of the others would overflow
    for name, variable in joined.variables.items():
        packings = {
            tuple(str(each[name].encoding.get(word)) for word in _PACKING)
            for each in datasets
            if name in each.variables
        }
        if len(packings) > 1:
            for word in _PACKING:
                variable.encoding.pop(word, None)


def _check_variables(files: Sequence[tuple[str, xr.Dataset]], time: str) -> list[str]:
    first_path, first = files[0]
    along = [{str(n) for n, v in each.data_vars.items() if time in v.dims} for _, each in files]
    if first.data_vars and not set.intersection(*along):
        other = next(
            path for (path, _), names in zip(files, along, strict=True) if names != along[0]
        )
        raise DatasetInconsistent(
            f"no variable is in all files: {first_path} and {other} hold different ones",
            hint="A file has the name of another variable: look at them with ncdump -h.",
        )
    notes = []
    for name in sorted(set.union(*along)):
        without = [path for (path, _), names in zip(files, along, strict=True) if name not in names]
        if without:
            notes.append(
                f"{name} is not in {len(without)} of {len(files)} files, such as {without[0]}; "
                "it is missing values there"
            )
    for path, dataset in files[1:]:
        for common in first.variables.keys() & dataset.variables.keys():
            for word in _MEANING:
                here, there = (each[common].attrs.get(word) for each in (first, dataset))
                if word == "units" and (here is None) != (there is None) and common in along[0]:
                    notes.append(
                        f"{common} has units {here!r} in {first_path}, {there!r} in {path}; "
                        "they are taken for the same"
                    )
                if None not in (here, there) and str(here).split() != str(there).split():
                    raise DatasetInconsistent(
                        f"{common} has {word} {here!r} in {first_path}, {there!r} in {path}",
                        hint="Open the files one by one and convert them; tell the centre.",
                    )
    return notes


def _check_places(files: Sequence[tuple[str, xr.Dataset]], time: str) -> list[str]:
    # two-dimensional latitudes and scalar heights: joining takes the first file's unseen
    first_path, first = files[0]
    notes = []
    for name, coordinate in first.coords.items():
        if name in first.indexes or time in coordinate.dims or coordinate.size > _IN_TWO:
            continue
        here = _read(coordinate)
        for path, dataset in files[1:] if coordinate.size <= _IN_ALL else files[-1:]:
            if name not in dataset.coords or time in dataset[name].dims:
                continue
            there = _read(dataset[name])
            if _alike(here, there):
                continue
            if here.ndim == 0 and there.ndim == 0:
                notes.append(f"{name} is {here} in {first_path}, {there} in {path}")
                continue
            raise DatasetInconsistent(
                f"the files are not on one grid: {name} differs between {first_path} and {path}",
                hint="Open the files one by one and compare their coordinates.",
            )
    return notes


def _read(coordinate: xr.DataArray) -> np.ndarray:
    # in this thread: no cluster is asked while files are opened
    data = coordinate.variable.data
    return np.asarray(data.compute(scheduler="synchronous") if is_dask_collection(data) else data)


def _alike(here: np.ndarray, there: np.ndarray) -> bool:
    if here.shape != there.shape:
        return False
    if here.dtype.kind == there.dtype.kind == "f":
        return bool(np.allclose(here, there, rtol=1e-6, atol=_ROUNDING, equal_nan=True))
    return bool(np.array_equal(here, there))


def _snap(datasets: list[xr.Dataset], time: str) -> tuple[list[xr.Dataset], list[str]]:
    # files written years apart repeat a grid with another rounding; that is one grid
    first, notes = datasets[0], []
    for name in first.indexes:
        here = first[name].values
        if name == time or here.dtype.kind != "f" or here.size < 2:
            continue
        tolerance = _ROUNDING * float(np.abs(np.diff(here)).min())
        worst = 0.0
        for number, each in enumerate(datasets):
            there = each[name].values if name in each.indexes else np.empty(0)
            if there.shape != here.shape:
                break
            distance = float(np.abs(there - here).max())
            if 0 < distance <= tolerance:
                datasets[number] = each.assign_coords({name: first[name]})
                worst = max(worst, distance)
        if worst:
            notes.append(
                f"{name} differs by up to {worst:.1e} between files; the first file's is kept"
            )
    return datasets, notes


def _check_time(files: Sequence[tuple[str, xr.Dataset]], time: str) -> None:
    first_path, first = files[0]
    calendar = calendar_of(first, time)
    for path, dataset in files:
        if time not in dataset.coords or not dataset.sizes[time]:
            what = "holds no time step" if time in dataset.coords else "has no values of time"
            raise DatasetInconsistent(f"{path} {what}", hint="Fetch it again.")
        if calendar_of(dataset, time) != calendar:
            raise DatasetInconsistent(
                f"the calendar is {calendar} in {first_path}, {calendar_of(dataset, time)} in {path}",
                hint="Open the files one by one; a season or a day means different things in them.",
            )


def calendar_of(dataset: xr.Dataset, time: str) -> str:
    """Return the calendar of a time axis; ``not known`` where no unit explains its numbers."""
    axis = dataset[time]
    if axis.dtype.kind == "M":  # xarray would call it standard or proleptic by the year
        return "gregorian"
    return str(axis.dt.calendar) if axis.dtype == object and axis.size else "not known"


def holes(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """Return the steps of the time axis between which something is missing.

    Parameters
    ----------
    dataset
        With a decoded time coordinate; nothing is computed, the axis is in memory.

    Returns
    -------
    list of tuple
        Last moment before and first moment after each hole, as text.

    Raises
    ------
    DatasetInconsistent
        If the axis does not increase, or lacks a value.
    """
    time = time_dimension(dataset)
    if time is None or dataset.sizes[time] < 2 or time not in dataset.indexes:
        return []
    axis = dataset[time].values
    absent = dataset[time].isnull().values
    if absent.any():
        raise DatasetInconsistent(
            f"{int(absent.sum())} of {absent.size} time steps have no time, "
            f"the first is number {int(np.argmax(absent)) + 1}",
            hint="The file was not written to its end: fetch it again, or ask its author.",
        )
    seconds = steps_between(axis)
    if (seconds <= 0).any():
        at = int(np.argmax(seconds <= 0))
        raise DatasetInconsistent(
            f"time does not increase: {axis[at]} is followed by {axis[at + 1]}",
            hint="The file joins several runs, or was written twice: ask its author.",
        )
    if axis.dtype.kind not in "MO":
        return []  # numbers that no unit explains: a step of theirs may be anything
    where = np.flatnonzero(seconds > _HOLE * np.median(seconds))
    return [(str(axis[i]), str(axis[i + 1])) for i in where]
