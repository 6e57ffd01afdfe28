"""The tables of native variables: what they hold is checked, against CMIP's tables too."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from climeri_platform.access.conversion import is_unit, linear
from climeri_platform.catalog import native
from climeri_platform.catalog.native import (
    NativeTable,
    NativeVariable,
    cmip_variables,
    native_table,
    native_tables,
)
from climeri_platform.core.errors import UnknownFamily

ROWS = [
    (table, component, name, row)
    for table in native_tables()
    for component, its in native_table(table).components.items()
    for name, row in its.variables.items()
]
NAMES = [".".join(each[:3]) for each in ROWS]


@pytest.mark.parametrize(("table", "component", "name", "row"), ROWS, ids=NAMES)
def test_a_factor_follows_from_the_units_or_a_note_says_from_what(table, component, name, row):
    if row.units is None:
        assert is_unit(row.cmip.units)
        return
    found = linear(row.units, row.cmip.units)
    if found is None:  # a mass of a volume, or a height of a potential
        assert row.note or (row.factor, row.units) == (1.0, "mm")
    else:
        assert (row.sign * row.factor, row.sign * row.offset) == pytest.approx(found)


# archives.md and the two published maps, by what the field says they mean
@pytest.mark.parametrize(
    ("component", "name", "expected"),
    [
        ("ATM", "t2m", ("tas", 1, 0)),
        ("ATM", "flat", ("hfls", -1, 0)),
        ("ATM", "sens", ("hfss", -1, 0)),
        ("ATM", "cldt", ("clt", 100, 0)),
        ("ATM", "precip", ("pr", 1, 0)),
        ("ATM", "topl", ("rlut", 1, 0)),
        ("ATM", "SWdnSFCclr", ("rsdscs", 1, 0)),
        ("ATM", "snow", ("prsn", 1, 0)),
        ("SRF", "snow", ("snw", 1, 0)),
        ("SRF", "runoff", ("mrros", 1 / 86400, 0)),
        ("OCE", "sosstsst", ("tos", 1, 0)),
        ("OCE", "tos", ("tos", 1, 0)),
        ("OCE", "zomsfatl", ("msftyz", 1.026e9, 0)),
        ("ICE", "siconc", ("siconc", 100, 0)),
        ("ICE", "sithic", ("sithick", 1, 0)),
    ],
)
def test_ipsl_is_what_its_people_know(component, name, expected):
    row = native_table("libIGCM").rows(component)[name]
    assert (row.variable, row.factor, row.offset) == (
        expected[0],
        pytest.approx(expected[1], rel=1e-7),
        expected[2],
    )


def test_rows_of_a_component_that_is_not_known_are_none():
    table = native_table("libIGCM")
    assert table.rows("CPL") == table.rows(None) == {}
    assert native_table("ERA5").rows(None)["sst"].offset == -273.15
    assert native_table("CNRM").rows("Seaice") == native_table("CNRM").rows("I")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"variable": "nothing"}, "not in cmip-variables"),
        ({"variable": "tas", "units": "K", "factor": 0}, "factor is 0"),
        ({"variable": "tas", "factor": 2}, "without the units"),
        ({"variable": "tas", "units": "K", "positive": "up"}, "no direction"),
        ({"variable": "hfls", "units": "W m-2", "positive": "down"}, "contradicts"),
        ({"variable": "hfls", "units": "W m-2", "factor": -1}, "contradicts"),
        ({"variable": "tas", "unit": "K"}, "Extra inputs"),
        ({"variable": "tas", "units": "K", "factor": float("nan")}, "finite"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(row, said):
    with pytest.raises(ValidationError, match=said):
        NativeVariable.model_validate(row)


def test_a_source_must_be_named():
    row = {"variable": "tas", "units": "K", "source": "hearsay"}
    table = {
        "sources": {"a": "A"},
        "components": {"ATM": {"source": "a", "variables": {"t2m": row}}},
    }
    with pytest.raises(ValidationError, match="no such source: hearsay"):
        NativeTable.model_validate(table)


@pytest.mark.parametrize("damage", ["t2m: tas\n", "components: [", "\xff"])
def test_a_table_that_is_not_valid_is_told(tmp_path, monkeypatch, damage):
    shutil.copytree(native.data_path("catalogs"), tmp_path / "catalogs")
    (tmp_path / "catalogs/variables/libIGCM.yaml").write_text(damage, encoding="latin-1")
    monkeypatch.setattr(native, "data_path", lambda name: tmp_path / name)
    with pytest.raises(UnknownFamily, match="is not valid"):
        native_table.__wrapped__("libIGCM")


@pytest.mark.real_data
def test_what_it_says_of_cmip_is_what_the_tables_of_cmip6_say(real_data):
    folder = real_data / "esmvalcore/esmvalcore/cmor/tables/cmip6/Tables"
    known: dict[str, set[tuple[str, str, str]]] = {}
    for path in folder.glob("CMIP6_*.json"):
        for name, each in json.loads(path.read_text()).get("variable_entry", {}).items():
            if "units" in each:
                said = (each["units"], each.get("standard_name", ""), each.get("positive", ""))
                known.setdefault(each.get("out_name", name), set()).add(said)
    beyond = {name for name in cmip_variables() if name not in known}
    assert beyond == {"cldl", "cldm", "cldh", "hc300", "rluscs"}
    for name, each in cmip_variables().items():
        if name not in beyond:
            assert (each.units, each.standard_name, each.positive or "") in known[name], name


def test_the_files_hold_nothing_twice():
    class Once(yaml.SafeLoader):
        """A loader that refuses what YAML lets pass: one key twice."""

        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
            assert len(keys) == len(set(keys)), keys
            return super().construct_mapping(node, deep=deep)

    Once.add_constructor(
        "tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True)
    )
    for name in native_tables():
        path = native.data_path("catalogs") / "variables" / f"{name}.yaml"
        assert yaml.load(path.read_text(), Loader=Once)["components"]


def test_the_page_of_the_docs_is_fresh():
    checkout = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location("native_names", checkout / "docs/native_names.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), (
        "run python docs/native_names.py"
    )
