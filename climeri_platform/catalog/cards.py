"""Simulation cards: what no file name says of a run, as one YAML file beside it.

A card is read as plain text throughout, so that ``1D``, ``no``, ``1e-3`` and 30 February are what
they look like. Everything that is wrong in it is told at once, each with its line and a remedy.
"""

from __future__ import annotations

import errno
import re
import stat
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - pydantic reads the annotation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from climeri_platform.catalog.cardfacets import number_text
from climeri_platform.core.errors import UsageError, nearest

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = [
    "CARD_FILE",
    "Calendar",
    "CardProblem",
    "Configuration",
    "Parameter",
    "SimulationCard",
    "check_card",
    "read_card",
]

CARD_FILE = "simulation.yaml"
"""What a card is called in the folder of its run."""
_LARGEST = 1_000_000  # bytes; a card is a page
Calendar = Literal[
    "standard", "proleptic_gregorian", "julian", "noleap", "all_leap", "360_day", "none"
]
Configuration = Literal[
    "coupled",
    "atmosphere-only",
    "ocean-only",
    "land-only",
    "slab-ocean",
    "regional",
    "zoomed",
    "nudged",
    "aquaplanet",
    "1D",
    "LES",
    "other",
]


def _filled(values: Any, *, depth: int = 1) -> Any:
    """Return the fields that somebody filled in; what is empty is as if it were not there."""
    if not isinstance(values, dict):
        return values
    return {
        name: _filled(each, depth=depth - 1) if depth and name in {"cmip", "parent"} else each
        for name, each in values.items()
        if each != ""
    }


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CmipEquivalent(_Part):
    """Which CMIP experiment and member a run is the equivalent of."""

    experiment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    member: Annotated[str, Field(pattern=r"^(s\d{4}-)?r\d+i\d+p\d+(f\d+)?$")] | None = None


class Parent(_Part):
    """The run that this one continues, and when it leaves it, YYYY-MM-DD in its calendar."""

    simulation: str
    branch: Annotated[str, Field(pattern=r"^\d{1,4}-[01]\d-[0-3]\d$")] | None = None


class Parameter(_Part):
    """The value of a parameter, with its unit if it has one."""

    value: str
    unit: str | None = None

    @field_validator("value")
    @classmethod
    def _canonical(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it has no value")
        return number_text(value)


class SimulationCard(_Part):
    """The content of a card; only the title is wanted.

    Attributes
    ----------
    simulation
        The name of the run (JobName, EXPID): wanted in a folder of cards.
    title, description, contact, institution, licence
        For people, and for a DOI.
    model, resolution
        ``IPSL-CM6A-LR``; a text, or component to grid.
    experiment
        What the run is, in its authors' words.
    cmip
        The CMIP experiment and member that it is the equivalent of: it is found by them.
    forcing
        Such as ``historical, volcanoes off``.
    configuration
        One of `Configuration`, or several.
    parameters
        Name to value, or to value and unit.
    parent
        The run that it continues.
    calendar
        Of the files, by its CF name.
    calendar_shift
        Years to add to the years of the files: -6050 where model year 2000 is 6000 BP.
    embargo
        The day until which the data are not public, YYYY-MM-DD.
    doi
        ``10.5281/zenodo.1234``.
    """

    simulation: str | None = None
    title: Annotated[str, Field(min_length=1)]
    contact: str | None = None
    institution: str | None = None
    model: str | None = None
    resolution: str | None = None
    experiment: str | None = None
    cmip: CmipEquivalent = CmipEquivalent()
    forcing: str | None = None
    configuration: list[Configuration] = []
    parameters: dict[str, Parameter] = {}
    parent: Parent | None = None
    calendar: Calendar | None = None
    calendar_shift: int | None = None
    embargo: date | None = None
    licence: str | None = None
    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    description: str | None = None

    @field_validator("resolution", mode="before")
    @classmethod
    def _one_text(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return ", ".join(f"{name} {grid}" for name, grid in value.items())
        return value

    @field_validator("configuration", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("doi", mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", value.strip())
        return value

    @field_validator("parameters", mode="before")
    @classmethod
    def _with_values(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
                raise ValueError(f"{name!r} is no name of a parameter")
        return {
            name: each if isinstance(each, dict | Parameter) else {"value": each}
            for name, each in value.items()
        }


@dataclass(frozen=True, slots=True)
class CardProblem:
    """One thing that is wrong in a card.

    Attributes
    ----------
    line
        Where, from 1; 0 for the whole file.
    field
        Which, such as ``cmip.member``.
    problem, remedy
        What is wrong, and what to do.
    """

    line: int
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        field = f"{self.field}: " if self.field else ""
        return f"{place}{field}{self.problem}. {self.remedy}".rstrip()


class _Plain(yaml.BaseLoader):
    """Texts, lists and mappings; no aliases, with which a page could stand for any number of them."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # of the stubs
            raise yaml.composer.ComposerError(None, None, "a card has no aliases", mark)
        return super().compose_node(parent, index)


def _bytes_of(path: Path) -> bytes:
    # a pipe of that name would wait for ever
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)


def check_card(
    path: str | os.PathLike[str],
) -> tuple[SimulationCard | None, list[CardProblem]]:
    """Read a card and tell everything that is wrong in it.

    Parameters
    ----------
    path
        The YAML file.

    Returns
    -------
    SimulationCard or None
        None if anything is wrong.
    list of CardProblem
        In the order of their lines; empty if nothing is.
    """
    try:
        raw = _bytes_of(Path(path))
        if len(raw) > _LARGEST:
            return None, [CardProblem(0, "", "it is too long for a card", "Is it another file?")]
        text = raw.decode("utf-8")
        node = yaml.compose(text, _Plain)
        values = yaml.load(text, _Plain)  # noqa: S506 - makes texts, lists and mappings
    except OSError as problem:
        said = problem.strerror or str(problem)
        return None, [CardProblem(0, "", f"it cannot be read: {said}", "Check the path.")]
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        return None, [CardProblem(line, "", "it is not UTF-8", "Save it as UTF-8.")]
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        said = getattr(problem, "problem", None) or "it is nested too deeply"
        fix = "Quote texts that hold ': ' or begin with a sign, and indent with spaces."
        return None, [CardProblem(mark.line + 1 if mark else 0, "", f"no YAML: {said}", fix)]
    if not isinstance(node, yaml.MappingNode):
        fix = "Begin with `title: ...`, or with `climeri card new RUNDIR`."
        return None, [CardProblem(0, "", "it holds no `field: value` lines", fix)]
    told = [
        CardProblem(line, name, "it is there twice", "Keep one of them.")
        for line, name in _twice(node)
    ]
    try:
        card = SimulationCard.model_validate(_filled(values))
    except ValidationError as problem:
        told += [_tell(each, node) for each in problem.errors()]
    if told:
        return None, sorted(told, key=lambda each: each.line)
    return card, []


def read_card(path: str | os.PathLike[str]) -> SimulationCard:
    """Read a card that has to be right.

    Parameters
    ----------
    path
        The YAML file.

    Raises
    ------
    UsageError
        If anything is wrong in it: all of it is in the message.
    """
    card, problems = check_card(path)
    if card is None:
        said = "; ".join(map(str, problems))
        raise UsageError(f"the card {os_text(path)} is not valid: {said}")
    return card


def os_text(path: str | os.PathLike[str]) -> str:
    """Return a path that can be printed: bytes that are not UTF-8 are escaped."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _twice(node: yaml.MappingNode, above: str = "") -> list[tuple[int, str]]:
    seen: set[str] = set()
    found = []
    for key, value in node.value:
        name = f"{above}{key.value}"
        if name in seen:
            found.append((key.start_mark.line + 1, name))
        seen.add(name)
        if isinstance(value, yaml.MappingNode):
            found += _twice(value, f"{name}.")
    return found


def _line(node: yaml.Node, place: tuple[int | str, ...]) -> int:
    """Return the line of the innermost part of a place that is there."""
    line = node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                return line
            line, node = pairs[-1][0].start_mark.line + 1, pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


_WANTED = {
    "calendar_shift": "A whole number of years, such as -6050.",
    "cmip.member": "Such as r1i1p1f1.",
    "cmip.experiment": "Such as historical: letters, digits, '.', '_' and '-'.",
    "doi": "Such as 10.5281/zenodo.1234.",
    "embargo": "A day, YYYY-MM-DD.",
    "parent": "A mapping: `parent: {simulation: NAME, branch: 1850-01-01}`.",
    "parent.branch": "A day, YYYY-MM-DD.",
    "cmip": "A mapping: `cmip: {experiment: historical, member: r1i1p1f1}`.",
    "parameters": "A mapping: `parameters: {tau: 0.1}`, names of letters, digits, '_', '.', '-'.",
    "title": "Add a line `title: ...`.",
}


def _tell(error: Mapping[str, Any], node: yaml.Node) -> CardProblem:
    place = tuple(error["loc"])
    field = ".".join(map(str, place))
    line = _line(node, place)
    kind, given = error["type"], error.get("input")
    if kind == "missing":
        fix = _WANTED.get(field, f"Add `{place[-1]}: ...`.")
        return CardProblem(line, field, "it is missing", fix)
    if kind == "extra_forbidden":
        models: dict[str, type[_Part]] = {
            "cmip": CmipEquivalent,
            "parent": Parent,
            "parameters": Parameter,
        }
        model = SimulationCard if len(place) == 1 else models[str(place[0])]
        like = nearest(str(place[-1]), model.model_fields)
        fix = f"Did you mean {like[0]}?" if like else f"There is: {', '.join(model.model_fields)}."
        return CardProblem(line, field, "a card has no such field", fix)
    if kind == "literal_error":
        name = str(place[0])
        kinds = get_args({"configuration": Configuration, "calendar": Calendar}[name])
        like = nearest(str(given), kinds)
        fix = f"Did you mean {like[0]}?" if like else f"One of {', '.join(kinds)}."
        return CardProblem(line, name, f"{given!r} is none", fix)
    said = error["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        said = "it has another form"
    shown = f"{given!r}: " if isinstance(given, str) and kind != "value_error" else ""
    fix = _WANTED.get(field, "One line of text." if kind.startswith("string") else "")
    return CardProblem(line, field, f"{shown}{said[:1].lower()}{said[1:]}", fix)
