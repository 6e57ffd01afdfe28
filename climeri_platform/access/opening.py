"""Opening datasets: lazy objects, and a report of all that was not as it should be."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.access.cutting import cut
from climeri_platform.access.files import read_file
from climeri_platform.access.guard import (
    LoadCost,
    confirm_large,
    cost_of_loading,
    guarded,
    refuse_huge,
)
from climeri_platform.access.joined import Note
from climeri_platform.access.joining import join
from climeri_platform.access.lazy import as_dataset
from climeri_platform.access.members import stack_members
from climeri_platform.access.merging import merge_variables
from climeri_platform.access.periods import HOLE, RETRACTED
from climeri_platform.access.remembered import header_cache
from climeri_platform.access.report import IncompleteDataWarning, OpenReport
from climeri_platform.core.errors import (
    DataError,
    FileUnreadable,
    HoleInTime,
    UsageError,
)
from climeri_platform.core.sizes import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from climeri_platform.access.asked import AskedPeriod, Region
    from climeri_platform.access.joined import Joined
    from climeri_platform.access.joining import FileHeader
    from climeri_platform.access.members import Stacked
    from climeri_platform.access.remembered import HeaderCache

__all__ = ["STAGE_THEM", "DatasetFiles", "Opened", "open_datasets"]

STAGE_THEM = (
    "selection.stage() writes the commands that recall them; open(recall=True) opens them as they "
    "are, and waits for each."
)


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """What there is to open for one version of one dataset.

    Attributes
    ----------
    key
        The key of the result.
    paths
        Absolute, in the order of their periods.
    spans
        Start and end of each, YYYYMMDDhhmm, as far as the names say them.
    attributes
        What the catalog knows, added to the Dataset's attributes under ``climeri_``.
    notes
        What the report shall say beside.
    refusal
        Why it is not to be opened at all.
    facets
        What the catalog says of it: under the names that all families share (``model``,
        ``member``, ...) where they have one, others under their own; ``family`` is the catalog's.
    offline
        Paths and bytes of its files that are on tape: they are counted, and never touched.
    period
        What it is to be cut to, years counted by the names of all its files.
    """

    key: str
    paths: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refusal: DataError | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    offline: tuple[tuple[str, int], ...] = ()
    period: AskedPeriod | None = None


class Opened(Mapping[str, "xr.Dataset"]):
    """Keys of datasets to lazy xarray Datasets, with the report of their opening.

    Attributes
    ----------
    report
        An `OpenReport`.
    facets
        What the catalog says of each key, by the common names (``model``, ``member``, ...).
    """

    def __init__(
        self,
        datasets: dict[str, xr.Dataset],
        report: OpenReport,
        facets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._datasets = datasets
        self.report = report
        self.facets = {key: dict((facets or {}).get(key, {})) for key in datasets}

    def to_datatree(self) -> xr.DataTree:
        """Return all of it as a tree: experiment, model, member, variable.

        Returns
        -------
        xarray.DataTree
            Each node's attribute ``climeri_key`` is the key in this mapping.
        """
        from climeri_platform.access.trees import to_datatree

        return to_datatree(self._datasets, self.facets)

    def to_dataset(self, dim: str = "model", *, pad: bool = False) -> xr.Dataset:
        """Return one Dataset with the values of a facet as a dimension.

        Parameters
        ----------
        dim
            The facet: ``model``, ``experiment``, ``member``, ...
        pad
            Whether what some lack in time is filled with missing values; by default all are cut
            to the common period. Either is added to the report.

        Returns
        -------
        xarray.Dataset
            Facets and attributes that differ are coordinates along the dimension.

        Raises
        ------
        GridMismatch
            If they are not on one grid; those that differ are named.
        DatasetInconsistent
            If calendars, units or steps of time differ, or nothing is common.
        UsageError
            If ``dim`` is no facet of theirs, or does not tell them apart.
        NothingFound
            If nothing was opened.
        """
        from climeri_platform.access.trees import to_dataset

        dataset, notes = to_dataset(self._datasets, self.facets, dim, pad=pad)
        for note in notes:
            self.report.add(f"by {dim}", "noted", cause=note)
        return dataset

    def __getitem__(self, key: str) -> xr.Dataset:
        return self._datasets[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._datasets)

    def __len__(self) -> int:
        return len(self._datasets)

    @property
    def cost(self) -> LoadCost:
        """What loading all of it takes: bytes of memory, and chunks. Nothing is read for it."""
        return cost_of_loading(self._datasets.values())

    def load(self, *keys: str, confirm: bool = False, limit: int | str | None = None) -> Opened:
        """Load datasets into memory, as `xarray.Dataset.load` does.

        Parameters
        ----------
        *keys
            Which; by default all.
        confirm
            Load them however large they are.
        limit
            Bytes that are loaded without being confirmed, such as ``"20 GB"``; by default half of
            what this process may use.

        Returns
        -------
        Opened
            Itself, its datasets in memory.

        Raises
        ------
        TooLarge
            If they are larger than the limit, with the number of bytes, and not confirmed.
        """
        wanted = [self._datasets[key] for key in keys or self._datasets]
        if not confirm:
            refuse_huge(wanted, limit)
        with confirm_large():
            for each in wanted:
                each.load()
        return self

    def __repr__(self) -> str:
        lines = [f"<Opened: {self.report.summary()}>"]
        for key, each in self._datasets.items():
            sizes = ", ".join(f"{name}: {size}" for name, size in each.sizes.items())
            lines.append(f"  {key}  ({sizes})")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(key)}</td><td>"
            + escape(", ".join(f"{name}: {size}" for name, size in each.sizes.items()))
            + "</td></tr>"
            for key, each in self._datasets.items()
        )
        return f"<table>{rows}</table>{self.report._repr_html_()}"


def open_datasets(
    wanted: Sequence[DatasetFiles],
    *,
    chunks: Any = "auto",
    on_error: Literal["report", "raise"] = "report",
    members: Literal["apart", "stack"] = "apart",
    pad: bool = False,
    merge: bool = False,
    allow_gaps: bool = True,
    region: Region | None = None,
    progress: Callable[[int], None] | None = None,
) -> Opened:
    """Open datasets lazily; one bad file costs that file.

    Parameters
    ----------
    wanted
        The files of each dataset.
    chunks
        As xarray takes them.
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
    region
        What they are cut to; each is cut to its own ``period``.
    progress
        Is called with the number of files opened so far.

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        If ``on_error`` or ``members`` is none of these.
    DataError
        At the first defect with ``on_error="raise"``; or if nothing at all could be opened.
    """
    for name, word, words in (
        ("on_error", on_error, ("report", "raise")),
        ("members", members, ("apart", "stack")),
    ):
        if word not in words:
            raise UsageError(f"{name}={word!r}: it is {words[0]!r} or {words[1]!r}")
    report, cache = OpenReport(), header_cache()
    datasets: dict[str, xr.Dataset] = {}
    done = 0
    for each in wanted:
        for note in each.notes:
            report.add(each.key, "noted", cause=note)
        _tell_offline(each, report)
        dataset = _open_one(
            each, chunks, on_error, report, cache, allow_gaps=allow_gaps, region=region
        )
        done += len(each.paths)
        if progress is not None:
            progress(done)
        if dataset is not None:
            datasets[each.key] = dataset
            report.add(each.key, "opened")
    if wanted and not datasets:
        raise _nothing(wanted, report)
    if (
        report.having("skipped")
        or report.having("offline")
        or any(each.cause.startswith((HOLE, RETRACTED)) for each in report.having("noted"))
    ):
        warnings.warn(f"{report}", IncompleteDataWarning, stacklevel=3)
    opened = Opened(datasets, report, {each.key: each.facets for each in wanted})
    ways = [*([stack_members] if members == "stack" else []), *([merge_variables] if merge else [])]
    for way in ways:
        opened = _combined(opened, way(opened, opened.facets, pad=pad), on_error)
    # last: what is made of a guarded array is not guarded
    whole = {key: guarded(dataset) for key, dataset in opened.items()}
    return Opened(whole, report, opened.facets)


def _nothing(wanted: Sequence[DatasetFiles], report: OpenReport) -> DataError:
    if wanted[0].refusal is not None:
        return wanted[0].refusal
    first = report.having("skipped")[0]
    return DataError(
        f"none of the {len(wanted)} datasets could be opened; the first: {first.path or first.dataset}: "
        f"{first.cause}",
        hint=first.remedy,
    )


def _combined(opened: Opened, made: Stacked, on_error: str) -> Opened:
    """Return what was stacked or merged; what did not fit stays apart, and is told."""
    if made.refused and on_error == "raise":
        raise made.refused[0][1]
    for key, note in made.notes:
        opened.report.add(key, "noted", cause=note)
    for key, problem in made.refused:
        opened.report.add(key, "noted", cause=problem.message, remedy=problem.hint)
    return Opened(made.datasets, opened.report, made.facets)


def _tell_offline(wanted: DatasetFiles, report: OpenReport) -> None:
    if wanted.offline:
        count, size = len(wanted.offline), sum(size for _, size in wanted.offline)
        report.add(
            wanted.key,
            "offline",
            cause=f"{count} of its {count + len(wanted.paths)} files, {size_text(size)}, are on tape "
            f"and were not opened; the first is {wanted.offline[0][0]}",
            remedy=STAGE_THEM,
            files=count,
            bytes=size,
        )


def _open_one(
    wanted: DatasetFiles,
    chunks: Any,
    on_error: str,
    report: OpenReport,
    cache: HeaderCache | None,
    *,
    allow_gaps: bool,
    region: Region | None,
) -> xr.Dataset | None:
    if wanted.refusal is not None:
        if on_error == "raise":
            raise wanted.refusal
        refused = wanted.refusal
        report.add(wanted.key, "skipped", cause=refused.message, remedy=refused.hint)
        return None
    try:
        joined = _joined(wanted, on_error, report, cache)
        if joined is None:
            return None
        dataset, said = cut(as_dataset(joined, chunks), wanted.period, region)
        notes = [*joined.notes, *joined.repaired, *map(Note, said)]
        if not allow_gaps:
            _check_gaps(wanted, joined, notes)
    except DataError as problem:
        if on_error == "raise":
            raise
        cause = problem.message.removeprefix(f"{wanted.key}: ")
        report.add(wanted.key, "skipped", cause=cause, remedy=problem.hint)
        return None
    for note in notes:
        report.add(wanted.key, "noted", path=note.path, cause=note.cause)
    for name, value in wanted.attributes.items():
        dataset.attrs[f"climeri_{name}"] = value
    return dataset


def _joined(
    wanted: DatasetFiles, on_error: str, report: OpenReport, cache: HeaderCache | None
) -> Joined | None:
    known = cache.find(wanted.paths, wanted.spans) if cache is not None else None
    if known is not None:
        return known
    stamps = cache.stamps(wanted.paths) if cache is not None else None
    files = _read_files(wanted, on_error, report)
    if not files:
        if not wanted.paths:
            report.add(wanted.key, "skipped", cause="it has no files")
        return None
    joined = join(files)
    for note in joined.skipped:
        if on_error == "raise":
            raise FileUnreadable(f"{note.path}: {note.cause}", hint=note.remedy)
        report.add(wanted.key, "skipped", path=note.path, cause=note.cause, remedy=note.remedy)
    unread = len(wanted.paths) - len(files) + len(joined.skipped)
    if unread:
        return replace(joined, unread=unread)
    if cache is not None:
        cache.keep(wanted.paths, wanted.spans, stamps, joined)
    return joined


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


def _read_files(wanted: DatasetFiles, on_error: str, report: OpenReport) -> list[FileHeader]:
    spans: dict[str, tuple[int, int]] = {}
    if len(wanted.spans) == len(wanted.paths):
        spans = dict(zip(wanted.paths, wanted.spans, strict=True))
    files: list[FileHeader] = []
    for path in wanted.paths:
        try:
            files.append(read_file(path, spans.get(path)))
        except FileUnreadable as problem:
            if on_error == "raise":
                raise
            cause = problem.message.removeprefix(f"{path}: ")
            report.add(wanted.key, "skipped", path=path, cause=cause, remedy=problem.hint)
    return files
