"""Fluxes that count in another direction than CMIP6 has them are told, and never turned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from climeri_platform.access import DatasetFiles, open_datasets
from climeri_platform.access.conversion import table
from climeri_platform.access.harmonise import harmonise
from climeri_platform.access.native import to_cmip
from climeri_platform.catalog.native import cmip_variables, native_table, native_tables


def of(name, **attributes):
    return xr.Dataset({name: ("time", np.array([80, -5], "f4"), {"units": "W m-2", **attributes})})


def told(dataset):
    out, steps = harmonise(dataset, {})
    assert out.identical(dataset)
    return steps


@pytest.mark.parametrize(
    ("name", "attributes", "counts"),
    [
        ("hfls", {"positive": "down"}, "down by its attribute positive = 'down', and CMIP6 up"),
        ("hfss", {"positive": " Down"}, "down by its attribute"),
        ("rlut", {"positive": "down"}, "down by its attribute"),
        ("rsut", {"positive": "down"}, "down by its attribute"),
        ("rsdt", {"positive": "up"}, "up by its attribute positive = 'up', and CMIP6 down"),
        ("rlds", {"positive": "up", "standard_name": "toa_incoming_shortwave_flux"}, "attribute"),
        ("nbp", {"positive": "up", "units": "kg m-2 s-1"}, "up by its attribute"),
        ("tauu", {"positive": "up", "units": "Pa"}, "up by its attribute"),
        ("hfls", {"standard_name": "surface_downward_latent_heat_flux"}, "down by its standard"),
        # a file that says both
        (
            "hfls",
            {"positive": "up", "standard_name": "surface_downward_latent_heat_flux"},
            "down by its standard name surface_downward_latent_heat_flux, and CMIP6 up",
        ),
        ("tauv", {"standard_name": "upward_northward_stress", "units": "Pa"}, "up by its standard"),
    ],
)
def test_another_direction_is_noted(name, attributes, counts):
    (step,) = told(of(name, **attributes))
    assert (step.fix, step.variable, step.kind) == ("directions", name, "noted")
    assert counts in step.said
    assert "its values are left" in step.said
    assert f"-ds[{name!r}]" in step.remedy


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("hfls", {}),
        ("hfls", {"positive": "up", "standard_name": "surface_upward_latent_heat_flux"}),
        ("rsdt", {"positive": "down", "standard_name": "toa_incoming_shortwave_flux"}),
        ("hfls", {"positive": ""}),
        ("hfls", {"positive": "yes"}),
        ("hfls", {"standard_name": "upward_minus_downward_flux"}),  # of which nothing is known
        ("flux", {"positive": "down"}),
        ("gpp", {"positive": "down", "units": "kg m-2 s-1"}),  # CMIP6 says nothing of it
    ],
)
def test_what_contradicts_nothing_is_not(name, attributes):
    assert told(of(name, **attributes)) == []


def test_the_report_of_a_file_says_it(tmp_path):
    path = tmp_path / "hfls.nc"
    of("hfls", positive="down").to_netcdf(path, engine="h5netcdf")
    opened = open_datasets([DatasetFiles("hfls", (str(path),))])
    (line,) = [each for each in opened.report.having("noted") if "hfls" in each.cause]
    assert line.cause.startswith("hfls: it counts down")
    assert "-ds['hfls'] counts up" in line.remedy
    assert opened["hfls"]["hfls"].values.tolist() == [80, -5]


@pytest.mark.parametrize("model", sorted(native_tables()))
def test_native_variables_are_cmip_s_when_they_are_looked_at(model):
    """Of all rows: what was turned by the table has CMIP's direction, whatever the file said."""
    count = 0
    for name, component in native_table(model).components.items():
        for native, row in component.variables.items():
            about = {"family": model, "component": name}
            for way in ({}, {"positive": "up"}, {"positive": "down"}):
                held = of(native, **{**way, "units": row.units or "1"})
                out, _ = to_cmip(held, about)
                steps = harmonise(out, {})[1]
                left = native in out.data_vars and "native_name" not in out[native].attrs
                assert left or not [each for each in steps if each.fix == "directions"], native
                count += not left
    assert count > 0


def test_both_tables_of_the_package_say_the_same():
    known = table()
    assert known.positive.keys() <= known.canonical.keys()
    assert {*known.positive.values()} == {*known.directions.values()} == {"up", "down"}
    both = {name: each for name, each in cmip_variables().items() if name in known.positive}
    assert len(both) > 15
    assert {name: each.positive for name, each in both.items()} == {
        name: known.positive[name] for name in both
    }
    beyond = {name for name, each in cmip_variables().items() if each.positive} - both.keys()
    assert beyond == {"rluscs"}  # which CMIP6 does not have


@pytest.mark.real_data
def test_directions_are_those_of_the_tables_of_cmip6(real_data):
    known: dict[str, set[str]] = {}
    words = table().directions
    folder = real_data / "esmvalcore/esmvalcore/cmor/tables/cmip6/Tables"
    for path in folder.glob("CMIP6_*.json"):
        for name, each in json.loads(path.read_text()).get("variable_entry", {}).items():
            if way := each.get("positive"):
                known.setdefault(each.get("out_name", name), set()).add(way)
                said = {words[word] for word in each["standard_name"].split("_") if word in words}
                assert said <= {way}, name
    assert known == {name: {way} for name, way in table().positive.items()}
