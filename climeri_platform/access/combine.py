"""The files of one version of one dataset, joined in time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["holes", "join_in_time", "time_dimension"]

_TIME_NAMES = ("time", "time_counter")
# of a median step: months are 28 to 31 days, so 1.5 separates a hole from a long month
_HOLE = 1.5
# of the smallest step of a coordinate: less than this is rounding, more is another grid
_ROUNDING = 1e-3


def time_dimension(dataset: xr.Dataset) -> str | None:
    """Return the name of the time dimension, or None for fixed fields."""
    for known in _TIME_NAMES:
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
        If the files are not on one grid, or overlap in time.
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
    _check_order(files, time)
    datasets, notes = _snap(datasets, time)
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
    except ValueError as problem:
        raise DatasetInconsistent(
            f"the files are not on one grid: {' '.join(str(problem).split())[:300]}",
            hint="Open the files one by one and compare their coordinates.",
        ) from problem
    tracking = [str(each.attrs["tracking_id"]) for each in datasets if "tracking_id" in each.attrs]
    if tracking:
        joined.attrs["tracking_id"] = "\n".join(dict.fromkeys(tracking))
    joined[time].encoding = {
        name: value
        for name, value in first[time].encoding.items()
        if name in ("units", "calendar", "dtype")
    }
    return joined, notes


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


def _check_order(files: Sequence[tuple[str, xr.Dataset]], time: str) -> None:
    for (path, dataset), (next_path, following) in pairwise(files):
        if not dataset.sizes[time] or not following.sizes[time]:
            empty = path if not dataset.sizes[time] else next_path
            raise DatasetInconsistent(f"{empty} holds no time step", hint="Fetch it again.")
        last, begins = dataset[time].values[-1], following[time].values[0]
        if begins <= last:
            raise DatasetInconsistent(
                f"{next_path} begins at {begins}, before {path} ends at {last}",
                hint="Two of the files cover the same time: name the version, or tell the centre.",
            )


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
        If the axis does not increase.
    """
    time = time_dimension(dataset)
    if time is None or dataset.sizes[time] < 3 or time not in dataset.indexes:
        return []
    axis = dataset[time].values
    if not (axis.dtype.kind == "M" or axis.dtype == object):
        return []
    steps = np.diff(axis)
    seconds = np.array(
        [each.total_seconds() for each in steps]
        if axis.dtype == object
        else steps / np.timedelta64(1, "s"),
        dtype=float,
    )
    if (seconds <= 0).any():
        at = int(np.argmax(seconds <= 0))
        raise DatasetInconsistent(
            f"time does not increase: {axis[at]} is followed by {axis[at + 1]}",
            hint="The file joins several runs, or was written twice: ask its author.",
        )
    where = np.flatnonzero(seconds > _HOLE * np.median(seconds))
    return [(str(axis[i]), str(axis[i + 1])) for i in where]
