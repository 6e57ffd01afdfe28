"""Units and calendars on request, told in the report."""

from __future__ import annotations

import dask
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning, opening
from climeri_platform.core.errors import DataError, UnknownValue, UsageError


def never(*_, **__):
    raise AssertionError("something was computed")


@pytest.fixture
def catalog(demo_store):
    return open_catalog("CMIP6", store=demo_store)


def test_units_are_those_that_were_asked_for(catalog):
    found = catalog.search(model="AUTAN-CM2", experiment="historical", table="Amon")
    with dask.config.set(scheduler=never):
        opened = found.open(units={"pr": "mm/day", "tas": "degC"}, measures=True)
    own = found.open()
    for key, dataset in opened.items():
        name = key.split(".")[-2]
        factor, offset, units = {"pr": (86400, 0, "mm/day"), "tas": (1, -273.15, "degC")}[name]
        assert (dataset[name].attrs["units"], dataset[name].dtype) == (units, "f4")
        np.testing.assert_allclose(
            dataset[name][0].values,
            own[key][name][0].values * factor + offset,
            rtol=1e-5,
            atol=1e-4,
        )
        (line,) = [e for e in opened.report if e.dataset == key and e.cause.startswith(f"{name}:")]
        assert line.status == "repaired"
        assert f"to {units!r}" in line.cause
        assert "climeri_steps" in dataset[name].attrs


def test_units_reach_native_output_and_the_file_s_own(demo_store):
    everywhere = open_catalog(store=demo_store).search(
        variable=["tas", "pr"], experiment="historical", frequency="mon"
    )
    opened = everywhere.open(units={"pr": "mm/day"})
    units = {
        (key.split(":")[0], each["pr"].attrs["units"])
        for key, each in opened.items()
        if "pr" in each
    }
    assert units == {("CMIP6", "mm/day"), ("libIGCM", "mm/day")}
    (raw,) = (
        everywhere["libIGCM"].search(variable="tas").open(harmonise=False, units={"t2m": "degC"})
    ).values()
    assert raw["t2m"].attrs["units"] == "degC"


@pytest.mark.parametrize(
    ("units", "error", "said"),
    [
        ({"tas": "bananas"}, UnknownValue, "there are no such units"),
        ({"tas": "mm/day"}, UnknownValue, "tas is in 'K', which does not convert"),
        ({"tas": "days since 2000-01-01"}, UnknownValue, "there are no such units"),
        ({"tas": 1}, UsageError, "units are a text"),
        ("degC", UsageError, "it is a mapping"),
    ],
)
def test_units_that_are_none_are_refused_before_a_file_is_touched(
    catalog, monkeypatch, units, error, said
):
    monkeypatch.setattr(opening, "read_file", never)
    with pytest.raises(error, match=said):
        catalog.search(variable="tas").open(units=units)


def test_a_variable_that_nothing_has_is_refused(catalog, demo_store):
    with pytest.raises(UnknownValue, match="nothing of the selection has that variable") as told:
        catalog.search(variable="tas", experiment="ssp585").open(units={"tass": "degC"})
    assert "tas" in told.value.hint
    everywhere = open_catalog(store=demo_store).search(variable="tas", experiment="ssp585")
    with pytest.raises(UnknownValue, match="tass"):
        everywhere.open(units={"tass": "degC"})


def test_a_dataset_whose_units_do_not_convert_is_left_out(catalog, monkeypatch):
    monkeypatch.setattr(opening, "harmonised", lambda dataset, _: (without_units(dataset), []))
    found = catalog.search(variable=["tas", "pr"], model="AUTAN-CM2", experiment="ssp585")
    with pytest.warns(IncompleteDataWarning):
        opened = found.open(units={"pr": "mm/day"})
    assert [key.split(".")[-2] for key in opened] == ["tas"]
    (line,) = opened.report.having("skipped")
    assert "do not convert to 'mm/day'" in line.cause
    with pytest.raises(DataError, match="do not convert"):
        found.open(units={"pr": "mm/day"}, on_error="raise")


def without_units(dataset):
    dataset = dataset.copy()
    for name in {"pr"} & {*dataset.data_vars}:
        dataset[name].attrs["units"] = "1"
    return dataset


def test_all_get_one_calendar_and_the_report_says_how(catalog):
    found = catalog.search(variable="tas", experiment="historical")
    with dask.config.set(scheduler=never):
        opened = found.open(calendar="360_day", period="2010-02/2010-12")
    assert {each["time"].dt.calendar for each in opened.values()} == {"360_day"}
    lines = {e.dataset: e for e in opened.report if e.cause.startswith("time: ")}
    own = {key: each["time"].dt.calendar for key, each in found.open().items()}
    assert {*lines} == {key for key, calendar in own.items() if calendar != "360_day"}
    for key, dataset in opened.items():
        daily = ".day." in key
        assert dataset.sizes["time"] == (330 if daily else 11), key
        assert str(dataset["time_bnds"].values[0, 0]) == "2010-02-01 00:00:00"
        if key in lines:
            assert lines[key].status == "repaired"
            said = "25 of 1825 steps are left out" if daily else "and none is lost"
            assert said in lines[key].cause
            assert dataset["time"].attrs["climeri_steps"]


def test_models_of_several_calendars_stand_together_in_one(catalog):
    found = catalog.search(variable="tas", experiment="ssp585", member="r1i1p1f*", table="Amon")
    opened = found.open(calendar="standard", members="stack", period="2020/2030")
    assert len(opened) == 3
    axes = {tuple(each["time"].values.astype("M8[M]")) for each in opened.values()}
    assert len(axes) == 1


def test_a_calendar_that_is_none_is_refused_before_a_file_is_touched(catalog, monkeypatch):
    monkeypatch.setattr(opening, "read_file", never)
    with pytest.raises(UnknownValue, match="calendar='365days'"):
        catalog.search(variable="tas").open(calendar="365days")
