"""The read-only copy of the curated notebooks that every user sees beside the own folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from climeri_platform.core.errors import HubFailed

__all__ = ["first_notebook", "refresh_curated", "set_modes"]

SKIPPED = shutil.ignore_patterns(".*", "__pycache__")


def set_modes(folder: Path, *, folders: int, files: int) -> None:
    """Set the mode of a folder and of all below it."""
    folder.chmod(folders)
    for place, names, others in os.walk(folder):
        for name in names:
            (Path(place) / name).chmod(folders)
        for name in others:
            (Path(place) / name).chmod(files)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        set_modes(folder, folders=0o700, files=0o600)
        shutil.rmtree(folder)


def refresh_curated(source: Path, target: Path) -> int:
    """Copy the curated notebooks so that nobody changes them by mistake.

    A copy and not a link: the servers run as the user who started the hub, who may well own the
    source, and a cell may write wherever its user may.

    Parameters
    ----------
    source
        The curated notebooks; only read.
    target
        The copy; what was there is replaced. Folders get mode 555 and files 444.

    Returns
    -------
    int
        The number of notebooks.

    Raises
    ------
    HubFailed
        If the source cannot be read or the target not be written.
    """
    if not source.is_dir():
        raise HubFailed(
            f"the folder of the curated notebooks does not exist: {source}",
            hint="Name another one: --notebooks DIR.",
        )
    fresh, old = target.with_name(f"{target.name}.new"), target.with_name(f"{target.name}.old")
    try:
        _remove(fresh)
        _remove(old)
        shutil.copytree(source, fresh, ignore=SKIPPED, ignore_dangling_symlinks=True)
        if target.is_dir():
            target.chmod(0o700)  # a folder that is not writable cannot be moved on every system
            target.rename(old)
        fresh.rename(target)
        set_modes(target, folders=0o555, files=0o444)
        _remove(old)
    except (OSError, shutil.Error) as problem:
        raise HubFailed(
            f"the curated notebooks of {source} cannot be copied to {target}: {problem}"
        ) from problem
    return sum(1 for _ in target.rglob("*.ipynb"))


def first_notebook(curated: Path) -> str:
    """Return the notebook that a newcomer opens first.

    Parameters
    ----------
    curated
        A folder of notebooks.

    Returns
    -------
    str
        Its path inside the folder, by the order of the names; empty if there is none.
    """
    found = sorted(path.relative_to(curated).as_posix() for path in curated.rglob("*.ipynb"))
    return found[0] if found else ""
