"""Members of a model: time first, then members; nothing of them vanishes, and nothing is computed."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.access.members import stack_members
from climeri_platform.core.errors import DatasetInconsistent, GridMismatch

KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.{0}.Amon.tas.gr"
ALL = "CMIP.IPSL.IPSL-CM6A-LR.historical.Amon.tas.gr"


def never(*_, **__):
    raise AssertionError("something was computed while members were stacked")


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


def stacked(datasets, *, pad=False, **others):
    """Stack members that belong together; a refusal is an error."""
    with dask.config.set(scheduler=never):
        result = stack_members(
            {KEY.format(each): dataset for each, dataset in datasets.items()},
            {KEY.format(each): facets(each, **others) for each in datasets},
            pad=pad,
        )
    for _, problem in result.refused:
        raise problem
    assert list(result.datasets) == [ALL]
    return result.datasets[ALL], [note for _, note in result.notes]


def test_members_are_in_the_order_of_their_numbers(field):
    dataset, notes = stacked({f"r{n}i1p1f1": field(100.0 * n) for n in (10, 2, 1)})
    assert dataset["member"].values.tolist() == ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]
    assert dataset["tas"].dims == ("member", "time", "lat")
    assert dataset["tas"].isel(time=0, lat=0).values.tolist() == [100, 200, 1000]
    assert dataset["tas"].dtype == np.float32
    assert dataset["lat_bnds"].dims == ("lat", "bnds")
    assert notes == []


def test_attributes_that_differ_are_coordinates_and_none_vanishes(field):
    said = {
        "r1i1p1f1": {"branch_time_in_parent": 10957.0, "realization_index": 1, "same": "x"},
        "r2i1p1f1": {"branch_time_in_parent": 21914.0, "realization_index": 2, "same": "x"},
        "r3i1p1f1": {"realization_index": 3, "same": "x", "tracking_id": "hdl:3", "levels": [1, 2]},
    }
    dataset, _ = stacked({member: field(**its) for member, its in said.items()})
    assert dataset.attrs == {"same": "x"}
    np.testing.assert_array_equal(dataset["branch_time_in_parent"], [10957.0, 21914.0, np.nan])
    assert dataset["realization_index"].values.tolist() == [1, 2, 3]
    assert dataset["realization_index"].dtype.kind == "i"
    assert dataset["tracking_id"].values.tolist() == ["", "", "hdl:3"]
    assert dataset["levels"].values.tolist() == ["", "", "1 2"]
    for name in ("branch_time_in_parent", "realization_index", "tracking_id"):
        assert dataset[name].dims == ("member",)
        assert name in dataset.coords


def test_attributes_of_variables_and_names_that_are_taken(field):
    first, second = field(lat_bnds="a", table="x"), field(lat_bnds="b", table="y")
    second["tas"].attrs["comment"] = "other"
    dataset, _ = stacked({"r1i1p1f1": first, "r2i1p1f1": second})
    assert dataset["tas_comment"].values.tolist() == ["", "other"]
    assert dataset["tas"].attrs == {"units": "K"}
    assert dataset["attribute_lat_bnds"].values.tolist() == ["a", "b"]
    assert dataset["lat_bnds"].dims == ("lat", "bnds")
    assert dataset["table"].values.tolist() == ["x", "y"]


def test_a_shorter_member_cuts_all_or_is_padded_where_asked(field):
    two = {"r1i1p1f1": field(count=36, with_bounds=True), "r2i1p1f1": field(1000.0, count=24)}
    dataset, (note,) = stacked(two)
    assert dataset.sizes["time"] == 24
    assert "cut to the common period 1850-01-16 to 1851-12-16" in note
    assert "r1i1p1f1 (1850-01-16 to 1852-12-16, 12 steps left out)" in note
    assert not dataset["tas"].isnull().any()
    for first in (two, dict(reversed(two.items()))):
        two["r2i1p1f1"] = field(1000.0, count=24, with_bounds=True)
        dataset, (note,) = stacked(first, pad=True)
        assert "r2i1p1f1 (1850-01-16 to 1851-12-16, 12 steps filled with missing values)" in note
        assert dataset.sizes["time"] == 36
        assert dataset["tas"].sel(member="r2i1p1f1").isnull().sum() == 24
        np.testing.assert_array_equal(dataset["tas"][0, :, 0], np.arange(36))
        np.testing.assert_array_equal(dataset["tas"][1, :24, 0], 1000 + np.arange(24))
        assert dataset["tas"].dtype == np.float32
        assert dataset["time_bnds"].dims == ("time", "bnds")
        assert not dataset["time_bnds"].isnull().any()


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_each_value_stands_at_its_member_and_month(field, data):
    count = data.draw(st.integers(2, 4))
    calendar = data.draw(st.sampled_from(["noleap", "360_day", "datetime64"]))
    pad = data.draw(st.booleans())
    members = {
        f"r{n}i1p1f1": field(
            1000.0 * n,
            data.draw(st.integers(1850, 1853)),
            data.draw(st.integers(48, 72)),
            calendar=calendar,
            day=data.draw(st.sampled_from([1, 15, 16, 28])),
            chunk=data.draw(st.sampled_from([1, 7, 12, 100])),
        )
        for n in range(1, count + 1)
    }
    dataset, _ = stacked(members, pad=pad)
    starts = [each["time"].dt.year.values[0] for each in members.values()]
    ends = [12 * s + each.sizes["time"] for s, each in zip(starts, members.values(), strict=True)]
    first, last = (min(starts), max(ends)) if pad else (max(starts), min(ends))
    at = dataset["time"].dt
    np.testing.assert_array_equal(12 * at.year + at.month - 1, np.arange(12 * first, last))
    for n, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        here = (np.arange(12 * first, last) >= 12 * start) & (np.arange(12 * first, last) < end)
        expected = np.where(here, 1000 * n + np.arange(12 * first, last) - 12 * 1850, np.nan)
        np.testing.assert_array_equal(dataset["tas"].isel(member=n - 1, lat=0), expected)


def test_stamps_of_the_same_months_are_matched_and_it_is_said(field):
    dataset, (note,) = stacked({"r1i1p1f1": field(day=16), "r2i1p1f1": field(1.0, day=1)})
    assert "matched by month, those of r1i1p1f1 are kept" in note
    assert dataset["time"].dt.day.values.tolist() == [16] * 24
    assert not dataset["tas"].isnull().any()


def test_a_stamp_at_the_end_of_its_month_is_told_by_its_bounds(field):
    late = field(1000.0, with_bounds=True)
    late = late.assign_coords(time=("time", late["time_bnds"].values[:, 1], late["time"].attrs))
    dataset, (note,) = stacked({"r1i1p1f1": field(with_bounds=True), "r2i1p1f1": late})
    assert "matched by month" in note
    assert dataset["tas"].isel(lat=0, time=0).values.tolist() == [0, 1000]
    assert dataset.sizes["time"] == 24


@pytest.mark.parametrize("other", ["standard", "proleptic_gregorian"])
@pytest.mark.parametrize("pad", [False, True])
def test_two_kinds_of_objects_for_one_calendar_are_one_axis(field, other, pad):
    members = {
        "r1i1p1f1": field(calendar="datetime64", count=30),
        "r2i1p1f1": field(100.0, calendar=other, start=1851, count=36),
        "r3i1p1f1": field(200.0, calendar="standard", start=1851, count=36),
    }
    dataset, (note,) = stacked(members, pad=pad)
    assert "lengths differ" in note
    assert dataset.sizes["time"] == (48 if pad else 18)
    assert dataset.sel(time="1851-03")["tas"][:, 0, 0].values.tolist() == [14, 114, 214]
    assert len({each.calendar for each in dataset["time"].values}) == 1


def test_days_that_differ_by_their_hour_are_matched():
    def daily(hour):
        times = np.arange("2000-01-01", "2000-02-01", dtype="M8[D]").astype("M8[us]")
        data = da.zeros((31, 1), chunks=-1)
        return xr.Dataset(
            {"pr": (("time", "lat"), data)},
            {"time": times + np.timedelta64(hour, "h"), "lat": [0.0]},
        )

    dataset, (note,) = stacked({"r1i1p1f1": daily(0), "r2i1p1f1": daily(12)})
    assert "of the day" in note
    assert dataset.sizes["time"] == 31


def test_a_hole_in_one_member_is_left_out_of_all_and_counted(field):
    holed = field(1.0).isel(time=[n for n in range(24) if n not in (5, 6)])
    dataset, (note,) = stacked({"r1i1p1f1": field(), "r2i1p1f1": holed})
    assert dataset.sizes["time"] == 22
    assert "r1i1p1f1 (1850-01-16 to 1851-12-16, 2 steps left out)" in note
    dataset, _ = stacked({"r1i1p1f1": field(), "r2i1p1f1": holed}, pad=True)
    assert np.flatnonzero(dataset["tas"].isel(member=1, lat=0).isnull()).tolist() == [5, 6]


def test_rounding_of_a_grid_is_snapped_and_said(field):
    dataset, (note,) = stacked({"r1i1p1f1": field(), "r2i1p1f1": field(lat=(-45.00001, 45.0))})
    assert "lat differs by up to 1.0e-05, which is rounding; that of r1i1p1f1 is kept" in note
    assert dataset["lat"].values.tolist() == [-45, 45]


@pytest.mark.parametrize(
    ("other", "kind", "said"),
    [
        ({"lat": (-45.0, 0.0, 45.0)}, GridMismatch, r"r2i1p1f1 \(lat 3 against lat 2\)"),
        ({"lat": (-45.0, 44.0)}, GridMismatch, r"r2i1p1f1 \(lat differs by up to 1\)"),
        ({"lat": (45.0, -45.0)}, GridMismatch, r"lat runs the other way"),
        ({"calendar": "360_day"}, DatasetInconsistent, "noleap: r1i1p1f1; 360_day: r2i1p1f1"),
        ({"start": 1900}, DatasetInconsistent, "no time in common: r1i1p1f1 1850-01-16"),
        ({"units": "degC"}, DatasetInconsistent, "tas has different units: 'K': r1i1p1f1; 'degC'"),
    ],
)
def test_what_does_not_belong_together_is_refused_by_name_and_stays_apart(field, other, kind, said):
    both = {"r1i1p1f1": field(), "r2i1p1f1": field(**other)}
    with pytest.raises(kind, match=said) as told:
        stacked(both)
    assert told.value.hint
    result = stack_members(
        {KEY.format(m): each for m, each in both.items()},
        {KEY.format(m): facets(m) for m in both},
    )
    assert list(result.datasets) == [KEY.format(m) for m in both]
    assert result.datasets[KEY.format("r1i1p1f1")] is both["r1i1p1f1"]


def test_months_and_days_are_refused(field):
    days = field(1.0, count=400)
    days["time"] = xr.date_range("1850-01-01", periods=400, calendar="noleap", use_cftime=True)
    with pytest.raises(DatasetInconsistent, match="steps of time differ"):
        stacked({"r1i1p1f1": field(), "r2i1p1f1": days})


def test_other_physics_are_stacked_and_said(field):
    _, notes = stacked({"r1i1p1f1": field(), "r1i1p1f2": field(1.0), "r1i1p3f1": field(2.0)})
    assert any(note.startswith("members differ in physics (p1, p3)") for note in notes)
    assert any(note.startswith("members differ in forcing (f1, f2)") for note in notes)


def test_scalars_that_differ_are_kept_along_the_members(field):
    two = field().assign_coords(height=2.0), field().assign_coords(height=10.0)
    dataset, _ = stacked({"r1i1p1f1": two[0], "r2i1p1f1": two[1]})
    assert dataset["height"].dims == ("member",)
    assert dataset["height"].values.tolist() == [2.0, 10.0]
    dataset, _ = stacked({"r1i1p1f1": two[0], "r2i1p1f1": two[0]})
    assert dataset["height"].shape == ()


def test_a_variable_that_one_member_lacks_is_missing_there(field):
    more = field().assign(tos=field(7.0)["tas"])
    dataset, (note,) = stacked({"r1i1p1f1": field(), "r2i1p1f1": more})
    assert note == "tos is not in r1i1p1f1; it is missing values there"
    assert dataset["tos"].isel(member=0).isnull().all()
    assert float(dataset["tos"].isel(member=1)[0, 0]) == 7


def test_what_belongs_to_no_ensemble_stays_as_it_is(field):
    fixed = xr.Dataset({"areacella": ("lat", da.ones(2))}, {"lat": [-45.0, 45.0]})
    rows = {
        "fx": facets("r1i1p1f1", variable="areacella", frequency="fx", table="fx"),
        "fx5": facets("r0i0p0", variable="areacella", frequency="fx", table="fx5"),
        "native": {"model": "IPSLCM6", "simulation": "CM61-01", "variable": "tas"},
    }
    result = stack_members({"fx": fixed, "fx5": fixed, "native": field()}, rows)
    assert list(result.datasets) == list(rows)
    assert all("member" not in each.dims for each in result.datasets.values())


def test_start_dates_and_versions_stay_apart(field):
    keys = ["s1960-r1i1p1f1", "s1960-r2i1p1f1", "s1961-r1i1p1f1"]
    result = stack_members(
        {KEY.format(each): field() for each in keys},
        {KEY.format(each): facets(each) for each in keys},
    )
    assert [each.sizes["member"] for each in result.datasets.values()] == [2, 1]
    assert "historical.s1960.Amon" in next(iter(result.datasets))
    rows = {
        f"{KEY.format(member)}.{version}": facets(member, version=version)
        for member in ("r1i1p1f1", "r2i1p1f1")
        for version in ("v1", "v2")
    }
    result = stack_members({key: field() for key in rows}, rows)
    assert list(result.datasets) == [f"{ALL}.v1", f"{ALL}.v2"]
    assert all(each.sizes["member"] == 2 for each in result.datasets.values())


def test_versions_that_differ_between_members_are_a_coordinate(field):
    rows = {KEY.format(f"r{n}i1p1f1"): facets(f"r{n}i1p1f1", version=f"v{n}") for n in (1, 2)}
    result = stack_members({key: field() for key in rows}, rows)
    assert result.datasets[ALL]["version"].values.tolist() == ["v1", "v2"]
    assert "version" not in result.facets[ALL]
    assert result.made_of[ALL] == tuple(rows)


def test_the_graph_stays_small_and_memory_unused():
    # 50 members of 165 years of days, each cut into files at other years
    times = xr.date_range("1850-01-01", periods=165 * 365, calendar="noleap", use_cftime=True)
    members = {}
    for n in range(50):
        data = da.zeros((times.size, 143, 144), chunks=(1000 + 50 * (n % 5), -1, -1), dtype="f4")
        coords = {"time": times, "lat": np.linspace(-90, 90, 143), "lon": np.arange(144) * 2.5}
        members[f"r{n}i1p1f1"] = xr.Dataset({"tas": (("time", "lat", "lon"), data)}, coords)
    dataset, _ = stacked(members)
    assert dataset["tas"].shape == (50, 60225, 143, 144)
    assert len(dict(dataset["tas"].data.__dask_graph__())) < 30_000
