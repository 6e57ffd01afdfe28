"""Start a hub, watch over it, and end all of it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub.child import ENDING, Child, failed, ignore_signals, jupyterhub
from climeri_platform.hub.curated import first_notebook, refresh_curated, set_modes
from climeri_platform.hub.ports import free_port, free_ports
from climeri_platform.hub.processes import end_all, marked
from climeri_platform.hub.proxy import proxy_command
from climeri_platform.hub.server_files import write_server_files
from climeri_platform.hub.settings import HubRun, HubSettings
from climeri_platform.hub.state import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["RunningHub", "run_hub"]

log = logging.getLogger(__name__)

SOCKET_ROOM = 35  # letters left for the place of the folder with the kernels' sockets


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
    waiting: Callable[[], object] = lambda: None,
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
    waiting
        Called some times a second until the hub answers.

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
        asked = stack.enter_context(_signals())
        state.make_folders()
        held = state.lock()
        stack.callback(os.close, held)
        _end_last_run(state, tell)
        state.make_secrets()
        port = free_port(settings.port)
        count = refresh_curated(settings.notebooks, state.curated)
        # who may not write in a folder cannot remove it: without a hub, `rm -r` shall do
        stack.callback(set_modes, state.curated, folders=0o755, files=0o444)
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
        with jupyterhub(state, run, tell, waiting) as child:
            first = first_notebook(state.curated)
            if ready(RunningHub(run, state, child.hub.pid, count, first, child.seconds)):
                _watch(child, state, asked)


@contextlib.contextmanager
def _signals() -> Iterator[Event]:
    """Turn the signals that ask for an end into one, and put their handlers back."""
    asked = Event()

    def ask(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        asked.set()
        ignore_signals()
        raise _StopAsked

    before = {each: signal.getsignal(each) for each in ENDING}
    if before[signal.SIGHUP] == signal.SIG_IGN:  # started with nohup: outlives its terminal
        del before[signal.SIGHUP]
    try:
        for each in before:
            signal.signal(each, ask)
        with contextlib.suppress(_StopAsked):
            yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
        what = f"ending {len(left)} processes that it left" if left else "nothing of it is left"
        tell(f"the last hub of this folder was killed: {what}")
        stubborn = end_all(left, patience=10.0) + end_all(marked(mark))
        if stubborn:
            ids = ", ".join(str(process.pid) for process in stubborn)
            raise HubFailed(f"processes of the last hub on {state.path} do not end: {ids}")
        if runtime.name.startswith("climeri-"):
            shutil.rmtree(runtime, ignore_errors=True)
    # JupyterHub would signal the process that this file names, whoever has its number now
    state.proxy_pid_file.unlink(missing_ok=True)


def _watch(child: Child, state: StateFolder, asked: Event) -> None:
    """Sleep until a signal comes, or the hub ends by itself."""
    while child.hub.poll() is None:
        if asked.is_set():  # Python drops what a handler raises while it frees an object
            return
        time.sleep(0.5)
        child.family.bury(but=child.hub.pid)
    raise failed(f"JupyterHub ended by itself (exit code {child.hub.returncode})", state)
