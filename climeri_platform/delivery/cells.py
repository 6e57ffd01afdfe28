"""One notebook for one reader: a language, no outputs, the kernel of the platform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from climeri_platform.core.errors import FileUnreadable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KERNEL", "LANGUAGES", "for_reader"]

LANGUAGES = ("fr", "en")
KERNEL = {"display_name": "CLIMERI (Python 3)", "language": "python", "name": "climeri"}


def for_reader(path: Path, language: str | None) -> bytes:
    """Return a notebook as somebody who reads ``language`` gets it.

    Parameters
    ----------
    path
        A notebook; cells tagged ``lang-fr`` or ``lang-en`` are prose in that language.
    language
        ``fr`` or ``en``; None keeps both.

    Returns
    -------
    bytes
        The notebook in JSON, without the cells of other languages, without outputs, always the
        same bytes for the same source.

    Raises
    ------
    FileUnreadable
        If the file is no notebook.
    """
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        cells: list[dict[str, Any]] = notebook["cells"]
        kept = [_clean(cell) for cell in cells if _is_for(cell, language)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise FileUnreadable(
            f"{path} is no notebook that can be delivered: {type(problem).__name__}: {problem}",
            hint="The curated notebooks come with the installation: install climeri-platform again.",
        ) from problem
    metadata = {**notebook.get("metadata", {}), "kernelspec": KERNEL}
    metadata.pop("widgets", None)  # the state of progress bars is an output too
    text = json.dumps(
        {**notebook, "cells": kept, "metadata": metadata},
        indent=1,
        ensure_ascii=False,
        sort_keys=True,
    )
    return (text + "\n").encode()


def _is_for(cell: dict[str, Any], language: str | None) -> bool:
    spoken = {tag.removeprefix("lang-") for tag in _tags(cell) if tag.startswith("lang-")}
    return language is None or not spoken or language in spoken


def _tags(cell: dict[str, Any]) -> list[str]:
    return [str(tag) for tag in cell.get("metadata", {}).get("tags", [])]


def _clean(cell: dict[str, Any]) -> dict[str, Any]:
    if cell["cell_type"] != "code":
        return cell
    metadata = {key: value for key, value in cell["metadata"].items() if key != "execution"}
    return {**cell, "metadata": metadata, "execution_count": None, "outputs": []}
