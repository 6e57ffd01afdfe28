"""What a night did, root by root: plain values, for the report, its page and the metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

if TYPE_CHECKING:
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.history import Change
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal
    from climeri_platform.catalog.scan import Scan

__all__ = ["NAMED", "NightReport", "RootNight", "bytes_by_model", "duplicated"]

State = Literal["walked", "unfinished", "carried forward", "not its hour"]
NAMED = 1000
"""Paths of a kind in a report; the tables hold them all."""


@dataclass(slots=True)
class RootNight:
    """What became of one root.

    Attributes
    ----------
    root_id, family, mount
        Which root.
    state
        ``walked``; ``unfinished`` if its time was up; ``carried forward`` as it was, for the
        ``reason``; or ``not its hour``.
    reason
        Why it was carried forward; empty otherwise.
    stale
        Since when it is carried forward.
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
        Path and reason.
    links, other, pending
        Directory links that were not followed, other files, directories left for the next night.
    headers, headers_failed, headers_left
        Of how many files the header was read, or was left for later; path and reason of those of
        which it could not be read.
    headers_problem
        Why no header was read; empty otherwise.
    contradictions
        Path, and what its header says otherwise than its name.
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
    links: int = 0
    other: int = 0
    pending: int = 0
    headers: int = 0
    headers_failed: list[tuple[str, str]] = field(default_factory=list)
    headers_left: int = 0
    headers_problem: str = ""
    contradictions: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, renewal: Renewal) -> None:
        """Take over what a renewal says."""
        files, before = renewal.files, renewal.before
        self.catalogued, self.rejected = files.height, renewal.rejected.height
        self.datasets = files["dataset"].n_unique()
        self.size = int(files["size"].sum())
        self.carried, self.stale = renewal.root.carried, renewal.root.stale
        fresh = renewal.fresh
        self.changed = fresh.join(before.select("path"), on="path", how="semi").height
        self.new = fresh.height - self.changed
        paths = before.select("path")
        self.gone = paths.join(files.select("path"), on="path", how="anti").height
        said = files.filter(pl.col("contradiction").is_not_null())
        self.contradictions = said.select("path", "contradiction").head(NAMED).rows()
        first = renewal.rejected.group_by("code").agg(
            pl.len(), pl.format("{}: {}", "path", "reason").first().alias("first")
        )
        for code, count, example in first.sort("code").iter_rows():
            self.reasons[code], self.examples[code] = count, example

    def took(self, scan: Scan) -> None:
        """Take over what a scan says."""
        skipped = scan.skipped
        self.unreadable = skipped.unreadable[:NAMED]
        self.links, self.other, self.pending = (
            len(skipped.links),
            skipped.other,
            len(skipped.pending),
        )
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
        Datasets that stand at several roots, with the roots.
    bytes_by_model
        Institution, model, bytes and files.
    problems
        One sentence for each root that is not as it should be.
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
    bytes_by_model: list[dict[str, Any]] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """One sentence for each root whose rows are not of this night."""
        return [
            f"{each.root_id} ({each.family}): {each.reason}"
            for each in self.roots
            if each.state == "carried forward"
        ]

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
    """Return the datasets of a family that stand at several roots, in one version.

    Returns
    -------
    list of dict
        ``dataset``, ``version``, ``roots`` and ``size``: what one of them could free.
    """
    if sum(root.family == family for root in snapshot.card.roots) < 2:
        return []
    rows = snapshot.scan(family, "datasets").group_by("dataset", "version")
    several = rows.agg(
        pl.col("root").unique().sort().alias("roots"),
        (pl.col("size").sum() - pl.col("size").max()).alias("size"),
    ).filter(pl.col("roots").list.len() > 1)
    return snapshot.collect(
        several.sort("size", "dataset", descending=[True, False]).head(NAMED), family, "datasets"
    ).to_dicts()


def bytes_by_model(snapshot: Snapshot, family: Family) -> list[dict[str, Any]]:
    """Return bytes and files of each institution and model of a family, versions and all."""
    names = {
        name: family.shared[name] for name in ("institution", "model") if family.shared.get(name)
    }
    rows = snapshot.scan(family.family, "datasets").group_by(
        [pl.col(facet).alias(name) for name, facet in names.items() if facet is not None]
        or [pl.lit(family.family).alias("family")]
    )
    sums = rows.agg(pl.col("size").sum(), pl.col("files").sum()).sort("size", descending=True)
    found = snapshot.collect(sums, family.family, "datasets").to_dicts()
    return [{"family": family.family, "institution": None, "model": None, **each} for each in found]
