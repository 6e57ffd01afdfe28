"""Run every suite, each within a time that is printed.

``CI=true`` or ``CLIMERI_TEST_SYSTEM=1`` allow it to install the Debian packages that some tests
want; without either nothing outside the checkout is touched, and those tests are skipped and named.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHON = Path(sys.executable)
# command to Debian package
PACKAGES = {
    "cdo": "cdo",
    "chromium": "chromium",
    "strace": "strace",
    "systemd-analyze": "systemd",
}


@dataclass(frozen=True)
class Suite:
    """A part of the tests.

    Attributes
    ----------
    name
        What is printed.
    minutes
        Its budget.
    select
        What pytest is told.
    workers
        How many processes share it. Two, where most of the time is spent waiting for other
        processes; one, where a test uses the whole machine or measures it.
    """

    name: str
    minutes: float
    select: tuple[str, ...]
    workers: int = 1


SUITES = (
    Suite(
        "units and properties",
        8,
        (
            "-m",
            "not (science or real_data or notebooks or hub or scale or wheel or environments)",
        ),
        workers=2,
    ),
    Suite(
        "science and real files",
        6,
        ("-m", "(science or real_data) and not (notebooks or hub)"),
        workers=2,
    ),
    Suite(
        "notebooks, wheel and intake",
        10,
        ("-m", "(notebooks or wheel or environments) and not hub"),
    ),
    Suite("hub and browser", 7, ("-m", "hub")),
    Suite("scale", 4, ("-m", "scale")),
)
WHOLE = 40


def install_system_packages() -> None:
    """Install the Debian packages that tests want, where that is allowed."""
    if os.environ.get("CI") != "true" and os.environ.get("CLIMERI_TEST_SYSTEM") != "1":
        return
    missing = [package for command, package in PACKAGES.items() if shutil.which(command) is None]
    if not missing:
        return
    print(f"installing Debian packages: {', '.join(missing)}", flush=True)
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(
            [*become, *command], check=False, capture_output=True, env=environment
        )
        if done.returncode:
            print(done.stderr.decode(errors="replace")[-2000:], file=sys.stderr)
            print("the tests that want them will be skipped", file=sys.stderr)
            return


def run(suite: Suite) -> tuple[int, float, dict[str, int]]:
    """Run one suite; return pytest's exit code, the minutes, and the counts."""
    print(f"\n=== {suite.name}: at most {suite.minutes:g} min ===", flush=True)
    began = time.monotonic()
    shared = ["-n", str(suite.workers), "--max-worker-restart", "0"] if suite.workers > 1 else []
    command = [PYTHON, "-m", "pytest", "-q", *shared, *suite.select, *sys.argv[1:]]
    # some hundred processes are started: where no bytecode may be kept, most of the time goes into
    # compiling the same libraries again; what is kept is in this checkout and its .venv
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        last = ""
        for line in child.stdout or ():
            print(line, end="", flush=True)
            last = line if re.search(r"\d+ (passed|failed|skipped|error)", line) else last
    counts = {
        word.removesuffix("s") if word == "errors" else word: int(number)
        for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", last)
    }
    return child.returncode, (time.monotonic() - began) / 60, counts


def main() -> int:
    """Run the suites and print the table."""
    install_system_packages()
    results = [(suite, *run(suite)) for suite in SUITES]
    print(f"\n{'suite':28} {'minutes':>8} {'budget':>7}  result")
    failed = False
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    for suite, code, minutes, counts in results:
        # exit code 5: a suite that selects nothing proves nothing
        good = code == 0
        failed = failed or not good
        late = "  OVER ITS BUDGET" if minutes > suite.minutes else ""
        print(
            f"{suite.name:28} {minutes:8.1f} {suite.minutes:7g}  {'passed' if good else 'FAILED'}{late}"
        )
        totals["passed"] += counts.get("passed", 0)
        totals["failed"] += counts.get("failed", 0) + counts.get("error", 0)
        totals["skipped"] += counts.get("skipped", 0)
    whole = sum(minutes for _, _, minutes, _ in results)
    print(f"{'all':28} {whole:8.1f} {WHOLE:7g}")
    if totals["skipped"] and os.environ.get("CI") != "true":
        print(
            "Skipped is not passed: CLIMERI_TEST_SYSTEM=1 make test installs what those tests want."
        )
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
