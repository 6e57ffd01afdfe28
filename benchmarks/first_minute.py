"""Measure a newcomer's first minute, and write the table into the README.

A clean clone runs `make demo` twice; its catalogs are built once more by themselves; then the hub is taken
from its start to a running kernel. Time is wall, memory is the peak of the whole process tree (PSS, so that
shared pages count once), CPU is what the tree used.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
README = CHECKOUT / "README.md"
BLOCK = re.compile(r"(<!-- measured:[^\n]*-->\n).*?(<!-- end measured -->)", re.DOTALL)
ADDRESS = re.compile(
    r"^\s*address\s+http://127"
)  # of the block that is printed once the hub answers
EVERY = 0.25  # seconds between two looks at the tree


@dataclass
class Figures:
    """What one command took."""

    seconds: float
    cpu: float
    megabytes: float
    output: str


class Tree:
    """A command with all its descendants, watched from beside."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.began = time.monotonic()
        self.child = subprocess.Popen(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.peak, self.cpu, self.text = 0.0, {}, ""
        self.watching = threading.Thread(target=self._watch, daemon=True)
        self.watching.start()

    def _watch(self) -> None:
        mine = psutil.Process(self.child.pid)
        while self.child.poll() is None:
            total = 0
            try:
                for each in [mine, *mine.children(recursive=True)]:
                    try:
                        total += each.memory_full_info().pss
                        used = each.cpu_times()
                        self.cpu[each.pid] = used.user + used.system
                    except psutil.Error:
                        continue
            except psutil.Error:
                break
            self.peak = max(self.peak, total / 1e6)
            time.sleep(EVERY)

    def until(self, pattern: re.Pattern[str] | None) -> Figures:
        """Read until a line matches, or to the end; then end the tree as Ctrl-C does."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.text += line
            if pattern is not None and pattern.search(line):
                break
        seconds = time.monotonic() - self.began
        if pattern is not None:
            if self.child.poll() is not None:
                sys.exit(f"the command ended before {pattern.pattern}:\n{self.text[-3000:]}")
            os.killpg(self.child.pid, signal.SIGINT)
            self.child.stdout.read()
        code = self.child.wait()
        self.watching.join(2)
        if pattern is None and code:
            sys.exit(f"the command failed:\n{self.text[-3000:]}")
        return Figures(seconds, sum(self.cpu.values()), self.peak, self.text)


CATALOGS = """
import sys, time
from pathlib import Path
from climeri_platform.catalog import build_catalog
from climeri_platform.testing import ARCHIVE_ROOTS
for family, folder in ARCHIVE_ROOTS.items():
    build_catalog(family, Path(sys.argv[1]) / folder, store=sys.argv[2])
"""


def measure(folder: Path) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, clone], check=True)
    demo = ["make", "demo", "DEMO=--port 0"]
    rows = []

    def row(what: str, figures: Figures) -> None:
        rows.append(
            (
                what,
                f"{figures.seconds:.1f} s",
                f"{figures.cpu:.0f} s",
                f"{figures.megabytes:.0f} MB",
            )
        )
        print(rows[-1], flush=True)

    row("`make demo` from scratch, to the address", Tree(demo, clone).until(ADDRESS))
    row("`make demo` again", Tree(demo, clone).until(ADDRESS))
    python = str(clone / ".venv" / "bin" / "python")
    build = [python, "-c", CATALOGS, str(clone / ".demo" / "archive"), str(folder / "store")]
    row("catalogs of the demonstration archive (4 families)", Tree(build, clone).until(None))
    check = [str(clone / ".venv" / "bin" / "climeri"), "demo", "--dir", ".demo", "--check"]
    done = Tree(check, clone).until(None)
    row("`climeri demo --check`: hub, login, server, kernel, notebook", done)
    found = re.search(
        r"ready after ([\d.]+) s, login ([\d.]+) s, server ([\d.]+) s, kernel ([\d.]+) s",
        done.output,
    )
    if found is None:
        sys.exit(f"`climeri demo --check` did not say its times:\n{done.output[-2000:]}")
    hub, login, server, kernel = map(float, found.groups())
    rows.append(
        (
            "of it, from the hub's start to a running kernel",
            f"{hub + login + server + kernel:.1f} s",
            f"hub {hub:.1f}, login {login:.1f}, server {server:.1f}, kernel {kernel:.1f}",
            "",
        )
    )
    return rows


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print-only", action="store_true", help="leave the README as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="climeri-") as folder:
        rows = measure(Path(folder))
    memory = psutil.virtual_memory().total / 1e9
    day = dt.datetime.now(dt.UTC).date().isoformat()
    lines = [
        (
            f"{day}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, packages from a "
            "near mirror; `make bench` measures it again."
        ),
        "",
        "| what | time | CPU | peak memory of all processes |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if not arguments.print_only:
        text = README.read_text(encoding="utf-8")
        README.write_text(BLOCK.sub(lambda m: m[1] + table + m[2], text), encoding="utf-8")


if __name__ == "__main__":
    main()
