"""Datasets of the CMIP6 tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from climeri_platform.testing.coordinates import put_curvilinear, put_height, put_latlon
from climeri_platform.testing.daily import daily_blocks
from climeri_platform.testing.fields import blocks
from climeri_platform.testing.grids import Atmosphere, Points, atmosphere
from climeri_platform.testing.land import land_fraction
from climeri_platform.testing.metadata import cmip6_attributes, variable_attributes
from climeri_platform.testing.netcdf import created, put, put_fields, put_time
from climeri_platform.testing.ocean import Ocean, tripolar
from climeri_platform.testing.plans import plan_fields
from climeri_platform.testing.simulation import axis_of
from climeri_platform.testing.timeaxis import daily
from climeri_platform.testing.variables import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import netCDF4
    from numpy.typing import NDArray

    from climeri_platform.testing.recipe import Model, Recipe, Run
    from climeri_platform.testing.timeaxis import TimeAxis

    Blocks = Iterable[NDArray[np.float32]]

__all__ = ["LATEST", "OLDER", "OLDER_OFFSET", "OLDER_YEARS", "dataset_folder", "write_dataset"]

LATEST, OLDER = "v20210101", "v20200101"

OLDER_OFFSET, OLDER_YEARS = 0.5, 100
"""An older version is this much too warm (K), and holds only so many years."""


def dataset_folder(run: Run, table: str, variable: str, version: str = LATEST) -> Path:
    """Return the folder of a dataset, relative to the archive."""
    activity = "ScenarioMIP" if run.experiment_id.startswith("ssp") else "CMIP"
    names = (run.source_id, run.experiment_id, run.member_id, table, variable, "gn", version)
    return Path("CMIP6", activity, "DEMO", *names)


def _path(run: Run, table: str, variable: str, period: str = "", version: str = LATEST) -> Path:
    names = [variable, table, run.source_id, run.experiment_id, run.member_id, "gn", period]
    name = "_".join(part for part in names if part) + ".nc"
    return dataset_folder(run, table, variable, version) / name


def write_dataset(
    directory: Path, recipe: Recipe, run: Run, table: str, variable: str
) -> list[Path]:
    """Write one dataset, with all its files and versions.

    Returns
    -------
    list of Path
        The files, relative to the archive.
    """
    writer = _Writer(directory, recipe, run, table, variable)
    if table in {"fx", "Ofx"}:
        return [writer.fixed()]
    return writer.days() if table == "day" else writer.months()


class _Writer:
    """One dataset being written."""

    def __init__(
        self, directory: Path, recipe: Recipe, run: Run, table: str, variable: str
    ) -> None:
        self.directory, self.recipe, self.run = directory, recipe, run
        self.table, self.variable = table, variable
        self.model: Model = recipe.model(run.source_id)
        self.grid: Atmosphere | Ocean = self._grid()
        self.points: Points = self.grid.points
        self.measure = "areacello" if isinstance(self.grid, Ocean) else "areacella"

    def _grid(self) -> Atmosphere | Ocean:
        if self.table.startswith("O"):
            assert self.model.ocean is not None
            return tripolar(*self.model.ocean)
        return atmosphere(*self.model.grid)

    def _attributes(self, path: Path) -> dict[str, Any]:
        return cmip6_attributes(self.recipe, self.run, self.table, self.variable, path)

    def _place(self, dataset: netCDF4.Dataset) -> tuple[str, str]:
        """Add the horizontal coordinates and return their dimensions."""
        if isinstance(self.grid, Ocean):
            put_curvilinear(dataset, self.grid)
            return ("j", "i")
        put_latlon(dataset, self.grid)
        return ("lat", "lon")

    def _words(self, measure: str) -> dict[str, Any]:
        words = variable_attributes(self.variable, measure)
        if isinstance(self.grid, Ocean):
            words["coordinates"] = "latitude longitude"
        return words

    def fixed(self) -> Path:
        """Write a field without time."""
        points = self.points
        values = points.area
        if self.variable == "sftlf":
            values = 100.0 * land_fraction(points.lat, points.lon)
        path = _path(self.run, self.table, self.variable)
        with created(self.directory / path, self._attributes(path)) as dataset:
            dimensions = self._place(dataset)
            shown = np.ma.masked_equal(values, 0.0) if self.table == "Ofx" else values
            put(
                dataset, self.variable, dimensions, shown.reshape(points.shape),
                kind="f4", fill=True, chunks=points.shape, **self._words(""),
            )  # fmt: skip
        return path

    def months(self) -> list[Path]:
        """Write monthly means, and the older version where there is one."""
        axis = axis_of(self.model, self.run)
        plan = plan_fields(self.model, self.run, self.variable, self.points)
        written = []
        for first, last in _periods(axis, self.model.file_years):
            part, inside = axis.cut(first, last)
            path = self._monthly_path(first, last, LATEST)
            self._write(path, inside, blocks(plan.cut(part), self.points), self.model.chunk_months)
            written.append(path)
        if self.run.older_version and self.variable == "tas":
            last = int(axis.year[0]) + OLDER_YEARS - 1
            part, inside = axis.cut(int(axis.year[0]), last)
            older = plan.cut(part)
            older = replace(older, target=older.target + OLDER_OFFSET)
            path = self._monthly_path(int(axis.year[0]), last, OLDER)
            self._write(path, inside, blocks(older, self.points), self.model.chunk_months)
            written.append(path)
        return written

    def days(self) -> list[Path]:
        """Write daily values in files of at most ten years."""
        months = axis_of(self.model, self.run)
        first, last = self.run.daily_years
        written = []
        for begin in range(first, last + 1, 10):
            end = min(begin + 9, last)
            part, inside = months.cut(begin, end)
            axis = daily(inside)
            final = int(inside.days[-1])
            path = _path(self.run, "day", self.variable, f"{begin:04d}0101-{end:04d}12{final:02d}")
            made = daily_blocks(self.model, self.run, self.variable, self.points, months, part)
            self._write(path, axis, made, 30)
            written.append(path)
        return written

    def _monthly_path(self, first: int, last: int, version: str) -> Path:
        period = f"{first:04d}01-{last:04d}12"
        return _path(self.run, self.table, self.variable, period, version)

    def _write(self, path: Path, axis: TimeAxis, made: Blocks, chunk: int) -> None:
        with created(self.directory / path, self._attributes(path)) as dataset:
            put_time(dataset, axis.centres, axis.bounds, units=axis.units, calendar=axis.calendar)
            dimensions = self._place(dataset)
            height = VARIABLES[self.variable].height
            if height:
                put_height(dataset, height)
            put_fields(
                dataset, self.variable, ("time", *dimensions), made,
                chunks=(min(chunk, len(axis)), *self.points.shape), **self._words(self.measure),
            )  # fmt: skip


def _periods(axis: TimeAxis, file_years: int) -> list[tuple[int, int]]:
    first, last = int(axis.year[0]), int(axis.year[-1])
    step = file_years or last - first + 1
    return [(year, min(year + step - 1, last)) for year in range(first, last + 1, step)]
