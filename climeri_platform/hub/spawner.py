"""A user's JupyterLab: a process of whoever started the hub, with a folder and a log of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from jupyterhub.spawner import SimpleLocalProcessSpawner, SpawnException
from traitlets import Unicode, default

from climeri_platform.hub.processes import end_all
from climeri_platform.hub.server_files import CURATED
from climeri_platform.hub.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LocalServer"]


class LocalServer(SimpleLocalProcessSpawner):  # type: ignore[misc] # jupyterhub has no types
    """JupyterHub's simple spawner, with reasons for users and with nothing left behind.

    All servers run as the Unix user who started the hub: users are apart by folder and by
    password, not by the operating system.
    """

    users_folder = Unicode(config=True, help="Holds one folder for each user.")
    curated_folder = Unicode(config=True, help="The read-only curated notebooks.")
    logs_folder = Unicode(config=True, help="Holds one log for each user's server.")
    runtime_folder = Unicode(config=True, help="Short path for the sockets of the kernels.")

    @property
    def log_file(self) -> Path:
        """What the user's server said at its last start."""
        return Path(self.logs_folder) / f"server-{self.user.name}.log"

    @default("home_dir")  # type: ignore[untyped-decorator] # traitlets is not followed
    def _the_users_folder(self) -> str:
        return str(Path(self.users_folder) / self.user.name)

    def make_preexec_fn(self, name: str) -> Callable[[], None] | None:  # noqa: ARG002 - jupyterhub's signature
        """Do nothing between fork and exec: `start` has made the folder."""
        return None

    def get_state(self) -> dict[str, Any]:
        """Keep no process id: servers end with their hub, and an id may go to somebody else."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Adopt nothing, see `get_state`."""

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Point every personal place into the user's folder of this hub.

        The home folder of the Unix user stays out of it: its Jupyter settings, start-up files and
        kernels are of another environment, and several users of the hub would share them.
        """
        env = super().user_env(env)
        env["JUPYTER_RUNTIME_DIR"] = str(Path(self.runtime_folder) / f"{self.user.id}")
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
        return env

    def _refuse(self, message: str) -> SpawnException:
        problem = SpawnException(message, reason="local", status_code=500)
        problem.jupyterhub_message = message  # the page that waits for a server reads this one
        return problem

    def _prepare(self) -> None:
        """Make the user's folder, with the curated notebooks in it."""
        home = Path(self.home_dir)
        link, curated = home / CURATED, Path(self.curated_folder)
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            home.chmod(0o700)
            if link.is_symlink() and link.readlink() != curated:
                link.unlink()
            if not link.is_symlink():
                link.symlink_to(curated, target_is_directory=True)
            runtime = Path(self.runtime_folder) / f"{self.user.id}"
            runtime.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError as problem:
            raise self._refuse(
                f"{problem.filename2 or problem.filename} is in the way: rename it, then start again."
            ) from problem
        except OSError as problem:
            raise self._refuse(
                f"Your folder {home} cannot be used: {problem.strerror}. "
                "Tell the person who started this hub."
            ) from problem

    def _last_words(self) -> str:
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:300] if said else "it said nothing"

    async def _answers(self) -> None:
        """Wait until the server listens; give its reason if it ends before."""
        while True:
            status = await self.poll()
            if status is not None:
                raise self._refuse(
                    f"Your server stopped while it was starting (exit code {status}): "
                    f"{self._last_words()}. All of it is in {self.log_file}."
                )
            with contextlib.suppress(OSError), socket.socket() as trial:
                trial.settimeout(0.2)
                trial.connect((LOOPBACK, self.port))
                return
            await asyncio.sleep(0.1)

    async def start(self) -> tuple[str, int]:
        """Start the server; every failure reaches the user as a sentence."""
        self._prepare()
        try:
            with self.log_file.open("wb") as log:
                self.popen_kwargs = {"stdout": log, "stderr": log, "cwd": self.home_dir}
                place: tuple[str, int] = await super().start()
        except OSError as problem:
            raise self._refuse(
                f"Your server cannot be started: {problem.filename or self.cmd[0]}: "
                f"{problem.strerror}. Tell the person who started this hub."
            ) from problem
        await self._answers()
        return place

    async def stop(self, now: bool = False) -> None:
        """Stop the server and whatever it started: kernels, terminals, their children."""
        below: list[psutil.Process] = []
        if self.pid:
            with contextlib.suppress(psutil.Error):
                below = psutil.Process(self.pid).children(recursive=True)
        await super().stop(now=now)
        left = [process for process in below if process.is_running()]
        if left:
            await asyncio.to_thread(end_all, left)
