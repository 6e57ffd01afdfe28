"""The headers of the files of one dataset become one description, checked before any data is read.

xarray opens and decodes a file at a time and joins the results; most of what it does is the same for
every file of a dataset. Here headers are compared first, and xarray sees the dataset only
(docs/design/009).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from climeri_platform.access.axis import Axis, read_axis, time_dimension, time_variables
from climeri_platform.access.decoding import PACKING, decoding_of, fitted
from climeri_platform.access.digits import form_of
from climeri_platform.access.joined import Joined, JoinedVariable, Note, Piece
from climeri_platform.access.periods import (
    check_files,
    in_order,
    tell_holes,
    tell_short_files,
)
from climeri_platform.access.places import IN_ALL, check_places, check_sizes, values_of
from climeri_platform.access.sameness import check_variables, equal, shared
from climeri_platform.core.errors import DatasetInconsistent, FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access.engines.header import Header, StoredVariable

__all__ = ["FileHeader", "join"]

_NOT_DECODED = "Its header or its time axis does not follow the CF conventions: see ncdump -h."
_DATES = ("units", "calendar", "dtype")  # of the encoding of a joined time axis


@dataclass(frozen=True, slots=True)
class FileHeader:
    """A file of a dataset.

    Attributes
    ----------
    path
        As it is told.
    header
        What it says of itself.
    mark
        Of the file as it was read: another one has another mark.
    span
        Start and end by its name, YYYYMMDDhhmm; None if the name does not say it.
    alone
        Whether size and time of the file tell that it changed: not of stores and references.
    """

    path: str
    header: Header
    mark: str
    span: tuple[int, int] | None = None
    alone: bool = True


def join(
    files: Sequence[FileHeader], *, use_cftime: bool | None = None, undated: bool = False
) -> Joined:
    """Describe the files of one dataset as one.

    Parameters
    ----------
    files
        In the order of their names' periods.
    use_cftime
        True for cftime objects, None for datetime64 where the calendar and the years allow.
    undated
        Whether the time axis of one file may say nothing, as the dates come from elsewhere.

    Returns
    -------
    Joined
        ``skipped`` names files of which the time makes no sense.

    Raises
    ------
    DatasetInconsistent
        If the files are not on one grid, overlap in time, or hold other variables, units or
        calendars; or if the time axis does not increase.
    FileUnreadable
        If no file is left.
    """
    headers = [each.header for each in files]
    time = time_dimension(headers[0])
    _check_time_axes(files, time)
    dated = time and all(time_variables(each, time) for each in headers)
    axis = read_axis(headers, time, use_cftime=use_cftime) if dated else None
    if axis is not None and axis.bad:
        return _without_bad(files, axis, use_cftime, undated=undated)
    notes: list[Note] = []
    parts = [slice(0, each.sizes[time] if time else 0) for each in headers]
    coordinates = _coordinates(headers[0])
    short = (
        [] if axis is None or undated else tell_short_files(axis, [(f.path, f.span) for f in files])
    )
    if len(files) > 1 and axis is not None:
        check_files(axis, [each.path for each in files])
        kept, said = in_order(axis, [each.path for each in files])
        parts = [slice(each.start, each.stop) for each in kept]
        axis, files = axis.taken(kept), [files[each.number] for each in kept]
        headers = [each.header for each in files]
        pairs = [(each.path, each.header) for each in files]
        coordinates = _coordinates(headers[0])
        check_sizes(pairs, time)
        said += [*check_variables(pairs, time), *check_places(pairs, time, sorted(coordinates))]
        notes = [Note(each) for each in said]
    if axis is not None and not (undated and len(files) == 1):
        notes += [*tell_holes(axis, [each.span for each in files]), *short]
    if time and not undated:
        notes += _without_dates(headers[0], time, axis)
    work = _Work(files, time, axis, coordinates, parts)
    variables = work.variables()
    used = {dim for each in variables.values() for dim in each.dims}
    sizes = {dim: size for each in headers for dim, size in each.sizes.items() if dim in used}
    if time:
        sizes[time] = sum(each.stop - each.start for each in parts)
    return Joined(
        sizes=sizes,
        time=time,
        steps=tuple(each.stop - each.start for each in parts) if time else (),
        attrs=_shared_attributes(headers),
        variables=variables,
        coordinates=frozenset(coordinates),
        unlimited=frozenset(headers[0].unlimited & used),
        identity=_identity(files),
        notes=tuple(notes),
        repaired=tuple(Note(each) for each in (axis.repaired if axis is not None else ())),
    )


def _without_dates(header: Header, time: str, axis: Axis | None) -> list[Note]:
    """Tell that holes, overlaps and periods cannot be seen."""
    if axis is None:
        return [Note(f"{time} has no values: it is not known when its steps are")]
    if axis.values.dtype.kind in "MO":
        return []
    units = header.variables[axis.variable].attrs.get("units")
    said = "says no units" if units is None else f"has units {units!r}"
    return [Note(f"{axis.variable} {said} and names no date: holes and periods are not known")]


def _shared_attributes(headers: Sequence[Header]) -> dict[str, Any]:
    attrs = shared([each.attrs for each in headers])
    tracking = [str(each.attrs["tracking_id"]) for each in headers if "tracking_id" in each.attrs]
    if tracking:
        attrs["tracking_id"] = "\n".join(dict.fromkeys(tracking))
    return attrs


def _check_time_axes(files: Sequence[FileHeader], time: str) -> None:
    if len(files) == 1:
        return
    if not time or any(time not in each.header.sizes for each in files):
        names = ", ".join(each.path for each in files)
        raise DatasetInconsistent(
            f"{len(files)} files, and not all have a time axis: {names}",
            hint="One of them does not belong to this version: look at them.",
        )
    for each in files:
        if not time_variables(each.header, time):
            raise DatasetInconsistent(f"{each.path} has no values of time", hint="Fetch it again.")


def _without_bad(
    files: Sequence[FileHeader], axis: Axis, use_cftime: bool | None, *, undated: bool
) -> Joined:
    skipped = tuple(
        Note(_said(problem), files[number].path, _NOT_DECODED)
        for number, problem in sorted(axis.bad.items())
    )
    left = [each for number, each in enumerate(files) if number not in axis.bad]
    if not left:
        first = skipped[0]
        raise FileUnreadable(f"{first.path}: {first.cause}", hint=first.remedy)
    joined = join(left, use_cftime=use_cftime, undated=undated)
    return replace(joined, skipped=(*skipped, *joined.skipped))


def _said(problem: BaseException) -> str:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {text[:300]}"


def _coordinates(header: Header) -> set[str]:
    """Return the coordinates of a file: of dimensions, and those that its variables name."""
    found = {name for name, each in header.variables.items() if each.dims == (name,)}
    texts = [each.attrs.get("coordinates") for each in header.variables.values()]
    for text in (*texts, header.attrs.get("coordinates")):
        if isinstance(text, str):
            found.update(name for name in text.split() if name in header.variables)
    return found


def _identity(files: Sequence[FileHeader]) -> str:
    marks = hashlib.sha256()
    for each in files:
        # names of files are bytes, and not always text
        marks.update(f"{each.path}\0{each.mark}\n".encode("utf-8", "surrogateescape"))
    return marks.hexdigest()[:24]


class _Work:
    """The variables of several headers become one each."""

    def __init__(
        self,
        files: Sequence[FileHeader],
        time: str,
        axis: Axis | None,
        coordinates: set[str],
        parts: Sequence[slice],
    ) -> None:
        self.headers = [each.header for each in files]
        self.time, self.axis, self.parts = time, axis, parts
        self.marginal = coordinates.union(*(_bounds(each) for each in self.headers))

    def variables(self) -> dict[str, JoinedVariable]:
        """Return all of them, in the order of the first file."""
        names = dict.fromkeys(name for each in self.headers for name in each.variables)
        return {name: self._variable(name) for name in names}

    def _variable(self, name: str) -> JoinedVariable:
        found = [each.variables.get(name) for each in self.headers]
        first = next(each for each in found if each is not None)
        if self.axis is not None and name == self.axis.variable:
            return self._times(name, first, self.axis.values)
        if self.axis is not None and name in self.axis.others:
            return self._times(
                name, first, self.axis.others[name], self.headers[0].variables[self.axis.variable]
            )
        if first.array.dtype.kind not in "iuf":
            return self._text(name, first, found if self.time in first.dims else [])
        if self.time not in first.dims or len(found) == 1:
            return self._fixed(name, first)
        return self._along(name, first, found)

    def _times(
        self,
        name: str,
        first: StoredVariable,
        values: np.ndarray[Any, Any],
        like: StoredVariable | None = None,
    ) -> JoinedVariable:
        said = {**({} if like is None else like.attrs), **first.attrs}
        encoding = {word: said[word] for word in _DATES if word in said}
        encoding["dtype"] = first.array.dtype
        if form_of(said):  # which xarray does not write
            encoding = {word: each for word, each in encoding.items() if word == "calendar"}
        taken = () if values.dtype.kind in "iuf" else ("units", "calendar", *PACKING)
        attrs = {name: value for name, value in first.attrs.items() if name not in taken}
        dates = None if self.axis is None else self.axis.counted.get(name)
        if dates is not None and len(dates.raw) == len(values):
            return JoinedVariable(first.dims, attrs, encoding, values.dtype, dates=dates)
        return JoinedVariable(first.dims, attrs, encoding, values.dtype, values)

    def _fixed(self, name: str, first: StoredVariable) -> JoinedVariable:
        size = int(np.prod(first.array.shape, dtype=np.int64))
        dtype = first.array.dtype
        attrs = fitted(first.attrs, dtype, marginal=name in self.marginal)
        decoding = decoding_of(attrs, dtype)
        plain, encoding = _unpacked(attrs, first.encoding)
        if name in self.marginal and size <= IN_ALL:
            values = values_of(first)
            return JoinedVariable(first.dims, plain, encoding, values.dtype, values)
        part = self.parts[0] if self.time in first.dims else slice(0, 0)
        piece = Piece(first.array, decoding, part.start, part.stop)
        return JoinedVariable(first.dims, plain, encoding, decoding.dtype, pieces=(piece,))

    def _text(
        self, name: str, first: StoredVariable, found: Sequence[StoredVariable | None]
    ) -> JoinedVariable:
        """Read what is no number: labels, and dates as text."""
        raws = [np.array(first.array.read((slice(None),) * len(first.dims)))]
        if found:
            axis = first.dims.index(self.time)
            raws = []
            for each, part in zip(found, self.parts, strict=True):
                if each is None:
                    raise DatasetInconsistent(
                        f"{name} is text, and not in all files", hint="Open the files one by one."
                    )
                key = [slice(None)] * len(each.dims)
                key[axis] = part
                raws.append(np.array(each.array.read(tuple(key))))
        raw = raws[0] if len(raws) == 1 else np.concatenate(raws, axis=axis)
        plain = xr.Variable(first.dims, raw, dict(first.attrs), dict(first.encoding))
        decoded = xr.conventions.decode_cf_variable(name, plain, decode_times=False)
        values = np.asarray(decoded.values)
        dims = tuple(str(each) for each in decoded.dims)
        return JoinedVariable(dims, decoded.attrs, decoded.encoding, values.dtype, values)

    def _along(
        self, name: str, first: StoredVariable, found: list[StoredVariable | None]
    ) -> JoinedVariable:
        pieces: list[Piece | None] = []
        last: tuple[StoredVariable, dict[str, Any], Any] | None = None
        attributes: list[dict[str, Any]] = []
        for each, part in zip(found, self.parts, strict=True):
            if each is None:
                pieces.append(None)
                continue
            if each.dims != first.dims:
                raise DatasetInconsistent(
                    f"{name} has dimensions {first.dims} in one file, {each.dims} in another",
                    hint="Open the files one by one and compare them.",
                )
            dtype = each.array.dtype
            if (
                last is None
                or last[0].array.dtype != dtype
                or not _alike(last[0].attrs, each.attrs)
            ):
                attrs = fitted(each.attrs, dtype, marginal=name in self.marginal)
                last = each, attrs, decoding_of(attrs, dtype)
            attributes.append(last[1])
            pieces.append(Piece(each.array, last[2], part.start, part.stop))
        kinds = [each.decoding.dtype for each in pieces if each is not None]
        dtype = np.result_type(*dict.fromkeys(kinds))
        if None in pieces:
            dtype = np.result_type(dtype, np.float32) if dtype.kind in "iu" else dtype
        distinct = list({id(each): each for each in attributes}.values())
        packings = {str([each.get(word) for word in PACKING]) for each in distinct}
        same = len(packings) == 1 and len({str(each) for each in kinds}) == 1
        encoding = dict(first.encoding)
        if None in pieces and dtype != kinds[0]:  # whole numbers, and missing ones beside them
            same = False
        if not same:  # written with the first file's packing, the values of others would overflow
            encoding.pop("dtype", None)
        attrs = shared(distinct)
        plain, encoding = _unpacked(attrs if same else _without_packing(attrs), encoding)
        return JoinedVariable(first.dims, plain, encoding, dtype, pieces=tuple(pieces))


def _bounds(header: Header) -> set[str]:
    found: set[str] = set()
    for each in header.variables.values():
        for word in ("bounds", "climatology"):
            found.update(str(each.attrs.get(word, "")).split())
    return found


def _alike(here: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    return here.keys() == there.keys() and all(
        here[name] is there[name] or equal(here[name], there[name]) for name in here
    )


def _without_packing(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if name not in PACKING}


def _unpacked(
    attrs: Mapping[str, Any], encoding: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Move from the attributes to the encoding what the values are packed by."""
    taken = (*PACKING, "coordinates")
    moved = {name: attrs[name] for name in taken if name in attrs}
    return {n: v for n, v in attrs.items() if n not in taken}, {**encoding, **moved}
