"""The new tables of families, made of the last ones and of what was renewed, part by part.

A part is all rows with some values of the leading facets: no dataset is in two of them, and one below
the other they are the whole table in its order. One is in memory at a time.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.carding import apply_cards, cards_for, cards_without, completed
from climeri_platform.catalog.facets import FACETS_TABLE
from climeri_platform.catalog.known import as_known
from climeri_platform.catalog.pieces import pieces, rows_at
from climeri_platform.catalog.reader import reader_mark
from climeri_platform.catalog.retraction import also_retracted, apply_retractions
from climeri_platform.catalog.tables import (
    REJECTED,
    aligned,
    datasets_of,
    facet_order,
    files_schema,
    mark_latest,
    sort_files,
)
from climeri_platform.catalog.variable_lists import contents_beside
from climeri_platform.core.errors import ClimeriError, StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from climeri_platform.catalog.carding import FoundCard
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Root, Snapshot
    from climeri_platform.catalog.renewal import Renewal

__all__ = ["FamilyTables", "assemble", "without_root"]

_PART = 200_000  # rows; one combination of the leading facets may have more
_LEADING = 6  # facets: enough to tell parts apart, and few to compare
# what becomes of a row of the last table
_GOES, _STAYS, _KEPT, _CARRIED = range(4)


@dataclass(frozen=True, slots=True)
class FamilyTables:
    """All rows of an archive family, from all its roots.

    Attributes
    ----------
    family
        Its rules.
    parts
        Its files, in order; no dataset is in two parts. It can be gone through more than once.
    rejected
        Its rejected files.
    beside
        Small files by name, and what is in them.
    same
        Whether it is row for row what the last snapshot holds, so that its files can be shared.
    """

    family: Family
    parts: Iterable[pl.DataFrame]
    rejected: pl.DataFrame
    beside: dict[str, str] = field(default_factory=dict)
    same: bool = False


class Parts:
    """The rows of a family's new table, part by part.

    Parameters
    ----------
    family
        Its rules as they are published.
    previous
        The snapshot whose table it goes on from; None if no row of that stays.
    renewals
        Of roots of the family.
    others
        The root ids of which all rows stay as they are.
    cards
        Root id to the cards of each renewed root.
    retracted
        What is retracted at every root, if there is a list.
    settled
        Whether rows of the last table need nothing but to be taken over.
    """

    def __init__(
        self,
        family: Family,
        previous: Snapshot | None,
        *,
        renewals: Sequence[Renewal] = (),
        others: Collection[str] = (),
        cards: Mapping[str, list[FoundCard]] | None = None,
        retracted: pl.DataFrame | None = None,
        settled: bool = False,
    ) -> None:
        self._family, self._snapshot = family, previous
        self._schema = files_schema(family)
        self._renewals, self._cards, self._retracted = renewals, cards or {}, retracted
        self._fresh = [aligned(each.fresh, self._schema) for each in renewals]
        self._settled = settled
        self._by = family.dataset[:_LEADING]
        self._table = pl.LazyFrame(schema=self._schema)
        if previous is not None:
            self._table = aligned(previous.scan(family.family, "files"), self._schema)
        with self._reading():
            self._becomes = self._fates(others)
            self._keys = self._combinations()

    @property
    def changed(self) -> bool:
        """Whether anything is not as it was."""
        return not self._settled or bool(self._keys["touched"].any())

    def check(self) -> None:
        """Read all rows that stay as they are, to know now that it can be done.

        Raises
        ------
        StoreDamaged
        """
        with self._reading():
            for _ in rows_at(self._table, (self._becomes == _STAYS).arg_true()):
                pass

    def __iter__(self) -> Iterator[pl.DataFrame]:
        with self._reading():
            places = self._parts_of(self._table)
        fresh = [self._parts_of(each.lazy()) for each in self._fresh]
        touched = self._keys.group_by("part").agg(pl.col("touched").any()).sort("part")
        for part, is_touched in touched.iter_rows():
            at = ((places == part) & (self._becomes != _GOES)).arg_true()
            with self._reading():
                rows = pl.concat([pl.DataFrame(schema=self._schema), *rows_at(self._table, at)])
            if is_touched or not self._settled:
                new = [
                    rows_of_root.filter(number == part)
                    for rows_of_root, number in zip(self._fresh, fresh, strict=True)
                ]
                rows = self._made(rows, self._becomes.gather(at), new)
            yield rows

    def _reading(self) -> AbstractContextManager[None]:
        if self._snapshot is None:
            return nullcontext()
        return self._snapshot.reading(self._family.family, "files")

    def _fates(self, others: Collection[str]) -> pl.Series:
        """Return what becomes of each row of the last table."""
        stays = self._table.select(pl.col("root").is_in(list(others)).alias("stays"))
        found = [piece["stays"].cast(pl.UInt8) * _STAYS for _, piece in pieces(stays)]
        becomes = pl.concat([pl.Series("stays", [], pl.UInt8), *found])
        for each in self._renewals:
            becomes.scatter(each.kept, _KEPT)
            becomes.scatter(each.carried, _CARRIED)
        return becomes

    def _combinations(self) -> pl.DataFrame:
        """Return each combination of the leading facets, in order, with its part."""
        found = []
        for first, piece in pieces(self._table.select(*self._by, "stale")):
            becomes = self._becomes.slice(first, piece.height)
            goes, carried = becomes == _GOES, becomes == _CARRIED
            touched = goes | (carried & piece["stale"].is_null())
            found.append(piece.select(self._by).with_columns(rows=~goes, touched=touched))
        for each in self._fresh:
            yes = pl.lit(value=True)
            found.append(each.select(self._by).with_columns(rows=yes, touched=yes))
        counts = [
            each.group_by(self._by).agg(pl.col("rows").sum(), pl.col("touched").any())
            for each in found
        ]
        empty = pl.DataFrame(schema=dict.fromkeys(self._by, pl.String)).with_columns(
            rows=pl.lit(0, pl.UInt32), touched=pl.lit(value=False)
        )
        keys = (
            pl.concat([empty.clear(), *counts])
            .group_by(self._by)
            .agg(pl.col("rows").sum(), pl.col("touched").any())
        )
        keys = keys.sort(facet_order(keys, self._family, self._by), nulls_last=True)
        begun = pl.col("rows").cum_sum() - pl.col("rows")
        return keys.with_columns(part=(begun // _PART).cast(pl.UInt32))

    def _parts_of(self, rows: pl.LazyFrame) -> pl.Series:
        """Return of which part each of some rows is."""
        part = self._keys.select(*self._by, "part")
        found = [
            piece.join(part, on=self._by, how="left", nulls_equal=True, maintain_order="left")[
                "part"
            ]
            for _, piece in pieces(rows.select(self._by))
        ]
        return pl.concat([part["part"].clear(), *found])

    def _made(
        self, rows: pl.DataFrame, becomes: pl.Series, fresh: list[pl.DataFrame]
    ) -> pl.DataFrame:
        """Return the rows of a part as they are published."""
        family = self._family
        tables = [rows.filter(becomes == _STAYS)]
        for renewal, new in zip(self._renewals, fresh, strict=True):
            here = rows["root"] == renewal.root.root_id
            kept = rows.filter(here & (becomes == _KEPT))
            seen = pl.concat([new, as_known(kept, family)])
            if renewal.listed is not None:
                seen = apply_retractions(seen, renewal.listed)
            carried = rows.filter(here & (becomes == _CARRIED))
            carried = carried.with_columns(pl.col("stale").fill_null(renewal.since))
            of_root = pl.concat([seen, carried])
            if family.cards:
                of_root = apply_cards(of_root, family, self._cards[renewal.root.root_id])
            tables.append(of_root)
        made = completed(pl.concat(tables), family)
        if self._retracted is not None:
            made = also_retracted(made, self._retracted)
        return sort_files(mark_latest(made), family)


def assemble(
    previous: Snapshot | None,
    renewals: Sequence[Renewal],
    retracted: Mapping[str, pl.DataFrame] | None = None,
    lost: Callable[[str, StoreDamaged], None] | None = None,
) -> tuple[list[FamilyTables], list[Root]]:
    """Return the tables of the families that were renewed, and every root of the store after it.

    Rows of roots that were not renewed stay.

    Parameters
    ----------
    previous
        The snapshot to go on from.
    renewals
        One for each root and family at most, made with that snapshot.
    retracted
        Family to what its lists of retracted datasets name: it is retracted at every root.
    lost
        Is called with each family of which rows of another root, which have to stay, cannot be
        read. It stays as it is. Without it that is an error.

    Raises
    ------
    StoreDamaged
    """
    listed = retracted or {}
    tables: list[FamilyTables] = []
    renewed: list[Root] = []
    for name in dict.fromkeys(each.root.family for each in renewals):
        these = [_marked(each, listed.get(name)) for each in renewals if each.root.family == name]
        try:
            tables.append(_tables(previous, these, listed.get(name)))
        except StoreDamaged as problem:
            if lost is None:
                raise
            lost(name, problem)
        else:
            renewed += [each.root for each in these]
    made = {each.family.family for each in tables}
    roots = {
        (each.family, each.root_id): _used(each, listed.get(each.family))
        if each.family in made
        else each
        for each in _roots(previous)
    }
    roots |= {(each.family, each.root_id): each for each in renewed}
    return tables, [roots[key] for key in sorted(roots)]


def _roots(previous: Snapshot | None) -> list[Root]:
    return previous.card.roots if previous is not None else []


def _marked(renewal: Renewal, listed: pl.DataFrame | None) -> Renewal:
    """Return it with marks of the lists of retracted datasets that are used for it."""
    marks = {"retractions": _mark(renewal.listed, listed), "also_retracted": _mark(listed)}
    return replace(renewal, root=renewal.root.model_copy(update=marks))


def _used(root: Root, listed: pl.DataFrame | None) -> Root:
    """Return a root that was not renewed, with a mark of what is retracted at every root."""
    if listed is None:
        return root
    return root.model_copy(update={"also_retracted": _mark(listed)})


def _mark(*lists: pl.DataFrame | None) -> str:
    texts = [each.unique().sort(each.columns).write_csv() for each in lists if each is not None]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16] if texts else ""


def _tables(
    previous: Snapshot | None,
    renewals: Sequence[Renewal],
    retracted: pl.DataFrame | None,
) -> FamilyTables:
    rules, cards, beside = cards_for(renewals, previous)
    beside |= contents_beside(previous, rules, renewals)
    rejected = [each.rejected for each in renewals]
    others = {each.root_id for each in _roots(previous) if each.family == rules.family}
    others -= {each.root.root_id for each in renewals}
    # only if it is needed: a damaged table is mended by building its one root again
    needed = others or any(len(each.kept) or len(each.carried) for each in renewals)
    last = previous if needed else None
    if last is not None and others:
        stay = pl.col("root").is_in(list(others))
        rejected.insert(0, aligned(last.read(rules.family, "rejected", stay), REJECTED))
    refused = pl.concat(rejected).sort("root", "path")
    settled = _settled(last, rules, renewals, beside, retracted)
    parts = Parts(
        rules,
        last,
        renewals=renewals,
        others=others,
        cards=cards,
        retracted=retracted,
        settled=settled,
    )
    if others:
        parts.check()
    same = not parts.changed and _same_beside(last, rules, refused)
    return FamilyTables(rules, parts, refused, beside, same)


def _settled(
    previous: Snapshot | None,
    rules: Family,
    renewals: Sequence[Renewal],
    beside: Mapping[str, str],
    retracted: pl.DataFrame | None,
) -> bool:
    """Tell whether a row of the last table that nobody changed would be made as it is there."""
    if previous is None:
        return False
    name = rules.family
    roots = {each.root_id: each for each in previous.card.roots if each.family == name}
    now = {key: _used(each, retracted) for key, each in roots.items()}
    now |= {each.root.root_id: each.root for each in renewals}
    alike = roots.keys() == now.keys() and all(
        (last.retractions, last.also_retracted) == (now[key].retractions, now[key].also_retracted)
        for key, last in roots.items()
    )
    # what last read the names of a root made the whole table
    if not alike or {each.read_by for each in roots.values()} != {reader_mark()}:
        return False
    try:
        return (
            previous.rules(name) == rules
            and previous.scan(name, "files").collect_schema() == files_schema(rules)
            and all(
                (previous.folder / name / small).read_text(encoding="utf-8") == text
                for small, text in beside.items()
            )
        )
    except (ClimeriError, OSError, UnicodeDecodeError):
        return False  # what is damaged is written again


def _same_beside(previous: Snapshot | None, rules: Family, rejected: pl.DataFrame) -> bool:
    """Tell whether the tables beside the files are as they would be written."""
    assert previous is not None
    name = rules.family
    empty = pl.DataFrame(schema=files_schema(rules))
    try:
        return (
            previous.read(name, "rejected").equals(rejected)
            and previous.scan(name, "datasets").collect_schema() == datasets_of(empty, rules).schema
            and (previous.folder / name / FACETS_TABLE).exists()
        )
    except ClimeriError:
        return False


def without_root(
    previous: Snapshot, root_id: str
) -> tuple[list[FamilyTables], list[Root], set[str]]:
    """Return what is left without a root: tables, roots, and the families that end with it.

    Raises
    ------
    StoreDamaged
        If the rows of another root, which have to stay, cannot be read.
    """
    roots = [each for each in previous.card.roots if each.root_id != root_id]
    tables = []
    ends = set()
    for name in {each.family for each in previous.card.roots if each.root_id == root_id}:
        others = [each.root_id for each in roots if each.family == name]
        if not others:
            ends.add(name)
            continue
        family = previous.rules(name)
        refused = aligned(previous.read(name, "rejected", pl.col("root") != root_id), REJECTED)
        beside = cards_without(previous, family, root_id)
        beside |= contents_beside(previous, family)
        parts = Parts(family, previous, others=others)
        parts.check()
        tables.append(FamilyTables(family, parts, refused.sort("root", "path"), beside))
    return tables, roots, ends
