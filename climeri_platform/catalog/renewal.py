"""Renewing the rows of a root: what was scanned, what nobody could look at, and what went away.

Nothing here reads or writes a disk: rows in, rows out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform import __version__
from climeri_platform.catalog.carding import cards_without, completed, join_cards
from climeri_platform.catalog.facets import FACETS_TABLE
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.retraction import also_retracted
from climeri_platform.catalog.tables import (
    FROM_HEADERS,
    REJECTED,
    aligned,
    datasets_of,
    files_schema,
    mark_latest,
    sort_files,
)
from climeri_platform.catalog.walk import readable
from climeri_platform.core.errors import (
    ClimeriError,
    RootShrunk,
    StoreBusy,
    StoreDamaged,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from climeri_platform.catalog.carding import FoundCard
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.scan import Scan
    from climeri_platform.sites import Site

__all__ = [
    "LOSS_LIMIT",
    "SAME",
    "FamilyTables",
    "Renewal",
    "assemble",
    "carry_root",
    "renew",
    "rows_of",
    "same_files",
    "unchanged",
    "without_root",
]

LOSS_LIMIT = 0.1  # of a root's files: more than a night of retractions, less than a mount
_PIECE = 500_000  # rows of the last catalog that are compared at the same time
SAME = ("path", "size", "mtime", "ctime", "inode")
"""What a file has in common with itself a night ago, if nobody changed it."""


@dataclass(frozen=True, slots=True)
class FamilyTables:
    """All rows of an archive family, from all its roots; beside, small files by name."""

    family: Family
    files: pl.DataFrame
    rejected: pl.DataFrame
    beside: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The rows of one root, after a night.

    Attributes
    ----------
    family
        The archive family.
    files, rejected
        Its rows, those that are carried forward included.
    root
        Its card.
    before
        The rows that it had.
    cards
        The simulation cards that were found in it; None where nobody looked, and those that the
        snapshot keeps hold.
    """

    family: Family
    files: pl.DataFrame
    rejected: pl.DataFrame
    root: Root
    before: pl.DataFrame
    cards: list[FoundCard] | None = None

    @property
    def fresh(self) -> pl.DataFrame:
        """The rows that are new, or of files that changed since."""
        # of columns that are compared only: a root may have millions of rows, and few that are new
        seen = self.files.select(*SAME, "stale").with_row_index("at")
        seen = seen.filter(pl.col("stale").is_null())
        at = seen.join(same_files(seen, self.before), on="path", how="anti")["at"]
        return self.files[at.sort()]


def rows_of(
    previous: Snapshot | None, family: Family, root_id: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that a root has in a snapshot: files and rejected; none if it is not there.

    Raises
    ------
    StoreDamaged
        If a table cannot be read.
    """
    name = family.family
    if previous is None or all(
        (each.root_id, each.family) != (root_id, name) for each in previous.card.roots
    ):
        return pl.DataFrame(schema=files_schema(family)), pl.DataFrame(schema=REJECTED)
    here = pl.col("root") == root_id
    files = aligned(previous.read(name, "files", here), files_schema(family))
    return files, aligned(previous.read(name, "rejected", here), REJECTED)


def _card(previous: Snapshot | None, family: str, root_id: str) -> Root | None:
    roots = previous.card.roots if previous is not None else []
    return next((each for each in roots if (each.root_id, each.family) == (root_id, family)), None)


def renew(
    previous: Snapshot | None,
    family: Family,
    root_id: str,
    mount: str,
    scan: Scan,
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
    scan
        What it holds now.
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
    last = _card(previous, family.family, root_id)
    if last is not None and _moment(last.walked) > _moment(scan.walked):
        raise StoreBusy(
            f"a walk of the root {root_id} that began later, at {last.walked}, was published "
            f"while this one, begun at {scan.walked}, ran",
            hint="The newer one stays. Run this again if you want another.",
        )
    try:
        before, refused = rows_of(previous, family, root_id)
    except StoreDamaged:
        before, refused = rows_of(None, family, root_id)
    kept = _unseen(before, scan.files, scan.skipped.unseen)
    gone = _lost(before, scan.files) - kept.height
    if before.height and gone > loss * before.height:
        raise RootShrunk(
            f"{gone} of the {before.height} {family.family} files of the root {root_id} are gone, "
            f"more than {loss:.0%}",
            hint="Nothing was published, the last catalog stays. Is the mount whole? "
            "If they were meant to go: --accept-loss.",
        )
    today = datetime.now(UTC).date().isoformat()
    seen = _remember(scan.files, before)
    files = pl.concat([seen, kept.with_columns(pl.col("stale").fill_null(today))])
    rejected = pl.concat(
        [scan.rejected, _unseen(refused, scan.rejected, scan.skipped.unseen)], how="vertical"
    )
    root = Root(
        root_id=root_id,
        mount=mount,
        family=family.family,
        walked=scan.walked,
        found=files.height + rejected.height,
        catalogued=files.height,
        rejected=rejected.height,
        carried=kept.height,
        # a name that is not UTF-8 cannot stand in a card: its turn comes without this
        site=here.site if here is not None and walked else "",
        pending=[each for each in scan.skipped.pending if readable(each) == each],
        read_by=__version__,
    )
    return Renewal(family, files, rejected, root, before, scan.cards)


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
    files, rejected = rows_of(previous, family, root_id)
    since = card.stale or datetime.now(UTC).date().isoformat()
    return Renewal(
        family,
        files.with_columns(pl.col("stale").fill_null(since)),
        rejected,
        card.model_copy(update={"stale": since, "carried": files.height}),
        files,
    )


def unchanged(previous: Snapshot | None, tables: FamilyTables, renewals: Sequence[Renewal]) -> bool:
    """Tell whether a family is row for row what a snapshot holds, so that its files can be shared.

    Parameters
    ----------
    previous
        The snapshot.
    tables
        What would be published.
    renewals
        Of all families; a root that was not there before is a change.
    """
    name = tables.family.family
    if previous is None or name not in previous.families:
        return False
    known = {each.root_id for each in previous.card.roots if each.family == name}
    if not known.issuperset(each.root.root_id for each in renewals if each.root.family == name):
        return False
    try:
        return (
            previous.rules(name) == tables.family
            and _equal(tables.files, previous.scan(name, "files"))
            and _equal(tables.rejected, previous.scan(name, "rejected"))
            and previous.scan(name, "datasets").collect_schema()
            == datasets_of(tables.files.clear(), tables.family).schema
            and (previous.folder / name / FACETS_TABLE).exists()
            and all(
                (previous.folder / name / small).read_text(encoding="utf-8") == text
                for small, text in tables.beside.items()
            )
        )
    except (ClimeriError, OSError, pl.exceptions.PolarsError):
        return False  # what is damaged is written again


def _equal(rows: pl.DataFrame, table: pl.LazyFrame) -> bool:
    """Tell whether a table holds these rows, reading a piece of it at a time."""
    if rows.schema != table.collect_schema():
        return False
    if rows.height != table.select(pl.len()).collect().item():
        return False
    return all(
        rows.slice(first, _PIECE).equals(table.slice(first, _PIECE).collect())
        for first in range(0, rows.height, _PIECE)
    )


def _lost(before: pl.DataFrame, now: pl.DataFrame) -> int:
    return before.select("path").join(now.select("path"), on="path", how="anti").height


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
    joined = now.drop(FROM_HEADERS).join(
        known.select("path", *FROM_HEADERS, "start", "end"),
        on="path",
        how="left",
        suffix="_known",
        maintain_order="left",
    )
    return joined.with_columns(
        start=pl.col("start").fill_null(pl.col("start_known")),
        end=pl.col("end").fill_null(pl.col("end_known")),
    ).select(now.columns)


def _and_above(path: str) -> list[str]:
    found = [path]
    while "/" in path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found


def without_root(
    previous: Snapshot, root_id: str
) -> tuple[list[FamilyTables], list[Root], set[str]]:
    """Return what is left without a root: tables, roots, and the families that end with it.

    Raises
    ------
    StoreDamaged
        If the rows of another root, which have to stay, cannot be read.
    """
    roots = [each for each in previous.card.roots if each.root_id != root_id]
    tables = []
    ends = set()
    for name in {each.family for each in previous.card.roots if each.root_id == root_id}:
        if name not in {each.family for each in roots}:
            ends.add(name)
            continue
        family = previous.rules(name)
        stay = pl.col("root") != root_id
        files = aligned(previous.read(name, "files", stay), files_schema(family))
        refused = aligned(previous.read(name, "rejected", stay), REJECTED)
        beside = cards_without(previous, family, root_id)
        rows = sort_files(mark_latest(files), family)
        tables.append(FamilyTables(family, rows, refused.sort("root", "path"), beside))
    return tables, roots, ends


def assemble(
    previous: Snapshot | None,
    renewals: Sequence[Renewal],
    retracted: Mapping[str, pl.DataFrame] | None = None,
) -> tuple[list[FamilyTables], list[Root]]:
    """Return the tables of the families that were renewed, and every root of the store after it.

    Rows of roots that were not renewed stay.

    Parameters
    ----------
    previous
        The snapshot to go on from.
    renewals
        One for each root and family at most.
    retracted
        Family to what its lists of retracted datasets name: it is retracted at every root.

    Raises
    ------
    StoreDamaged
        If the rows of another root, which have to stay, cannot be read.
    """
    renewed = {(each.root.root_id, each.root.family) for each in renewals}
    old = previous.card.roots if previous is not None else []
    others = [each for each in old if (each.root_id, each.family) not in renewed]
    tables = []
    for name in dict.fromkeys(each.root.family for each in renewals):
        these = [each for each in renewals if each.root.family == name]
        family, files, beside = join_cards(
            these[-1].family,
            {each.root.root_id: (each.files, each.cards) for each in these},
            previous,
        )
        rejected = [each.rejected for each in these]
        # only if there are any: a damaged table is mended by building its one root again
        if previous is not None and name in {each.family for each in others}:
            stay = pl.col("root").is_in([each.root_id for each in others if each.family == name])
            kept = previous.read(name, "files", stay)
            files.insert(0, aligned(kept, files_schema(family)))
            rejected.insert(0, aligned(previous.read(name, "rejected", stay), REJECTED))
        all_rows = completed(pl.concat(files), family)
        if retracted is not None and name in retracted:
            all_rows = also_retracted(all_rows, retracted[name])
        rows = sort_files(mark_latest(all_rows), family)
        refused = pl.concat(rejected).sort("root", "path")
        tables.append(FamilyTables(family, rows, refused, beside))
    roots = sorted(
        [*others, *(each.root for each in renewals)], key=lambda each: (each.family, each.root_id)
    )
    return tables, roots
