"""What a night did, root by root: plain values, for the report, its page and the metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from climeri_platform.catalog.history import changes
from climeri_platform.core.errors import ClimeriError, StoreDamaged

if TYPE_CHECKING:
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.history import Change
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal
    from climeri_platform.catalog.scan import Difference

__all__ = [
    "NAMED",
    "STALE",
    "UNCOUNTED",
    "NightReport",
    "RootNight",
    "bytes_by_model",
    "compare",
    "duplicated",
]

_COPIES: dict[str, Any] = {
    "dataset": pl.String,
    "version": pl.String,
    "roots": pl.List(pl.String),
    "size": pl.Int64,
}
State = Literal[
    "walked", "unfinished", "carried forward", "not its hour", "overtaken", "no longer declared"
]
STALE = ("carried forward", "no longer declared")
"""States of roots whose rows are those of an earlier night, and marked so."""
UNCOUNTED = {
    "not its hour": "not looked at, as it was",
    "overtaken": "as a later walk has it, which was published meanwhile",
}
"""States of roots whose rows this night left alone, in words: it has no numbers of its own."""
NAMED = 1000
"""Paths of a kind in a report; the tables hold them all, and the numbers beside count them all."""


@dataclass(slots=True)
class RootNight:
    """What became of one root.

    Attributes
    ----------
    root_id, family, mount
        Which root.
    state
        ``walked``; ``unfinished`` if its time was up; ``carried forward`` as it was, for the
        ``reason``; ``not its hour``; ``overtaken`` if a later walk was published while this one ran,
        whose rows stay; or ``no longer declared`` by any source of its site, its rows kept.
    reason
        Why it was carried forward; empty otherwise.
    stale
        Since when its rows are those of an earlier night.
    resumed
        Whether the scan is one that an interrupted night had finished.
    catalogued, rejected, datasets, size
        Numbers of files and datasets, and bytes, after the night.
    new, changed, gone
        Numbers of files.
    carried
        How many files nobody could look at.
    reasons, examples
        Code of a rejection to the number of files, and to one path with its reason.
    unreadable
        Path and reason, of a thousand at most.
    unreadable_count
        Of how many paths.
    links, other, pending
        Directory links that were not followed, other files, directories left for the next night.
    headers, headers_failed, headers_left
        Of how many files the header was read, or was left for later; path and reason of those of
        which it could not be read, a thousand at most.
    headers_failed_count
        How many these are; 0 where only the list says it.
    headers_problem
        Why no header was read; empty otherwise.
    contradictions
        Path, and what its header says otherwise than its name, of a thousand files at most.
    contradictions_count
        Of how many files.
    notes
        What looks wrong in the tree, such as a link `latest` that leads to an older version.
    unknown
        What the inventory cannot say.
    repeated, vanished
        How many other paths lead to a file of the same version; how many files went away under way.
    unlisted
        Of how many directories nobody asked the names, because they are as they were.
    seconds
        How long the scan took.
    """

    root_id: str
    family: str
    mount: str
    state: State = "walked"
    reason: str = ""
    stale: str | None = None
    resumed: bool = False
    catalogued: int = 0
    rejected: int = 0
    datasets: int = 0
    size: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    carried: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    links: int = 0
    other: int = 0
    pending: int = 0
    headers: int = 0
    headers_failed: list[tuple[str, str]] = field(default_factory=list)
    headers_failed_count: int = 0
    headers_left: int = 0
    headers_problem: str = ""
    contradictions: list[tuple[str, str]] = field(default_factory=list)
    contradictions_count: int = 0
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    repeated: int = 0
    vanished: int = 0
    unlisted: int = 0
    seconds: float = 0.0

    def count(self, renewal: Renewal) -> None:
        """Take over what a renewal says."""
        self.new, self.changed, self.gone = renewal.new, renewal.changed, renewal.gone

    def take_stock(self, snapshot: Snapshot) -> None:
        """Count what a snapshot has of the root.

        Raises
        ------
        StoreDamaged
            If its tables cannot be read.
        """
        key = (self.root_id, self.family)
        card = next((e for e in snapshot.card.roots if (e.root_id, e.family) == key), None)
        if card is None:
            return
        self.catalogued, self.rejected = card.catalogued, card.rejected
        self.carried, self.stale = card.carried, card.stale
        here = pl.col("root") == self.root_id
        datasets = snapshot.scan(self.family, "datasets").filter(here)
        total = datasets.select(pl.col("dataset").n_unique(), pl.col("size").sum())
        self.datasets, self.size = snapshot.collect(total, self.family, "datasets").row(0)
        files = snapshot.scan(self.family, "files")
        said = files.filter(here, pl.col("contradiction").is_not_null())
        named = snapshot.collect(said.select("path", "contradiction"), self.family, "files")
        self.contradictions = named.head(NAMED).rows()
        self.contradictions_count = named.height
        first = (
            snapshot.read(self.family, "rejected", here)
            .group_by("code")
            .agg(pl.len(), pl.format("{}: {}", "path", "reason").first().alias("first"))
        )
        for code, count, example in first.sort("code").iter_rows():
            self.reasons[code], self.examples[code] = count, example

    def took(self, scan: Difference) -> None:
        """Take over what a scan says."""
        skipped = scan.skipped
        self.unreadable = skipped.unreadable[:NAMED]
        self.unreadable_count = len(skipped.unreadable)
        self.links, self.other, self.pending = (
            len(skipped.links),
            skipped.other,
            len(skipped.pending),
        )
        self.notes, self.unknown = skipped.notes[:NAMED], skipped.unknown
        self.repeated, self.vanished = len(skipped.repeated), len(skipped.gone)
        self.unlisted = scan.folders.unlisted if scan.folders is not None else 0
        self.seconds = round(scan.seconds, 3)
        if skipped.pending:
            self.state = "unfinished"


@dataclass(slots=True)
class NightReport:
    """What a refresh did.

    Attributes
    ----------
    site, store
        Where.
    snapshot, previous
        The published snapshot, and the one before.
    began, seconds
        When, in UTC, and how long it took.
    roots
        One for each source.
    changes
        Family by family: paths that are new, gone, changed, moved, and datasets with another
        newest version; a thousand of each at most, with the full numbers beside.
    duplicated
        Datasets of which files stand at several roots, with the roots; the thousand largest.
    duplicated_count, duplicated_size
        How many datasets these are, and how many bytes one copy of each file less would free.
    bytes_by_model
        Institution, model, bytes and files.
    not_compared
        Why nobody knows what changed; empty otherwise.
    problems
        One sentence for each root whose rows are those of an earlier night.
    """

    site: str
    store: str
    snapshot: str = ""
    previous: str | None = None
    began: str = ""
    seconds: float = 0.0
    roots: list[RootNight] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    duplicated: list[dict[str, Any]] = field(default_factory=list)
    duplicated_count: int = 0
    duplicated_size: int = 0
    bytes_by_model: list[dict[str, Any]] = field(default_factory=list)
    not_compared: str = ""

    @property
    def problems(self) -> list[str]:
        """One sentence for each root whose rows are those of an earlier night."""
        gone = "no source of its site declares it any longer"
        return [
            f"{each.root_id} ({each.family}): "
            f"{each.reason or (gone if each.state == 'no longer declared' else '')}"
            for each in self.roots
            if each.state in STALE
        ]

    def count_duplicated(self, snapshot: Snapshot, family: str) -> None:
        """Add the datasets of a family that stand at several roots.

        Raises
        ------
        StoreDamaged
            If its tables cannot be read.
        """
        found = _duplicated(snapshot, family)
        self.duplicated_count += found.height
        self.duplicated_size += int(found["size"].sum())
        largest = [*self.duplicated, *found.head(NAMED).to_dicts()]
        self.duplicated = sorted(largest, key=lambda each: (-each["size"], each["dataset"]))[:NAMED]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {**asdict(self), "problems": self.problems}


def shortened(change: Change) -> dict[str, Any]:
    """Return a change as plain values: numbers, and the first paths of each kind."""
    kinds = ("added", "gone", "changed", "moved", "re_versioned")
    lists: dict[str, list[Any]] = {kind: getattr(change, kind) for kind in kinds}
    return {
        "family": change.family,
        "numbers": {kind: len(paths) for kind, paths in lists.items()},
        **{kind: paths[:NAMED] for kind, paths in lists.items()},
    }


def duplicated(snapshot: Snapshot, family: str) -> list[dict[str, Any]]:
    """Return the datasets of a family of which files stand at several roots, in one version.

    Returns
    -------
    list of dict
        ``dataset``, ``version``, ``roots`` and ``size``: what one copy of each file less would free,
        in bytes. The thousand largest; `NightReport.count_duplicated` counts them all.
    """
    return _duplicated(snapshot, family).head(NAMED).to_dicts()


def _duplicated(snapshot: Snapshot, family: str) -> pl.DataFrame:
    """Return the datasets of which files of one name stand at several roots, the largest first.

    A dataset that is spread over roots, some years here and some there, is none of them.
    """
    key = ["dataset", "version"]
    if sum(each.family == family for each in snapshot.card.roots) < 2:
        return pl.DataFrame(schema=_COPIES)
    several = (
        snapshot.scan(family, "datasets")
        .group_by(key)
        .agg(pl.col("root").n_unique())
        .filter(pl.col("root") > 1)
        .select(key)
    )
    # a number stands for the names from here on: there may be millions of files
    wanted = snapshot.collect(several, family, "datasets").with_row_index("number")
    copies = (
        snapshot.scan(family, "files")
        .select(*key, "root", "size", name=pl.col("path").str.extract(r"([^/]+)/*$"))
        .join(wanted.lazy(), on=key, how="inner", nulls_equal=True)
        .group_by("number", "name")
        .agg(
            pl.col("root").unique().alias("roots"),
            # nobody knows the size of a store that is a directory
            (pl.col("size").sum() - pl.col("size").max().fill_null(0)).alias("size"),
        )
        .filter(pl.col("roots").list.len() > 1)
    )
    rows = (
        copies.group_by("number")
        .agg(pl.col("roots").explode().unique().sort(), pl.col("size").sum())
        .join(wanted.lazy(), on="number")
        .select(*key, "roots", "size")
    )
    by = rows.sort("size", "dataset", "version", descending=[True, False, False])
    return snapshot.collect(by, family, "files")


def bytes_by_model(snapshot: Snapshot, family: Family) -> list[dict[str, Any]]:
    """Return bytes and files of each institution and model of a family, versions and all."""
    names = {
        name: family.shared[name] for name in ("institution", "model") if family.shared.get(name)
    }
    rows = snapshot.scan(family.family, "datasets").group_by(
        [pl.col(facet).alias(name) for name, facet in names.items() if facet is not None]
        or [pl.lit(family.family).alias("family")]
    )
    sums = snapshot.collect(
        rows.agg(pl.col("size").sum(), pl.col("files").sum()), family.family, "datasets"
    )
    # names too: what is as it was is told in the same order every night
    by = ["size", *sums.columns[:-2]]
    found = sums.sort(by, descending=[True, *[False] * (len(by) - 1)]).to_dicts()
    return [{"family": family.family, "institution": None, "model": None, **each} for each in found]


def compare(report: NightReport, snapshot: Snapshot, previous: Snapshot | None) -> None:
    """Fill a report with what the new snapshot holds, and what changed since the one before."""
    for root in report.roots:
        try:
            root.take_stock(snapshot)
        except StoreDamaged as problem:
            root.notes.append(problem.message)
    try:
        for name in snapshot.families:
            report.count_duplicated(snapshot, name)
            report.bytes_by_model += bytes_by_model(snapshot, snapshot.rules(name))
        if previous is not None:
            found = changes(previous.name, snapshot.name, store=snapshot.store)
            report.changes = [shortened(each) for each in found]
    except ClimeriError as problem:  # what was damaged is mended now, and has nothing to compare
        report.not_compared = problem.message
