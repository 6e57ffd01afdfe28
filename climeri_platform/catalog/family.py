"""Archive families: sets of trees that share naming rules, each one YAML file.

A family file gives templates for directories and file names, written with the facets' own names
between ``<`` and ``>``. Paths are matched from the right, so a root may be any folder of a tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from climeri_platform.core.errors import UnknownFamily, UsageError, nearest
from climeri_platform.core.resources import data_path
from climeri_platform.core.timespan import parse_time_range

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.core.timespan import TimeSpan

__all__ = ["Family", "Frequency", "ParsedPath", "Rejected", "family_names", "load_family"]

_FACET = re.compile(r"<(\w+)>")
_TIME_RANGE = r"\d{4,14}(?:-\d{4,14})?(?:-clim|-CLIM)?"
_ANYTHING = r"[^/]+"


class Rejected(Exception):
    """A path that does not follow the family's rules, with the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frequency(BaseModel):
    """How the frequency follows from another facet."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    facet: str
    map: dict[str, list[str]]

    @cached_property
    def of(self) -> dict[str, str]:
        """Value of the facet to frequency."""
        return {value: name for name, values in self.map.items() for value in values}


@dataclass(frozen=True, slots=True)
class ParsedPath:
    """What the name and the place of a file say."""

    facets: dict[str, str]
    time_range: str | None
    span: TimeSpan | None


class Family(BaseModel):
    """The naming rules of one archive family, as its YAML file declares them.

    Attributes
    ----------
    family, title
        The name that people type, and what it stands for.
    variable
        The facet that names the variable.
    directories, files
        Templates; the first that fits a path is used. ``[...]`` may be absent.
    dataset
        The facets that together name a dataset; its key joins them with dots.
    optional
        Facets of ``dataset`` that may be absent, and ``version`` where trees have none.
    patterns
        A regular expression for each facet.
    spelled_in_files
        Facet to the characters that stand as ``-`` in file names.
    directory_stands_for
        Facet to a template of what a shorter directory name stands for.
    time_range
        Whether the two ends are joined by a dash or an underscore.
    common
        Names that all families share, to this family's own.
    frequency
        Where the frequency comes from, if it is not a facet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    title: str
    variable: str
    directories: list[str]
    files: list[str]
    dataset: list[str]
    optional: list[str] = []
    patterns: dict[str, str]
    spelled_in_files: dict[str, str] = {}
    directory_stands_for: dict[str, str] = {}
    time_range: Literal["dash", "underscore"] = "dash"
    common: dict[str, str] = {}
    frequency: Frequency | None = None

    @cached_property
    def facets(self) -> list[str]:
        """Every facet of a row: those of the dataset, the version, the frequency."""
        return list(dict.fromkeys([*self.dataset, "version", "frequency"]))

    @cached_property
    def names(self) -> dict[str, str]:
        """What a user may type for a facet, to the facet: its own name or a common one."""
        return {**self.common, **{facet: facet for facet in self.facets}}

    def _regex(self, template: str) -> re.Pattern[str]:
        seen: set[str] = set()
        out = ""
        for piece in re.split(r"(<\w+>|\[|\])", template):
            match = _FACET.fullmatch(piece)
            if piece == "[":
                out += "(?:"
            elif piece == "]":
                out += ")?"
            elif match is None:
                out += re.escape(piece)
            elif match[1] in seen:
                out += f"(?P={match[1]})"
            else:
                seen.add(match[1])
                default = _TIME_RANGE if match[1] == "time_range" else _ANYTHING
                out += f"(?P<{match[1]}>{self.patterns.get(match[1], default)})"
        return re.compile(out, re.ASCII)

    @cached_property
    def _directories(self) -> list[tuple[int, re.Pattern[str]]]:
        return [(each.count("/") + 1, self._regex(each)) for each in self.directories]

    @cached_property
    def _files(self) -> list[re.Pattern[str]]:
        return [self._regex(each) for each in self.files]

    @cached_property
    def _spelling(self) -> dict[str, re.Pattern[str]]:
        return {facet: re.compile(chars) for facet, chars in self.spelled_in_files.items()}

    def parse_directory(self, parts: tuple[str, ...]) -> list[dict[str, str]]:
        """Return what a directory may mean, one facet dictionary for each template that fits.

        Parameters
        ----------
        parts
            The names of the directory's levels, the root's own included.

        Returns
        -------
        list of dict
            In the order of the templates.

        Raises
        ------
        Rejected
            If no template fits; the reason names the first level that is wrong.
        """
        found = []
        for depth, regex in self._directories:
            if len(parts) >= depth and (match := regex.fullmatch("/".join(parts[-depth:]))):
                found.append(match.groupdict())
        if not found:
            raise self._why_not(parts)
        return found

    def _why_not(self, parts: tuple[str, ...]) -> Rejected:
        # the first template is the published one: say where, from the right, it stops fitting
        wanted = self.directories[0].split("/")
        for level, name in zip(reversed(wanted), reversed(parts), strict=False):
            facet = level[1:-1]
            if not re.fullmatch(self.patterns.get(facet, _ANYTHING), name, re.ASCII):
                return Rejected(
                    "directory", f"the directory {name!r} stands where <{facet}> should"
                )
        if len(parts) < len(wanted):
            return Rejected(
                "directory", f"{len(parts)} levels of directories, {len(wanted)} needed"
            )
        return Rejected("directory", "the levels of the directory contradict one another")

    def parse_name(self, name: str, candidates: list[dict[str, str]]) -> ParsedPath:
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
        for regex in self._files:
            match = regex.fullmatch(name)
            if match is None:
                continue
            in_file = match.groupdict()
            time_range = in_file.pop("time_range", None)
            for in_directory in candidates:
                try:
                    facets = self._agree(in_file, in_directory)
                except Rejected as no:
                    contradiction = contradiction or no
                    continue
                return self._complete(facets, time_range)
        if contradiction is not None:
            raise contradiction
        raise Rejected("name", f"the name does not follow {self.files[-1]}")

    def _agree(self, in_file: dict[str, str], in_directory: dict[str, str]) -> dict[str, str]:
        facets = dict(in_directory)
        for facet, value in in_file.items():
            there = in_directory.get(facet)
            if there is None or there == value:
                facets[facet] = value
            elif (
                facet in self._spelling
                and self._spelling[facet].sub("-", there).strip("-") == value
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
        return _FACET.sub(lambda m: in_directory.get(m[1], ""), self.directory_stands_for[facet])

    def _complete(self, facets: dict[str, str], time_range: str | None) -> ParsedPath:
        span = None
        if time_range is not None:
            try:
                span = parse_time_range(
                    time_range.replace("_", "-") if self.time_range == "underscore" else time_range
                )
            except UsageError as problem:
                raise Rejected("time range", problem.message) from None
        if self.frequency is not None:
            known = self.frequency.of.get(facets[self.frequency.facet])
            if known is not None:
                facets["frequency"] = known
        return ParsedPath(facets, time_range, span)

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
        directory = _fill(self.directories, filled)
        name = _fill(self.files, filled)
        if directory is None or name is None:
            missing = [facet for facet in self.dataset if facet not in facets]
            raise UsageError(
                f"no path of {self.family} without {', '.join(missing) or 'more facets'}"
            )
        return f"{directory}/{name}"


def _fill(templates: list[str], facets: dict[str, str]) -> str | None:
    filled: dict[str, int] = {}
    for template in templates:
        text = re.sub(
            r"\[([^\]]*)\]",
            lambda m: m[1] if all(name in facets for name in _FACET.findall(m[1])) else "",
            template,
        )
        names = set(_FACET.findall(text))
        if names <= facets.keys():
            filled.setdefault(_FACET.sub(lambda m: facets[m[1]], text), len(names))
    return max(filled, key=lambda text: filled[text]) if filled else None


def _folder() -> Path:
    return data_path("catalogs") / "families"


def family_names() -> list[str]:
    """Return the names of the families that this installation knows."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


@lru_cache(maxsize=32)
def load_family(name: str) -> Family:
    """Read a family's file.

    Parameters
    ----------
    name
        Such as ``CMIP6``; case does not matter.

    Returns
    -------
    Family

    Raises
    ------
    UnknownFamily
        If there is no such family, or its file is not valid.

    Examples
    --------
    >>> load_family("cmip6").variable
    'variable_id'
    """
    known = {each.lower(): each for each in family_names()}
    if name.lower() not in known:
        like = nearest(name, known.values()) or family_names()
        raise UnknownFamily(
            f"there is no archive family {name!r}", hint=f"Did you mean {' or '.join(like)}?"
        )
    path = _folder() / f"{known[name.lower()]}.yaml"
    try:
        return Family.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as problem:
        raise UnknownFamily(f"the family file {path} is not valid: {problem}") from problem
