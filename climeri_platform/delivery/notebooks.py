"""Copies of the curated notebooks in a folder of somebody else's."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from climeri_platform.core.errors import ClimeriError, UsageError
from climeri_platform.core.resources import data_path
from climeri_platform.core.writing import write_whole
from climeri_platform.delivery.cells import LANGUAGES, for_reader

if TYPE_CHECKING:
    import os

__all__ = ["MANIFEST", "deliver_notebooks"]

MANIFEST = ".climeri-notebooks.json"
"""What was delivered: path to SHA-256. Only what is in it is ever replaced or removed."""

READ_ONLY = 0o444


def deliver_notebooks(
    target: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    language: str | None = None,
) -> list[Path]:
    """Copy the curated notebooks to a folder, read-only and in one language.

    Delivering again replaces what changed, each file in one step, and removes delivered notebooks
    that no longer exist. Other files are never touched: neither somebody's own notebook of the
    same name, nor a delivered one that somebody made writable and changed (it is moved aside).

    Parameters
    ----------
    target
        The folder; made if it does not exist.
    source
        The curated notebooks; by default those of this installation.
    language
        ``fr`` or ``en`` leaves out the prose of the other; None keeps both.

    Returns
    -------
    list of pathlib.Path
        The delivered notebooks, in order: what is there now, changed or not.

    Raises
    ------
    UsageError
        If the language is neither ``fr`` nor ``en``, or if there is no notebook at the source.
    FileUnreadable
        If a notebook of the source is damaged; nothing is delivered then.
    ClimeriError
        If the target cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     delivered = deliver_notebooks(folder, language="en")
    ...     [path.relative_to(folder).as_posix() for path in delivered]
    ['00-start-here/start-here.ipynb']
    """
    if language is not None and language not in LANGUAGES:
        raise UsageError(
            f"there are no notebooks in the language {language!r}",
            hint=f"There are: {', '.join(LANGUAGES)}.",
        )
    origin = data_path("notebooks") if source is None else Path(source)
    wanted = _prepared(origin, language)
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _read_manifest(folder)
        delivered = _deliver(folder, wanted, before)
        for name in sorted(before.keys() - wanted.keys()):
            _withdraw(folder, name, before[name])
        write_whole(folder / MANIFEST, _manifest(wanted, delivered), mode=0o644)
    except OSError as problem:
        raise ClimeriError(
            f"the curated notebooks cannot be delivered to {folder}: {problem}",
            hint="Give a folder that you may write to.",
        ) from problem
    return [folder / name for name in delivered]


def _prepared(origin: Path, language: str | None) -> dict[str, bytes]:
    """Return path to content of all that is to be delivered, before anything is written."""
    found = sorted(
        path
        for path in origin.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(origin).parts)
    )
    if not found:
        raise UsageError(f"there is no notebook below {origin}")
    return {path.relative_to(origin).as_posix(): for_reader(path, language) for path in found}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _read_manifest(folder: Path) -> dict[str, str]:
    try:
        held = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names = {str(name): str(digest) for name, digest in held.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        return {}  # nobody knows then what was delivered: everything there is somebody's own
    # a manifest that was tampered with must not reach outside the folder
    return {name: digest for name, digest in names.items() if _is_inside(name)}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.suffix == ".ipynb"


def _deliver(folder: Path, wanted: dict[str, bytes], before: dict[str, str]) -> list[str]:
    delivered = []
    for name, content in wanted.items():
        path = folder / name
        there = _digest(path.read_bytes()) if path.is_file() else None
        if there is not None and there != _digest(content):
            if name not in before:
                continue  # somebody's own
            if there != before[name]:
                _move_aside(path)
        if there != _digest(content):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content, mode=READ_ONLY)
        if path.stat().st_mode & 0o777 != READ_ONLY:
            path.chmod(READ_ONLY)
        delivered.append(name)
    return delivered


def _withdraw(folder: Path, name: str, digest: str) -> None:
    path = folder / name
    if not path.is_file() or _digest(path.read_bytes()) != digest:
        return  # gone already, or changed by somebody and thus theirs
    path.unlink()
    for parent in path.relative_to(folder).parents:
        if parent != Path() and not any((folder / parent).iterdir()):
            (folder / parent).rmdir()


def _move_aside(path: Path) -> None:
    number = 1
    while (aside := path.with_name(f"{path.stem}-changed-{number}.ipynb")).exists():
        number += 1
    path.rename(aside)


def _manifest(wanted: dict[str, bytes], delivered: list[str]) -> bytes:
    digests = {name: _digest(wanted[name]) for name in delivered}
    return (json.dumps(digests, indent=1) + "\n").encode()
