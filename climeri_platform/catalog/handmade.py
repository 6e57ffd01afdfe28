"""Catalogs of runs that researchers keep by hand, as JSON: each run becomes rows and a card.

The form is that of IPSL: a mapping of runs beside a few lines on the whole, each with ``JobName``,
``TagName``, ``SpaceName``, ``ExperimentName`` and more. They name runs, not folders: those are looked
for below the roots that the caller gives.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from climeri_platform.catalog.build import build_catalog, default_root_id
from climeri_platform.catalog.cards import SimulationCard
from climeri_platform.catalog.igcm import calendar_of
from climeri_platform.catalog.own import own_store
from climeri_platform.catalog.walk import Skipped, readable, walk
from climeri_platform.core.errors import RootUnusable, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from climeri_platform.catalog.build import BuildReport

__all__ = ["ImportedRun", "card_of", "import_runs"]

_LEVELS = ("TagName", "SpaceName", "ExperimentName", "JobName")
_TAKEN = {
    *_LEVELS,
    *(
        "ShortName",
        "LongName",
        "ModelName",
        "CalendarShift",
        "Calendar_shift",
        "YearBegin",
        "YearEnd",
    ),
    *("TGCC_User", "TGCC_Group", "CalendarType", "ATM", "OCE", "Period"),
}
_BP = 1950  # "before present" counts from there


@dataclass(slots=True)
class ImportedRun:
    """What became of one run of the list.

    Attributes
    ----------
    name
        Its name there.
    folder
        Where it was found; "" if it was not.
    files
        How many data files it has; the reports of the builds say which follow the rules.
    problem
        Why it was not, or not all of it; "" if nothing is wrong.
    left
        The fields that a card has no place for.
    """

    name: str
    folder: str = ""
    files: int = 0
    problem: str = ""
    left: list[str] = field(default_factory=list)


def card_of(name: str, entry: Mapping[str, Any], whole: Mapping[str, Any]) -> SimulationCard:
    """Return the card of one run.

    Parameters
    ----------
    name
        Its name in the list.
    entry
        What the list says of it.
    whole
        What the file says of all of them: ``Author``, ``mailto``, ``Institution``.

    Raises
    ------
    UsageError
        If a value cannot be used.
    """

    def text(*names: str, of: Mapping[str, Any] = entry) -> str | None:
        said = (of.get(each) for each in names)
        return next((str(each) for each in said if each not in (None, "")), None)

    mail = text("mailto", of=whole)
    contact = " ".join(filter(None, [text("Author", of=whole), f"<{mail}>" if mail else ""]))
    grids = [f"{part} {entry[part]}" for part in ("ATM", "OCE") if entry.get(part)]
    years = [text("YearBegin"), text("YearEnd")]
    said = [f"years {years[0] or '?'} to {years[1] or '?'}" if any(years) else None]
    said += [text("ShortName"), text("Period")]
    try:
        fields = {
            "simulation": text("JobName") or name,
            "title": text("LongName", "ShortName", "JobName") or name,
            "contact": contact or None,
            "institution": text("Institution", of=whole),
            "model": text("ModelName"),
            "resolution": ", ".join(grids) or None,
            "experiment": text("ExperimentName"),
            "calendar": calendar_of(text("CalendarType") or "") or None,
            "calendar_shift": _shift(_shifts(entry)),
            "description": "; ".join(filter(None, said)) or None,
        }
        return SimulationCard.model_validate(fields)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{place}: {first['msg']}") from problem


def _shifts(entry: Mapping[str, Any]) -> Any:
    """Return what an entry says of its calendar's shift, in the older spelling too."""
    value = entry.get("CalendarShift", entry.get("Calendar_shift"))
    return value["All"] if isinstance(value, dict) and "All" in value else value


def _shift(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return _BP - int(value["YearBP"]) - int(value["YearModel"])
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"CalendarShift={value!r} says no shift",
            hint='Such as {"YearBP": 6000, "YearModel": 2000}.',
        ) from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the runs of a list, and what it says of all of them."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UsageError(
            f"the list of runs {path} cannot be read: {reason}",
            hint='It is JSON: {"RUN": {"JobName": ..., "TagName": ...}, ...}.',
        ) from problem
    if isinstance(read, list):
        read = {
            str(each.get("JobName", f"number {n}"))
            if isinstance(each, dict)
            else f"number {n}": each
            for n, each in enumerate(read, 1)
        }
    if not isinstance(read, dict):
        read = {}
    whole = {name: each for name, each in read.items() if isinstance(each, str)}
    runs = {name: each for name, each in read.items() if name not in whole}
    if not runs:
        raise UsageError(
            f"the list of runs {path} names no run",
            hint='It is JSON: {"RUN": {"JobName": ..., "TagName": ...}, ...}.',
        )
    return runs, whole


def _folders(entry: Mapping[str, Any], roots: Sequence[str]) -> list[tuple[Path, str]]:
    """Return where a run may be: the top of a tree, and the run below it.

    Raises
    ------
    UsageError
        If the entry does not say its levels.
    """
    lacking = [name for name in _LEVELS if not isinstance(entry.get(name), str) or not entry[name]]
    if lacking:
        raise UsageError(f"it has no {', '.join(lacking)}, which name its folder")
    levels = [entry[name] for name in _LEVELS]
    if odd := [each for each in levels if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", each)]:
        raise UsageError(f"{odd[0]!r} is no name of a folder")
    tops = []
    for root in roots:
        names = set(re.findall(r"\{(\w+)\}", root))
        if names - entry.keys():
            continue
        filled = re.sub(r"\{(\w+)\}", lambda m: str(entry[m[1]]), root)
        top = Path(filled).expanduser().absolute()
        below = [top, top / "IGCM_OUT"]
        if not names and isinstance(entry.get("TGCC_User"), str):
            below += [top / entry["TGCC_User"], top / entry["TGCC_User"] / "IGCM_OUT"]
        tops += below
    return [(top, "/".join(levels)) for top in tops]


def import_runs(
    path: str | os.PathLike[str],
    roots: Sequence[str],
    *,
    store: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[ImportedRun], list[BuildReport]]:
    """Catalogue the runs that a list kept by hand names, each with its entry as its card.

    Parameters
    ----------
    path
        The JSON file.
    roots
        Folders below which the runs are, with or without the level ``IGCM_OUT``; ``{TGCC_User}``
        and other fields in braces are those of each run.
    store
        The folder of the catalogs; by default the setting ``own_store``.
    progress
        Is called with the number of runs looked for so far.

    Returns
    -------
    list of ImportedRun
        What became of each run, in the order of the list.
    list of BuildReport
        Of each root that holds some of them.

    Raises
    ------
    UsageError
        If the list cannot be read, or names no run.
    RootUnusable
        If none of the runs is there; the message says why of the first.
    StoreError
        If the store cannot be written.
    """
    place = Path(path).expanduser()
    runs, whole = _read(place)
    told: list[ImportedRun] = []
    found: dict[Path, list[tuple[ImportedRun, str, SimulationCard]]] = {}
    for number, (name, entry) in enumerate(runs.items(), 1):
        said = ImportedRun(name)
        told.append(said)
        try:
            top, below, card = _find(name, entry, whole, roots)
            said.folder, said.left = str(top / below), _left(entry, card)
        except UsageError as problem:
            said.problem = str(problem).replace("\n", " ")
        else:
            found.setdefault(top, []).append((said, below, card))
        if progress is not None:
            progress(number)
    reports = [_build(top, its, place, own_store(store)) for top, its in found.items()]
    if not any(each.files for each in told):
        first = next(each for each in told if each.problem)
        raise RootUnusable(
            f"none of the {len(told)} runs of {place} can be catalogued; {first.name}: "
            f"{first.problem}",
            hint="Say below which folders they are: --root '/thredds/tgcc/store/{TGCC_User}'.",
        )
    return told, [each for each in reports if each is not None]


def _left(entry: Mapping[str, Any], card: SimulationCard) -> list[str]:
    """Return the fields of an entry that its card does not hold."""
    left = set(entry) - _TAKEN
    if entry.get("CalendarType") and card.calendar is None:
        left.add("CalendarType")
    shifts = _shifts(entry)
    for name, its in shifts.items() if isinstance(shifts, dict) else ():
        if isinstance(its, dict) and _shift(its) != card.calendar_shift:
            left.add(f"CalendarShift.{name}")  # a component with a calendar of its own
    return sorted(left)


def _find(
    name: str, entry: Any, whole: Mapping[str, Any], roots: Sequence[str]
) -> tuple[Path, str, SimulationCard]:
    if not isinstance(entry, dict):
        raise UsageError(f"it is no run: {str(entry)[:40]!r}")
    card = card_of(name, entry, whole)
    places = _folders(entry, roots)
    for top, below in places:
        if (top / below).is_dir():
            return top, below, card
    if not places:
        raise UsageError("it has not all the fields that --root wants")
    looked = ", ".join(str(top) for top, _ in places[:3])
    raise UsageError(f"there is no {places[0][1]} below {looked}")


def _build(
    top: Path, runs: list[tuple[ImportedRun, str, SimulationCard]], of: Path, store: Path
) -> BuildReport | None:
    """Catalogue the runs below one top, and nothing else that may be there."""
    lines = []
    skipped = Skipped()
    for said, below, _ in runs:
        for relative, files in walk(top / below, skipped):
            folder = "/".join(filter(None, [below, relative]))
            for each in files:
                if "\n" in each.name or "\n" in folder:
                    skipped.unreadable.append((readable(f"{folder}/{each.name}"), "a line break"))
                    continue
                # a store that is a directory is named by anything in it
                inside = "/.zgroup" if each.size is None else ""
                seconds = f"{each.mtime // 10**9}.{each.mtime % 10**9:09}"
                lines.append(f"{folder}/{each.name}{inside}\t{each.size or 0}\t{seconds}\n")
                said.files += 1
        said.problem = "" if said.files else "its folder holds no NetCDF file"
    if not lines:
        return None
    with tempfile.TemporaryDirectory(prefix="climeri-") as folder:
        inventory = Path(folder) / "files.txt"
        inventory.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
        report = build_catalog(
            "libIGCM",
            top,
            store=store,
            root_id=default_root_id(top / of.name),
            inventory=inventory,
            # by their folders: several runs may have one JobName
            cards={below: card for _, below, card in runs},
            accept_loss=True,  # the list says what belongs to it
        )
    report.unreadable.extend(skipped.unreadable)
    return report
