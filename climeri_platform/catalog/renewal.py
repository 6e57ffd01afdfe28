"""Renewing the rows of a root: what was scanned, what nobody could look at, and what went away.

Rows of files that are as they were are not read here: only their places in the last table count.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.pieces import pieces, rows_at
from climeri_platform.catalog.reader import reader_mark
from climeri_platform.catalog.tables import (
    FROM_HEADERS,
    REJECTED,
    ROW_COLUMNS,
    aligned,
    files_schema,
)
from climeri_platform.catalog.variable_lists import known_lists
from climeri_platform.catalog.walk import readable
from climeri_platform.core.errors import RootShrunk, StoreBusy, StoreDamaged, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from climeri_platform.catalog.carding import FoundCard
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.scan import Difference
    from climeri_platform.catalog.variable_lists import VariableList
    from climeri_platform.sites import Site

__all__ = ["LOSS_LIMIT", "SAME", "Renewal", "carry_root", "renew", "same_files"]

LOSS_LIMIT = 0.1  # of a root's files: more than a night of retractions, less than a mount
SAME = ("path", "size", "mtime", "ctime", "inode")
"""What a file has in common with itself a night ago, if nobody changed it."""
_COMPARED = {name: ROW_COLUMNS[name] for name in (*SAME, "start", "end", *FROM_HEADERS)}


def _nowhere() -> pl.Series:
    return pl.Series("at", [], pl.UInt32)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The rows of one root, after a night.

    Attributes
    ----------
    family
        The archive family.
    root
        Its card.
    fresh
        The rows that were read now.
    rejected
        Its rejected files, those that are carried forward included.
    table
        The family's `files` in the last snapshot; None if the root was not there.
    kept
        The places in it of the rows of files that are as they were, ascending.
    carried
        The places of the rows at which nobody could look; they are stale since ``since``, or longer.
    since
        A date, ISO 8601.
    same
        The paths of the fresh rows of which the file is nevertheless the one that was known.
    new, changed, gone
        Numbers of files.
    listed
        The datasets of it that were retracted, as `read_retractions` gives them; None if nobody
        knows.
    cards
        The simulation cards that were found in it; None where nobody looked, and those that the
        snapshot keeps hold.
    folders
        The file of what was learned of its directories; None if there is none.
    contents
        The lists of variables of streams that are known, by their marks.
    """

    family: Family
    root: Root
    fresh: pl.DataFrame
    rejected: pl.DataFrame
    table: pl.LazyFrame | None = None
    kept: pl.Series = field(default_factory=_nowhere)
    carried: pl.Series = field(default_factory=_nowhere)
    since: str = ""
    same: pl.Series = field(default_factory=lambda: pl.Series("path", [], pl.String))
    new: int = 0
    changed: int = 0
    gone: int = 0
    listed: pl.DataFrame | None = None
    cards: list[FoundCard] | None = None
    folders: str | None = None
    contents: dict[str, VariableList] = field(default_factory=dict)

    def rows(self, at: pl.Series, *columns: str) -> pl.DataFrame:
        """Return rows of the last table, or some columns of them, at places that ascend."""
        schema = files_schema(self.family)
        chosen = {name: schema[name] for name in columns or schema}
        found = [pl.DataFrame(schema=chosen)]
        if self.table is not None:
            found += rows_at(aligned(self.table, chosen), at)
        return pl.concat(found)

    def pieces(self, *columns: str) -> Iterator[tuple[pl.Series, pl.DataFrame]]:
        """Yield the places of the rows that are kept and some columns of them, a piece at a time."""
        if self.table is None:
            return
        schema = files_schema(self.family)
        done = 0
        for piece in rows_at(
            aligned(self.table, {each: schema[each] for each in columns}), self.kept
        ):
            yield self.kept.slice(done, piece.height), piece
            done += piece.height

    def with_fresh(self, at: pl.Series, rows: pl.DataFrame) -> Renewal:
        """Return it with rows in the place of those that were kept at some places."""
        return replace(
            self,
            kept=self.kept.filter(~self.kept.is_in(at.implode())),
            fresh=pl.concat([self.fresh, rows]),
            same=pl.concat([self.same, rows["path"]]),
        )


def _known(
    previous: Snapshot | None, family: Family, root_id: str, kept: pl.Series
) -> tuple[pl.LazyFrame | None, pl.DataFrame, pl.DataFrame, int]:
    """Return a table with the rows of a root, its rejected files, the rows not kept, and all rows' number.

    Raises
    ------
    StoreDamaged
        If they cannot be read.
    """
    if previous is None or _card(previous, family.family, root_id) is None:
        none = pl.DataFrame(schema={**_COMPARED, "at": pl.UInt32})
        return None, pl.DataFrame(schema=REJECTED), none, 0
    table = previous.scan(family.family, "files")
    with previous.reading(family.family, "files"):
        here = _places(table, root_id)
        at = here.filter(~here.is_in(kept.implode())) if len(kept) else here
        rows = [pl.DataFrame(schema=_COMPARED), *rows_at(aligned(table, _COMPARED), at)]
    rest = pl.concat(rows).with_columns(at=at)
    return table, _rejected(previous, family, root_id), rest, len(here)


def _check(previous: Snapshot, family: Family, table: pl.LazyFrame, at: pl.Series) -> None:
    # what cannot be read is told now, not while the catalog is written
    with previous.reading(family.family, "files"):
        for _ in rows_at(table, at):
            pass


def _rejected(previous: Snapshot, family: Family, root_id: str) -> pl.DataFrame:
    here = pl.col("root") == root_id
    return aligned(previous.read(family.family, "rejected", here), REJECTED)


def _places(table: pl.LazyFrame, root_id: str) -> pl.Series:
    found = [_nowhere()]
    for first, piece in pieces(table.select(here=pl.col("root") == root_id)):
        found.append((piece["here"].arg_true() + first).cast(pl.UInt32).alias("at"))
    return pl.concat(found)


def _card(previous: Snapshot | None, family: str, root_id: str) -> Root | None:
    roots = previous.card.roots if previous is not None else []
    return next((each for each in roots if (each.root_id, each.family) == (root_id, family)), None)


def renew(
    previous: Snapshot | None,
    family: Family,
    root_id: str,
    mount: str,
    found: Difference,
    *,
    loss: float = LOSS_LIMIT,
    here: Site | None = None,
    walked: bool = True,
    moved: bool = False,
) -> Renewal:
    """Return the rows of a root after a scan.

    What the scan could not look at stays as it was, marked stale. A root whose table is damaged is
    taken as new.

    Parameters
    ----------
    previous
        The snapshot to go on from.
    family, root_id, mount
        Which root.
    found
        What it holds now, told by what is known of it. If that was another table than the snapshot's,
        all rows are read.
    loss
        The share of the root's files that may be gone; 1 for any.
    here
        The site, which may know the mount by several names.
    walked
        Whether the scan was a walk at that site, and not an inventory.
    moved
        Whether the root may have another mount than before.

    Returns
    -------
    Renewal

    Raises
    ------
    UsageError
        If the root id stands for another mount already.
    StoreBusy
        If somebody published a walk that began later.
    RootShrunk
        If more than ``loss`` of the root's catalogued files is gone.
    """
    if not moved:
        _refuse_another_mount(previous, root_id, mount, here)
    _refuse_older(_card(previous, family.family, root_id), found.walked)
    last = previous.path_of(family.family, "files") if previous is not None else None
    found = found.in_table(last)
    skipped = found.skipped
    try:
        table, refused, rest, before = _known(previous, family, root_id, found.kept)
        unseen = _unseen(rest, found.fresh, skipped.unseen)
        if previous is not None and table is not None:
            _check(previous, family, table, unseen["at"].sort())
    except StoreDamaged:
        found = found.in_table(None)
        table, refused, rest, before = _known(None, family, root_id, found.kept)
        unseen = rest
    lost = rest.select("path").join(found.fresh.select("path"), on="path", how="anti").height
    gone = lost - unseen.height
    if before and gone > loss * before:
        what = f"{gone} of the {before} {family.family} files of the root {root_id}"
        raise RootShrunk(
            f"{what} are gone, more than {loss:.0%}",
            hint="Nothing was published, the last catalog stays. Is the mount whole? "
            "If they were meant to go: --accept-loss.",
        )
    same = same_files(found.fresh, rest)
    other = found.fresh.select("path").join(same, on="path", how="anti")
    changed = other.join(rest.select("path"), on="path", how="semi").height
    rejected = pl.concat([found.rejected, _unseen(refused, found.rejected, skipped.unseen)])
    site = here.site if here is not None and walked else ""
    return Renewal(
        family,
        _card_of(found, mount, rejected.height, unseen.height, site),
        _remember(found.fresh, rest),
        rejected,
        table=table,
        kept=found.kept,
        carried=unseen["at"].sort(),
        since=datetime.now(UTC).date().isoformat(),
        same=same["path"],
        new=other.height - changed,
        changed=changed,
        gone=gone,
        cards=found.cards,
        folders=found.folders.path if found.folders is not None else None,
        contents=known_lists(previous, family),
    )


def _card_of(found: Difference, mount: str, rejected: int, carried: int, site: str) -> Root:
    catalogued = found.files + carried
    return Root(
        root_id=found.root_id,
        mount=mount,
        family=found.rules.family,
        walked=found.walked,
        found=catalogued + rejected,
        catalogued=catalogued,
        rejected=rejected,
        carried=carried,
        # a name that is not UTF-8 cannot stand in a card: its turn comes without this
        pending=[each for each in found.skipped.pending if readable(each) == each],
        site=site,
        read_by=reader_mark(),
        folders=found.folders.mark if found.folders is not None else "",
    )


def _refuse_older(last: Root | None, walked: str) -> None:
    if last is not None and _moment(last.walked) > _moment(walked):
        raise StoreBusy(
            f"a walk of the root {last.root_id} that began later, at {last.walked}, was published "
            f"while this one, begun at {walked}, ran",
            hint="The newer one stays. Run this again if you want another.",
        )


def _refuse_another_mount(
    previous: Snapshot | None, root_id: str, mount: str, here: Site | None
) -> None:
    for each in previous.card.roots if previous is not None else []:
        # the profile may say that they are the same, by another way
        known = here is not None and here.where(mount) == (root_id, "")
        if each.root_id == root_id and each.mount != mount and not known:
            raise UsageError(
                f"the root id {root_id!r} stands for {each.mount}, not for {mount}",
                hint="Give it another root id; if the root has moved: --accept-loss.",
            )


def carry_root(previous: Snapshot, family: Family, root_id: str) -> Renewal | None:
    """Return a root as it was, marked stale; None if there is nothing to carry.

    Raises
    ------
    StoreDamaged
        If its rows cannot be read.
    """
    card = _card(previous, family.family, root_id)
    if card is None:
        return None
    table = previous.scan(family.family, "files")
    with previous.reading(family.family, "files"):
        at = _places(table, root_id)
    _check(previous, family, table, at)
    since = card.stale or datetime.now(UTC).date().isoformat()
    return Renewal(
        family,
        card.model_copy(update={"stale": since, "carried": len(at)}),
        pl.DataFrame(schema=files_schema(family)),
        _rejected(previous, family, root_id),
        table=table,
        carried=at,
        since=since,
        contents=known_lists(previous, family),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _unseen(before: pl.DataFrame, now: pl.DataFrame, unseen: Sequence[str]) -> pl.DataFrame:
    """Return the rows at or below paths that nobody could look at, and that are not there now."""
    if not unseen or not before.height:
        return before.clear()
    places = {*unseen, *map(readable, unseen)}
    if "" in places:
        kept = before
    else:
        folder = pl.col("path").str.replace(r"/?[^/]*$", "")
        folders = before.select(folder.unique())["path"].to_list()
        below = [each for each in folders if not places.isdisjoint(_and_above(each))]
        kept = before.filter(folder.is_in(below) | pl.col("path").is_in(list(places)))
    return kept.join(now.select("path"), on="path", how="anti")


def same_files(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the paths of files that nobody changed; what one side does not know does not count."""
    both = now.select(SAME).join(before.select(SAME), on="path", suffix="_before")
    fields = [name for name in SAME if name != "path"]
    equal = [(pl.col(each) == pl.col(f"{each}_before")).fill_null(value=True) for each in fields]
    return both.filter(pl.all_horizontal(equal)).select("path")


def _remember(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with what was read of the headers of files that are still the same."""
    known = before.filter(pl.col("header_read").is_not_null())
    if not known.height:
        return now
    known = known.join(same_files(now, known), on="path", how="semi")
    joined = now.join(
        known.select("path", *FROM_HEADERS, "start", "end"),
        on="path",
        how="left",
        suffix="_known",
        maintain_order="left",
    )
    # rows of another table than the last one bring what that one knew
    read = pl.col("header_read_known").is_not_null()
    return joined.with_columns(
        *(
            pl.when(read).then(pl.col(f"{each}_known")).otherwise(pl.col(each)).alias(each)
            for each in FROM_HEADERS
        ),
        start=pl.col("start").fill_null(pl.col("start_known")),
        end=pl.col("end").fill_null(pl.col("end_known")),
    ).select(now.columns)


def _and_above(path: str) -> list[str]:
    found = [path]
    while "/" in path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found
