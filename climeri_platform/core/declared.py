"""What people declare in YAML files: read into a model, and all that is wrong told by its key."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from climeri_platform.core.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from climeri_platform.core.errors import ClimeriError

__all__ = ["read_declared"]

_Model = TypeVar("_Model", bound=BaseModel)
# pydantic's kinds of error, as a sentence says what is allowed
_WANTED = {
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "`key: value` lines",
    "model": "`key: value` lines",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _in_python(path: Path) -> Any:
    # libyaml overruns the stack of the process where brackets are nested deeply
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_declared(
    path: Path,
    model: type[_Model],
    *,
    what: str,
    error: type[ClimeriError],
    hint: str,
    read: Callable[[Path], Any] = _in_python,
) -> _Model:
    """Read a YAML file into a model.

    Parameters
    ----------
    path
        The file.
    model
        What it declares.
    what
        What such a file is called in a message.
    error
        What to raise if it is not valid.
    hint
        What to do next.
    read
        What reads the YAML: `read_yaml` is quicker, for files that the project brings.

    Returns
    -------
    BaseModel
        An instance of ``model``.

    Raises
    ------
    ClimeriError
        An ``error`` that names the file and, for everything that is wrong in it, the key, the value,
        and what is allowed.
    OSError
        If the file cannot be read.
    """
    try:
        given = read(path)
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        said = f"line {line} is not UTF-8"
        raise error(
            f"the {what} {path} is not valid: {said}", hint="Save it as UTF-8."
        ) from problem
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        said = _no_yaml(problem)
        fix = "Quote texts that hold ': ' or look like a date, and indent with spaces."
        raise error(f"the {what} {path} is not valid: {said}", hint=fix) from problem
    try:
        return model.model_validate(given)
    except ValidationError as problem:
        told = "; ".join(_problems(problem, model, given))
        raise error(f"the {what} {path} is not valid: {told}", hint=hint) from problem


def _no_yaml(problem: Exception) -> str:
    mark = getattr(problem, "problem_mark", None)
    place = f", line {mark.line + 1}" if mark is not None else ""
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    return f"no YAML{place}: {getattr(problem, 'problem', None) or str(problem).splitlines()[0]}"


def _problems(problem: ValidationError, model: type[BaseModel], given: Any) -> list[str]:
    """Return what is wrong, each key once: of a text or a list, what either would want."""
    told: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    for each in problem.errors(include_url=False):
        kind, value = each["type"], each.get("input")
        if each["loc"][-1:] == ("[key]",):
            kind = "invalid_key"
        place = _place(each["loc"], given, missing=kind == "missing")
        key = ".".join(map(str, place))
        its = told.setdefault(key, [])
        if allowed := _allowed(kind, each.get("ctx", {})):
            either = wanted.setdefault(key, [])
            either += [allowed] if allowed not in either else []
            its[:] = [f"it wants {' or '.join(either)}, and is {_shown(value)}"]
        else:
            its.append(_said(kind, each["msg"], place, model, value))
    return [f"{key}: {each}" if key else each for key, its in told.items() for each in its]


def _place(loc: tuple[int | str, ...], given: Any, *, missing: bool) -> list[int | str]:
    """Return where in the file it is: pydantic's places name the sorts of a union, too."""
    found: list[int | str] = []
    here = given
    for at, part in enumerate(loc):
        inside = isinstance(here, Mapping) and part in here
        inside |= isinstance(here, list) and isinstance(part, int) and part < len(here)
        if inside:
            here = here[part]
        if inside or (missing and at == len(loc) - 1):
            found.append(part)
    return found


def _allowed(kind: str, context: Mapping[str, Any]) -> str:
    """Return what a value of this kind may be; "" if its own message says it."""
    if kind in _BOUNDS:
        name, said = _BOUNDS[kind]
        return f"{said} {context[name]}"
    if kind == "string_pattern_mismatch":
        return f"a text of the form {context['pattern']}"
    if kind in {"literal_error", "enum"}:
        return str(context["expected"])
    if kind.endswith(("_type", "_parsing", "_from_float")) or kind in _WANTED:
        sort = kind if kind in _WANTED else kind.partition("_")[0]
        return _WANTED.get(sort, "")
    return ""


def _said(
    kind: str, message: str, place: list[int | str], model: type[BaseModel], value: Any
) -> str:
    if kind == "missing":
        return "it is missing"
    if kind == "invalid_key":
        return f"a key is a text: write '{value}' in quotes"
    if kind == "extra_forbidden":
        keys = _keys_at(model, place[:-1])
        like = nearest(str(place[-1]), keys)
        meant = f"did you mean {' or '.join(like)}?" if like else f"there is: {', '.join(keys)}"
        return f"there is no such key (its value is {_shown(value)}); {meant}"
    said = message.removeprefix("Value error, ")
    return said if kind == "value_error" else f"{said}, and it is {_shown(value)}"


def _shown(value: Any) -> str:
    return "empty" if value is None else shorten(repr(value), 80, placeholder=" ...")


def _keys_at(model: type[BaseModel], place: list[int | str]) -> list[str]:
    """Return the keys that a model takes at a place of its file."""
    sort: Any = model
    for part in place:
        known = _model_of(sort)
        if known is not None and str(part) in known.model_fields:
            sort = known.model_fields[str(part)].annotation
        else:  # an item of a list, or of a mapping
            sort = next(reversed([each for each in get_args(sort) if each is not ...]), None)
    found = _model_of(sort)
    return list(found.model_fields) if found is not None else []


def _model_of(sort: Any) -> type[BaseModel] | None:
    """Return the model that a sort is, or that may stand there beside others."""
    if isinstance(sort, type) and issubclass(sort, BaseModel):
        return sort
    inside = (
        (_model_of(each) for each in get_args(sort))
        if get_origin(sort) in {Union, UnionType}
        else ()
    )
    return next((each for each in inside if each is not None), None)
