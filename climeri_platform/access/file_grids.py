"""Whether the files of a dataset are on one grid: sizes, and coordinates but time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.access.coordinates import rounding
from climeri_platform.access.decoding import decoding_of, fitted
from climeri_platform.core.errors import DatasetInconsistent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from climeri_platform.access.engines.header import Header, StoredVariable

__all__ = ["IN_ALL", "check_coordinates", "check_sizes", "values_of"]

# a coordinate with more values than this is read from the first and the last file only, because
# reading it from all would take longer than opening them; with more than that, from none
IN_ALL, _IN_TWO = 250_000, 4_000_000
_File = tuple[str, "Header"]


def values_of(variable: StoredVariable) -> np.ndarray[Any, Any]:
    """Return all values of a coordinate; it is read if it is not in memory."""
    raw = np.array(variable.array.read((slice(None),) * len(variable.dims)))
    return decoding_of(fitted(variable.attrs, raw.dtype, marginal=True), raw.dtype)(raw)


def check_sizes(files: Sequence[_File], time: str) -> None:
    """Compare the dimensions but time.

    Raises
    ------
    DatasetInconsistent
        If one has another length.
    """
    first_path, first = files[0]
    used = {dim for each in first.variables.values() if time in each.dims for dim in each.dims}
    for path, header in files[1:]:
        for dim in used - {time}:
            if dim in header.sizes and header.sizes[dim] != first.sizes[dim]:
                raise DatasetInconsistent(
                    f"the files are not on one grid: {dim} has {first.sizes[dim]} values in "
                    f"{first_path}, {header.sizes[dim]} in {path}",
                    hint="Open the files one by one and compare their coordinates.",
                )


def check_coordinates(files: Sequence[_File], time: str, coordinates: Iterable[str]) -> list[str]:
    """Compare the coordinates but time: files written years apart may round them otherwise.

    Parameters
    ----------
    files
        Path and header of each.
    time
        The dimension along which they are joined.
    coordinates
        Names of the variables that are coordinates of the first.

    Returns
    -------
    list of str
        What differs and does no harm; the first file's values are taken.

    Raises
    ------
    DatasetInconsistent
        If it is another grid.
    """
    first_path, first = files[0]
    notes: list[str] = []
    for name in coordinates:
        variable = first.variables[name]
        size = int(np.prod(variable.array.shape, dtype=np.int64))
        if time in variable.dims or size > _IN_TWO or variable.array.dtype.kind not in "iufSU":
            continue
        here, worst = values_of(variable), 0.0
        for path, header in files[1:] if size <= IN_ALL else files[-1:]:
            theirs = header.variables.get(name)
            if theirs is None or time in theirs.dims:
                continue
            there = values_of(theirs)
            if here.dtype == there.dtype and here.tobytes() == there.tobytes():
                continue
            distance = rounding(here, there, axis=variable.dims == (name,))
            if distance is None and here.ndim == 0 == there.ndim:
                notes.append(f"{name} is {here} in {first_path}, {there} in {path}")
            elif distance is None:
                raise DatasetInconsistent(
                    f"the files are not on one grid: {name} differs between {first_path} and {path}",
                    hint="Open the files one by one and compare their coordinates.",
                )
            else:
                worst = max(worst, distance)
        if worst and variable.dims == (name,):
            notes.append(
                f"{name} differs by up to {worst:.1e} between files; the first file's is kept"
            )
    return notes
