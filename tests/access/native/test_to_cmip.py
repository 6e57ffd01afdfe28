"""Names, numbers and coordinates of native files become those of CMIP."""

from __future__ import annotations

import re

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from climeri_platform.access import open_file
from climeri_platform.access.native import only, to_cmip
from climeri_platform.catalog.native import native_table, native_tables
from climeri_platform.core.errors import FileUnreadable

ATM = {"family": "libIGCM", "component": "ATM"}
OCE = {"family": "libIGCM", "component": "OCE"}
ICE = {"family": "libIGCM", "component": "ICE"}


def step(steps, variable):
    (found,) = [each for each in steps if each.variable == variable]
    return found


@pytest.mark.parametrize(
    ("about", "native_name", "attrs", "expected"),
    [
        (ATM, "t2m", {"units": "K", "value": 280.0}, ("tas", "K", 280.0)),
        (ATM, "flat", {"units": "W/m2"}, ("hfls", "W m-2", -2.0)),
        (ATM, "sens", {"units": "W/m2"}, ("hfss", "W m-2", -2.0)),
        (ATM, "cldt", {"units": "-", "value": 0.5}, ("clt", "%", 50.0)),
        (ATM, "cldt", {"units": "1", "value": 0.5}, ("clt", "%", 50.0)),
        (ATM, "cldt", {"value": 0.5}, ("clt", "%", 50.0)),
        (ATM, "cldt", {"units": "%", "value": 50.0}, ("clt", "%", 50.0)),  # the file goes first
        (ATM, "cldl", {"units": "-", "value": 0.5}, ("cldl", "%", 50.0)),
        (ATM, "precip", {"units": "kg/(s*m2)"}, ("pr", "kg m-2 s-1", 2.0)),
        (ATM, "slp", {"units": "hPa", "value": 1000.0}, ("psl", "Pa", 1e5)),
        (ATM, "topl", {"units": "W/m2"}, ("rlut", "W m-2", 2.0)),
        (ATM, "geop", {"units": "m2/s2", "value": 9.80665}, ("zg", "m", 1.0)),
        (ATM, "geop", {"units": "m", "value": 9.0}, ("zg", "m", 9.0)),
        (OCE, "tos", {"units": "degC", "value": 10.0}, ("tos", "degC", 10.0)),
        (OCE, "tos", {"units": "K", "value": 283.15}, ("tos", "degC", 10.0)),
        (OCE, "votemper", {"units": "C", "value": 10.0}, (None, "C", 10.0)),
        (OCE, "sosstsst", {"units": "degree_C", "value": 10.0}, ("tos", "degC", 10.0)),
        (OCE, "vosaline", {"units": "psu", "value": 35.0}, ("so", "0.001", 35.0)),
        (OCE, "hc300", {"units": "J/m2", "value": 1e9}, ("hc300", "J m-2", 1e9)),
        (ICE, "siconc", {"units": "", "value": 0.25}, ("siconc", "%", 25.0)),
        (ICE, "siconc", {"units": "%", "value": 25.0}, ("siconc", "%", 25.0)),
        (dict(ICE, component="MBG"), "NO3", {"units": "mmol/m3"}, ("no3", "mol m-3", 0.002)),
        (dict(ICE, component="BGC"), "NO3", {"units": "mol/m3"}, ("no3", "mol m-3", 2.0)),
        (dict(ICE, component="MBG"), "NO3", {}, (None, None, 2.0)),  # models differ in them
        (
            dict(ICE, component="SRF"),
            "runoff",
            {"units": "mm/d"},
            ("mrros", "kg m-2 s-1", 2 / 86400),
        ),
        (dict(ICE, component="SRF"), "runoff", {"units": "mm/s"}, ("mrros", "kg m-2 s-1", 2.0)),
        (dict(ICE, component="SRF"), "runoff", {"units": "kg/m^2/s"}, ("mrros", "kg m-2 s-1", 2.0)),
        (dict(ICE, component="SRF"), "snow", {"units": "kg/m2"}, ("snw", "kg m-2", 2.0)),
        (dict(ICE, component="SBG"), "gpp", {"units": "gC/m^2/s"}, ("gpp", "kg m-2 s-1", 0.002)),
        (
            OCE,
            "toce",
            {"units": "degC", "standard_name": "sea_water_conservative_temperature"},
            (None, "degC", 2.0),
        ),
        (
            OCE,
            "toce",
            {"units": "degC", "standard_name": "sea_water_potential_temperature"},
            ("thetao", "degC", 2.0),
        ),
        (ATM, "t2m", {"units": "W m-2"}, (None, "W m-2", 2.0)),
        (ATM, "t2m", {"units": "warm"}, (None, "warm", 2.0)),
    ],
)
def test_one_variable(native, about, native_name, attrs, expected):
    variable, units, value = expected
    made, steps = to_cmip(native({native_name: attrs}), about)
    name = variable or native_name
    assert [n for n, each in made.data_vars.items() if {"y", "x"} <= set(each.dims)] == [name]
    field = made[name]
    assert field.dtype == "float32"
    assert field.attrs.get("units") == units
    np.testing.assert_allclose(field, np.float32(value), rtol=3e-7)
    said = [
        each for each in steps if each.fix == ("native names" if variable else "kept as native")
    ]
    if variable is None:
        assert "is not taken for" in said[0].said
        assert said[0].kind == "noted"
        return
    row = field.attrs
    assert (
        row["native_name"],
        row["native_factor"] * attrs.get("value", 2.0) + row["native_offset"],
    ) == (
        native_name,
        pytest.approx(value),
    )
    if (row["native_factor"], row["native_offset"]) != (1.0, 0.0):
        assert (said[0].factor, said[0].offset) == (row["native_factor"], row["native_offset"])
        assert said[0].kind == "numbers"


@pytest.mark.parametrize("table", native_tables())
def test_each_row_of_each_table_does_what_it_says(table):
    for component, its in native_table(table).components.items():
        for name, row in its.variables.items():
            units = row.units or row.cmip.units
            field = xr.DataArray(
                np.full((2, 2), 3.0, "f4"), dims=("y", "x"), attrs={"units": units}
            )
            about = {
                "family": table,
                "component": component,
                "frequency": next(iter(row.frequencies), "mon"),
            }
            made, steps = to_cmip(xr.Dataset({name: field.chunk()}), about)
            found = made[row.variable]
            np.testing.assert_allclose(
                found, np.float32(row.factor * 3 + row.offset), rtol=1e-6, err_msg=name
            )
            assert found.dtype == "float32"
            assert found.attrs["units"] == row.cmip.units
            assert found.attrs.get("positive") == row.cmip.positive
            scaled = [
                each for each in steps if (each.fix, each.kind) == ("native names", "numbers")
            ]
            assert [each.native_name for each in scaled] == (
                [name] if (row.factor, row.offset) != (1.0, 0.0) else []
            )


@pytest.mark.parametrize(
    ("own", "factor"), [({}, -1.0), ({"positive": "down"}, -1.0), ({"positive": "up"}, 1.0)]
)
def test_the_direction_that_a_file_states_goes_first(native, own, factor):
    made, steps = to_cmip(native({"sens": {"units": "W/m2", **own}}), ATM)
    assert made["hfss"].attrs["positive"] == "up"
    assert float(made["hfss"][0, 0, 0]) == 2.0 * factor
    found = step(steps, "hfss")
    assert found.factor == factor
    assert ("the file says" in found.said) == (factor > 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    st.sampled_from([("degC", 1.0, 273.15), ("K", 1.0, 0.0), ("degree_C", 1.0, 273.15)]),
    st.sampled_from(["f4", "f8", "i2", "i4"]),
    st.integers(-80, 60),
)
def test_any_units_and_any_type_give_the_same_temperature(units, kind, value):
    field = xr.DataArray(
        np.full((2, 2), value, kind), dims=("y", "x"), attrs={"units": units[0]}
    ).chunk()
    made, _ = to_cmip(xr.Dataset({"t2m": field}), ATM)
    assert made["tas"].dtype == ("float64" if kind in ("f8", "i4") and units[2] else
                                 "float32" if units[2] else kind)  # fmt: skip
    np.testing.assert_allclose(made["tas"], value * units[1] + units[2], rtol=1e-6)


def test_missing_values_stay_missing_and_limits_of_values_go(native, tmp_path):
    limits = {"valid_min": np.float32(0.0), "valid_max": np.float32(1.0)}

    def miss(file):
        field = file.createVariable("cldt", "f4", ("time_counter", "y", "x"), fill_value=1e20)
        field.setncatts({"units": "1", **limits})
        field[:] = np.ma.masked_equal([[[0.5, 9.0, 0.5], [0.5, 0.5, 0.5]]] * 3, 9.0)

    made, _ = to_cmip(native({}, more=miss), ATM)
    assert made["clt"].isnull().sum() == 3
    assert float(made["clt"].max()) == 50.0
    assert not {*limits} & {*made["clt"].attrs, *made["clt"].encoding}
    made.to_netcdf(tmp_path / "again.nc")
    with netCDF4.Dataset(tmp_path / "again.nc") as file:  # no value in % is that large
        assert file["clt"].getncattr("_FillValue") == np.float32(1e20)
        assert file["clt"][:].mask.sum() == 3


def test_packed_values_are_unpacked_once(native, tmp_path):
    def packed(file):
        field = file.createVariable("cldt", "i2", ("time_counter", "y", "x"))
        field.setncatts({"units": "1", "scale_factor": 0.001, "add_offset": 0.25})
        field[:] = 0.75

    made, _ = to_cmip(native({}, more=packed), ATM)
    np.testing.assert_allclose(made["clt"], 75.0, rtol=1e-5)
    made.to_netcdf(tmp_path / "again.nc", engine="h5netcdf")
    np.testing.assert_allclose(open_file(tmp_path / "again.nc")["clt"], 75.0, rtol=1e-5)


@pytest.mark.parametrize("levels", ["deptht", "depthu", "depthv", "depthw", "olevel"])
def test_depths_are_lev_downward_in_metres(native, levels):
    made, steps = to_cmip(native({"thetao": {"units": "degC"}}, levels=levels), OCE)
    lev = made["lev"]
    assert lev.values.tolist() == [5.0, 15.0, 30.0, 60.0]
    assert {"units": "m", "positive": "down", "native_name": levels}.items() <= lev.attrs.items()
    assert made[lev.attrs["bounds"]].dims == ("lev", "bnds")
    assert made["thetao"].dims == ("time", "lev", "y", "x")
    assert step(steps, "lev").said == f"{levels} is lev, its bounds {levels}_bounds are lev_bnds"


def test_levels_of_the_model_are_no_levels_of_pressure(native):
    made, _ = to_cmip(native({"temp": {"units": "K"}}, levels="presnivs"), ATM)
    assert made["ta"].dims == ("time", "lev", "y", "x")
    assert "plev" not in made.variables
    assert {"native_name": "presnivs", "units": "Pa", "positive": "down"}.items() <= made[
        "lev"
    ].attrs.items()
    assert "nominal" in made["lev"].attrs["comment"]


def test_places_are_lat_and_lon(native):
    made, steps = to_cmip(native({"tos": {"units": "degC"}}), OCE)
    assert (made["lat"].dims, made["lon"].dims) == (("y", "x"), ("y", "x"))
    assert made["lat"].attrs["standard_name"] == "latitude"
    assert "coordinates" not in made["tos"].encoding
    assert step(steps, "lat").native_name == "nav_lat"


def test_a_file_with_both_keeps_the_one_that_has_the_name(native):
    def regular(file):
        for name, size in (("y", 2), ("x", 3)):
            file.renameDimension(name, {"y": "lat", "x": "lon"}[name])
            axis = file.createVariable(
                {"y": "lat", "x": "lon"}[name], "f4", ({"y": "lat", "x": "lon"}[name],)
            )
            axis[:] = np.arange(size)

    made, steps = to_cmip(
        native({"runoff": {"units": "mm/d"}}, more=regular), dict(ATM, component="SRF")
    )
    assert made["mrros"].dims == ("time", "lat", "lon")
    assert made["lat"].dims == ("lat",)
    assert "beside it" in step(steps, "nav_lat").said


def test_two_natives_of_one_name_are_not_mixed(native):
    made, steps = to_cmip(
        native({"mldr10_1": {"units": "m"}, "somx3010": {"units": "m", "value": 3.0}}), OCE
    )
    assert float(made["mlotst"][0, 0, 0]) == 2.0
    assert float(made["somx3010"][0, 0, 0]) == 3.0
    assert "there is a mlotst beside it" in step(steps, "somx3010").said


def test_a_name_of_cmip_in_the_file_is_not_replaced(native):
    made, _ = to_cmip(native({"tas": {"units": "K", "value": 1.0}, "t2m": {"units": "K"}}), ATM)
    assert float(made["tas"][0, 0, 0]) == 1.0
    assert float(made["t2m"][0, 0, 0]) == 2.0


@pytest.mark.parametrize(
    ("frequency", "name"), [("day", "tasmin"), ("mon", "t2m_min"), ("", "tasmin")]
)
def test_the_lowest_of_a_month_is_no_tasmin(native, frequency, name):
    made, steps = to_cmip(native({"t2m_min": {"units": "K"}}), dict(ATM, frequency=frequency))
    assert name in made.data_vars
    if frequency == "mon":
        assert "at the frequency day only" in step(steps, "t2m_min").said


def test_what_is_given_by_type_of_vegetation_keeps_its_name(native):
    def types(file):
        file.createDimension("veget", 15)
        file.createVariable("gpp", "f4", ("time_counter", "veget", "y", "x")).units = "gC/m^2/s"

    made, steps = to_cmip(native({}, more=types), dict(ATM, component="SRF"))
    assert made["gpp"].attrs == {"units": "gC/m^2/s"}
    assert "type of vegetation" in step(steps, "gpp").said


def test_one_name_in_two_components_is_two_things(native):
    dataset = native({"snow": {"units": "kg/(s*m2)"}})
    assert "prsn" in to_cmip(dataset, ATM)[0]
    assert "snow" in to_cmip(dataset, dict(ATM, component="SRF"))[0]  # not a mass on the ground
    assert "snow" in to_cmip(dataset, {"family": "libIGCM"})[0]


def test_the_overturning_of_basins_is_one_variable(native):
    fields = {
        "zomsfglo": {"units": "Sv", "value": 10.0},
        "zomsfatl": {"units": "Sv", "value": 17.0},
    }
    made, steps = to_cmip(native(fields, levels="depthw"), OCE)
    msf = made["msftyz"]
    assert msf.dims == ("time", "basin", "lev", "y", "x")
    assert msf.attrs["units"] == "kg s-1"
    assert made["sector"].values.tolist() == ["global_ocean", "atlantic_arctic_ocean"]
    np.testing.assert_allclose(msf[0, :, 0, 0, 0], [10 * 1.026e9, 17 * 1.026e9], rtol=1e-6)
    assert all("1026 kg m-3" in each.said for each in steps if each.variable == "msftyz")


def test_ice_of_gelato_has_no_concentration_of_1e20(native):
    fields = {"sic": {"units": "%", "value": np.array([[[1e20, 50, 50], [50, 50, 1e20]]] * 3)}}
    about = {"family": "CNRM", "component": "I"}
    made, steps = to_cmip(native(fields), about)
    assert made["siconc"].isnull().sum() == 6
    assert float(made["siconc"].max()) == 50.0
    assert (
        "does not declare"
        in step([s for s in steps if s.fix.startswith("undeclared")], "siconc").said
    )


def test_what_dr2xml_writes_keeps_names_and_numbers_and_gets_axes(native):
    fields = {"siconc": {"units": "1"}, "flat": {"units": "W/m2"}}
    about = dict(ICE, table_id="SImon")
    made, _ = to_cmip(native(fields, levels="olevel"), about)
    assert float(made["siconc"].max()) == 2.0
    assert {"lat", "lon", "lev", "time"} <= {*made.coords}


def test_era5_and_eobs_go_by_their_tables(native):
    made, _ = to_cmip(
        native({"sst": {"units": "K", "value": 283.15}, "ci": {"value": 0.5}}), {"family": "ERA5"}
    )
    assert float(made["tos"][0, 0, 0]) == pytest.approx(10.0, abs=2e-5)
    assert float(made["siconc"][0, 0, 0]) == 50.0
    made, _ = to_cmip(native({"tg": {"units": "Celsius"}}), {"family": "E-OBS"})
    assert float(made["tas"][0, 0, 0]) == pytest.approx(275.15)


def test_a_family_without_a_table_is_left_alone(native):
    dataset = native({"t2m": {"units": "degC"}})
    for about in ({"family": "CMIP6"}, {}):
        made, steps = to_cmip(dataset, about)
        assert made is dataset
        assert steps == []


def test_the_variable_that_was_asked_for_and_what_belongs_to_it(native):
    fields = {
        "t2m": {"units": "K"},
        "precip": {"units": "kg/(s*m2)"},
        "aire": {"units": "m2", "dims": ("y", "x")},
    }
    for name in ("tas", "t2m"):
        made, steps = to_cmip(native(fields), dict(ATM, variable=name))
        assert {*made.data_vars} == {"tas", "areacella"}
        assert {"time", "lat", "lon"} <= {*made.coords}
    made, steps = to_cmip(native(fields), dict(ATM, variable="psl"))
    assert {"tas", "pr"} <= {*made.data_vars}
    assert step(steps, "psl").said == "there is no psl in it; it holds tas, pr, areacella"
    assert {*only(made, ["pr", "tas", "none"]).data_vars} == {"pr", "tas", "areacella"}
    assert not only(made, ["none"]).data_vars


@pytest.mark.usefixtures("lazily")
def test_nothing_is_computed(native):
    fields = {name: {"units": "W/m2"} for name in ("sens", "flat", "topl", "SWdnSFC")}
    made, _ = to_cmip(native(fields), ATM)
    assert all(made[name].chunks for name in ("hfss", "hfls", "rlut", "rsds"))
    with pytest.raises(AssertionError, match="computed"):
        made["hfss"].load()


@pytest.mark.usefixtures("lazily")
@pytest.mark.parametrize(
    "about", [ATM, ATM | {"frequency": "monClim", "start": "195001010000", "end": "199912312359"}]
)
def test_the_dataset_that_was_given_is_not_changed(native, about):
    fields = {"sens": {"units": "W/m2", "cell_methods": "time: mean"}, "aire": {"units": "m2"}}
    dataset = native(fields, levels="presnivs", steps=12)

    def held():
        return {
            name: (each.dims, dict(each.attrs), dict(each.encoding))
            for name, each in dataset.variables.items()
        }

    before, encoding = held(), dict(dataset.encoding)
    to_cmip(dataset, about)
    assert held() == before
    assert (dataset.attrs, dataset.encoding) == ({}, encoding)


REAL = {
    "nemo-native": (OCE, 35, {"thetao", "so", "uo", "vo", "wo", "tos", "thkcello"}),
    "cnrm-native": ({"family": "CNRM", "component": "A"}, 3, {"tas", "uas"}),
    "esmvalcore": ({"family": "CNRM", "component": "A"}, 8, {"cl", "ta", "tas", "TREFHT"}),
}


@pytest.mark.real_data
@pytest.mark.usefixtures("lazily")
@pytest.mark.parametrize("folder", REAL)
def test_real_files_open_with_true_notes(real_data, folder):
    about, expected, variables = REAL[folder]
    count, found = 0, set()
    for path in sorted((real_data / folder).rglob("*.nc")):
        try:
            dataset = open_file(path)
        except FileUnreadable:  # links that were stored as text, and months since
            continue
        made, steps = to_cmip(dataset, about)
        count += 1
        found |= {*map(str, made.data_vars)}
        assert not {"nav_lat", "nav_lon", "deptht", "depthu", "depthv", "depthw"} & {
            *made.variables
        }
        for each in steps:
            assert each.variable in made.variables, (path, each)
            if each.native_name and each.native_name != each.variable:
                assert each.native_name in dataset.variables
                assert each.native_name not in made.variables, (path, each)
            assert (each.fix, each.kind) != (
                "native names",
                "numbers",
            )  # all of them are in CMIP's units
        kept = {*map(str, dataset.variables)} & {*map(str, made.variables)}
        for name in kept:
            assert made[name].dtype == dataset[name].dtype
        moved = {each.native_name for each in steps} | {
            word for each in steps for word in re.split("[ ,;]+", each.said)
        }
        gone = {*map(str, dataset.variables)} - kept
        assert gone <= moved, path
    assert count == expected
    assert variables <= found
