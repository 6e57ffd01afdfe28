"""Walking: what is met is taken once, counted, or named; nothing stops the walk."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from climeri_platform.catalog import walkers as many
from climeri_platform.catalog.walk import Skipped, Walking, check_root, walk
from climeri_platform.core.errors import RootUnusable

# nothing is closed to root, so that it becomes somebody else
SOMEBODY = "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Have all walkers come at once: no tree of a test keeps one waiting."""
    monkeypatch.setattr(many, "_TRIAL", 0.0)
    monkeypatch.setattr(many, "_SLEEPS", 0.0)


def taken(root, **how):
    skipped = Skipped()
    found = {
        f"{place}/{each.name}" if place else each.name: each
        for place, files in walk(check_root(root), skipped, Walking(**how))
        for each in files
    }
    return found, skipped


def test_sizes_and_times_are_those_of_the_files(plant):
    root = plant(["a/b/one.nc", "two.nc4"])
    (root / "a/b/one.nc").write_bytes(b"12345")
    os.utime(root / "a/b/one.nc", ns=(1, 123_456_789))
    found, skipped = taken(root)
    assert set(found) == {"a/b/one.nc", "two.nc4"}
    assert (found["a/b/one.nc"].size, found["a/b/one.nc"].mtime) == (5, 123_456_789)
    assert (skipped.other, skipped.links, skipped.unreadable) == (0, [], [])


def test_other_files_are_counted(plant):
    _, skipped = taken(plant(["a.nc", "a.nc.md5", "b.txt", "c/.nc/d", "grid.NC"]))
    assert skipped.other == 4


def test_directory_links_are_not_followed_and_file_links_are(plant):
    root = plant(["v1/a.nc"])
    (root / "latest").symlink_to("v1")
    (root / "loop").symlink_to(".")
    (root / "v1" / "up").symlink_to(root)
    (root / "v1" / "linked.nc").symlink_to("a.nc")
    found, skipped = taken(root)
    assert set(found) == {"v1/a.nc", "v1/linked.nc"}
    assert sorted(skipped.links) == ["latest", "loop", "v1/up"]
    assert found["v1/linked.nc"].size == 1


def test_dangling_links_and_links_to_themselves_are_named(plant):
    root = plant(["a.nc"])
    (root / "gone.nc").symlink_to("nowhere.nc")
    (root / "self.nc").symlink_to("self.nc")
    (root / "other").symlink_to("nowhere")
    found, skipped = taken(root)
    assert set(found) == {"a.nc"}
    assert sorted(skipped.unreadable) == [
        ("gone.nc", "dangling link"),
        ("other", "dangling link"),
        ("self.nc", "dangling link"),
    ]


def test_what_is_no_file_is_not_opened(plant):
    root = plant(["a.nc"])
    os.mkfifo(root / "pipe.nc")
    (root / "directory.nc").mkdir()
    found, skipped = taken(root)
    assert set(found) == {"a.nc"}
    assert skipped.other == 1


def test_a_directory_that_may_not_be_read_costs_that_directory(plant, monkeypatch):
    root = plant(["open/a.nc", "closed/b.nc", "closed/deep/c.nc"])
    real = os.scandir

    def guarded(path):
        # for root, permission bits do not bite
        if os.fspath(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found, skipped = taken(root)
    assert set(found) == {"open/a.nc"}
    assert skipped.unreadable == [("closed", "Permission denied")]


def test_one_entry_that_cannot_be_looked_at_costs_that_entry(plant, monkeypatch):
    root = plant(["a.nc", "b.nc", "c.nc"])
    real = os.scandir

    class Bad:
        name = "b.nc"

        def is_dir(self, *, follow_symlinks):  # noqa: ARG002 - the signature of os.DirEntry
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        def is_symlink(self):
            return False

    class Entries:
        def __init__(self, path):
            self.real = real(path)

        def __enter__(self):
            return (Bad() if each.name == "b.nc" else each for each in self.real)

        def __exit__(self, *_):
            self.real.close()

    monkeypatch.setattr(os, "scandir", Entries)
    found, skipped = taken(root)
    assert set(found) == {"a.nc", "c.nc"}
    assert skipped.unreadable == [("b.nc", "Input/output error")]


def test_names_that_are_not_utf8_are_told_readably(plant):
    root = plant(["a.nc"])
    bad = root / os.fsdecode(b"caf\xe9")
    bad.mkdir()
    (bad / "b.nc").touch()
    (bad / os.fsdecode(b"c\xff.nc")).symlink_to("nowhere")
    found, skipped = taken(root)
    assert len(found) == 2
    assert skipped.unreadable == [("caf\\xe9/c\\xff.nc", "dangling link")]


def test_the_order_is_the_same_every_time(plant):
    names = [f"d{n}/f{m}.nc" for n in (10, 2, 1) for m in (3, 1, 2)]
    root = plant(names)
    one, two = (list(taken(root)[0]) for _ in range(2))
    assert one == two == sorted(names)


def test_the_root_may_be_a_link_and_keeps_its_name(plant, tmp_path):
    plant(["a.nc"])
    link = tmp_path / "mount"
    link.symlink_to(tmp_path / "archive" / "CMIP6")
    assert check_root(link) == link
    assert set(taken(link)[0]) == {"a.nc"}


@pytest.mark.parametrize("kind", ["missing", "dangling", "file", "loop"])
def test_a_root_that_is_none(tmp_path, kind):
    root = tmp_path / "below" / "root"
    root.parent.mkdir()
    if kind == "dangling":
        root.symlink_to("nowhere")
    if kind == "loop":
        root.symlink_to("root")
    if kind == "file":
        root.write_text("")
    with pytest.raises(RootUnusable) as refused:
        check_root(root)
    said = {"missing": "does not exist", "file": "is a file"}.get(kind, "dangling link")
    assert str(root) in refused.value.message
    assert said in refused.value.message
    assert refused.value.hint
    if kind == "missing":
        assert f"is {tmp_path / 'below'}:" in refused.value.hint


def test_a_root_that_may_not_be_read(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(RootUnusable, match="cannot be read: Permission denied"):
        check_root(tmp_path)


def test_permission_bits_of_a_real_directory():
    code = (
        "import os, sys\n"
        "from climeri_platform.catalog.walk import check_root, walk, Skipped\n"
        f"{SOMEBODY}\n"
        "said = Skipped()\n"
        "list(walk(check_root(sys.argv[1]), said))\n"
        "print(said.unreadable)\n"
    )
    # pytest's own folder is closed to everybody else
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        Path(root, "closed").mkdir(mode=0)
        done = subprocess.run(
            [sys.executable, "-c", code, root], capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[('closed', 'Permission denied')]"


def test_a_root_that_is_not_utf8(tmp_path):
    root = tmp_path / os.fsdecode(b"caf\xe9")
    root.mkdir()
    with pytest.raises(RootUnusable, match=r"caf\\xe9 is not UTF-8"):
        check_root(root)


@pytest.fixture
def broad(plant):
    """A tree with a large directory."""
    paths = [f"d{n}/e{m}/f{k}.nc" for n in range(4) for m in range(3) for k in range(3)]
    return plant([*paths, *[f"large/{n}.nc" for n in range(300)], "top.nc"])


@pytest.mark.parametrize("walkers", [2, 32])
def test_many_walkers_find_the_same(broad, walkers):
    alone, alone_said = taken(broad)
    together, said = taken(broad, walkers=walkers)
    assert together == alone
    assert said == alone_said


def test_what_the_time_does_not_allow_is_pending_and_comes_first(broad, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    some, said = taken(broad, seconds=6)
    monkeypatch.undo()
    assert 0 < len(some) < 337
    assert said.pending == said.unseen != []
    rest, after = taken(broad, first=tuple(said.pending))
    assert after.pending == after.unseen == []
    everything, _ = taken(broad)
    assert rest == everything
    order = [place for place, _ in walk(broad, Skipped(), Walking(first=tuple(said.pending)))]
    assert len(order) == len(set(order))
    assert order[0].startswith(said.pending[0])


def test_no_time_at_all_begins_nothing(broad):
    for walkers in (1, 4):
        found, said = taken(broad, seconds=0, walkers=walkers)
        assert (found, said.pending, said.unseen) == ({}, [""], [""])


def test_first_may_repeat_hang_together_be_gone_or_lead_away(broad, tmp_path):
    (broad / "away").symlink_to(tmp_path)
    first = ("d1", "d1", "d1/e1", "none", "away", "../archive", "")
    for each in (first, first[:-1]):
        order = [place for place, _ in walk(broad, Skipped(), Walking(first=each))]
        assert len(order) == len(set(order)) == 14
    assert order[0] == "d1/e0"


def test_calls_are_limited(broad):
    began = time.monotonic()
    _, said = taken(broad / "d0", calls_per_second=50, walkers=4)
    # 4 directories and 9 files
    assert time.monotonic() - began >= 13 / 50 - 0.06
    assert said == Skipped()


@pytest.mark.parametrize("walkers", [1, 4])
def test_what_goes_away_during_the_walk_is_gone_and_not_unseen(broad, monkeypatch, walkers):
    real = os.scandir

    def removing(path):
        entries = real(path)
        if isinstance(path, int):  # rmtree's own
            return entries
        if os.fspath(path).endswith("/d1"):
            shutil.rmtree(broad / "d1" / "e1")
        if os.fspath(path).endswith("/d2/e2"):
            listed = list(entries)
            (broad / "d2/e2/f1.nc").unlink()
            return contextlib.nullcontext(listed)
        return entries

    monkeypatch.setattr(os, "scandir", removing)
    found, said = taken(broad, walkers=walkers)
    assert said.gone in (["d1/e1", "d2/e2/f1.nc"], ["d2/e2/f1.nc"])
    assert said.unseen == said.unreadable == []
    assert "d2/e2/f1.nc" not in found
    assert "d1/e1/f0.nc" not in found


def test_a_file_that_is_replaced_during_the_walk_is_the_new_one(broad, monkeypatch):
    real = os.scandir

    def replacing(path):
        if not os.fspath(path).endswith("/d2/e2"):
            return real(path)
        with real(path) as entries:
            listed = list(entries)
        (broad / "new").write_bytes(b"much more")
        (broad / "new").replace(broad / "d2/e2/f1.nc")
        return contextlib.nullcontext(listed)

    monkeypatch.setattr(os, "scandir", replacing)
    found, said = taken(broad)
    assert found["d2/e2/f1.nc"].size == 9
    assert said.gone == []


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO, errno.EACCES, errno.ETIMEDOUT])
def test_what_does_not_answer_is_unseen(broad, monkeypatch, code):
    real = os.scandir

    def failing(path):
        if os.fspath(path).endswith("/d1"):
            raise OSError(code, os.strerror(code))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    _, said = taken(broad)
    assert (said.unseen, said.gone) == (["d1"], [])
    assert said.unreadable == [("d1", os.strerror(code))]


def test_a_problem_of_a_walker_ends_the_walk(broad, monkeypatch):
    def broken(_):
        raise MemoryError

    monkeypatch.setattr(os, "scandir", broken)
    for walkers in (1, 4):
        with pytest.raises(MemoryError):
            list(walk(broad, Skipped(), Walking(walkers=walkers)))


def test_a_link_whose_target_may_not_be_read_does_not_dangle():
    code = (
        "import os, sys\n"
        "from climeri_platform.catalog.walk import check_root, walk, Skipped\n"
        f"{SOMEBODY}\n"
        "said = Skipped()\n"
        "list(walk(check_root(sys.argv[1]), said))\n"
        "print(said.unreadable, said.unseen)\n"
    )
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        Path(top, "closed").mkdir(mode=0o700)
        Path(top, "closed", "a.nc").touch()
        Path(top, "closed").chmod(0)
        Path(top, "root").mkdir()
        Path(top, "root", "a.nc").symlink_to("../closed/a.nc")
        Path(top, "root", "b.nc").symlink_to("../nowhere.nc")
        done = subprocess.run(
            [sys.executable, "-c", code, f"{top}/root"], capture_output=True, text=True, check=True
        )
    said = "[('a.nc', 'Permission denied'), ('b.nc', 'dangling link')] ['a.nc']"
    assert done.stdout.strip() == said


def test_a_walk_that_is_given_up_stops_its_walkers(broad):
    before = threading.active_count()
    listing = walk(broad, Skipped(), Walking(walkers=8, calls_per_second=500))
    next(listing)
    listing.close()
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_an_empty_word_is_not_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RootUnusable, match="the root '' is no path"):
        check_root("")
    assert check_root(".") == tmp_path
