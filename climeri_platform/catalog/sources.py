"""The sources of a site: which roots its catalogs are made of, and how gently they are walked.

They are data, ``catalogs/SITE/*.yaml``, or a folder of one's own.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from climeri_platform.catalog.renewal import LOSS_LIMIT
from climeri_platform.core.declared import read_declared
from climeri_platform.core.errors import UsageError
from climeri_platform.core.resources import data_path

if TYPE_CHECKING:
    from climeri_platform.sites import Site

__all__ = ["Source", "Window", "load_sources"]

_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Window(BaseModel):
    """The hours in which a root may be walked; it may cross midnight.

    Examples
    --------
    >>> night = Window.parse("20:00-06:30")
    >>> night.seconds_left(datetime(2026, 1, 1, 5, 30))
    3600.0
    >>> night.seconds_left(datetime(2026, 1, 1, 12, 0))
    0.0
    """

    model_config = ConfigDict(frozen=True)
    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window that ``HH:MM-HH:MM`` says, in local time."""
        try:
            start, end = (time.fromisoformat(each.strip()) for each in text.split("-"))
        except ValueError:
            raise ValueError(f"{text!r} is no window; such as '20:00-06:00'") from None
        return cls(start=start, end=end)

    def seconds_left(self, now: datetime) -> float:
        """Return how long the window stays open; 0 outside it."""
        for day in (now.date() - timedelta(days=1), now.date()):
            opens = datetime.combine(day, self.start, now.tzinfo)
            closes = datetime.combine(day, self.end, now.tzinfo)
            if closes <= opens:
                closes += timedelta(days=1)
            if opens <= now < closes:
                return (closes - now).total_seconds()
        return 0.0


class Source(BaseModel):
    """One root of a site, to be catalogued for one archive family.

    Attributes
    ----------
    root
        The root id.
    path
        The root's absolute path; by default where the site's profile mounts the root id.
    family
        An archive family, or the path of a YAML file with rules of one's own.
    inventory
        A list of the root's files, in place of a walk.
    headers
        Whether new and changed files are opened for what their headers say; ``contents`` opens one
        file of each stream of many variables, one on disk, and no other.
    tape
        Whether the root is backed by tape: nothing that is there is ever opened.
    walkers, calls_per_second, minutes, window
        How the root is walked: directories at a time, the limit of metadata calls, the time it may
        take, and the hours in which it may (local time).
    patience
        Seconds without any answer after which a mount counts as hung.
    loss
        The share of its files that may be gone in one night.
    recheck_nights
        After how many nights the header of an unchanged file is read again, and an unchanged
        directory is listed again.
    trust_directories
        Whether directories that nobody changed are not listed in the nights between; never on tape,
        where files change without them.
    retracted
        A list of retracted datasets, one a line: the key, and the version where not all are.
    cards
        A folder of simulation cards, beside those that stand in the tree.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: Annotated[str, Field(pattern=_ID)]
    path: str = ""
    family: str
    inventory: str | None = None
    headers: bool | Literal["contents"] = False
    tape: bool = False
    walkers: Annotated[int, Field(ge=1, le=256)] = 8
    calls_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    window: str | None = None
    patience: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] = 60.0
    loss: Annotated[float, Field(ge=0, le=1)] = LOSS_LIMIT
    recheck_nights: Annotated[int, Field(ge=1)] = 30
    trust_directories: bool = False
    retracted: str | None = None
    cards: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Source:
        if self.headers is True and self.tape:
            raise ValueError("headers: true would recall files from tape")
        if self.trust_directories and self.tape:
            raise ValueError("trust_directories: files go to tape without their directory")
        if self.trust_directories and self.inventory is not None:
            raise ValueError("trust_directories: an inventory lists every directory")
        if self.window is not None:
            Window.parse(self.window)
        return self

    def seconds(self, now: datetime) -> float | None:
        """Return how long a walk that begins now may take; None for any time, 0 for not now."""
        left = [Window.parse(self.window).seconds_left(now)] if self.window else []
        return min([*left, *([self.minutes * 60] if self.minutes else [])], default=None)


class _SourceFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    sources: list[Source]


def load_sources(site: Site, folder: str | os.PathLike[str] | None = None) -> list[Source]:
    """Return the sources of a site.

    Parameters
    ----------
    site
        Its profile: it knows the mounts.
    folder
        Where the YAML files are; by default ``catalogs/SITE`` of the installation. Paths in them
        are relative to it, and may hold ``$VARIABLES``.

    Returns
    -------
    list of Source
        In the order of the files' names; paths are absolute.

    Raises
    ------
    UsageError
        If there are none, one is not valid, or two catalogue the same root for one family.
    """
    place = Path(folder) if folder is not None else data_path("catalogs") / site.site
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yml")]) if place.is_dir() else []
    if not files:
        raise UsageError(
            f"the site {site.site} declares no sources: there is no YAML file in {place}",
            hint="Write one, such as: sources: [{root: CMIP6, path: /bdd/CMIP6, family: CMIP6}]",
        )
    found: list[Source] = []
    for file in files:
        found += [_placed(source, file, site) for source in _read(file).sources]
    seen: dict[tuple[str, str], str] = {}
    mounts: dict[str, str] = {}
    for source in found:
        key = (source.root, source.family)
        if key in seen or mounts.setdefault(source.root, source.path) != source.path:
            raise UsageError(
                f"two sources of {place} have the root {source.root!r} "
                f"({mounts[source.root]} and {source.path}, family {source.family})",
                hint="Give each path its own root id, and each family one source.",
            )
        seen[key] = source.path
    return found


def _read(file: Path) -> _SourceFile:
    mend = "Mend it; docs/reference/sources.md says what a source may have."
    try:
        return read_declared(file, _SourceFile, what="file of sources", error=UsageError, hint=mend)
    except OSError as problem:
        said = problem.strerror or problem
        raise UsageError(f"the sources {file} cannot be read: {said}") from problem


def _placed(source: Source, file: Path, site: Site) -> Source:
    path = source.path or site.mount(source.root) or ""
    if not path:
        raise UsageError(
            f"the sources {file}: the root {source.root!r} has no path, and the site {site.site} "
            "mounts none of that name",
            hint="Give it a `path`, or add it to `mounts` of the site's profile.",
        )
    tape = source.tape or site.tape(source.root)
    if tape and source.headers is True:
        raise UsageError(
            f"the sources {file}: headers of {source.root!r} would recall files from tape, which "
            f"the site {site.site} says is behind it",
            hint="Leave `headers` out; `headers: contents` opens files on disk alone.",
        )
    if tape and source.trust_directories:
        raise UsageError(
            f"the sources {file}: directories of {source.root!r} cannot be trusted: the site "
            f"{site.site} says that tape is behind it, and files go there without their directory",
            hint="Leave `trust_directories` out.",
        )
    family = source.family
    if family.endswith((".yaml", ".yml")):
        family = _absolute(family, file)
    return source.model_copy(
        update={
            "path": _absolute(path, file),
            "tape": tape,
            "family": family,
            "inventory": source.inventory and _absolute(source.inventory, file),
            "cards": source.cards and _absolute(source.cards, file),
            "retracted": source.retracted and _absolute(source.retracted, file),
        }
    )


def _absolute(path: str, file: Path) -> str:
    full = os.path.expandvars(path)
    if unset := re.search(r"\$\{?(\w+)", full):
        raise UsageError(
            f"the sources {file}: {path} needs the environment variable {unset[1]}, which is not set"
        )
    return os.path.abspath(file.parent / Path(full).expanduser())  # noqa: PTH100 - keeps mounts' names
