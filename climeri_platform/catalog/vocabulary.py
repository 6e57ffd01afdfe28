"""The names that all families share, and the names of a native output's variables in CMIP.

Both are data: ``catalogs/vocabulary.yaml`` and ``catalogs/variables/*.yaml``.
"""

from __future__ import annotations

import re
from functools import lru_cache

import yaml

from climeri_platform.catalog.native import native_table
from climeri_platform.core.resources import data_path

__all__ = ["COMMON", "in_order", "shared_names", "variable_names"]

COMMON = (
    "variable",
    "model",
    "experiment",
    "member",
    "frequency",
    "institution",
    "realm",
    "table",
)


@lru_cache(maxsize=1)
def shared_names() -> dict[str, tuple[str, ...]]:
    """Return each shared name of a facet, with the other names that people know it by."""
    text = (data_path("catalogs") / "vocabulary.yaml").read_text(encoding="utf-8")
    return {name: tuple(others or ()) for name, others in yaml.safe_load(text).items()}


@lru_cache(maxsize=32)
def variable_names(table: str) -> dict[str, dict[str, str]]:
    """Return the CMIP names of a model's own variables.

    Parameters
    ----------
    table
        A file of ``catalogs/variables``, without its ending.

    Returns
    -------
    dict
        Component of the model to native name to CMIP name.

    Raises
    ------
    UnknownFamily
        If there is no such table, or it is not valid.
    """
    return {
        component: {
            native: row.variable for native, row in its.variables.items() if row.variable != native
        }
        for component, its in native_table(table).components.items()
    }


def in_order(text: str) -> list[str | int]:
    """Return the key that sorts names with the numbers in them as numbers.

    Parameters
    ----------
    text
        Such as a member, or a version.

    Returns
    -------
    list
        Words and numbers in turn.

    Examples
    --------
    >>> sorted(["r10i1p1f1", "r2i1p1f1", "r1i1p1f1"], key=in_order)
    ['r1i1p1f1', 'r2i1p1f1', 'r10i1p1f1']
    """
    return [int(each) if at % 2 else each for at, each in enumerate(re.split(r"([0-9]+)", text))]
