"""Opening datasets: lazy objects, and a report of all that was not as it should be."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.access.asked import check_switches
from climeri_platform.access.blocks import names_in_files, of_files, refuse_unknown
from climeri_platform.access.cutting import cut
from climeri_platform.access.files import read_file
from climeri_platform.access.guard import guarded
from climeri_platform.access.harmonise import convert, convert_calendar
from climeri_platform.access.harmonise import harmonise as harmonised
from climeri_platform.access.harmonise.faults import FAULTS
from climeri_platform.access.joined import Note
from climeri_platform.access.joining import join
from climeri_platform.access.lazy import as_dataset
from climeri_platform.access.measuring import Measuring
from climeri_platform.access.members import stack_members
from climeri_platform.access.merging import merge_variables
from climeri_platform.access.native import of_many, prefer_series, to_cmip
from climeri_platform.access.native.seasonal import is_seasonal
from climeri_platform.access.opened import DatasetFiles, Opened
from climeri_platform.access.periods import HOLE, RETRACTED
from climeri_platform.access.remembered import header_cache
from climeri_platform.access.report import IncompleteDataWarning, OpenReport
from climeri_platform.core.errors import (
    DataError,
    FileUnreadable,
    HoleInTime,
    MissingExtra,
    UsageError,
)
from climeri_platform.core.sizes import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import xarray as xr

    from climeri_platform.access.asked import Region
    from climeri_platform.access.joined import Joined
    from climeri_platform.access.joining import FileHeader
    from climeri_platform.access.members import Stacked
    from climeri_platform.access.remembered import HeaderCache
    from climeri_platform.access.report import Status
    from climeri_platform.access.steps import Kind, Step

__all__ = ["STAGE_THEM", "open_datasets"]

_STATUS_OF: dict[Kind, Status] = {
    "numbers": "repaired",
    "order": "repaired",
    "names": "renamed",
    "noted": "noted",
}

STAGE_THEM = (
    "selection.stage() writes the commands that recall them; open(recall=True) opens them as they "
    "are, and waits for each."
)


def open_datasets(
    wanted: Sequence[DatasetFiles],
    *,
    chunks: Any = "auto",
    on_error: Literal["report", "raise"] = "report",
    members: Literal["apart", "stack"] = "apart",
    pad: bool = False,
    merge: bool = False,
    allow_gaps: bool = True,
    harmonise: bool = True,
    region: Region | None = None,
    units: Mapping[str, str] | None = None,
    calendar: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Opened:
    """Open datasets lazily; one bad file costs that file.

    Parameters
    ----------
    wanted
        The files of each dataset.
    chunks
        As xarray takes them; a dimension goes by its own name or the common one.
    on_error
        ``"report"`` leaves out what cannot be used, says so in the report and warns;
        ``"raise"`` refuses at the first.
    members
        ``"stack"`` puts the members of a model along a dimension ``member``.
    pad
        Whether shorter members and variables are filled with missing values where they are stacked
        or merged; by default all are cut to their common period.
    merge
        Whether the variables of one run, table and grid become one Dataset.
    allow_gaps
        False leaves out a dataset that lacks part of its time, or a file.
    harmonise
        Whether names, units, signs and coordinates become those that all models share; False
        gives the files' own.
    region
        What they are cut to; each is cut to its own ``period``.
    units
        Variable to the units that are wanted, where a dataset has it.
    calendar
        That all get; None leaves each its own.
    progress
        Is called with the number of files opened so far.

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        If ``on_error`` or ``members`` is none of these, a switch neither True nor False, or ``chunks`` names a dimension that no
        dataset has.
    DataError
        At the first defect with ``on_error="raise"``; or if nothing at all could be opened.
    """
    check_switches(pad=pad, merge=merge, allow_gaps=allow_gaps, harmonise=harmonise)
    for name, word, words in (
        ("on_error", on_error, ("report", "raise")),
        ("members", members, ("apart", "stack")),
    ):
        if word not in words:
            raise UsageError(f"{name}={word!r}: it is {words[0]!r} or {words[1]!r}")
    opening = _Opening(
        chunks,
        on_error == "raise",
        allow_gaps,
        harmonise,
        region,
        OpenReport(),
        header_cache(),
        units=units or {},
        calendar=calendar,
    )
    report = opening.report
    datasets = opening.all_of(wanted, progress)
    if wanted and not datasets:
        raise _nothing(wanted, report)
    if datasets:
        refuse_unknown(chunks, opening.dims)
    if _lacks(report):
        warnings.warn(f"{report}", IncompleteDataWarning, stacklevel=5)
    if harmonise:
        datasets, dropped = prefer_series(datasets, {each.key: each.about for each in wanted})
        for key, steps in dropped.items():
            opening.tell_steps(key, steps)
    opened = Opened(datasets, report, {each.key: each.facets for each in wanted})
    ways = [*([stack_members] if members == "stack" else []), *([merge_variables] if merge else [])]
    for way in ways:
        opened = opening.combined(way(opened, opened.facets, pad=pad))
    # last: what is made of a guarded array is not guarded
    whole = {key: guarded(dataset) for key, dataset in opened.items()}
    return Opened(whole, report, opened.facets)


def _nothing(wanted: Sequence[DatasetFiles], report: OpenReport) -> DataError:
    refusal = wanted[0].refusal
    if refusal is not None:
        files, size = report.offline
        if len(wanted) == 1 or not files:
            return refusal
        return type(refusal)(
            f"{refusal.message}; in all {files} files, {size_text(size)}, are on tape, and none of "
            f"the {len(wanted)} datasets could be opened",
            hint=refusal.hint,
        )
    first = report.having("skipped")[0]
    cause = f"{first.path or first.dataset}: {first.cause}"
    said = f"none of the {len(wanted)} datasets could be opened; the first: {cause}"
    if len(wanted) == 1:
        said = f"the dataset could not be opened: {cause}"
    return DataError(said, hint=first.remedy)


def _lacks(report: OpenReport) -> bool:
    """Return whether something of what was asked for is not there."""
    told = any(each.cause.startswith((HOLE, RETRACTED)) for each in report.having("noted"))
    return told or bool(report.having("skipped") or report.having("offline"))


@dataclass(frozen=True, slots=True)
class _Opening:
    """How datasets are opened, and what is told of it."""

    chunks: Any
    raises: bool
    allow_gaps: bool
    harmonise: bool
    region: Region | None
    report: OpenReport
    cache: HeaderCache | None
    measuring: Measuring = field(default_factory=Measuring)
    units: Mapping[str, str] = field(default_factory=dict)
    calendar: str | None = None
    dims: set[str] = field(default_factory=set)

    def all_of(
        self, wanted: Sequence[DatasetFiles], progress: Callable[[int], None] | None
    ) -> dict[str, xr.Dataset]:
        """Open datasets, as far as that is possible."""
        datasets: dict[str, xr.Dataset] = {}
        done = 0
        for each in wanted:
            for note in each.notes:
                self.report.add(each.key, "noted", cause=note)
            self._tell_offline(each)
            dataset = self._one(each, None if progress is None else _later(progress, done))
            done += len(each.paths)
            if progress is not None:
                progress(done)
            if dataset is not None:
                datasets[each.key] = dataset
                self.report.add(each.key, "opened")
        return datasets

    def _one(
        self, wanted: DatasetFiles, progress: Callable[[int], None] | None
    ) -> xr.Dataset | None:
        try:
            if wanted.refusal is not None:
                raise wanted.refusal
            joined = self._joined(wanted, progress)
            if joined is None:
                return None
            dataset, told = self._in_blocks(joined, wanted)
            dataset, said = cut(dataset, wanted.period, self.region)
            notes = [*joined.notes, *map(Note, said)]
            if not self.allow_gaps:
                _check_gaps(wanted, joined, notes)
        except (DataError, MissingExtra) as problem:
            if self.raises:
                raise
            cause = problem.message.removeprefix(f"{wanted.key}: ")
            self.report.add(wanted.key, "skipped", cause=cause, remedy=problem.hint)
            return None
        for note in notes:
            self.report.add(wanted.key, "noted", path=note.path, cause=note.cause)
        for note in joined.repaired:
            self.report.add(wanted.key, "repaired", path=note.path, cause=note.cause)
        for step, path in told:
            self.tell_steps(wanted.key, [step], path)
        for name, value in wanted.attributes.items():
            dataset.attrs[f"climeri_{name}"] = value
        return dataset

    def _in_blocks(
        self, joined: Joined, wanted: DatasetFiles
    ) -> tuple[xr.Dataset, list[tuple[Step, str]]]:
        """Return a dataset in the blocks that were asked for, by its own names or the common ones."""
        own, others = of_files(self.chunks, joined)
        made = self._changed(as_dataset(joined, own), wanted)
        self.dims.update(joined.sizes, map(str, made[0].dims), ["time"] if joined.time else [])
        if others:
            names = names_in_files(made[0], joined)
            more = {names[name]: each for name, each in others.items() if name in names}
            if more:
                made = self._changed(as_dataset(joined, {**more, **own}), wanted)
        return made

    def _changed(
        self, dataset: xr.Dataset, wanted: DatasetFiles
    ) -> tuple[xr.Dataset, list[tuple[Step, str]]]:
        """Return a dataset as it was asked for, and the steps, each with the file that it is about."""
        steps: list[Step] = []
        if self.harmonise:
            dataset, steps = to_cmip(dataset, wanted.about)
        dataset = of_many(dataset, wanted.variables, wanted.key)
        if self.harmonise:
            dataset, more = harmonised(dataset, wanted.facets)
            steps += more
        dataset, measured = self.measuring.attach(dataset, wanted, self._measure)
        its = {name: units for name, units in self.units.items() if name in dataset.data_vars}
        dataset, more = convert(dataset, its)
        steps += more
        if self.calendar is not None:
            dataset, more = convert_calendar(dataset, self.calendar)
            steps += more
        return dataset, [*((step, "") for step in steps), *measured]

    def _measure(self, wanted: DatasetFiles) -> tuple[xr.Dataset | None, str]:
        """Open what may be a measure, or return why it cannot be: nothing is lost with it."""
        quiet = replace(
            self,
            raises=False,
            allow_gaps=True,
            region=None,
            report=OpenReport(),
            units={},
            calendar=None,
        )
        dataset = quiet._one(wanted, None)  # noqa: SLF001 - it is this class's own
        skipped = quiet.report.having("skipped")
        return dataset, "" if dataset is not None else skipped[0].cause

    def _joined(
        self, wanted: DatasetFiles, progress: Callable[[int], None] | None
    ) -> Joined | None:
        cache = self.cache
        known = cache.find(wanted.paths, wanted.spans) if cache is not None else None
        if known is not None:
            return known
        stamps = cache.stamps(wanted.paths) if cache is not None else None
        files = self._read_files(wanted, progress)
        if not files:
            if not wanted.paths and not wanted.offline:
                self.report.add(wanted.key, "skipped", cause="it has no files")
            return None
        joined = join(files, undated=is_seasonal(wanted.about))
        for note in joined.skipped:
            if self.raises:
                raise FileUnreadable(f"{note.path}: {note.cause}", hint=note.remedy)
            self.report.add(
                wanted.key, "skipped", path=note.path, cause=note.cause, remedy=note.remedy
            )
        unread = len(wanted.paths) - len(files) + len(joined.skipped)
        if unread:
            return replace(joined, unread=unread)
        if cache is not None and all(each.alone for each in files):
            cache.keep(wanted.paths, wanted.spans, stamps, joined)
        return joined

    def _read_files(
        self, wanted: DatasetFiles, progress: Callable[[int], None] | None
    ) -> list[FileHeader]:
        spans: dict[str, tuple[int, int]] = {}
        if len(wanted.spans) == len(wanted.paths):
            spans = dict(zip(wanted.paths, wanted.spans, strict=True))
        files: list[FileHeader] = []
        for number, path in enumerate(wanted.paths):
            try:
                files.append(read_file(path, spans.get(path)))
            except FileUnreadable as problem:
                if self.raises:
                    raise
                cause = problem.message.removeprefix(f"{path}: ")
                self.report.add(wanted.key, "skipped", path=path, cause=cause, remedy=problem.hint)
            if progress is not None:
                progress(number + 1)
        return files

    def combined(self, made: Stacked) -> Opened:
        """Return what was stacked or merged; what did not fit stays apart, and is told."""
        if made.refused and self.raises:
            raise made.refused[0][1]
        for key, note in made.notes:
            self.report.add(key, "noted", cause=note)
        for key, problem in made.refused:
            self.report.add(key, "noted", cause=problem.message, remedy=problem.hint)
        return Opened(made.datasets, self.report, made.facets)

    def tell_steps(self, key: str, steps: Iterable[Step], path: str = "") -> None:
        """Tell what was changed on the way from the files."""
        for step in steps:
            named = not step.variable or step.said.endswith(f" is called {step.variable}")
            said = step.said if named else f"{step.variable}: {step.said}"
            faulty = step.kind == "names" and step.fix in FAULTS
            status: Status = "repaired" if faulty else _STATUS_OF[step.kind]
            self.report.add(key, status, path=path, cause=said, remedy=step.remedy)

    def _tell_offline(self, wanted: DatasetFiles) -> None:
        if wanted.offline:
            count, size = len(wanted.offline), sum(size for _, size in wanted.offline)
            self.report.add(
                wanted.key,
                "offline",
                cause=f"{count} of its {count + len(wanted.paths)} files, {size_text(size)}, are on "
                f"tape and were not opened; the first is {wanted.offline[0][0]}",
                remedy=STAGE_THEM,
                files=count,
                size=size,
            )


def _later(progress: Callable[[int], None], done: int) -> Callable[[int], None]:
    """Return a progress that counts on from what is done."""
    return lambda more: progress(done + more)


def _check_gaps(wanted: DatasetFiles, joined: Joined, notes: list[Note]) -> None:
    gaps = [each for each in notes if each.cause.startswith(HOLE)]
    if not gaps and joined.unread:
        gaps = [Note(f"{HOLE}: {joined.unread} of {len(wanted.paths)} files cannot be read")]
    if not gaps and wanted.offline:
        gaps = [Note(f"{HOLE}: {len(wanted.offline)} files are on tape", wanted.offline[0][0])]
    if gaps:
        where = f" ({gaps[0].path})" if gaps[0].path else ""
        raise HoleInTime(
            f"{wanted.key}: {gaps[0].cause}{where}",
            hint="open(allow_gaps=True) opens what there is, and tells the holes.",
        )
