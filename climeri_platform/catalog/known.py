"""What is known of a root from its last catalog, in little memory: which of its files are as they were.

Of each row only numbers are held, some 60 bytes; its names stay on the disk until somebody wants
them. A file is found by two hashes of its path with different seeds, 128 bits together: among five
million rows and as many files the odds that any two paths are taken for each other are below
1e-24, less than those of a memory that flips a bit. All else that is compared is compared itself,
not by a hash (but for the few names of groups and formats).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.folders import folder_number
from climeri_platform.catalog.parsing import aside
from climeri_platform.catalog.pieces import pieces, rows_at
from climeri_platform.catalog.reader import reader_mark
from climeri_platform.catalog.tables import FROM_HEADERS, aligned, files_schema
from climeri_platform.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot

__all__ = ["Known", "as_known", "known_table"]

_SAME = ("size", "mtime", "ctime", "inode", "online", "public")
_ROWS: dict[str, Any] = {
    "at": pl.UInt32,
    "one": pl.UInt64,
    "two": pl.UInt64,
    "size": pl.Int64,
    "mtime": pl.Int64,
    "ctime": pl.Int64,
    "inode": pl.UInt64,
    "online": pl.Boolean,
    "public": pl.Boolean,
    "words": pl.UInt64,
}
_AS_IT_WAS, _CHANGED = 1, 2
_NAME = r"([^/]*)$"


def known_table(previous: Snapshot | None, family: Family, root_id: str, mount: str) -> Path | None:
    """Return the table that holds what is known of a root; None if it has to be read anew.

    That is so if the rules, the place of the root or what reads names (`reader_mark`) changed since:
    each of them says what names mean.

    Parameters
    ----------
    previous
        The last snapshot.
    family, root_id, mount
        Which root.
    """
    name = family.family
    for each in previous.card.roots if previous is not None else []:
        if (each.root_id, each.family, each.mount) != (root_id, name, mount):
            continue
        try:
            assert previous is not None
            rules = previous.rules(name)
            previous.scan(name, "files")
        except StoreError:
            return None
        # what cards say is not read from names
        same = rules == family.model_copy(update={"parameters": rules.parameters})
        table = previous.path_of(name, "files")
        return table if same and each.read_by == reader_mark() else None
    return None


def as_known(rows: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return rows of a catalog with what names, file systems and headers that were read say of them.

    What cards and lists say of them, and which is the latest, is left out.
    """
    said = [each for each in family.facets if not family.cards or each not in family.card_facets]
    read = pl.col("header_read").is_not_null()
    timed = pl.col("time_range").is_not_null() | read
    return aligned(
        rows.select(
            *said,
            *("dataset", "time_range"),
            *(pl.when(timed).then(pl.col(each)).alias(each) for each in ("start", "end")),
            *("root", "path", "size", "mtime", "format", "ctime", "inode", "online"),
            *("unix_group", "public"),
            *(pl.when(read).then(each) for each in FROM_HEADERS),
        ),
        files_schema(family),
    )


def _numbers(group: str) -> list[pl.Expr | str]:
    return [
        pl.col("path").hash(1).alias("one"),
        pl.col("path").hash(2).alias("two"),
        *map(pl.col, _SAME),
        (pl.col(group).hash(3) ^ pl.col("format").hash(4)).alias("words"),
    ]


class Known:
    """The rows of a root in a table, and what becomes of each of them.

    Parameters
    ----------
    frame
        A `files` table; rows of other roots, and those that nobody could see, do not count. None
        if nothing is known.
    root_id
        The root.
    folders
        Whether it is asked of directories too.
    """

    def __init__(self, frame: pl.LazyFrame | None, root_id: str, *, folders: bool = False) -> None:
        self._frame = pl.LazyFrame(schema={"path": pl.String}) if frame is None else frame
        here = (pl.col("root") == root_id) & pl.col("stale").is_null()
        more = {"folder": folder_number()} if folders else {}
        schema = {**_ROWS, **dict.fromkeys(more, pl.UInt64)}
        parts = [
            piece.with_row_index("at", first).filter("here").drop("here")
            for first, piece in pieces(
                self._frame.select(*_numbers("unix_group"), here.alias("here"), **more)
                if frame is not None
                else pl.LazyFrame(schema={**schema, "here": pl.Boolean}).drop("at")
            )
        ]
        columns = [each.select(list(schema)) for each in parts]
        self._rows = pl.concat([pl.DataFrame(schema=schema), *columns]).sort("one")
        self._one = self._rows["one"]
        self._mark = pl.zeros(self._rows.height, dtype=pl.UInt8, eager=True)
        self._device = pl.repeat(None, self._rows.height, dtype=pl.UInt64, eager=True)
        self._aside: list[pl.Series] = []

    def sift(self, listing: pl.DataFrame) -> pl.DataFrame:
        """Return the files of a listing that are new or changed; the others are marked.

        Beside the columns of `LISTING` they have ``row``, where the path is known.
        """
        if not self._rows.height:
            return listing.with_columns(row=pl.lit(None, pl.UInt32))
        now = listing.select(_numbers("unix_group"))
        row = self._one.search_sorted(now["one"]).clip(upper_bound=self._rows.height - 1)
        then = self._rows[row]
        found = (now["one"] == then["one"]) & (now["two"] == then["two"])
        same = found & (now["words"] == then["words"])
        for each in _SAME:
            same &= now[each].eq_missing(then[each])
        # of a path that a list names twice, the last record counts
        marks = pl.select(pl.when(same).then(_AS_IT_WAS).otherwise(_CHANGED).cast(pl.UInt8))
        rows = row.filter(found)
        self._mark.scatter(rows, marks.to_series().filter(found))
        if listing["device"].null_count() < listing.height:
            self._device.scatter(rows, listing["device"].filter(found))
        beside = listing.select(aside()).to_series() & same
        if beside.any():
            self._aside.append(row.filter(beside))
        where = pl.select(pl.when(found).then(row).cast(pl.UInt32).alias("row")).to_series()
        return listing.with_columns(where).filter(~same)

    def in_folders(self) -> pl.DataFrame:
        """Return how many rows each directory has: ``folder`` (`folder_number`) and ``len``."""
        return self._rows.group_by("folder").len()

    def trust(self, unlisted: pl.DataFrame) -> None:
        """Mark the rows in directories that nobody listed, because they are as they were.

        Parameters
        ----------
        unlisted
            ``folder`` and ``within``, the device of its files.
        """
        rows = self._rows.select("folder").join(
            unlisted, on="folder", how="left", maintain_order="left"
        )
        here = rows["within"].is_not_null()
        self._mark.scatter(here.arg_true(), _AS_IT_WAS)
        self._device.scatter(here.arg_true(), rows["within"].filter(here))

    def listed(self) -> pl.DataFrame:
        """Return ``folder`` and ``device`` of the rows that are as they were."""
        rows = self._rows.select("folder", device=self._device)
        return rows.filter((self._mark == _AS_IT_WAS).fill_null(value=False))

    def settle(self, fresh: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what is fresh in the end, and which known files may be a file twice.

        Parameters
        ----------
        fresh
            What `sift` gave, of all pieces.

        Returns
        -------
        polars.DataFrame
            Without what the list says later to be as it was.
        polars.DataFrame
            ``at`` and ``device``. They are no longer among those that are as they were.
        """
        if not self._rows.height:
            return fresh.drop("row"), pl.DataFrame(schema={"at": pl.UInt32, "device": pl.UInt64})
        as_it_was = (self._mark == _AS_IT_WAS).fill_null(value=False)
        back = fresh["row"].is_not_null() & as_it_was.gather(fresh["row"].fill_null(0))
        fresh = fresh.filter(~back).drop("row")
        ours = self._rows.select("at", "inode", device=self._device).filter(as_it_was)
        twice = self._that_meet(ours, fresh)
        self._mark.scatter(self._rows["at"].is_in(twice["at"].implode()).arg_true(), 0)
        return fresh, twice

    @property
    def kept(self) -> pl.Series:
        """The places in the table of the rows that are as they were, ascending."""
        return self._rows["at"].filter(self._mark == _AS_IT_WAS).sort()

    def _that_meet(self, ours: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
        """Return those of our rows that share an inode, or a name with a file beside the versions."""
        new = fresh.select(pl.lit(None, pl.UInt32).alias("at"), "inode", "device")
        inodes = pl.concat([ours, new])
        inodes = inodes.filter(pl.col("inode").is_not_null())
        ordered = inodes["inode"].sort()
        if (ordered == ordered.shift(1)).any():
            inodes = inodes.filter(pl.col("inode").is_duplicated())
            inodes = inodes.filter(pl.struct("device", "inode").is_duplicated())
        else:
            inodes = inodes.clear()
        found = [inodes["at"].drop_nulls()]
        names = [fresh.filter(aside())["path"].str.extract(_NAME)]
        if self._aside:
            rows = pl.concat(self._aside).unique()
            rows = rows.filter(self._mark.gather(rows) == _AS_IT_WAS)
            found.append(self._rows["at"].gather(rows))
            names += self._names(found[-1].sort())
        wanted = pl.concat(names).unique()
        if len(wanted):
            found.append(self._named(ours["at"].sort(), wanted))
        return ours.select("at", "device").filter(
            pl.col("at").is_in(pl.concat(found).unique().implode())
        )

    def _names(self, at: pl.Series) -> Iterable[pl.Series]:
        name = pl.col("path").str.extract(_NAME)
        return [each["path"] for each in rows_at(self._frame.select(name), at)]

    def _named(self, at: pl.Series, names: pl.Series) -> pl.Series:
        hits = pl.concat(
            [
                pl.Series(dtype=pl.Boolean),
                *(each.is_in(names.implode()) for each in self._names(at)),
            ]
        )
        return at.filter(hits)
