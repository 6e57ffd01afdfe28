"""A libIGCM tree with the files of XIOS: no CMIP attribute, native names, native axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from climeri_platform.testing.fields import MISSING, FieldPlan, blocks, quantise
from climeri_platform.testing.grids import Atmosphere, Points, atmosphere
from climeri_platform.testing.metadata import SYNTHETIC
from climeri_platform.testing.native import ATMOSPHERE, OCEAN, native_plan, native_target
from climeri_platform.testing.netcdf import created, put, put_fields
from climeri_platform.testing.ocean import Ocean, tripolar
from climeri_platform.testing.simulation import axis_of
from climeri_platform.testing.timeaxis import TimeAxis, year_means

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import netCDF4
    from numpy.typing import NDArray

    from climeri_platform.testing.native import Native
    from climeri_platform.testing.recipe import Recipe, Workflow

    Made = dict[str, Iterable[NDArray[np.float32]]]

__all__ = ["native_truth", "write_native"]

ORIGIN = "1850-01-01 00:00:00"
STREAMS = {"ATM": "histmth", "OCE": "grid_T"}


def write_native(directory: Path, recipe: Recipe, part: str) -> list[Path]:
    """Write a part of the job.

    Parameters
    ----------
    directory, recipe
        Where, and of which archive.
    part
        ``"card"``, ``"ATM.MO"``, ``"ATM.SE"``, ``"ATM.TS.t2m"``, and the same with ``OCE``.

    Returns
    -------
    list of Path
        The NetCDF files, relative to the archive.
    """
    workflow = recipe.workflow
    assert workflow is not None
    if part == "card":
        _write_card(directory / workflow.folder / "config.card", workflow)
        return []
    component, kind, *variable = part.split(".")
    writer = _Writer(directory, workflow, component)
    if kind == "TS":
        return [writer.series(variable[0])]
    return [writer.seasons()] if kind == "SE" else writer.output()


class _Writer:
    """One component of the job being written."""

    def __init__(self, directory: Path, workflow: Workflow, component: str) -> None:
        self.directory, self.workflow, self.component = directory, workflow, component
        self.variables: dict[str, Native] = ATMOSPHERE if component == "ATM" else OCEAN
        self.axis = axis_of(workflow.model, workflow.run)
        self.grid: Atmosphere | Ocean
        if component == "ATM":
            south_up = atmosphere(*workflow.model.grid)
            self.grid = Atmosphere(  # LMDZ counts its latitudes from the north pole
                south_up.lat[::-1], south_up.lon, south_up.lat_bnds[::-1, ::-1], south_up.lon_bnds
            )
        else:
            assert workflow.model.ocean is not None
            self.grid = tripolar(*workflow.model.ocean)
        self.points: Points = self.grid.points
        self._plans: dict[str, FieldPlan] = {}

    def _path(self, folder: str, name: str) -> Path:
        job = self.workflow.job_name
        return self.workflow.folder / self.component / folder / f"{job}_{name}.nc"

    def _plan(self, name: str) -> FieldPlan:
        if name not in self._plans:
            workflow = self.workflow
            self._plans[name] = native_plan(workflow.model, workflow.run, name, self.points)
        return self._plans[name]

    def _blocks(self, name: str, first: int, last: int) -> Iterable[NDArray[np.float32]]:
        return blocks(self._plan(name).cut(self.axis.cut(first, last)[0]), self.points)

    def series(self, name: str) -> Path:
        """Write one variable over a long period."""
        first, last = self.workflow.series_years
        path = self._path("Analyse/TS_MO", f"{first}0101_{last}1231_1M_{name}")
        axis = self.axis.cut(first, last)[1]
        self._write(path, axis, {name: self._blocks(name, first, last)}, area=False)
        return path

    def output(self) -> list[Path]:
        """Write all variables, a year a file."""
        written = []
        first, last = self.workflow.output_years
        for year in range(first, last + 1):
            path = self._path("Output/MO", f"{year}0101_{year}1231_1M_{STREAMS[self.component]}")
            made = {name: self._blocks(name, year, year) for name in self.variables}
            self._write(path, self.axis.cut(year, year)[1], made, area=True)
            written.append(path)
        return written

    def seasons(self) -> Path:
        """Write the mean seasonal cycle; its time axis is that of the middle year."""
        first, last = self.workflow.season_years
        path = self._path("Analyse/SE", f"SE_{first}_{last}_1M_{STREAMS[self.component]}")
        part = self.axis.cut(first, last)[0]
        made: Made = {}
        for name in self.variables:
            plan = self._plan(name)
            target = plan.target[part].reshape(-1, 12).mean(axis=0)
            total = np.zeros((12, self.points.area.size))
            for block in self._blocks(name, first, last):
                total += block.reshape(-1, 12, self.points.area.size).sum(axis=0)
            mean = total / (last - first + 1)
            field = quantise(mean, target, self.points, plan.quantum / 8.0)
            made[name] = [field.reshape(12, *self.points.shape)]
        middle = (first + last) // 2
        self._write(path, self.axis.cut(middle, middle)[1], made, area=True)
        return path

    def _write(self, path: Path, axis: TimeAxis, made: Made, *, area: bool) -> None:
        with created(self.directory / path, _attributes(path)) as dataset:
            dimensions = self._place(dataset, area=area)
            _put_time_counter(dataset, axis)
            names = "time_centered" if self.component == "ATM" else "time_centered nav_lat nav_lon"
            for name, fields in made.items():
                described = self.variables[name]
                put_fields(
                    dataset, name, ("time_counter", *dimensions), fields,
                    chunks=(min(12, len(axis)), *self.points.shape),
                    long_name=described.long_name, units=described.units,
                    online_operation="average", interval_operation="900 s",
                    interval_write="1 month", cell_methods="time: mean (interval: 900 s)",
                    coordinates=names,
                )  # fmt: skip

    def _place(self, dataset: netCDF4.Dataset, *, area: bool) -> tuple[str, str]:
        shape = self.points.shape
        dimensions = ("lat", "lon") if self.component == "ATM" else ("y", "x")
        for name, size in zip(dimensions, shape, strict=True):
            dataset.createDimension(name, size)
        words: dict[str, Any] = {
            "standard_name": "latitude",
            "long_name": "Latitude",
            "units": "degrees_north",
        }
        other: dict[str, Any] = {
            "standard_name": "longitude",
            "long_name": "Longitude",
            "units": "degrees_east",
        }
        if isinstance(self.grid, Atmosphere):
            put(dataset, "lat", ("lat",), self.grid.lat, kind="f4", axis="Y", **words)
            put(dataset, "lon", ("lon",), self.grid.lon, kind="f4", axis="X", **other)
        else:
            put(dataset, "nav_lat", ("y", "x"), self.grid.lat, kind="f4", chunks=shape, **words)
            put(dataset, "nav_lon", ("y", "x"), self.grid.lon, kind="f4", chunks=shape, **other)
        if area:
            name, text = ("aire", "Grid area") if self.component == "ATM" else ("area", "Cell area")
            held = np.where(self.points.area > 0, self.points.area, MISSING).reshape(shape)
            put(
                dataset, name, dimensions, held, kind="f4", fill=True, chunks=shape,
                long_name=text, units="m2", online_operation="once", missing_value=MISSING,
            )  # fmt: skip
        return dimensions


def _put_time_counter(dataset: netCDF4.Dataset, axis: TimeAxis) -> None:
    dataset.createDimension("axis_nbounds", 2)
    dataset.createDimension("time_counter", None)
    words: dict[str, Any] = {
        "standard_name": "time",
        "long_name": "Time axis",
        "calendar": "gregorian",
        "units": f"seconds since {ORIGIN}",
        "time_origin": ORIGIN,
    }
    steps = min(len(axis), 512)
    for name in ("time_centered", "time_counter"):
        extra: dict[str, Any] = {"axis": "T"} if name == "time_counter" else {}
        put(
            dataset, name, ("time_counter",), 86400.0 * axis.centres, chunks=(steps,),
            **extra, **words, bounds=f"{name}_bounds",
        )  # fmt: skip
        put(
            dataset, f"{name}_bounds", ("time_counter", "axis_nbounds"), 86400.0 * axis.bounds,
            chunks=(steps, 2),
        )  # fmt: skip


def _attributes(path: Path) -> dict[str, Any]:
    return {
        "name": path.with_suffix("").as_posix(),
        "description": "Created by xios",
        "title": "Created by xios",
        "Conventions": "CF-1.6",
        "timeStamp": "2020-Jan-01 00:00:00 GMT",
        "uuid": str(uuid5(NAMESPACE_URL, f"climeri-demonstration/{path.as_posix()}")),
        **SYNTHETIC,
    }


def _write_card(path: Path, workflow: Workflow) -> None:
    run = workflow.run
    text = f"""\
#-Q- This card belongs to an invented simulation: synthetic data of climeri_platform.testing
[Compatibility]
libIGCM=1.0
[UserChoices]
JobName={workflow.job_name}
LongName="Synthetic historical run of the demonstration archive"
TagName={workflow.tag_name}
SpaceName={workflow.space_name}
ExperimentName={run.experiment_id}
CalendarType=leap
DateBegin=1850-01-01
DateEnd=2014-12-31
PeriodLength=1Y
[ListOfComponents]
ATM= (lmdz, LMDZOR_DEMO)
OCE= (opa9, NEMO_DEMO)
[Post]
RebuildFrequency=1Y
PackFrequency=1Y
TimeSeriesFrequency={workflow.series_years[1] - workflow.series_years[0] + 1}Y
SeasonalFrequency={workflow.season_years[1] - workflow.season_years[0] + 1}Y
Cesmep=FALSE
DodsCopy=FALSE
"""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def native_truth(workflow: Workflow) -> dict[str, Any]:
    """Return what is true of the job: annual global means of all its variables and of its budgets."""
    axis = axis_of(workflow.model, workflow.run)
    names = [*ATMOSPHERE, *OCEAN]
    annual = {
        name: year_means(native_target(workflow.model, workflow.run, name), axis) for name in names
    }
    net = annual["SWdnTOA"] - annual["SWupTOA"] - annual["topl"]
    annual = {**annual, "toa_net": net, "surface_net": net}
    return {
        "job_name": workflow.job_name,
        "folder": workflow.folder.as_posix(),
        "calendar": workflow.model.calendar,
        "ecs": workflow.model.ecs,
        "closes": "SWdnTOA - SWupTOA - topl == SWdnSFC - SWupSFC + LWdnSFC - LWupSFC + sens + flat",
        "output_years": list(workflow.output_years),
        "series_years": list(workflow.series_years),
        "season_years": list(workflow.season_years),
        "years": axis.year[::12].tolist(),
        "global_mean": {
            name: [float(f"{value:.12g}") for value in values.tolist()]
            for name, values in annual.items()
        },
    }
