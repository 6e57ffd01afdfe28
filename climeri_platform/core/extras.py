"""Doors of rooms: lazy, and saying which extra brings the packages that are missing."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING

from climeri_platform.core.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["lazy_door", "needs"]


@contextmanager
def needs(extra: str, doing: str) -> Iterator[None]:
    """Turn a missing package into a sentence.

    Parameters
    ----------
    extra
        The extra of ``climeri-platform`` that brings the package.
    doing
        What was asked for, as the beginning of a sentence.

    Raises
    ------
    MissingExtra
        If a package is missing that is not one of ours.

    Examples
    --------
    >>> with needs("access", "opening data"):
    ...     import json
    """
    try:
        yield
    except ModuleNotFoundError as problem:
        if (problem.name or "").startswith("climeri_platform"):
            raise
        raise MissingExtra(
            f"{doing} needs the package {problem.name!r}, which is not installed",
            hint=f"pip install 'climeri-platform[{extra}]'",
        ) from problem


def lazy_door(
    room: str, where: Mapping[str, str], *, extra: str = "", doing: str = ""
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package that imports a module when it is used.

    Parameters
    ----------
    room
        The package's ``__name__``.
    where
        Public name to the module that holds it, relative to the package.
    extra, doing
        What `needs` says when a package is missing; without an extra the error stays as it is.

    Returns
    -------
    tuple
        The two functions that Python calls for a module (PEP 562).

    Examples
    --------
    >>> getattr_, dir_ = lazy_door("climeri_platform.core", {"nearest": "errors"})
    >>> getattr_("nearest")("tos", ["tas", "tos"])
    ['tos', 'tas']
    """

    def getattr_(name: str) -> object:
        if name not in where:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        with needs(extra, doing or room) if extra else nullcontext():
            value: object = getattr(import_module(f"{room}.{where[name]}"), name)
        setattr(sys.modules[room], name, value)
        return value

    def dir_() -> list[str]:
        return sorted({*vars(sys.modules[room]), *where})

    return getattr_, dir_
