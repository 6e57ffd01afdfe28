"""What streams hold: files of many variables, whose names say none of them.

Runs of one configuration write the same lists of variables, thousands of times. A row has the mark
of its list only, and the lists stand beside the tables, in ``contents.json``, each once: a search
for a variable asks which lists have it, and then for rows with their marks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from climeri_platform.catalog.native import native_table
from climeri_platform.core.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot

__all__ = [
    "CONTENTS_FILE",
    "Contents",
    "VariableList",
    "contents_beside",
    "contents_in",
    "contents_of",
    "contents_text",
    "known_lists",
    "list_of",
    "of_many",
    "read_lists",
    "stored_lists",
    "unread_text",
]

CONTENTS_FILE = "contents.json"
_KNOWN: dict[tuple[str, str], Contents] = {}


class VariableList(BaseModel):
    """The variables of a stream.

    Attributes
    ----------
    within
        The component, where that says what a native name means; "" elsewhere.
    frequency
        Of the files: some names mean another variable in daily ones.
    variables
        Native name to CMIP's.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    within: str = ""
    frequency: str = ""
    variables: dict[str, str]


_LISTS = TypeAdapter(dict[str, VariableList])


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
        "--contents` reads them, or `headers: contents` of its source at night"
    )


def list_of(
    names: Iterable[str], facets: Mapping[str, Any], family: Family
) -> tuple[str, VariableList]:
    """Return the mark of a list of variables, and the list.

    Parameters
    ----------
    names
        As files call them.
    facets
        Of the files: they say what a native name means.
    family
        Its rules.

    Returns
    -------
    mark
        Of 12 letters and digits; the same names mean the same with the same facets.
    VariableList
    """
    rule = family.derived.get(family.variable)
    within = str((facets.get(rule.within) if rule and rule.within else "") or "")
    frequency = str(facets.get("frequency") or "")
    its = sorted(set(names))
    text = json.dumps([within, frequency, its])
    mark = blake2b(text.encode(), digest_size=6).hexdigest()
    return mark, VariableList(
        within=within, frequency=frequency, variables=_translated(its, within, frequency, family)
    )


def _translated(
    names: Iterable[str], within: str, frequency: str, family: Family
) -> dict[str, str]:
    """Return native names with CMIP's, as opening translates them."""
    rule = family.derived.get(family.variable)
    if rule is None or rule.variables is None:
        return {each: each for each in names}
    rows = native_table(rule.variables).rows(within)
    found = {}
    for each in names:
        row = rows.get(each)
        means = row is not None and (not row.frequencies or frequency in row.frequencies)
        found[each] = row.variable if row is not None and means else each
    return found


def stored_lists(snapshot: Snapshot | None, family: str) -> dict[str, VariableList]:
    """Return the lists that a snapshot keeps of a family, by their marks.

    Raises
    ------
    StoreDamaged
        If they cannot be read.
    """
    if snapshot is None:
        return {}
    path = snapshot.folder / family / CONTENTS_FILE
    try:
        return read_lists(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as problem:
        raise StoreDamaged(
            f"the contents of streams {path} cannot be read: {str(problem).splitlines()[0]}",
            hint=f"Rebuild it: climeri catalog build {family} ROOT --store {snapshot.store} --contents",
        ) from problem


def known_lists(snapshot: Snapshot | None, family: Family) -> dict[str, VariableList]:
    """Return the lists to go on from: none of damaged ones, which are read anew."""
    try:
        return stored_lists(snapshot, family.family) if family.contents else {}
    except StoreDamaged:
        return {}


def read_lists(text: str | bytes) -> dict[str, VariableList]:
    """Return the lists of a text, by their marks; the reverse of `contents_text`."""
    return _LISTS.validate_json(text)


def contents_text(lists: Mapping[str, VariableList], family: Family) -> str:
    """Return what to write beside the tables, by the table of names as it is now."""
    now = {
        mark: each.model_copy(
            update={"variables": _translated(each.variables, each.within, each.frequency, family)}
        )
        for mark, each in sorted(lists.items())
    }
    return json.dumps({mark: each.model_dump() for mark, each in now.items()})


def contents_beside(
    previous: Snapshot | None, family: Family, *lists: Mapping[str, VariableList]
) -> dict[str, str]:
    """Return what to write beside a family's tables: name to text; nothing if it has no streams.

    Parameters
    ----------
    previous
        The snapshot to go on from.
    family
        The rules to publish.
    *lists
        What was read since, by marks.
    """
    if not family.contents:
        return {}
    every = known_lists(previous, family)
    for each in lists:
        every |= each
    return {CONTENTS_FILE: contents_text(every, family)}


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

    def marks(self, facet: str, values: Collection[str]) -> list[str]:
        """Return the marks of the lists that have one of some variables."""
        return self.table.filter(pl.col(facet).is_in(list(values)))["contents"].unique().to_list()

    def values(self, facet: str) -> set[str]:
        """Return all variables of streams, by one of their names."""
        return set(self.table[facet])

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
    place = str(snapshot.folder), family.family
    if place not in _KNOWN:
        lists = stored_lists(snapshot, family.family)
        rows = snapshot.scan(family.family, "datasets")
        with snapshot.reading(family.family, "datasets"):
            _KNOWN[place] = _used(rows, family, lists)
    return _KNOWN[place]


def contents_in(datasets: pl.LazyFrame, family: Family, text: str) -> Contents | None:
    """Return what the streams of a `datasets` table hold, by the text of `contents_text`."""
    return _used(datasets, family, read_lists(text)) if family.contents else None


def _used(datasets: pl.LazyFrame, family: Family, lists: Mapping[str, VariableList]) -> Contents:
    used = set(datasets.select(pl.col("contents").unique()).collect()["contents"])
    its = {mark: each for mark, each in lists.items() if mark in used}
    return Contents(its, family.name_in_files, family.variable)
