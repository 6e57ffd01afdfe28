"""From a view to what is opened: one replica of each dataset, or the reason why none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access import DatasetFiles
from climeri_platform.access.periods import HOLE, not_covered
from climeri_platform.catalog.replicas import choose, not_here, replicas_here
from climeri_platform.core.errors import OnTape

if TYPE_CHECKING:
    import polars as pl

    from climeri_platform.catalog import CatalogView
    from climeri_platform.catalog.replicas import Replica
    from climeri_platform.core.errors import DataError

__all__ = ["files_to_open"]

_File = tuple[str, int | None, int | None, bool | None]  # path, start, end, online
_Roots = dict[str, list[_File]]


def files_to_open(view: CatalogView, *, recall: bool) -> list[DatasetFiles]:
    """Return the files of the nearest replica of each version of each dataset.

    Parameters
    ----------
    view
        What to open.
    recall
        Whether files may be opened that lie on tape.

    Returns
    -------
    list of DatasetFiles
        One whose replicas are not here, or on tape, has no files and says why.
    """
    replicas = replicas_here(view.snapshot)
    columns = ["dataset", "version", "root", "path", "start", "end", "frequency"]
    if "online" in view.file_rows.collect_schema():  # stores know it that look at tape
        columns.append("online")
    files = view.files(*columns)
    groups = _grouped(files)
    chosen = choose(files, replicas)
    versions: dict[str, int] = {}
    for dataset, _ in groups:
        versions[dataset] = versions.get(dataset, 0) + 1
    wanted = []
    for dataset, version, root in chosen.iter_rows():
        roots = groups[dataset, version]
        key = dataset if versions[dataset] == 1 else f"{dataset}.{version}"
        attributes = {"dataset": dataset, "snapshot": view.snapshot.name, "root": root}
        if version is not None:
            attributes["version"] = version
        refusal = _refusal(key, root, roots, view, replicas, recall=recall)
        opened = [] if refusal else roots[root]
        mount = replicas[root].mount
        wanted.append(
            DatasetFiles(
                key,
                tuple(f"{mount}/{path}" for path, *_ in opened),
                tuple((start, end) for _, start, end, _ in opened if start and end),
                attributes,
                _notes(root, roots) if len(roots) > 1 and not refusal else (),
                refusal,
            )
        )
    return wanted


def _grouped(files: pl.DataFrame) -> dict[tuple[str, str | None], _Roots]:
    groups: dict[tuple[str, str | None], _Roots] = {}
    for row in files.iter_rows(named=True):
        there = groups.setdefault((row["dataset"], row["version"]), {})
        # a climatology names the years that went into it, not those that it holds
        climatology = row["frequency"] == "monClim"
        span = (None, None) if climatology else (row["start"], row["end"])
        there.setdefault(row["root"], []).append((row["path"], *span, row.get("online")))
    return groups


def _refusal(
    key: str,
    root: str,
    roots: _Roots,
    view: CatalogView,
    replicas: dict[str, Replica],
    *,
    recall: bool,
) -> DataError | None:
    replica = replicas[root]
    if replica.mount is None:
        return not_here(key, roots, view.snapshot.card.roots, replicas)
    if replica.tape and not recall and not all(online for *_, online in roots[root]):
        count = sum(not online for *_, online in roots[root])
        return OnTape(
            f"{count} files of {key} may be on tape: its nearest replica is in the root {root}, "
            f"at {replica.mount}",
            hint="open(recall=True) opens them, and waits for each that must be recalled.",
        )
    return None


def _notes(chosen: str, roots: _Roots) -> tuple[str, ...]:
    """Say which other roots have the dataset, and what they have beside."""
    spans = {
        name: [(start, end) for _, start, end, _ in files if start and end]
        for name, files in roots.items()
    }
    others = sorted(set(roots) - {chosen})
    notes = [f"taken from {chosen}; also at {', '.join(others)}"]
    for other in others:
        more, here = len(roots[other]), len(roots[chosen])
        if missing := not_covered(spans[other], spans[chosen]):
            years = ", ".join(f"{start // 10**6} to {end // 10**6}" for start, end in missing)
            notes.append(f"{HOLE}: {other} also has {years}, which {chosen} has not")
        elif more > here:
            notes.append(f"{other} has {more} files of it, {chosen} has {here}")
    return tuple(notes)
