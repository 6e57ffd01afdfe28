"""Files that are there whole, or as they were."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from climeri_platform.core.errors import UsageError
from climeri_platform.core.writing import write_named, write_whole

# everything by which a file is written
STEPS = [(os, "open"), (os, "fchmod"), (os, "fsync"), (os, "link"), (Path, "replace")]


def refuse(monkeypatch, owner, name, at=1, number=errno.ENOSPC):
    """Let the step fail when it comes for the n-th time."""
    real, calls = getattr(owner, name), []

    def step(*args, **options):
        calls.append(args)
        if len(calls) == at:
            raise OSError(number, os.strerror(number))
        return real(*args, **options)

    monkeypatch.setattr(owner, name, step)
    return calls


@given(content=st.one_of(st.binary(), st.text(st.characters(codec="utf-8"))))
def test_it_holds_what_was_given(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("whole") / "file"
    for _ in range(2):  # new, and over an old one
        write_whole(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_disk_that_refuses_leaves_what_was_there(tmp_path, monkeypatch, owner, name, new):
    path = tmp_path / "file"
    if not new:
        path.write_text("old")
    with monkeypatch.context() as patch:
        calls = refuse(patch, owner, name)
        if name == ("replace" if new else "link"):  # not the way it goes
            write_whole(path, "new", mode=0o640, new=new)
            assert (path.read_text(), calls) == ("new", [])
            return
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, "new", mode=0o640, new=new)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == (
        {} if new else {"file": "old"}
    )
    write_whole(path, "new", new=new)
    assert path.read_text() == "new"


def test_a_disk_that_fills_while_it_is_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    program = (
        "import resource, signal, sys; from pathlib import Path;"
        "from climeri_platform.core.writing import write_whole;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "write_whole(Path(sys.argv[1]), b'n' * 10_000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], check=False, capture_output=True, text=True
    )
    assert "File too large" in done.stderr
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EIO, True), (errno.ENOSPC, True), (errno.EINVAL, False), (errno.EACCES, False)],
)
def test_after_it_has_its_name_only_its_folder_can_fail(tmp_path, monkeypatch, number, told):
    path = tmp_path / "file"
    with monkeypatch.context() as patch:
        refuse(patch, os, "fsync", at=2, number=number)
        if told:
            with pytest.raises(OSError, match=os.strerror(number)):
                write_whole(path, "new")
        else:  # of a folder that is not ours to read, and of file systems that sync none
            write_whole(path, "new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "new")]


def test_what_is_on_the_disk_has_its_name_only_then(tmp_path, monkeypatch):
    done = []
    for owner, name in STEPS:
        real = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda *a, real=real, name=name, **k: (done.append(name), real(*a, **k))[1]
        )
    write_whole(tmp_path / "file", "new", until=lambda: done.append("until"))
    assert done == ["open", "fsync", "until", "replace", "open", "fsync"]


def test_what_is_asked_last_may_stop_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new", until=stop)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_a_new_one_is_never_written_over_another(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(FileExistsError):
        write_whole(path, "new", new=True)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


@pytest.mark.parametrize("mode", [None, 0o600, 0o755, 0o444])
def test_permissions_are_those_of_a_new_file_or_as_asked(tmp_path, mode):
    usual = tmp_path / "usual"
    usual.touch()
    before = os.umask(0o027) if mode is not None else None
    try:
        write_whole(tmp_path / "file", "new", mode=mode)
    finally:
        if before is not None:
            os.umask(before)
    has = stat.S_IMODE((tmp_path / "file").stat().st_mode)
    assert has == (mode or stat.S_IMODE(usual.stat().st_mode))


def test_a_place_that_somebody_named_wrongly_is_told(tmp_path):
    assert write_named(str(tmp_path / "file"), "new").read_text() == "new"
    for wrong in (tmp_path / "none" / "file", tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(UsageError, match="cannot be written") as told:
            write_named(wrong, "new")
        assert str(wrong) in told.value.message
        assert "folder that exists" in told.value.hint
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_links_and_pipes_that_somebody_named_stay(tmp_path):
    real, link, pipe = (tmp_path / each for each in ("real", "link", "pipe"))
    real.write_text("old")
    link.symlink_to(real)
    assert write_named(link, "new") == link
    assert link.is_symlink()
    assert real.read_text() == "new"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_named(pipe, "told")
        assert os.read(end, 10) == b"told"
    finally:
        os.close(end)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("named", ["", ".", "/"])
def test_what_names_no_file_is_told(named):
    with pytest.raises(UsageError, match="names no file") as problem:
        write_named(named, "text")
    assert "Name a file" in problem.value.hint
