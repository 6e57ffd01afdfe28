"""JupyterHub as a child of the supervisor: its start, its first answer, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub.processes import MARK, Descendants, end_all
from climeri_platform.hub.settings import LOOPBACK, HubRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from climeri_platform.hub.state import StateFolder

__all__ = ["ENDING", "Child", "failed", "ignore_signals", "jupyterhub"]

START_SECONDS = 90.0  # 3 s where nothing else runs; a shared file system may be slow
STOP_SECONDS = 25.0  # a user's server is asked for 10 s, then told for 5 s
PAUSE = 0.1
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def ignore_signals() -> None:
    """Let no second Ctrl-C tear the ending apart; it takes `STOP_SECONDS` at the most."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)


@dataclass(frozen=True, slots=True)
class Child:
    """JupyterHub and everything below it."""

    hub: subprocess.Popen[bytes]
    family: Descendants
    seconds: float


@contextlib.contextmanager
def jupyterhub(
    state: StateFolder, run: HubRun, tell: Callable[[str], None], waiting: Callable[[], object]
) -> Iterator[Child]:
    """Start JupyterHub and wait for its answer; on the way out end all that it started."""
    log_file = state.logs / "hub.log"
    if log_file.exists():
        log_file.replace(log_file.with_suffix(".log.1"))
    family = Descendants()
    hub: subprocess.Popen[bytes] | None = None
    started = time.monotonic()
    try:
        with log_file.open("wb") as output:
            log_file.chmod(0o600)
            hub = subprocess.Popen(
                [sys.executable, "-P", "-m", "climeri_platform.hub.serve", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=state.path,
                env=_environment(state, run),
                start_new_session=True,  # Ctrl-C reaches the supervisor alone
                umask=0o077,
            )
        _wait_for_answer(hub, run, state, waiting)
        yield Child(hub, family, time.monotonic() - started)
    finally:
        ignore_signals()
        tell("stopping the hub and the servers of its users")
        _end(hub, family)
        for note in (state.run_file, state.proxy_pid_file):
            note.unlink(missing_ok=True)


def _environment(state: StateFolder, run: HubRun) -> dict[str, str]:
    """Return the environment of JupyterHub: ours, without what another Jupyter put into it."""
    foreign = ("JUPYTER", "JPY_", "CONFIGPROXY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    kept.setdefault("PATH", os.defpath)
    return {**kept, MARK: run.mark, "CLIMERI_HUB_STATE": str(state.path), "PYTHONUNBUFFERED": "1"}


def _wait_for_answer(
    hub: subprocess.Popen[bytes], run: HubRun, state: StateFolder, waiting: Callable[[], object]
) -> None:
    """Wait until the hub itself answers; the proxy answers earlier, with 404."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    # first the hub behind the proxy: the proxy logs an error for each question that is too early
    places = [f"http://{LOOPBACK}:{run.hub_port}/hub/api/", f"{run.address}hub/api/"]
    while time.monotonic() < until:
        if hub.poll() is not None:
            raise failed(f"JupyterHub ended while starting (exit code {hub.returncode})", state)
        with (
            contextlib.suppress(OSError, ValueError),
            direct.open(places[0], timeout=2) as answer,
        ):
            if answer.status == 200 and "version" in json.load(answer):
                del places[0]
                if not places:
                    return
        waiting()
        time.sleep(PAUSE)
    raise failed(f"JupyterHub did not answer within {START_SECONDS:.0f} s", state)


def failed(message: str, state: StateFolder) -> HubFailed:
    """Return an error that says what JupyterHub said last."""
    log_file = state.logs / "hub.log"
    said = [
        line
        for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith(("[E ", "[C ")) or "Error" in line
    ]
    last = f": {said[-1].split('] ', 1)[-1].strip()}" if said else ""
    return HubFailed(f"{message}{last}", hint=f"All that it said is in {log_file}")


def _end(hub: subprocess.Popen[bytes] | None, family: Descendants) -> None:
    """Ask the hub to end everything in order, then end what is left of its descendants."""
    if hub is not None and hub.poll() is None:
        hub.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            hub.wait(STOP_SECONDS)
    left = end_all(family.alive())
    family.bury()
    family.close()
    if hub is not None:
        hub.poll()
    if left:
        ids = ", ".join(str(process.pid) for process in left)
        raise HubFailed(f"processes of the hub did not end: {ids}")
