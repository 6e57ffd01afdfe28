"""One dataset that two archive families hold, such as CMIP5 and PMIP3: it is opened once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from climeri_platform.access.grouping import agree, unclear
from climeri_platform.access.periods import RETRACTED
from climeri_platform.catalog.tables import version_number
from climeri_platform.selection.reading import more_before

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access import DatasetFiles
    from climeri_platform.catalog.union import Located

__all__ = ["without_doubles"]

Found = list[tuple["Located", "DatasetFiles"]]
_NEEDED = ("variable", "model", "experiment", "member", "frequency")
# what published the same at another time, or under another heading
_MAY_DIFFER = ("version", "realm")


def without_doubles(found: Found) -> Found:
    """Return what is to be opened, each dataset once, though families call it differently.

    It is the same if all facets agree that both families have, and both have a version. The newest
    one that is not retracted is taken, of one version in two catalogs that which can be read, and
    then the first. What could be the same as two of another family is opened beside both.

    Parameters
    ----------
    found
        What is to be opened, and of which catalog.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for at, (_, each) in enumerate(found):
        said = tuple(each.facets.get(word, "") for word in _NEEDED)
        if all(said) and each.attributes.get("version"):
            alike.setdefault(said, []).append(at)
    kept = dict(enumerate(found))
    for places in alike.values():
        if len({found[at][0].family for at in places}) < 2:
            continue
        same = {
            at: [other for other in places if other != at and _are_one(found[at], found[other])]
            for at in places
        }
        for at in sorted(places, key=lambda at: _rank(found, at), reverse=True):
            if at in kept:
                _take(kept, found, at, same)
    return [kept[at] for at in sorted(kept)]


def _take(
    kept: dict[int, tuple[Located, DatasetFiles]],
    found: Found,
    at: int,
    same: Mapping[int, Sequence[int]],
) -> None:
    """Leave out what is the same as one that is taken, or say why it is not known to be."""
    part, its = kept[at]
    if _is_clear(found, at, same):
        for other in same[at]:
            if other in kept:
                kept[at] = part, _told(kept[at], found[other])
                del kept[other]
    elif len(same[at]) > 1:
        note = unclear("taken for one", [found[other][1].key for other in same[at]])
        kept[at] = part, replace(its, notes=(*its.notes, note))


def _is_clear(found: Found, at: int, same: Mapping[int, Sequence[int]]) -> bool:
    """Return whether it is known which are the same: of two grids of a family, one takes neither."""
    group = {at, *same[at]}
    families = {found[each][0].family for each in group}
    return len(families) == len(group) and all({each, *same[each]} == group for each in group)


def _rank(found: Found, at: int) -> tuple[bool, int, bool, int]:
    import polars as pl

    each = found[at][1]
    retracted = any(note.startswith(RETRACTED) for note in each.notes)
    number = pl.DataFrame({"version": each.attributes["version"]}).select(version_number()).item()
    return not retracted, number, each.refusal is None, -at


def _are_one(here: tuple[Located, DatasetFiles], there: tuple[Located, DatasetFiles]) -> bool:
    (one, its), (other, whose) = here, there
    if one.family == other.family:
        return False
    asked = "version" in one.view.asked or "version" in other.view.asked
    if asked and its.attributes["version"] != whose.attributes["version"]:
        return False
    return agree(its.facets, whose.facets, but=_MAY_DIFFER, needed=_NEEDED)


def _told(kept: tuple[Located, DatasetFiles], other: tuple[Located, DatasetFiles]) -> DatasetFiles:
    (part, its), (there, whose) = kept, other
    version, another = its.attributes["version"], whose.attributes["version"]
    where = f"{there.family} of {there.store}"
    if version == another:
        note = f"taken from {part.family} of {part.store}; {where} has the same dataset"
        return replace(its, notes=(*its.notes, note))
    note = f"{where} has {another} of the same dataset, which is not opened"
    spans = whose.spans
    older = (
        [(f"{another} of {where}", min(spans)[0], max(end for _, end in spans))] if spans else []
    )
    return replace(its, notes=(*its.notes, note, *more_before(version, its.spans, older)))
