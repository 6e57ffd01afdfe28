"""What a server gives by OPeNDAP is what is in its file."""

from __future__ import annotations

import pickle
import struct
import threading
import zlib
from socketserver import ThreadingMixIn
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import netCDF4
import numpy as np
import pytest
from pydap.handlers.lib import BaseHandler
from pydap.model import BaseType, DatasetType, GridType

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import header, remote
from climeri_platform.access.engines.opendap import DapArray
from climeri_platform.access.engines.recognising import read_header
from climeri_platform.core.errors import FileUnreadable


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def modelled(path):
    """A file as pydap's server has it: THREDDS makes grids of fields, and arrays of the rest."""
    dataset = DatasetType("run")
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        attrs = {each: file.getncattr(each) for each in file.ncattrs()}
        # its own server does not protect quotes, as the protocol wants it
        attrs["title"] = attrs["title"].replace('"', '\\"')
        dataset.attributes["NC_GLOBAL"] = attrs
        dataset.attributes["DODS_EXTRA"] = {"Unlimited_Dimension": "time"}
        for name, each in file.variables.items():
            attrs = {word: each.getncattr(word) for word in each.ncattrs()}
            own = BaseType(name, each[...], dims=each.dimensions, attributes=attrs)
            if each.ndim == 3:
                grid = GridType(name, attributes=attrs)
                grid[name] = own
                for dim in each.dimensions:
                    grid[dim] = BaseType(dim, file[dim][...], dims=(dim,))
                dataset[name] = grid
            else:
                dataset[name] = own
    return dataset


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A file, its address, and what was asked of its server."""
    monkeypatch.setattr(header, "_SMALL", 100)
    monkeypatch.setattr(header, "_TINY", 100)
    path = tmp_path / "run.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.title = 'a "run" of it; with, all'
        file.realization = np.int32(3)
        for name, size in (("time", None), ("lat", 6), ("lon", 4)):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = np.arange(20.0)
        file.createVariable("lat", "f4", ("lat",))[:] = np.linspace(-80, 80, 6)
        file.createVariable("lon", "f8", ("lon",))[:] = np.arange(4.0)
        field = file.createVariable("tas", "f4", ("time", "lat", "lon"), fill_value=1e20)
        field.units = "K"
        field.valid_range = np.array([100.0, 400.0], "f4")
        field[:] = np.random.default_rng(1).normal(280, 9, (20, 6, 4))
        field[3, 4, 2] = np.ma.masked
        count = file.createVariable("count", "i2", ("time", "lat"), fill_value=-99)
        count.scale_factor = 0.5
        count[:] = np.arange(120.0).reshape(20, 6)
        file.createVariable("height", "f8", ())[...] = 2.0
    application, asked, answers = BaseHandler(modelled(path)), [], []

    def answer(environ, start):
        asked.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
        if answers:
            start(answers[0], [("Content-Type", "text/plain")])
            return [b"no"]
        return application(environ, start)

    server = make_server("127.0.0.1", 0, answer, Threaded, Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield path, f"http://127.0.0.1:{server.server_port}/thredds/dodsC/run", asked, answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_as_the_file_itself(served):
    path, address, _, _ = served
    assert engine_of(address) == "opendap"
    here, there = read_header(path), read_header(address)
    assert (here.sizes, here.unlimited, here.attrs) == (there.sizes, there.unlimited, there.attrs)
    assert set(here.variables) == set(there.variables)
    for name, each in here.variables.items():
        ours = there.variables[name]
        assert ours.dims == each.dims
        assert set(ours.attrs) == set(each.attrs)
        for word, value in each.attrs.items():
            np.testing.assert_array_equal(ours.attrs[word], value)
        array = pickle.loads(pickle.dumps(ours.array))
        everything = (slice(None),) * len(each.dims)
        np.testing.assert_array_equal(array.read(everything), each.array.read(everything))
        assert array.dtype == each.array.dtype
    with open_file(path) as ours, open_file(address) as theirs:
        assert theirs["tas"].chunks
        for name in ours.variables:
            assert ours[name].equals(theirs[name]), name


def test_only_what_is_wanted_is_asked_for(served):
    path, address, asked, _ = served
    array = read_header(address).variables["tas"].array
    assert isinstance(array, DapArray)
    del asked[:]
    expected = read_header(path).variables["tas"].array
    for key in ((slice(2, 9, 3), 1, slice(None)), (-1, slice(None, None, -2), 3)):
        np.testing.assert_array_equal(array.read(key), expected.read(key))
    assert len(asked) == 2
    assert "[2:3:8][1" in unquote(asked[0])


def test_threads(served):
    path, address, _, _ = served
    array = read_header(address).variables["tas"].array
    expected = read_header(path).variables["tas"].array.read((slice(None),) * 3)
    wrong = []

    def work(seed):
        steps = range(seed, 20, 4)
        found = [array.read((step, slice(None), slice(None))) for step in steps]
        wrong.extend(
            step
            for step, each in zip(steps, found, strict=True)
            if not np.array_equal(each, expected[step])
        )

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("status", "said"),
    [("404 Not Found", "No such file"), ("403 No", "Permission denied"), ("400 No", "400")],
)
def test_a_server_that_refuses(served, status, said, monkeypatch):
    monkeypatch.setattr(remote, "_PAUSE", 0)
    _, address, _, answers = served
    array = read_header(address).variables["tas"].array
    answers.append(status)
    for ask in (lambda: read_header(address + "?token=hunter2"), lambda: array.read((0, 0, 0))):
        with pytest.raises(FileUnreadable, match=said) as told:
            ask()
        assert told.value.message.startswith(f"{address}: ")
        assert "hunter2" not in str(told.value)


def test_a_page_instead_of_a_dataset(served):
    _, address, _, answers = served
    answers.append("200 OK")
    with pytest.raises(FileUnreadable, match=address):
        read_header(address)


DMR = """<?xml version="1.0" encoding="UTF-8"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" name="run" dapVersion="4.0" dmrVersion="1.0">
    <Dimension name="lat" size="6"/><Dimension name="lon" size="4"/>
    <Float32 name="lat"><Dim name="/lat"/></Float32>
    <Float32 name="tas"><Dim name="/lat"/><Dim name="/lon"/>
        <Attribute name="units" type="String"><Value>K</Value></Attribute>
        <Attribute name="_FillValue" type="Float32"><Value>1e20</Value></Attribute>
    </Float32>
    <Attribute name="title" type="String"><Value>a run of Météo</Value></Attribute>
</Dataset>"""


def answered(wanted, values):
    """A part of a variable as DAP4 sends it: its description, its numbers, and their checksum."""
    name, _, hyperslab = unquote(wanted).removeprefix("dap4.ce=/").partition("&")[0].partition("[")
    part = tuple(
        slice(int(begin), int(end) + 1, int(step))
        for begin, step, end in (each.split(":") for each in hyperslab.strip("[]").split("]["))
    )
    found = np.ascontiguousarray(values[name][part]).astype("<f4")
    dims = "".join(f'<Dim size="{each}"/>' for each in found.shape)
    about = f'<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" name="run"><Float32 name="{name}">{dims}</Float32></Dataset>'
    data = found.tobytes()
    data += struct.pack("<I", zlib.crc32(data))
    about = f"{about}\r\n".encode()
    first = struct.pack(">I", 4 << 24 | len(about)) + about
    return first + struct.pack(">I", 5 << 24 | len(data)) + data


def test_the_fourth_version(monkeypatch):
    monkeypatch.setattr(header, "_TINY", 10)
    values = {
        "lat": np.linspace(-80, 80, 6).astype("f4"),
        "tas": np.random.default_rng(1).normal(280, 9, (6, 4)).astype("f4"),
    }

    def answer(environ, start):
        start("200 OK", [("Content-Type", "application/octet-stream; charset=utf-8")])
        if environ["PATH_INFO"].endswith(".dmr"):
            return [DMR.encode()]
        return [answered(environ["QUERY_STRING"], values)]

    server = make_server("127.0.0.1", 0, answer, Threaded, Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        found = read_header(f"http://127.0.0.1:{server.server_port}/thredds/dap4/run")
        assert found.sizes == {"lat": 6, "lon": 4}
        assert found.attrs == {"title": "a run of Météo"}
        tas = found.variables["tas"]
        assert (tas.dims, tas.attrs["units"]) == (("lat", "lon"), "K")
        assert tas.attrs["_FillValue"] == 1e20
        array = pickle.loads(pickle.dumps(tas.array))
        np.testing.assert_array_equal(array.read((slice(1, 6, 2), -1)), values["tas"][1:6:2, -1])
        lat = found.variables["lat"].array.read((slice(None),))
        np.testing.assert_array_equal(lat, values["lat"])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
