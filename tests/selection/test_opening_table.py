"""The cases in which openers of others were found to be wrong, each with the result that is right.

Versions mixed, holes hidden, good members refused, a whole key lost to one file: through
`Selection.open`, on trees of real files.
"""

from __future__ import annotations

from pathlib import Path

import dask
import netCDF4
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning, open_file
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import (
    DatasetInconsistent,
    FileUnreadable,
    GridMismatch,
    HoleInTime,
    UnknownValue,
    UsageError,
)

KEY = "CMIP.IPSL.{model}.historical.{member}.Amon.{variable}.gr"
R1 = KEY.format(model="M", member="r1i1p1f1", variable="tas")
TAS = KEY.replace(".{member}", "").format(model="M", variable="tas")


@pytest.fixture
def write(tmp_path):
    """Write the months of some years, with the number of each month since 1850 as its value."""

    def write(
        first,
        last,
        *,
        model="M",
        member="r1i1p1f1",
        version="v1",
        variable="tas",
        level=0.0,
        lat=(-45.0, 45.0),
        **attributes,
    ):
        path = (
            tmp_path
            / "CMIP6"
            / (
                f"CMIP/IPSL/{model}/historical/{member}/Amon/{variable}/gr/{version}/"
                f"{variable}_Amon_{model}_historical_{member}_gr_{first}01-{last}12.nc"
            )
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        months = np.arange(12 * (first - 1850), 12 * (last + 1 - 1850))
        with netCDF4.Dataset(path, "w") as file:
            file.setncatts({"tracking_id": f"hdl:{path.name}", **attributes})
            file.createDimension("time", None)
            file.createDimension("lat", len(lat))
            axis = file.createVariable("time", "f8", ("time",))
            axis.setncatts({"units": "days since 1850-01-01", "calendar": "360_day"})
            axis[:] = 30 * months + 15
            file.createVariable("lat", "f8", ("lat",))[:] = lat
            field = file.createVariable(variable, "f4", ("time", "lat"))
            field.units = "K"
            field[:] = np.repeat(level + months[:, None], len(lat), 1)
        return path

    return write


@pytest.fixture
def catalog(tmp_path):
    """Build the catalog of what was written, and open it."""

    def catalog():
        build_catalog("CMIP6", tmp_path / "CMIP6", store=tmp_path / "store")
        return open_catalog("CMIP6", store=tmp_path / "store")

    return catalog


def never(*_, **__):
    raise AssertionError("something was computed while datasets were opened")


def opened(selection, **options):
    with dask.config.set(scheduler=never):
        return selection.open(**options)


def notes(result):
    return [each.cause for each in result.report.having("noted")]


def years(dataset):
    found = dataset["time"].dt.year.values
    return found[0], found[-1], found.size


def test_a_partial_republication_is_not_mixed_and_what_it_left_out_is_told(write, catalog):
    for span in ((1850, 1859), (1860, 1869)):
        write(*span, version="v1", level=1000.0)
    write(1860, 1879, version="v2")
    with pytest.warns(IncompleteDataWarning, match="versions are not mixed"):
        result = opened(catalog())
    assert years(result[R1]) == (1860, 1879, 240)
    assert float(result[R1]["tas"].min()) == 120
    assert float(result[R1]["tas"].max()) == 359
    assert result[R1].attrs["climeri_version"] == "v2"
    (note,) = notes(result)
    assert note == (
        "a hole in time: v1 also has 185001 to 186912, v2 begins at 186001 and ends at 187912; "
        "versions are not mixed"
    )
    old = opened(catalog().search(version="v1"))
    assert (years(old[R1]), notes(old)) == ((1850, 1869, 240), [])


@pytest.mark.parametrize("switch", ["recall", "measures"])
def test_no_tape_is_read_for_a_word(write, catalog, switch):
    write(1850, 1859)
    with pytest.raises(UsageError, match=f"{switch}='no': it is True or False"):
        catalog().open(**{switch: "no"})


def test_a_hole_of_twenty_years_is_told_and_refused_where_asked(write, catalog):
    write(1850, 1859)
    write(1880, 1889)
    with pytest.warns(IncompleteDataWarning, match="a hole in time between 1859-12-16"):
        result = opened(catalog())
    assert years(result[R1]) == (1850, 1889, 240)
    with pytest.raises(HoleInTime, match=r"1859-12-16.* and 1880-01-16") as told:
        opened(catalog(), allow_gaps=False, on_error="raise")
    assert R1 in told.value.message
    assert "allow_gaps=True" in told.value.hint
    write(1850, 1859, member="r2i1p1f1")
    with pytest.warns(IncompleteDataWarning):
        result = opened(catalog(), allow_gaps=False)
    assert list(result) == [R1.replace("r1", "r2")]
    (line,) = result.report.having("skipped")
    assert line.dataset == R1
    assert line.cause.startswith("a hole in time between")


def test_two_identical_versions_are_one_dataset(write, catalog):
    write(1850, 1859, version="v1")
    write(1850, 1859, version="v2")
    result = opened(catalog())
    assert years(result[R1]) == (1850, 1859, 120)
    assert result.report.summary().startswith("1 dataset opened, 0 notes")


def test_members_with_other_file_splits_stack(write, catalog):
    for span in ((1850, 1859), (1860, 1869)):
        write(*span)
    write(1850, 1869, member="r2i1p1f1", level=1000.0)
    result = opened(catalog(), members="stack")
    assert list(result) == [TAS]
    tas = result[TAS]["tas"]
    assert tas.dims == ("member", "time", "lat")
    np.testing.assert_array_equal(tas[:, :, 0], [np.arange(240), 1000 + np.arange(240)])
    assert result.facets[TAS]["model"] == "M"


def test_a_shorter_member_cuts_all_or_is_padded_where_asked_and_either_is_told(write, catalog):
    write(1850, 1869)
    write(1850, 1859, member="r2i1p1f1")
    result = opened(catalog(), members="stack")
    assert years(result[TAS]) == (1850, 1859, 120)
    assert not result[TAS]["tas"].isnull().any()
    (note,) = notes(result)
    assert "cut to the common period 1850-01-16 to 1859-12-16" in note
    result = opened(catalog(), members="stack", pad=True)
    assert years(result[TAS]) == (1850, 1869, 240)
    assert float(result[TAS]["tas"].isnull().mean()) == 0.25
    (note,) = notes(result)
    assert "r2i1p1f1 (1850-01-16 to 1859-12-16, 120 steps filled with missing values)" in note


def test_branch_times_are_a_coordinate(write, catalog):
    for n in (1, 2, 10):
        write(1850, 1859, member=f"r{n}i1p1f1", branch_time_in_parent=3650.0 * n, source_id="M")
    dataset = opened(catalog(), members="stack")[TAS]
    assert dataset["member"].values.tolist() == ["r1i1p1f1", "r2i1p1f1", "r10i1p1f1"]
    assert dataset["branch_time_in_parent"].values.tolist() == [3650, 7300, 36500]
    assert "r10i1p1f1" in str(dataset["tracking_id"].values[2])
    assert dataset.attrs["source_id"] == "M"


@pytest.mark.parametrize("spoil", ["stale", "truncated"])
def test_a_stale_path_or_a_truncated_file_costs_that_file_and_is_named(write, catalog, spoil):
    for span in ((1850, 1859), (1860, 1869), (1870, 1879)):
        write(*span)
        write(*span, member="r2i1p1f1")
    selection = catalog()
    bad = Path(next(each for each in selection.paths() if "r2i1p1f1_gr_186001" in each))
    if spoil == "stale":
        bad.unlink()
    else:
        bad.write_bytes(bad.read_bytes()[:5000])
    with pytest.warns(IncompleteDataWarning, match=bad.name):
        result = opened(selection)
    (line,) = result.report.having("skipped")
    assert line.path == str(bad)
    assert line.remedy
    r2 = R1.replace("r1", "r2")
    assert [result[key].sizes["time"] for key in (R1, r2)] == [360, 240]
    assert any("a hole in time between 1859-12-16" in each for each in notes(result))
    with pytest.raises(FileUnreadable, match=bad.name):
        opened(selection, on_error="raise")
    with pytest.warns(IncompleteDataWarning):
        strict = opened(selection, allow_gaps=False)
    assert list(strict) == [R1]


def test_a_name_in_another_case_is_refused_with_the_right_one(write, catalog):
    write(1850, 1859)
    with pytest.raises(UnknownValue, match="source_id='m'") as told:
        catalog().search(source_id="m")
    assert "Did you mean M?" in told.value.hint


def test_files_that_repeat_a_period_are_resolved_by_the_rule(write, catalog):
    write(1850, 1859)
    write(1850, 1869)
    write(1868, 1879)
    result = opened(catalog())
    np.testing.assert_array_equal(result[R1]["tas"][:, 0], np.arange(360))
    assert len(notes(result)) == 2
    assert all(each.startswith("overlap in time") for each in notes(result))


def test_models_variables_and_members_in_one_call(write, catalog):
    for model, level in (("A", 0.0), ("B", 1000.0)):
        for variable in ("tas", "pr"):
            for member in ("r1i1p1f1", "r2i1p1f1"):
                write(1850, 1851, model=model, member=member, variable=variable, level=level)
    result = opened(catalog(), members="stack", merge=True)
    assert [tuple(each.data_vars) for each in result.values()] == [("pr", "tas")] * 2
    with dask.config.set(scheduler=never):
        dataset = result.to_dataset()
        tree = result.to_datatree()
    assert dataset["pr"].dims == ("model", "member", "time", "lat")
    assert dataset["tas"][:, 0, 0, 0].values.tolist() == [0, 1000]
    assert [node.path for node in tree.leaves] == ["/historical/A/Amon", "/historical/B/Amon"]


def test_members_on_other_grids_stay_apart_and_are_told(write, catalog):
    write(1850, 1851)
    write(1850, 1851, member="r2i1p1f1", lat=(-60.0, 0.0, 60.0))
    result = opened(catalog(), members="stack")
    assert list(result) == [R1, R1.replace("r1", "r2")]
    (note,) = notes(result)
    assert note.startswith("its members do not stack: 1 of 2 are on another grid than r1i1p1f1")
    with pytest.raises(GridMismatch, match="its members do not stack"):
        opened(catalog(), members="stack", on_error="raise")
    with pytest.raises(GridMismatch, match="r2i1p1f1"):
        result.to_dataset("member")
    with pytest.raises(UsageError, match="members='together'"):
        opened(catalog(), members="together")


def test_putting_models_together_is_told_in_the_report(write, catalog):
    write(1850, 1859, model="A")
    write(1855, 1864, model="B")
    result = opened(catalog())
    assert result.to_dataset().sizes["time"] == 60
    assert "cut to the common period 1855-01-16 to 1859-12-16" in notes(result)[0]
    assert result.to_dataset(pad=True).sizes["time"] == 180
    write(1900, 1901, model="C")
    apart = opened(catalog())
    with pytest.raises(DatasetInconsistent, match="no time in common"):
        apart.to_dataset()


def test_all_catalogs_together_take_the_same_options(write, tmp_path):
    for member in ("r1i1p1f1", "r2i1p1f1"):
        write(1850, 1851, member=member)
    build_catalog("CMIP6", tmp_path / "CMIP6", store=tmp_path / "store")
    found = open_catalog(store=tmp_path / "store").search(variable="tas", model="M")
    result = opened(found, members="stack", pad=True, merge=True, allow_gaps=False)
    assert list(result) == [f"CMIP6:{TAS}"]
    assert result.facets[f"CMIP6:{TAS}"]["family"] == "CMIP6"
    assert result.to_dataset()["model"].values.tolist() == ["M"]


def test_what_was_stacked_can_be_written_and_read_again(write, catalog, tmp_path):
    write(1850, 1859, branch_time_in_parent=1.0)
    write(1850, 1854, member="r2i1p1f1", branch_time_in_parent=2.0, level=1000.0)
    result = opened(catalog(), members="stack", pad=True)[TAS]
    result.to_netcdf(tmp_path / "out.nc", engine="h5netcdf")
    with open_file(tmp_path / "out.nc") as again:
        np.testing.assert_array_equal(again["tas"], result["tas"])
        np.testing.assert_array_equal(again["time"], result["time"])
        assert again["branch_time_in_parent"].values.tolist() == [1, 2]
        assert (
            again["tracking_id"].values.astype(str).tolist()
            == result["tracking_id"].values.tolist()
        )
    result.close()


@pytest.mark.real_data
def test_real_models_on_one_grid_stand_beside_each_other(real_data, tmp_path):
    top = real_data / "esmvaltool-sample/esmvaltool_sample_data/data/timeseries/CMIP6"
    build_catalog("CMIP6", top, store=tmp_path / "store")
    found = open_catalog("CMIP6", store=tmp_path / "store").search(table="Amon", variable="ta")
    result = opened(found)
    with pytest.raises(GridMismatch) as told, dask.config.set(scheduler=never):
        result.to_dataset()
    assert told.value.message.startswith("17 of 24 are on another grid than CESM2 and 6 others: ")
    named = [each for each in result.facets.values() if each["model"] in told.value.message]
    assert len(named) >= 18
    models = ["CESM2", "CIESM", "NorESM2-MM", "TaiESM1"]
    some = opened(found.search(model=models))
    with dask.config.set(scheduler=never):
        dataset = some.to_dataset()
    assert dataset["model"].values.tolist() == models
    assert dataset["branch_time_in_parent"].dims == ("model",)
    assert dataset.sizes["time"] == 780
    for key, alone in some.items():
        own = alone["ta"].sel(time=slice("1950-01", "2014-12")).values
        np.testing.assert_array_equal(dataset["ta"].sel(model=some.facets[key]["model"]), own)
