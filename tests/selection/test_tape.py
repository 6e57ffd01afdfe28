"""Files on tape: never touched, counted, and recalled by the centre's own commands."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform import open_catalog
from climeri_platform.access import IncompleteDataWarning
from climeri_platform.access.asked import AskedPeriod
from climeri_platform.catalog import build_catalog, open_snapshot
from climeri_platform.cli import front
from climeri_platform.core.errors import DataError, NothingFound, OnTape, UsageError
from climeri_platform.core.sizes import size_text
from climeri_platform.selection.offline import bytes_offline
from climeri_platform.selection.reading import files_to_open
from climeri_platform.selection.staging import Staging
from climeri_platform.sites import Mount, OnTapeFile, Recall, shell_text

NAME = "CMIP.IPSL.IPSL-CM6A-LR.historical.r1i1p1f1.Amon.{}.gr"
PLACE = (
    "CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/{0}/gr/v1/"
    "{0}_Amon_IPSL-CM6A-LR_historical_r1i1p1f1_gr_{1}01-{1}12.nc"
)


def monthly(path, year, name="tas"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        axis = file.createVariable("time", "f8", ("time",))
        axis.setncatts({"units": "days since 2000-01-01", "calendar": "365_day"})
        axis[:] = 365 * (year - 2000) + 15.5 + 30.4 * np.arange(12)
        file.createVariable(name, "f4", ("time",))[:] = year
    return path


class Centre:
    """A disk, a tape-backed store, and the tapes behind it."""

    def __init__(self, top):
        self.top, self.store, self.tapes = top, top / "store/CMIP6", top / "tapes"

    def write(self, *years, name="tas"):
        return [monthly(self.store / PLACE.format(name, year), year, name) for year in years]

    def release(self, *paths):
        for path in paths:
            there = self.tapes / path.relative_to("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there)
            size = path.stat().st_size
            os.truncate(path, 0)
            os.truncate(path, size)
            assert path.stat().st_blocks == 0

    def catalogue(self):
        build_catalog("CMIP6", self.store, store=self.top / "catalogs", root_id="CMIP6-tape")

    def commands(self):
        """A folder with an ``lfs`` that restores from the tapes, and notes what it is given."""
        folder = self.top / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "lfs"
        program.write_text(
            f"#!{sys.executable}\nimport os, shutil, sys\n"
            f"open({str(self.top / 'calls')!r}, 'ab').write(\n"
            "    b'\\0'.join(map(os.fsencode, sys.argv[1:])) + b'\\0\\0')\n"
            f"for path in sys.argv[2:]:\n    shutil.copy2({str(self.tapes)!r} + path, path)\n"
        )
        program.chmod(0o755)
        return folder

    def calls(self):
        said = (self.top / "calls").read_bytes().split(b"\0\0")
        return [[os.fsdecode(word) for word in call.split(b"\0")] for call in said if call]

    def run(self, script):
        path = f"{self.commands()}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-c", script] if "\n" in script else ["sh", script],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path},
        )


@pytest.fixture
def centre(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(tmp_path))
    monkeypatch.setenv("CLIMERI_STORE", str(tmp_path / "catalogs"))
    monkeypatch.setenv("CLIMERI_SITE", "test-centre")
    return Centre(tmp_path)


def test_the_rest_is_opened_and_what_is_offline_is_counted(centre):
    files = centre.write(2000, 2001, 2002, 2003)
    centre.catalogue()
    centre.release(files[1], files[3])
    size = sum(path.stat().st_size for path in (files[1], files[3]))
    with pytest.warns(IncompleteDataWarning, match="2 of its 4 files"):
        opened = open_catalog("CMIP6").open()
    assert opened[NAME.format("tas")]["tas"].values.tolist() == [2000] * 12 + [2002] * 12
    (offline,) = opened.report.having("offline")
    assert (offline.files, offline.size) == opened.report.offline == (2, size)
    assert str(files[1]) in offline.cause
    assert "stage()" in offline.remedy
    assert "2 files" in opened.report.summary()
    assert any("a hole in time" in each.cause for each in opened.report.having("noted"))
    assert json.loads(json.dumps(opened.report.to_dicts()))[0]["size"] == size
    assert "offline" in opened.report._repr_html_()


def test_a_dataset_that_is_wholly_offline_costs_no_other(centre):
    gone = centre.write(2000)
    centre.write(2000, name="pr")
    centre.release(*gone)
    centre.catalogue()
    with pytest.warns(IncompleteDataWarning, match="1 files"):
        opened = open_catalog("CMIP6").open()
    assert list(opened) == [NAME.format("pr")]
    assert [each.dataset for each in opened.report.having("skipped")] == [NAME.format("tas")]
    assert opened.report.offline == (1, gone[0].stat().st_size)
    with pytest.raises(OnTape):
        open_catalog("CMIP6").search(variable="tas").open()


def cordex(root, year):
    """A regional model on the disk of the same centre."""
    return monthly(
        root / "output/EUR-11/X/Y-GCM/historical/r1i1p1/X-RCM/v1/mon/tas/v1"
        f"/tas_EUR-11_Y-GCM_historical_r1i1p1_X-RCM_v1_mon_{year}01-{year}12.nc",
        year,
    )


def test_a_catalog_that_is_wholly_offline_is_counted_with_the_others(centre, monkeypatch):
    """One catalog is on tape to the last file, one in part, and one is on disk."""
    gone = [*centre.write(2000, 2001), *centre.write(2000, name="pr")]
    centre.release(*gone)
    centre.catalogue()
    disk = centre.top / "disk/CORDEX"
    cordex(disk, 2000)
    build_catalog("CORDEX", disk, store=centre.top / "catalogs", root_id="CORDEX-disk")
    # another store has a part of the same archive, of which one file is on tape
    other = monthly(centre.store / PLACE.format("ps", 2000), 2000, "ps")
    centre.release(monthly(centre.store / PLACE.format("ps", 2001), 2001, "ps"))
    build_catalog("CMIP6", centre.store, store=centre.top / "group", root_id="CMIP6-tape")
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    found = open_catalog()
    size = sum(path.stat().st_size for path in [*gone, other])
    with pytest.warns(IncompleteDataWarning, match="4 files offline"):
        opened = found.open(members="stack", merge=True)
    assert sorted(opened) == [
        f"CMIP6:{NAME.format('ps').replace('r1i1p1f1.', '')}",
        "CORDEX:output.EUR-11.X.Y-GCM.historical.X-RCM.v1.mon.tas",
    ]
    assert opened.report.offline == (4, size)
    counts = {each.dataset: (each.files, each.cause) for each in opened.report.having("offline")}
    assert {key: files for key, (files, _) in counts.items()} == {
        f"CMIP6:{NAME.format('tas')}": 2,
        f"CMIP6:{NAME.format('pr')}": 1,
        f"CMIP6:{NAME.format('ps')}": 1,
    }
    (script,) = found.stage().scripts
    assert (script.files, script.bytes) == (4, size)
    assert centre.run(script.text).returncode == 0
    again = found.open()
    assert again.report.offline == (0, 0)
    assert len(again) == 4


@pytest.mark.parametrize("released", [1, 2])
def test_what_is_on_tape_in_one_catalog_and_on_disk_in_another_is_read_from_disk(
    centre, monkeypatch, released
):
    kept = centre.top / "disk/CMIP6"
    gone = centre.write(2000, 2001)
    shutil.copytree(centre.store, kept)
    centre.release(*gone[:released])
    centre.catalogue()
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    opened = open_catalog().open()
    (dataset,) = opened.values()
    assert dataset["tas"].values.tolist() == [2000] * 12 + [2001] * 12
    assert dataset.attrs["climeri_store"].endswith("/group")
    assert opened.report.offline == (0, 0)
    assert [each.cause for each in opened.report.having("noted")][:2] == [
        "the catalog of shared has no whole replica that can be read now",
        "taken from the catalog of group; also in that of shared (CMIP6-tape)",
    ]
    assert not [path for path in gone[:released] if path.stat().st_blocks]


def test_a_smaller_copy_on_disk_does_not_stand_in_for_what_is_on_tape_in_part(centre, monkeypatch):
    kept = centre.top / "disk/CMIP6"
    monthly(kept / PLACE.format("tas", 2000), 2000)
    gone = centre.write(2000, 2001, 2002)
    centre.release(gone[0])
    centre.catalogue()
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    with pytest.warns(IncompleteDataWarning, match="1 of its 3 files"):
        opened = open_catalog().open()
    (dataset,) = opened.values()
    assert dataset["tas"].values.tolist() == [2001] * 12 + [2002] * 12


def test_as_many_files_of_other_years_do_not_stand_in_either(centre, monkeypatch):
    kept = centre.top / "disk/CMIP6"
    for year in (1990, 1991, 2000):
        monthly(kept / PLACE.format("tas", year), year)
    gone = centre.write(2000, 2001, 2002)
    centre.release(gone[0])
    centre.catalogue()
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    with pytest.warns(IncompleteDataWarning, match="1 of its 3 files"):
        opened = open_catalog().open()
    (dataset,) = opened.values()
    assert dataset["tas"].values.tolist() == [2001] * 12 + [2002] * 12


@pytest.mark.parametrize("first", ["CLIMERI_STORE", "CLIMERI_STORES"])
def test_what_another_store_has_on_disk_is_not_recalled(centre, monkeypatch, capsys, first):
    kept = centre.top / "disk/CMIP6"
    gone = centre.write(2000, 2001)
    shutil.copytree(centre.store, kept)
    gone += centre.write(2000, name="pr")
    centre.release(*gone)
    centre.catalogue()
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    second = {"CLIMERI_STORE", "CLIMERI_STORES"} - {first}
    monkeypatch.setenv(first, str(centre.top / "catalogs"))
    monkeypatch.setenv(second.pop(), str(centre.top / "group"))
    found = open_catalog()
    staged = found.stage()
    (script,) = staged.scripts
    assert script.files == 1
    assert str(gone[2]) in script.text
    # where the disk comes first, nobody even looks at the tapes
    assert staged.spared == (2 if first == "CLIMERI_STORE" else 0)
    assert ("2 files are not recalled: another store has" in str(staged)) == bool(staged.spared)
    assert front.run(["stage", "variable=tas,pr", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spared"] == staged.spared
    # and that is what is read
    opened = found.search(variable="tas").open()
    (dataset,) = opened.values()
    assert dataset["tas"].values.tolist() == [2000] * 12 + [2001] * 12
    assert opened.report.offline == (0, 0)
    # one catalog by itself knows of no other
    assert open_catalog("CMIP6", store=centre.top / "catalogs").stage().files == 3


def test_what_is_away_in_one_store_and_on_disk_in_another_is_not_recalled(centre, monkeypatch):
    away, kept = centre.top / "away/CMIP6", centre.top / "disk/CMIP6"
    for place in (away, kept):
        monthly(place / PLACE.format("tas", 2000), 2000)
    build_catalog("CMIP6", away, store=centre.top / "catalogs", root_id="CMIP6-archive")
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    shutil.rmtree(centre.top / "away")
    assert open_catalog().stage().files == 1
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    staged = open_catalog().stage()
    assert (staged.files, staged.spared, staged.left) == (0, 1, ())


@pytest.mark.parametrize("lacks", ["a file", "a name", "blocks", "version", "mount"])
def test_what_another_store_has_not_whole_is_recalled(centre, monkeypatch, lacks):
    kept = centre.top / "disk/CMIP6"
    gone = centre.write(2000, 2001)
    shutil.copytree(centre.store, kept)
    centre.release(*gone)
    centre.catalogue()
    copy = kept / gone[1].relative_to(centre.store)
    if lacks == "a name":
        copy.rename(copy.with_name(copy.name.replace("200101-200112", "200201-200212")))
    if lacks == "version":
        copy.parent.rename(copy.parent.with_name("v2"))
    build_catalog("CMIP6", kept, store=centre.top / "group", root_id="disk")
    if lacks == "a file":  # since the night
        copy.unlink()
    if lacks == "blocks":  # on tape, though no profile says so
        centre.release(copy)
    if lacks == "mount":
        kept.rename(centre.top / "away")
    monkeypatch.setenv("CLIMERI_STORES", str(centre.top / "group"))
    staged = open_catalog().search(version="all").stage()
    assert (staged.files, staged.spared) == (2, 0)
    assert "not recalled" not in str(staged)


def test_catalogs_that_are_all_offline_are_refused_with_the_counts(centre):
    gone = [*centre.write(2000, 2001), *centre.write(2000, name="pr")]
    centre.release(*gone)
    centre.catalogue()
    size = size_text(sum(path.stat().st_size for path in gone))
    with pytest.raises(OnTape, match=f"in all 3 files, {size}, are on tape") as told:
        open_catalog().open()
    assert "stage()" in told.value.hint
    (script,) = open_catalog().stage().scripts
    assert script.files == 3


OPEN = """
import sys, warnings
warnings.simplefilter("ignore")
import climeri_platform
opened = climeri_platform.open_catalog("CMIP6").open()
print(opened.report.summary())
for dataset in opened.values():
    dataset.load()
climeri_platform.open_catalog("CMIP6").stage().write(sys.argv[1])
climeri_platform.open_catalog().search(variable="tas").stage()
"""


def test_no_offline_file_is_touched(centre, strace):
    files = centre.write(2000, 2001, 2002)
    centre.catalogue()  # all of it was on disk in the night
    centre.release(files[0], files[2])
    log = centre.top / "trace"
    trace = [strace, "-f", "-qq", "-s", "4096", "-e", "trace=%file", "-o", str(log)]
    done = subprocess.run(
        [*trace, sys.executable, "-c", OPEN, str(centre.top / "recalls")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "1 dataset opened" in done.stdout
    assert "2 files" in done.stdout
    calls = {}
    for call, path in re.findall(r"(\w+)\([^\"]*\"([^\"]+\.nc)\"", log.read_text()):
        calls.setdefault(path, set()).add(call)
    look = {"stat", "lstat", "newfstatat", "statx"}
    assert calls[str(files[0])] <= look
    assert calls[str(files[2])] <= look
    assert "openat" in calls[str(files[1])]
    assert not [path for path in files[::2] if path.stat().st_blocks]


def test_files_outside_the_period_are_not_even_looked_at(centre, strace):
    files = centre.write(2000, 2001, 2002)
    centre.catalogue()
    centre.release(files[0], files[2])
    view = open_catalog("CMIP6").view
    (wanted,) = files_to_open(view, recall=False, period=AskedPeriod.parse("2001"))
    assert (wanted.paths, wanted.offline) == ((str(files[1]),), ())
    (wanted,) = files_to_open(view, recall=False, period=AskedPeriod.parse("last_2Y"))
    assert wanted.period.dates.text == "2001/2002"
    assert [path for path, _ in wanted.offline] == [str(files[2])]
    (wanted,) = files_to_open(view, recall=True, period=AskedPeriod.parse("2002"))
    assert wanted.paths == (str(files[2]),)
    (wanted,) = files_to_open(view, recall=False, period=AskedPeriod.parse("1850"))
    assert isinstance(wanted.refusal, DataError)
    assert "the dataset holds 20000101 to 20021231" in wanted.refusal.message
    (wanted,) = files_to_open(view, recall=False, period=AskedPeriod.parse("2000"))
    assert isinstance(wanted.refusal, OnTape)


def test_staged_files_open_without_a_new_catalog(centre):
    files = centre.write(2000, 2001, 2002)
    centre.release(*files)
    centre.catalogue()
    found = open_catalog("CMIP6")
    staged = found.stage()
    assert (staged.files, staged.bytes) == (3, sum(path.stat().st_size for path in files))
    assert str(staged).startswith("test-centre: 3 files, ")
    (script,) = staged.write(centre.top / "a new/folder")
    assert script.name == "recall-test-centre.sh"
    assert script.stat().st_mode & 0o777 == 0o755
    done = centre.run(str(script))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "batch 1 of 1: 3 files\n"
    assert centre.calls() == [["hsm_restore", *map(str, files)]]
    assert found.open()[NAME.format("tas")].sizes["time"] == 36
    assert found.stage().scripts == ()
    assert str(found.stage()) == "nothing that can be recalled is on tape"
    assert found.stage().write(centre.top / "none") == []


def test_a_refused_recall_is_told_by_the_exit_code(centre):
    files = centre.write(2000)
    centre.release(*files)
    centre.catalogue()
    shutil.rmtree(centre.tapes)
    done = centre.run(open_catalog("CMIP6").stage().scripts[0].text)
    assert done.returncode == 1
    assert "some were refused" in done.stderr


def test_what_is_elsewhere_is_recalled_there(centre, monkeypatch):
    files = centre.write(2000, 2001)
    centre.release(files[0])
    centre.catalogue()
    # what a night writes of a root on tape
    table = open_snapshot(centre.top / "catalogs").folder / "CMIP6/files.parquet"
    rows = pl.read_parquet(table)
    rows.with_columns(online=pl.col("path").str.ends_with("200101-200112.nc")).write_parquet(table)
    monkeypatch.setenv("CLIMERI_SITE", "local")
    shutil.move(centre.store, centre.top / "away")
    found = open_catalog("CMIP6")
    monkeypatch.delenv("CLIMERI_TEST_CENTRE")
    (script,) = found.stage().scripts
    assert script.site == "test-centre"
    assert script.files == 1  # the other was on disk when it was catalogued
    assert '"${CLIMERI_TEST_CENTRE}"' in script.text
    assert str(centre.top) not in script.text
    monkeypatch.setenv("CLIMERI_TEST_CENTRE", str(centre.top))
    shutil.move(centre.top / "away", centre.store)
    assert centre.run(script.text).returncode == 0
    assert centre.calls() == [["hsm_restore", str(files[0])]]
    # a variable that is not set there is no path from /
    monkeypatch.delenv("CLIMERI_TEST_CENTRE")
    assert centre.run(script.text).returncode != 0


def test_copies_of_an_archive_that_is_no_file_system(centre, monkeypatch):
    away = centre.top / "away/CMIP6"
    path = monthly(away / PLACE.format("tas", 2000), 2000)
    build_catalog("CMIP6", away, store=centre.top / "catalogs", root_id="CMIP6-archive")
    shutil.rmtree(centre.top / "away")
    (script,) = open_catalog("CMIP6").stage().scripts
    folder = centre.commands()
    program = folder / "ftget"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@" >> "$CLIMERI_TEST_CENTRE/calls"\n: > "$4"\n')
    program.chmod(0o755)
    relative = path.relative_to(away)
    copy = centre.top / "copies" / relative
    for _ in range(2):  # a second run copies nothing again
        done = centre.run(script.text)
        assert done.returncode == 0, done.stderr
        assert copy.is_file()
        said = (centre.top / "calls").read_text()
        assert said == f"-h|archive|/archive/CMIP6/{relative}|{copy}.part|"
    assert not copy.with_name(f"{copy.name}.part").exists()


def test_what_no_profile_can_recall_is_told(centre, monkeypatch, tmp_path):
    files = centre.write(2000)
    centre.release(*files)
    centre.catalogue()
    sites = tmp_path / "profiles"
    sites.mkdir()
    (sites / "lab.yaml").write_text(
        f"site: lab\ntitle: L\nmounts: {{CMIP6-tape: {{path: {centre.store}, tape: true}}}}\n"
    )
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(sites))
    monkeypatch.setenv("CLIMERI_SITE", "lab")
    staged = open_catalog("CMIP6").stage()
    assert staged.scripts == ()
    assert staged.left == ("CMIP6-tape: the profile of lab does not say how to recall it",)


def test_nothing_found_is_nothing_staged(centre):
    centre.write(2000)
    centre.catalogue()
    for catalog in (open_catalog("CMIP6"), open_catalog()):
        with pytest.raises(NothingFound):
            catalog.search(period="1900").stage()


AWKWARD = ["a b.nc", "it's.nc", 'a"b".nc', "new\nline.nc", "$HOME.nc", "${HOME}.nc", "`id`;.nc",
           "-rf", "é.nc", "a\\b.nc", "*.nc", "#x.nc", "a\tb.nc", "!x.nc", "(a)&|<>.nc"]  # fmt: skip
names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def words_of(line):
    """Return what a shell makes of a line: its words, and nothing is run."""
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {line}"],
        check=True,
        capture_output=True,
        env={"STORE": "/s t"},
    )
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@given(st.lists(st.sampled_from(AWKWARD) | names, min_size=1, max_size=30), st.integers(1, 7))
def test_batches_are_limited_and_paths_survive_the_shell(paths, count):
    recall = Recall(command=["lfs", "hsm_restore", "{paths}"], files=count, length=200)
    files = [OnTapeFile(shell_text("${STORE}/it's/"), path) for path in paths]
    batches = list(recall.batches(files))
    assert [each for batch in batches for each in batch] == files
    said = []
    for batch in batches:
        (line,) = recall.lines(batch)
        assert len(batch) <= count
        assert len(batch) == 1 or len(line.encode()) <= 200 + len("lfs hsm_restore ")
        program, word, *those = words_of(line)
        assert (program, word) == ("lfs", "hsm_restore")
        said += those
    assert said == [f"/s t/it's//{path}" for path in paths]


def test_every_awkward_name_is_copied(tmp_path):
    program = tmp_path / "get"
    program.write_text('#!/bin/sh\ncp -- "$1" "$2"\n')
    program.chmod(0o755)
    recall = Recall(command=[str(program), "{path}", "{target}"], into=str(tmp_path / "in to"))
    (tmp_path / "from/x y").mkdir(parents=True)
    files = []
    for name in AWKWARD:
        (tmp_path / "from/x y" / name).write_text(name)
        files.append(OnTapeFile(shlex.quote(str(tmp_path / "from")), f"x y/{name}"))
    subprocess.run(["sh", "-c", "set -u\n" + "\n".join(recall.lines(files))], check=True)
    for name in AWKWARD:
        assert (tmp_path / "in to/x y" / name).read_text() == name


@pytest.mark.parametrize(
    "recall",
    [
        [],
        ["lfs"],
        ["{paths}"],
        ["lfs", "{path}", "{paths}"],
        ["lfs", "--file={path}"],
        ["get", "{path}", "{target}"],
        {"command": ["get", "{path}"], "into": "/x"},
        {"command": ["get", "{paths}", "{target}"], "into": "/x"},
        {"command": ["get", "{path}"], "files": 0},
        {"command": ["get", "{path}", "{target}"], "into": "relative"},
        {"command": ["get", "{path}"], "colour": "red"},
    ],
)
def test_a_command_that_makes_no_sense_is_refused(recall):
    with pytest.raises(ValueError, match="recall"):
        Mount(path="/x", tape=True, recall=recall)


def test_what_is_looked_at(tmp_path):
    whole, released, empty = (tmp_path / name for name in ("whole", "released", "empty"))
    whole.write_bytes(b"x" * 5000)
    empty.touch()
    released.touch()
    os.truncate(released, 10**9)
    os.sync()
    files = [(str(whole), False), (str(released), True), (str(empty), None), (f"{whole}-", False)]
    assert bytes_offline(files) == [None, 10**9, None, None]
    # of a store, a directory, only the catalog knows
    assert bytes_offline([(str(tmp_path), None), (str(tmp_path), False)]) == [None, 0]
    assert bytes_offline([(str(released), None)] * 50) == [10**9] * 50


@pytest.mark.parametrize("call", ["replace", "fsync", "fchmod"])
def test_a_script_is_there_whole_or_as_it_was(centre, monkeypatch, call):
    files = centre.write(2000)
    centre.release(*files)
    centre.catalogue()
    staged = open_catalog("CMIP6").stage()
    (script,) = staged.write(centre.top)
    before = script.read_bytes()

    def fails(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((Path, call) if call == "replace" else (os, call)), fails)
    with pytest.raises(UsageError, match="No space left"):
        staged.write(centre.top)
    assert script.read_bytes() == before
    assert list(centre.top.glob("*recall-*")) == [script]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        Staging().write(tmp_path / "file" / "folder")


def test_the_command_line(centre, capsys):
    files = centre.write(2000, 2001)
    centre.release(files[0])
    centre.catalogue()

    def run(*words):
        code = front.run(["stage", *words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    code, text, told = run("CMIP6", "variable=tas")
    assert (code, told.splitlines()[0][:20]) == (0, "test-centre: 1 file,")
    assert text.startswith("#!/bin/sh\n# A centre that exists in tests only: 1 file,")
    assert run("variable=tas")[1] == text
    code, out, _ = run("CMIP6", "--to", str(centre.top / "out"))
    assert (code, out) == (0, f"{centre.top}/out/recall-test-centre.sh\n")
    assert Path(out.strip()).read_text() == text
    said = json.loads(run("CMIP6", "--json")[1])
    assert [each["files"] for each in said["scripts"]] == [1]
    assert said["written"] == said["left"] == []
    assert run("CMIP6", "--period", "1850")[0] == 3
    assert run("CMIP6", "colour=red")[0] == 2


def test_two_centres_want_a_script_each(centre, capsys, monkeypatch):
    centre.release(*centre.write(2000))
    centre.catalogue()
    monkeypatch.setenv("CLIMERI_SITES_DIR", str(centre.top / "profiles"))
    (centre.top / "profiles").mkdir()
    (centre.top / "profiles/lab.yaml").write_text(
        "site: lab\ntitle: L\nmounts: {far: {path: /far, tape: true, recall: [get, '{path}']}}\n"
    )
    far = centre.top / "far"
    monthly(far / PLACE.format("pr", 2000), 2000, "pr")
    build_catalog("CMIP6", far, store=centre.top / "catalogs", root_id="far")
    shutil.rmtree(far)
    assert front.run(["stage", "CMIP6"]) == 2
    assert "--to FOLDER" in capsys.readouterr().err
    assert front.run(["stage", "CMIP6", "--to", str(centre.top / "out")]) == 0
    assert sorted(path.name for path in (centre.top / "out").iterdir()) == [
        "recall-lab.sh",
        "recall-test-centre.sh",
    ]
    text = (centre.top / "out/recall-lab.sh").read_text()
    assert f"get /far/{PLACE.format('pr', 2000)} || failed=1\n" in text
