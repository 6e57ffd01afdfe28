"""Opening datasets: lazy objects, and a report of all that was not as it should be."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.access.combine import holes, join_in_time, time_dimension
from climeri_platform.access.files import open_file
from climeri_platform.access.guard import (
    LoadCost,
    confirm_large,
    cost_of_loading,
    guarded,
    refuse_huge,
)
from climeri_platform.access.periods import HOLE, RETRACTED, holes_in_names, shorter_than_named
from climeri_platform.access.report import IncompleteDataWarning, OpenReport
from climeri_platform.core.errors import DataError, DatasetInconsistent, FileUnreadable, UsageError
from climeri_platform.core.sizes import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from climeri_platform.access.asked import AskedPeriod

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
    offline: tuple[tuple[str, int], ...] = ()
    period: AskedPeriod | None = None


class Opened(Mapping[str, "xr.Dataset"]):
    """Keys of datasets to lazy xarray Datasets, with the report of their opening.

    Attributes
    ----------
    report
        An `OpenReport`.
    """

    def __init__(self, datasets: dict[str, xr.Dataset], report: OpenReport) -> None:
        self._datasets = datasets
        self.report = report

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
    progress
        Is called with the number of files opened so far.

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        If ``on_error`` is neither.
    DataError
        At the first defect with ``on_error="raise"``; or if nothing at all could be opened.
    """
    if on_error not in ("report", "raise"):
        raise UsageError(f"on_error={on_error!r}: it is 'report' or 'raise'")
    report = OpenReport()
    datasets: dict[str, xr.Dataset] = {}
    done = 0
    for each in wanted:
        for note in each.notes:
            report.add(each.key, "noted", cause=note)
        _tell_offline(each, report)
        dataset = _open_one(each, chunks, on_error, report)
        done += len(each.paths)
        if progress is not None:
            progress(done)
        if dataset is not None:
            datasets[each.key] = guarded(dataset)
            report.add(each.key, "opened")
    skipped = report.having("skipped")
    if wanted and not datasets:
        if wanted[0].refusal is not None:
            raise wanted[0].refusal
        first = skipped[0]
        raise DataError(
            f"none of the {len(wanted)} datasets could be opened; the first: {first.path or first.dataset}: "
            f"{first.cause}",
            hint=first.remedy,
        )
    if (
        skipped
        or report.offline[0]
        or any(each.cause.startswith((HOLE, RETRACTED)) for each in report.having("noted"))
    ):
        warnings.warn(f"{report}", IncompleteDataWarning, stacklevel=3)
    return Opened(datasets, report)


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
    wanted: DatasetFiles, chunks: Any, on_error: str, report: OpenReport
) -> xr.Dataset | None:
    if wanted.refusal is not None:
        if on_error == "raise":
            raise wanted.refusal
        refused = wanted.refusal
        report.add(wanted.key, "skipped", cause=refused.message, remedy=refused.hint)
        return None
    files = _open_files(wanted, chunks, on_error, report)
    if not files:
        if not wanted.paths:
            report.add(wanted.key, "skipped", cause="it has no files")
        return None
    try:
        dataset, said = join_in_time(_one_kind_of_time(files, chunks))
        _tell_periods(wanted, files, dataset, report)
    except DatasetInconsistent as problem:
        for _, opened in files:
            opened.close()
        if on_error == "raise":
            raise
        report.add(wanted.key, "skipped", cause=problem.message, remedy=problem.hint)
        return None
    for note in said:
        report.add(wanted.key, "noted", cause=note)
    for name, value in wanted.attributes.items():
        dataset.attrs[f"climeri_{name}"] = value
    return dataset


def _open_files(
    wanted: DatasetFiles, chunks: Any, on_error: str, report: OpenReport
) -> list[tuple[str, xr.Dataset]]:
    files: list[tuple[str, xr.Dataset]] = []
    for path in wanted.paths:
        try:
            files.append((path, open_file(path, chunks=chunks)))
        except FileUnreadable as problem:
            if on_error == "raise":
                raise
            cause = problem.message.removeprefix(f"{path}: ")
            report.add(wanted.key, "skipped", path=path, cause=cause, remedy=problem.hint)
    return files


def _tell_periods(
    wanted: DatasetFiles,
    files: list[tuple[str, xr.Dataset]],
    dataset: xr.Dataset,
    report: OpenReport,
) -> None:
    for before, after in holes(dataset) or holes_in_names(wanted.spans):
        report.add(wanted.key, "noted", cause=f"{HOLE} between {before} and {after}")
    spans = dict(zip(wanted.paths, wanted.spans, strict=False))
    if len(wanted.spans) == len(wanted.paths):
        for path, its in files:
            if cause := shorter_than_named(its, spans[path]):
                report.add(wanted.key, "noted", path=path, cause=cause)


def _one_kind_of_time(
    files: list[tuple[str, xr.Dataset]], chunks: Any
) -> list[tuple[str, xr.Dataset]]:
    # a Gregorian series that begins before 1582 gives cftime in one file, datetime64 in another
    def kind(dataset: xr.Dataset) -> str:
        time = time_dimension(dataset)
        return dataset[time].dtype.kind if time in dataset.coords else ""

    kinds = [kind(dataset) for _, dataset in files]
    if len(set(kinds)) <= 1:
        return files
    again = []
    for (path, dataset), its in zip(files, kinds, strict=True):
        if its == "M":
            dataset.close()
            again.append((path, open_file(path, chunks=chunks, use_cftime=True)))
        else:
            again.append((path, dataset))
    return again
