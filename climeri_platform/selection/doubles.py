"""One dataset that two archive families hold, such as CMIP5 and PMIP3: it is opened once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from climeri_platform.access.grouping import agree
from climeri_platform.access.periods import RETRACTED
from climeri_platform.selection.reading import more_before

if TYPE_CHECKING:
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
    then the first.

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
        for at in sorted(places, key=lambda at: _rank(found, at), reverse=True):
            rivals = [other for other in places if other in kept and other != at]
            for other in rivals if at in kept else []:
                if _are_one(found[at], found[other]):
                    kept[at] = kept[at][0], _told(kept[at], found[other])
                    del kept[other]
    return [kept[at] for at in sorted(kept)]


def _rank(found: Found, at: int) -> tuple[bool, int, bool, int]:
    each = found[at][1]
    retracted = any(note.startswith(RETRACTED) for note in each.notes)
    number = int(re.sub(r"\D", "", each.attributes["version"]) or 0)
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
