"""What there is to open, and what was opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from climeri_platform.access.guard import LoadCost, confirm_large, cost_of_loading, refuse_huge
from climeri_platform.core.errors import UnknownKey, nearest

if TYPE_CHECKING:
    import xarray as xr

    from climeri_platform.access.asked import AskedPeriod
    from climeri_platform.access.report import OpenReport
    from climeri_platform.core.errors import DataError

__all__ = ["DatasetFiles", "Opened"]


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
    about
        The same, and each under its own name, too: what harmonising goes by.
    offline
        Paths and bytes of its files that are on tape: they are counted, and never touched.
    period
        What it is to be cut to, years counted by the names of all its files.
    variables
        The only ones that are wanted of files of many, as the files call them; none: all.
    measures
        Name of a measure (``areacella``, ``sftlf``, ...) to what may be it, the nearest first. None:
        no measures are wanted.
    """

    key: str
    paths: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refusal: DataError | None = None
    facets: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    offline: tuple[tuple[str, int], ...] = ()
    period: AskedPeriod | None = None
    measures: Mapping[str, tuple[DatasetFiles, ...]] | None = None
    variables: tuple[str, ...] = ()


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

    def to_dataset(
        self,
        dim: str = "model",
        *,
        pad: bool = False,
        time: Literal["calendar", "elapsed"] = "calendar",
    ) -> xr.Dataset:
        """Return one Dataset with the values of a facet as a dimension.

        Parameters
        ----------
        dim
            The facet: ``model``, ``experiment``, ``member``, ...
        pad
            Whether what some lack in time is filled with missing values; by default all are cut
            to the common period. Either is added to the report.
        time
            ``"elapsed"`` matches steps by the time since each series began, for runs whose years
            are only counted (controls, idealised runs): all begin in year 1 of the calendar of the
            first, and the coordinate ``original_time`` holds the dates that they had.

        Returns
        -------
        xarray.Dataset
            Facets and attributes that differ are coordinates along the dimension.

        Raises
        ------
        GridMismatch
            If they are not on one grid; those that differ are named.
        DatasetInconsistent
            If calendars, units or steps of time differ, or nothing is common; with
            ``time="elapsed"`` also if a series has a hole, or begins in another month.
        UsageError
            If ``dim`` is no facet of theirs, or does not tell them apart, or ``time`` is no such
            word.
        NothingFound
            If nothing was opened.
        """
        from climeri_platform.access.trees import to_dataset

        dataset, notes = to_dataset(self._datasets, self.facets, dim, pad=pad, time=time)
        for note in notes:
            self.report.add(f"by {dim}", "noted", cause=note)
        return dataset

    def __getitem__(self, key: str) -> xr.Dataset:
        try:
            return self._datasets[key]
        except KeyError:
            near = nearest(str(key), self._datasets) or list(self._datasets)[:3]
            raise UnknownKey(
                f"{key!r} is none of the {len(self)} keys of what was opened",
                hint=f"Such as {' or '.join(map(repr, near))}; list(...) gives all."
                if near
                else "",
            ) from None

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
