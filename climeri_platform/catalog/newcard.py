"""A new simulation card, filled in as far as the run's own files say it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from climeri_platform.catalog.cards import CARD_FILE, os_text
from climeri_platform.catalog.igcm import CONFIG_CARD, RUN_CARD, RunFacts, read_run
from climeri_platform.catalog.walk import format_of
from climeri_platform.core.errors import UsageError
from climeri_platform.core.writing import write_whole

__all__ = ["card_text", "new_card"]

_TEMPLATE = """\
# The card of a simulation: what no file name says. Only the title is wanted; leave empty what does not apply.
# `climeri card check FILE` tells what is wrong; the next build of the catalog takes it up.
simulation: {job}
title: {title}
contact:                  # a name and an address
institution: {institution}
model: {model}                  # such as IPSL-CM6A-LR; without it the catalog takes {tag}
resolution:               # such as LMD144x144, eORCA1.2
experiment: {experiment}
cmip:                     # what this run is the equivalent of, if anything: it is found by these
  experiment:             # such as historical
  member:                 # such as r1i1p1f1
forcing:                  # such as greenhouse gases only
configuration: {configuration}          # {kinds}
parameters:               # searchable: `tau: 0.1`, or `tau: {{value: 0.1, unit: s}}`
parent:                   # {{simulation: NAME, branch: 1850-01-01}}
calendar: {calendar}      # of the files: standard, noleap, 360_day, ...
calendar_shift:           # years to add to those of the files: -6050 where model year 2000 is 6000 BP
embargo:                  # the day until which the data are not public, YYYY-MM-DD
licence:                  # such as CC-BY-4.0
doi:
description: {description}
"""
_KINDS = (
    "coupled, atmosphere-only, ocean-only, land-only, slab-ocean, regional, zoomed, nudged, "
    "aquaplanet, 1D, LES, other; or [several]"
)
_LEVELS = 5  # the files of a run of libIGCM stand in the third folder below it
_FOLDERS = 1000  # of one level: a run has some tens
_OF = {"ATM": "atmosphere-only", "OCE": "ocean-only", "SRF": "land-only"}


def _configuration(run: RunFacts) -> str:
    models = {name for name in run.components if name in {"ATM", "OCE", "SRF"}}
    if {"ATM", "OCE"} <= models:
        return "coupled"
    for name in ("ATM", "OCE", "SRF"):  # an atmosphere has its land with it
        if name in models:
            return _OF[name]
    return ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else ""


def card_text(folder: str | os.PathLike[str]) -> str:
    """Return the text of a card for the run in a folder.

    Parameters
    ----------
    folder
        With or without ``config.card`` and ``run.card``.

    Returns
    -------
    str
        YAML, with a comment for each field.
    """
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - links stay
    run = read_run(place) or RunFacts()
    job = run.job or os_text(place.name)
    told = []
    if run.begin or run.end:
        told.append(f"{run.begin or '?'} to {run.end or '?'}")
    if run.done:
        told.append(f"at {run.done} ({run.state or 'state unknown'})")
    text = _TEMPLATE.format(
        job=_quoted(job),
        title=_quoted(run.title or job),
        institution="IPSL" if run.job else "",
        model="",
        tag=run.tag or "the name in the tree",
        experiment=_quoted(run.experiment),
        configuration=_configuration(run),
        kinds=_KINDS,
        calendar=run.calendar,
        description=_quoted("; ".join(told)),
    )
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _check_run(place: Path) -> None:
    """Refuse a folder that is no run: it has neither the files of libIGCM nor data.

    The first of both that stands below counts, level by level, so that a folder of runs is none.
    """
    if read_run(place) is not None:
        return
    level = [place]
    for _ in range(_LEVELS):
        below: list[Path] = []
        data, runs = False, []
        for folder in level[:_FOLDERS]:
            inside = _listed(folder)
            data = data or any(format_of(each.name, directory=each.is_dir()) for each in inside)
            below += [Path(each.path) for each in inside if each.is_dir()]
            runs += [folder.relative_to(place)] if read_run(folder) is not None else []
        if runs:
            named = ", ".join(os_text(each) for each in runs[:3])
            raise UsageError(
                f"{os_text(place)} is no run: {len(runs)} below it have cards of libIGCM, such as {named}",
                hint="Give the folder of one of them: each has its own card.",
            )
        if data:
            return
        level = sorted(below)
    raise UsageError(
        f"{os_text(place)} is no run: there is no {CONFIG_CARD} or {RUN_CARD} in it, and no NetCDF "
        f"or Zarr data down to {_LEVELS} levels of folders",
        hint=f"Give the folder of {CONFIG_CARD}, or the one that holds the run's files.",
    )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:  # what one may not look into is somebody else's
        return []


def new_card(folder: str | os.PathLike[str], to: str | os.PathLike[str] | None = None) -> Path:
    """Write a new card for the run in a folder; never over an old one.

    Parameters
    ----------
    folder
        The folder of the run.
    to
        Where; by default ``simulation.yaml`` in that folder.

    Returns
    -------
    pathlib.Path
        The card, there whole or not at all.

    Raises
    ------
    UsageError
        If the folder is none or no run, if there is a card already, or if it cannot be written.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise UsageError(
            f"{os_text(place)} is no folder of a run", hint="Give the folder of config.card."
        )
    _check_run(place)
    path = Path(to).expanduser() if to is not None else place / CARD_FILE
    text = card_text(place)
    try:
        write_whole(path, text, new=True)
    except FileExistsError as problem:
        raise UsageError(
            f"there is a card already: {os_text(path)}",
            hint="Edit it, or write another one with --to FILE.",
        ) from problem
    except OSError as problem:
        raise UsageError(
            f"the card {os_text(path)} cannot be written: {problem.strerror or problem}",
            hint="Write it elsewhere with --to FILE; a build takes it with --cards FOLDER.",
        ) from problem
    return path
