"""Many walkers: they come where a file system lets one wait, and stay away where it does not."""

from __future__ import annotations

import threading
import time

import pytest

from climeri_platform.catalog import walkers
from climeri_platform.catalog.walkers import Spread


def tree(work, depth=3):
    """Return a task that makes nine more, each of which makes nine more, and who did them."""
    by = []

    def do(task):
        work()
        by.append(threading.get_ident())
        return task, [f"{task}{n}" for n in range(9)] if len(task) < depth else []

    return do, by


def sums():
    until = time.perf_counter() + 0.0005
    while time.perf_counter() < until:
        pass


def test_tasks_that_compute_are_done_by_one():
    do, by = tree(sums)
    assert len(list(Spread(do, ["x"], walkers=8))) == 91
    assert {*by} == {threading.get_ident()}


def test_tasks_that_wait_are_done_by_many():
    do, by = tree(lambda: time.sleep(0.005))
    began = time.perf_counter()
    assert len(list(Spread(do, ["x"], walkers=16))) == 91
    assert len({*by}) > 8
    assert time.perf_counter() - began < 91 * 0.005


def test_one_walker_stays_one():
    do, by = tree(lambda: time.sleep(0.003), depth=2)
    assert len(list(Spread(do, ["x"], walkers=1))) == 10
    assert {*by} == {threading.get_ident()}


@pytest.mark.parametrize("trial", [0.0, 1e9])
def test_each_task_is_done_once_whoever_does_it(monkeypatch, trial):
    monkeypatch.setattr(walkers, "_TRIAL", trial)
    monkeypatch.setattr(walkers, "_SLEEPS", 0.0)
    do, _ = tree(lambda: None)
    done = list(Spread(do, ["x", "y"], walkers=4))
    assert sorted(done) == sorted({*done})
    assert len(done) == 182


def test_when_time_is_up_what_is_left_waits(monkeypatch):
    monkeypatch.setattr(walkers, "_TRIAL", 0.0)
    monkeypatch.setattr(walkers, "_SLEEPS", 0.0)
    do, _ = tree(lambda: time.sleep(0.01))
    spread = Spread(do, ["x"], walkers=2, until=time.monotonic() + 0.1)
    done = list(spread)
    assert 0 < len(done) < 91
    assert not {*done} & {*spread.waiting}
    assert {*done, *spread.waiting} >= {f"x{n}" for n in range(9)}
