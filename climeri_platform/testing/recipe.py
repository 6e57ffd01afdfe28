"""What is in the archive: models, runs and their variables. Data, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from climeri_platform.testing.energy_balance import TwoLayer

__all__ = [
    "ARCHIVE_ROOTS",
    "ARCHIVE_VERSION",
    "LENGTHS",
    "SIZES",
    "Model",
    "Recipe",
    "Run",
]

ARCHIVE_VERSION = "1"
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
    parent_units
        How the files of its children write ``parent_time_units``, where not as ``units``.
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
    parent_units: str = ""
    ocean: tuple[int, int] | None = None
    file_years: int = 0
    chunk_months: int = 12

    def layers(self, physics: int = 1) -> TwoLayer:
        """Return the energy balance model; each further physics is a tenth more sensitive."""
        feedback = self.forcing_2x / self.sensitivity(physics)
        return TwoLayer(
            self.forcing_2x, feedback, self.capacity, self.deep_capacity, self.exchange
        )

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
class Recipe:
    """A size of the archive."""

    size: str
    models: tuple[Model, ...]
    runs: tuple[Run, ...]

    def model(self, source_id: str) -> Model:
        """Return a model by its name."""
        return next(model for model in self.models if model.source_id == source_id)

    def run(self, source_id: str, experiment_id: str, member_id: str) -> Run | None:
        """Return a run by its names, if the archive holds it."""
        wanted = f"{source_id}.{experiment_id}.{member_id}"
        return next((run for run in self.runs if run.name == wanted), None)


AUTAN = Model(
    "AUTAN-CM2", "standard", "days since 1850-01-01 00:00:00", ("poles", 73, 96),
    3.0, 3.6, 8.0, 100.0, 0.72, 286.9, 0.04, 0.12, 1850, "250 km", ocean=(76, 90),
)  # fmt: skip
BORA = Model(
    "BORA-ESM1", "noleap", "days since 0001-01-01 00:00:00", ("gaussian", 48, 96),
    4.6, 3.9, 7.2, 85.0, 0.60, 287.8, -0.06, -0.20, 1, "500 km", file_years=100, chunk_months=24,
)  # fmt: skip
CIERZO = Model(
    "CIERZO-1-0", "360_day", "days since 1850-01-01", ("cells", 60, 80),
    2.3, 3.3, 9.0, 120.0, 0.85, 286.2, 0.10, 0.35, 2250, "500 km", chunk_months=1,
)  # fmt: skip

_TOA = ("Amon.rsdt", "Amon.rsut", "Amon.rlut")


def _small() -> Recipe:
    a, b, c = AUTAN.source_id, BORA.source_id, CIERZO.source_id
    return Recipe(
        "small",
        (AUTAN, BORA, CIERZO),
        (
            Run(a, "historical", "r1i1p1f1", ("fx.areacella", "fx.sftlf", "Amon.tas"), branch=5),
            Run(a, "ssp585", "r1i1p1f1", ("Amon.tas",), branch=5),
            Run(b, "historical", "r1i1p1f1", ("fx.areacella", "Amon.tas"), branch=12),
            Run(b, "ssp585", "r1i1p1f1", ("Amon.tas",), branch=12),
            Run(c, "historical", "r1i1p1f2", ("fx.areacella", "Amon.tas"), branch=20),
            Run(c, "ssp585", "r1i1p1f2", ("Amon.tas",), branch=20),
        ),
    )


SIZES = {"small": _small}
"""The recipe of each size."""
