"""Scanning a root: its files as the rows of a catalog, from a walk or an inventory.

No file is opened: all that is known comes from names, places and what the file system says.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.carding import find_cards
from climeri_platform.catalog.inventory import read_inventory
from climeri_platform.catalog.listing import LISTING, gather
from climeri_platform.catalog.parsing import Parser
from climeri_platform.catalog.renewal import SAME
from climeri_platform.catalog.tables import REJECTED, aligned, files_schema
from climeri_platform.catalog.twins import latest_that_disagree, without_twins
from climeri_platform.catalog.walk import Skipped, Walking, walk

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from climeri_platform.catalog.carding import FoundCard, GivenCards
    from climeri_platform.catalog.family import Family

__all__ = ["Scan", "Walking", "scan_root"]


@dataclass(slots=True)
class Scan:
    """What a root holds.

    Attributes
    ----------
    files
        One row for each file that follows the family's rules, in the order of the paths; `latest`
        is null. A file that two versions share is a row of each: `skipped.shared` says how many
        bytes that counts twice.
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
    """

    files: pl.DataFrame
    rejected: pl.DataFrame
    skipped: Skipped
    walked: str
    seconds: float
    cards: list[FoundCard] | None = None

    def look_for_cards(
        self,
        rules: Family,
        place: Path,
        root_id: str,
        *,
        folder: GivenCards,
        look: bool,
    ) -> None:
        """Look for simulation cards, as `find_cards` does; those that are wrong are not readable."""
        told = find_cards(rules, place, root_id, self.files, folder=folder, look=look)
        self.cards = told.cards
        self.skipped.unreadable += told.problems


def scan_root(
    rules: Family,
    place: Path,
    root_id: str,
    *,
    inventory: str | os.PathLike[str] | None = None,
    how: Walking | None = None,
    known: pl.DataFrame | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Return the rows of one root.

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
        Rows of the root that the same rules gave: what did not change since is not read again.
    progress
        Is called with the number of files seen so far.

    Returns
    -------
    Scan

    Raises
    ------
    RootUnusable
        If the inventory cannot be read.
    """
    began = time.perf_counter()
    skipped = Skipped()
    odd: list[tuple[str, int | None]] = []
    tables: Iterable[pl.DataFrame] = (
        gather(walk(place, skipped, how), odd, progress)
        if inventory is None
        else read_inventory(inventory, place, skipped, odd, progress)
    )
    walked = datetime.now(UTC).isoformat(timespec="seconds")
    with _without_collector():
        listing = pl.concat([pl.DataFrame(schema=LISTING), *tables]).sort(
            "path", maintain_order=True
        )
        if inventory is not None:  # a list that was made of several may name a file twice
            listing = listing.filter(pl.col("path") != pl.col("path").shift(-1).fill_null(""))
        rows, refused = _read(rules, place, listing, known)
    rows = without_twins(rows, skipped)
    skipped.notes += latest_that_disagree(rows, skipped.latest)
    encoding = pl.DataFrame(
        [(None, *each, "encoding", "the path is not UTF-8") for each in odd], REJECTED, orient="row"
    )
    return Scan(
        files=aligned(rows.with_columns(root=pl.lit(root_id)), files_schema(rules)),
        rejected=pl.concat([refused, encoding]).with_columns(root=pl.lit(root_id)).sort("path"),
        skipped=skipped,
        walked=walked,
        seconds=time.perf_counter() - began,
    )


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


def _read(
    rules: Family, place: Path, listing: pl.DataFrame, known: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of a listing with what their names say, and those that are refused."""
    empty = pl.col("size") == 0
    refused = [
        listing.filter(empty).with_columns(
            code=pl.lit("empty file"), reason=pl.lit("the file has zero bytes")
        )
    ]
    if refused[0].height:
        listing = listing.filter(empty.not_() | pl.col("size").is_null())
    rows, new = [], listing
    if known is not None and known.height:
        said = [*rules.facets, "dataset", "time_range", "start", "end", "calendar"]
        old = known.select(*SAME, *said)
        rows.append(listing.join(old, on=SAME, how="inner", nulls_equal=True))
        new = listing.join(old, on=SAME, how="anti", nulls_equal=True)
    taken, no = Parser(rules, place.parts[1:]).parse(new["path"])
    rows.append(new[taken["at"]].hstack(taken.drop("at")))
    refused.append(new[no["at"]].hstack(no.drop("at")))
    tables = [
        each.with_columns(root=pl.lit(None, pl.String)).select(list(REJECTED)) for each in refused
    ]
    if len(rows) == 1:
        return rows[0], pl.concat(tables)
    return pl.concat(rows, how="diagonal").sort("path"), pl.concat(tables)
