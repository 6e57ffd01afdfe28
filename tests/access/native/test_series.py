"""A variable that a run holds as a series and in its Output is used once."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.native import prefer_series

RUN = {"tag_name": "IPSLCM6", "job_name": "run", "component": "ATM", "frequency": "mon"}
SERIES = RUN | {"product": "Analyse", "product_frequency": "TS_MO", "variable": "tas"}
OUTPUT = RUN | {"product": "Output", "product_frequency": "MO", "stream": "histmth"}
SEASONS = RUN | {"product": "Analyse", "product_frequency": "SE", "frequency": "monClim"}


def months(names, first, last):
    time = np.arange(f"{first}-01", f"{last + 1}-01", dtype="M8[M]").astype("M8[us]")
    fields = {name: ("time", np.zeros(time.size)) for name in names}
    fixed = {"areacella": ((), 1.0), "time_bnds": (("time", "bnds"), np.zeros((time.size, 2)))}
    return xr.Dataset(fields | fixed, coords={"time": time})


def test_the_series_is_used_and_the_output_keeps_the_rest():
    datasets = {"series": months(["tas"], 1980, 2014), "output": months(["tas", "pr"], 2012, 2014)}
    made, steps = prefer_series(datasets, {"series": SERIES, "output": OUTPUT})
    assert "tas" in made["series"]
    assert "tas" not in made["output"]
    assert {"pr", "areacella"} <= {*made["output"].data_vars}
    (said,) = steps["output"]
    assert (said.variable, said.said) == ("tas", "tas is taken from series")
    assert "tas" in datasets["output"]  # what was given is as it was


def test_an_output_of_nothing_else_goes():
    datasets = {"output": months(["tas"], 2012, 2014), "series": months(["tas"], 1980, 2014)}
    made, _ = prefer_series(datasets, {"series": SERIES, "output": OUTPUT})
    assert list(made) == ["series"]


def test_time_that_only_the_output_holds_is_said():
    datasets = {"series": months(["tas"], 1980, 2010), "output": months(["tas", "pr"], 2005, 2014)}
    _, steps = prefer_series(datasets, {"series": SERIES, "output": OUTPUT})
    (said,) = steps["output"]
    assert said.said.endswith(
        "which holds 1980-01-01 to 2010-12-01; this also holds others of 2005-01-01 to 2014-12-01"
    )


def test_an_output_that_holds_all_of_it_and_more_is_used():
    datasets = {"series": months(["tas"], 1980, 2010), "output": months(["tas", "pr"], 1980, 2014)}
    made, steps = prefer_series(datasets, {"series": SERIES, "output": OUTPUT})
    assert list(made) == ["output"]
    assert "tas" in made["output"]
    assert "is taken from output" in steps["series"][0].said


def test_calendars_that_differ_are_compared_by_their_days():
    datasets = {"series": months(["tas"], 1980, 2014), "output": months(["tas", "pr"], 1985, 1990)}
    stamps = datasets["output"].indexes["time"]
    noleap = [cftime.DatetimeNoLeap(each.year, each.month, each.day) for each in stamps]
    datasets["output"] = datasets["output"].assign_coords(time=np.array(noleap, dtype=object))
    made, steps = prefer_series(datasets, {"series": SERIES, "output": OUTPUT})
    assert "tas" not in made["output"]
    assert steps["output"][0].said == "tas is taken from series"


@pytest.mark.parametrize(
    "other",
    [
        OUTPUT | {"component": "OCE"},
        OUTPUT | {"frequency": "day"},
        OUTPUT | {"job_name": "another"},
        OUTPUT | {"ensemble_date": "19800101"},
        SEASONS,
        {},
    ],
)
def test_other_runs_components_and_frequencies_are_others(other):
    datasets = {"series": months(["tas"], 1980, 2014), "other": months(["tas", "pr"], 2012, 2014)}
    made, steps = prefer_series(datasets, {"series": SERIES, "other": other})
    assert "tas" in made["other"]
    assert steps == {}


def test_a_daily_and_a_monthly_stream_lose_what_they_hold_twice():
    day = {"frequency": "day"}
    datasets = {
        "month": months(["tas"], 1980, 2014),
        "day": months(["tas"], 1980, 2014),
        "histmth": months(["tas", "pr"], 1980, 2014),
        "histday": months(["tas", "pr"], 1980, 2014),
    }
    about = {"month": SERIES, "day": SERIES | day, "histmth": OUTPUT, "histday": OUTPUT | day}
    made, steps = prefer_series(datasets, about)
    assert [key for key in made if "tas" in made[key]] == ["month", "day"]
    assert {*steps} == {"histmth", "histday"}
