"""The lists of variables of streams, which stand once beside the tables (`catalog.contents`)."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from climeri_platform.catalog.native import native_table
from climeri_platform.core.errors import StoreDamaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal

__all__ = [
    "CONTENTS_FILE",
    "VariableList",
    "contents_beside",
    "contents_text",
    "known_lists",
    "list_of",
    "read_lists",
    "stored_lists",
]

CONTENTS_FILE = "contents.json"


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
    """Return the lists to go on from.

    Where they are damaged, those of the snapshots before are: a mark means one list for ever. What
    only the damaged ones had is read anew.
    """
    if snapshot is None or not family.contents:
        return {}
    try:
        return stored_lists(snapshot, family.family)
    except StoreDamaged:
        found: dict[str, VariableList] = {}
        for path in snapshot.folder.parent.glob(f"*/{family.family}/{CONTENTS_FILE}"):
            with suppress(OSError, ValidationError):
                found |= read_lists(path.read_bytes())
        return found


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
    previous: Snapshot | None, family: Family, renewals: Sequence[Renewal] = ()
) -> dict[str, str]:
    """Return what to write beside a family's tables: name to text; nothing if it has no streams.

    Parameters
    ----------
    previous
        The snapshot to go on from.
    family
        The rules to publish.
    renewals
        Of roots of the family, with what was read since.
    """
    if not family.contents:
        return {}
    every = known_lists(previous, family)
    for each in renewals:
        every |= each.contents
    used = _used(previous, family, renewals)
    its = {mark: each for mark, each in every.items() if used is None or mark in used}
    return {CONTENTS_FILE: contents_text(its, family)}


def _used(
    previous: Snapshot | None, family: Family, renewals: Sequence[Renewal]
) -> set[str] | None:
    """Return the marks that rows have, those of the last table included; None if it cannot be read."""
    used = {mark for each in renewals for mark in each.fresh["contents"].unique()}
    if previous is None or family.family not in previous.families:
        return used
    try:
        files = previous.scan(family.family, "files")
        if "contents" in files.collect_schema():
            marks = files.select(pl.col("contents").unique())
            used |= {*previous.collect(marks, family.family, "files")["contents"]}
    except StoreDamaged:
        return None
    return used
