"""Time axes of several datasets made one: members of a model, models, variables of a table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial, reduce
from typing import Any

import numpy as np
import xarray as xr

from climeri_platform.access.clock import calendar_of, time_dimension
from climeri_platform.access.overlaps import steps_between
from climeri_platform.access.reindexing import reindexed, say_names
from climeri_platform.access.stamps import (
    middles_of,
    moment_like,
    numbers_of,
    on_calendar,
    parts_of,
)
from climeri_platform.catalog.members import member_order
from climeri_platform.core.errors import DatasetInconsistent

__all__ = ["align_in_time", "align_labels", "calendars_of", "one_time_name", "unit_of_steps"]

_DAY = 86400.0
_TOLD = 5
_ENOUGH = 1000  # steps that show how long a step is
_ALIKE = ({"gregorian", "standard", "proleptic_gregorian"}, {"noleap", "365_day"})
Datasets = Mapping[str, xr.Dataset]
Ids = dict[str, np.ndarray]


def align_in_time(
    datasets: Datasets, *, pad: bool = False, calendars: bool = False
) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Give datasets one time axis.

    Steps are the same where they lie in the same month (year, day), so that it does not matter
    where in it a producer puts the stamp; series of other steps are compared to the second.

    Parameters
    ----------
    datasets
        Label to Dataset, decoded; those without time are all or none.
    pad
        False cuts all to the steps that all have; True fills what is missing with missing values.
    calendars
        Whether monthly and coarser series of different calendars may stand beside each other.

    Returns
    -------
    datasets
        With the same time axis, that of the first as far as it has the steps.
    notes
        What was cut, filled, or taken for the same.

    Raises
    ------
    DatasetInconsistent
        If calendars or steps differ, or there is no time in common; the labels are named.
    """
    times = {label: time_dimension(each) for label, each in datasets.items()}
    if len(datasets) < 2 or not any(times.values()):
        return dict(datasets), []
    time = one_time_name(times, datasets)
    axes = [each[time].values for each in datasets.values()]
    one = len({calendar_of(each, time) for each in datasets.values()}) == 1
    if one and all(np.array_equal(each, axes[0]) for each in axes[1:] if each is not axes[0]):
        return dict(datasets), []
    unit = unit_of_steps(datasets, time)
    mixed = _check_calendars(datasets, time, coarse=calendars and unit in ("year", "month"))
    ids, notes = _identify(datasets, time, unit)
    wanted = _wanted(ids, datasets, time, pad=pad)
    stamps = _stamps(wanted, ids, datasets, time, mixed=mixed)
    if mixed:
        first = calendar_of(next(iter(datasets.values())), time)
        notes.append(f"calendars differ ({mixed}); the {unit}s are put on the calendar {first}")
    return _onto(datasets, time, ids, wanted, stamps, notes)


def align_labels(
    datasets: Datasets, dim: str, *, pad: bool = False
) -> tuple[dict[str, xr.Dataset], list[str]]:
    """Give datasets the same labels along a dimension, such as ``member``.

    Parameters
    ----------
    datasets
        Label to Dataset; those without the dimension are left as they are.
    dim
        The dimension, which has a coordinate of text.
    pad
        False keeps the labels that all have; True fills those that are missing.

    Returns
    -------
    datasets, notes
        As of `align_in_time`.

    Raises
    ------
    DatasetInconsistent
        If no label is common.
    """
    having = {label: each for label, each in datasets.items() if dim in each.dims}
    if len(having) < 2:
        return dict(datasets), []
    ids = {label: each[dim].values.astype(str) for label, each in having.items()}
    every = sorted({each for its in ids.values() for each in its.tolist()}, key=member_order)
    common = [each for each in every if all(each in its for its in ids.values())]
    if len(common) == len(every):
        wanted = np.array(every)
    elif not common and not pad:
        raise DatasetInconsistent(
            f"no {dim} is common to {say_names(list(having))}",
            hint="pad=True keeps all of them and fills with missing values.",
        )
    else:
        wanted = np.array(every if pad else common)
    aligned = dict(datasets)
    for label, each in having.items():
        aligned[label] = reindexed(each, dim, _positions(ids[label], wanted), None)
        aligned[label] = aligned[label].assign_coords({dim: (dim, wanted, each[dim].attrs)})
    if len(common) == len(every):
        return aligned, []
    done = "the others are filled with missing values" if pad else "the others are left out"
    return aligned, [f"{len(common)} of {len(every)} {dim}s are common to all; {done}"]


def one_time_name(times: Mapping[str, str], datasets: Datasets) -> str:
    """Return the name of the time axis that all have.

    Raises
    ------
    DatasetInconsistent
        If some have none, or another name for it.
    """
    without = [label for label, name in times.items() if name not in datasets[label].indexes]
    if without:
        raise DatasetInconsistent(
            f"{say_names(without)} has no time axis, and others have",
            hint="Leave these out, or open them apart.",
        )
    names = sorted({name for name in times.values() if name})
    if len(names) > 1:
        raise DatasetInconsistent(
            f"the time axis is called {' in some and '.join(names)} in others",
            hint="open(harmonise=True) gives them one name.",
        )
    return names[0]


def unit_of_steps(datasets: Datasets, time: str) -> str:
    """Return the part of a calendar of which each step is one: year, month, day, or "" for none.

    Raises
    ------
    DatasetInconsistent
        If it is not the same in all.
    """
    medians = {
        label: float(np.median(steps_between(each[time].values[:_ENOUGH]))) / _DAY
        for label, each in datasets.items()
        if each.sizes[time] > 1 and each[time].dtype.kind in "MO"
    }
    kinds = {label: _kind(days) for label, days in medians.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{label} {days:.3g}" for label, days in list(medians.items())[:5])
        raise DatasetInconsistent(
            f"steps of time differ (days): {said}",
            hint="Choose one frequency, or average one of them first.",
        )
    return next(iter(kinds.values()), "")


def _kind(days: float) -> str:
    if 359 <= days <= 367:
        return "year"
    if 27 <= days <= 32:
        return "month"
    return "day" if 0.99 < days < 1.01 else ""


def calendars_of(datasets: Datasets, time: str) -> dict[str, list[str]]:
    """Return calendars and the labels of the datasets that have them; what counts alike is one."""
    found: dict[str, list[str]] = {}
    for label, each in datasets.items():
        name = calendar_of(each, time)
        late = each[time][:1].dt.year.values[0] > 1582 if each[time].dtype.kind in "MO" else False
        if name in _ALIKE[1] or (name in _ALIKE[0] and late):
            name = "noleap" if name in _ALIKE[1] else "standard"
        found.setdefault(name, []).append(label)
    return found


def _check_calendars(datasets: Datasets, time: str, *, coarse: bool) -> str:
    """Return the calendars that stand beside each other, as text; "" if there is one."""
    found = calendars_of(datasets, time)
    if len(found) == 1:
        return ""
    said = "; ".join(f"{name}: {say_names(labels)}" for name, labels in found.items())
    if coarse and "not known" not in found:
        return said
    raise DatasetInconsistent(
        f"calendars differ: {said}",
        hint="A day means different things in them: open them apart, or average to months first.",
    )


def _identify(datasets: Datasets, time: str, unit: str) -> tuple[Ids, list[str]]:
    """Give each step a number that is the same in all datasets, and say where stamps differ."""
    exact = {label: numbers_of(each[time]) for label, each in datasets.items()}
    ids = {label: _of(unit, its) for label, its in exact.items()}
    if not all(_once(its) for its in ids.values()):
        unit, ids = "", exact
    if not unit or _agree(ids, exact):
        return ids, []
    middles = {label: middles_of(each, time) for label, each in datasets.items()}
    if all(each is not None for each in middles.values()):
        # bounds say it where a stamp stands at the end of its month
        by_bounds = {label: _of(unit, numbers_of(each)) for label, each in middles.items()}
        if all(_once(its) for its in by_bounds.values()):
            ids = by_bounds
    label, other = next(iter(datasets)), _unlike(ids, exact)
    if other is None:
        return ids, []
    begin = [str(datasets[each][time].values[0])[:16] for each in (label, other)]
    note = (
        f"time stamps lie at different moments of the {unit} ({label} begins {begin[0]}, "
        f"{other} {begin[1]}): they are matched by {unit}, those of {label} are kept"
    )
    return ids, [note]


def _once(ids: np.ndarray) -> bool:
    return bool((np.diff(np.sort(ids)) > 0).all())


def _of(unit: str, numbers: np.ndarray) -> np.ndarray:
    """Return the number of the year, month or day of each second; the second without a unit."""
    days = {"year": 372, "month": 31, "day": 1}.get(unit, 0)
    return numbers // (86_400 * days) if days else numbers


def _unlike(ids: Ids, exact: Ids) -> str | None:
    """Return a dataset that has other moments than the first for the same steps."""
    first = next(iter(ids))
    for label, its in ids.items():
        _, here, there = np.intersect1d(ids[first], its, assume_unique=True, return_indices=True)
        if not np.array_equal(exact[first][here], exact[label][there]):
            return label
    return None


def _agree(ids: Ids, exact: Ids) -> bool:
    # with no step in common, stamps at the ends of months may hide that there are
    common = reduce(partial(np.intersect1d, assume_unique=True), ids.values())
    return common.size > 0 and _unlike(ids, exact) is None


def _wanted(ids: Ids, datasets: Datasets, time: str, *, pad: bool) -> np.ndarray:
    if pad:
        wanted = np.sort(np.concatenate(list(ids.values())))
        wanted = wanted[np.append(True, np.diff(wanted) > 0)]
    else:
        wanted = np.sort(reduce(partial(np.intersect1d, assume_unique=True), ids.values()))
    if wanted.size:
        return wanted
    spans = [
        f"{label} {str(each[time].values[0])[:10]} to {str(each[time].values[-1])[:10]}"
        for label, each in datasets.items()
    ]
    raise DatasetInconsistent(
        f"they have no time in common: {say_names(spans)}",
        hint="pad=True keeps all of it and fills with missing values; or leave some out. Runs whose "
        "years are only counted, such as controls, stand beside each other from their first step with "
        "to_dataset(time='elapsed').",
    )


def _stamps(
    wanted: np.ndarray, ids: Ids, datasets: Datasets, time: str, *, mixed: str
) -> np.ndarray:
    """Return the moment of each step: that of the first dataset which has the step."""
    axes = {label: each[time].values for label, each in datasets.items()}
    first = next(iter(axes.values()))
    as_object = not mixed and any(axis.dtype == object for axis in axes.values())
    stamps = np.empty(wanted.size, dtype=object if as_object else first.dtype)
    open_ = np.ones(wanted.size, dtype=bool)
    like: Any = next((axis[0] for axis in axes.values() if axis.dtype == object), None)
    for label, axis in axes.items():
        positions = _positions(ids[label], wanted)
        take = open_ & (positions >= 0)
        if not take.any():
            continue
        source = axis
        if mixed and calendar_of(datasets[label], time) != calendar_of(
            next(iter(datasets.values())), time
        ):
            source = on_calendar(axis, first)
        elif as_object and (axis.dtype.kind == "M" or axis[0].calendar != like.calendar):
            source = np.array([moment_like(like, parts_of(each)) for each in axis], dtype=object)
        stamps[take] = source[positions[take]]
        open_ &= ~take
    return stamps


def _positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each wanted step is; -1 where it is not."""
    order = np.argsort(ids, kind="stable")
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), ids.size - 1)]
    return np.where(ids[at] == wanted, at, -1)


def _onto(
    datasets: Datasets,
    time: str,
    ids: Ids,
    wanted: np.ndarray,
    stamps: np.ndarray,
    notes: list[str],
) -> tuple[dict[str, xr.Dataset], list[str]]:
    positions = {label: _positions(its, wanted) for label, its in ids.items()}
    cut: dict[str, list[str]] = {}
    aligned = {}
    first = next(iter(datasets.values()))[time]
    made = xr.Variable((time,), stamps, first.attrs, _time_encoding(datasets, time))
    axis = xr.Dataset(coords={time: made})[time]  # one index for all: objects are slow to check
    for label, each in datasets.items():
        at = positions[label]

        def lend(name: str, start: int, stop: int, asking: str = label) -> xr.Variable | None:
            # bounds of steps that a dataset lacks are those of one that has them
            for other, its in positions.items():
                if other != asking and name in datasets[other] and (its[start:stop] >= 0).all():
                    return datasets[other].variables[name].isel({time: its[start:stop]})
            return None

        placed = reindexed(each, time, at, lend)
        aligned[label] = placed.assign_coords({time: axis})
        lost, filled = each.sizes[time] - int((at >= 0).sum()), int((at < 0).sum())
        span = f"{_day(each[time].values[0])} to {_day(each[time].values[-1])}"
        if lost:
            cut.setdefault(f"{span}, {lost} steps left out", []).append(label)
        if filled:
            cut.setdefault(f"{span}, {filled} steps filled with missing values", []).append(label)
    if cut:
        told = [f"{say_names(labels)} ({what})" for what, labels in cut.items()]
        more = f"; and {len(told) - _TOLD} more lengths" if len(told) > _TOLD else ""
        said = "; ".join(told[:_TOLD]) + more
        end = f"{_day(stamps[0])} to {_day(stamps[-1])}"
        padded = any("filled" in each for each in cut)
        how = f"padded to {end}" if padded else f"cut to the common period {end}"
        notes.append(f"lengths differ, {how}: {said}")
    return aligned, notes


def _day(moment: Any) -> str:
    return str(moment)[:10]


def _time_encoding(datasets: Datasets, time: str) -> dict[str, Any]:
    encoding = next(iter(datasets.values()))[time].encoding
    # no dtype: whole numbers of days of one may be halves in another
    return {name: encoding[name] for name in ("units", "calendar") if name in encoding}
