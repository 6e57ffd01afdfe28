"""From a view to what is opened: one replica of each dataset, or the reason why none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access import DatasetFiles
from climeri_platform.access.asked import files_of_period
from climeri_platform.access.opening import STAGE_THEM
from climeri_platform.access.periods import HOLE, RETRACTED, not_covered
from climeri_platform.catalog.embargo import embargoes
from climeri_platform.catalog.replicas import choose, not_here, replicas_here
from climeri_platform.core.errors import DataError, OnTape
from climeri_platform.selection.about import facets_of, in_common_words, variables_asked
from climeri_platform.selection.offline import bytes_offline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from climeri_platform.access.asked import AskedPeriod
    from climeri_platform.catalog import CatalogView
    from climeri_platform.catalog.replicas import Replica

__all__ = ["files_to_open", "more_before"]

_File = tuple[str, int | None, int | None, bool | None]  # path, start, end, online
_Roots = dict[str, list[_File]]


def files_to_open(
    view: CatalogView, *, recall: bool, period: AskedPeriod | None = None
) -> list[DatasetFiles]:
    """Return the files of the nearest replica of each version of each dataset.

    Parameters
    ----------
    view
        What to open.
    recall
        Whether files may be opened that lie on tape.
    period
        What datasets will be cut to: files that by their names hold nothing of it are left out, and
        nobody looks at them.

    Returns
    -------
    list of DatasetFiles
        One whose replicas are not here, or wholly on tape, has no files and says why. Files on tape
        are told apart by a look at each, and left out.
    """
    replicas = replicas_here(view.snapshot)
    columns = ["dataset", "version", "root", "path", "start", "end", "frequency"]
    # stores of older releases know nothing of tape, nor of what the night could not see
    known = view.file_rows.collect_schema()
    columns += [name for name in ("online", "stale", "retracted", "contradiction") if name in known]
    files = view.files(*columns)
    marks = _marks(files)
    for place, day in embargoes(view).items():
        marks[place] = (
            f"its card says that it is under embargo until {day}",
            *marks.get(place, ()),
        )
    groups = _grouped(files)
    chosen = choose(files, replicas)
    facets, asked = facets_of(view), variables_asked(view)
    longer = {} if "version" in view.asked else _of_older_versions(view)
    versions: dict[str, int] = {}
    for dataset, _ in groups:
        versions[dataset] = versions.get(dataset, 0) + 1
    wanted = []
    for dataset, version, root in chosen.iter_rows():
        roots = groups[dataset, version]
        key = dataset if versions[dataset] == 1 else f"{dataset}.{version}"
        its = facets.get((dataset, version), {})
        attributes = {"dataset": dataset, "snapshot": view.snapshot.name, "root": root}
        if version is not None:
            attributes["version"] = version
        replica = replicas[root]
        here = replica.mount is not None
        those, its_period, refusal = (
            _within(roots[root], period) if here else (roots[root], None, None)
        )
        opened, offline = (those, []) if recall or refusal else _apart(those, replica)
        refusal = refusal or _refusal(key, root, roots, view, replicas, away=not opened)
        opened = [] if refusal else opened
        spans = [(start, end) for _, start, end, _ in roots[root] if start and end]
        notes = _notes(root, roots) + more_before(version, spans, longer.get(dataset, []))
        named = asked.get((dataset, version, root), {})
        wanted.append(
            DatasetFiles(
                key,
                tuple(f"{replica.mount}/{path}" for path, *_ in opened),
                tuple((start, end) for _, start, end, _ in opened if start and end),
                attributes,
                () if refusal else (*notes, *marks.get((dataset, version, root), ())),
                refusal,
                in_common_words(its, view.family) | _as_one(named),
                its,
                tuple(offline),
                its_period,
                variables=tuple(named),
            )
        )
    return wanted


def _as_one(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the facets of a stream of which one variable is asked for: those of that variable."""
    names = set(variables.values())
    return {"variable": names.pop()} if len(names) == 1 else {}


def _of_older_versions(view: CatalogView) -> dict[str, list[tuple[str, int, int]]]:
    """Return what versions that are not the newest cover, where a dataset has any."""
    import polars as pl

    every = view.without(*range(len(view.also))).search(version="all")
    rows = every.rows.filter(~pl.col("latest") & pl.col("start").is_not_null())
    if "retracted" in rows.collect_schema():
        rows = rows.filter(~pl.col("retracted").fill_null(value=False))
    if "frequency" in rows.collect_schema():
        rows = rows.filter(pl.col("frequency").fill_null("") != "monClim")
    with view.reading("datasets"):
        table = rows.select("dataset", "version", "start", "end").unique().sort("version").collect()
    found: dict[str, list[tuple[str, int, int]]] = {}
    for dataset, *span in table.iter_rows():
        found.setdefault(dataset, []).append((span[0], span[1], span[2]))
    return found


def more_before(
    version: str | None,
    spans: Sequence[tuple[int, int]],
    older: Sequence[tuple[str, int, int]],
) -> tuple[str, ...]:
    """Say which time a republication left out: versions are never mixed to fill it.

    Parameters
    ----------
    version
        The version that is opened.
    spans
        Start and end of its files, YYYYMMDDhhmm.
    older
        Other versions, each with its start and end.
    """
    if not spans:
        return ()
    first, last = min(spans)[0], max(end for _, end in spans)
    return tuple(
        f"{HOLE}: {other} also has {start // 10**6} to {end // 10**6}, {version} begins at "
        f"{first // 10**6} and ends at {last // 10**6}; versions are not mixed"
        for other, start, end in older
        if start < first or end > last
    )


def _grouped(files: pl.DataFrame) -> dict[tuple[str, str | None], _Roots]:
    groups: dict[tuple[str, str | None], _Roots] = {}
    for row in files.iter_rows(named=True):
        there = groups.setdefault((row["dataset"], row["version"]), {})
        # a climatology names the years that went into it, not those that it holds
        climatology = row["frequency"] == "monClim"
        span = (None, None) if climatology else (row["start"], row["end"])
        there.setdefault(row["root"], []).append((row["path"], *span, row.get("online")))
    return groups


def _marks(files: pl.DataFrame) -> dict[tuple[str, str | None, str], tuple[str, ...]]:
    """Say what the catalog knows against the files of a replica."""
    import polars as pl

    if "stale" not in files.columns:
        return {}
    marked = files.filter(
        pl.col("stale").is_not_null()
        | pl.col("retracted").fill_null(value=False)
        | pl.col("contradiction").is_not_null()
    )
    found: dict[tuple[str, str | None, str], tuple[str, ...]] = {}
    rows = marked.group_by("dataset", "version", "root").agg(
        pl.col("stale").min(),
        pl.col("retracted").any(),
        pl.col("contradiction").drop_nulls().unique().sort(),
        pl.col("stale").count().alias("unseen"),
    )
    for dataset, version, root, stale, retracted, contradictions, unseen in rows.iter_rows():
        notes = [f"{RETRACTED}: its publisher took {version} back"] if retracted else []
        if stale is not None:
            notes.append(
                f"{unseen} of its files were last seen before {stale}, and may have changed"
            )
        notes += [f"a header contradicts the name: {each}" for each in contradictions]
        found[dataset, version, root] = tuple(notes)
    return found


def _within(
    files: list[_File], period: AskedPeriod | None
) -> tuple[list[_File], AskedPeriod | None, DataError | None]:
    """Return the files that may hold some of a period, its dates, and the error if none does."""
    spans = [(start, end) for _, start, end, _ in files if start and end]
    if period is None or len(spans) < len(files):
        return files, period, None
    try:
        settled = period.settled(spans)
        return [files[number] for number in files_of_period(spans, settled)], settled, None
    except DataError as problem:
        return files, period, problem


def _apart(files: list[_File], replica: Replica) -> tuple[list[_File], list[tuple[str, int]]]:
    """Return the files that can be read now, and paths and bytes of those on tape only."""
    if replica.mount is None or not replica.tape:
        return files, []
    paths = [f"{replica.mount}/{path}" for path, *_ in files]
    sizes = bytes_offline([(path, file[3]) for path, file in zip(paths, files, strict=True)])
    here = [file for file, size in zip(files, sizes, strict=True) if size is None]
    away = [(path, size) for path, size in zip(paths, sizes, strict=True) if size is not None]
    return here, away


def _refusal(
    key: str,
    root: str,
    roots: _Roots,
    view: CatalogView,
    replicas: dict[str, Replica],
    *,
    away: bool,
) -> DataError | None:
    replica = replicas[root]
    if replica.mount is None:
        return not_here(key, roots, view.snapshot.card.roots, replicas)
    if away:
        return OnTape(
            f"all files that are asked for of {key} are on tape: its nearest replica is in the root {root}, "
            f"at {replica.mount}",
            hint=STAGE_THEM,
        )
    return None


def _notes(chosen: str, roots: _Roots) -> tuple[str, ...]:
    """Say which other roots have the dataset, and what they have beside."""
    spans = {
        name: [(start, end) for _, start, end, _ in files if start and end]
        for name, files in roots.items()
    }
    others = sorted(set(roots) - {chosen})
    if not others:
        return ()
    notes = [f"taken from {chosen}; also at {', '.join(others)}"]
    for other in others:
        more, here = len(roots[other]), len(roots[chosen])
        if missing := not_covered(spans[other], spans[chosen]):
            years = ", ".join(f"{start // 10**6} to {end // 10**6}" for start, end in missing)
            notes.append(f"{HOLE}: {other} also has {years}, which {chosen} has not")
        elif more > here:
            notes.append(f"{other} has {more} files of it, {chosen} has {here}")
    return tuple(notes)
