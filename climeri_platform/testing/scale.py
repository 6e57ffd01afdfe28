"""Stores of millions of rows, for tests of scale and for benchmarks; no file is behind them.

The rows are those of a CMIP6 archive: models x experiments x members x variables, four files each,
with names as long as real ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.assembly import FamilyTables
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.layout import Root
from climeri_platform.catalog.publish import prepare_store, publish, writing
from climeri_platform.catalog.tables import REJECTED, files_schema, mark_latest, sort_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from climeri_platform.catalog.family import Family

__all__ = ["FILES_OF_A_DATASET", "scale_rows", "scale_store"]

FILES_OF_A_DATASET = 4
_VARIABLES = ["tas", "pr", "psl", *[f"var{n}" for n in range(22)]]
_EXPERIMENTS = [
    "historical",
    "ssp126",
    "ssp585",
    "piControl",
    "abrupt-4xCO2",
    "1pctCO2",
    "amip",
    "ssp245",
]
_SCENARIOS = ["ssp126", "ssp585", "ssp245"]
_MODELS = [f"MODEL-{n:02}" for n in range(50)]
_OF_A_MEMBER = len(_VARIABLES) * len(_EXPERIMENTS) * len(_MODELS) * FILES_OF_A_DATASET


def scale_rows(rows: int) -> pl.DataFrame:
    """Return the `files` table of an invented CMIP6 archive.

    Parameters
    ----------
    rows
        How many files. 50 models, 8 experiments and 25 variables are always there; the number of
        members follows (25 for a million rows).

    Returns
    -------
    polars.DataFrame

    Examples
    --------
    >>> scale_rows(8).select("source_id", "variable_id", "start").rows()[4]
    ('MODEL-00', 'pr', 185001010000)
    """
    return _rows(0, rows, _members(rows))


def _members(rows: int) -> int:
    return max(25, -(-rows // _OF_A_MEMBER))


def _rows(first: int, end: int, members: int) -> pl.DataFrame:
    """Return the files with some numbers, of the archive that has so many members."""
    index = pl.DataFrame({"i": pl.int_range(first, end, eager=True)})
    dataset = pl.col("i") // FILES_OF_A_DATASET
    start = 1850 + pl.col("i") % FILES_OF_A_DATASET * 40

    def pick(values: list[str], stride: int) -> pl.Expr:
        return (dataset // stride % len(values)).replace_strict(
            range(len(values)), values, return_dtype=pl.String
        )

    of_variables, of_members = len(_VARIABLES), len(_VARIABLES) * members
    table = index.with_columns(
        variable_id=pick(_VARIABLES, 1),
        member_id=pick([f"r{n}i1p1f1" for n in range(1, members + 1)], of_variables),
        experiment_id=pick(_EXPERIMENTS, of_members),
        source_id=pick(_MODELS, of_members * len(_EXPERIMENTS)),
        table_id=pl.lit("Amon"),
        grid_label=pl.lit("gn"),
        version=pl.lit("v20200101"),
        frequency=pl.lit("mon"),
        time_range=pl.format("{}01-{}12", start, start + 39),
        start=start * 100_000_000 + 1_010_000,
        end=(start + 39) * 100_000_000 + 12_312_359,
        calendar=pl.lit(None, dtype=pl.String),
        root=pl.lit("CMIP6"),
        size=pl.lit(10_000_000),
        mtime=pl.lit(0),
        latest=pl.lit(value=True),
    )
    family = load_family("CMIP6")
    scenario = pl.col("experiment_id").is_in(_SCENARIOS)
    table = table.with_columns(
        activity_id=pl.when(scenario).then(pl.lit("ScenarioMIP")).otherwise(pl.lit("CMIP")),
        institution_id=pl.format("CENTRE-{}", pl.col("source_id").str.tail(1)),
    )
    name = pl.format(
        "{}_Amon_{}_{}_{}_gn_{}.nc",
        *("variable_id", "source_id", "experiment_id", "member_id", "time_range"),
    )
    folder = pl.concat_str([*family.dataset, "version"], separator="/")
    return table.with_columns(
        dataset=pl.concat_str(family.dataset, separator="."),
        path=pl.concat_str(folder, name, separator="/"),
    ).select(
        [
            (pl.col(column) if column in (*table.columns, "dataset", "path") else pl.lit(None))
            .cast(kind)
            .alias(column)
            for column, kind in files_schema(family).items()
        ]
    )


class _Parts:
    """The rows of `scale_rows` in their order in a store, model by model: all would fill a memory."""

    def __init__(self, family: Family, rows: int) -> None:
        self._family, self._rows = family, rows

    def __iter__(self) -> Iterator[pl.DataFrame]:
        members = _members(self._rows)
        of_model = members * _OF_A_MEMBER // len(_MODELS)
        models = sorted(range(len(_MODELS)), key=lambda number: (number % 10, number))
        for activity in ("CMIP", "ScenarioMIP"):
            for number in models:
                first = min(number * of_model, self._rows)
                part = _rows(first, min(first + of_model, self._rows), members)
                part = part.filter(pl.col("activity_id") == activity)
                if part.height:
                    yield sort_files(mark_latest(part), self._family)


def scale_store(folder: Path, rows: int) -> Path:
    """Publish `scale_rows` as a store.

    Parameters
    ----------
    folder
        The folder of the store, which must not exist.
    rows
        How many files.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    family = load_family("CMIP6")
    prepare_store(folder)
    root = Root(
        root_id="CMIP6",
        mount=str(folder.absolute()),  # a place that is there, though no file of the rows is
        family="CMIP6",
        walked="2026-01-01",
        found=rows,
        catalogued=rows,
        rejected=0,
        site="local",
    )
    with writing(folder):
        publish(
            folder,
            [FamilyTables(family, _Parts(family, rows), pl.DataFrame(schema=REJECTED))],
            [root],
            site="local",
            previous=None,
        )
    return folder
