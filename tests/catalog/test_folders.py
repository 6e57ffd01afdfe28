"""Trusted directories: a night that does not list them gives what one does that lists them all."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.folders import Folders, Noted, Trust
from climeri_platform.catalog.scan import Walking, compare_root, scan_root

CMIP6 = load_family("CMIP6")
TAS = "CMIP6/CMIP/IPSL/{}/historical/r1i1p1f1/Amon/tas/gr"
VERSION = "v20200101"
MONTH = 30 * 86_400
later = itertools.count(1)


def name(model="A", span="185001-194912"):
    return f"tas_Amon_{model}_historical_r1i1p1f1_gr_{span}.nc"


class Archive:
    """A root that is scanned night after night by what the last night learned."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.root.mkdir()
        self.table, self.beside = folder / "files.parquet", folder
        self.known = None
        self.listed = set()

    def put(self, model="A", span="185001-194912", version=VERSION, text="x"):
        file = self.root / TAS.format(model) / version / name(model, span)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def touch(self, *folders):
        """Give directories times that they never had: the clock of the file system is coarse."""
        for each in folders:
            os.utime(each, ns=(0, next(later)))

    def night(self, *, nights=1000, mark=None, age=0, **how):
        """Return what a night that trusts finds, and check it against one that does not."""
        known = self.known or Noted("", "", 0)
        trust = Trust(
            str(self.beside / f"folders-{next(later)}.parquet"),
            nights,
            known.path or None,
            known.mark if mark is None else mark,
        )
        table = pl.scan_parquet(self.table, glob=False) if self.table.exists() else None
        found = compare_root(
            CMIP6, self.root, "r", known=table, trust=trust, how=Walking(**how) if how else None
        )
        whole = found.whole()
        if "seconds" not in how:
            self.same(whole, scan_root(CMIP6, self.root, "r"))
        whole.files.write_parquet(self.table)
        # in the meantime the clock went on: what was listed just now is no longer fresh
        notes = pl.read_parquet(found.folders.path)
        before = pl.col("listed") - age * 10**9 if age else pl.col("listed") + 10**10
        notes.with_columns(listed=before).write_parquet(found.folders.path)
        self.known = found.folders
        return found

    @staticmethod
    def same(one, other):
        assert one.files.equals(other.files)
        assert one.rejected.equals(other.rejected)
        for each in one.skipped.__slots__:
            assert getattr(one.skipped, each) == getattr(other.skipped, each), each


@pytest.fixture
def archive(tmp_path):
    """Three models of two files each, of which a first night knows."""
    made = Archive(tmp_path)
    for model, span in itertools.product("ABC", ("185001-194912", "195001-201412")):
        made.put(model, span)
    made.night()
    return made


@pytest.fixture
def listed(monkeypatch):
    """Return the directories that are listed."""
    seen = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": seen.append(str(path)) or real(path))
    return seen


def test_a_tree_that_nobody_changed_is_not_listed(archive, listed, monkeypatch):
    monkeypatch.setattr(Archive, "same", lambda *_: None)
    found = archive.night(nights=10**6)
    assert len(listed) == 1  # the share of tonight: one directory
    assert (found.files, found.fresh.height) == (6, 0)
    assert found.folders.unlisted == 31 - 1
