"""kerchunk references are read as the files that they refer to."""

from __future__ import annotations

import json
import pickle
import shutil

import fsspec
import netCDF4
import numpy as np
import pytest
from fsspec.implementations.reference import LazyReferenceMapper
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


def test_in_parquet_over_https(referred, in_parquet, https):
    shutil.copytree(in_parquet, https.folder / "run.parq")
    path, _ = referred
    found = read_header(f"{https.address}/run.parq").variables["tas"].array
    expected = read_header(path).variables["tas"].array
    np.testing.assert_array_equal(
        found.read((slice(0, 40, 7), 3)), expected.read((slice(0, 40, 7), 3))
    )


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


@pytest.fixture
def in_parquet(referred):
    """The same references in Parquet, four to a record."""
    _, place = referred
    folder = place.with_suffix(".parq")
    folder.mkdir()
    said = json.loads(place.read_text())["refs"]
    out = LazyReferenceMapper.create(
        root=str(folder), fs=fsspec.filesystem("file"), record_size=4, engine="pyarrow"
    )
    for key, value in sorted(said.items()):
        out[key] = value
    out.flush()
    return folder


def test_in_parquet(referred, in_parquet):
    path, place = referred
    assert engine_of(in_parquet) == "references"
    with open_file(place) as ours, open_file(in_parquet) as theirs:
        assert ours.identical(theirs)
    array = pickle.loads(pickle.dumps(read_header(in_parquet).variables["tas"].array))
    here = read_header(path).variables["tas"].array
    np.testing.assert_array_equal(
        array.read((slice(None, None, 3), 7)), here.read((slice(None, None, 3), 7))
    )


def test_a_record_that_is_damaged_is_no_missing_value(in_parquet):
    array = read_header(in_parquet).variables["tas"].array
    (in_parquet / "tas" / "refs.1.parq").write_bytes(b"PAR1, or not")
    array.read((0, 0))
    with pytest.raises(FileUnreadable, match="damaged"):
        array.read((39, 0))


def test_chunks_without_references_are_missing_values(in_parquet):
    array = read_header(in_parquet).variables["tas"].array
    (in_parquet / "tas" / "refs.1.parq").unlink()
    assert array.read((39, 0)) == np.float32(1e20)


def test_a_folder_without_references(tmp_path):
    folder = tmp_path / "run.parq"
    folder.mkdir()
    (folder / ".zmetadata").write_text('{"metadata": {}, "record_size": 10}')
    with pytest.raises(FileUnreadable, match="no kerchunk references"):
        read_header(folder)
