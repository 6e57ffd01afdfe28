"""Rooms whose packages are not installed say which extra brings them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from climeri_platform.core.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["needs"]


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
