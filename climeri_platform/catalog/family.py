"""Archive families: sets of trees that share naming rules, each one YAML file.

A family file gives templates for directories and file names, written with the facets' own names
between ``<`` and ``>``. Paths are matched from the right, so a root may be any folder of a tree.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from climeri_platform.catalog.derived import Derived  # noqa: TC001 - pydantic reads the annotation
from climeri_platform.catalog.manyvariables import WithContents
from climeri_platform.catalog.tables import ROW_COLUMNS
from climeri_platform.catalog.templates import FACET, fill, pattern_of
from climeri_platform.catalog.vocabulary import COMMON, shared_names
from climeri_platform.core.declared import read_declared
from climeri_platform.core.errors import UnknownFamily, UsageError, nearest
from climeri_platform.core.resources import data_path
from climeri_platform.core.timespan import parse_time_range

if TYPE_CHECKING:
    from climeri_platform.core.timespan import TimeSpan

__all__ = [
    "Family",
    "Layout",
    "ParsedPath",
    "Place",
    "Rejected",
    "family_names",
    "load_family",
    "span_of",
]


class Rejected(Exception):
    """A path that does not follow the family's rules, with the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Layout(BaseModel):
    """Directories and the files that stand in them, where a family has several kinds of tree.

    Attributes
    ----------
    directories, files
        Templates; the first that fits a path is used.
    patterns
        Where they differ from the family's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    directories: list[str]
    files: list[str]
    patterns: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Compiled:
    directories: list[tuple[int, re.Pattern[str]]]
    files: list[re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """What a directory may mean, and which names its files may have."""

    facets: dict[str, str]
    names: list[re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class ParsedPath:
    """What the name and the place of a file say."""

    facets: dict[str, str]
    time_range: str | None
    span: TimeSpan | None


class Family(WithContents, BaseModel):
    """The naming rules of one archive family, as its YAML file declares them.

    Attributes
    ----------
    family, title
        The name that people type, and what it stands for.
    variable
        The facet that names the variable.
    directories, files
        Templates; the first that fits a path is used. ``[...]`` may be absent.
    layouts
        Further kinds of tree, each with its own directories and files.
    dataset
        The facets that together name a dataset; its key joins them with dots.
    optional
        Facets of ``dataset`` that may be absent, and ``version`` where trees have none.
    patterns
        A regular expression for each facet.
    spelled_in_files
        Facet to the characters that stand as ``-`` in file names; case may differ too.
    directory_stands_for
        Facet to a template of what a shorter directory name stands for.
    constants
        Facets that are the same for every file of the family.
    common
        Names that all families share, to this family's own, where `shared_names` does not say it.
    frequency
        Where the frequency comes from, if it is not a facet.
    derived
        The same for other facets.
    cards, parameters, contents
        Whether cards say more of its runs (`WithCards`), and headers of its files (`WithContents`).
    """

    family: str
    title: str
    variable: str
    directories: list[str] = []
    files: list[str] = []
    layouts: list[Layout] = []
    dataset: list[str]
    patterns: dict[str, str]
    spelled_in_files: dict[str, str] = {}
    directory_stands_for: dict[str, str] = {}
    constants: dict[str, str] = {}
    common: dict[str, str] = {}
    frequency: Derived | None = None
    derived: dict[str, Derived] = {}

    @model_validator(mode="after")
    def _compiles(self) -> Family:
        if not re.fullmatch(r"(?!export$)[A-Za-z0-9][A-Za-z0-9._-]*", self.family):
            raise ValueError(f"{self.family!r} is no name: letters, digits, '._-', and not export")
        if not self.trees or not all(tree.directories and tree.files for tree in self.trees):
            raise ValueError("it wants directories and files, or layouts")
        try:
            written = {name for each in self._compiled for name in _groups(each)}
        except re.error as problem:
            raise ValueError(f"a pattern is no regular expression: {problem}") from problem
        known = {*written, *self._made, "frequency", "version"}
        named = {*self.dataset, self.variable, *self.optional, *self.common.values()}
        if taken := sorted(known & set(ROW_COLUMNS) - {"time_range"}):
            raise ValueError(f"every catalog has a column {taken[0]}: give the facet another name")
        if missing := sorted(named - known):
            raise ValueError(f"no template holds {', '.join(missing)}")
        self.check_cards({*self.dataset, *self._made, *self.constants})
        self.check_contents()
        return self

    @cached_property
    def _made(self) -> dict[str, Derived]:
        return {**({"frequency": self.frequency} if self.frequency else {}), **self.derived}

    @cached_property
    def trees(self) -> list[Layout]:
        """Every kind of tree, the one without a layout of its own first."""
        if not self.directories and not self.files:
            return self.layouts
        return [Layout(directories=self.directories, files=self.files), *self.layouts]

    @cached_property
    def facets(self) -> list[str]:
        """Every facet of a row: those of the dataset, the version, the frequency, derived ones."""
        made = [*self.derived, *self.constants, *self.card_facets]
        return list(dict.fromkeys([*self.dataset, "version", "frequency", *made]))

    @cached_property
    def names(self) -> dict[str, str]:
        """What a user may type for a facet, to the facet: its own name or a shared one."""
        found = {facet: facet for facet in self.facets}
        for name, others in shared_names().items():
            known = (each for each in (name, *others) if each in found)
            said = name if name in self.card_facets else self.common.get(name)
            if facet := said or next(known, None):
                for each in (name, *others):
                    found.setdefault(each, self.common.get(each, facet))
        return {**self.common, **found}

    @cached_property
    def shared(self) -> dict[str, str | None]:
        """Each common name of a column, to this family's facet; None where it has none."""
        return {name: self.names.get(name) for name in COMMON}

    @cached_property
    def _compiled(self) -> list[_Compiled]:
        trees = []
        for tree in self.trees:
            patterns = {**self.patterns, **tree.patterns}
            directories = [
                (each.count("/") + 1, pattern_of(each, patterns)) for each in tree.directories
            ]
            trees.append(_Compiled(directories, [pattern_of(e, patterns) for e in tree.files]))
        return trees

    @cached_property
    def _spelling(self) -> dict[str, re.Pattern[str]]:
        return {facet: re.compile(chars) for facet, chars in self.spelled_in_files.items()}

    def parse_directory(self, parts: tuple[str, ...]) -> list[Place]:
        """Return what a directory may mean, one place for each template that fits.

        Parameters
        ----------
        parts
            The names of the directory's levels, the root's own included.

        Returns
        -------
        list of Place
            In the order of the templates.

        Raises
        ------
        Rejected
            If no template fits; the reason names the first level that is wrong.
        """
        found = []
        for tree in self._compiled:
            for depth, regex in tree.directories:
                if len(parts) >= depth and (match := regex.fullmatch("/".join(parts[-depth:]))):
                    found.append(Place(match.groupdict(), tree.files))
        if not found:
            raise self._why_not(parts)
        return found

    def _why_not(self, parts: tuple[str, ...]) -> Rejected:
        # the first template is the published one: say where, from the right, it stops fitting
        tree = self.trees[0]
        patterns = {**self.patterns, **tree.patterns}
        wanted = tree.directories[0].split("/")
        for level, name in zip(reversed(wanted), reversed(parts), strict=False):
            if not pattern_of(level, patterns).fullmatch(name):
                return Rejected("directory", f"the directory {name!r} stands where {level} should")
        if len(parts) < len(wanted):
            return Rejected(
                "directory", f"{len(parts)} levels of directories, {len(wanted)} needed"
            )
        return Rejected("directory", "the levels of the directory contradict one another")

    def parse_name(self, name: str, candidates: list[Place]) -> ParsedPath:
        """Combine a file's name with what its directory may mean.

        Parameters
        ----------
        name
            The file's name.
        candidates
            What `parse_directory` returned.

        Returns
        -------
        ParsedPath

        Raises
        ------
        Rejected
            If the name follows no template, contradicts the directory, or has no valid time range.
        """
        contradiction: Rejected | None = None
        for place in candidates:
            for regex in place.names:
                match = regex.fullmatch(name)
                if match is None:
                    continue
                try:
                    facets = self.agree(match.groupdict(), place.facets)
                except Rejected as no:
                    contradiction = contradiction or no
                    continue
                return self._complete(facets)
        if contradiction is not None:
            raise contradiction
        wanted = next(
            tree.files[-1]
            for tree, compiled in zip(self.trees, self._compiled, strict=True)
            if not candidates or compiled.files is candidates[0].names
        )
        raise Rejected("name", f"the name does not follow {wanted}")

    def agree(self, in_file: dict[str, Any], in_directory: dict[str, str]) -> dict[str, str]:
        """Combine what a name and its directory say, or raise `Rejected` where they contradict."""
        facets = dict(in_directory)
        for facet, value in in_file.items():
            there = in_directory.get(facet)
            if there is None or there == value:
                facets[facet] = value
            elif value is None:  # an optional part of the name, which is absent
                continue
            elif (
                facet in self._spelling
                and self._spelling[facet].sub("-", there).strip("-").lower() == value.lower()
            ):
                facets[facet] = there
            elif facet in self.directory_stands_for and value == self._long(facet, in_directory):
                facets[facet] = value
            else:
                raise Rejected(
                    "contradiction",
                    f"<{facet}> is {value!r} in the name, {there!r} in the directory",
                )
        return facets

    def _long(self, facet: str, in_directory: dict[str, str]) -> str:
        return FACET.sub(lambda m: in_directory.get(m[1], ""), self.directory_stands_for[facet])

    def _complete(self, facets: dict[str, str]) -> ParsedPath:
        time_range: str | None = facets.pop("time_range", None)
        span = span_of(time_range)
        self.derive(facets)
        return ParsedPath(facets, time_range, span)

    def derive(self, facets: dict[str, str]) -> None:
        """Add what follows from the facets of a path: constants, the frequency, derived ones."""
        facets.update(self.constants)
        for name, how in self._made.items():
            if (value := how.value(facets)) is not None:
                facets[name] = value

    def key(self, facets: dict[str, str | None]) -> str:
        """Return the key of the dataset that the facets name: their values joined by dots."""
        return ".".join(value for name in self.dataset if (value := facets.get(name)))

    def path(self, facets: dict[str, str], time_range: str | None = None) -> str:
        """Return the path of a file, by the templates that hold the most of the facets.

        Parameters
        ----------
        facets
            A value for every facet of the templates.
        time_range
            As written in the name; None for fixed fields.

        Returns
        -------
        str
            Relative to the folder that holds the first level of the template.

        Raises
        ------
        UsageError
            If a facet is missing.
        """
        filled = {**facets, **({"time_range": time_range} if time_range else {})}
        best: tuple[tuple[bool, int], str] | None = None
        for tree, compiled in zip(self.trees, self._compiled, strict=True):
            directory, name = fill(tree.directories, filled), fill(tree.files, filled)
            if directory is None or name is None:
                continue
            fits = any(regex.fullmatch(directory[1]) for _, regex in compiled.directories)
            rank = fits, directory[0] + name[0]
            if best is None or rank > best[0]:
                best = rank, f"{directory[1]}/{name[1]}"
        if best is None:
            missing = [facet for facet in self.dataset if facet not in facets]
            raise UsageError(
                f"no path of {self.family} without {', '.join(missing) or 'more facets'}"
            )
        return best[1]


def span_of(time_range: str | None) -> TimeSpan | None:
    """Return the span of a time range as names write it, or raise `Rejected`."""
    if time_range is None:
        return None
    try:
        return parse_time_range(time_range.replace("_", "-"))
    except UsageError as problem:
        raise Rejected("time range", problem.message) from None


def _groups(compiled: _Compiled) -> set[str]:
    regexes = [*(regex for _, regex in compiled.directories), *compiled.files]
    return {name for regex in regexes for name in regex.groupindex}


def _folder() -> Path:
    return data_path("catalogs") / "families"


def family_names() -> list[str]:
    """Return the names of the families that this installation knows."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_family(name: str | os.PathLike[str]) -> Family:
    """Read a family's rules.

    Parameters
    ----------
    name
        Such as ``CMIP6``; case does not matter. Or the path of a YAML file of the same form, which
        makes a family of one's own.

    Returns
    -------
    Family

    Raises
    ------
    UnknownFamily
        If there is none, its file is not valid, or takes the name of an installed family.

    Examples
    --------
    >>> load_family("cmip6").variable
    'variable_id'
    """
    typed = os.fspath(name)
    known = {each.lower(): each for each in family_names()}
    if typed.lower() in known:
        return _read(_folder() / f"{known[typed.lower()]}.yaml", 0)
    if not typed.endswith((".yaml", ".yml")) or typed.rpartition(".")[0].lower() in known:
        like = nearest(typed, known.values()) or family_names()
        raise UnknownFamily(
            f"there is no archive family {typed!r}", hint=f"Did you mean {' or '.join(like)}?"
        )
    path = Path(typed).expanduser()
    try:
        family = _read(path, path.stat().st_mtime_ns)
    except OSError as problem:
        raise UnknownFamily(
            f"the family file {path} cannot be read: {problem.strerror or problem}",
            hint=f"Installed are {', '.join(family_names())}.",
        ) from problem
    if family.family.lower() in known:
        raise UnknownFamily(
            f"the family file {path} takes the name {family.family}, which is an installed family's",
            hint="Give it a name of its own: `family: ...` in the file.",
        )
    return family


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int) -> Family:
    mend = f"Mend it; valid ones are in {_folder()}."
    return read_declared(path, Family, what="family file", error=UnknownFamily, hint=mend)
