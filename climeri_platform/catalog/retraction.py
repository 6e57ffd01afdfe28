"""Retractions: a list of datasets that their publishers took back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.core.errors import RootUnusable

__all__ = [
    "RetractionList",
    "also_retracted",
    "apply_retractions",
    "listed_together",
    "read_retractions",
]

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = r"(?:\d{4}-\d\d-\d\d|\d+)"
_LINE = re.compile(
    r"[\"']?(?P<dataset>[^\s#,;|\"']+?)"
    rf"(?:\.(?P<version>v{_NUMBER})|\#(?P<number>v?{_NUMBER}))?"
    r"[\"']?(?:[|,;\s].*)?"
)
_HALF = re.compile(r".*\.v\d[^.]*")  # a version that cannot be read is none of the key's parts
_SHOWN = 200  # characters of a line that cannot be read
_SCHEMA = {"dataset": pl.String, "version": pl.String}


@dataclass(frozen=True, slots=True)
class RetractionList:
    """What a list of retracted datasets says.

    Attributes
    ----------
    table
        ``dataset`` and ``version`` (such as v20190101), null where every version is meant.
    unread
        The lines that say nothing that can be understood, with their numbers.
    """

    table: pl.DataFrame
    unread: list[str] = field(default_factory=list)


def read_retractions(path: str) -> RetractionList:
    """Return the datasets that a list names.

    A line is the key of a dataset, alone or with its version (``KEY.v20190101``, ``KEY#20190101``,
    ``KEY#2019-01-01``), in quotes or not; what follows a blank, a comma, a semicolon or a bar does
    not matter, nor do empty lines and those that begin with ``#``.

    Parameters
    ----------
    path
        The list: UTF-8, with a byte order mark or without.

    Raises
    ------
    RootUnusable
        If the list cannot be read.
    """
    try:
        # programs that write tables put a byte order mark before the first key
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise RootUnusable(
            f"the list of retracted datasets {path} cannot be read: {problem}",
            hint="Without it nobody knows what is retracted: mend it, or take it out of the source.",
        ) from problem
    rows, unread = [], []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if (row := _dataset(text)) is None:
            unread.append(f"line {number}: {text[:_SHOWN]}")
        else:
            rows.append(row)
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row").unique(maintain_order=True)
    return RetractionList(table, unread)


def _dataset(text: str) -> tuple[str, str | None] | None:
    match = _LINE.fullmatch(text)
    if match is None:
        return None
    version = match["version"] or match["number"]
    if version is None:
        return None if _HALF.fullmatch(match["dataset"]) else (match["dataset"], None)
    return match["dataset"], "v" + version.removeprefix("v").replace("-", "")


def apply_retractions(files: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """Return rows with ``retracted`` true for what is listed, and false for all others.

    A publisher takes back a dataset wherever it stands: the rows are those of a whole family, of
    every root, those that were carried forward included.

    Parameters
    ----------
    files
        Rows of a family's `files`.
    listed
        The `RetractionList.table` of its lists, one below the other.

    Examples
    --------
    >>> files = pl.DataFrame({"dataset": ["a.b", "a.b"], "version": ["v1", "v2"]})
    >>> listed = pl.DataFrame({"dataset": ["a.b"], "version": ["v1"]})
    >>> apply_retractions(files, listed)["retracted"].to_list()
    [True, False]
    """
    every = listed.filter(pl.col("version").is_null())["dataset"].unique()
    # trees write their versions with the letter or without it
    number = pl.col("version").str.strip_prefix("v")
    named = listed.drop_nulls().select("dataset", _number=number, _named=True).unique()
    marked = files.with_columns(_number=number).join(
        named, on=["dataset", "_number"], how="left", maintain_order="left"
    )
    of_every = pl.col("dataset").is_in(every.implode())
    retracted = (pl.col("_named").fill_null(value=False) | of_every).alias("retracted")
    return marked.with_columns(retracted).drop("_number", "_named")


def also_retracted(files: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """Return rows with ``retracted`` true for what is listed, and as it was for all others."""
    marked = apply_retractions(files.select("dataset", "version"), listed)["retracted"]
    known = pl.when(marked).then(statement=True).otherwise(pl.col("retracted"))
    return files.with_columns(retracted=known)


def listed_together(lists: Iterable[tuple[str, RetractionList]]) -> dict[str, pl.DataFrame]:
    """Return family by family what several lists name together: a replica elsewhere is retracted too.

    Parameters
    ----------
    lists
        Family and list of each root that has one.
    """
    found: dict[str, list[pl.DataFrame]] = {}
    for family, each in lists:
        # publishers write the name of the family before the key
        key = pl.col("dataset").str.strip_prefix(f"{family}.")
        both = pl.concat([each.table, each.table.with_columns(key)]).unique()
        found.setdefault(family, []).append(both)
    return {family: pl.concat(tables) for family, tables in found.items()}
