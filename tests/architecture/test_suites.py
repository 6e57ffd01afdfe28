"""``tests/run.py``: a suite that several workers share is counted, shuffled and judged as one."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# the first of a folder whose tests stay together, the second of any other
TOGETHER = """
import os, time
import pytest

@pytest.fixture(scope="session")
def archive():
    with open({log!r}, "a") as log:
        print(os.getpid(), file=log)

@pytest.mark.parametrize("number", range(6))
def test_together(archive, number):
    time.sleep(0.05)
"""
APART = """
import os, sys, time, warnings
import pytest

@pytest.mark.parametrize("number", range(6))
def test_apart(number):
    assert not sys.flags.dont_write_bytecode
    time.sleep(0.05)
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run a suite of two files on two workers; returns pytest's code, the counts, what was said."""
    spec = importlib.util.spec_from_file_location("climeri_tests_run", CHECKOUT / "tests/run.py")
    program = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, program)  # its dataclass looks itself up
    spec.loader.exec_module(program)
    monkeypatch.setattr(sys, "argv", ["run.py"])
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("CI", "true")

    def run(more="", *, seed):
        (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        for file, text in (
            ("tests/testing/test_dear.py", TOGETHER.format(log=str(log))),
            ("tests/core/test_others.py", APART + more),
        ):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text)
        words = f"-c {tmp_path}/pyproject.toml -p tests.conftest -p no:cacheprovider -vv"
        select = (*words.split(), f"--randomly-seed={seed}", str(tmp_path / "tests"))
        code, _, counts = program.run(program.Suite("some", 1, select, workers=2))
        return code, counts, capfd.readouterr().out

    return run


def order(out):
    return re.findall(r"PASSED \S*test_together\[(\d)\]", out)


def test_two_workers_are_counted_shuffled_and_judged_as_one(run, tmp_path):
    code, counts, first = run(seed=1)
    assert (code, counts) == (0, {"passed": 12}), first
    assert set(re.findall(r"\[(gw\d)\].* PASSED", first)) == {"gw0", "gw1"}
    assert len((tmp_path / "log").read_text().splitlines()) == 1, "what is dear is made once"
    code, counts, out = run("def test_c(): pytest.skip('wants more')", seed=1)
    assert (code, counts) == (1, {"passed": 12, "skipped": 1}), out
    assert "1 skipped: wants more" in out
    assert "a skipped test is a failure" in out
    assert sorted(order(first)) == list("012345")
    assert order(out) == order(first)
    more = "def test_c(): warnings.warn('mine')\n\ndef test_d(none): pass"
    code, counts, out = run(more, seed=2)
    assert (code, counts) == (1, {"passed": 12, "failed": 1, "error": 1}), out
    assert order(out) != order(first)


def test_a_worker_that_dies_fails_its_suite_and_does_not_hang_it(run):
    code, counts, out = run("def test_c(): os._exit(3)", seed=1)
    assert (code, counts["failed"]) == (1, 1), out
    assert "crashed while running" in out
