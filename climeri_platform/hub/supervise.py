"""Start a hub, watch over it, and end all of it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub.curated import first_notebook, refresh_curated
from climeri_platform.hub.ports import free_port, free_ports
from climeri_platform.hub.processes import MARK, Descendants, end_all, marked
from climeri_platform.hub.proxy import proxy_command
from climeri_platform.hub.server_files import write_server_files
from climeri_platform.hub.settings import LOOPBACK, HubRun, HubSettings
from climeri_platform.hub.state import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["RunningHub", "run_hub"]

log = logging.getLogger(__name__)

START_SECONDS = 90.0  # 3 s where nothing else runs; a shared file system may be slow
STOP_SECONDS = 25.0  # a user's server is asked for 10 s, then told for 5 s
PAUSE = 0.1
SOCKET_ROOM = 35  # letters left for the place of the folder with the kernels' sockets
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _StopAsked(BaseException):
    """A signal asked for the end; like KeyboardInterrupt, no `except Exception` catches it."""


@dataclass(frozen=True, slots=True)
class RunningHub:
    """A hub that answers."""

    run: HubRun
    state: StateFolder
    hub_pid: int
    notebooks: int
    first_notebook: str
    """The notebook to open first, inside the curated folder; empty without any."""
    seconds: float
    """From the start of JupyterHub to its first answer."""

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return self.run.address

    @property
    def password(self) -> str:
        """The password of the users."""
        return self.state.read_secret(self.state.password_file)


def run_hub(
    settings: HubSettings,
    ready: Callable[[RunningHub], bool],
    *,
    tell: Callable[[str], None] = log.info,
) -> None:
    """Run a hub until a signal ends it.

    Parameters
    ----------
    settings
        What the hub shall be.
    ready
        Called once the hub answers; if it returns False the hub is stopped then, otherwise it
        runs until SIGTERM, SIGINT (Ctrl-C) or SIGHUP.
    tell
        Gets one line for each step.

    Raises
    ------
    PortBusy
        If somebody listens on the port.
    ProxyMissing
        If the proxy is not installed.
    HubFailed
        If the folder cannot be written, a hub runs on it, JupyterHub does not start or ends by
        itself, or a process cannot be ended.
    """
    state = StateFolder(settings.state.expanduser().absolute())
    command = proxy_command(settings.proxy)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_signals())
        state.prepare()
        held = state.lock()
        stack.callback(os.close, held)
        _end_last_run(state, tell)
        port = free_port(settings.port)
        count = refresh_curated(settings.notebooks, state.curated)
        write_server_files(state)
        hub_port, api_port = free_ports(2, but=(port,))
        runtime = Path(tempfile.mkdtemp(prefix="climeri-", dir=_short_place()))
        stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        run = HubRun(
            **settings.model_dump(exclude={"state", "port"}),
            state=state.path,
            port=port,
            mark=secrets.token_hex(16),
            runtime=runtime,
            hub_port=hub_port,
            api_port=api_port,
            proxy_command=command,
            root=os.geteuid() == 0,
        )
        state.write_run(run)
        os.write(held, f"process {os.getpid()} at {run.address}\n".encode())
        tell(f"starting JupyterHub on {run.address}")
        with _jupyterhub(state, run, tell) as child:
            first = first_notebook(state.curated)
            if ready(RunningHub(run, state, child.hub.pid, count, first, child.seconds)):
                _watch(child, state)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """Turn the signals that ask for an end into one, and put their handlers back."""
    before = {each: signal.getsignal(each) for each in ENDING}
    if before[signal.SIGHUP] == signal.SIG_IGN:  # started with nohup: outlives its terminal
        del before[signal.SIGHUP]
    try:
        for each in before:
            signal.signal(each, _ask)
        with contextlib.suppress(_StopAsked):
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _ignore_signals() -> None:
    """Let no second Ctrl-C tear the ending apart; it takes `STOP_SECONDS` at the most."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)


def _ask(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
    _ignore_signals()
    raise _StopAsked


def _short_place() -> str:
    """Return a private place with a short path: a socket's path has 107 letters at the most."""
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        if place and len(place) <= SOCKET_ROOM and os.access(place, os.W_OK):
            return place
    return "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it


def _end_last_run(state: StateFolder, tell: Callable[[str], None]) -> None:
    """End what a killed supervisor left, before anybody believes its notes."""
    try:
        last = json.loads(state.run_file.read_text(encoding="utf-8"))
        mark, runtime = str(last["mark"]), Path(str(last["runtime"]))
    except FileNotFoundError:
        mark = ""
    except (ValueError, KeyError, TypeError, OSError) as problem:
        log.warning("the note on the last run, %s, cannot be read: %s", state.run_file, problem)
        mark = ""
    if mark:
        left = marked(mark)
        tell(f"the last hub of this folder was killed: ending {len(left)} processes that it left")
        stubborn = end_all(left, patience=10.0) + end_all(marked(mark))
        if stubborn:
            ids = ", ".join(str(process.pid) for process in stubborn)
            raise HubFailed(f"processes of the last hub on {state.path} do not end: {ids}")
        if runtime.name.startswith("climeri-"):
            shutil.rmtree(runtime, ignore_errors=True)
    # JupyterHub would signal the process that this file names, whoever has its number now
    state.proxy_pid_file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Child:
    """JupyterHub and everything below it."""

    hub: subprocess.Popen[bytes]
    family: Descendants
    seconds: float


@contextlib.contextmanager
def _jupyterhub(state: StateFolder, run: HubRun, tell: Callable[[str], None]) -> Iterator[_Child]:
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
        _wait_for_answer(hub, run, state)
        yield _Child(hub, family, time.monotonic() - started)
    finally:
        _ignore_signals()
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


def _wait_for_answer(hub: subprocess.Popen[bytes], run: HubRun, state: StateFolder) -> None:
    """Wait until the hub itself answers; the proxy answers earlier, with 404."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    # first the hub behind the proxy: the proxy logs an error for each question that is too early
    places = [f"http://{LOOPBACK}:{run.hub_port}/hub/api/", f"{run.address}hub/api/"]
    while time.monotonic() < until:
        if hub.poll() is not None:
            raise _failed(f"JupyterHub ended while starting (exit code {hub.returncode})", state)
        with (
            contextlib.suppress(OSError, ValueError),
            direct.open(places[0], timeout=2) as answer,
        ):
            if answer.status == 200 and "version" in json.load(answer):
                del places[0]
                if not places:
                    return
        time.sleep(PAUSE)
    raise _failed(f"JupyterHub did not answer within {START_SECONDS:.0f} s", state)


def _failed(message: str, state: StateFolder) -> HubFailed:
    log_file = state.logs / "hub.log"
    said = [
        line
        for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith(("[E ", "[C ")) or "Error" in line
    ]
    last = f": {said[-1].split('] ', 1)[-1].strip()}" if said else ""
    return HubFailed(f"{message}{last}", hint=f"All that it said is in {log_file}")


def _watch(child: _Child, state: StateFolder) -> None:
    """Sleep until a signal comes, or the hub ends by itself."""
    while child.hub.poll() is None:
        time.sleep(0.5)
        child.family.bury(but=child.hub.pid)
    raise _failed(f"JupyterHub ended by itself (exit code {child.hub.returncode})", state)


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
