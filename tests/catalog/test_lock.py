"""The lock of a store: never two holders, nobody waits for the dead, nobody is told nothing."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climeri_platform.catalog import CatalogView, build_catalog, open_snapshot
from climeri_platform.catalog.history import check_store
from climeri_platform.catalog.layout import snapshot_names
from climeri_platform.catalog.lock import holding, still_held
from climeri_platform.catalog.owner import Owner
from climeri_platform.catalog.publish import roll_back, writing
from climeri_platform.core.errors import StoreBusy, StoreError

HOLD = """
import sys, time
from pathlib import Path
from climeri_platform.catalog.lock import holding
with holding(Path(sys.argv[1]), "writing", purpose="a test"):
    print("held", flush=True)
    time.sleep(60)
"""
# each turn: wait for the lock, say so, linger, say so again; some turns die while they hold it
CONTEND = """
import os, random, signal, sys, time
from pathlib import Path
from climeri_platform.catalog.lock import holding
from climeri_platform.core.errors import StoreBusy
store, log, turns, deadly = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
def say(word):
    line = f"{time.monotonic_ns()} {os.getpid()} {word}\\n".encode()
    place = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(place, line)  # one call: lines of several processes do not mix
    os.close(place)
done = 0
while done < turns:
    if deadly and (child := os.fork()):
        done += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        continue
    try:
        with holding(store, "writing", purpose="a turn") as held:
            say("enter")
            time.sleep(random.random() / 500)
            held.check()
            say("leave")
            if deadly:
                os.kill(os.getpid(), signal.SIGKILL)
        done += 1
    except StoreBusy:
        time.sleep(random.random() / 200)
        if deadly:
            os._exit(0)
"""


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def holder(store):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def left_by(store, *, age=0.0, text=None, **changes):
    """Put a lock there as somebody left it."""
    owner = Owner.of_this_process("a publish", heartbeat=30).model_copy(update=changes)
    lock = store / ".writing"
    lock.write_text(owner.model_dump_json() if text is None else text)
    now = time.time()
    os.utime(lock, (now - age, now - age))
    return owner


def take(store):
    with holding(store, "writing", purpose="a test") as held:
        held.check()
        return held.owner


def ended():
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def contend(store, log, *, processes, turns, deadly=False):
    words = [sys.executable, "-c", CONTEND, store, log, str(turns), "1" if deadly else "0"]
    children = [subprocess.Popen(words) for _ in range(processes)]
    codes = [child.wait(timeout=120) for child in children]
    assert codes == [0] * processes
    lines = [line.split() for line in log.read_text().splitlines()]
    return [(int(pid), word) for _, pid, word in sorted(lines, key=lambda each: int(each[0]))]


def assert_one_after_the_other(said, turns):
    assert len(said) == 2 * turns
    for (who, enters), (same, leaves) in zip(said[::2], said[1::2], strict=True):
        assert (enters, leaves) == ("enter", "leave")
        assert who == same


def test_it_is_there_while_it_is_held_and_says_who(store):
    with holding(store, "writing", purpose="a refresh of site X") as held:
        assert held.file == store / ".writing"
        assert list(store.iterdir()) == [held.file]
        said = json.loads(held.file.read_text())
        still_held(store)
    assert list(store.iterdir()) == []
    assert said["host"] == os.uname().nodename
    assert said["pid"] == os.getpid()
    assert said["purpose"] == "a refresh of site X"
    assert said["heartbeat"] == 30
    assert said["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert said["started"] > 0
    assert said["user"]
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\+00:00", said["acquired"])
    still_held(store)  # nothing is held, nothing was lost


def test_two_locks_of_one_store_do_not_meet(store):
    with holding(store, "refreshing", purpose="a night"), writing(store):
        assert {each.name for each in store.iterdir()} == {".refreshing", ".writing"}
        with pytest.raises(StoreBusy):
            take(store)
        still_held(store)
    assert list(store.iterdir()) == []


def test_eight_processes_never_hold_it_at_once(store, tmp_path):
    said = contend(store, tmp_path / "log", processes=8, turns=6)
    assert_one_after_the_other(said, 8 * 6)
    assert len({who for who, _ in said}) == 8
    take(store)
    assert list(store.iterdir()) == []


def test_many_takers_of_the_same_dead_holder(store, tmp_path):
    # every holder dies by SIGKILL: each turn is a takeover, for which the others race
    said = contend(store, tmp_path / "log", processes=4, turns=25, deadly=True)
    assert_one_after_the_other(said, 4 * 25)
    take(store)
    assert list(store.iterdir()) == []


def test_a_killed_holder_is_followed_at_once(store, holder, caplog):
    with pytest.raises(StoreBusy) as busy:
        take(store)
    assert f"pid {holder.pid} on {os.uname().nodename}" in busy.value.message
    assert "for a test, since 20" in busy.value.message
    assert re.search(r"last heartbeat \d+ s ago", busy.value.message)
    assert "Wait for it" in busy.value.hint
    assert "\n" not in busy.value.message
    holder.kill()  # and nobody waits for it: a zombie is as dead
    while Path(f"/proc/{holder.pid}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)
    with caplog.at_level(logging.WARNING):
        take(store)
    assert f"pid {holder.pid} on" in caplog.text
    assert "is taken over: its process ended" in caplog.text
    assert list(store.iterdir()) == []


def test_a_live_process_of_this_host_is_never_followed(store, holder):
    old = time.time() - 10 * 24 * 3600
    os.utime(store / ".writing", (old, old))
    with pytest.raises(StoreBusy, match=r"last heartbeat 86\d{4} s ago"):
        take(store)


def test_the_number_of_a_dead_process_may_be_given_again(store, holder, caplog):
    said = json.loads((store / ".writing").read_text())
    left_by(store, pid=holder.pid, started=said["started"])
    with pytest.raises(StoreBusy):
        take(store)
    left_by(store, pid=holder.pid, started=said["started"] - 1)
    take(store)
    assert "its number is another's" in caplog.text


@pytest.mark.parametrize("boot", ["another", None])
def test_a_host_that_was_started_again(store, boot, caplog):
    left_by(store, boot=boot, pid=1 if boot else ended())
    take(store)
    assert ("started again" in caplog.text) is (boot is not None)


def test_another_host_is_heard_of_or_dead(store, caplog):
    there = {"host": "node7", "user": "alice", "pid": 77, "boot": "another"}
    left_by(store, age=890, **there)
    with pytest.raises(StoreBusy, match="alice, pid 77 on node7, for a publish") as busy:
        take(store)
    assert "Without a heartbeat for 900 s" in busy.value.hint
    assert (store / ".writing").exists()
    left_by(store, age=910, **there)
    take(store)
    assert "node7" in caplog.text
    assert "its last heartbeat is 91" in caplog.text


def test_a_heartbeat_of_the_future_is_none(store):
    left_by(store, age=-1000, host="node7")
    take(store)


def test_another_container_is_another_host(store):
    # its process numbers mean nothing here
    left_by(store, namespace="pid:[1]", pid=ended())
    with pytest.raises(StoreBusy):
        take(store)
    left_by(store, namespace="pid:[1]", pid=ended(), age=1000)
    take(store)


GARBAGE = ["", "pid 12 on spirit1", "{", '{"pid": 1}', "\x00" * 300, '{"token": "../../x"}']


@pytest.mark.parametrize("text", GARBAGE)
def test_what_cannot_be_read_has_an_age(store, text):
    left_by(store, text=text, age=800)
    with pytest.raises(StoreBusy, match="an unknown process") as busy:
        take(store)
    assert "900 s" in busy.value.hint
    left_by(store, text=text, age=1000)
    take(store)
    assert list(store.iterdir()) == []


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=400))
def test_whatever_stands_in_a_lock_it_does_not_block_for_ever(content):
    with tempfile.TemporaryDirectory() as name:
        lock = Path(name) / ".writing"
        lock.write_bytes(content)
        with pytest.raises(StoreBusy):
            take(Path(name))
        assert lock.read_bytes() == content
        then = time.time() - 1000
        os.utime(lock, (then, then))
        take(Path(name))
        assert list(Path(name).iterdir()) == []


@pytest.mark.parametrize("value", [{"token": "../../../../x"}, {"pid": -1}, {"pid": 0}])
def test_a_lock_made_by_hand_harms_nothing(store, value):
    owner = Owner.of_this_process("x", heartbeat=30).model_dump()
    left_by(store, text=json.dumps({**owner, **value}), age=1000)
    take(store)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("alive", [True, False])
def test_a_taker_that_died_half_way_is_followed_too(store, alive, holder):
    dead = left_by(store, pid=ended())
    taker = json.loads((store / ".writing").read_text())
    taker |= {"token": "0" * 16, "started": Owner.of_this_process("x", heartbeat=1).started}
    taker["pid"] = os.getppid() if alive else ended()
    taker["started"] = None
    (store / f".writing.after-{dead.token}").write_text(json.dumps(taker))
    if alive:
        with pytest.raises(StoreBusy, match=f"pid {os.getppid()} on"):
            take(store)
    else:
        take(store)
        assert list(store.iterdir()) == []


@pytest.mark.parametrize("alive", [True, False])
def test_a_holder_that_died_while_it_let_go(store, alive):
    owner = left_by(store, pid=os.getppid() if alive else ended(), started=None)
    os.link(store / ".writing", store / f".writing.after-{owner.token}")
    if alive:
        with pytest.raises(StoreBusy):
            take(store)
    else:
        take(store)
        assert list(store.iterdir()) == []


def test_a_circle_made_by_hand_is_told(store):
    one = left_by(store, token="1" * 16, pid=os.getppid(), started=None)
    other = one.model_copy(update={"token": "2" * 16})
    (store / f".writing.after-{one.token}").write_text(other.model_dump_json())
    (store / f".writing.after-{other.token}").write_text(one.model_dump_json())
    with pytest.raises(StoreBusy):
        take(store)


def test_a_lock_that_may_not_be_replaced_stays(store, monkeypatch):
    # in a folder where each may remove only what is their own
    owner = left_by(store, pid=ended())

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(StoreError, match="cannot be locked for writing: Operation not"):
            take(store)
    assert list(store.iterdir()) == [store / ".writing"]
    assert json.loads((store / ".writing").read_text())["token"] == owner.token
    take(store)


def test_what_came_too_late_means_nothing(store):
    # a taker that judged an owner who is gone since, and died before it saw that
    dead = ended()
    with holding(store, "writing", purpose="a test") as held:
        late = Owner.of_this_process("late", heartbeat=30).model_copy(update={"pid": dead})
        for name in (f".writing.after-{'1' * 16}", f".writing.by-{late.token}"):
            (store / name).write_text(late.model_dump_json())
        held.check()
        with pytest.raises(StoreBusy, match=f"pid {os.getpid()} on"):
            take(store)
    take(store)
    assert list(store.iterdir()) == []


def test_what_was_left_before_it_had_a_name_goes_when_it_is_old(store):
    left = store / f".writing.by-{'2' * 16}"
    left.touch()
    take(store)
    assert left.exists()  # it may be a process that is about to write it
    then = time.time() - 1000
    os.utime(left, (then, then))
    take(store)
    assert list(store.iterdir()) == []


def test_the_heartbeat_renews_while_the_process_computes(store):
    import hashlib

    with holding(store, "writing", purpose="a test", heartbeat=0.05, stale_after=1) as held:
        seen = set()
        end = time.monotonic() + 30
        while len(seen) < 5 and time.monotonic() < end:
            hashlib.sha256(bytes(20_000_000)).digest()  # a long call into C
            seen.add(held.file.stat().st_mtime_ns)
    assert len(seen) == 5
    assert max(seen) - min(seen) > 0.15e9


def test_a_heartbeat_later_than_the_age_is_refused(store):
    with (
        pytest.raises(ValueError, match="must be twice"),
        holding(store, "writing", purpose="x", heartbeat=30, stale_after=40),
    ):
        pass
    assert list(store.iterdir()) == []


def steal(store, **changes):
    lock = store / ".writing"
    lock.unlink()
    return left_by(store, host="node7", user="alice", **changes)


def test_a_holder_sees_that_it_lost_its_lock(store, caplog):
    with holding(store, "writing", purpose="a test", heartbeat=0.02, stale_after=1) as held:
        thief = steal(store)
        with pytest.raises(StoreBusy, match=r"was lost: it is held by alice, .* on node7"):
            held.check()
        with pytest.raises(StoreBusy):
            still_held(store)
        end = time.monotonic() + 5
        while "was lost" not in caplog.text and time.monotonic() < end:
            time.sleep(0.01)
    assert "was lost" in caplog.text  # by the heartbeat too, which ends
    assert json.loads((store / ".writing").read_text())["token"] == thief.token  # it stays
    (store / ".writing").unlink()
    with holding(store, "writing", purpose="a test") as held:
        held.file.unlink()
        with pytest.raises(StoreBusy, match="nobody holds it"):
            held.check()


def test_who_lost_the_lock_publishes_nothing(tmp_path, plant, tas):
    store = tmp_path / "catalogs"
    build_catalog("CMIP6", plant([tas()]), store=store, root_id="r")
    first = open_snapshot(store).name
    build_catalog("CMIP6", plant([tas("ssp585")]), store=store, root_id="r")
    before = open_snapshot(store).name
    # all of a night's work under one lock: it is lost on the way
    with holding(store, "refreshing", purpose="a night") as night:
        night.file.unlink()
        left_by(store, host="node7")
        (store / ".writing").rename(night.file)
        for publishes in (
            lambda: build_catalog("CMIP6", plant([tas("ssp126")]), store=store, root_id="r"),
            lambda: roll_back(store, first),
        ):
            with pytest.raises(StoreBusy, match="was lost") as told:
                publishes()
            assert "Nothing was published" in told.value.hint
    assert open_snapshot(store).name == before
    assert snapshot_names(store) == [first, before]
    assert len(CatalogView.open("CMIP6", store)) == 2
    assert check_store(store) == []
    assert [each.name for each in store.glob(".*")] == [".refreshing"]


def test_the_lock_is_looked_at_when_all_is_written(tmp_path, plant, tas, monkeypatch):
    # lost between the first look and the last: the new snapshot is whole, and is not published
    store = tmp_path / "catalogs"
    build_catalog("CMIP6", plant([tas()]), store=store, root_id="r")
    before = open_snapshot(store).name
    real = Path.replace

    def lose(path, target):
        moved = real(path, target)
        if path.name.startswith(".building-"):
            steal(store)
        return moved

    monkeypatch.setattr(Path, "replace", lose)
    with pytest.raises(StoreBusy, match="was lost"):
        build_catalog("CMIP6", plant([tas("ssp126")]), store=store, root_id="r")
    assert open_snapshot(store).name == before
    assert snapshot_names(store) == [before]
    assert [each.name for each in store.glob(".*")] == [".writing"]


def test_a_fork_of_the_holder_does_not_let_go(store):
    program = (
        "import os, sys; from pathlib import Path\n"
        "from climeri_platform.catalog.lock import holding\n"
        "with holding(Path(sys.argv[1]), 'writing', purpose='x') as held:\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os.waitpid(child, 0); held.check(); print('held')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, store]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "held\n"
    assert list(store.iterdir()) == []


@pytest.fixture
def read_only():
    """A folder that may be read only, whoever runs this."""
    with tempfile.TemporaryDirectory() as name:  # outside the private folder of the tests
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_that_may_not_be_written_to(read_only):
    with pytest.raises(StoreError) as told:
        take(read_only)
    assert type(told.value) is StoreError
    assert told.value.message == (
        f"the store {read_only} cannot be locked for writing: Permission denied"
    )
    assert "rights" in told.value.hint
    assert list(read_only.iterdir()) == []


def test_a_lock_that_is_no_file(store):
    (store / ".writing").mkdir()
    with pytest.raises(StoreError, match="cannot be locked for writing: Is a directory") as told:
        take(store)
    assert str(store / ".writing") in told.value.hint


def test_without_links_the_lock_holds_as_well(store, monkeypatch):
    def unsupported(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    with holding(store, "writing", purpose="a test") as held:
        held.check()
        with pytest.raises(StoreBusy):
            take(store)
    assert list(store.iterdir()) == []
    left_by(store, pid=ended())
    take(store)
    assert list(store.iterdir()) == []


def test_a_full_disk_keeps_no_lock(store, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    real = Path.open

    def read_only(path, mode="r", **options):
        return real(path, mode, **options) if "r" in mode else full()

    with holding(store, "writing", purpose="a test"):
        monkeypatch.setattr(os, "link", full)
        monkeypatch.setattr(Path, "open", read_only)
    monkeypatch.undo()
    assert list(store.iterdir()) == []
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StoreError, match="No space left"):
        take(store)


def test_a_lock_that_could_not_be_removed_does_not_block_its_process(store, monkeypatch, caplog):
    real = Path.unlink

    def refuse(path, **options):
        if path.name == ".writing":
            raise OSError(30, "Read-only file system")
        real(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        take(store)
    assert "could not be removed: [Errno 30]" in caplog.text
    take(store)
    assert "this process let go of it" in caplog.text
    assert list(store.iterdir()) == []


def test_a_terminated_holder_lets_others_in(store, holder):
    holder.send_signal(signal.SIGTERM)
    holder.wait()
    with suppress(FileNotFoundError):
        assert (store / ".writing").read_text()
    take(store)
