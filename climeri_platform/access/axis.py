"""The time axes of the files of one dataset, decoded together where they count alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cftime
import numpy as np

from climeri_platform.access.digits import form_of
from climeri_platform.access.times import Counted, decode_times, is_dated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access.engines.header import Header, StoredVariable
    from climeri_platform.access.overlaps import Kept

__all__ = ["TIME_NAMES", "Axis", "read_axis", "time_dimension", "time_variables"]

_BESIDE = ("time_centered", "time_instant")  # of XIOS
TIME_NAMES = ("time", "time_counter")  # of the dimension, where a file does not say it otherwise
_COUNTING = ("units", "calendar", "_FillValue", "missing_value", "scale_factor", "add_offset")
_MANY = 4_000_000  # numbers of a variable that is read because it counts time
_Values = np.ndarray[Any, Any]


@dataclass(slots=True)
class Axis:
    """Time in all files of a dataset.

    Attributes
    ----------
    name
        Of the dimension.
    variable
        Which holds the values.
    steps
        How many each file has.
    values
        The dates, of one file after the other; numbers if nothing says what they count from.
    numbers
        The same in one unit, so that they may be subtracted; NaN where there is no time.
    calendars
        Of each file; all standard ones are "gregorian", and "not known" is without a date.
    counted
        Dates as numbers, where all files count alike.
    others
        The other variables that count time, bounds among them.
    repaired
        What was done beyond the conventions.
    climatology
        Whether its steps are of many years each.
    bad
        Numbers of files whose time makes no sense, with the reason. There are no values then.
    """

    name: str
    steps: tuple[int, ...]
    values: _Values
    numbers: _Values
    variable: str = ""
    calendars: tuple[str, ...] = ()
    counted: dict[str, Counted] = field(default_factory=dict)
    others: dict[str, _Values] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)
    climatology: bool = False
    bad: dict[int, Exception] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether each file has times, which increase."""
        if self.bad or np.isnan(self.numbers).any():
            return False
        increases = np.diff(self.numbers) > 0
        ends = np.cumsum(self.steps)[:-1]
        increases[ends[(ends > 0) & (ends <= increases.size)] - 1] = True  # from file to file
        return bool(increases.all())

    def taken(self, kept: Sequence[Kept]) -> Axis:
        """Return the axis of those steps of those files that are taken."""
        starts = np.cumsum((0, *self.steps))
        if all(each == (at, 0, self.steps[at]) for at, each in enumerate(kept)) and len(
            kept
        ) == len(self.steps):
            return self
        where = [np.arange(starts[n] + start, starts[n] + stop) for n, start, stop in kept]
        index = np.concatenate(where)
        return replace(
            self,
            steps=tuple(len(each) for each in where),
            values=self.values[index],
            numbers=self.numbers[index],
            others={name: each[index] for name, each in self.others.items()},
            counted={name: each.taken(index) for name, each in self.counted.items()},
        )

    def of_file(self, number: int) -> slice:
        """Return where the steps of a file are."""
        begin = sum(self.steps[:number])
        return slice(begin, begin + self.steps[number])


def time_dimension(header: Header) -> str:
    """Return the name of the time dimension, or "" for fixed fields."""
    used = {dim for each in header.variables.values() for dim in each.dims}
    for known in TIME_NAMES:
        if known in used:
            return known
    alone = {n: each for n, each in header.variables.items() if each.dims == (n,)}
    for name, each in alone.items():
        if each.attrs.get("standard_name") == "time":
            return name
    for name, each in alone.items():
        if each.attrs.get("axis") == "T" or is_dated(each.attrs):
            return name
    return ""


def time_variables(header: Header, dim: str) -> list[str]:
    """Return the variables that may be the time axis, its own name first.

    XIOS writes the same moments up to three times, and old NEMO names its axis after the operation.
    """
    alone = [name for name, each in header.variables.items() if each.dims == (dim,)]
    found = [name for name in (dim, *_BESIDE) if name in alone]
    return found + [
        name for name in alone if name not in found and is_dated(header.variables[name].attrs)
    ]


def read_axis(headers: Sequence[Header], dim: str, *, use_cftime: bool | None = None) -> Axis:
    """Read what counts time in the files of a dataset.

    Parameters
    ----------
    headers
        Of the files, which all have the dimension, and a variable of time.
    dim
        The name of the dimension.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.

    Returns
    -------
    Axis
        The first that increases in each file, or the dimension's own.
    """
    names = [
        name
        for name in time_variables(headers[0], dim)
        if all(name in time_variables(each, dim) for each in headers)
    ]
    first: Axis | None = None
    for name in names:
        axis, attrs, cftime = _read_one(headers, dim, name, use_cftime)
        first = first or axis
        if axis.sound and (name == dim or axis.values.dtype.kind in "MO"):
            _read_others(headers, axis, attrs, cftime)
            return axis
    assert first is not None
    if not first.bad:
        _, attrs, cftime = _read_one(headers, dim, first.variable, use_cftime)
        _read_others(headers, first, attrs, cftime)
    return first


def _read_one(
    headers: Sequence[Header], dim: str, name: str, use_cftime: bool | None
) -> tuple[Axis, list[Mapping[str, Any]], bool | None]:
    steps = tuple(each.sizes[dim] for each in headers)
    axis = Axis(dim, steps, np.empty(0), np.empty(0), name)
    found = [each.variables[name] for each in headers]
    attrs: list[Mapping[str, Any]] = [each.attrs for each in found]
    axis.climatology = "climatology" in attrs[0]
    raws = [np.asarray(each.array.read((slice(None),))) for each in found]
    if all(map(is_dated, attrs)):
        axis.values, axis.numbers, use_cftime = _together(raws, attrs, axis, use_cftime)
        return axis, attrs, use_cftime
    axis.values = np.concatenate(raws)
    numeric = axis.values.dtype.kind in "iuf"
    axis.numbers = axis.values.astype("f8") if numeric else np.arange(float(sum(steps)))
    axis.calendars = tuple(
        str(each.get("calendar", "standard")) if is_dated(each) else "not known" for each in attrs
    )
    return axis, attrs, use_cftime


def _together(
    raws: list[_Values], attrs: Sequence[Mapping[str, Any]], axis: Axis, use_cftime: bool | None
) -> tuple[_Values, _Values, bool | None]:
    """Decode files together that count alike; return dates, numbers, and whether by cftime."""
    groups: dict[str, list[int]] = {}
    for number, each in enumerate(attrs):
        key = repr([str(each.get(word)) for word in _COUNTING])
        groups.setdefault(key, []).append(number)
    parts: list[_Values] = [np.empty(0)] * len(raws)
    for members in groups.values():
        try:
            _decode(raws, attrs, members, parts, axis, use_cftime)
        except (ValueError, OverflowError) as problem:
            _find_bad(raws, attrs, members, axis, problem)
    if axis.bad:
        return np.empty(0), np.empty(0), use_cftime
    if len({each.dtype.kind for each in parts}) > 1:
        # a Gregorian series that begins before 1582 gives cftime in one file, datetime64 in another
        for members in groups.values():
            _decode(raws, attrs, members, parts, axis, use_cftime=True)
        use_cftime = True
    values = np.concatenate(parts)
    if len(groups) > 1 or values.dtype.kind == "M":
        axis.counted.clear()
    axis.calendars = tuple(map(_calendar, parts))
    if len({*axis.calendars}) > 1:  # which is refused
        return values, np.arange(float(len(values))), use_cftime
    if len(groups) == 1 and not form_of(attrs[0]):
        return values, _as_numbers(np.concatenate(raws), attrs[0]), use_cftime
    return values, _seconds(values), use_cftime


def _decode(
    raws: list[_Values],
    attrs: Sequence[Mapping[str, Any]],
    members: list[int],
    parts: list[_Values],
    axis: Axis,
    use_cftime: bool | None,
) -> None:
    whole = raws[members[0]] if len(members) == 1 else np.concatenate([raws[n] for n in members])
    counted = Counted(whole, _counting(attrs[members[0]]), use_cftime)
    decoded, said = counted.decoded()
    axis.counted[axis.variable] = counted
    if said and said not in axis.repaired:
        axis.repaired.append(said)
    ends = np.cumsum([len(raws[number]) for number in members])[:-1]
    for number, part in zip(members, np.split(decoded, ends), strict=True):
        parts[number] = part


def _counting(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {word: attrs[word] for word in _COUNTING if word in attrs}


def _find_bad(
    raws: list[_Values],
    attrs: Sequence[Mapping[str, Any]],
    members: list[int],
    axis: Axis,
    problem: Exception,
) -> None:
    for number in members:
        try:
            decode_times(raws[number], _counting(attrs[number]))
        except (ValueError, OverflowError) as its:
            axis.bad[number] = its
    if not axis.bad:  # each alone makes sense, together they do not
        axis.bad = dict.fromkeys(members, problem)


def _calendar(values: _Values) -> str:
    if values.dtype.kind == "M":  # xarray would call it standard or proleptic by the year
        return "gregorian"
    return str(getattr(values.ravel()[0], "calendar", "not known")) if values.size else "not known"


def _as_numbers(raw: _Values, attrs: Mapping[str, Any]) -> _Values:
    numbers: _Values = raw.astype("f8")
    for word in ("_FillValue", "missing_value"):
        if word in attrs:
            numbers[np.isin(raw, np.ravel(attrs[word]))] = np.nan
    return numbers


def _seconds(values: _Values) -> _Values:
    if values.dtype.kind == "M":
        seconds: _Values = (values - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")
        return seconds
    numbers = np.full(values.shape, np.nan)
    known = np.array([each is not None for each in values.ravel()], bool).reshape(values.shape)
    if known.any():
        first = values[known][0]
        numbers[known] = cftime.date2num(
            values[known],
            "seconds since 1970-01-01",
            calendar=first.calendar,
            has_year_zero=first.has_year_zero,
        )
    return numbers


def _read_others(
    headers: Sequence[Header],
    axis: Axis,
    own: Sequence[Mapping[str, Any]],
    use_cftime: bool | None,
) -> None:
    """Read bounds, and the second and third time of XIOS, where all files have them."""
    first = headers[0].variables
    bounds = {own[0].get("bounds"), own[0].get("climatology")} - {None, axis.variable}
    for name, each in first.items():
        counts = name in bounds or is_dated(each.attrs)
        if name == axis.variable or not counts or each.dims[:1] != (axis.name,):
            continue
        found = [header.variables.get(name) for header in headers]
        if any(it is None or it.dims != each.dims for it in found):
            continue
        present: list[StoredVariable] = [it for it in found if it is not None]
        if sum(int(np.prod(it.array.shape)) for it in present) > _MANY:
            continue
        everything = (slice(None),) * len(each.dims)
        raws = [np.asarray(it.array.read(everything)) for it in present]
        attrs = [
            _inherited(time, it.attrs) if name in bounds else _counting(it.attrs)
            for time, it in zip(own, present, strict=True)
        ]
        aside = Axis(axis.name, axis.steps, np.empty(0), np.empty(0), name)
        values, _, _ = _together(raws, attrs, aside, use_cftime or None)
        if aside.bad:
            values = np.full(np.concatenate(raws).shape, np.nan)
        if values.size and (aside.bad or (values.dtype.kind == "M" and np.isnat(values).all())):
            axis.repaired.append(f"{name} holds no dates, and is left empty")
        axis.others[name] = values
        axis.counted |= {} if aside.bad else aside.counted


def _inherited(time: Mapping[str, Any], bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Return how bounds count: as their time does, unless they say it whole themselves."""
    own = _counting(bounds)
    if not is_dated(bounds):
        own.pop("units", None)
        own.pop("calendar", None)
    packing = {word: time[word] for word in ("units", "calendar") if word in time}
    return {**packing, **own}
