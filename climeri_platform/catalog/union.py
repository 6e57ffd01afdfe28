"""Several catalogs asked together, by the names that all families share.

A catalog that lacks a facet or a value is emptied, and says so; only what none of them has is an
error. A dataset that two stores hold (same family, key and version) counts once, in the store that
comes first; of two versions in two stores only the newest does, unless versions were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.asking import items_of, pattern_of, show, values_of
from climeri_platform.catalog.explain import translate_value
from climeri_platform.catalog.facets import facet_values, missing_values
from climeri_platform.catalog.narrowing import ROW, Narrowing
from climeri_platform.catalog.newest import newest_of_all, retracted_in_any
from climeri_platform.catalog.vocabulary import COMMON, in_order
from climeri_platform.core.errors import UnknownFacet, UnknownValue, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from climeri_platform.catalog.asking import Item
    from climeri_platform.catalog.search import CatalogView

__all__ = [
    "Located",
    "check_facets",
    "count_datasets",
    "count_values",
    "datasets_table",
    "narrow_all",
    "told_of_each_other",
    "without_replicas",
]

_KEY = ("dataset", "version")
_ALL = "all"  # of version


@dataclass(frozen=True, eq=False)
class Located:
    """One catalog of one store, as far as it was narrowed.

    Attributes
    ----------
    store
        The label of the store.
    view
        Its datasets.
    emptied
        Why it has none, if it lacks a facet or a value that was asked for.
    unread
        What a search for variables could not know of it; "" if nothing.
    """

    store: str
    view: CatalogView
    emptied: str = ""
    unread: str = ""

    @property
    def family(self) -> str:
        """The archive family."""
        return self.view.family.family

    def empty(self, reason: str) -> Located:
        """Return it without any dataset."""
        nothing = Narrowing(reason, where=pl.lit(value=False))
        return replace(self, view=self.view.narrow(nothing), emptied=self.emptied or reason)


def told_of_each_other(parts: Sequence[Located]) -> list[Located]:
    """Return whole catalogs, each with what the same catalog of another store knows of versions."""
    found = list(parts)
    for family in dict.fromkeys(part.family for part in parts):
        places = [n for n, part in enumerate(found) if part.family == family]
        views = retracted_in_any([found[n].view for n in places])
        for n, view in zip(places, views, strict=True):
            found[n] = replace(found[n], view=view)
    return found


def _holders(parts: Sequence[Located]) -> Iterator[list[Located]]:
    """Yield the catalogs of each family, those of the first store first, with the newest of all."""
    ranked = sorted(parts, key=lambda each: each.family)  # stable: the order of stores stays
    for _, its in groupby(ranked, key=lambda each: each.family):
        found = list(its)
        some = [n for n, each in enumerate(found) if not each.emptied]
        newest = newest_of_all([found[n].view for n in some])
        for n, view in zip(some, newest, strict=True):
            found[n] = replace(found[n], view=view)
        yield found


def narrow_all(
    parts: Sequence[Located],
    facets: Mapping[str, Item | Iterable[Item]],
    *,
    period: str | None = None,
    covers: str | None = None,
    require_all_on: Sequence[str] | None = None,
) -> list[Located]:
    """Narrow several catalogs alike.

    Parameters
    ----------
    parts
        The catalogs.
    facets
        As `CatalogView.search` takes them.
    period, covers, require_all_on
        The same.

    Returns
    -------
    list of Located
        In their order; those that lack what was asked for are empty and say why.

    Raises
    ------
    UnknownFacet, UnknownValue
        If no catalog at all has a facet or one of the values; the nearest are named.
    """
    asked = {name: items_of(name, given) for name, given in facets.items()}
    known = {name: _known(parts, name, items) for name, items in asked.items()}
    groups = list(require_all_on or ())
    check_facets(parts, [*asked, *groups])
    found = []
    for at, part in enumerate(parts):
        if part.emptied:
            found.append(part)
            continue
        lacking = [name for name in [*asked, *groups] if name not in part.view.family.names]
        its = {name: known[name][at] for name in asked}
        unmet = [name for name, items in its.items() if not items]
        if groups:  # all of the values are wanted together
            unmet = [name for name, items in its.items() if len(items) < len(asked[name])]
        if lacking or unmet:
            said = [f"it has no facet {name}" for name in lacking]
            said += [
                f"it has no {name}={','.join(map(show, asked[name]))}"
                for name in unmet
                if name not in lacking
            ]
            unread = _unread(part, unmet)
            said += [unread] if unread else []
            found.append(replace(part.empty("; ".join(said)), unread=unread))
            continue
        view = part.view.search(period=period, covers=covers, require_all_on=groups or None, **its)
        found.append(replace(part, view=view, unread=_unread(replace(part, view=view), asked)))
    return found


def _unread(part: Located, asked: Iterable[str]) -> str:
    """Return what nobody has read of it yet, if variables are asked for."""
    family = part.view.family
    held = {family.names.get(name) for name in asked} & {*family.held}
    return part.view.said_of_unread() if held else part.unread


def _known(parts: Sequence[Located], name: str, items: tuple[Item, ...]) -> list[list[Item]]:
    """Return for each catalog which of the items stand for a value that it has at all.

    Raises
    ------
    UnknownValue
        If one of them stands for none in any catalog.
    """
    each = [_known_to(part, name, items) for part in parts]
    holders = [part for part in parts if name in part.view.family.names]
    missing = [item for item in items if not any(item in known for known in each)]
    if missing and holders:
        raise _unknown_value(holders, name, missing)
    return each


def _known_to(part: Located, name: str, items: tuple[Item, ...]) -> list[Item]:
    family, snapshot = part.view.family, part.view.snapshot
    facet = family.names.get(name)
    if facet is None:
        return []
    if facet == "version" and items == (_ALL,):
        return list(items)
    words = [each for each in items if isinstance(each, str)]
    absent = missing_values(snapshot, family.family, facet, words) if words else []

    def stands(each: Item) -> bool:
        if isinstance(each, str) and each not in absent:
            return True
        if pattern_of(each) is None:
            return False
        return bool(values_of(each, facet_values(snapshot, family.family, facet)))

    return [each for each in items if stands(each)]


def check_facets(parts: Sequence[Located], names: Iterable[str]) -> None:
    """Refuse facets that no catalog has.

    Raises
    ------
    UnknownFacet
        If there is one; the nearest are named.
    """
    for name in names:
        if not any(name in part.view.family.names for part in parts):
            raise _unknown_facet(parts, name)


def _unknown_facet(parts: Sequence[Located], name: str) -> UnknownFacet:
    names = [*COMMON, *(each for part in parts for each in part.view.family.names)]
    like = nearest(name, names)
    has = ", ".join(COMMON)
    return UnknownFacet(
        f"no catalog has a facet {name!r}",
        hint=f"Did you mean {' or '.join(like)}?" if like else f"All have some of: {has}.",
    )


def _unknown_value(holders: Sequence[Located], name: str, missing: list[Item]) -> UnknownValue:
    known: dict[str, None] = {}
    for part in holders:
        facet = part.view.family.names[name]
        known |= dict.fromkeys(facet_values(part.view.snapshot, part.family, facet))
    words = [each for each in missing if isinstance(each, str) and pattern_of(each) is None]
    like = [found for each in words for found in nearest(each, known)]
    meant = [found for each in words for found in translate_value(each, known)]
    said = ", ".join(repr(show(each)) for each in missing)
    unread = [f"; but {its}" for part in holders if (its := _unread(part, [name]))]
    hint = f"They have: {', '.join(list(known)[:6])}."
    if likely := list(dict.fromkeys([*meant, *like]))[:6]:
        hint = f"Did you mean {' or '.join(likely)}?"
    looked = ", ".join(dict.fromkeys(part.family for part in holders))
    return UnknownValue(f"no dataset of {looked} has {name}={said}{''.join(unread)}", hint=hint)


def _read(part: Located, rows: pl.LazyFrame) -> pl.DataFrame:
    return part.view.snapshot.collect(rows, part.family, "datasets")


def count_datasets(parts: Sequence[Located]) -> dict[str, int]:
    """Return how many datasets each family has, over all stores, each counted once."""
    counts: dict[str, int] = {}
    for part in without_replicas(parts):
        held = 0 if part.emptied else len(part.view)
        counts[part.family] = counts.get(part.family, 0) + held
    return counts


def count_values(parts: Sequence[Located], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the values of facets and how many datasets have them, over all catalogs.

    Parameters
    ----------
    parts
        The catalogs.
    names
        Facets, by any name; a catalog that has none of that name has no value of it.
    """
    sums: dict[str, dict[str, int]] = {name: {} for name in names}
    for part in without_replicas(parts):
        facets = part.view.family.names
        asked = {name: facets[name] for name in names if name in facets and not part.emptied}
        counts = part.view.facets(*dict.fromkeys(asked.values())) if asked else {}
        for name, facet in asked.items():
            for value, count in counts.get(facet, {}).items():
                sums[name][value] = sums[name].get(value, 0) + count
    return {
        name: dict(sorted(values.items(), key=lambda each: in_order(each[0])))
        for name, values in sums.items()
        if values
    }


def datasets_table(parts: Sequence[Located]) -> pl.DataFrame:
    """Return one row for each version of each dataset, by the common names, and where it is from.

    Returns
    -------
    polars.DataFrame
        The common facets (null where a family has none; of a stream of many variables ``variable``
        are those asked for, with blanks between), ``start``, ``end``, ``dataset``,
        ``version``, ``files``, ``size``, ``format``, ``card`` (``carded`` or ``uncarded``, null
        where a family has no cards), ``embargo`` (the day until which its card says that it is not
        public, YYYY-MM-DD), ``catalog``, ``store``, ``root``, and ``replicas``: where else it is,
        as ``store:root``.
    """
    schema: dict[str, Any] = dict.fromkeys(COMMON, pl.String)
    schema |= dict.fromkeys(("start", "end"), pl.Int64) | dict.fromkeys(_KEY, pl.String)
    schema |= {"files": pl.Int64, "size": pl.Int64}
    schema |= dict.fromkeys(("format", "card", "embargo"), pl.String)
    schema |= dict.fromkeys(("catalog", "store", "root"), pl.String)
    schema["replicas"] = pl.List(pl.String)
    tables = [pl.DataFrame(schema=schema)]
    for its in _holders(parts):
        frames = [_table_of(part).select(list(schema)[:-1]) for part in its if not part.emptied]
        if not frames:
            continue
        place = pl.concat_str("store", pl.lit(":"), "root")
        rows = pl.concat(frames).group_by(_KEY, maintain_order=True)
        first = [pl.col(name).first() for name in schema if name not in (*_KEY, "replicas")]
        tables.append(rows.agg(*first, place.slice(1).alias("replicas")).select(list(schema)))
    return pl.concat(tables)


def _table_of(part: Located) -> pl.DataFrame:
    shared = part.view.family.shared
    common = [
        (pl.lit(None, pl.String) if facet is None else _shown(part.view, facet)).alias(f"#{name}")
        for name, facet in shared.items()
    ]
    rows = part.view.rows.with_columns(common)
    if "format" not in part.view.snapshot.scan(part.family, "datasets").collect_schema():
        rows = rows.with_columns(format=pl.lit("netcdf"))  # stores of older releases
    rows = rows.select(
        *(pl.col(f"#{name}").alias(name) for name in shared),
        *("start", "end", *_KEY, "files", "size", "format", "root"),
        pl.col("card") if part.view.family.cards else pl.lit(None, pl.String).alias("card"),
        pl.lit(part.family).alias("catalog"),
        pl.lit(part.store).alias("store"),
    )
    table = _read(part, rows)
    until = {}
    if part.view.family.cards:
        from climeri_platform.catalog.embargo import embargoes

        until = embargoes(part.view)
    if not until:
        return table.with_columns(embargo=pl.lit(None, pl.String))
    days = pl.DataFrame(
        [(*row, day.isoformat()) for row, day in until.items()],
        schema=dict.fromkeys((*ROW, "embargo"), pl.String),
        orient="row",
    )
    return table.join(days, on=ROW, how="left", nulls_equal=True, maintain_order="left")


def _shown(view: CatalogView, facet: str) -> pl.Expr:
    """Return a facet of a row, and of a stream the variables asked for: all would be hundreds."""
    if facet != view.family.variable or not {*view.asked} & {*view.family.held}:
        return pl.col(facet)
    names = view.contents.names if view.contents is not None else {}
    texts = {mark: " ".join(its) for mark, its in names.items()}
    held = pl.col("contents").replace_strict(texts, default=None, return_dtype=pl.String)
    return pl.coalesce(facet, held)


def without_replicas(parts: Sequence[Located]) -> list[Located]:
    """Return the catalogs, each without what an earlier store holds, or another has newer."""
    found = []
    for its in _holders(parts):
        for at, part in enumerate(its):
            earlier = [each for each in its[:at] if not each.emptied]
            doubles = None if part.emptied or not earlier else _doubles(part, earlier)
            if doubles is None or not doubles.height:
                found.append(part)
                continue
            once = Narrowing("that no earlier store has", without=doubles)
            found.append(replace(part, view=part.view.narrow(once)))
    return found


def _doubles(part: Located, earlier: list[Located]) -> pl.DataFrame:
    """Return the keys of a catalog that earlier ones have: of those, large, only what may be."""
    keys = _read(part, part.view.rows.select(_KEY)).unique()
    may_be = pl.col("dataset").is_in(keys["dataset"].unique().implode())
    there = [_read(each, each.view.rows.filter(may_be).select(_KEY)) for each in earlier]
    return keys.join(pl.concat(there), on=_KEY, how="semi", nulls_equal=True)
