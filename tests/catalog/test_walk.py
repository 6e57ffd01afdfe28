"""Walking: what is met is taken once, counted, or named; nothing stops the walk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from climeri_platform.catalog.walk import Skipped, check_root, walk
from climeri_platform.core.errors import RootUnusable


def taken(root):
    skipped = Skipped()
    found = {
        f"{place}/{each.name}" if place else each.name: each
        for place, files in walk(check_root(root), skipped)
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


@pytest.mark.skipif(os.geteuid() != 0, reason="wants root, to become another user")
def test_permission_bits_of_a_real_directory():
    code = (
        "import os, sys\n"
        "from climeri_platform.catalog.walk import check_root, walk, Skipped\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "said = Skipped()\n"
        "list(walk(check_root(sys.argv[1]), said))\n"
        "print(said.unreadable)\n"
    )
    # pytest's own folder is closed to everybody else
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        Path(root, "closed").mkdir(mode=0o700)
        done = subprocess.run(
            [sys.executable, "-c", code, root], capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[('closed', 'Permission denied')]"


def test_a_root_that_is_not_utf8(tmp_path):
    root = tmp_path / os.fsdecode(b"caf\xe9")
    root.mkdir()
    with pytest.raises(RootUnusable, match=r"caf\\xe9 is not UTF-8"):
        check_root(root)
