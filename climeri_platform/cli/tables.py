"""How sizes, periods and datasets of several catalogs are printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.core.sizes import many, size_text

if TYPE_CHECKING:
    from climeri_platform.selection import Catalogs

__all__ = ["card_marks", "print_everywhere", "size_of", "span_text"]


def size_of(count: float | None) -> str:
    """Return a number of bytes as people write it, or ``-`` if nobody knows it.

    Examples
    --------
    >>> size_of(1234567)
    '1.2 MB'
    """
    return "-" if count is None else size_text(count)


def span_text(row: dict[str, Any]) -> str:
    """Return the period of a dataset as people write it."""
    if row["start"] is None:
        # the name of a store does not say its period
        return "fixed" if row.get("format") in (None, "netcdf") else "-"
    return f"{str(row['start']).zfill(12)[:6]}-{str(row['end']).zfill(12)[:6]}"


def card_marks(row: dict[str, Any]) -> str:
    """Return what is to be seen at once of a dataset's simulation card: none, or an embargo."""
    mark = "  uncarded" if row.get("card") == "uncarded" else ""
    return f"{mark}  embargo until {row['embargo']}" if row.get("embargo") else mark


def print_everywhere(found: Catalogs, *, as_json: bool) -> None:
    """Print the datasets of several catalogs, each with where it is from."""
    rows = found.datasets.to_dicts()
    if as_json:
        catalogs = [
            {
                "catalog": part.family,
                "store": str(part.view.snapshot.store),
                "label": part.store,
                "snapshot": part.view.snapshot.name,
                "emptied": part.emptied,
            }
            for part in found.parts
        ]
        troubles = [{"store": each.store, "problem": each.problem} for each in found.troubles]
        click.echo(
            json.dumps(
                {"catalogs": catalogs, "troubles": troubles, "datasets": _with_paths(found, rows)},
                indent=2,
            )
        )
        return
    width = max(len(row["dataset"]) for row in rows)
    for row in rows:
        where = f"{row['store']}:{row['catalog']}"
        also = f"  also at {', '.join(row['replicas'])}" if row["replicas"] else ""
        click.echo(
            f"{row['dataset']:{width}}  {where:16} {row['version'] or '-':10} {span_text(row):13} "
            f"{row['files']:4} files {size_of(row['size']):>9}{card_marks(row)}{also}"
        )
    held = ", ".join(f"{name} {count}" for name, count in found.counts.items() if count)
    click.echo(f"{many(len(found), 'dataset')}: {held}", err=True)


def _with_paths(found: Catalogs, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from climeri_platform.catalog.replicas import replicas_here

    paths: dict[tuple[str, ...], list[str]] = {}
    near: dict[tuple[str, str], bool] = {}
    for part in found.parts:
        if part.emptied:
            continue
        here = {root: each.mount for root, each in replicas_here(part.view.snapshot).items()}
        mounts = {**part.view.snapshot.mounts, **{k: v for k, v in here.items() if v is not None}}
        near |= {(part.store, root): mount is not None for root, mount in here.items()}
        where = part.family, part.store
        for *key, path in part.view.files("dataset", "version", "root", "path").iter_rows():
            paths.setdefault((*where, *key), []).append(f"{mounts[key[-1]]}/{path}")
    names = ("catalog", "store", "dataset", "version", "root")
    return [
        {
            **row,
            "here": near[row["store"], row["root"]],
            "paths": paths[tuple(row[name] for name in names)],
        }
        for row in rows
    ]
