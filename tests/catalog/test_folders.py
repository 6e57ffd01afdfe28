"""Trusted directories: a night that does not list them gives what one does that lists them all."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import folders
from climeri_platform.catalog.family import load_family
from climeri_platform.catalog.folders import Noted, Trust
from climeri_platform.catalog.scan import Walking, compare_root

CMIP6 = load_family("CMIP6")
GRID = "CMIP6/CMIP/IPSL/{}/historical/r1i1p1f1/Amon/tas/gr"
OLD, NEW = "v20200101", "v20210101"
EARLY, LATE = "185001-194912", "195001-201412"
ABOVE, BELOW = 4, 7  # directories: the root to IPSL, and those of a model
later = itertools.count(1)


def name(model="A", span=EARLY):
    return f"tas_Amon_{model}_historical_r1i1p1f1_gr_{span}.nc"


class Archive:
    """A root that is scanned night after night, by what the night before learned."""

    def __init__(self, folder):
        self.root, self.beside, self.table = folder / "root", folder, folder / "files.parquet"
        self.root.mkdir()
        self.known = Noted("", "", 0)
        self.listed = []

    def folder(self, model="A", version=OLD):
        return self.root / GRID.format(model) / version

    def put(self, model="A", span=EARLY, version=OLD, text="x"):
        file = self.folder(model, version) / name(model, span)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def compare(self, *, nights=1000, mark=None, **how):
        """Return what a night finds that trusts, with what the last one learned."""
        to = str(self.beside / f"folders-{next(later)}.parquet")
        known = self.known
        trust = Trust(to, nights, known.path or None, known.mark if mark is None else mark)
        table = pl.scan_parquet(self.table, glob=False) if self.table.exists() else None
        self.listed, real = [], os.scandir
        top = len(str(self.root)) + 1
        with pytest.MonkeyPatch.context() as patched:
            seen = self.listed
            patched.setattr(os, "scandir", lambda path: seen.append(path[top:]) or real(path))
            return compare_root(CMIP6, self.root, "r", known=table, trust=trust, how=Walking(**how))

    def keep(self, found, *, age=0):
        """Keep what a night found, as a snapshot does, as if it were some seconds ago."""
        whole(found).files.write_parquet(self.table)
        notes = pl.read_parquet(found.folders.path)
        back = notes.with_columns(listed=pl.col("listed") - age * 10**9)
        back.write_parquet(found.folders.path)
        self.known = found.folders

    def night(self, but=(), **how):
        """Return what a night finds; it must be what one finds that lists everything."""
        found = self.compare(**how)
        same(whole(found), whole(compare_root(CMIP6, self.root, "r")), but)
        self.keep(found)
        return found


def whole(found):
    """All that was found, with the rows of files that are as they were."""
    rows = found.in_table(None).fresh.sort("path")
    return SimpleNamespace(files=rows, rejected=found.rejected, skipped=found.skipped)


def same(one, other, but=()):
    assert one.files.drop(but).equals(other.files.drop(but))
    assert one.rejected.equals(other.rejected)
    for each in one.skipped.__slots__:
        assert getattr(one.skipped, each) == getattr(other.skipped, each), each


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Let directories be trusted that changed just before they were listed: nights are short here."""
    with monkeypatch.context() as patched:
        patched.setattr(folders, "_SETTLED", -(10**10))
        yield patched


@pytest.fixture
def archive(tmp_path):
    """Three models of two files each, and a first night that knows them."""
    made = Archive(tmp_path)
    for model, span in itertools.product("ABC", (EARLY, LATE)):
        made.put(model, span)
    made.night()
    return made


def test_a_tree_that_nobody_changed_is_not_listed(archive):
    found = archive.night()
    assert len(archive.listed) == 1  # the share of this night
    assert (found.files, found.fresh.height) == (6, 0)
    assert found.folders.unlisted == ABOVE + 3 * BELOW - 1


def _gone(archive):
    (archive.folder() / name()).unlink()


def _moved(archive):
    (archive.folder() / name()).rename(archive.folder() / name(span="185001-186012"))


def _between(archive):
    (archive.folder("A") / name("A")).rename(archive.folder("B") / name("A"))


def _replaced(archive):
    (archive.beside / "other").write_text("longer")
    (archive.beside / "other").rename(archive.folder() / name())


def _no_model(archive):
    shutil.rmtree(archive.root / "CMIP6/CMIP/IPSL/A")


def _another_model(archive):
    models = archive.root / "CMIP6/CMIP/IPSL"
    (models / "A").rename(archive.beside / "A")
    (models / "B").rename(models / "A")


def _link_to_elsewhere(archive):
    models = archive.root / "CMIP6/CMIP/IPSL"
    (models / "A").rename(archive.beside / "A")
    (models / "A").symlink_to(archive.beside / "A")


def _file_in_its_place(archive):
    shutil.rmtree(archive.folder())
    archive.folder().write_text("no directory")


def _latest(archive):
    archive.put(version=NEW)
    (archive.folder().parent / "latest").symlink_to(NEW)


def _hard_link(archive):
    os.link(archive.folder() / name(), archive.folder() / name(span="185001-186012"))


def _shared_by_versions(archive):
    archive.folder(version=NEW).mkdir()
    os.link(archive.folder() / name(), archive.folder(version=NEW) / name())


def _files_beside(archive):
    kept = archive.folder().parent / "files/d20200101"
    kept.mkdir(parents=True)
    os.link(archive.folder() / name(), kept / name())
    (archive.folder() / name(span=LATE)).rename(kept / name(span=LATE))
    (archive.folder() / name(span=LATE)).symlink_to(kept / name(span=LATE))


def _store(archive):
    (archive.folder() / name().replace(".nc", ".zarr")).mkdir()


def _other_file(archive):
    (archive.folder() / "README").write_text("x")


def _rejected(archive):
    (archive.folder() / "tas.nc").write_text("x")
    (archive.folder() / name(span="000000-000000")).write_text("")


def _not_text(archive):
    folder = os.fsencode(archive.folder().parent)
    os.makedirs(folder + b"/v\xff/below")  # noqa: PTH103 - bytes
    Path(os.fsdecode(folder + b"/v\xff/below/tas.nc")).write_text("x")
    Path(os.fsdecode(os.fsencode(archive.folder()) + b"/\xff.nc")).write_text("x")


def _empty(archive):
    archive.folder(version=NEW).mkdir()


CHANGES = {
    "a new file": lambda archive: archive.put(span="201501-201512"),
    "a file less": _gone,
    "another name": _moved,
    "another place": _between,
    "another file of that name": _replaced,
    "a new version": lambda archive: archive.put(version=NEW),
    "a new model": lambda archive: archive.put("D"),
    "a model less": _no_model,
    "another model of that name": _another_model,
    "a link in its place": _link_to_elsewhere,
    "a file in its place": _file_in_its_place,
    "a link latest": _latest,
    "two names of one file": _hard_link,
    "files beside the versions": _files_beside,
    "a store": _store,
    "another kind of file": _other_file,
    "files that are rejected": _rejected,
    "names that are no text": _not_text,
    "an empty directory": _empty,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("walkers", [1, 4])
def test_a_change_is_found_in_the_next_night(archive, change, walkers):
    change(archive)
    archive.night(walkers=walkers)
    # what is no longer as it was has an end too, and so has what never was plain
    quiet = archive.night(walkers=walkers)
    assert quiet.fresh.height <= 2  # links: they are read each night
    assert quiet.folders.unlisted >= BELOW
    archive.put("C", "201501-201512")
    archive.night(walkers=walkers)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_back_is_found_too(archive, change):
    shutil.copytree(archive.root, archive.beside / "before", symlinks=True)
    change(archive)
    archive.night()
    shutil.rmtree(archive.root)
    (archive.beside / "before").rename(archive.root)
    archive.night()


def test_a_file_that_two_versions_share(archive):
    """A new name changes the card of the file, in a directory that is as it was."""
    _shared_by_versions(archive)
    found = archive.night(but=["ctime"])
    assert (found.files, found.skipped.shared) == (7, 1)
    rows = whole(archive.compare()).files
    assert rows.filter(pl.col("inode").is_duplicated())["ctime"].n_unique() == 2
    archive.night(nights=1)


def test_a_file_beside_the_versions_that_a_version_gets_too(archive):
    """A copy, which no inode tells: names do, of all that stands there."""
    beside = archive.folder("D").parent / "files/d20200101"
    beside.mkdir(parents=True)
    (beside / name("D")).write_text("x")
    archive.night()
    archive.night()
    archive.put("D")
    found = archive.night()
    assert (found.files, len(found.skipped.repeated)) == (7, 1)


def test_a_directory_that_is_away_is_news_of_the_one_above(archive):
    """Even if that one has the time that it had: two changes of one tick."""
    above = archive.folder().parent
    shutil.rmtree(archive.folder())
    notes = pl.read_parquet(archive.known.path)
    here, now = pl.col("path") == str(above.relative_to(archive.root)), above.stat()
    stamp = {"mtime": now.st_mtime_ns, "ctime": now.st_ctime_ns}
    as_if = [pl.when(here).then(at).otherwise(each).alias(each) for each, at in stamp.items()]
    notes.with_columns(as_if).write_parquet(archive.known.path)
    found = archive.night()
    assert (found.files, found.skipped.gone) == (4, [])
    assert found.folders.unlisted > BELOW


def test_the_link_latest_is_moved(archive):
    _latest(archive)
    archive.night()
    assert archive.night().skipped.notes == []
    (archive.folder().parent / "latest").unlink()
    (archive.folder().parent / "latest").symlink_to(OLD)
    assert len(archive.night().skipped.notes) == 1


def test_where_a_link_leads_is_looked_at_each_night(archive):
    (archive.beside / "elsewhere.nc").write_text("x")
    (archive.folder() / name(span="201501-201512")).symlink_to(archive.beside / "elsewhere.nc")
    archive.night()
    (archive.beside / "elsewhere.nc").write_text("longer")
    assert archive.night().fresh["size"].to_list() == [6]
    (archive.beside / "elsewhere.nc").unlink()
    assert [why for _, why in archive.night().skipped.unreadable] == ["dangling link"]


def test_a_file_that_was_rewritten_is_found_within_the_nights_and_not_before(archive):
    """The price: its directory does not know."""
    count, nights = ABOVE + 3 * BELOW, 5
    (archive.folder("C") / name("C")).write_text("rewritten")
    found, seen = [], []
    for _ in range(nights):
        night = archive.compare(nights=nights)
        assert len(archive.listed) >= count // nights
        seen += archive.listed
        found.append(night.fresh["size"].to_list())
        # the clock goes on without making the old ones older than the new ones
        notes = pl.read_parquet(night.folders.path)
        archive.keep(night, age=0)
        assert notes.height == count
    assert max(found) == [9]
    assert sorted(found)[:-1] == [[]] * (nights - 1)
    assert {*seen} == {*notes["path"]}  # each directory


def test_nights_that_were_missed_are_made_up_for(archive):
    archive.keep(archive.compare(), age=31 * 86_400)
    archive.night(nights=30)
    assert len(archive.listed) == ABOVE + 3 * BELOW


def test_a_clock_that_was_set_back_lists_all(archive):
    archive.keep(archive.compare(), age=-86_400)
    archive.night()
    assert len(archive.listed) == ABOVE + 3 * BELOW


def test_what_changed_just_before_it_was_listed_is_listed_again(archive, settled):
    """Times of a file system are coarse: two changes, and a listing between them, may have one."""
    folder = archive.put("D").parent
    archive.keep(archive.compare())
    before = folder.stat()
    archive.put("D", LATE)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    here = pl.col("path") == str(folder.relative_to(archive.root))
    notes = pl.read_parquet(archive.known.path)
    # nobody can set this one: as if it were the same
    ctime = pl.when(here).then(folder.stat().st_ctime_ns).otherwise("ctime")
    notes.with_columns(ctime=ctime).write_parquet(archive.known.path)
    assert archive.compare().fresh.height == 0
    settled.undo()
    assert archive.night().fresh.height == 1


def test_what_comes_while_its_directory_is_listed_is_found_in_the_next_night(archive, monkeypatch):
    real = os.scandir
    archive.put("D")

    def slow(path):
        with real(path) as found:
            entries = list(found)
        if str(path).endswith(f"D/historical/r1i1p1f1/Amon/tas/gr/{OLD}"):
            archive.put("D", LATE)
        return contextlib.nullcontext(entries)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", slow)
        found = archive.compare()
    assert found.fresh.height == 1
    archive.keep(found)
    assert archive.night().fresh.height == 1


@pytest.mark.parametrize("below", ["", "CMIP6/CMIP/IPSL/A", f"{GRID.format('A')}/{OLD}"])
def test_a_directory_that_may_no_longer_be_read(archive, below, monkeypatch):
    real = os.scandir
    place = f"{archive.root}/{below}"

    def refuses(path):
        if str(path) == place:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    folder = Path(place)
    folder.chmod(0o700)  # whatever it is, its card changes
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refuses)
        for _ in range(2):  # it is told each night
            found = archive.night()
            assert found.skipped.unreadable == [(below or ".", "Permission denied")]
            assert found.skipped.unseen == [below]
    assert archive.night().files == 6


def test_a_directory_that_the_time_did_not_allow_is_not_known(archive):
    for model in "DEF":
        archive.put(model)
    found = archive.compare(seconds=1e-9)
    assert found.skipped.pending == [""]
    archive.keep(found)
    assert pl.read_parquet(found.folders.path)["plain"].to_list() == [False]
    archive.night(first=("",))
    assert len(archive.listed) == ABOVE + 6 * BELOW
    archive.night()
    assert len(archive.listed) == 1


@pytest.mark.parametrize("calls", range(0, 60, 7))
def test_the_time_is_up_in_the_midst(archive, monkeypatch, calls):
    """What was not reached is stale in the table; the next night has to look at it."""
    for model in "ABCD":
        archive.put(model, "201501-201512")
    clock = itertools.count()
    with monkeypatch.context() as patched:
        patched.setattr(folders, "_CHUNK", 1)
        patched.setattr(time, "monotonic", lambda: next(clock))
        found = archive.compare(seconds=calls + 0.5)
    rows = whole(found).files
    last = pl.read_parquet(archive.table)
    left = last.join(rows, on="path", how="anti").with_columns(stale=pl.lit("2026-01-01"))
    archive.keep(found)
    pl.concat([rows.with_columns(stale=pl.lit(None, pl.String)), left]).write_parquet(archive.table)
    assert left.height + rows.height >= 6
    archive.night(first=tuple(found.skipped.pending))
    archive.put("B", "201601-201612")
    archive.night()


def test_with_what_a_walk_has_to_begin_is_listed(archive):
    begin = GRID.format("B")
    found = archive.night(first=(begin,))
    assert begin in archive.listed
    assert archive.listed.count(begin) == 1
    assert found.folders.unlisted >= 2 * BELOW
    assert archive.night().folders.unlisted == ABOVE + 3 * BELOW - 1


def test_rows_that_are_not_those_of_the_listing_cost_a_listing(archive):
    """Stale rows, rows that somebody took out: a directory is trusted with its rows only."""
    rows = pl.read_parquet(archive.table)
    gone = pl.col("path").str.contains("/A/") & pl.col("path").str.contains(LATE)
    rows.filter(~gone).write_parquet(archive.table)
    assert archive.night().fresh.height == 1
    rows = pl.read_parquet(archive.table)
    rows.with_columns(
        stale=pl.when(pl.col("path").str.contains("/B/")).then(pl.lit("2026-01-01"))
    ).write_parquet(archive.table)
    assert archive.night().fresh.height == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"PAR1 and no more"),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: pl.read_parquet(path).drop("inode").write_parquet(path),
        lambda path: pl.read_parquet(path).with_columns(of=pl.lit("other 1")).write_parquet(path),
        lambda path: pl.concat([pl.read_parquet(path)] * 2).write_parquet(path),
    ],
    ids=["missing", "no table", "half", "a column less", "of another root", "twice"],
)
def test_notes_that_cannot_be_used_are_none(archive, damage):
    damage(Path(archive.known.path))
    assert archive.night().folders.unlisted == 0
    assert archive.night().folders.unlisted > 0


def test_notes_of_another_night_are_none(archive):
    assert archive.night(mark="1").folders.unlisted == 0


def test_without_rows_nothing_is_trusted(archive):
    archive.table.unlink()
    assert archive.night().files == 6
    assert len(archive.listed) >= 3  # the directories of the files


@pytest.mark.parametrize("tick", [0, 10**9])
def test_a_large_directory_is_shared_by_walkers(archive, tick):
    for year in range(1850, 2000):
        archive.put("D", f"{year}01-{year}12")
    archive.night(walkers=4)
    assert archive.night(walkers=4, calls_per_second=10**6 + tick).fresh.height == 0
    assert archive.known.unlisted == ABOVE + 4 * BELOW - 1


MODELS, VERSIONS, SPANS = (
    st.sampled_from("AB"),
    st.sampled_from([OLD, NEW]),
    st.sampled_from([EARLY, LATE]),
)
FILES = st.tuples(MODELS, VERSIONS, SPANS)
LEVELS = st.integers(0, 3)  # above a file's directory


def _folder(archive, file, up=0):
    model, version, _ = file
    folder = archive.folder(model, version)
    return folder.parents[up - 1] if up else folder


def _file(archive, file):
    return _folder(archive, file) / name(file[0], file[2])


def _change(archive, kind, one, other, up):  # noqa: C901 - a list of kinds
    """Change a tree as people and tools do; a file's content only under a new name."""
    here, there = _file(archive, one), _file(archive, other)
    if kind in {"put", "link", "name"}:
        _folder(archive, one).mkdir(parents=True, exist_ok=True)
    beside = archive.beside / f"beside-{next(later)}"
    if kind == "put":
        beside.write_text("x" * (next(later) % 5))  # an empty one is refused
        beside.rename(here)
    elif kind == "remove":
        here.unlink(missing_ok=True)
    elif kind == "link" and there.is_file() and not os.path.lexists(here):
        os.link(there, here)
    elif kind == "name" and there.is_file() and not os.path.lexists(here):
        here.symlink_to(there)
    elif kind == "other" and _folder(archive, one, up).is_dir():
        (_folder(archive, one, up) / "notes.txt").touch()
    elif kind == "latest" and (above := _folder(archive, one, 1)).is_dir():
        (above / "latest").unlink(missing_ok=True)
        (above / "latest").symlink_to(one[1])
    elif kind == "empty":
        (_folder(archive, one, up) / "empty").mkdir(parents=True, exist_ok=True)
    elif kind == "cut":
        shutil.rmtree(_folder(archive, one, up), ignore_errors=True)
    elif kind == "move":
        away, to = _folder(archive, one, up), _folder(archive, other, up)
        if away.is_dir() and to.parent.is_dir() and not to.exists():
            away.rename(to)


CHANGED = st.tuples(
    st.sampled_from(
        ["put"] * 4 + ["remove", "link", "name", "other", "latest", "empty", "cut", "move"]
    ),
    FILES,
    FILES,
    LEVELS,
)


@given(
    nights=st.lists(st.lists(CHANGED, max_size=4), min_size=2, max_size=5),
    share=st.sampled_from([1, 2, 1000]),
    walkers=st.sampled_from([1, 3]),
)
@settings(max_examples=20, deadline=None)
def test_whatever_changes_a_night_that_trusts_gives_what_a_whole_one_gives(nights, share, walkers):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(folders, "_SETTLED", -(10**10))
        archive = Archive(Path(folder))
        archive.put("B")
        archive.night()
        for changes in nights:
            for each in changes:
                _change(archive, *each)
            # a second name of a file changes its card, and no directory of the first
            archive.night(but=["ctime"], nights=share, walkers=walkers)
