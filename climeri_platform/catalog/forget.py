"""Forgetting a root: its rows leave the catalog, and no file is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.catalog.assembly import without_root
from climeri_platform.catalog.layout import open_snapshot
from climeri_platform.catalog.publish import publish, writing
from climeri_platform.core.errors import UnknownValue, UsageError, nearest

if TYPE_CHECKING:
    import os

    from climeri_platform.catalog.layout import Snapshot

__all__ = ["forget_root"]


def forget_root(root_id: str, *, store: str | os.PathLike[str] | None = None) -> Snapshot:
    """Publish the catalogs without a root, for all its families.

    Parameters
    ----------
    root_id
        As `climeri catalog list` shows it.
    store
        The folder of the catalogs; by default the setting ``store``.

    Returns
    -------
    Snapshot
        The published one. The snapshot before it has the rows still: `rollback` brings them back.

    Raises
    ------
    UnknownValue
        If the store has no such root; the nearest are named.
    UsageError
        If it is the only one.
    StoreError
        If the store cannot be written. What was published before stays.
    """
    folder = open_snapshot(store).store
    with writing(folder):
        previous = open_snapshot(folder)
        known = sorted({each.root_id for each in previous.card.roots})
        if root_id not in known:
            like = nearest(root_id, known) or known
            raise UnknownValue(
                f"the store {folder} has no root {root_id!r}",
                hint=f"Did you mean {' or '.join(like)}?",
            )
        tables, roots, ends = without_root(previous, root_id)
        if not roots:
            raise UsageError(
                f"{root_id} is the only root of the store {folder}",
                hint="A store without any root is no catalog: remove the folder instead.",
            )
        site = previous.card.site
        return publish(folder, tables, roots, site=site, previous=previous, ends=ends)
