"""Spoil files on purpose, as archives spoil them.

Every function changes one file in a tree that belongs to a test. A file is always replaced, never
written into, so that a tree made of hard links (:func:`linked_tree`) leaves its origin as it was.

====================== ==========================================================
:func:`zero_byte`       an empty file, as interrupted transfers leave it
:func:`truncated`       the first part of a file
:func:`not_netcdf`      the error page of a web server under the name of a data file
:func:`missing`         a hole in the time axis: the file is gone
:func:`dangling`        a link to nowhere
:func:`duplicated`      the same times twice, under another name
:func:`shifted`         a time axis moved by some days: an overlap, or a gap
:func:`unordered`       two steps of the time axis exchanged
:func:`empty_bounds`    time bounds that are all missing
:func:`relabelled`      a global attribute that contradicts the path
:func:`other_calendar`  a calendar that the other files of the dataset do not have
:func:`other_units`     time units that the other files do not have; the dates stay
====================== ==========================================================
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import netCDF4

__all__ = [
    "dangling",
    "duplicated",
    "empty_bounds",
    "linked_tree",
    "missing",
    "not_netcdf",
    "other_calendar",
    "other_units",
    "relabelled",
    "shifted",
    "truncated",
    "unordered",
    "zero_byte",
]


def linked_tree(origin: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Make a tree whose files are hard links to those of another: fast, and safe to spoil.

    Falls back to copies where the file system has no links, or another one is meant.
    """

    def link(source: str, destination: str) -> None:
        try:
            Path(destination).hardlink_to(source)
        except OSError:
            shutil.copyfile(source, destination)

    shutil.copytree(origin, target, copy_function=link, symlinks=True, dirs_exist_ok=True)
    return Path(target)


def _replaced(path: str | os.PathLike[str], content: bytes) -> Path:
    place = Path(path)
    spoilt = place.with_name(f".{place.name}.spoilt")
    spoilt.write_bytes(content)
    return spoilt.replace(place)


@contextmanager
def _edited(path: str | os.PathLike[str]) -> Iterator[netCDF4.Dataset]:
    import netCDF4

    place = Path(path)
    spoilt = place.with_name(f".{place.name}.spoilt")
    shutil.copyfile(place, spoilt)
    with netCDF4.Dataset(spoilt, "r+") as dataset:
        dataset.set_auto_maskandscale(False)
        yield dataset
    spoilt.replace(place)


def zero_byte(path: str | os.PathLike[str]) -> Path:
    """Make a file empty."""
    return _replaced(path, b"")


def truncated(path: str | os.PathLike[str], keep: float = 0.5) -> Path:
    """Keep only the first part of a file.

    Parameters
    ----------
    path
        The file.
    keep
        The fraction of its bytes that stays.
    """
    content = Path(path).read_bytes()
    return _replaced(path, content[: int(len(content) * keep)])


def not_netcdf(path: str | os.PathLike[str]) -> Path:
    """Put a web page in the place of a file."""
    page = b"<!DOCTYPE html>\n<html><head><title>401 Unauthorized</title></head></html>\n"
    return _replaced(path, page)


def missing(path: str | os.PathLike[str]) -> Path:
    """Remove a file."""
    Path(path).unlink()
    return Path(path)


def dangling(path: str | os.PathLike[str]) -> Path:
    """Put a link to nowhere in the place of a file."""
    place = Path(path)
    place.unlink()
    place.symlink_to(place.with_name("moved-away.nc"))
    return place


def duplicated(path: str | os.PathLike[str], name: str) -> Path:
    """Put a copy of a file beside it under another name."""
    return Path(shutil.copyfile(path, Path(path).with_name(name)))


def _time(dataset: netCDF4.Dataset) -> netCDF4.Variable[Any]:
    name = "time" if "time" in dataset.variables else "time_counter"
    return dataset.variables[name]


def _bounds(dataset: netCDF4.Dataset) -> netCDF4.Variable[Any]:
    return dataset.variables[_time(dataset).getncattr("bounds")]


def shifted(path: str | os.PathLike[str], steps: float) -> Path:
    """Move the time axis and its bounds by some of its units (days; seconds in libIGCM trees)."""
    with _edited(path) as dataset:
        for variable in (_time(dataset), _bounds(dataset)):
            variable[...] = variable[...] + steps
    return Path(path)


def unordered(path: str | os.PathLike[str], first: int = 0, second: int = 1) -> Path:
    """Exchange two steps of the time axis; the fields stay where they are."""
    with _edited(path) as dataset:
        for variable in (_time(dataset), _bounds(dataset)):
            values = variable[...]
            values[[first, second]] = values[[second, first]]
            variable[...] = values
    return Path(path)


def empty_bounds(path: str | os.PathLike[str]) -> Path:
    """Set all time bounds to NaN."""
    with _edited(path) as dataset:
        bounds = _bounds(dataset)
        bounds[...] = float("nan")
    return Path(path)


def relabelled(path: str | os.PathLike[str], attribute: str, value: Any) -> Path:
    """Change a global attribute."""
    with _edited(path) as dataset:
        dataset.setncattr(attribute, value)
    return Path(path)


def other_calendar(path: str | os.PathLike[str], calendar: str) -> Path:
    """Change the calendar of the time axis, not its numbers."""
    with _edited(path) as dataset:
        _time(dataset).setncattr("calendar", calendar)
    return Path(path)


def other_units(path: str | os.PathLike[str], units: str) -> Path:
    """Count the time axis from another reference; the dates stay the same."""
    import cftime

    with _edited(path) as dataset:
        old = _time(dataset).getncattr("units")
        calendar = _time(dataset).getncattr("calendar")
        for variable in (_time(dataset), _bounds(dataset)):
            variable[...] = cftime.date2num(
                cftime.num2date(variable[...], old, calendar), units, calendar
            )
        _time(dataset).setncattr("units", units)
    return Path(path)
