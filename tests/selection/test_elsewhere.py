"""A dataset that is a mount at one centre, and a server's from elsewhere."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.catalog import build_catalog
from climeri_platform.core.errors import DataError

KEY = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.tas.gr"
PROFILE = """
site: elsewhere
title: Far from the disks
mounts:
  CMIP6-disk: {address}
"""


class Ranges(SimpleHTTPRequestHandler):
    """Parts of the files of a folder."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        file = Path(self.directory, self.path.lstrip("/"))
        if not file.is_file():
            self.send_error(404)
            return
        data = file.read_bytes()
        size, wanted = len(data), self.headers.get("Range")
        self.send_response(206 if wanted else 200)
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            data = data[int(begin) : int(end) + 1 if end else None]
            self.send_header("Content-Range", f"bytes {begin}-{int(begin) + len(data) - 1}/{size}")
        self.send_header("ETag", '"one"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def write(root, year, form):
    path = root / (
        "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/tas/gr/v1/"
        f"tas_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{year}01-{year}12.nc"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", None)
        file.createDimension("lat", 400)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 2000-01-01", "calendar": "365_day"})
        axis[:] = 365 * (year - 2000) + 15.5 + 30.4 * np.arange(12)
        lat = file.createVariable("lat", "f8", ("lat",))
        lat.units, lat[:] = "degrees_north", np.linspace(-90, 90, 400)
        field = file.createVariable("tas", "f4", ("time", "lat"))
        field.units = "K"
        field[:] = np.random.default_rng(year).normal(280, 9, (12, 400))
    return path


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A centre whose catalog was copied to a place that has its server only."""
    root = tmp_path / "bdd" / "CMIP6"
    for year, form in ((2000, "NETCDF4"), (2001, "NETCDF3_CLASSIC"), (2002, "NETCDF4")):
        write(root, year, form)
    build_catalog("CMIP6", root, store=tmp_path / "catalogs", root_id="CMIP6-disk")
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "catalogs"))
    here = open_catalog("CMIP6").open()[KEY].load()
    served = shutil.move(root, tmp_path / "served")
    handler = partial(Ranges, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        profile = tmp_path / "elsewhere.yaml"
        address = f"http://127.0.0.1:{found.server_port}"
        profile.write_text(PROFILE.format(address=address))
        monkeypatch.setenv("CLIMERI_SITE", str(profile))
        yield Path(served), address, here
        found.shutdown()
        thread.join()


def test_the_same_values_come_from_the_server(server):
    _, address, here = server
    assert open_catalog("CMIP6").paths()[0].startswith(f"{address}/CMIP/IPSL/")
    opened = open_catalog("CMIP6").open()
    assert opened[KEY]["tas"].sizes == here["tas"].sizes
    np.testing.assert_array_equal(opened[KEY]["tas"], here["tas"])
    np.testing.assert_array_equal(opened[KEY]["time"], here["time"])
    assert not opened.report.having("skipped")


def test_what_the_server_has_not_costs_that_file(server):
    served, address, here = server
    next(served.rglob("*_200101-200112.nc")).unlink()
    with pytest.warns(IncompleteDataWarning, match="1 skipped"):
        opened = open_catalog("CMIP6").open()
    (skipped,) = opened.report.having("skipped")
    assert skipped.path.startswith(address)
    np.testing.assert_array_equal(opened[KEY]["tas"][:12], here["tas"][:12])


def test_a_server_that_is_away_is_told(server, monkeypatch, tmp_path):
    away = tmp_path / "away.yaml"
    away.write_text(PROFILE.format(address="http://127.0.0.1:9"))
    monkeypatch.setenv("CLIMERI_SITE", str(away))
    with pytest.raises(DataError, match="the dataset could not be opened"):
        open_catalog("CMIP6").open()
