"""Which catalogs there are for a user, and in which store one of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.catalog import CatalogView, open_snapshot, store_path
from climeri_platform.catalog.stores import NamedStore, named_stores
from climeri_platform.catalog.union import Located, told_of_each_other
from climeri_platform.core.errors import StoreError, StoreMissing, UnknownFamily, UsageError
from climeri_platform.selection.catalogs import Catalogs, Trouble

if TYPE_CHECKING:
    import os

__all__ = ["find_catalog", "open_catalogs"]


def open_catalogs(
    store: str | os.PathLike[str] | None = None, snapshot: str | None = None
) -> Catalogs:
    """Open every catalog of every store that the settings name, or of one store.

    Parameters
    ----------
    store
        Only this one.
    snapshot
        Of that store, an older one.

    Returns
    -------
    Catalogs
        A store that does not answer is in ``troubles``, and a warning tells it.

    Raises
    ------
    UsageError
        If a snapshot is given without its store.
    StoreError
        If no store answers: what the first one says.
    """
    if snapshot is not None and store is None:
        raise UsageError(
            f"the snapshot {snapshot!r} is of which store?",
            hint="Give the store too: open_catalog(store=..., snapshot=...).",
        )
    stores = named_stores() if store is None else [NamedStore("store", store_path(store))]
    parts: list[Located] = []
    problems: list[tuple[NamedStore, StoreError | UnknownFamily]] = []
    for each in stores:
        try:
            state = open_snapshot(each.path, snapshot)
        except StoreError as problem:
            if each.expected or not isinstance(problem, StoreMissing):
                problems.append((each, problem))
            continue
        for family in state.families:
            try:
                view = CatalogView.open(family, each.path, state.name)
                state.scan(family, "datasets")
                parts.append(Located(each.label, view))
            except (StoreError, UnknownFamily) as problem:
                problems.append((each, problem))
    if not parts:
        if problems:
            raise problems[0][1]
        raise StoreMissing(
            "there is no catalog to search: no store was named, and none of your own was made",
            hint="Set CLIMERI_STORE, or make one: climeri catalog add ROOT.",
        )
    found = Catalogs(tuple(told_of_each_other(parts)))
    for named, told in problems:
        found.tell(Trouble(str(named.path), told.message))
    return found


def find_catalog(
    name: str, store: str | os.PathLike[str] | None = None, snapshot: str | None = None
) -> CatalogView:
    """Open the catalog ``name`` of the first store that has it: shared, own, then the others.

    Parameters
    ----------
    name
        Such as ``CMIP6``; ``own:CMIP6`` is that of one store.
    store, snapshot
        Of this store alone, and as an older snapshot has it.

    Raises
    ------
    UnknownFamily
        If no store has it, or the name is no text.
    StoreError
        If a store that comes before does not answer.
    UsageError
        If no store is named, and none of one's own was made.
    """
    if not isinstance(name, str):
        raise UnknownFamily(
            f"open_catalog({name!r}): a catalog goes by its name, a text such as 'CMIP6'",
            hint="open_catalog() opens all that there are; `catalogs` names them.",
        )
    if store is not None or snapshot is not None:
        return CatalogView.open(name, store, snapshot)
    label, _, family = name.rpartition(":")
    stores = named_stores()
    wanted = [each for each in stores if not label or each.label == label]
    first: UnknownFamily | None = None
    for each in wanted:
        try:
            return CatalogView.open(family, each.path)
        except UnknownFamily as problem:
            first = first or problem
        except StoreMissing:
            if each.expected:
                raise
    if first is not None:
        raise first
    if label:
        known = ", ".join(each.label for each in stores)
        raise UnknownFamily(f"there is no store {label!r}", hint=f"There is: {known}.")
    return CatalogView.open(family)
