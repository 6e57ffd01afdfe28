"""Which archive family a tree belongs to: the one that most of a sample of its files follow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from climeri_platform.catalog.family import Family, Rejected, family_names, load_family
from climeri_platform.catalog.parsing import places_of
from climeri_platform.catalog.walk import Skipped, check_root, walk
from climeri_platform.core.errors import RootUnusable, UnknownFamily

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Guess", "guess_family"]

_A_DIRECTORY = 4  # files of one directory follow the same rules: a few of each say it
_DIRECTORIES = 2_000  # of a large tree, its first ones
_ALIKE = 0.9  # a second family that fits as much as this of the first is as likely
_LEAST = 0.5  # of the sample: a family that fits less is not the tree's


@dataclass(frozen=True, slots=True)
class Guess:
    """What a sample of a tree's files says of its family.

    Attributes
    ----------
    family
        The one that most of them follow.
    fits
        Family to how many files of the sample follow it, most first; families that none follows
        are left out.
    sample
        How many files were looked at.
    """

    family: str
    fits: dict[str, int]
    sample: int

    def __str__(self) -> str:
        others = ", ".join(f"{name} {count}" for name, count in list(self.fits.items())[1:4])
        said = f"{self.fits[self.family]} of {self.sample} sampled files follow {self.family}"
        return f"{said} (also {others})" if others else said


def guess_family(root: str | os.PathLike[str], *, sample: int = 1_000) -> Guess:
    """Return the installed family that most files of a tree follow, by their names.

    Parameters
    ----------
    root
        The top of the tree, or any folder in it.
    sample
        How many files to look at, a few of each directory.

    Returns
    -------
    Guess

    Raises
    ------
    RootUnusable
        If the root cannot be read, or holds no data file.
    UnknownFamily
        If its files follow no family, or two about as well; the message says how many fit each.
    """
    place = check_root(root)
    found = list(islice(_some(place), sample))
    if not found:
        raise RootUnusable(
            f"no NetCDF file was found under {place}: there is no family to guess",
            hint="Is the mount there, and is it the right folder?",
        )
    fitting = [(name, *_fitting(load_family(name), found)) for name in family_names()]
    ranked = sorted((each for each in fitting if each[1]), key=lambda each: (-each[1], -each[2]))
    fits = {name: count for name, count, _ in ranked}
    if not fits:
        level, name = found[0]
        first = "/".join((*level[len(place.parts) - 1 :], name))
        raise UnknownFamily(
            f"none of {len(found)} sampled files under {place} follows an installed family; "
            f"the first: {first}",
            hint="Write a family of your own (docs/how-to/build-a-catalog.md) and give it with "
            "--template FILE.",
        )
    best, most, said = ranked[0]
    # of two that fit alike, the one whose templates name more of the directories says more
    alike = [each for each in ranked[1:] if each[1] >= _ALIKE * most and each[2] >= said]
    if alike or most < _LEAST * len(found):
        counts = ", ".join(f"{name} {count}" for name, count in fits.items())
        why = "may be of several families" if alike else "is of no family as a whole"
        raise UnknownFamily(
            f"{place} {why}: of {len(found)} sampled files fit {counts}",
            hint=f"Say which, such as --family {best}, or build each of its parts.",
        )
    return Guess(best, fits, len(found))


def _some(place: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    above = place.parts[1:]
    for relative, files in islice(walk(place, Skipped()), _DIRECTORIES):
        levels = (*above, *relative.split("/")) if relative else above
        for each in files[:_A_DIRECTORY]:
            yield levels, each.name


def _fitting(family: Family, files: list[tuple[tuple[str, ...], str]]) -> tuple[int, float]:
    """Return how many of the files follow a family, and how much of their paths it explains."""
    count, levels_said = 0, 0
    for levels, name in files:
        try:
            places = places_of(family, levels)
            family.parse_name(name, places)
        except Rejected:
            continue
        count += 1
        levels_said += max(len(each.facets) for each in places)
        # the level above, which templates do not hold, and which centres spell in either case
        levels_said += family.family.lower() in map(str.lower, levels)
    return count, levels_said / max(count, 1)
