"""One object for all: a tree, one Dataset along models, variables merged."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from climeri_platform.access.members import stack_members
from climeri_platform.access.merging import merge_variables
from climeri_platform.access.trees import to_dataset, to_datatree
from climeri_platform.core.errors import (
    DatasetInconsistent,
    GridMismatch,
    NothingFound,
    UsageError,
)


def never(*_, **__):
    raise AssertionError("something was computed while datasets were put together")


def facets(member, **others):
    return {
        "model": "IPSL-CM6A-LR",
        "experiment": "historical",
        "member": member,
        "variable": "tas",
        "table": "Amon",
        "frequency": "mon",
        "version": "v1",
        **others,
    }


def rows(*wanted):
    """Facets of some datasets, each (model, variable, ...), under numbered keys."""
    return {
        f"k{n}": facets("r1i1p1f1", **{"model": model, "variable": variable, **more})
        for n, (model, variable, more) in enumerate(wanted)
    }


def along_models(datasets, known, **options):
    with dask.config.set(scheduler=never):
        return to_dataset(datasets, known, **options)


def test_models_stand_beside_each_other(field):
    known = rows(("B10", "tas", {"institution": "X"}), ("B2", "tas", {"institution": "Y"}))
    dataset, notes = along_models({"k0": field(10.0), "k1": field(2.0)}, known)
    assert dataset["model"].values.tolist() == ["B2", "B10"]
    assert dataset["tas"].dims == ("model", "time", "lat")
    assert dataset["tas"][:, 0, 0].values.tolist() == [2, 10]
    assert dataset["institution"].values.tolist() == ["Y", "X"]
    assert "experiment" not in dataset.coords
    assert notes == []


def test_another_grid_is_refused_with_the_models_and_how_they_differ(field):
    known = rows(*((name, "tas", {}) for name in ("A", "B", "C", "D")))
    datasets = {
        "k0": field(lat=(-60.0, 0.0, 60.0)),
        "k1": field(),
        "k2": field(),
        "k3": field(lat=(-45.0, 44.5)),
    }
    with pytest.raises(GridMismatch) as told:
        along_models(datasets, known)
    assert told.value.message.startswith("2 of 4 are on another grid than B: ")
    assert "A (lat 3 against lat 2)" in told.value.message
    assert "D (lat differs by up to 0.5)" in told.value.message
    assert "Regrid" in told.value.hint


def curvilinear(offset):
    y, x = np.mgrid[0:30, 0:40]
    return xr.Dataset(
        {"tos": (("y", "x"), da.zeros((30, 40)))},
        {"lat": (("y", "x"), da.asarray(y + offset)), "lon": (("y", "x"), da.asarray(x * 1.0))},
    )


def test_curvilinear_grids_of_one_size_are_told_apart():
    known = rows(("A", "tos", {}), ("B", "tos", {}))
    same, _ = along_models({"k0": curvilinear(0.0), "k1": curvilinear(1e-6)}, known)
    assert same["lat"].dims == ("y", "x")
    with pytest.raises(GridMismatch, match=r"B \(lat differs by up to 0.3\)"):
        along_models({"k0": curvilinear(0.0), "k1": curvilinear(0.3)}, known)


def test_months_of_other_calendars_are_matched_and_days_are_not(field):
    known = rows(("A", "tas", {}), ("B", "tas", {}), ("C", "tas", {}))
    datasets = {
        "k0": field(1.0, calendar="datetime64", count=36),
        "k1": field(2.0, calendar="360_day", day=30, start=1849, count=36),
        "k2": field(3.0, calendar="noleap"),
    }
    for pad, count in ((False, 24), (True, 48)):
        dataset, notes = along_models(datasets, known, pad=pad)
        assert dataset.sizes["time"] == count
        assert dataset["time"].dtype.kind == "M"
        months = dataset["time"].dt.year * 12 + dataset["time"].dt.month
        assert (np.diff(months) == 1).all()
        assert any(note.startswith("calendars differ (") for note in notes)
        at = dataset.sel(time="1850-02")["tas"][:, 0, 0].values
        np.testing.assert_array_equal(at, [2, 3, 4])
    days = {}
    for key, calendar in (("k0", "noleap"), ("k1", "360_day")):
        times = xr.date_range("1850-01-01", periods=24, calendar=calendar, use_cftime=True)
        days[key] = field().assign_coords(time=times)
    with pytest.raises(DatasetInconsistent, match="noleap: A; 360_day: B"):
        along_models(days, known)


def test_calendars_may_be_in_any_order(field):
    known = rows(("A", "tas", {}), ("B", "tas", {}))
    datasets = {
        "k0": field(1.0, calendar="360_day", day=30),
        "k1": field(2.0, calendar="datetime64", day=31 - 3, start=1851, count=24),
    }
    dataset, _ = along_models(datasets, known, pad=True)
    assert {each.calendar for each in dataset["time"].values} == {"360_day"}
    assert dataset.sizes["time"] == 36


def test_several_variables_and_members_of_models(field):
    known = {}
    datasets = {}
    for model, members in (("A", (1, 2, 3)), ("B", (1, 3))):
        for variable in ("tas", "pr"):
            for member in members:
                key = f"{model}.r{member}i1p1f1.{variable}"
                known[key] = facets(f"r{member}i1p1f1", model=model, variable=variable)
                level = 10.0 * member
                datasets[key] = field(level, name=variable, branch=f"{model}{member}")
    stacked = stack_members(datasets, known)
    assert list(stacked.datasets) == ["A.tas", "A.pr", "B.tas", "B.pr"]
    dataset, notes = along_models(stacked.datasets, stacked.facets)
    assert dataset["tas"].dims == ("model", "member", "time", "lat")
    assert dataset["member"].values.tolist() == ["r1i1p1f1", "r3i1p1f1"]
    assert dataset["pr"][1, :, 0, 0].values.tolist() == [10, 30]
    assert dataset["branch"].values.tolist() == [["A1", "A3"], ["B1", "B3"]]
    assert "2 of 3 members are common to all; the others are left out" in notes
    padded, notes = along_models(stacked.datasets, stacked.facets, pad=True)
    assert padded.sizes["member"] == 3
    assert padded["tas"].sel(model="B", member="r2i1p1f1").isnull().all()
    assert not padded["tas"].sel(model="A").isnull().any()
    assert padded["branch"].values.tolist()[1] == ["B1", "", "B3"]


def test_what_cannot_be_put_along_a_dimension_is_refused_with_the_reason(field):
    known = rows(("A", "tas", {}), ("A", "tas", {"experiment": "ssp585"}))
    datasets = {"k0": field(), "k1": field()}
    with pytest.raises(
        UsageError,
        match=r"model A has 2 datasets of tas, which differ in experiment \(historical, ssp585\)",
    ):
        along_models(datasets, known)
    with pytest.raises(UsageError, match="nothing says the model_name of k0") as told:
        along_models(datasets, known, dim="model_name")
    assert "model" in told.value.hint
    with pytest.raises(NothingFound):
        along_models({}, {})
    both, _ = along_models(datasets, known, dim="experiment")
    assert both["experiment"].values.tolist() == ["historical", "ssp585"]
    stacked = stack_members({"k0": field()}, {"k0": known["k0"]})
    with pytest.raises(UsageError, match="has the dimension member already"):
        along_models(stacked.datasets, stacked.facets, dim="member")


def test_experiments_that_follow_each_other_have_nothing_in_common(field):
    known = rows(("A", "tas", {}), ("A", "tas", {"experiment": "ssp585"}))
    datasets = {"k0": field(), "k1": field(start=1900)}
    with pytest.raises(DatasetInconsistent, match="no time in common") as told:
        along_models(datasets, known, dim="experiment")
    assert "pad=True" in told.value.hint
    both, _ = along_models(datasets, known, dim="experiment", pad=True)
    assert both.sizes["time"] == 48


def merged(datasets, known, **options):
    with dask.config.set(scheduler=never):
        return merge_variables(datasets, known, **options)


def test_variables_of_one_table_are_merged_and_tables_stay_apart(field):
    keys = ["M.r1i1p1f1.Amon.tas", "M.r1i1p1f1.Amon.pr", "M.r1i1p1f1.day.tas"]
    known = {
        key: facets("r1i1p1f1", variable=key.split(".")[-1], table=key.split(".")[-2])
        for key in keys
    }
    datasets = {key: field(name=key.split(".")[-1], tracking_id=key, same="x") for key in keys}
    result = merged(datasets, known)
    assert list(result.datasets) == ["M.r1i1p1f1.Amon", keys[2]]
    one = result.datasets["M.r1i1p1f1.Amon"]
    assert set(one.data_vars) == {"tas", "pr", "lat_bnds"}
    assert one.attrs == {"same": "x"}
    assert one["pr"].attrs["tracking_id"] == keys[1]
    assert datasets[keys[0]].attrs["tracking_id"] == keys[0]
    assert "tracking_id" not in datasets[keys[0]]["tas"].attrs
    assert result.facets["M.r1i1p1f1.Amon"]["table"] == "Amon"
    assert "variable" not in result.facets["M.r1i1p1f1.Amon"]
    assert result.made_of["M.r1i1p1f1.Amon"] == tuple(keys[:2])


def test_variables_of_other_lengths_levels_and_heights(field):
    known = rows(("A", "tas", {}), ("A", "uas", {}), ("A", "ta", {}))
    level = field(name="ta", count=36).expand_dims(plev=[85000.0, 50000.0], axis=1)
    level["lat_bnds"] = level["lat_bnds"].isel(plev=0)
    datasets = {
        "k0": field().assign_coords(height=2.0),
        "k1": field(name="uas").assign_coords(height=10.0),
        "k2": level,
    }
    result = merged(datasets, known)
    (dataset,) = result.datasets.values()
    assert dataset["ta"].dims == ("time", "plev", "lat")
    assert dataset.sizes["time"] == 24
    assert (float(dataset["height"]), float(dataset["height_uas"])) == (2, 10)
    notes = [note for _, note in result.notes]
    assert any("ta (1850-01-16 to 1852-12-16, 12 steps left out)" in note for note in notes)
    assert any("height of uas differs" in note for note in notes)
    assert next(iter(merged(datasets, known, pad=True).datasets.values())).sizes["time"] == 36


@pytest.mark.parametrize(
    ("other", "kind", "said"),
    [
        ({"lat": (-40.0, 40.0)}, GridMismatch, "pr (lat differs by up to 5"),
        ({"lat": (-45.0, 0.0, 45.0)}, GridMismatch, "pr (lat 3 against lat 2"),
        ({"calendar": "360_day"}, DatasetInconsistent, "360_day: pr"),
        ({"name": "tas", "level": 5.0}, DatasetInconsistent, "both hold tas"),
    ],
)
def test_variables_that_do_not_fit_stay_apart_and_it_is_told(field, other, kind, said):
    known = rows(("A", "tas", {}), ("A", "pr", {}))
    datasets = {"k0": field(), "k1": field(**{"name": "pr", **other})}
    result = merged(datasets, known)
    assert list(result.datasets) == ["k0", "k1"]
    ((_, problem),) = result.refused
    assert isinstance(problem, kind)
    assert said in problem.message


def test_the_tree_has_experiments_models_members_and_variables(field):
    known = {
        "a": facets("r1i1p1f1", model="A"),
        "b": facets("r1i1p1f1", model="A", variable="pr"),
        "c": facets("r2i1p1f1", model="A/B"),
        "d": facets("r1i1p1f1", model="A", experiment="ssp585"),
        "e": facets("r1i1p1f1", model="A", experiment="ssp585", table="day", frequency="day"),
        "f": {"model": "ERA5", "variable": "tas"},
        "g": {},
    }
    datasets = {key: field(name=its.get("variable", "x")) for key, its in known.items()}
    with dask.config.set(scheduler=never):
        tree = to_datatree(datasets, known)
    leaves = {node.path: node.attrs["climeri_key"] for node in tree.leaves}
    assert leaves == {
        "/historical/A/r1i1p1f1/tas": "a",
        "/historical/A/r1i1p1f1/pr": "b",
        "/historical/A-B/r2i1p1f1/tas": "c",
        "/ssp585/A/r1i1p1f1/tas_Amon": "d",
        "/ssp585/A/r1i1p1f1/tas_day": "e",
        "/ERA5/tas": "f",
        "/g": "g",
    }
    assert tree["ssp585/A/r1i1p1f1/tas_day"].to_dataset()["tas"].identical(datasets["e"]["tas"])
    assert "climeri_key" not in datasets["a"].attrs


def test_the_tree_of_members_that_were_stacked_and_variables_that_were_merged(field):
    known = {
        f"A.r{n}i1p1f1.{v}": facets(f"r{n}i1p1f1", model="A", variable=v)
        for n in (1, 2)
        for v in ("tas", "pr")
    }
    datasets = {key: field(name=its["variable"]) for key, its in known.items()}
    stacked = stack_members(datasets, known)
    result = merge_variables(stacked.datasets, stacked.facets)
    (node,) = to_datatree(result.datasets, result.facets).leaves
    assert node.path == "/historical/A/Amon"
    assert node["tas"].dims == ("member", "time", "lat")
