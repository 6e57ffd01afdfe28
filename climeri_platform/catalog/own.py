"""One's own catalogs: made by whoever has files, without an admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.catalog.build import build_catalog
from climeri_platform.catalog.guess import guess_family
from climeri_platform.catalog.layout import store_path
from climeri_platform.core.errors import UsageError
from climeri_platform.core.settings import setting

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from climeri_platform.catalog.build import BuildReport
    from climeri_platform.catalog.guess import Guess

__all__ = ["add_catalog", "own_store"]


def own_store(store: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of one's own catalogs: the argument, or the setting ``own_store``.

    Examples
    --------
    >>> own_store("/data/group/catalogs").name
    'catalogs'
    """
    return store_path(setting("own_store", store))


def add_catalog(
    root: str | os.PathLike[str],
    *,
    family: str | None = None,
    template: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    root_id: str | None = None,
    cards: str | os.PathLike[str] | None = None,
    accept_loss: bool = False,
    contents: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[BuildReport, Guess | None]:
    """Catalogue a tree of one's own; a private catalog, or a group's in a store that it can read.

    Parameters
    ----------
    root
        The top of the tree, or any folder in it.
    family
        An archive family; by default the one that most of a sample of the files follow.
    template
        In its place, the YAML file of a family of one's own.
    store
        The folder of the catalogs, made if need be; by default the setting ``own_store``.
    root_id, cards, accept_loss, contents, progress
        As `build_catalog` takes them.

    Returns
    -------
    BuildReport
        What was catalogued.
    Guess or None
        How the family was found, if it was not given.

    Raises
    ------
    UsageError
        If both a family and a template are given.
    UnknownFamily
        If there is no such family, or none can be guessed.
    RootUnusable, RootShrunk, StoreError
        As `build_catalog` raises them.
    """
    if family is not None and template is not None:
        raise UsageError(
            f"a tree follows the family {family} or the template {template}, not both",
            hint="Give one of --family and --template.",
        )
    guess = guess_family(root) if family is None and template is None else None
    named = guess.family if guess is not None else template or family
    assert named is not None
    report = build_catalog(
        named,
        root,
        store=own_store(store),
        root_id=root_id,
        cards=cards,
        accept_loss=accept_loss,
        contents=contents,
        progress=progress,
    )
    return report, guess
