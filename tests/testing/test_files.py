"""Names, attributes and axes of the files are those of the real archives."""

import re

import cftime
import netCDF4
import pytest

from climeri_platform.testing import ARCHIVE_ROOTS


def attributes(path):
    with netCDF4.Dataset(path) as dataset:
        return {key: dataset.getncattr(key) for key in dataset.ncattrs()}


def edges(path):
    """First and last day of a file, in its own calendar; the last is the day before the end."""
    with netCDF4.Dataset(path) as dataset:
        time = dataset["time" if "time" in dataset.variables else "time_counter"]
        bounds = dataset[time.bounds][:]
        first = cftime.num2date(bounds[0, 0], time.units, time.calendar)
        unit = 1.0 if time.units.startswith("days") else 86400.0
        last = cftime.num2date(bounds[-1, 1] - unit, time.units, time.calendar)
    return first, last


def test_every_family_has_its_root(root):
    for folder in ARCHIVE_ROOTS.values():
        assert list((root / folder).rglob("*.nc")), folder


def test_cmip6_paths_and_attributes_agree(root):
    paths = list((root / "CMIP6").rglob("*.nc"))
    for path in paths:
        activity, institution, source, experiment, member, table, variable, grid, version = (
            path.relative_to(root / "CMIP6").parts[:-1]
        )
        held = attributes(path)
        stem = f"{variable}_{table}_{source}_{experiment}_{member}_{grid}"
        assert path.name.startswith(stem)
        assert re.fullmatch(r"v\d{8}", version)
        assert institution == held["institution_id"] == "DEMO"
        assert (activity, source) == (held["activity_id"], held["source_id"])
        assert (experiment, member) == (held["experiment_id"], held["variant_label"])
        assert (table, variable, grid) == (
            held["table_id"],
            held["variable_id"],
            held["grid_label"],
        )
        indices = "r{realization_index}i{initialization_index}p{physics_index}f{forcing_index}"
        assert indices.format(**held) == member
        assert held["synthetic"].startswith("true")


def test_periods_in_names_are_those_of_the_time_axis(root):
    checked = 0
    for path in root.rglob("*.nc"):
        period = re.search(r"_(\d{6}|\d{8})[-_](\d{6}|\d{8})(?:\.nc|_1M)", path.name)
        if period is None:
            continue
        first, last = edges(path)
        form = "%Y%m%d" if len(period[1]) == 8 else "%Y%m"
        assert first.strftime(form).zfill(len(period[1])) == period[1], path.name
        assert last.strftime(form).zfill(len(period[2])) == period[2], path.name
        checked += 1
    assert checked > 40


def test_three_calendars_and_different_units(root):
    calendars, units = set(), set()
    for path in (root / "CMIP6").rglob("tas_Amon_*.nc"):
        with netCDF4.Dataset(path) as dataset:
            calendars.add(dataset["time"].calendar)
            units.add(dataset["time"].units)
    assert calendars == {"standard", "noleap", "360_day"}
    assert len(units) == 3


def test_handles_are_unique_and_every_file_is_marked_synthetic(root):
    handles = []
    for path in root.rglob("*.nc"):
        held = attributes(path)
        assert held["synthetic"].startswith("true"), path
        handles.append(held.get("tracking_id") or held["uuid"])
        for value in held.values():
            assert str(root) not in str(value)
    assert len(set(handles)) == len(handles)


def test_nothing_half_written_is_left(root):
    assert not [path.name for path in root.rglob(".*")]


def test_branch_times_and_the_one_that_is_wrong(root, truth):
    wrong = []
    for run, told in truth["branch"].items():
        path = next(root.glob(f"CMIP6/*/DEMO/{run.replace('.', '/')}/Amon/tas/**/v20210101/*.nc"))
        held = attributes(path)
        parent = f"{held['parent_source_id']}.{held['parent_experiment_id']}"
        assert f"{parent}.{held['parent_variant_label']}" == told["parent"]
        assert held["parent_time_units"] == told["units"]
        assert held["branch_time_in_parent"] == told["in_parent"]
        assert held["branch_time_in_child"] == told["in_child"]
        date = cftime.num2date(held["branch_time_in_parent"], told["units"], told["calendar"])
        right = (date.year, date.month, date.day) == (told["parent_year"], 1, 1)
        assert right is not told["wrong_on_purpose"]
        if told["wrong_on_purpose"]:
            wrong.append(run)
    assert wrong == ["BORA-ESM1.historical.r2i1p1f1"]
    assert any(told["in_parent"] != 0.0 for told in truth["branch"].values())


def test_a_control_has_no_parent(root):
    held = attributes(next(root.glob("CMIP6/**/piControl/**/tas_*.nc")))
    assert held["parent_experiment_id"] == "no parent"


def test_two_versions_stand_side_by_side(root, truth):
    (name,) = truth["versions"]
    run, table, variable = name.rsplit(".", 2)
    folder = next(root.glob(f"CMIP6/*/DEMO/{run.replace('.', '/')}/{table}/{variable}/gn"))
    assert sorted(each.name for each in folder.iterdir()) == ["v20200101", "v20210101"]


def test_cordex_names(root):
    for path in (root / "CORDEX").rglob("*.nc"):
        product, domain, institute, driver, experiment, ensemble, rcm, version, frequency, name = (
            path.relative_to(root / "CORDEX").parts[:10]
        )
        assert (product, institute) == ("output", "DEMO")
        stem = f"{name}_{domain}_{driver}_{experiment}_{ensemble}_{rcm}_{version}_{frequency}_"
        assert path.name.startswith(stem)
        held = attributes(path)
        assert held["driving_model_id"] == driver
        with netCDF4.Dataset(path) as dataset:
            mapping = dataset[dataset[name].grid_mapping]
            assert mapping.grid_mapping_name == "rotated_latitude_longitude"


def test_xios_files_know_nothing_of_the_experiment(root):
    for path in (root / "IGCM_OUT").rglob("*.nc"):
        held = attributes(path)
        assert "experiment_id" not in held
        assert held["Conventions"] == "CF-1.6"
        assert path.name.startswith(held["name"].rsplit("/", 1)[1])
    with netCDF4.Dataset(next(root.glob("IGCM_OUT/**/*_t2m.nc"))) as dataset:
        assert dataset["lat"][0] == 90.0
        assert dataset["time_centered"].standard_name == dataset["time_counter"].standard_name


def test_the_card_of_the_job(root):
    text = next(root.glob("IGCM_OUT/*/*/*/*/config.card")).read_text(encoding="utf-8")
    for line in ("[UserChoices]", "JobName=CM6-DEMO-hist.01", "TagName=IPSLCM6", "SpaceName=PROD"):
        assert line in text.splitlines()


@pytest.mark.parametrize("variable", ["tas", "pr", "tos"])
def test_variables_carry_what_cf_asks(root, variable):
    with netCDF4.Dataset(next(root.glob(f"CMIP6/**/{variable}_?mon_AUTAN*.nc"))) as dataset:
        held = dataset[variable]
        for key in ("standard_name", "long_name", "units", "cell_methods", "cell_measures"):
            assert held.getncattr(key)
        assert held._FillValue == held.missing_value
