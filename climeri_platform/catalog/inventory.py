r"""Inventories: a list of a tree's files, in place of walking it.

Accepted are

- the long form, what ``find ROOT -printf '%y\t%s\t%T@\t%C@\t%i\t%b\t%m\t%G\t%P\t%l\0'`` prints, so
  that any name survives;
- the short form, a line ``path<TAB>size<TAB>mtime`` for each file (mtime in seconds since 1970);
- CSV (``.csv``) and Parquet (``.parquet``) with columns ``path``, ``size``, ``mtime``, as policy engines
  export them; ``ctime``, ``inode``, ``blocks`` and ``group`` are taken if they are there.

Paths are relative to the root, or absolute below it.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.links import resolve_links
from climeri_platform.catalog.listing import LISTING, with_group_names
from climeri_platform.catalog.records import FIND_FORMAT, is_long, records, unknown_of
from climeri_platform.catalog.walk import Skipped, format_of, readable
from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FIND_FORMAT", "read_inventory"]

_STORE = r"^(.*?(?:\.zarr|[._]kerchunk\.json|[._]kerchunk\.parquet|\.parq))/"


def read_inventory(
    file: str | os.PathLike[str],
    root: str | os.PathLike[str],
    skipped: Skipped,
    odd: list[tuple[str, int | None]],
    progress: Callable[[int], None] | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield the files of a list as a walk would find them, in tables of the columns `LISTING`.

    What a list says of the inside of a Zarr store, or of a directory of references, is one row.

    Parameters
    ----------
    file
        The inventory.
    root
        What its paths are relative to; it need not exist on this machine. Where it does not, groups
        stay numbers: their names are another machine's.
    skipped
        Is filled with what is not taken, at the end.
    odd
        Is filled with files whose path is not UTF-8, readably, and their sizes.
    progress
        Is called with the number of files seen so far.

    Yields
    ------
    polars.DataFrame

    Raises
    ------
    RootUnusable
        If the inventory cannot be read, or a line of it is not in its form.
    """
    path = Path(file)
    above = posixpath.normpath(os.fspath(root)).rstrip("/") + "/"
    here = Path(root).is_dir()
    try:
        long = is_long(path)
        inside: list[pl.DataFrame] = []
        beside: list[pl.DataFrame] = []
        seen = 0
        for table in records(path, odd, skipped):
            rows = _below(table, above, path)
            inner = pl.col("path").str.contains(_STORE)  # links in a store are the store's own
            beside.append(rows.filter(pl.col("type") != "f").filter(~inner))
            files = _data(rows.filter(pl.col("type") == "f"), inside, skipped)
            seen += files.height
            if progress is not None:
                progress(seen)
            yield _listing(files, named=here)
        others = pl.concat(beside) if beside else pl.DataFrame()
        yield _listing(_stores(inside, others), named=here)
        if others.height and (others["type"] == "l").any():
            again = (_below(each, above, path) for each in records(path, [], Skipped()))
            yield _listing(resolve_links(others, again, above, skipped), named=here)
    except RootUnusable:  # an OSError too
        raise
    except OSError as problem:
        raise RootUnusable(
            f"the inventory {path} cannot be read: {problem.strerror or problem}",
            hint="Name a file that `find -printf`, or a policy engine, has written.",
        ) from problem
    skipped.unknown += unknown_of(path, long=long)
    skipped.sort()


def _below(table: pl.DataFrame, above: str, file: Path) -> pl.DataFrame:
    """Return records with paths relative to the root."""
    name = pl.col("path")
    if not table.select(name.str.starts_with("/").any()).item():
        return table
    table = table.with_columns(name.str.strip_prefix(above))
    strange = table.filter(name.str.starts_with("/") & (name != above[:-1]))
    if strange.height:
        raise RootUnusable(
            f"the inventory {file} lists {readable(strange['path'][0])}, which is not below {above[:-1]}",
            hint="Name the root that the inventory was made of.",
        )
    return table.filter(~name.str.starts_with("/"))


def _data(files: pl.DataFrame, inside: list[pl.DataFrame], skipped: Skipped) -> pl.DataFrame:
    """Return the records of data files; those inside of a store are put apart."""
    name = pl.col("path")
    netcdf = name.str.ends_with(".nc") | name.str.ends_with(".nc4")
    maybe = name.str.contains(".zarr/|.parq|kerchunk")
    if files.select(maybe.any()).item():
        files = files.with_columns(store=name.str.extract(_STORE))
        objects = files.filter(pl.col("store").is_not_null())
        if objects.height:
            inside.append(objects.group_by("store").agg(pl.col("mtime").max()))
            files = files.filter(pl.col("store").is_null())
        data = files.with_columns(
            format=pl.when(name.str.contains(r"(?:[._]kerchunk\.(?:json|parquet)|\.parq)$"))
            .then(pl.lit("kerchunk"))
            .when(netcdf)
            .then(pl.lit("netcdf"))
        ).filter(pl.col("format").is_not_null())
    else:
        data = files.filter(netcdf).with_columns(format=pl.lit("netcdf"))
    skipped.other += files.height - data.height
    return data


def _stores(inside: list[pl.DataFrame], others: pl.DataFrame) -> pl.DataFrame:
    """Return one record for each store, with its own time where the list says it."""
    found: dict[str, int] = {}
    for store, mtime in (row for table in inside for row in table.iter_rows()):
        found[store] = max(mtime, found.get(store, mtime))
    own = others.filter(pl.col("type") == "d") if others.height else others
    if own.height:
        own = own.filter(pl.col("path").str.contains(_STORE.replace("^(.*?", "(?:")[:-1] + "$"))
    objects = pl.DataFrame(
        list(found.items()),
        schema={"path": pl.String, "mtime": pl.Int64},
        orient="row",
    )
    if own.height:
        objects = pl.concat([own, objects.join(own, on="path", how="anti")], how="diagonal")
    formats = [format_of(each.rpartition("/")[2], directory=True) for each in objects["path"]]
    return objects.with_columns(
        pl.Series("format", formats, pl.String),
        size=pl.lit(None, pl.Int64),
        online=pl.lit(None, pl.Boolean),
    )


def _listing(records: pl.DataFrame, *, named: bool) -> pl.DataFrame:
    if "group" in records:
        records = records.rename({"group": "unix_group"})
    missing = [
        pl.lit(None, kind).alias(name) for name, kind in LISTING.items() if name not in records
    ]
    listing = records.with_columns(missing).select(
        pl.col(name).cast(kind) for name, kind in LISTING.items()
    )
    return with_group_names(listing) if named else listing
