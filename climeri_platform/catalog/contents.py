"""What streams hold: files of many variables, whose names say none of them.

Runs of one configuration write the same lists of variables, thousands of times. A row has the mark
of its list only, and the lists stand beside the tables, in ``contents.json``, each once: a search
for a variable asks which lists have it, and then for rows with their marks.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.variable_lists import read_lists, stored_lists

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.variable_lists import VariableList

__all__ = ["Contents", "contents_in", "contents_of", "of_many", "unread_text"]

_KNOWN: dict[tuple[str, int, str], Contents] = {}
_KEPT = 8  # snapshots and families of which it is kept: a hub runs for weeks


def of_many(family: Family) -> pl.Expr:
    """Return whether a row is of a file of many variables: its name says none."""
    if not family.contents:
        return pl.lit(value=False)
    return pl.col(family.name_in_files).is_null()


def unread_text(count: int, family: str) -> str:
    """Return one sentence on streams of which nobody knows what they hold, and what to do."""
    what = "stream of it holds" if count == 1 else "streams of it hold"
    return (
        f"{count} {what} variables that nobody has read yet: `climeri catalog build {family} ROOT "
        "--contents` reads them (or `add`), and `headers: contents` of its source each night"
    )


@dataclass(frozen=True)
class Contents:
    """What the streams of a catalog hold.

    Attributes
    ----------
    lists
        Mark to variables.
    native, variable
        The facets: what files call a variable, and what CMIP does.
    """

    lists: Mapping[str, VariableList]
    native: str
    variable: str

    @property
    def facets(self) -> tuple[str, ...]:
        """The facets that they say."""
        return tuple(dict.fromkeys((self.native, self.variable)))

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row for each variable of each list: ``contents`` and the facets."""
        rows = [
            (mark, *((native, name) if self.native != self.variable else (name,)))
            for mark, each in self.lists.items()
            for native, name in each.variables.items()
        ]
        names = dict.fromkeys(["contents", self.native, self.variable], pl.String)
        return pl.DataFrame(rows, schema=names, orient="row")

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """The CMIP names of each list, by its mark."""
        return {mark: sorted({*each.variables.values()}) for mark, each in self.lists.items()}

    def marks(self, facet: str, values: Collection[str]) -> list[str]:
        """Return the marks of the lists that have one of some variables."""
        wanted = {*values}
        return [mark for mark in self.lists if not wanted.isdisjoint(self._said(mark, facet))]

    def values(self, facet: str) -> set[str]:
        """Return all variables of streams, by one of their names."""
        return {name for mark in self.lists for name in self._said(mark, facet)}

    def _said(self, mark: str, facet: str) -> Collection[str]:
        its = self.lists[mark].variables
        return its.keys() if facet == self.native else its.values()

    def unread(self, family: Family) -> pl.Expr:
        """Return whether a row of `datasets` is a stream of which nobody knows what it holds."""
        known = pl.col("contents").is_in(list(self.lists)).fill_null(value=False)
        return of_many(family) & ~known

    def only(self, asked: Mapping[str, Collection[str]]) -> Contents:
        """Return the same with the variables alone that were asked for.

        Parameters
        ----------
        asked
            Facet to values; those that name no variable are passed over.
        """
        its = {facet: set(asked[facet]) for facet in self.facets if facet in asked}
        if not its:
            return self
        natives = its.get(self.native)
        names = its.get(self.variable) if self.variable != self.native else None
        lists = {}
        for mark, each in self.lists.items():
            found = {
                native: name
                for native, name in each.variables.items()
                if (natives is None or native in natives) and (names is None or name in names)
            }
            if found:
                lists[mark] = each.model_copy(update={"variables": found})
        return replace(self, lists=lists)

    def spread(self, rows: pl.LazyFrame, facets: Collection[str]) -> pl.LazyFrame:
        """Return rows with one for each variable of a stream, in the columns of some facets.

        Parameters
        ----------
        rows
            With ``contents`` and these facets, which are null for streams.
        facets
            Those that name the variable; others are left alone.
        """
        its = [each for each in self.facets if each in facets]
        if not its:
            return rows
        names = {each: f"_{each}" for each in its}
        table = self.table.select("contents", *its).unique().rename(names)
        joined = rows.join(table.lazy(), on="contents", how="left", maintain_order="left")
        held = [pl.coalesce(each, f"_{each}").alias(each) for each in its]
        return joined.with_columns(held).drop(*names.values())


def contents_of(snapshot: Snapshot, family: Family) -> Contents | None:
    """Return what the streams of a catalog hold; None if its files hold one variable each.

    Raises
    ------
    StoreDamaged
        If it cannot be read.
    """
    if not family.contents:
        return None
    place = str(snapshot.folder), _changed_at(snapshot.folder), family.family
    found = _KNOWN.get(place)
    if found is None:
        lists = stored_lists(snapshot, family.family)
        rows = snapshot.scan(family.family, "datasets")
        with snapshot.reading(family.family, "datasets"):
            found = _KNOWN[place] = _used(rows, family, lists)
        while len(_KNOWN) > _KEPT:
            with suppress(KeyError, RuntimeError):  # of another thread
                del _KNOWN[next(iter(_KNOWN))]
    return found


def _changed_at(folder: Path) -> int:
    """Return when a folder changed: a store that was made anew may repeat a name."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def contents_in(datasets: pl.LazyFrame, family: Family, text: str) -> Contents | None:
    """Return what the streams of a `datasets` table hold, by the text of `contents_text`."""
    return _used(datasets, family, read_lists(text)) if family.contents else None


def _used(datasets: pl.LazyFrame, family: Family, lists: Mapping[str, VariableList]) -> Contents:
    used = set(datasets.select(pl.col("contents").unique()).collect()["contents"])
    its = {mark: each for mark, each in lists.items() if mark in used}
    return Contents(its, family.name_in_files, family.variable)
