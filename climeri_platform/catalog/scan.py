"""Scanning a root: its files as the rows of a catalog, from a walk or an inventory.

No file is opened: all that is known comes from names, places and what the file system says.
"""

from __future__ import annotations

import gc
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.carding import find_cards
from climeri_platform.catalog.folders import Folders, folder_number
from climeri_platform.catalog.inventory import read_inventory
from climeri_platform.catalog.known import Known, as_known
from climeri_platform.catalog.listing import LISTING, gather
from climeri_platform.catalog.parsing import Parser, aside
from climeri_platform.catalog.pieces import rows_at
from climeri_platform.catalog.tables import REJECTED, UNREADABLE, aligned, files_schema
from climeri_platform.catalog.twins import latest_that_disagree, version_places, without_twins
from climeri_platform.catalog.walk import Skipped, Walking, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from climeri_platform.catalog.carding import FoundCard, GivenCards
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.folders import Noted, Trust

__all__ = ["Difference", "Walking", "compare_root"]


@dataclass(slots=True)
class Difference:
    """What a root holds, told by what is known of it: of files that are as they were, only which.

    Attributes
    ----------
    rules, root_id
        Whose rows they are.
    fresh
        The rows of all other files, one for each that follows the rules, in the order of the paths;
        `latest` is null. A file that two versions share is a row of each: `skipped.shared` says
        how many bytes that counts twice.
    known
        The `files` table of the last catalog; None if there is none.
    kept
        The places in it of the rows that are as they were, ascending.
    rejected
        One row for each other data file, with the reason.
    skipped
        What was not taken.
    walked
        When it began, in UTC, ISO 8601.
    seconds
        How long it took.
    cards
        The simulation cards that were found beside and above the files; None if nobody looked.
    known_at
        The file of that table, if it is one's.
    folders
        What was learned of its directories; None if nobody asked.
    """

    rules: Family
    root_id: str
    fresh: pl.DataFrame
    known: pl.LazyFrame | None
    kept: pl.Series
    rejected: pl.DataFrame
    skipped: Skipped
    walked: str
    seconds: float
    cards: list[FoundCard] | None = None
    known_at: Path | None = None
    folders: Noted | None = None

    @property
    def files(self) -> int:
        """How many files follow the rules."""
        return self.fresh.height + len(self.kept)

    def look_for_cards(self, place: Path, *, folder: GivenCards, look: bool) -> None:
        """Look for simulation cards, as `find_cards` does; those that are wrong are not readable."""
        if not self.rules.cards:
            return
        columns = ["path", *(each for each in self.rules.facets if each in self.fresh.columns)]
        files = [self.fresh.select(columns)]
        if self.known is not None:
            schema = {each: self.fresh.schema[each] for each in columns}
            files += rows_at(aligned(self.known, schema), self.kept)
        told = find_cards(
            self.rules, place, self.root_id, pl.concat(files), folder=folder, look=look
        )
        self.cards = told.cards
        self.skipped.unreadable += told.problems

    def in_table(self, files: Path | None) -> Difference:
        """Return it with places in another table than it was made with: none, all rows are read.

        That table may be the same file under another name.

        Raises
        ------
        OSError, polars.exceptions.PolarsError
            If the rows are there no longer.
        """
        if not len(self.kept) or self.known is None:
            return self
        if files is not None and self.known_at is not None and _same_file(files, self.known_at):
            return self
        rows = pl.concat(as_known(each, self.rules) for each in rows_at(self.known, self.kept))
        return replace(
            self, fresh=pl.concat([self.fresh, rows]), known=None, kept=self.kept.clear()
        )

    def check(self) -> None:
        """Read all that it relies on.

        Raises
        ------
        OSError, polars.exceptions.PolarsError
            If part of it cannot be read.
        """
        if self.known is not None:
            for each in rows_at(self.known, self.kept):
                as_known(each, self.rules)


def compare_root(
    rules: Family,
    place: Path,
    root_id: str,
    *,
    inventory: str | os.PathLike[str] | None = None,
    how: Walking | None = None,
    known: pl.DataFrame | pl.LazyFrame | None = None,
    progress: Callable[[int], None] | None = None,
    trust: Trust | None = None,
) -> Difference:
    """Return what one root holds, without the rows of files that are as they were.

    Parameters
    ----------
    rules
        The archive family.
    place
        The root's absolute path, as `check_root` returns it.
    root_id
        The name under which its paths are stored.
    inventory
        A list of the root's files, in place of a walk.
    how
        How to walk; by default one walker without limits.
    known
        A table with rows of the root that the same rules gave, read piece by piece: what did not
        change since is not read again. One that cannot be read is none.
    progress
        Is called with the number of files seen so far.
    trust
        Leave directories unlisted that nobody changed, and write what is learned of the others.

    Returns
    -------
    Difference

    Raises
    ------
    RootUnusable
        If the inventory cannot be read.
    """
    began = time.perf_counter()
    skipped = Skipped()
    odd: list[tuple[str, int | None]] = []
    lazy = known.lazy() if known is not None else None
    index, table = _index(lazy, root_id, folders=trust is not None)
    folders = None if trust is None else Folders(trust, root_id, index.in_folders())
    pieces: Iterable[pl.DataFrame] = (
        gather(walk(place, skipped, how, folders), odd, progress)
        if inventory is None
        else read_inventory(inventory, place, skipped, odd, progress)
    )
    walked = datetime.now(UTC).isoformat(timespec="seconds")
    with _without_collector():
        parser = Parser(rules, place.parts[1:])
        if inventory is None:
            rows, refused, doubtful = _read_meanwhile(parser, pieces, index, folders)
        else:
            listing = _sifted(pieces, index)
            # a list that was made of several may name a file twice
            listing = listing.filter(pl.col("path") != pl.col("path").shift(-1).fill_null(""))
            listing, doubtful = index.settle(listing)
            rows, refused = _read(parser, listing)
    if doubtful.height:
        assert table is not None
        rows = pl.concat([rows, _again(table, doubtful, rules)], how="diagonal").sort("path")
    rows = without_twins(rows, skipped)
    kept = index.kept
    if skipped.latest:
        places = [version_places(rows)]
        if table is not None:
            places += [
                version_places(each) for each in rows_at(table.select("path", "version"), kept)
            ]
        skipped.notes += latest_that_disagree(pl.concat(places).unique(), skipped.latest)
    encoding = pl.DataFrame(
        [(None, *each, "encoding", "the path is not UTF-8") for each in odd], REJECTED, orient="row"
    )
    return Difference(
        rules=rules,
        root_id=root_id,
        fresh=aligned(rows.with_columns(root=pl.lit(root_id)), files_schema(rules)),
        known=table,
        kept=kept,
        rejected=pl.concat([refused, encoding]).with_columns(root=pl.lit(root_id)).sort("path"),
        skipped=skipped,
        walked=walked,
        seconds=time.perf_counter() - began,
        folders=_noted(folders, trust, rows, index) if folders and trust else None,
    )


def _noted(folders: Folders, trust: Trust, rows: pl.DataFrame, index: Known) -> Noted:
    """Write what was learned of directories, with the rows that each has now."""
    fresh = rows.filter(~aside()).select("device", folder=folder_number())
    each = pl.concat([fresh.select("folder", "device"), index.listed()]).group_by("folder")
    device = pl.col("device")
    return folders.write(trust, each.agg(pl.len(), low=device.min(), high=device.max()))


def _same_file(one: Path, two: Path) -> bool:
    try:
        return one.samefile(two)
    except OSError:
        return False


def _index(
    table: pl.LazyFrame | None, root_id: str, *, folders: bool
) -> tuple[Known, pl.LazyFrame | None]:
    try:
        return Known(table, root_id, folders=folders), table
    except UNREADABLE:
        return Known(None, root_id, folders=folders), None


def _sifted(pieces: Iterable[pl.DataFrame], index: Known) -> pl.DataFrame:
    """Return the files that are new or changed, in the order of their paths."""
    empty = pl.DataFrame(schema={**LISTING, "row": pl.UInt32})
    return pl.concat([empty, *map(index.sift, pieces)]).sort("path", maintain_order=True)


def _read_meanwhile(
    parser: Parser, pieces: Iterable[pl.DataFrame], index: Known, folders: Folders | None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Read names while the walk goes on: it waits for the system, and these for the processor.

    Returns
    -------
    tuple
        Rows, in the order of their paths, and what is refused, as `_read` gives them; and what
        `Known.settle` calls doubtful.
    """
    fresh = [pl.DataFrame(schema={**LISTING, "row": pl.UInt32})]
    read = []
    with ThreadPoolExecutor(1) as beside:
        try:
            for piece in map(index.sift, pieces):
                if piece.height:
                    fresh.append(piece)
                    read.append(beside.submit(_read, parser, piece.drop("row")))
            found = [each.result() for each in read] or [_read(parser, fresh[0].drop("row"))]
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise
    listing = pl.concat(fresh)
    if folders is not None:
        index.trust(folders.unlisted())
    settled, doubtful = index.settle(listing)
    rows, refused = (pl.concat(each, rechunk=True) for each in zip(*found, strict=True))
    if settled.height < listing.height:  # a file was met twice, and was as it was the second time
        rows, refused = (
            each.join(settled.select("path"), on="path", how="semi") for each in (rows, refused)
        )
    if not rows["path"].is_sorted():
        rows = rows.sort("path", maintain_order=True)
    return rows, refused, doubtful


def _again(table: pl.LazyFrame, doubtful: pl.DataFrame, rules: Family) -> pl.DataFrame:
    """Return known rows as if they had been read now."""
    doubtful = doubtful.sort("at")
    rows = pl.concat(as_known(each, rules) for each in rows_at(table, doubtful["at"]))
    said = [*rules.facets, "dataset", "time_range", "start", "end"]
    listing = rows.with_columns(doubtful["device"])
    return listing.select(*LISTING, *said)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare the search for circles: millions of short-lived rows, and none of them in one."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _read(parser: Parser, listing: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of a listing with what their names say, and those that are refused."""
    empty = pl.col("size") == 0
    refused = [
        listing.filter(empty).with_columns(
            code=pl.lit("empty file"), reason=pl.lit("the file has zero bytes")
        )
    ]
    if refused[0].height:
        listing = listing.filter(empty.not_() | pl.col("size").is_null())
    taken, no = parser.parse(listing["path"])
    refused.append(listing[no["at"]].hstack(no.drop("at")))
    tables = [
        each.with_columns(root=pl.lit(None, pl.String)).select(list(REJECTED)) for each in refused
    ]
    return listing[taken["at"]].hstack(taken.drop("at")), pl.concat(tables)
