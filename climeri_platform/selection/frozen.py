"""Frozen selections: exactly these files, in a small JSON file that a paper can cite.

The file outlives its snapshot. Opening it looks each file up in the catalog as it is published now,
by root and path, or by dataset, version and name at another centre's root.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from climeri_platform import __version__
from climeri_platform.catalog.narrowing import ROW, Narrowing
from climeri_platform.catalog.replicas import replicas_here
from climeri_platform.catalog.tables import version_number
from climeri_platform.core.errors import SelectionChanged, UsageError
from climeri_platform.core.writing import write_named
from climeri_platform.selection.about import variables_asked
from climeri_platform.selection.changes import Changes
from climeri_platform.selection.origin import frozen_from, label_of, views_of

if TYPE_CHECKING:
    import os

    import polars as pl

    from climeri_platform.catalog import CatalogView

__all__ = ["compare", "freeze", "read_frozen"]

FORMAT = 1
_FILE = ("path", "size", "mtime", "tracking_id", "retracted")


def freeze(view: CatalogView, path: str | os.PathLike[str]) -> Path:
    """Write the files of a view to a JSON file; whole, or not at all.

    Parameters
    ----------
    view
        What to freeze.
    path
        The file; one that is there is replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    UsageError
        If it cannot be written there.
    """
    datasets: dict[tuple[str, str | None, str], list[dict[str, Any]]] = {}
    for row in view.files().iter_rows(named=True):
        place = (row["dataset"], row["version"], row["root"])
        datasets.setdefault(place, []).append(
            {name: row[name] for name in _FILE if _says(row.get(name))}
        )
    content = {
        "format": FORMAT,
        "kind": "climeri selection",
        "written_by": f"climeri-platform {__version__}",
        "frozen": datetime.now(UTC).isoformat(timespec="seconds"),
        "catalog": view.family.family,
        "store": label_of(view.snapshot.store),
        "snapshot": view.snapshot.name,
        "asked": {
            facet: view.typed.get(facet, list(values)) for facet, values in view.asked.items()
        },
        "also": [each.said for each in view.also],
        # of streams that hold many: what files call them
        "variables": sorted({name for its in variables_asked(view).values() for name in its}),
        "datasets": [
            {"dataset": dataset, "version": version, "root": root, "files": files}
            for (dataset, version, root), files in datasets.items()
        ],
    }
    return write_named(path, json.dumps(content, indent=1) + "\n")


def _says(value: object) -> bool:
    return value is not None and value is not False  # 0 bytes say something


def read_frozen(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a frozen selection.

    Raises
    ------
    UsageError
        If it is missing, or is none, or a newer version wrote it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise UsageError(f"the frozen selection {path} cannot be read: {reason}") from problem
    if not isinstance(content, dict) or content.get("kind") != "climeri selection":
        raise UsageError(f"{path} is no frozen selection")
    if content.get("format", 0) > FORMAT:
        raise UsageError(
            f"{path} has format {content['format']} of {content.get('written_by')}, and this "
            f"version reads up to {FORMAT}",
            hint="Upgrade climeri-platform.",
        )
    wanted = {"catalog": str, "snapshot": str, "datasets": list}
    for name, kind in wanted.items():
        if not isinstance(content.get(name), kind):
            raise UsageError(f"{path} is no frozen selection: {name} is missing")
    return content


def _table(content: dict[str, Any], path: str | os.PathLike[str]) -> pl.DataFrame:
    import polars as pl

    try:
        rows = [
            (
                each["dataset"],
                each["version"],
                each["root"],
                file["path"],
                file["path"].rsplit("/", 1)[-1],
                file.get("size"),  # a store that is a directory has none
                file.get("mtime"),
                file.get("tracking_id"),
                bool(file.get("retracted")),
            )
            for each in content["datasets"]
            for file in each["files"]
        ]
        text, number = pl.String, pl.Int64
        names = [*ROW, "path", "name", "size", "mtime", "tracking_id", "retracted"]
        kinds = [text, text, text, text, text, number, number, text, pl.Boolean]
        return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
    except (KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as problem:
        raise UsageError(f"{path} is no frozen selection: {problem!r}") from problem


def compare(
    path: str | os.PathLike[str], store: str | os.PathLike[str] | None, *, refuse: bool
) -> tuple[CatalogView, Changes]:
    """Return the view of a frozen selection as the store has it now, and what changed.

    Parameters
    ----------
    path
        The frozen selection.
    store
        The folder of the catalogs; by default the store of the settings that has most of it, first
        the one that is called as the one in which it was frozen.
    refuse
        Whether files that are gone or changed are an error.

    Raises
    ------
    UsageError
        If the file is no frozen selection.
    UnknownFamily
        If no store has a catalog of that name; it says where the selection is from.
    SelectionChanged
        If files are gone or changed, and ``refuse`` is true.
    """
    content = read_frozen(path)
    frozen = _table(content, path)
    views, problems = views_of(content, path, store)
    best: tuple[int, CatalogView, pl.DataFrame, Changes] | None = None
    for each in views:
        kept, changes = _compared(each.search(version="all"), frozen)
        lost = len(changes.gone) + len(changes.changed)
        if best is None or lost < best[0]:
            best = lost, each, kept, changes
        if not lost:
            break
    assert best is not None
    lost, view, kept, changes = best
    if refuse and lost:
        looked = [str(each.snapshot.store) for each in views]
        raise SelectionChanged(
            f"{lost} of the {frozen.height} files of {path} are not what they were on "
            f"{content.get('frozen', '?')}:\n{changes}",
            hint='open_selection(..., on_change="report") opens what is left; its `changes` tell. '
            f"They were in {frozen_from(content)}; "
            + "; ".join([f"looked in {', '.join(looked)}", *problems])
            + ".",
        )
    said = f"frozen in {Path(path).name}"
    how = Narrowing(
        said,
        within=kept.select(ROW).unique(),
        files=kept.select("root", "path"),
        variables=_variables(content, path),
    )
    return view.search(version="all").narrow(how), changes


def _variables(content: dict[str, Any], path: str | os.PathLike[str]) -> tuple[str, ...]:
    its = content.get("variables", [])
    if not isinstance(its, list) or not all(isinstance(each, str) for each in its):
        raise UsageError(f"{path} is no frozen selection: variables={its!r}")
    return tuple(its)


def _compared(view: CatalogView, frozen: pl.DataFrame) -> tuple[pl.DataFrame, Changes]:
    """Return the files of a catalog that are those of a frozen selection, and what changed."""
    import polars as pl

    keys = frozen["dataset"].unique().sort()
    between = pl.lit(value=False)
    if keys.len():
        # the bounds let most groups of rows be skipped; the join alone reads them all
        between = pl.col("dataset").is_between(pl.lit(keys[0]), pl.lit(keys[-1]))
    wanted = pl.LazyFrame({"dataset": keys}, schema={"dataset": pl.String})
    there = view.file_rows.filter(between).join(wanted, on="dataset", how="semi")
    now = view.snapshot.collect(there, view.family.family, "files").with_columns(
        name=pl.col("path").str.split("/").list.last()
    )
    if "tracking_id" not in now.columns:
        now = now.with_columns(tracking_id=pl.lit(None, dtype=pl.String))
    replicas = replicas_here(view.snapshot)
    here = {root for root, each in replicas.items() if each.mount is not None}
    return _judge(frozen, now, here)


def _judge(
    frozen: pl.DataFrame, now: pl.DataFrame, readable: set[str]
) -> tuple[pl.DataFrame, Changes]:
    import polars as pl

    here = {(row["root"], row["path"]): row for row in now.iter_rows(named=True)}
    by_name: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in now.iter_rows(named=True):
        by_name.setdefault((row["dataset"], row["version"], row["name"]), []).append(row)
    told: dict[str, list[str]] = {name: [] for name in asdict(Changes())}
    kept: list[tuple[Any, ...]] = []
    for row in frozen.iter_rows(named=True):
        place = f"{row['root']}:{row['path']}"
        found = here.get((row["root"], row["path"]))
        if found is None:
            others = by_name.get((row["dataset"], row["version"], row["name"]), [])
            same = [each for each in others if not _difference(row, each)]
            if not same:
                told["gone"].append(place)
                continue
            found = same[0]
            told["moved"].append(f"{place} -> {found['root']}:{found['path']}")
        elif difference := _difference(row, found):
            told["changed"].append(f"{place}: {difference}")
        elif row["mtime"] is not None and row["mtime"] != found["mtime"]:
            told["rewritten"].append(place)
        if not _difference(row, found):
            for what in _marks(row, found):
                told[what].append(f"{found['root']}:{found['path']}")
            same = [found]
            if found["root"] not in readable:  # another centre's replica of the very file will do
                others = by_name[row["dataset"], row["version"], row["name"]]
                same += [
                    each
                    for each in others
                    if each["root"] in readable and not _difference(row, each)
                ]
            kept += [tuple(each[name] for name in (*ROW, "path")) for each in same]
    schema = dict.fromkeys((*ROW, "path"), pl.String)
    table = pl.DataFrame(kept, schema=schema, orient="row")
    frozen_rows = frozen.select(ROW).unique()
    added = now.join(frozen_rows, on=ROW, how="semi", nulls_equal=True).join(
        frozen, on=["root", "path"], how="anti"
    )
    told["added"] = [f"{root}:{path}" for root, path in added.select("root", "path").rows()]
    told["newer"] = _newer(frozen_rows, now)
    return table, Changes(**{name: tuple(values) for name, values in told.items()})


def _marks(frozen: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return what is to be told of a file that is as it was."""
    marks = ["retracted"] if found.get("retracted") and not frozen["retracted"] else []
    return [*marks, "unchecked"] if found["size"] is None else marks


def _difference(frozen: dict[str, Any], found: dict[str, Any]) -> str:
    if frozen["size"] != found["size"]:
        return f"{frozen['size']} -> {found['size']} bytes"
    ids = frozen["tracking_id"], found["tracking_id"]
    if None not in ids and ids[0] != ids[1]:
        return f"tracking id {ids[0]} -> {ids[1]}"
    return ""


def _newer(frozen: pl.DataFrame, now: pl.DataFrame) -> list[str]:
    import polars as pl

    newest = now.filter("latest").select("dataset", "version", version_number().alias("number"))
    newer = (
        frozen.select("dataset", "version", version_number().alias("frozen"))
        .join(newest, on="dataset", suffix="_now")
        # what is the newest of those that are left may be older than what was frozen
        .filter(pl.col("number") > pl.col("frozen"))
        .select("dataset", "version", "version_now")
        .unique()
    )
    return [
        f"{dataset}: {version} -> {newest}" for dataset, version, newest in sorted(newer.rows())
    ]
