"""Searching a catalog by facets and periods.

The `datasets` table is scanned for each question and never loaded whole: it is sorted by facets,
so that a question reads the few groups of rows that may answer it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from climeri_platform.catalog.asking import Period, items_of, pattern_of, show, values_of
from climeri_platform.catalog.cardfacets import spread_parameters
from climeri_platform.catalog.contents import contents_of, unread_text
from climeri_platform.catalog.explain import unknown_facet, unknown_value, why_empty
from climeri_platform.catalog.facets import count_facets, facet_values, missing_values
from climeri_platform.catalog.layout import open_snapshot
from climeri_platform.catalog.narrowing import (
    ROW,
    Narrowing,
    covering,
    groups_with_all,
    overlapping,
)
from climeri_platform.catalog.newest import overlaid
from climeri_platform.catalog.vocabulary import in_order
from climeri_platform.core.errors import UnknownFamily, UnknownValue, UsageError, nearest

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from climeri_platform.catalog.asking import Asked, Item
    from climeri_platform.catalog.contents import Contents
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot, Table

__all__ = ["CatalogView"]

_ALL = ("all",)  # of version: every one, instead of the newest
_SAID = 6


@dataclass(frozen=True, eq=False)
class CatalogView:
    """The datasets of one catalog that answer some questions; immutable.

    Attributes
    ----------
    snapshot
        The published state that it reads, for good.
    family
        The archive family.
    asked
        Facet to the values asked for; globs and regular expressions stand as the values that
        they match.
    also
        What else narrows it.
    typed
        Facet to what was typed, where that differs from ``asked``.
    elsewhere
        What stores that are asked together with this one know of its versions: ``dataset``,
        ``version``, and ``latest`` and ``retracted`` in their light.
    """

    snapshot: Snapshot
    family: Family
    asked: dict[str, tuple[str, ...]]
    also: tuple[Narrowing, ...] = ()
    typed: dict[str, str] = field(default_factory=dict)
    elsewhere: pl.DataFrame | None = None

    @classmethod
    def open(
        cls, name: str, store: str | os.PathLike[str] | None = None, snapshot: str | None = None
    ) -> CatalogView:
        """Open the catalog ``name`` of a store, as published or as an older snapshot has it.

        Raises
        ------
        UnknownFamily
            If the store has no such catalog.
        StoreError
            If the store or the snapshot is missing, damaged, or of a newer format.
        """
        state = open_snapshot(store, snapshot)
        known = {each.lower(): each for each in state.families}
        if name.lower() not in known:
            like = nearest(name, known.values())
            has = ", ".join(state.families) or "none"
            raise UnknownFamily(
                f"the store {state.store} has no catalog {name!r}",
                hint=f"Did you mean {like[0]}?" if like else f"It has: {has}.",
            )
        view = cls(state, state.rules(known[name.lower()]), {})
        state.scan(view.family.family, "files")  # a damaged table is told here, not later
        return view

    def _chosen(self, table: Literal["datasets", "files"]) -> pl.LazyFrame:
        """Return the rows of a table that have the facets asked for, not yet read."""
        parts = [
            self._has(facet, values)
            for facet, values in self.asked.items()
            if (facet, values) != ("version", _ALL)
            # only the newest file of a stream tells: `files` asks for its dataset
            and (table == "datasets" or facet not in self.family.held)
        ]
        rows = self.snapshot.scan(self.family.family, table)
        if self.elsewhere is not None:
            rows = overlaid(rows.filter(reduce(and_, parts, pl.lit(value=True))), self.elsewhere)
            parts = []
        if "version" not in self.asked:
            parts.append(pl.col("latest"))
        # joined by &: polars skips groups of rows by their statistics only for what it can split
        return rows.filter(reduce(and_, parts) if parts else pl.lit(value=True))

    def _has(self, facet: str, values: tuple[str, ...]) -> pl.Expr:
        """Return whether a row of `datasets` has one of the values, as a stream if need be."""
        one = pl.col(facet)
        has = one == values[0] if len(values) == 1 else one.is_in(list(values))
        if facet not in self.family.held or self.contents is None:
            return has
        return has | pl.col("contents").is_in(self.contents.marks(facet, values))

    @cached_property
    def contents(self) -> Contents | None:
        """What streams hold of the variables asked for; None if files hold one variable each."""
        found = contents_of(self.snapshot, self.family)
        if found is None:
            return None
        for each in self.also:
            if each.variables:
                found = found.only({found.native: each.variables})
        return found.only(self.asked)

    @cached_property
    def unread(self) -> int:
        """How many streams might be in it, if it were known what they hold."""
        if not self.family.contents:
            return 0
        known = contents_of(self.snapshot, self.family)
        assert known is not None
        rows = self.without(*self.family.held).rows.filter(known.unread(self.family))
        return int(self._collect(rows.select(pl.struct("dataset", "version").n_unique())).item())

    def said_of_unread(self) -> str:
        """Return one sentence on streams of which nobody knows what they hold; "" if all is known."""
        return unread_text(self.unread, self.family.family) if self.unread else ""

    def spread(self, rows: pl.LazyFrame, *facets: str) -> pl.LazyFrame:
        """Return rows of `datasets` with one for each variable of a stream, if facets ask for that."""
        if not {*facets} & {*self.family.held} or self.contents is None:
            return rows
        return self.contents.spread(rows, facets)

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """The rows of `datasets`, not yet read."""
        rows = self._chosen("datasets")
        for each in self.also:
            rows = each.apply(rows)
        return rows

    def reading(self, table: Table) -> AbstractContextManager[None]:
        """Tell what goes wrong while a table is read as damage of that table: `StoreDamaged`."""
        return self.snapshot.reading(self.family.family, table)

    def _collect(self, rows: pl.LazyFrame) -> pl.DataFrame:
        return self.snapshot.collect(rows, self.family.family, "datasets")

    @cached_property
    def datasets(self) -> pl.DataFrame:
        """One row for each dataset, version and root that answers; newest versions by default."""
        return self._collect(self.rows)

    def select(self, *columns: str) -> pl.DataFrame:
        """Return some columns of `datasets`, reading no others."""
        if "datasets" in self.__dict__:
            return self.datasets.select(columns)
        return self._collect(self.rows.select(columns))

    def files(self, *columns: str) -> pl.DataFrame:
        """Return the files of the datasets, in the order of datasets, roots and time.

        Parameters
        ----------
        *columns
            Which to read; by default all.
        """
        name = self.family.family
        rows = self.file_rows
        if self.also or {*self.asked} & {*self.family.held}:
            chosen = self.select(*ROW).lazy()
            rows = rows.join(chosen, on=ROW, how="semi", nulls_equal=True, maintain_order="left")
        for each in self.also:
            if each.files is not None:
                rows = rows.join(
                    each.files.lazy(), on=each.files.columns, how="semi", maintain_order="left"
                )
        return self.snapshot.collect(rows.select(columns) if columns else rows, name, "files")

    @cached_property
    def file_rows(self) -> pl.LazyFrame:
        """The rows of the `files` table that have the facets asked for, not yet read."""
        return self._chosen("files")

    @cached_property
    def _count(self) -> int:
        if sum(root.family == self.family.family for root in self.snapshot.card.roots) == 1:
            rows: int = self._collect(self.rows.select(pl.len())).item()
            return rows
        return self.select("dataset", "version").n_unique() if self.select("root").height else 0

    def __len__(self) -> int:
        """Return the number of datasets; replicas at several roots count once."""
        return self._count

    @cached_property
    def keys(self) -> list[str]:
        """The keys of the datasets, in order."""
        return self.select("dataset")["dataset"].unique(maintain_order=True).to_list()

    def at(self, key: str) -> CatalogView:
        """Return the view of one dataset, by its key; empty if the view does not hold it.

        Raises
        ------
        UnknownValue
            If it is no text.
        """
        if not isinstance(key, str):
            raise UnknownValue(
                f"[{key!r}]: a dataset is taken by its key, which is a text",
                hint="`keys` lists them; `search` takes facets.",
            )
        parts, names = key.split("."), self.family.dataset
        where = pl.col("dataset") == key
        if len(parts) == len(names) and not set(names) & set(self.family.optional):
            # the table is sorted by the facets: nearly all of it is skipped
            by_facets = [pl.col(name) == part for name, part in zip(names, parts, strict=True)]
            view = self.narrow(Narrowing(f"dataset={key}", reduce(and_, by_facets)))
            if view.datasets.height:
                return view
        # a facet with a dot in its value, or one that is absent
        return self.narrow(Narrowing(f"dataset={key}", where))

    def search(
        self,
        /,
        *,
        period: str | None = None,
        covers: str | None = None,
        require_all_on: str | Sequence[str] | None = None,
        **facets: Asked,
    ) -> CatalogView:
        """Narrow the view.

        Parameters
        ----------
        period
            Such as ``"1980/2014"``: datasets of which at least one file overlaps it.
        covers
            The same form: datasets whose files hold all of it, without a hole. Fixed fields, and
            files whose names say no time, are kept by both. ``output1`` and ``output2`` of CMIP5
            count as one series, as far as both are at one root.
        require_all_on
            A facet or several: only their groups that have every combination of the values asked
            for in this search.
        **facets
            A facet, by its own or by its common name, and a value, a glob (``ssp*``), a compiled
            regular expression (it matches anywhere in a value), or several. Asking for ``version``
            (a version, or ``"all"``) turns off the choice of the newest one. Parameters of
            simulation cards are ``parameter={"tau": 0.1}``, or the facet ``params.tau``; a range of
            numbers is ``"0.1/0.3"``, both included, or open: ``"0.1/"``.

        Returns
        -------
        CatalogView
            May be empty; `why_empty` says why.

        Raises
        ------
        UnknownFacet, UnknownValue
            If no row of the whole catalog has that facet or value; the nearest are named.
        UsageError
            If a value, a period or a group is none.
        """
        asked, typed = dict(self.asked), dict(self.typed)
        meant: dict[str, list[tuple[Item, list[str]]]] = {}
        for name, given in spread_parameters(facets).items():
            facet = self.facet(name)
            items = items_of(name, given)
            if facet == "version" and items == _ALL:
                asked.setdefault(facet, _ALL)
                continue
            meant[facet] = self._meant(facet, items)
            values = tuple(dict.fromkeys(value for _, found in meant[facet] for value in found))
            if asked.get(facet, _ALL) != _ALL:
                values = tuple(each for each in asked[facet] if each in values)
                typed.pop(facet, None)
            elif list(items) != list(values):
                typed[facet] = ",".join(map(show, items))
            asked[facet] = values
        narrower = replace(self, asked=asked, typed=typed)
        if period is not None:
            when = Period.parse(period)
            with self.reading("files"):
                time = overlapping(when, narrower.rows, narrower.file_rows)
            narrower = narrower.narrow(time)
        if covers is not None:
            when, series = Period.parse(covers, name="covers"), narrower.split_series
            with self.reading("files"):
                time = covering(when, narrower.rows, narrower.file_rows, series)
            narrower = narrower.narrow(time)
        if require_all_on is None:
            return narrower
        groups = [require_all_on] if isinstance(require_all_on, str) else list(require_all_on)
        if not groups:
            raise UsageError("require_all_on names no facet")
        groups = [self.facet(each) for each in groups]
        with self.reading("datasets"):
            rows = narrower.spread(narrower.rows, *groups, *meant)
            return narrower.narrow(groups_with_all(groups, meant, rows))

    @property
    def split_series(self) -> tuple[str, ...]:
        """The facets of one series, where products of CMIP5 may split it; of others none.

        Versions belong to it only where they were asked for: each product has a newest of its own.
        """
        if "product" not in self.family.dataset:
            return ()
        return (*self.family.dataset, *(("version",) if "version" in self.asked else ()))

    def narrow(self, how: Narrowing) -> CatalogView:
        """Return the view, narrowed in one more way."""
        return replace(self, also=(*self.also, how))

    def without(self, *parts: str | int) -> CatalogView:
        """Return the view without what was asked of some facets, or without some of ``also``."""
        return replace(
            self,
            asked={name: values for name, values in self.asked.items() if name not in parts},
            also=tuple(each for n, each in enumerate(self.also) if n not in parts),
        )

    def latest(self) -> CatalogView:
        """Return the view with each dataset in its newest version, whatever was asked."""
        return self.without("version")

    def facet(self, typed: str) -> str:
        """Return the facet that a name stands for.

        Raises
        ------
        UnknownFacet
            If the family has none of that name; the nearest, and other families', are named.
        """
        if typed not in self.family.names:
            raise unknown_facet(self.family, typed)
        return self.family.names[typed]

    def _meant(self, facet: str, items: tuple[Item, ...]) -> list[tuple[Item, list[str]]]:
        name = self.family.family
        words = [each for each in items if isinstance(each, str)]
        unknown = missing_values(self.snapshot, name, facet, words) if words else []
        meant: list[tuple[Item, list[str]]] = []
        missing: list[Item] = []
        for each in items:
            if isinstance(each, str) and each not in unknown:
                found = [each]
            elif pattern_of(each) is None:
                found = []
            else:
                found = values_of(each, facet_values(self.snapshot, name, facet))
            if not found:
                missing.append(each)
            meant.append((each, found))
        if missing:
            raise unknown_value(self, facet, missing)
        return meant

    def values(self, facet: str) -> list[str]:
        """Return the values of a facet within the view, numbers in them in order."""
        rows = self._collect(self.spread(self.rows, facet).select(facet).unique())
        return sorted(rows[facet].drop_nulls(), key=in_order)

    def facets(self, *names: str) -> dict[str, dict[str, int]]:
        """Return each facet's values and how many datasets have them, within the view.

        Parameters
        ----------
        *names
            Which facets, by default all.
        """
        wanted = [self.facet(each) for each in names] or self.family.facets
        narrowed = bool(self.asked or self.also or self.elsewhere is not None)
        counts = count_facets(
            self.snapshot,
            self.family.family,
            self.rows,
            self.family.facets if not narrowed else wanted,
            narrowed=narrowed,
            held=self.contents,
        )
        return {name: dict(counts[name]) for name in wanted if name in counts}

    def said(self, facet: str) -> str:
        """Return what was asked of a facet, as it was typed."""
        if facet in self.typed:
            return self.typed[facet]
        values = self.asked[facet]
        more = f",… {len(values) - _SAID} more" if len(values) > _SAID else ""
        return ", ".join(values[:_SAID]) + more

    def why_empty(self) -> str:
        """Return one sentence that says which facets empty the view; "" if it is not empty."""
        return "" if len(self) else why_empty(self)

    def describe(self) -> list[dict[str, Any]]:
        """Return the datasets as plain values, for JSON.

        Where files hold many variables, each has ``variables``: those of the stream, of those asked
        for; None of others, and where nobody has read them.
        In a family with cards each has ``embargo``: the day until which its run's card says that
        it is not public, YYYY-MM-DD; None where there is no such day, or where it has come.
        """
        rows = self.datasets.to_dicts()
        if self.contents is not None:
            lists = self.contents.names
            rows = [{**row, "variables": lists.get(row["contents"])} for row in rows]
        if not self.family.cards:
            return rows
        from climeri_platform.catalog.embargo import embargoes

        until = embargoes(self)
        days = [until.get((row["dataset"], row["version"], row["root"])) for row in rows]
        return [
            {**row, "embargo": day and day.isoformat()} for row, day in zip(rows, days, strict=True)
        ]
