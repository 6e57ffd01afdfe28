"""Measures of what is opened: each is opened once, however many datasets it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.measures import FRACTIONS, MEASURES, Candidate, attach
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import xarray as xr

    from climeri_platform.access.opened import DatasetFiles

    Opener = Callable[[DatasetFiles], tuple[xr.Dataset | None, str]]

__all__ = ["Measuring"]


@dataclass(frozen=True, slots=True)
class Measuring:
    """What was opened of measures, by the keys of their datasets."""

    known: dict[str, tuple[xr.Dataset | None, str]] = field(default_factory=dict)

    def attach(
        self, dataset: xr.Dataset, wanted: DatasetFiles, opener: Opener
    ) -> tuple[xr.Dataset, list[tuple[Step, str]]]:
        """Attach what fits of the measures that a dataset may have, if any are wanted.

        Parameters
        ----------
        dataset
            Harmonised.
        wanted
            With its ``measures``.
        opener
            Opens one, or says why it cannot be opened.

        Returns
        -------
        dataset, told
            As `harmonise.measures.attach` returns them.
        """
        if wanted.measures is None:
            return dataset, []
        offered = wanted.measures
        lacking: list[str] = []

        def find(name: str) -> Iterator[Candidate]:
            if name not in offered:
                lacking.append(name)
            for each in offered.get(name, ()):
                found = self._candidate(each, name, opener)
                if found is not None:
                    yield found

        dataset, told = attach(dataset, find, wanted.about)
        for name in lacking:
            if name in FRACTIONS:  # where areas come from is told in any case
                told.append((Step("measures", name, "the catalog has none of this model"), ""))
        return dataset, told

    def _candidate(self, files: DatasetFiles, name: str, opener: Opener) -> Candidate | None:
        if files.key not in self.known:
            dataset, why = opener(files)
            self.known[files.key] = (None if dataset is None else _measures_of(dataset), why)
        dataset, why = self.known[files.key]
        if dataset is not None and name not in dataset.variables:
            return None  # a stream of native output, which need not have it
        return Candidate(files.facets, dataset, files.paths[0] if files.paths else "", why)


def _measures_of(dataset: xr.Dataset) -> xr.Dataset:
    held = dataset.reset_coords([name for name in MEASURES if name in dataset.coords])
    held = held[[name for name in MEASURES if name in held.data_vars]]
    # streams of native output repeat their areas at each step
    return held.isel(time=0, drop=True) if "time" in held.dims else held
