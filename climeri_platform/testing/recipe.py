"""The words of a recipe: what a model, a run and an archive are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from climeri_platform.testing.energy_balance import TwoLayer

__all__ = [
    "ARCHIVE_ROOTS",
    "ARCHIVE_VERSION",
    "LENGTHS",
    "Model",
    "Recipe",
    "Regional",
    "Run",
    "Workflow",
]

ARCHIVE_VERSION = "2"
"""Raised when what a reader of the archive relies on changes."""

ARCHIVE_ROOTS = {
    "CMIP6": "CMIP6",
    "CORDEX": "CORDEX",
    "libIGCM": "IGCM_OUT",
    "obs4MIPs": "obs4MIPs",
}
"""The folder of the archive in which the tree of each catalog family begins."""

LENGTHS = {
    "abrupt-4xCO2": 150,
    "1pctCO2": 140,
    "historical": 165,
    "ssp126": 86,
    "ssp585": 86,
}
"""Years of each experiment; the length of piControl depends on the size."""


@dataclass(frozen=True)
class Model:
    """One invented climate model.

    Parameters
    ----------
    source_id, calendar, units
        Its CMIP6 name, its calendar, and the units of its time axes.
    grid
        Kind, number of latitudes and of longitudes: see :func:`~.grids.atmosphere`.
    ecs, forcing_2x, capacity, deep_capacity, exchange
        The energy balance: K, W m-2, W yr m-2 K-1 (twice), W m-2 K-1.
    mean_tas
        Global mean temperature of the control at its beginning, K.
    drift
        Trend of the control, K per century.
    imbalance
        Net flux of the control at the top of the atmosphere, W m-2.
    control_start
        First year of piControl.
    control_units
        Units of time of its control, where not ``units``; its children write branch times in them.
    ocean
        Rows and columns of the ocean grid, if the archive holds its ocean.
    file_years, chunk_months
        How many years share a file (0: all), and months a chunk.
    """

    source_id: str
    calendar: str
    units: str
    grid: tuple[str, int, int]
    ecs: float
    forcing_2x: float
    capacity: float
    deep_capacity: float
    exchange: float
    mean_tas: float
    drift: float
    imbalance: float
    control_start: int
    nominal_resolution: str
    control_units: str = ""
    ocean: tuple[int, int] | None = None
    file_years: int = 0
    chunk_months: int = 12

    def layers(self, physics: int = 1) -> TwoLayer:
        """Return the energy balance model; each further physics is a tenth more sensitive."""
        feedback = self.forcing_2x / self.sensitivity(physics)
        return TwoLayer(self.forcing_2x, feedback, self.capacity, self.deep_capacity, self.exchange)

    def sensitivity(self, physics: int = 1) -> float:
        """Equilibrium climate sensitivity of one physics version, K."""
        return round(self.ecs * (1.0 + 0.1 * (physics - 1)), 6)


@dataclass(frozen=True)
class Run:
    """One simulation and what is kept of it.

    Parameters
    ----------
    source_id, experiment_id, member_id
        Which simulation.
    variables
        ``table.variable``, e.g. ``"Amon.tas"``.
    branch
        Years after the beginning of the control at which it branched (a scenario: its
        historical parent did).
    years
        Length, for piControl; the others have that of :data:`LENGTHS`.
    wrong_branch
        If true, the files carry a branch time that is not true.
    older_version
        If true, a first version of the files, shorter and wrong, stands beside the latest.
    daily_years
        First and last year of the daily variables.
    """

    source_id: str
    experiment_id: str
    member_id: str
    variables: tuple[str, ...]
    branch: int = 0
    years: int = 0
    wrong_branch: bool = False
    older_version: bool = False
    daily_years: tuple[int, int] = (1995, 2014)

    @property
    def name(self) -> str:
        """Dataset id of the truth: source, experiment, member."""
        return f"{self.source_id}.{self.experiment_id}.{self.member_id}"

    @property
    def length(self) -> int:
        """Number of years."""
        return self.years or LENGTHS[self.experiment_id]


@dataclass(frozen=True)
class Regional:
    """A regional model and the run that drives it (historical, then ssp585).

    ``variables`` are monthly; the domain is EUR-44.
    """

    source_id: str
    member_id: str
    variables: tuple[str, ...]
    first_year: int
    rcm_model: str = "DEMO-RCM1"
    ensemble: str = "r1i1p1"

    @property
    def driving_model(self) -> str:
        """The name of the driver in the CORDEX tree: institute and model."""
        return f"DEMO-{self.source_id}"

    @property
    def name(self) -> str:
        """Domain, driver and regional model."""
        return f"EUR-44.{self.driving_model}.{self.ensemble}.{self.rcm_model}.v1"

    def folder(self, experiment: str, variable: str) -> Path:
        """Return the folder of a dataset, relative to the archive."""
        driver = (self.driving_model, experiment, self.ensemble)
        names = (*driver, self.rcm_model, "v1", "mon", variable, "v20210101")
        return Path("CORDEX", "output", "EUR-44", "DEMO", *names)

    def file(self, experiment: str, variable: str, period: str) -> str:
        """Return the name of a file."""
        driver = f"{self.driving_model}_{experiment}_{self.ensemble}"
        return f"{variable}_EUR-44_{driver}_{self.rcm_model}_v1_mon_{period}.nc"


@dataclass(frozen=True)
class Workflow:
    """A job of libIGCM: a run of a model that is in no CMIP tree, and which years are kept."""

    model: Model
    run: Run
    series: tuple[str, ...]
    series_years: tuple[int, int]
    output_years: tuple[int, int]
    season_years: tuple[int, int]
    job_name: str = "CM6-DEMO-hist.01"
    tag_name: str = "IPSLCM6"
    space_name: str = "PROD"

    @property
    def folder(self) -> Path:
        """The folder of the job, relative to the archive."""
        names = (self.tag_name, self.space_name, self.run.experiment_id, self.job_name)
        return Path("IGCM_OUT", *names)


@dataclass(frozen=True)
class Recipe:
    """A size of the archive.

    ``observed`` and ``observation`` are the model and the run behind the observation-like product,
    of which ``observables`` are written.
    """

    size: str
    models: tuple[Model, ...]
    runs: tuple[Run, ...]
    regional: Regional | None
    workflow: Workflow | None
    observed: Model
    observation: Run
    observables: tuple[str, ...]

    def model(self, source_id: str) -> Model:
        """Return a model by its name."""
        return next(model for model in self.models if model.source_id == source_id)

    def run(self, source_id: str, experiment_id: str, member_id: str) -> Run | None:
        """Return a run by its names, if the archive holds it."""
        wanted = f"{source_id}.{experiment_id}.{member_id}"
        return next((run for run in self.runs if run.name == wanted), None)
