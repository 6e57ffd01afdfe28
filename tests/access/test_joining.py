"""Joining: values are those of the files alone, and what does not belong together is refused."""

from __future__ import annotations

import itertools

import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from climeri_platform.access import DatasetFiles, IncompleteDataWarning, open_datasets, open_file
from climeri_platform.access.files import read_file
from climeri_platform.access.joining import join as headers_joined
from climeri_platform.core.errors import DatasetInconsistent, FileUnreadable

LATER = (3.5, 4.5, 5.5)


def join(*paths):
    """Open one dataset; a defect is an error."""
    opened = open_datasets([DatasetFiles("k", paths)], on_error="raise", harmonise=False)
    return opened["k"], [each.cause for each in opened.report.having("noted")]


def refused(*paths):
    with pytest.raises(DatasetInconsistent) as told:
        join(*paths)
    assert told.value.hint
    return told.value.message


def grid(offset, dims=("lat", "x"), name="nav_lat"):
    def more(file):
        if "x" in dims:
            file.createDimension("x", 2)
        there = file.createVariable(name, "f4", dims)
        there[...] = np.arange(4.0).reshape(2, 2) + offset if dims else offset
        file["tas"].coordinates = name

    return more


FORMS = ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"]


@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_values_are_those_of_each_file_alone(write, data):
    paths, begin = [], 0
    calendar = data.draw(st.sampled_from(["standard", "noleap", "360_day"]))
    for number in range(data.draw(st.integers(2, 4))):
        size = data.draw(st.integers(1, 5))
        times = begin + np.arange(size) + 0.5
        begin += size
        since = data.draw(st.sampled_from(["days since 2000-01-01", "hours since 2000-01-01"]))
        values = data.draw(
            st.lists(st.integers(-200, 200), min_size=size, max_size=size).map(np.array)
        )
        form = data.draw(st.sampled_from(FORMS))
        paths.append(
            write(
                f"f{number}.nc",
                times * (24 if since.startswith("hours") else 1),
                values,
                time_units=since,
                calendar=calendar,
                form=form,
                dtype=data.draw(st.sampled_from(["f4", "f8"])),
                packing=data.draw(st.sampled_from([None, (0.01, 0.0), (0.5, 100.0), (1.0, -20.0)])),
                chunks=data.draw(st.sampled_from([None, (1, 2), (2, 1)]))
                if form == "NETCDF4"
                else None,
            )
        )
    joined, _ = join(*paths)
    alone = [open_file(path) for path in paths]
    for name in ("tas", "time"):
        expected = np.concatenate([each[name].values for each in alone])
        np.testing.assert_array_equal(joined[name].values, expected)
    for each in (*alone, joined):
        each.close()


def test_the_joined_data_survive_being_written(write, tmp_path):
    # with the first file's packing, 3000 would wrap into a negative number
    joined, _ = join(
        write("a.nc", values=[1, 2, 3], packing=(0.01, 0.0)),
        write("b.nc", LATER, values=[1000, 2000, 3000], packing=(1.0, 500.0)),
    )
    joined.to_netcdf(tmp_path / "out.nc", engine="h5netcdf")
    with open_file(tmp_path / "out.nc") as again:
        np.testing.assert_allclose(again["tas"].values, joined["tas"].values)
        assert again["tas"].values.max() == 3000
    joined.close()


def test_a_packing_that_all_share_is_kept(write):
    joined, _ = join(
        write("a.nc", packing=(0.01, 280.0)), write("b.nc", LATER, packing=(0.01, 280.0))
    )
    assert joined["tas"].encoding["scale_factor"] == 0.01
    assert joined["time"].encoding["calendar"] == "standard"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"units": "K"}, {"units": "degC"}, "tas has units 'K'"),
        ({"variable": "tas"}, {"variable": "ta"}, "no variable is in all files"),
        ({"calendar": "noleap"}, {"calendar": "360_day"}, "calendar is noleap"),
        ({"calendar": "noleap"}, {"calendar": "standard"}, "calendar is noleap"),
        ({"calendar": "standard"}, {"time_units": "1"}, "calendar is standard in"),
        ({}, {"lat": (-45.0, 45.0, 90.0)}, "not on one grid"),
        ({}, {"lat": (-45.0, 46.0)}, "not on one grid"),
        ({"more": grid(0)}, {"more": grid(1)}, "nav_lat differs"),
        ({}, {"times": (2.0, 3.0, 4.0)}, "before"),
        ({}, {"times": (1.5, 4.5)}, "before"),
        ({}, {"times": (9.5, 8.5)}, "does not increase"),
        ({}, {"times": (7.5, 7.5)}, "does not increase"),
        ({}, {"times": (5.5, np.nan, 7.5)}, "1 of 6 time steps have no time"),
    ],
)
def test_what_does_not_belong_together(write, first, second, said):
    paths = write("a.nc", **first), write("b.nc", **{"times": LATER, **second})
    assert said in refused(*paths)


def test_a_file_without_a_time_step_is_refused(write):
    paths = write("a.nc"), write("b.nc", times=())
    with pytest.raises(FileUnreadable, match=r"b\.nc: .*it holds no time step: time has length 0"):
        join(*paths)


def test_positive_up_and_down_do_not_belong_together(write):
    def flux(direction):
        def more(file):
            file["tas"].positive = direction

        return more

    paths = write("a.nc", more=flux("up")), write("b.nc", LATER, more=flux("down"))
    assert "tas has positive 'up'" in refused(*paths)


def test_units_that_differ_in_spaces_only_are_one(write):
    joined, _ = join(write("a.nc", units="kg m-2 s-1"), write("b.nc", LATER, units="kg  m-2 s-1 "))
    assert joined.sizes["time"] == 6


def test_a_fixed_field_among_series_is_refused(write, tmp_path):
    with netCDF4.Dataset(tmp_path / "fx.nc", "w") as file:
        file.createDimension("lat", 2)
        file.createVariable("orog", "f4", ("lat",))[:] = 0
    assert "not all have a time axis" in refused(write("a.nc"), str(tmp_path / "fx.nc"))


def test_a_time_dimension_without_values_is_refused(tmp_path):
    for name in ("a.nc", "b.nc"):
        with netCDF4.Dataset(tmp_path / name, "w") as file:
            file.createDimension("time", 2)
            file.createVariable("tas", "f4", ("time",))[:] = 0
    assert "no values of time" in refused(str(tmp_path / "a.nc"), str(tmp_path / "b.nc"))


def test_a_variable_that_some_files_lack_is_noted(write):
    def more(file):
        file.createVariable("pr", "f4", ("time", "lat"))[:] = 1.0

    joined, notes = join(write("a.nc", more=more), write("b.nc", LATER))
    assert len(notes) == 1
    assert notes[0].startswith("pr is not in 1 of 2 files")
    assert int(joined["pr"].isnull().sum()) == 6
    np.testing.assert_array_equal(joined["pr"].values[:3], 1.0)


def test_a_grid_that_was_rounded_otherwise_is_one_and_noted(write):
    joined, notes = join(write("a.nc"), write("b.nc", LATER, lat=(-45.00001, 45.0)))
    assert notes == ["lat differs by up to 1.0e-05 between files; the first file's is kept"]
    np.testing.assert_array_equal(joined["lat"].values, [-45.0, 45.0])


def test_a_curvilinear_grid_that_is_the_same_is_one(write):
    joined, notes = join(write("a.nc", more=grid(0)), write("b.nc", LATER, more=grid(1e-6)))
    assert notes == []
    assert joined["nav_lat"].dims == ("lat", "x")


def test_a_fine_grid_is_compared_at_both_ends_of_the_series(write):
    def fine(offset):
        def more(file):
            file.createDimension("y", 600)
            file.createDimension("x", 600)
            there = file.createVariable("nav_lat", "f4", ("y", "x"))
            there[...] = np.linspace(0, 90, 360_000).reshape(600, 600) + offset
            field = file.createVariable("tos", "f4", ("time", "y", "x"))
            field.coordinates = "nav_lat"

        return more

    paths = [
        write("a.nc", more=fine(0)),
        write("b.nc", LATER, more=fine(0)),
        write("c.nc", (6.5, 7.5), more=fine(1)),
    ]
    assert "nav_lat differs" in refused(*paths)
    assert join(*paths[:2])[1] == []


def test_another_height_is_noted(write):
    paths = (
        write("a.nc", more=grid(2.0, (), "height")),
        write("b.nc", LATER, more=grid(10.0, (), "height")),
    )
    joined, notes = join(*paths)
    assert notes == [f"height is 2.0 in {paths[0]}, 10.0 in {paths[1]}"]
    assert float(joined["height"]) == 2.0


def test_attributes_that_differ_are_dropped_and_tracking_ids_kept(write):
    common = {"source_id": "IPSL-CM6A-LR"}
    joined, _ = join(
        write("a.nc", attributes={**common, "tracking_id": "hdl:1", "history": "one"}),
        write("b.nc", LATER, attributes={**common, "tracking_id": "hdl:2", "history": "two"}),
    )
    assert joined.attrs == {**common, "tracking_id": "hdl:1\nhdl:2"}


def test_a_series_across_1582_and_2262(write):
    days = "days since 1582-10-01", "days since 2262-04-01"
    with pytest.warns(IncompleteDataWarning, match="hole"):
        joined, _ = join(
            *(write(f"{n}.nc", (0, 1, 2), time_units=each) for n, each in enumerate(days))
        )
    years = joined["time"].dt.year.values
    assert list(years) == [1582] * 3 + [2262] * 3
    assert joined["time"].dtype == object
    with pytest.warns(IncompleteDataWarning, match="hole"):
        joined, _ = join(
            write("c.nc", (0, 1), time_units="days since 2262-04-10"),
            write("d.nc", (0, 1), time_units="days since 2300-01-01"),
        )
    assert joined["time"].dtype.kind == "M"
    assert [str(each)[:10] for each in joined["time"].values] == [
        "2262-04-10",
        "2262-04-11",
        "2300-01-01",
        "2300-01-02",
    ]


def test_a_millennium_in_the_proleptic_calendar_is_one_series(write):
    days = [f"days since {year}-01-01" for year in ("0850", "1500", "1850")]
    with pytest.warns(IncompleteDataWarning, match="hole"):
        joined, _ = join(
            *(
                write(f"{n}.nc", (0, 1, 2), time_units=each, calendar="proleptic_gregorian")
                for n, each in enumerate(days)
            )
        )
    assert joined.sizes["time"] == 9
    assert joined["time"].dtype.kind == "M"


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_a_hole_is_noted_and_warned_of(write, calendar):
    paths = tuple(
        write(f"{number}.nc", times, calendar=calendar)
        for number, times in enumerate([(0.5, 1.5, 2.5), (4.5, 5.5)])
    )
    with pytest.warns(IncompleteDataWarning, match="hole"):
        opened = open_datasets([DatasetFiles("k", paths)])
    (note,) = opened.report.having("noted")
    assert "2000-01-03" in note.cause
    assert "2000-01-05" in note.cause


def test_months_of_28_to_31_days_are_no_hole(write):
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    starts = list(itertools.accumulate(lengths * 3, initial=0))[:-1]
    middles = np.array(starts) + np.array(lengths * 3) / 2
    joined, notes = join(
        write("a.nc", middles[:12], calendar="noleap"),
        write("b.nc", middles[12:], calendar="noleap"),
    )
    assert notes == []
    assert joined.sizes["time"] == 36


def test_a_hole_is_seen_in_the_names_where_the_axis_is_too_short(write):
    # two steps: the axis does not show how long its own step is
    with pytest.warns(IncompleteDataWarning, match="hole"):
        open_datasets(
            [
                DatasetFiles(
                    "k",
                    (write("a.nc", (180,)), write("b.nc", (900,))),
                    spans=(
                        (200001010000, 200012312359),
                        (200201010000, 200212312359),
                    ),
                )
            ]
        )


def test_closing_closes_every_file(write):
    paths = write("a.nc"), write("b.nc", LATER)
    joined, _ = join(*paths)
    joined.close()
    for path in paths:  # HDF5 locks a file that is open
        with netCDF4.Dataset(path, "a"):
            pass


def test_what_is_undated_stays_so_beside_a_file_that_is_left_out(write):
    good = read_file(write("a.nc"), (199001010000, 199912312359))
    bad = read_file(write("b.nc", time_units="days since 2000-77-99"))
    alone, beside = (headers_joined(each, undated=True) for each in ([good], [good, bad]))
    assert [each.path for each in beside.skipped] == [bad.path]
    assert beside.notes == alone.notes == ()


def test_units_of_which_the_first_file_says_nothing(write):
    """What one file leaves out does not make the others' kelvins and degrees one."""
    paths = [
        write("a.nc", units=None),
        write("b.nc", (3.5, 4.5), units="K"),
        write("c.nc", (5.5, 6.5), units="degC"),
    ]
    with pytest.raises(DatasetInconsistent, match=r"tas has units 'K' in .*b.nc, 'degC' in .*c.nc"):
        join(*paths)
    _, notes = join(*paths[:2])
    assert ["taken for the same" in each for each in notes] == [True]


def test_directions_of_which_the_first_file_says_nothing(write):
    def counting(way):
        return lambda file: file["hfls"].setncattr("positive", way)

    options = {"variable": "hfls", "units": "W m-2"}
    paths = [
        write("a.nc", **options),
        write("b.nc", (3.5, 4.5), more=counting("up"), **options),
        write("c.nc", (5.5, 6.5), more=counting("down"), **options),
    ]
    with pytest.raises(DatasetInconsistent, match=r"hfls has positive 'up' in .*, 'down' in"):
        join(*paths)
    _, notes = join(*paths[:2])
    assert ["hfls has positive None in" in each for each in notes] == [True]


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (None, "time says no units and names no date"),
        ("days", "time has units 'days' and names no date"),
        ("", "time has no values"),
        ("days since 2000-01-01", ""),
    ],
)
def test_steps_without_dates_are_told(tmp_path, units, said):
    path = tmp_path / "tas.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        if units != "":
            time = file.createVariable("time", "f8", ("time",))
            time[:] = [1, 2, 3, 4]
            if units:
                time.units = units
        file.createVariable("tas", "f4", ("time",))[:] = np.zeros(4)
    joined = headers_joined([read_file(path)])
    assert [each.cause.startswith(said) for each in joined.notes] == ([True] if said else [])
