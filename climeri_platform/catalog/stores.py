"""The stores that a user has: the shared one, one's own, and others that a setting names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from climeri_platform.catalog.layout import store_path
from climeri_platform.core.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NamedStore", "named_stores"]


@dataclass(frozen=True, slots=True)
class NamedStore:
    """A store, and what it is called beside others.

    Attributes
    ----------
    label
        ``shared``, ``own``, or the name of its folder.
    path
        Its folder.
    expected
        Whether somebody said that it is there: one's own may not have been made yet.
    """

    label: str
    path: Path
    expected: bool = True


def named_stores() -> list[NamedStore]:
    """Return every store that the settings name: the shared one, one's own, then the others.

    A folder that is named twice, or under two names, is taken once.

    Raises
    ------
    UsageError
        If a settings file cannot be read.
    """
    settings = read_settings()
    own = settings["own_store"]
    wanted = [("shared", settings["store"].value, True)]
    wanted.append(("own", own.value, own.origin != "default"))
    wanted += [("", each, True) for each in settings["stores"].value.split(os.pathsep)]
    found: list[NamedStore] = []
    places: set[str] = set()
    for label, value, expected in wanted:
        if not value.strip():
            continue
        path = store_path(value.strip())
        if (place := os.path.realpath(path)) in places:
            continue
        places.add(place)
        found.append(NamedStore(_unlike(label or path.name, found), path, expected))
    return found


def _unlike(label: str, found: list[NamedStore]) -> str:
    """Return a label that no other store has."""
    taken = {each.label for each in found}
    names = (label, *(f"{label}-{number}" for number in range(2, len(found) + 3)))
    return next(each for each in names if each not in taken)
