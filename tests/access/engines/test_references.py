"""kerchunk references are read as the files that they refer to."""

from __future__ import annotations

import json
import pickle

import netCDF4
import numpy as np
import pytest
from kerchunk.hdf import SingleHdf5ToZarr

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import header
from climeri_platform.access.engines.recognising import read_header
from climeri_platform.core.errors import FileUnreadable


@pytest.fixture
def referred(tmp_path, monkeypatch):
    """A file, and references to it; nothing of it is small."""
    monkeypatch.setattr(header, "_SMALL", 8)
    monkeypatch.setattr(header, "_TINY", 8)
    path = tmp_path / "run.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.title = "a run"
        file.createDimension("time", None)
        file.createDimension("lat", 60)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = np.arange(40.0)
        options = {"zlib": True, "chunksizes": (7, 60), "fill_value": 1e20}
        field = file.createVariable("tas", "f4", ("time", "lat"), **options)
        field.units = "K"
        field[:] = np.random.default_rng(1).normal(280, 9, (40, 60))
        field[3, 4] = np.ma.masked
    return path, referring(path, tmp_path / "run.json")


def referring(path, place, address=None):
    said = SingleHdf5ToZarr(str(path), url=address, inline_threshold=100).translate()
    if address:
        text = json.dumps(said).replace(f'"{path}"', f'"{address}"')
        place.write_text(text)
    else:
        place.write_text(json.dumps(said))
    return place


def test_as_the_file_itself(referred):
    path, place = referred
    assert engine_of(place) == "references"
    here, there = read_header(path), read_header(place)
    assert (here.sizes, here.attrs) == (there.sizes, there.attrs)
    for name, each in here.variables.items():
        everything = (slice(None),) * len(each.dims)
        array = pickle.loads(pickle.dumps(there.variables[name].array))
        np.testing.assert_array_equal(array.read(everything), each.array.read(everything))
    with open_file(path) as ours, open_file(place) as theirs:
        assert ours["tas"].equals(theirs["tas"])
        assert int(theirs["tas"].isnull().sum()) == 1


def test_over_https(referred, https):
    path, _ = referred
    (https.folder / "run.nc").write_bytes(path.read_bytes())
    referring(path, https.folder / "run.json", f"{https.address}/run.nc")
    found = read_header(f"{https.address}/run.json").variables["tas"].array
    expected = read_header(path).variables["tas"].array
    np.testing.assert_array_equal(found.read((slice(5), 3)), expected.read((slice(5), 3)))


def test_what_is_gone_is_no_missing_value(referred):
    path, place = referred
    array = read_header(place).variables["tas"].array
    array.read((0, 0))
    path.unlink()
    with pytest.raises(FileUnreadable, match=r"run\.json: .*tas"):
        array.read((39, 0))


def test_references_that_were_replaced_are_not_used(referred):
    _, place = referred
    array = read_header(place).variables["tas"].array
    place.write_text(place.read_text() + " ")
    with pytest.raises(FileUnreadable, match="replaced after"):
        array.read((0, 0))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "damaged JSON"),
        ('{"a": 1}', "no kerchunk references"),
        ('{"refs": {".zgroup": "{"}}', "no Zarr store"),
    ],
)
def test_what_are_no_references(tmp_path, content, said):
    place = tmp_path / "run.json"
    place.write_text(content)
    with pytest.raises(FileUnreadable, match=said) as told:
        read_header(place)
    assert told.value.message.startswith(str(place))


def test_references_in_parquet_are_refused_with_the_reason(tmp_path):
    folder = tmp_path / "run.parq"
    folder.mkdir()
    (folder / ".zmetadata").write_text('{"metadata": {}, "record_size": 10}')
    with pytest.raises(FileUnreadable, match="Parquet") as told:
        read_header(folder)
    assert "JSON" in told.value.hint
