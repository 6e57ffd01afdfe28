"""What the user holds: datasets chosen by facets, ready to be opened."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.catalog import CatalogView
from climeri_platform.core.errors import NothingFound
from climeri_platform.core.extras import needs
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    import polars as pl

    from climeri_platform.access import DatasetFiles, Opened

__all__ = ["Selection", "open_catalog"]

_SHOWN = 8  # values of a facet in the HTML view


def open_catalog(name: str, *, store: str | os.PathLike[str] | None = None) -> Selection:
    """Open a catalog.

    Parameters
    ----------
    name
        An archive family: ``CMIP6``, ``CMIP5``, ``CORDEX``, ``libIGCM``, ...
    store
        The folder of the catalogs; by default the setting ``store`` (``CLIMERI_STORE``).

    Returns
    -------
    Selection
        Of all its datasets, each in its newest version.

    Raises
    ------
    UnknownFamily
        If the store has no such catalog; the nearest is named.
    StoreError
        If the store is missing, damaged, or written by a newer version.

    Examples
    --------
    >>> catalog = open_catalog("CMIP6", store="/data/store")  # doctest: +SKIP
    >>> catalog.search(variable_id="tas", experiment_id="historical").open()  # doctest: +SKIP
    """
    return Selection(CatalogView.open(name, store))


@dataclass(frozen=True, repr=False)
class Selection:
    """Datasets of a catalog; `search` narrows it, `open` gives the data.

    Its length is the number of datasets, and iterating gives their keys.
    """

    view: CatalogView

    def search(self, **facets: str | Iterable[str]) -> Selection:
        """Return the datasets that also have these facets.

        Parameters
        ----------
        **facets
            A facet, by its own name (``source_id``) or the common one (``model``), and a value or
            a list of values. ``version="all"`` or a version turns off the choice of the newest.

        Returns
        -------
        Selection
            May be empty: `why_empty` says which facet empties it.

        Raises
        ------
        UnknownFacet, UnknownValue
            If the catalog has no such facet or value at all; the nearest are named.
        """
        return Selection(self.view.search(**facets))

    def facets(self) -> dict[str, dict[str, int]]:
        """Return each facet's values, each with the number of datasets that have it."""
        return self.view.facets()

    def why_empty(self) -> str:
        """Return which facets empty the selection; "" if it is not empty."""
        return self.view.why_empty()

    @property
    def snapshot(self) -> str:
        """The name of the snapshot that it reads, which never changes."""
        return self.view.snapshot.name

    @property
    def keys(self) -> list[str]:
        """The keys of the datasets, in order."""
        return self.view.keys

    @property
    def datasets(self) -> pl.DataFrame:
        """One row for each dataset, version and root, with facets, period and size."""
        return self.view.datasets

    def __len__(self) -> int:
        return len(self.view)

    def __iter__(self) -> Iterator[str]:
        return iter(self.view.keys)

    def __contains__(self, key: object) -> bool:
        return key in self.view.keys

    def paths(self) -> list[str]:
        """Return the absolute paths of the files that `open` would open."""
        return [path for each in self._wanted() for path in each.paths]

    def open(
        self,
        *,
        chunks: Any = "auto",
        on_error: Literal["report", "raise"] = "report",
    ) -> Opened:
        """Open the datasets lazily.

        A dataset is the files of one version at one root, joined in time; nothing is computed.

        Parameters
        ----------
        chunks
            As xarray takes them; ``"auto"`` makes multiples of the files' own.
        on_error
            ``"report"`` leaves out what cannot be used, names it in the report and warns;
            ``"raise"`` refuses at the first.

        Returns
        -------
        Opened
            A mapping from keys to xarray Datasets, with ``report``.

        Raises
        ------
        NothingFound
            If the selection is empty.
        DataError
            If nothing could be opened, or at the first defect with ``on_error="raise"``.
        MissingExtra
            If the packages that read data are not installed.
        """
        if not len(self):
            raise NothingFound(self.why_empty())
        with needs("access", "opening data"):
            from climeri_platform.access import open_datasets
        from tqdm.auto import tqdm

        wanted = self._wanted()
        total = sum(len(each.paths) for each in wanted)
        with tqdm(total=total, desc="opening files", unit="", leave=False, delay=2) as bar:

            def follow(done: int) -> None:
                bar.update(done - bar.n)

            return open_datasets(wanted, chunks=chunks, on_error=on_error, progress=follow)

    def _wanted(self) -> list[DatasetFiles]:
        from climeri_platform.access import DatasetFiles

        mounts = {**self.view.snapshot.mounts, **load_site().mounts}
        groups: dict[
            tuple[str, str | None], dict[str, list[tuple[str, int | None, int | None]]]
        ] = {}
        rows = self.view.files().select(
            "dataset", "version", "root", "path", "start", "end", "frequency"
        )
        for dataset, version, root, path, start, end, frequency in rows.iter_rows():
            there = groups.setdefault((dataset, version), {})
            # a climatology names the years that went into it, not those that it holds
            span = (None, None) if frequency == "monClim" else (start, end)
            there.setdefault(root, []).append((f"{mounts[root]}/{path}", *span))
        versions: dict[str, int] = {}
        for dataset, _ in groups:
            versions[dataset] = versions.get(dataset, 0) + 1
        wanted = []
        for (dataset, version), roots in groups.items():
            root, notes = _replica(roots)
            key = dataset if versions[dataset] == 1 else f"{dataset}.{version}"
            attributes = {"dataset": dataset, "snapshot": self.snapshot, "root": root}
            if version is not None:
                attributes["version"] = version
            paths = tuple(path for path, _, _ in roots[root])
            spans = tuple((start, end) for _, start, end in roots[root] if start and end)
            wanted.append(DatasetFiles(key, paths, spans, attributes, tuple(notes)))
        return wanted

    def __repr__(self) -> str:
        asked = ", ".join(f"{name}={'|'.join(each)}" for name, each in self.view.asked.items())
        of = f" of {asked}" if asked else ""
        return f"<{self.view.family.family}: {len(self)} datasets{of}, snapshot {self.snapshot}>"

    def _repr_html_(self) -> str:
        rows = ""
        for facet, values in self.facets().items():
            names = list(values)
            more = f" … {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            shown = escape(", ".join(names[:_SHOWN]) + more)
            rows += (
                f"<tr><td style='text-align:left'><b>{escape(facet)}</b></td>"
                f"<td>{len(names)}</td><td style='text-align:left'>{shown}</td></tr>"
            )
        title = f"{self.view.family.title}: {len(self)} datasets"
        return (
            f"<p><b>{escape(title)}</b><br><small>snapshot {escape(self.snapshot)}</small></p>"
            f"<table>{rows}</table>"
        )


def _replica(roots: dict[str, list[tuple[str, int | None, int | None]]]) -> tuple[str, list[str]]:
    """Choose the root that covers most time, and say what another has beside."""
    from climeri_platform.access.periods import HOLE, not_covered

    spans = {
        name: [(start, end) for _, start, end in files if start and end]
        for name, files in roots.items()
    }
    lacking = {
        name: {
            other: not_covered(spans[other], spans[name])
            for other in sorted(roots)
            if other != name
        }
        for name in roots
    }
    chosen = min(
        roots,
        key=lambda name: (sum(map(len, lacking[name].values())), -len(roots[name]), name),
    )
    notes = [f"taken from {chosen}; also at {', '.join(lacking[chosen])}"] if len(roots) > 1 else []
    for other, missing in lacking[chosen].items():
        if missing:
            years = ", ".join(f"{start // 10**6} to {end // 10**6}" for start, end in missing)
            notes.append(f"{HOLE}: {other} also has {years}, which {chosen} has not")
    return chosen, notes
