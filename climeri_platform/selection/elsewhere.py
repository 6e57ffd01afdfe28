"""What other stores have of the same datasets: told, and opened where the first cannot be read.

Nothing is mixed: a version of a dataset is of one store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from climeri_platform.access.periods import HOLE, not_covered
from climeri_platform.catalog.pairing import of_keys
from climeri_platform.core.errors import NotHere, OnTape, StoreError
from climeri_platform.selection.reading import more_before

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from climeri_platform.access import DatasetFiles
    from climeri_platform.catalog.union import Located
    from climeri_platform.selection.opening import FilesOf

__all__ = ["readable", "told_of_others"]

Found = list[tuple["Located", "DatasetFiles"]]
_COLUMNS = ("dataset", "version", "root", "start", "end", "frequency")


@dataclass(slots=True)
class _Replica:
    """One version of a dataset in one store."""

    store: str
    version: str | None
    roots: dict[str, None]
    spans: list[tuple[int, int]]
    retracted: bool = False


def readable(every: Sequence[Located], found: Found, files_of: FilesOf) -> Found:
    """Return what is to be opened, from another store where the first has it elsewhere or on tape.

    Of what is on tape in part, another store is taken only if it has as many files on disk, and
    all years that the first can read.

    Parameters
    ----------
    every
        All catalogs that were asked.
    found
        What is to be opened, and from which of them.
    files_of
        Returns the files of a view.
    """
    taken = list(found)
    for part in every:
        at = {
            (each.attributes["dataset"], each.attributes.get("version")): n
            for n, (its, each) in enumerate(taken)
            if (its.family, part.emptied) == (part.family, "")
            and its.store != part.store
            and (each.offline or isinstance(each.refusal, NotHere | OnTape))
        }
        if not at:
            continue
        try:
            offered = files_of(of_keys(part.view, (key for key, _ in at), "that are not here"))
        except StoreError:  # it is told where it is asked for its own
            continue
        for each in offered:
            n = at.get((each.attributes["dataset"], each.attributes.get("version")))
            if n is None or each.refusal is not None:
                continue
            where, other = taken[n]
            lost = not_covered(other.spans, each.spans) if other.spans else []
            if not lost and len(each.paths) >= len(other.paths) + len(other.offline):
                note = f"the catalog of {where.store} has no whole replica that can be read now"
                taken[n] = part, replace(each, key=other.key, notes=(note, *each.notes))
    return taken


def told_of_others(every: Sequence[Located], found: Found) -> Found:
    """Return what is to be opened, each with a note of the other stores that have it too.

    Parameters
    ----------
    every
        All catalogs that were asked.
    found
        What is opened, and from which of them.
    """
    told: Found = []
    for family in dict.fromkeys(part.family for part, _ in found):
        asked = [part for part in every if part.family == family and not part.emptied]
        its = [(part, each) for part, each in found if part.family == family]
        held = _held(asked, [each.attributes["dataset"] for _, each in its])
        told += [
            (part, replace(each, notes=(*each.notes, *_notes(part, each, held))))
            for part, each in its
        ]
    return told


def _held(parts: Sequence[Located], keys: Iterable[str]) -> dict[str, list[_Replica]]:
    """Return what each of several stores has of some datasets."""
    held: dict[str, list[_Replica]] = {}
    if len(parts) < 2:
        return held
    for part in parts:
        try:
            view = of_keys(part.view, keys, "that are opened")
            there = view.file_rows.collect_schema()
            names = [name for name in (*_COLUMNS, "retracted") if name in there]
            rows = view.files(*names)
        except StoreError:  # it is told where it is asked for its own
            continue
        mine: dict[tuple[str, str | None], _Replica] = {}
        for row in rows.iter_rows(named=True):
            name = row["dataset"], row["version"]
            if name not in mine:
                mine[name] = _Replica(part.store, row["version"], {}, [])
                held.setdefault(row["dataset"], []).append(mine[name])
            mine[name].roots[row["root"]] = None
            mine[name].retracted |= bool(row.get("retracted"))
            # a climatology names the years that went into it, not those that it holds
            if row["start"] and row["end"] and row.get("frequency") != "monClim":
                mine[name].spans.append((row["start"], row["end"]))
    return held


def _notes(part: Located, each: DatasetFiles, held: dict[str, list[_Replica]]) -> list[str]:
    replicas = held.get(each.attributes["dataset"], [])
    version = each.attributes.get("version")
    own = [its for its in replicas if (its.store, its.version) == (part.store, version)]
    others = [its for its in replicas if its.store != part.store]
    same = [its for its in others if its.version == version]
    if not own:
        return []
    notes = []
    if same:
        said = ", ".join(f"{its.store} ({', '.join(its.roots)})" for its in same)
        notes.append(f"taken from the catalog of {part.store}; also in that of {said}")
    for its in same:
        if missing := not_covered(its.spans, own[0].spans):
            years = ", ".join(f"{start // 10**6} to {end // 10**6}" for start, end in missing)
            notes.append(f"{HOLE}: {its.store} also has {years}, which {part.store} has not")
    if "version" in part.view.asked:
        return notes
    older = [
        (f"{its.version} of {its.store}", min(its.spans)[0], max(end for _, end in its.spans))
        for its in others
        if its.version != version and its.spans and not its.retracted
    ]
    return [*notes, *more_before(version, own[0].spans, older)]
