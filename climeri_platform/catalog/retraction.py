"""Retractions: a list of datasets that their publishers took back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.core.errors import RootUnusable

if TYPE_CHECKING:
    from climeri_platform.catalog.scan import Scan

__all__ = ["mark_retracted", "read_retractions"]

_LINE = re.compile(
    r"(?P<dataset>[^\s#,|]+?)(?:\.(?=v\d)(?P<version>v\d+)|#(?P<number>v?\d+))?(?:[|,\s].*)?"
)


def read_retractions(path: str) -> pl.DataFrame:
    """Return the datasets that a list names.

    A line is the key of a dataset, alone or with its version (``KEY.v20190101``,
    ``KEY#20190101``); what follows a blank, a comma or a bar does not matter, nor do empty lines
    and those that begin with ``#``.

    Returns
    -------
    polars.DataFrame
        ``dataset`` and ``version``, null where every version is meant.

    Raises
    ------
    RootUnusable
        If the list cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise RootUnusable(
            f"the list of retracted datasets {path} cannot be read: {problem}",
            hint="Without it nobody knows what is retracted: mend it, or take it out of the source.",
        ) from problem
    rows = []
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#") and (match := _LINE.fullmatch(text)):
            version = match["version"] or match["number"]
            number = None if version is None else f"v{version.removeprefix('v')}"
            rows.append((match["dataset"], number))
    return pl.DataFrame(
        rows, schema={"dataset": pl.String, "version": pl.String}, orient="row"
    ).unique()


def mark_retracted(scan: Scan, path: str | None) -> Scan:
    """Return a scan with ``retracted`` set from a list; without a list nobody knows, and it is null.

    Raises
    ------
    RootUnusable
        If the list cannot be read.
    """
    if path is None:
        return scan
    listed = read_retractions(path)
    whole = listed.filter(pl.col("version").is_null())["dataset"]
    named = listed.drop_nulls().with_columns(_named=True)
    files = scan.files.join(named, on=["dataset", "version"], how="left", maintain_order="left")
    files = files.with_columns(
        retracted=pl.col("_named").fill_null(value=False) | pl.col("dataset").is_in(whole.implode())
    ).drop("_named")
    return replace(scan, files=files)
