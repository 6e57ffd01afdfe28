"""Which headers a night reads: new, changed, never read, and a share of the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import yaml

from climeri_platform.catalog import load_family, open_snapshot
from climeri_platform.catalog.heading import files_to_read, read_some, with_headers
from climeri_platform.catalog.publish import roll_back
from climeri_platform.catalog.refresh import refresh
from climeri_platform.catalog.renewal import renew, same_files
from climeri_platform.catalog.scan import compare_root
from climeri_platform.catalog.tables import ROW_COLUMNS

MODEL = "CMIP6/ScenarioMIP"


@pytest.fixture
def night(real_data, tmp_path):
    """A small copy of a real tree, whose source declares headers."""
    shutil.copytree(
        real_data / "mini-esgf/test_data/badc/cmip6/data" / MODEL, tmp_path / "root" / MODEL
    )
    (tmp_path / "sources").mkdir()
    source = {"root": "r", "path": str(tmp_path / "root"), "family": "CMIP6", "headers": True}
    (tmp_path / "sources/r.yaml").write_text(yaml.safe_dump({"sources": [source]}))

    def night():
        return refresh("local", store=tmp_path / "store", sources=tmp_path / "sources")

    night.store, night.root, night.sources = (
        tmp_path / "store",
        tmp_path / "root",
        tmp_path / "sources",
    )
    night.rows = lambda: open_snapshot(tmp_path / "store").read("CMIP6", "files")
    return night


def test_headers_reach_the_rows_and_stay(night):
    (told,) = night().roots
    first = night.rows()
    assert told.headers == first.height > 1
    assert first["header_read"].null_count() == 0
    # fixed fields have no time, and so no calendar
    assert first.filter(pl.col("calendar").is_null())["table_id"].unique().to_list() == ["fx"]
    assert first["tracking_id"].n_unique() == first.height
    (again,) = night().roots
    assert again.headers == 0
    assert night.rows().equals(first)


def test_headers_outlive_a_rollback_while_the_night_runs(night, monkeypatch):
    night()
    first = open_snapshot(night.store).name
    path = night.root / night.rows()["path"][0]
    newer = path.parents[1] / "v29990101"
    newer.mkdir()
    shutil.copy(path, newer)
    night()
    read = night.rows()
    module = sys.modules[refresh.__module__]
    real = module._read_headers

    def later(*given):
        real(*given)
        roll_back(night.store, first)

    monkeypatch.setattr(module, "_read_headers", later)
    night()
    assert night.rows().equals(read)


def test_a_changed_file_is_read_again_and_no_other(night):
    night()
    changed = night.root / night.rows()["path"][0]
    times = changed.stat()
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns + 10**9))
    (told,) = night().roots
    assert (told.changed, told.headers) == (1, 1)


def test_nothing_changed_opens_no_file(night):
    words = ["catalog", "refresh", "--store", str(night.store), "--sources", str(night.sources)]
    program = [sys.executable, "-c", "from climeri_platform.cli import main; main()", *words]

    def opened():
        log = night.store.with_name("trace")
        trace = ["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", str(log)]
        subprocess.run([*trace, *program], check=True, capture_output=True)
        return set(re.findall(r'open\w*\([^"]*"([^"]+\.nc)"', log.read_text()))

    first = opened()
    rows = night.rows()
    assert first == {str(night.root / each) for each in rows["path"]}
    assert opened() == set()


def renewal_of(night, *, read_on=None, known=False):
    """What a second night sees, from names read again or from what is known."""
    family = load_family("CMIP6")
    snapshot = open_snapshot(night.store)
    table = snapshot.folder / "CMIP6/files.parquet" if known else None
    frame = pl.scan_parquet(table) if known else None
    found = replace(compare_root(family, night.root, "r", known=frame), known_at=table)
    renewed = renew(snapshot, family, "r", str(night.root), found)
    assert bool(len(renewed.kept)) == known
    return renewed if read_on is None else marked(renewed, header_read=pl.Series(read_on))


def marked(renewed, **columns):
    return replace(
        renewed,
        fresh=renewed.fresh.with_columns(**columns) if renewed.fresh.height else renewed.fresh,
        table=renewed.table.with_columns(**columns),
    )


@pytest.fixture(params=[False, True], ids=["read again", "known"])
def known(request):
    return request.param


def test_a_share_of_the_others_is_read_again_the_longest_unread_first(night, known):
    night()
    count = night.rows().height
    today = date(2026, 6, 30)
    days = [(today - timedelta(days=1 + number)).isoformat() for number in range(count)]

    def wanted_of(read_on, nights):
        renewed = renewal_of(night, read_on=read_on, known=known)
        return files_to_read(renewed, nights=nights, today=today)

    wanted = wanted_of(days, count)
    assert wanted["header_read"].to_list() == [min(days)]
    assert wanted_of(days, 1).height == count
    same = [today.isoformat()] * count
    assert wanted_of(same, 1).height == 0
    long_ago = ["2020-01-01"] * count
    assert wanted_of(long_ago, 30).height == count
    in_order = wanted_of(days, 1)["header_read"].to_list()
    assert in_order == sorted(days)


def test_what_is_on_tape_or_not_seen_is_never_opened(night, known):
    night()
    renewed = renewal_of(night, read_on=["2020-01-01"] * night.rows().height, known=known)
    assert files_to_read(renewed, nights=1).height
    for mark in ({"online": pl.lit(value=False)}, {"stale": pl.lit("2026-01-01")}):
        assert files_to_read(marked(renewed, **mark), nights=1).height == 0


def test_what_was_read_reaches_files_that_were_known(night, tmp_path):
    night()
    renewed = renewal_of(night, known=True)
    unread = marked(
        renewed, **{each: pl.lit(None, ROW_COLUMNS[each]) for each in ("units", "header_read")}
    )
    some = night.rows()["path"].sort()[:2].to_list()
    wanted = files_to_read(unread, nights=1).filter(pl.col("path").is_in(some))
    said = read_some(wanted, unread, tmp_path / "journal")
    told = with_headers(unread, said)
    assert sorted(told.fresh["path"]) == some
    assert len(told.kept) == len(unread.kept) - 2
    assert not set(told.rows(told.kept, "path")["path"]) & set(some)
    assert told.fresh["units"].null_count() == 0
    assert (told.new, told.changed, told.gone) == (0, 0, 0)


def test_a_killed_night_does_not_open_a_file_twice(night, tmp_path, monkeypatch):
    night()
    monkeypatch.setattr("climeri_platform.catalog.heading._BATCH", 2)
    renewed = renewal_of(night)
    wanted = renewed.fresh
    assert wanted.height > 2

    class Killed(Exception):
        pass

    def kill(_):
        raise Killed

    with pytest.raises(Killed):
        read_some(wanted, renewed, tmp_path / "journal", progress=kill)
    read: list[int] = []
    said = read_some(wanted, renewed, tmp_path / "journal", progress=read.append)
    assert read[-1] == wanted.height - 2
    assert said.height == wanted.height
    assert with_headers(renewed, said).fresh["header_read"].null_count() == 0


def test_headers_of_files_that_changed_since_are_not_believed(night, tmp_path):
    night()
    renewed = renewal_of(night)
    said = read_some(renewed.fresh, renewed, tmp_path / "journal")
    unread = renewed.fresh.with_columns(
        size=pl.col("size") + 1, tracking_id=pl.lit(None, pl.String)
    )
    told = with_headers(replace(renewed, fresh=unread), said)
    assert told.fresh["tracking_id"].null_count() == unread.height
    assert said["header_read"].unique().to_list() == [datetime.now(UTC).date().isoformat()]


def test_what_was_read_once_outlives_an_error_that_passes(night, tmp_path):
    night()
    renewed = renewal_of(night)
    said = read_some(renewed.fresh, renewed, tmp_path / "journal")
    failed = said.with_columns(
        pl.lit("Input/output error").alias("header_problem"), units=pl.lit(None, pl.String)
    )
    read = renewed.fresh.with_columns(header_read=pl.lit("2026-01-01"))
    rows = with_headers(replace(renewed, fresh=read), failed).fresh
    assert rows["units"].equals(read["units"])
    assert set(rows["header_read"]) == {"2026-01-01"}
    assert set(rows["header_problem"]) == {"Input/output error"}


def test_a_damaged_journal_is_read_again(night, tmp_path):
    night()
    renewed = renewal_of(night)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal/000000.parquet").touch()
    assert read_some(renewed.fresh, renewed, tmp_path / "journal").height == renewed.fresh.height


def test_what_an_older_walk_did_not_know_is_no_change(night):
    night()
    now = renewal_of(night).fresh
    ignorant = now.with_columns(ctime=pl.lit(None, pl.Int64), inode=pl.lit(None, pl.UInt64))
    assert same_files(now, ignorant).height == now.height
    assert not same_files(now, ignorant.with_columns(size=pl.col("size") + 1)).height
