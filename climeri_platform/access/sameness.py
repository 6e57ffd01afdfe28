"""Whether the files of a dataset hold the same: attributes, variables, units."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.times import is_dated
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.access.engines.header import Header

__all__ = ["check_variables", "equal", "shared"]

# attributes that change what the numbers mean
_MEANING = ("units", "positive")
_Said = dict[tuple[str, str], tuple[Any, str]]  # variable and attribute: value, and in which file


def equal(here: Any, there: Any) -> bool:
    """Return whether two values of an attribute are one; NaN is itself."""
    if isinstance(here, np.ndarray) or isinstance(there, np.ndarray):
        return np.shape(here) == np.shape(there) and bool(
            np.array_equal(here, there, equal_nan=np.asarray(here).dtype.kind == "f")
        )
    return bool(here == there) or (here != here and there != there)  # noqa: PLR0124 - NaN


def shared(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the attributes without those that differ; one that some lack is kept."""
    found = dict(attributes[0])
    differing: set[str] = set()
    for each in attributes[1:]:
        if each is attributes[0]:
            continue
        for name, value in each.items():
            if name in differing:
                continue
            if name not in found:
                found[name] = value
            elif found[name] is not value and not equal(found[name], value):
                differing.add(name)
                del found[name]
    return found


def check_variables(files: Sequence[tuple[str, Header]], time: str) -> list[str]:
    """Compare the variables of the files of a dataset.

    Returns
    -------
    list of str
        What differs and does no harm.

    Raises
    ------
    DatasetInconsistent
        If no variable is in all files, or one has other units or another sign.
    """
    first_path, first = files[0]
    marginal = set(chain(first.sizes, *(_named(each) for _, each in files)))
    along = [
        {n for n, v in each.variables.items() if time in v.dims and n not in marginal}
        for _, each in files
    ]
    if along[0] and not set.intersection(*along):
        other = next(
            path for (path, _), names in zip(files, along, strict=True) if names != along[0]
        )
        raise DatasetInconsistent(
            f"no variable is in all files: {first_path} and {other} hold different ones",
            hint="A file has the name of another variable: look at them with ncdump -h.",
        )
    notes = []
    for name in sorted(set.union(*along)):
        without = [path for (path, _), names in zip(files, along, strict=True) if name not in names]
        if without:
            notes.append(
                f"{name} is not in {len(without)} of {len(files)} files, such as {without[0]}; "
                "it is missing values there"
            )
    said: _Said = {}
    for path, header in files:
        notes += _meanings(said, (path, header), along[0])
    return notes


def _named(header: Header) -> set[str]:
    """Return the coordinates and bounds of a file."""
    found: set[str] = set()
    for each in header.variables.values():
        for word in ("coordinates", "bounds", "climatology"):
            found.update(str(each.attrs.get(word, "")).split())
    return found


def _meanings(said: _Said, file: tuple[str, Header], along: set[str]) -> list[str]:
    """Compare a file with the first that says something, and with the first of all."""
    path, header = file
    notes = []
    for name, variable in header.variables.items():
        for word in _MEANING:
            there = variable.attrs.get(word)
            here, first = said.setdefault((name, word), (there, path))
            if here == there or is_dated({"units": here}):
                continue
            if None not in (here, there) and str(here).split() != str(there).split():
                raise DatasetInconsistent(
                    f"{name} has {word} {here!r} in {first}, {there!r} in {path}",
                    hint="Open the files one by one and convert them; tell the centre.",
                )
            if None in (here, there) and name in along:
                notes.append(
                    f"{name} has {word} {here!r} in {first}, {there!r} in {path}; "
                    "they are taken for the same"
                )
            if here is None:  # from here on what one file says counts, not what another leaves out
                said[name, word] = there, path
    return notes
