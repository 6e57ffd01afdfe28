"""What every test may use, and how skipped tests are told."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

CHECKOUT = Path(__file__).resolve().parent.parent
# built once, then kept between runs; `make clean` removes it
CACHE = Path(os.environ.get("CLIMERI_TEST_CACHE") or CHECKOUT / ".cache")


# how long an example takes is a matter of who else is on the machine; what must be fast is measured
settings.register_profile("climeri", settings(), deadline=None)
settings.load_profile("climeri")

# tests that share what is dear to make: one worker makes it, once, and runs them all. By folder, and
# not by a mark: xdist 3.8 writes marks into a part of the test's name that pytest 9.2 does not read
TOGETHER = ("tests/testing/",)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each worker one test after the other, in their random order."""
    from xdist.scheduler import LoadScopeScheduling

    class OneByOne(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((each for each in TOGETHER if nodeid.startswith(each)), nodeid)

    return OneByOne(config, log)


@pytest.fixture(autouse=True)
def _no_settings_of_mine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep the tests from the settings of whoever runs them."""
    for name in list(os.environ):
        if name.startswith("CLIMERI_") and not name.startswith("CLIMERI_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-config"))
    monkeypatch.setenv("CLIMERI_HEADER_CACHE", "off")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "no-data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real files beside the checkout."""
    folder = Path(os.environ.get("CLIMERI_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not (folder / "mini-esgf").is_dir():
        pytest.skip("wants real files: the folder ../shared/data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def cdo(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Climate Data Operators, called with their words; what they print is returned.

    Operators of a chain are threads, and those of CDO 2.1 die of two files that are opened at once, one
    of them HDF5: 17 calls in 400 of ``-fldmean -setgridarea,FILE -selname,tas``, with ``-L`` too; of
    600 on classic files, none. So each file of HDF5 is first copied to a classic one, by itself.
    """
    program = shutil.which("cdo")
    if program is None:
        pytest.skip("wants the Debian package cdo")
    copies = tmp_path_factory.mktemp("classic")

    def run(*words: object) -> str:
        command = [program, "-L", "-s", "-b", "F64", "-f", "nc", *map(str, words)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.returncode} {done.stderr}"
        return done.stdout

    def classic(path: str) -> str:
        try:
            with Path(path).open("rb") as file:
                if file.read(8) != b"\x89HDF\r\n\x1a\n":
                    return path
        except OSError:
            return path  # a word, or what is yet to be written
        copy = copies / f"{len(list(copies.iterdir()))}.nc"
        run("-copy", path, copy)
        return str(copy)

    return lambda *words: run(
        *(",".join(classic(part) for part in str(word).split(",")) for word in words)
    )


@pytest.fixture(scope="session")
def strace() -> str:
    """What lists the system calls of a process."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("wants the Debian package strace")
    if subprocess.run([found, "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("wants strace to be allowed to trace")
    return found


def _archive(size: str) -> Path:
    from climeri_platform.testing import build_archive

    folder = CACHE / f"archive-{size}"
    CACHE.mkdir(parents=True, exist_ok=True)
    # build_archive refuses a second builder; the workers of a run wait for each other instead
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_archive(folder, size=size, replace=True)  # a cache: an older recipe's makes way
    return folder


@pytest.fixture(scope="session")
def small_archive() -> Path:
    """The small demonstration archive; read it, never write to it."""
    return _archive("small")


@pytest.fixture(scope="session")
def full_archive() -> Path:
    """The full demonstration archive; read it, never write to it."""
    return _archive("full")


@pytest.fixture(scope="session")
def demo_store(small_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogs of the small demonstration archive."""
    from climeri_platform.catalog import build_catalog
    from climeri_platform.testing import ARCHIVE_ROOTS

    store = tmp_path_factory.mktemp("demo") / "store"
    for family, folder in ARCHIVE_ROOTS.items():
        build_catalog(family, small_archive / folder, store=store)
    return store


@pytest.fixture
def no_client() -> Iterator[None]:
    """Close whatever Dask client a test leaves."""
    yield
    from distributed import default_client

    try:
        default_client().close()
    except ValueError:
        return


def _reason(report: pytest.TestReport) -> str:
    place = report.longrepr
    return place[2].removeprefix("Skipped: ") if isinstance(place, tuple) else str(place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each skipped test wants."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    wants: dict[str, int] = {}
    for report in skipped:
        wants[_reason(report)] = wants.get(_reason(report), 0) + 1
    terminalreporter.section("skipped is not passed")
    for reason, count in wants.items():
        terminalreporter.line(f"{count} skipped: {reason}")
    if os.environ.get("CI") == "true":
        terminalreporter.line("CI=true: a skipped test is a failure", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run under CI in which a test was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker: what it skipped is known to the process that started it
        return
    if os.environ.get("CI") == "true" and exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
