"""Files elsewhere are read by ranges, are the same as here, and tell no secret."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import traceback

import fsspec
import h5py
import netCDF4
import numpy as np
import pytest

from climeri_platform.access import engine_of, open_file
from climeri_platform.access.engines import hdf5_library, header, library
from climeri_platform.access.engines.hdf5_library import LibraryArray
from climeri_platform.access.engines.recognising import read_header
from climeri_platform.access.engines.remote import RemoteFile, shown
from climeri_platform.core.errors import FileUnreadable, MissingExtra

FORMS = ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]


def written(path, form, steps=40):
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.title = "a run"
        file.createDimension("time", None)
        file.createDimension("lat", 60)
        file.createDimension("lon", 50)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        file.createVariable("lat", "f8", ("lat",))[:] = np.linspace(-89, 89, 60)
        options = {"zlib": True, "chunksizes": (1, 60, 50)} if form == "NETCDF4" else {}
        field = file.createVariable("tas", "f4", ("time", "lat", "lon"), **options)
        if form == "NETCDF4":
            checked = file.createVariable(
                "pr", "f4", ("time", "lat"), fletcher32=True, chunksizes=(7, 20)
            )
        random = np.random.default_rng(1)
        for step in range(steps):
            time[step] = step
            field[step] = random.normal(280, 9, (60, 50))
        if form == "NETCDF4":
            checked[:] = random.normal(1, 1, (steps, 60))
    return path


def values(found):
    everything = {
        name: each.array.read((slice(None),) * len(each.dims))
        for name, each in found.variables.items()
    }
    return {name: each.tolist() for name, each in everything.items()}


def alike(here, there):
    assert (here.sizes, here.unlimited, here.attrs) == (there.sizes, there.unlimited, there.attrs)
    assert list(here.variables) == list(there.variables)
    assert values(here) == values(there)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("blocks", [1, 8])
def test_over_https_as_here(https, form, blocks, monkeypatch):
    monkeypatch.setattr(library, "_AT_FIRST", blocks)
    monkeypatch.setattr(library, "_BLOCK", 4096)
    path = written(https.folder / "run.nc", form)
    address = f"{https.address}/run.nc"
    found = read_header(address)
    assert engine_of(address) == engine_of(path)
    alike(read_header(path), found)
    # no byte was asked for that is not needed: never the whole file
    assert all(wanted for method, _, wanted in https.asked if method == "GET")
    part = (slice(30, 3, -9), 7, slice(2, 40, 3))
    there = pickle.loads(pickle.dumps(found.variables["tas"].array)).read(part)
    np.testing.assert_array_equal(there, read_header(path).variables["tas"].array.read(part))


def test_a_header_is_read_at_once_however_many_chunks_there_are(https, monkeypatch):
    monkeypatch.setattr(library, "_BLOCK", 4096)
    path = written(https.folder / "run.nc", "NETCDF4", steps=300)
    assert path.stat().st_size > 50 * 8 * 4096
    read_header(f"{https.address}/run.nc")
    fetched = [wanted for method, _, wanted in https.asked if method == "GET"]
    # is it a server of parts, what does it begin with, and the header in few pieces
    assert len(fetched) <= 5


def test_the_places_of_many_chunks_are_asked_for_together(https, monkeypatch):
    path = written(https.folder / "run.nc", "NETCDF4", steps=300)
    array = read_header(f"{https.address}/run.nc").variables["tas"].array
    rounds = []
    real = RemoteFile.pieces

    def noted(self, handle, offsets, sizes):
        rounds.append(len(offsets))
        return real(self, handle, offsets, sizes)

    monkeypatch.setattr(RemoteFile, "pieces", noted)
    monkeypatch.setattr(hdf5_library, "ask", lambda *_: pytest.fail("the library was asked"))
    there, here = array.places(), read_header(path).variables["tas"].array.places()
    assert (there.offsets == here.offsets).all()
    assert len(there.offsets) == 300
    # the root of the tree, then all that is below it
    assert len(rounds) == 2
    assert rounds[1] > 1


def test_decoded_and_computed_by_threads(https):
    paths = [written(https.folder / f"{form}.nc", form) for form in FORMS]
    for path in paths:
        here, there = open_file(path), open_file(f"{https.address}/{path.name}")
        assert there["tas"].chunks
        assert there.encoding["source"] == f"{https.address}/{path.name}"
        np.testing.assert_array_equal(here["tas"].mean("time"), there["tas"].mean("time"))
        assert here.time.equals(there.time)


CODE = """
import pickle, sys
array = pickle.load(sys.stdin.buffer)
print(float(array.read((3, 2, 1))))
"""


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_read_in_another_process(https, form):
    path = written(https.folder / "run.nc", form)
    array = read_header(f"{https.address}/run.nc").variables["tas"].array
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=pickle.dumps(array),
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr.decode()
    expected = read_header(path).variables["tas"].array.read((3, 2, 1))
    assert float(done.stdout) == float(expected)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_64BIT_OFFSET"])
def test_a_file_that_was_replaced_is_not_read(https, form, monkeypatch):
    monkeypatch.setattr(header, "_SMALL", -1)
    path = written(https.folder / "run.nc", form)
    found = read_header(f"{https.address}/run.nc")
    written(path, form, steps=3)
    for name in found.variables:
        array = found.variables[name].array
        with pytest.raises(FileUnreadable, match="replaced after") as told:
            array.read((slice(None),) * len(array.shape))
        assert "again" in told.value.hint


def test_a_server_that_fails_once_is_asked_again(https):
    path = written(https.folder / "run.nc", "NETCDF4")
    https.failures = [503, 503]
    found = read_header(f"{https.address}/run.nc")
    https.failures = [500]
    array = found.variables["tas"].array
    np.testing.assert_array_equal(
        array.read((0, 0, slice(None))),
        read_header(path).variables["tas"].array.read((0, 0, slice(None))),
    )
    https.failures = [503] * 99
    with pytest.raises(FileUnreadable, match="503") as told:
        array.read((0, 0, 0))
    assert "Try again" in told.value.hint
    https.failures = []


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_an_answer_that_is_cut_is_asked_for_again(https, form):
    path = written(https.folder / "run.nc", form)
    found = read_header(f"{https.address}/run.nc").variables["tas"].array
    expected = read_header(path).variables["tas"].array
    https.cuts = 2
    np.testing.assert_array_equal(found.read((slice(4), 0, 0)), expected.read((slice(4), 0, 0)))
    https.cuts = 99
    with pytest.raises(FileUnreadable) as told:
        found.read((slice(4), 0, 0))
    assert "Try again" in told.value.hint
    https.cuts = 0


@pytest.mark.parametrize("held", ["name", "token"])
def test_no_secret_is_shown(https, held):
    written(https.folder / "run.nc", "NETCDF4")
    place = f"127.0.0.1:{https.server_port}/run.nc"
    secret = "hunter2"
    https.token = f"token={secret}" if held == "token" else ""
    address = (
        f"https://{place}?token={secret}" if held == "token" else f"https://me:{secret}@{place}"
    )
    found = read_header(address)
    dataset = open_file(address)
    assert float(dataset["tas"][0].mean()) > 200
    https.token = "token=another"
    told = []
    for ask in (
        lambda: found.variables["tas"].array.read((0, 0, 0)),
        lambda: read_header(address),
        lambda: read_header(address.replace("run.nc", "gone.nc")),
        lambda: read_header(address.replace(str(https.server_port), "1")),
    ):
        with pytest.raises(FileUnreadable) as refused:
            ask()
        told += ["".join(traceback.format_exception(refused.value)), repr(refused.value)]
    told += [repr(found), repr(dataset), str(dataset.encoding), str(dataset["tas"].data.dask)]
    assert not [each for each in told if secret in each]
    assert "Permission denied" in told[2]


def test_what_is_not_there_or_no_netcdf(https):
    for name, content, said in (
        ("page.nc", b"<html>", "begins with b'<html>'"),
        ("empty.nc", b"", "zero bytes"),
        ("cut.nc", b"\x89HDF\r\n\x1a\n" + bytes(99), "OSError|ends at byte"),
        ("cut3.nc", b"CDF\x01" + bytes(3), "it ends at byte 7"),
        ("gone.nc", None, "No such file"),
    ):
        if content is not None:
            (https.folder / name).write_bytes(content)
        with pytest.raises(FileUnreadable, match=said) as told:
            read_header(f"{https.address}/{name}")
        assert told.value.message.startswith(f"{https.address}/{name}: ")
        assert told.value.hint


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
def test_a_server_without_ranges_is_refused_before_it_sends_all(https, form):
    written(https.folder / "run.nc", form)
    https.ranges = False
    with pytest.raises(FileUnreadable, match=f"{https.address}/run.nc.*range"):
        read_header(f"{https.address}/run.nc")


def test_a_header_cut_anywhere_is_refused(tmp_path):
    content = written(tmp_path / "run.nc", "NETCDF4").read_bytes()
    there = fsspec.filesystem("memory")
    for size in (100, 3000, 9000, len(content) // 2):
        there.pipe("/cut/run.nc", content[:size])
        with pytest.raises(FileUnreadable):
            read_header("memory://cut/run.nc")
    there.rm("/cut", recursive=True)


def test_many_threads(https):
    path = written(https.folder / "run.nc", "NETCDF4")
    here = read_header(path).variables
    expected = {name: here[name].array.read((slice(None),) * len(here[name].dims)) for name in here}
    wrong = []

    def work():
        found = read_header(f"{https.address}/run.nc").variables
        for name, value in expected.items():
            array = found[name].array
            if not np.array_equal(array.read((slice(None),) * value.ndim), value):
                wrong.append(name)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_nothing_waits_for_a_network_inside_the_library(https, monkeypatch):
    """A server that hangs stops whoever reads from it, and no reader of files that are here."""
    local = written(https.folder / "local.nc", "NETCDF4")
    written(https.folder / "slow.nc", "NETCDF4")
    asked, go_on = threading.Event(), threading.Event()
    real = RemoteFile.pieces

    def slow(self, *about):
        asked.set()
        assert go_on.wait(60)
        return real(self, *about)

    monkeypatch.setattr(RemoteFile, "pieces", slow)
    reader = threading.Thread(target=read_header, args=(f"{https.address}/slow.nc",), daemon=True)
    reader.start()
    assert asked.wait(60)
    read_header(local)
    go_on.set()
    reader.join()


def test_what_only_the_library_reads(https):
    path = https.folder / "x.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(90.0)).make_scale("x")
        field = file.create_dataset(
            "f", data=np.arange(9000.0).reshape(90, 100), chunks=(9, 100), compression="lzf"
        )
        field.dims[0].attach_scale(file["x"])
        file.create_dataset("y", data=np.arange(100.0)).make_scale("y")
        field.dims[1].attach_scale(file["y"])
    array = read_header(f"{https.address}/x.nc").variables["f"].array
    assert isinstance(array, LibraryArray)
    assert array.read((slice(5, 80, 30), 7)).tolist() == [507, 3507, 6507]


def test_without_the_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.setitem(sys.modules, "fsspec.implementations.http", None)
    known = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(known, "https", raising=False)
    with pytest.raises(MissingExtra) as told:
        read_header("https://127.0.0.1:1/tas.nc")
    assert "climeri-platform[remote]" in told.value.hint
    monkeypatch.setitem(sys.modules, "pydap.handlers.dap", None)
    for address in ("dap4://127.0.0.1:1/tas.nc", "https://127.0.0.1:1/thredds/dodsC/tas.nc"):
        with pytest.raises(MissingExtra) as told:
            read_header(address)
        assert "climeri-platform[remote]" in told.value.hint
    with pytest.raises(FileUnreadable, match="Protocol not known: nonsense") as refused:
        read_header("nonsense://127.0.0.1:1/tas.nc")
    assert "https://" in refused.value.hint


@pytest.mark.parametrize(
    ("address", "package", "instead"),
    [
        ("gs://bucket/tas.nc", "gcsfs", "https://storage.googleapis.com/BUCKET/FILE"),
        ("gcs://bucket/tas.zarr", "gcsfs", "https://storage.googleapis.com/BUCKET/FILE"),
        ("simplecache::gs://bucket/tas.nc", "gcsfs", "https://storage.googleapis.com/BUCKET/FILE"),
        ("az://container/tas.nc", "adlfs", "https://ACCOUNT.blob.core.windows.net/CONTAINER/FILE"),
        ("sftp://me:secret@127.0.0.1:1/tas.nc", "paramiko", "copy the file"),
    ],
)
def test_packages_that_no_extra_brings(monkeypatch, address, package, instead):
    for name in ("gcsfs", "adlfs", "paramiko", "fsspec.implementations.sftp"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra) as told:
        read_header(address)
    said = f"{told.value.message} {told.value.hint}"
    assert f"pip install {package}." in said
    assert instead in said
    assert "pip install 'climeri" not in said
    assert "secret" not in said


def test_a_package_that_nobody_here_knows(monkeypatch):
    monkeypatch.setitem(sys.modules, "ocifs", None)
    with pytest.raises(MissingExtra, match="ocifs") as told:
        read_header("oci://bucket/tas.nc")
    assert told.value.hint.startswith("Install what fsspec asks for.")


def test_a_file_address_is_a_path(tmp_path):
    path = written(tmp_path / "run.nc", "NETCDF4")
    alike(read_header(path), read_header(f"file://{path}"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a:b@c.org/x.nc?y=z#w", "https://c.org/x.nc"),
        ("simplecache::https://a:b@c.org/x.nc", "simplecache::https://c.org/x.nc"),
        ("s3://bucket/a@b.nc", "s3://bucket/a@b.nc"),
    ],
)
def test_an_address_as_it_is_shown(address, expected):
    assert shown(address) == expected
