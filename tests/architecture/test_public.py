"""What is public: `__all__` of the door and of each room, documented, and its examples run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import climeri_platform
from climeri_platform.core.errors import ClimeriError

ROOMS = ["access", "catalog", "compute", "core", "selection", "sites"]
SNAPSHOT = Path(__file__).with_name("public.txt")
PACKAGE = Path(climeri_platform.__file__).parent
MODULES = sorted(
    ".".join(("climeri_platform", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )
    for room in ROOMS
    for path in (PACKAGE / room).rglob("*.py")
)


def surface():
    names = [f"climeri_platform.{each}" for each in climeri_platform.__all__]
    for room in ROOMS:
        module = importlib.import_module(f"climeri_platform.{room}")
        names += [f"climeri_platform.{room}.{each}" for each in getattr(module, "__all__", [])]
    errors = importlib.import_module("climeri_platform.core.errors")
    names += [f"climeri_platform.core.errors.{each}" for each in errors.__all__]
    return sorted(names)


def test_the_public_surface_is_the_one_that_was_promised():
    promised = SNAPSHOT.read_text().split()
    assert surface() == promised, "what is removed breaks users; what is new goes into public.txt"


def public_callables():
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if getattr(thing, "__module__", "") != module_name:
                continue
            if inspect.isfunction(thing):
                yield f"{module_name}.{name}", thing
            elif inspect.isclass(thing):
                yield f"{module_name}.{name}", thing
                for member, value in vars(thing).items():
                    function = getattr(value, "__func__", value)
                    if inspect.isfunction(function) and not member.startswith("_"):
                        yield f"{module_name}.{name}.{member}", function


PUBLIC = dict(public_callables())


def test_there_is_much_to_look_at():
    assert len(PUBLIC) > 60


@pytest.mark.parametrize("name", PUBLIC)
def test_it_is_documented(name):
    text = PUBLIC[name].__doc__ or ""
    first = text.strip().splitlines()[0] if text.strip() else ""
    # methods of a documented base say nothing new
    if name.rsplit(".", 1)[1] in {"close", "keys"} and not text:
        return
    assert first.endswith((".", "?", ":"))


@pytest.mark.parametrize(
    "name",
    [n for n, f in PUBLIC.items() if inspect.isfunction(f) and "Parameters\n" in (f.__doc__ or "")],
)
def test_the_documented_parameters_are_the_real_ones(name):
    function = PUBLIC[name]
    section = re.search(
        r"Parameters\n\s+-+\n(.*?)(?:\n\n\s+(?:Returns|Raises|Yields|Examples|Notes)\n|\Z)",
        function.__doc__,
        re.DOTALL,
    )[1]
    margin = min(len(x) - len(x.lstrip()) for x in section.splitlines() if x.strip())
    written = [
        part.strip().lstrip("*")
        for line in section.splitlines()
        if line.strip() and len(line) - len(line.lstrip()) == margin
        for part in line.split(",")
    ]
    real = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    assert written == real


@pytest.mark.parametrize("name", [n for n, f in PUBLIC.items() if inspect.isfunction(f)])
def test_errors_that_it_raises_itself_are_named(name):
    function = PUBLIC[name]
    raised = set(re.findall(r"raise (\w+)\(", inspect.getsource(function)))
    errors = importlib.import_module("climeri_platform.core.errors")
    ours = {
        each
        for each in raised
        if isinstance(getattr(errors, each, None), type)
        and issubclass(getattr(errors, each), ClimeriError)
    }
    section = (function.__doc__ or "").partition("Raises")[2]
    kinds = [
        getattr(errors, word)
        for word in re.findall(r"\b[A-Z]\w+", section)
        if isinstance(getattr(errors, word, None), type)
    ]
    missing = {each for each in ours if not issubclass(getattr(errors, each), tuple(kinds))}
    assert missing == set()


# the two that start processes run in the tests of their room
@pytest.mark.parametrize("name", [each for each in MODULES if not each.endswith("compute.local")])
def test_its_examples_run(name):
    result = doctest.testmod(importlib.import_module(name), verbose=False)
    assert result.failed == 0
