"""The tree of errors: as drawn, with its exit codes, across process borders."""

from __future__ import annotations

import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from climeri_platform.core import errors
from climeri_platform.core.errors import ClimeriError, nearest

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, ClimeriError)
]


def drawn() -> dict[str, tuple[str | None, int]]:
    """Class to parent and exit code, as the docstring draws them."""
    found: dict[str, tuple[str | None, int]] = {}
    above: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([│├└─ ]*)([A-Z]\w+)(?: {2,}(?:exit code )?(\d+))?", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        parent = above[depth - 1] if depth else None
        code = int(match[3]) if match[3] else found[parent][1]
        found[match[2]] = (parent, code)
        above[depth:] = [match[2]]
    return found


def test_the_drawn_tree_is_the_real_one():
    real = {
        each.__name__: (
            None if each is ClimeriError else each.__bases__[0].__name__,
            each.exit_code,
        )
        for each in CLASSES
    }
    assert drawn() == real
    assert len(real) > 20


def test_exit_codes_of_branches_differ():
    branches = [each for each in CLASSES if each.__bases__[0] is ClimeriError]
    codes = [each.exit_code for each in branches]
    assert len(set(codes)) == len(codes)
    # 2 is the command line's own for a wrong word; above 64 the system's begin
    assert all(2 <= code < 64 for code in codes)


def test_all_are_public_and_documented():
    assert {each.__name__ for each in CLASSES} <= set(errors.__all__)
    for each in CLASSES:
        assert each.__doc__
        assert each.__doc__.strip().splitlines()[0].endswith(".")


def _raise(name: str) -> None:
    raise getattr(errors, name)("what", hint="do this")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda each: each.__name__)
def test_pickling_keeps_all(kind):
    one = kind("the message", hint="the remedy")
    other = pickle.loads(pickle.dumps(one))
    assert type(other) is kind
    assert (other.message, other.hint, str(other)) == (one.message, one.hint, str(one))
    assert str(kind("alone")) == "alone"


def test_they_cross_a_pool():
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool:
        for kind in (errors.StoreMissing, errors.FileUnreadable, errors.UnknownValue):
            with pytest.raises(kind) as caught:
                pool.submit(_pool_raise, kind.__name__).result()
            assert caught.value.hint == "do this"


def _pool_raise(name: str) -> None:
    _raise(name)


def test_builtin_kinds_are_caught_too():
    assert issubclass(errors.UnknownFacet, ValueError)
    assert issubclass(errors.StoreMissing, FileNotFoundError)
    assert issubclass(errors.FileUnreadable, OSError)
    assert issubclass(errors.MissingExtra, ImportError)


@pytest.mark.parametrize(
    ("typed", "known", "found"),
    [
        ("histroical", ["historical", "ssp585"], ["historical"]),
        ("IPSL-cm6a-lr", ["IPSL-CM6A-LR", "IPSL-CM5A-LR"], ["IPSL-CM6A-LR", "IPSL-CM5A-LR"]),
        ("xyz", ["historical"], []),
        ("tas", [], []),
        ("TAS", ["tas", "Tas"], ["tas", "Tas"]),
    ],
)
def test_nearest(typed, known, found):
    assert nearest(typed, known) == found


def test_nearest_returns_no_more_than_asked():
    assert len(nearest("tas", [f"tas{n}" for n in range(10)], count=2)) == 2
