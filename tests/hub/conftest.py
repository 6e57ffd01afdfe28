"""Real hubs on loopback: started as a user starts them, ended by what the test started."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from climeri_platform.hub.proxy import proxy_command, proxy_folder
from climeri_platform.hub.visitor import Visitor

CLIMERI = [sys.executable, "-c", "from climeri_platform.cli import main; main()"]

CELLS = [
    "import os, sys, json\nprint(json.dumps({'python': sys.executable, 'folder': os.getcwd(), 'environment': dict(os.environ)}))",
    "total = 6 * 7",
    "total",
    "print('the last line')",
]


def notebook(*cells, kernel="python3"):
    code = [
        {"cell_type": "code", "id": f"c{n}", "execution_count": None, "outputs": [], "metadata": {}, "source": cell}
        for n, cell in enumerate(cells)
    ]  # fmt: skip
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Start here"}
    spec = {"display_name": "any", "language": "python", "name": kernel}
    return {
        "cells": [title, *code],
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def listening():
    """Ports of this machine that somebody listens on, with the address."""
    return {
        (each.laddr.ip, each.laddr.port): each.pid
        for each in psutil.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


class Started:
    """``climeri ...`` as a process, and all that it starts."""

    def __init__(self, *words, errors, prefix=(), environment=None):
        self.errors = Path(errors)
        environment = {**os.environ, "CLIMERI_DEBUG": "", **(environment or {})}
        with self.errors.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, *CLIMERI, *map(str, words)],
                stdout=subprocess.PIPE, stderr=output, text=True, env=environment,
            )  # fmt: skip
        self.seen = {}

    def said(self):
        return self.errors.read_text(encoding="utf-8")

    @property
    def pid(self):
        """The process that was asked for; what runs it as another user becomes it."""
        return self.process.pid

    def look(self):
        """Remember the processes of the moment."""
        with contextlib.suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.pid)
            for each in [top, *top.children(recursive=True)]:
                self.seen[each.pid] = each
        return list(self.seen.values())

    def alive(self):
        left = []
        for each in self.seen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                    left.append(each)
        return left

    def ports(self):
        pids = {each.pid for each in self.look()}
        return {place for place, pid in listening().items() if pid in pids}

    def open_ports(self, places):
        """Those of some ports that anybody listens on."""
        return set(places) & set(listening())

    def end(self, number=signal.SIGTERM, seconds=40):
        """Signal the supervisor, and return its exit code."""
        self.look()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.process.wait(seconds)

    def wait_for_end(self, seconds=20):
        until = time.monotonic() + seconds
        while self.alive() and time.monotonic() < until:
            time.sleep(0.05)
        return self.alive()

    def close(self):
        """Whatever happened in the test, leave nothing behind."""
        self.look()
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(40)
        for each in self.alive():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait(5)
        self.process.stdout.close()


class StartedHub(Started):
    """``climeri hub up --json``, once it is ready."""

    def __init__(self, state, *words, **more):
        self.state = Path(state)
        self.state.parent.mkdir(parents=True, exist_ok=True)
        errors = self.state.parent / f"{self.state.name}.stderr"
        up = ("hub", "up", "--json", "--port", "0", "--state", state)
        super().__init__(*up, *words, errors=errors, **more)

    def wait_until_ready(self):
        line = self.process.stdout.readline()
        assert line, f"no hub: {self.said()}"
        self.info = json.loads(line)
        self.address = self.info["address"]
        self.look()
        return self

    def close(self):
        super().close()
        with contextlib.suppress(FileNotFoundError):  # a killed hub leaves it to the next start
            run = json.loads((self.state / "run.json").read_text(encoding="utf-8"))
            shutil.rmtree(run["runtime"], ignore_errors=True)

    @property
    def password(self):
        return Path(self.info["password_file"]).read_text(encoding="utf-8").strip()

    def visitor(self, user=None, password=None):
        visitor = Visitor(self.address)
        if user:
            visitor.log_in(user, self.password if password is None else password)
        return visitor


@pytest.fixture(scope="session")
def proxy():
    """The folder of an installed proxy."""
    folder = proxy_folder()
    try:
        proxy_command(folder)
    except Exception as problem:  # noqa: BLE001 - whatever is missing is the reason
        pytest.skip(f"the hub's proxy is wanted (climeri hub install-proxy): {problem}")
    return folder


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name, content in {
        "00-start-here/00-start-here.ipynb": notebook(*CELLS),
        "01-next/fails.ipynb": notebook("x = 1", "raise ValueError('no such month: 13')"),
        "01-next/sleeper.ipynb": notebook(
            # a grandchild in a session of its own, whose parent is gone: the hardest to find
            "import subprocess\n"
            "out = subprocess.run(['setsid', 'sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'],"
            " capture_output=True, text=True)\nprint(out.stdout)",
        ),
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
    (folder / "01-next" / "table.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    return folder


@pytest.fixture
def start(proxy, notebooks, tmp_path):
    """Start hubs; all of them are ended after the test."""
    started = []

    def start(*words, state=None, ready=True, prefix=(), environment=None):
        hub = StartedHub(
            state or tmp_path / "state", "--notebooks", notebooks, "--user", "ada", *words,
            prefix=prefix, environment=environment,
        )  # fmt: skip
        started.append(hub)
        return hub.wait_until_ready() if ready else hub

    yield start
    for hub in started:
        hub.close()


@pytest.fixture(scope="session")
def hub(proxy, notebooks, tmp_path_factory):
    """One hub for all tests that do not end it, with the users ada and ben."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "store").mkdir()
    running = StartedHub(
        folder / "state", "--notebooks", notebooks, "--user", "ada", "--user", "ben",
        "--store", folder / "store", "--archive", folder / "archive", "--site", "local",
        environment={"A_SECRET_OF_THE_SHELL": "do-not-tell", "LANG": "C.UTF-8"},
    )  # fmt: skip
    try:
        yield running.wait_until_ready()
    finally:
        running.close()


@pytest.fixture(scope="session")
def ada(hub):
    """A browser in which ada is logged in and has a server."""
    visitor = hub.visitor("ada")
    visitor.spawn("ada")
    visitor.page("user/ada/lab")
    return visitor


@pytest.fixture
def ordinary():
    """Words before a command that run it as an ordinary user; none if we are one."""
    if os.geteuid() != 0:
        return ()
    words = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    if shutil.which("unshare") and subprocess.run([*words, "true"], check=False, capture_output=True).returncode == 0:  # fmt: skip
        return words
    pytest.skip("an ordinary user is wanted: run the tests as one, or allow user namespaces")
    return None


@pytest.fixture(scope="module")
def climeri(tmp_path_factory):
    """Run commands; what they started is ended with the module."""
    started = []

    def run(*words):
        errors = tmp_path_factory.mktemp("said") / "stderr"
        running = Started(*words, errors=errors)
        running.folder = next((Path(b) for a, b in pairwise(words) if a == "--dir"), None)
        started.append(running)
        return running

    yield run
    for running in started:
        running.close()


@pytest.fixture
def busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]
