"""Searching a catalog by facets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.layout import open_snapshot
from climeri_platform.catalog.vocabulary import in_order
from climeri_platform.core.errors import (
    UnknownFacet,
    UnknownFamily,
    UnknownValue,
    UsageError,
    nearest,
)

if TYPE_CHECKING:
    import os

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot

__all__ = ["CatalogView"]

_SHOWN = 6
_ALL = ("all",)  # of version: every one, instead of the newest


@dataclass(frozen=True)
class CatalogView:
    """The datasets of one catalog that answer some questions; immutable.

    Attributes
    ----------
    snapshot
        The published state that it reads, for good.
    family
        The archive family.
    asked
        Facet to the values asked for.
    """

    snapshot: Snapshot
    family: Family
    asked: dict[str, tuple[str, ...]]

    @classmethod
    def open(cls, name: str, store: str | os.PathLike[str] | None = None) -> CatalogView:
        """Open the catalog ``name`` of a store.

        Raises
        ------
        UnknownFamily
            If the store has no such catalog.
        StoreError
            If the store is missing, damaged, or of a newer format.
        """
        snapshot = open_snapshot(store)
        known = {each.lower(): each for each in snapshot.families}
        if name.lower() not in known:
            like = nearest(name, known.values())
            has = ", ".join(snapshot.families) or "none"
            raise UnknownFamily(
                f"the store {snapshot.store} has no catalog {name!r}",
                hint=f"Did you mean {like[0]}?" if like else f"It has: {has}.",
            )
        view = cls(snapshot, snapshot.rules(known[name.lower()]), {})
        snapshot.scan(view.family.family, "files")  # a damaged table is told here, not later
        return view

    @cached_property
    def _all(self) -> pl.DataFrame:
        return self.snapshot.read(self.family.family, "datasets")

    @cached_property
    def datasets(self) -> pl.DataFrame:
        """One row for each dataset, version and root that answers; newest versions by default."""
        return self._all.filter(self._condition(self.asked))

    def _condition(self, asked: dict[str, tuple[str, ...]]) -> pl.Expr:
        condition = pl.lit(value=True)
        for facet, values in asked.items():
            if facet == "version" and values == _ALL:
                continue
            condition = condition & pl.col(facet).is_in(list(values))
        return condition if "version" in asked else condition & pl.col("latest")

    def files(self) -> pl.DataFrame:
        """Return the files of the datasets, in the order of datasets, roots and time."""
        return self.snapshot.read(self.family.family, "files", self._condition(self.asked))

    def __len__(self) -> int:
        """Return the number of datasets; replicas at several roots count once."""
        return self.datasets.select("dataset", "version").n_unique() if self.datasets.height else 0

    @cached_property
    def keys(self) -> list[str]:
        """The keys of the datasets, in order."""
        return self.datasets["dataset"].unique(maintain_order=True).to_list()

    def search(self, **facets: str | Iterable[str]) -> CatalogView:
        """Narrow the view.

        Parameters
        ----------
        **facets
            A facet, by its own or by its common name, and a value or several. Asking for
            ``version`` (a version, or ``"all"``) turns off the choice of the newest one.

        Returns
        -------
        CatalogView
            May be empty; `why_empty` says why.

        Raises
        ------
        UnknownFacet, UnknownValue
            If no row of the whole catalog has that facet or value; the nearest are named.
        """
        asked = dict(self.asked)
        for typed, given in facets.items():
            facet = self._facet(typed)
            values = self._values(typed, given)
            if facet == "version" and values == _ALL:
                asked.setdefault(facet, _ALL)
                continue
            self._check(facet, values)
            if asked.get(facet, _ALL) != _ALL:
                values = tuple(each for each in asked[facet] if each in values)
            asked[facet] = values
        return replace(self, asked=asked)

    def _facet(self, typed: str) -> str:
        names = self.family.names
        if typed in names:
            return names[typed]
        like = nearest(typed, names)
        raise UnknownFacet(
            f"{self.family.family} has no facet {typed!r}",
            hint=f"Did you mean {' or '.join(like)}?" if like else f"It has: {', '.join(names)}.",
        )

    @staticmethod
    def _values(typed: str, given: object) -> tuple[str, ...]:
        if isinstance(given, str):
            return (given,)
        if isinstance(given, Iterable):
            values = tuple(given)
            if values and all(isinstance(each, str) for each in values):
                return tuple(dict.fromkeys(values))
        raise UsageError(f"{typed}={given!r}: a facet takes a word, or a list of words")

    def _check(self, facet: str, values: tuple[str, ...]) -> None:
        known = self._all[facet].drop_nulls().unique()
        missing = [each for each in values if each not in known]
        if not missing:
            return
        like = [found for each in missing for found in nearest(each, sorted(known))]
        has = sorted(known, key=in_order)[:_SHOWN]
        more = f" and {known.len() - _SHOWN} more" if known.len() > _SHOWN else ""
        hint = f"It has: {', '.join(has)}{more}."
        if like:
            hint = f"Did you mean {' or '.join(dict.fromkeys(like))}?"
        if facet == "version" and "latest" in missing:
            hint = "The newest version is what a search gives: leave the version out."
        raise UnknownValue(
            f"no dataset of {self.family.family} has {facet}={', '.join(map(repr, missing))}",
            hint=hint,
        )

    def facets(self) -> dict[str, dict[str, int]]:
        """Return each facet's values and how many datasets have them, within the view."""
        one = self.datasets.unique(["dataset", "version"], maintain_order=True)
        return {
            facet: dict(sorted(counts.iter_rows(), key=lambda each: in_order(each[0])))
            for facet in self.family.facets
            if (counts := one[facet].drop_nulls().value_counts()).height
        }

    def why_empty(self) -> str:
        """Return one sentence that says which facets empty the view; "" if it is not empty."""
        if len(self):
            return ""
        culprits = []
        for facet in self.asked:
            rest = {name: values for name, values in self.asked.items() if name != facet}
            left = self._all.filter(self._condition(rest))
            if left.height:
                has = sorted(left[facet].drop_nulls().unique(), key=in_order)
                more = f" and {len(has) - _SHOWN} more" if len(has) > _SHOWN else ""
                there = f"there is {', '.join(has[:_SHOWN])}{more}"
                if wanted := ", ".join(self.asked[facet]):
                    culprits.append(f"without {facet}={wanted} {there}")
                else:
                    culprits.append(
                        f"{facet} was asked for twice, with no value in common; {there}"
                    )
        if culprits:
            return f"no dataset of {self.family.family} has all of this: {'; '.join(culprits)}"
        words = ", ".join(f"{name}={','.join(values)}" for name, values in self.asked.items())
        return f"no dataset of {self.family.family} has all of {words}, nor all but one of them"

    def describe(self) -> list[dict[str, Any]]:
        """Return the datasets as plain values, for JSON."""
        return self.datasets.to_dicts()
