"""Links in a list of files: where they lead, by the list itself."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.walk import Skipped, format_of, readable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["resolve_links"]

_FAR = 40  # links of a chain, as the kernel has it


def resolve_links(
    others: pl.DataFrame, records: Iterable[pl.DataFrame], above: str, skipped: Skipped
) -> pl.DataFrame:
    """Return a record for each link to data, with what the list says of its target.

    Parameters
    ----------
    others
        The list's links and directories.
    records
        The whole list once more: targets are looked up in it.
    above
        The root, with a slash at its end.
    skipped
        Is filled with links that lead to directories, or nowhere.
    """
    links = dict(others.filter(pl.col("type") == "l").select("path", "target").iter_rows())
    ends = {name: _end_of(name, links, above) for name in links}
    wanted = pl.DataFrame(
        {"link": list(ends), "path": list(ends.values())}, {"link": pl.String, "path": pl.String}
    )
    found = pl.concat(
        each.filter(pl.col("type") != "l").join(wanted, on="path") for each in records
    )
    _tell(links, ends, dict(found.select("link", "type").iter_rows()), skipped)
    formats = [
        format_of(link.rpartition("/")[2], directory=kind == "d")
        for link, kind in found.select("link", "type").iter_rows()
    ]
    taken = found.with_columns(pl.Series("format", formats, pl.String)).drop("path")
    taken = taken.rename({"link": "path"}).filter(pl.col("format").is_not_null())
    whole = pl.when(pl.col("type") == "f")
    return taken.with_columns(whole.then("size"), whole.then("online"))


def _end_of(name: str, links: dict[str, str], above: str) -> str | None:
    """Return the path to which a link leads; absolute or with ``..`` if outside, None for a loop."""
    path = name
    for _ in range(_FAR):
        parts = path.split("/")
        steps = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        link = next((each for each in steps if each in links), None)
        if link is None:
            return path
        to = posixpath.join(posixpath.dirname(link), links[link])
        path = posixpath.normpath(to + path[len(link) :]).removeprefix(above)
    return None


def _tell(
    links: dict[str, str], ends: dict[str, str | None], kinds: dict[str, str], skipped: Skipped
) -> None:
    for name, target in links.items():
        end, kind = ends[name], kinds.get(name)
        last = name.rpartition("/")[2]
        outside = end is not None and end.startswith(("/", "../"))
        if kind == "d" or end in {".", ".."} or (outside and not _is_data(last)):
            if format_of(last, directory=True) is None:
                skipped.links.append(readable(name))
                if last == "latest":
                    skipped.latest.append((readable(name), readable(target)))
        elif kind == "f":
            skipped.other += not _is_data(last)
        elif outside:
            said = f"a link to {target}, not in the inventory"
            skipped.unreadable.append((readable(name), said))
            skipped.unseen.append(name)
        else:
            said = f"a dangling link: {target} is not in the inventory"
            skipped.unreadable.append((readable(name), said))


def _is_data(name: str) -> bool:
    return format_of(name, directory=False) is not None
