"""What is in each size of the archive. Data, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.testing.recipe import Model, Recipe, Regional, Run, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODELS", "SIZES"]

# ecs (K), forcing of doubled CO2 (W m-2), heat capacities (W yr m-2 K-1), exchange (W m-2 K-1),
# mean tas (K), drift (K per century), imbalance (W m-2), first year of the control
AUTAN = Model(
    "AUTAN-CM2", "standard", "days since 1850-01-01 00:00:00", ("poles", 61, 90),
    3.0, 3.6, 8.0, 100.0, 0.72, 286.9, 0.04, 0.12, 1850, "500 km",
    ocean=(72, 84),
)  # fmt: skip
BORA = Model(
    "BORA-ESM1", "noleap", "days since 0001-01-01 00:00:00", ("gaussian", 48, 96),
    4.6, 3.9, 7.2, 85.0, 0.60, 287.8, -0.06, -0.20, 1, "500 km",
    file_years=100, chunk_months=24,
)  # fmt: skip
CIERZO = Model(
    "CIERZO-1-0", "360_day", "days since 1850-01-01", ("cells", 60, 80),
    2.3, 3.3, 9.0, 120.0, 0.85, 286.2, 0.10, 0.35, 2250, "500 km",
    control_units="days since 2250-01-01 00:00:00", chunk_months=6,
)  # fmt: skip
FOEHN = Model(
    "FOEHN-CM1", "proleptic_gregorian", "days since 1850-01-01", ("cells", 46, 72),
    5.3, 3.4, 7.6, 70.0, 0.66, 287.3, 0.0, 0.05, 1600, "500 km",
    control_units="days since 1600-01-01 00:00:00", file_years=50, chunk_months=24,
)  # fmt: skip
SIROCCO = Model(
    "SIROCCO-ESM2", "365_day", "days since 0501-01-01", ("poles", 47, 64),
    3.7, 3.7, 8.6, 110.0, 0.58, 288.3, 0.07, 0.22, 501, "500 km",
    chunk_months=24,
)  # fmt: skip

MODELS = (AUTAN, BORA, CIERZO, FOEHN, SIROCCO)
"""The invented models; calendars in their various spellings."""

NATIVE = Model(
    "CM6-DEMO", "standard", "days since 1850-01-01 00:00:00", ("poles", 61, 72),
    4.1, 3.5, 8.0, 95.0, 0.70, 286.5, 0.02, 0.10, 1850, "500 km",
    ocean=(62, 72),
)  # fmt: skip
OBSERVED = Model(
    "DEMO-OBS-1-0", "standard", "days since 1850-01-01 00:00:00", ("cells", 36, 72),
    3.2, 3.7, 8.2, 100.0, 0.70, 287.2, 0.0, 0.0, 1850, "500 km",
)  # fmt: skip

TAS = ("Amon.tas",)
TOA = ("Amon.rsdt", "Amon.rsut", "Amon.rlut")
FIXED = ("fx.areacella", "fx.sftlf")
OCEAN = ("Ofx.areacello", "Omon.tos")
RAIN = ("Amon.pr", "Amon.psl")
DAYS = ("day.tas", "day.tasmax", "day.tasmin", "day.pr")


def _observation() -> Run:
    return Run(OBSERVED.source_id, "historical", "r1i1p1f1", ())


def _workflow(
    series: tuple[str, ...], series_years: tuple[int, int], output_years: tuple[int, int]
) -> Workflow:
    run = Run(NATIVE.source_id, "historical", "r1i1p1f1", (), branch=10)
    return Workflow(NATIVE, run, series, series_years, output_years, (1995, 2014))


def _small() -> Recipe:
    a, b, c = AUTAN.source_id, BORA.source_id, CIERZO.source_id
    one, two = "r1i1p1f1", "r1i1p1f2"
    runs = (
        Run(a, "historical", one, (*FIXED, *OCEAN, *TAS, "Amon.pr"), branch=5),
        Run(a, "ssp585", one, (*TAS, "Amon.pr"), branch=5),
        Run(b, "piControl", one, (*FIXED, *TAS, *TOA), years=170),
        Run(b, "abrupt-4xCO2", one, (*TAS, *TOA), branch=15),
        Run(b, "1pctCO2", one, TAS, branch=25),
        Run(
            b, "historical", one, (*TAS, "day.tas", "day.pr"), branch=12,
            older_version=True, daily_years=(2010, 2014),
        ),
        Run(b, "historical", "r2i1p1f1", TAS, branch=33, wrong_branch=True),
        Run(b, "ssp585", one, TAS, branch=12),
        Run(b, "ssp585", "r2i1p1f1", TAS, branch=33),
        Run(c, "historical", two, (*FIXED, *TAS), branch=20),
        Run(c, "ssp585", two, TAS, branch=20),
    )  # fmt: skip
    return Recipe(
        "small",
        (AUTAN, BORA, CIERZO),
        runs,
        Regional(a, one, ("tas",), 1971),
        _workflow(("t2m", "precip"), (1980, 2014), (2012, 2014)),
        OBSERVED,
        _observation(),
        ("tas",),
    )


def _idealised(source: str, member: str, ideal: str, rain: tuple[str, ...]) -> tuple[Run, ...]:
    """Return the runs that every model of the full archive has."""
    return (
        Run(source, "piControl", member, (*FIXED, *TAS, *TOA), years=300),
        Run(source, "abrupt-4xCO2", ideal, (*TAS, *TOA), branch=15),
        Run(source, "1pctCO2", ideal, TAS, branch=25),
        Run(source, "ssp585", member, (*TAS, *rain), branch=12),
        Run(source, "ssp126", member, TAS, branch=12),
    )


def _full() -> Recipe:
    a, b, c, d, e = (model.source_id for model in MODELS)
    one, two = "r1i1p1f1", "r1i1p1f2"
    runs = (
        *_idealised(a, one, one, (*RAIN, "Omon.tos", *TOA)),
        Run(a, "historical", one, (*FIXED, *OCEAN, *TAS, *RAIN, *TOA), branch=5),
        Run(a, "historical", "r2i1p1f1", TAS, branch=40),
        Run(a, "historical", "r3i2p1f1", TAS, branch=45),
        Run(a, "ssp585", "r2i1p1f1", TAS, branch=40),
        Run(a, "ssp585", "r3i2p1f1", TAS, branch=45),
        Run(a, "ssp126", "r2i1p1f1", TAS, branch=40),
        *_idealised(b, one, one, RAIN),
        Run(b, "historical", one, (*TAS, *RAIN, *DAYS), branch=12, older_version=True),
        Run(b, "historical", "r2i1p1f1", TAS, branch=33, wrong_branch=True),
        Run(b, "ssp585", "r2i1p1f1", TAS, branch=33),
        *_idealised(c, two, two, RAIN),
        Run(c, "historical", two, (*TAS, *RAIN), branch=20),
        Run(c, "historical", "r2i1p1f2", TAS, branch=30),
        *_idealised(d, one, one, RAIN),
        Run(
            d, "historical", one, (*TAS, *RAIN, "day.tas", "day.pr"), branch=8,
            daily_years=(2005, 2014),
        ),
        Run(d, "piControl", "r1i1p2f1", (*TAS, *TOA), years=300),
        Run(d, "abrupt-4xCO2", "r1i1p2f1", (*TAS, *TOA), branch=30),
        *_idealised(e, one, one, RAIN),
        Run(e, "historical", one, (*TAS, *RAIN), branch=18),
    )  # fmt: skip
    return Recipe(
        "full",
        MODELS,
        runs,
        Regional(a, one, ("tas", "pr"), 1951),
        _workflow(("t2m", "precip", "slp", "topl", "flat"), (1950, 2014), (2005, 2014)),
        OBSERVED,
        _observation(),
        ("tas", "pr"),
    )


SIZES: dict[str, Callable[[], Recipe]] = {"small": _small, "full": _full}
"""The recipe of each size."""
