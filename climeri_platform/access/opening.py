"""Opening datasets: lazy objects, and a report of all that was not as it should be."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.access.files import read_file
from climeri_platform.access.joining import join
from climeri_platform.access.lazy import as_dataset
from climeri_platform.access.periods import HOLE, RETRACTED
from climeri_platform.access.report import IncompleteDataWarning, OpenReport
from climeri_platform.core.errors import DataError, DatasetInconsistent, FileUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from climeri_platform.access.joined import Joined
    from climeri_platform.access.joining import FileHeader

__all__ = ["DatasetFiles", "Opened", "open_datasets"]


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
    """

    key: str
    paths: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refusal: DataError | None = None
    facets: Mapping[str, str] = field(default_factory=dict)


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
        dataset = _open_one(each, chunks, on_error, report)
        done += len(each.paths)
        if progress is not None:
            progress(done)
        if dataset is not None:
            datasets[each.key] = dataset
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
    if skipped or any(each.cause.startswith((HOLE, RETRACTED)) for each in report.having("noted")):
        warnings.warn(f"{report}", IncompleteDataWarning, stacklevel=3)
    return Opened(datasets, report)


def _open_one(
    wanted: DatasetFiles, chunks: Any, on_error: str, report: OpenReport
) -> xr.Dataset | None:
    if wanted.refusal is not None:
        if on_error == "raise":
            raise wanted.refusal
        refused = wanted.refusal
        report.add(wanted.key, "skipped", cause=refused.message, remedy=refused.hint)
        return None
    joined = _join(wanted, on_error, report)
    if joined is None:
        return None
    for note in joined.notes:
        report.add(wanted.key, "noted", path=note.path, cause=note.cause)
    for note in joined.repaired:
        report.add(wanted.key, "noted", path=note.path, cause=note.cause)
    dataset = as_dataset(joined, chunks)
    for name, value in wanted.attributes.items():
        dataset.attrs[f"climeri_{name}"] = value
    return dataset


def _join(wanted: DatasetFiles, on_error: str, report: OpenReport) -> Joined | None:
    files = _read_files(wanted, on_error, report)
    if not files:
        if not wanted.paths:
            report.add(wanted.key, "skipped", cause="it has no files")
        return None
    try:
        joined = join(files)
    except (DatasetInconsistent, FileUnreadable) as problem:
        if on_error == "raise":
            raise
        report.add(wanted.key, "skipped", cause=problem.message, remedy=problem.hint)
        return None
    for note in joined.skipped:
        if on_error == "raise":
            raise FileUnreadable(f"{note.path}: {note.cause}", hint=note.remedy)
        report.add(wanted.key, "skipped", path=note.path, cause=note.cause, remedy=note.remedy)
    return joined


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
