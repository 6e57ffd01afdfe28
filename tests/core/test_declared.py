"""A YAML file that is wrong is told by its keys, in our words and never in pydantic's."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from climeri_platform.core.declared import read_declared
from climeri_platform.core.errors import UnknownSite


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")
    words: tuple[str, ...] = ()
    times: Annotated[int, Field(ge=1)] = 1


class Dish(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(pattern="^[a-z]+$")]
    kind: Literal["hot", "cold"] = "hot"
    of: str | list[str] = []
    vegan: bool = False
    price: float = 0.0
    recipes: dict[str, Recipe] = {}
    best: Recipe | None = None

    @model_validator(mode="after")
    def _agrees(self):
        if self.name == "stone":
            raise ValueError("nobody eats a stone")
        return self


def told(tmp_path, text):
    path = tmp_path / "dish.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnknownSite) as refused:
        read_declared(path, Dish, what="dish", error=UnknownSite, hint="Cook again.")
    beginning = f"the dish {path} is not valid: "
    assert refused.value.message.startswith(beginning)
    return refused.value.message.removeprefix(beginning), refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: hot", "name: it is missing"),
        ("name: 3", "name: it wants a text, and is 3"),
        ("name:", "name: it wants a text, and is empty"),
        ("name: Soup", "name: it wants a text of the form ^[a-z]+$, and is 'Soup'"),
        ("{name: a, kind: warm}", "kind: it wants 'hot' or 'cold', and is 'warm'"),
        ("{name: a, of: 3}", "of: it wants a text or a list, and is 3"),
        (
            "{name: a, of: [b, [c]]}",
            "of: it wants a text, and is ['b', ['c']]; of.1: it wants a text, and is ['c']",
        ),
        ("{name: a, vegan: perhaps}", "vegan: it wants true or false, and is 'perhaps'"),
        ("{name: a, price: much}", "price: it wants a number, and is 'much'"),
        ("{name: a, recipes: [b]}", "recipes: it wants `key: value` lines, and is ['b']"),
        ("{name: a, recipes: {b: c}}", "recipes.b: it wants `key: value` lines, and is 'c'"),
        ("{name: a, recipes: {b: {times: 0}}}", "recipes.b.times: it wants at least 1, and is 0"),
        ("{name: a, best: {times: 1.5}}", "best.times: it wants a whole number, and is 1.5"),
        ("{name: a, best: {words: b}}", "best.words: it wants a list, and is 'b'"),
        ("{name: a, recipes: {1: {}}}", "recipes.1: a key is a text: write '1' in quotes"),
        ("name: stone", "nobody eats a stone"),
        ("[name]", "it wants `key: value` lines, and is ['name']"),
        ("", "it wants `key: value` lines, and is empty"),
        (
            "{name: a, recipes: {b: {tims: 2}}}",
            "recipes.b.tims: there is no such key (its value is 2); did you mean times?",
        ),
        (
            "{name: a, best: {x: y}}",
            "best.x: there is no such key (its value is 'y'); there is: words, times",
        ),
        (
            "{kind: hot, nme: a}",
            "name: it is missing; nme: there is no such key (its value is 'a'); did you mean name?",
        ),
    ],
)
def test_the_key_the_value_and_what_is_allowed_are_told(tmp_path, text, said):
    assert told(tmp_path, text) == (said, "Cook again.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"name: a\nkind: [\n", "no YAML, line 3: "),
        (b"name: a\nkind: b: c\n", "no YAML, line 2: "),
        (b"name: 2020-13-45", "no YAML: month must be in 1..12"),
        (b"name: a\nof: \xff", "line 2 is not UTF-8"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_yaml_is_told_by_its_line(tmp_path, text, said):
    message, hint = told(tmp_path, text)
    assert message.startswith(said)
    assert "\n" not in message
    assert hint != "Cook again."


def test_a_long_value_is_cut(tmp_path):
    message, _ = told(tmp_path, f"name: [{'long, ' * 1000}]")
    assert len(message) < 150


def test_what_is_valid_is_read(tmp_path):
    path = tmp_path / "dish.yaml"
    path.write_text("{name: soup, of: water, best: {words: [a, b]}}")
    dish = read_declared(path, Dish, what="dish", error=UnknownSite, hint="")
    assert (dish.name, dish.of, dish.best) == ("soup", "water", Recipe(words=("a", "b")))
