"""The folder that holds everything a hub writes: secrets, database, logs, users."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from climeri_platform.core.errors import HubFailed
from climeri_platform.core.writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from climeri_platform.hub.settings import HubRun

__all__ = ["StateFolder", "default_state"]

_PRIVATE = 0o600  # only its owner reads it

# without 0/o and 1/l/i, which people confuse on paper and on a screen at the back of a room
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def default_state() -> Path:
    """Return the folder of this user's hub where none is named.

    Returns
    -------
    pathlib.Path
        ``~/.local/share/climeri/hub``, or its place under ``XDG_DATA_HOME``.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "climeri" / "hub"


def _password() -> str:
    """Return 16 characters in groups of four: 79 bits, and one can dictate it."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The places inside a hub's folder; every path of the hub is named here and nowhere else."""

    path: Path

    @property
    def password_file(self) -> Path:
        """The password of the users."""
        return self.path / "secrets" / "password"

    @property
    def cookie_file(self) -> Path:
        """What signs the cookies."""
        return self.path / "secrets" / "cookie_secret"

    @property
    def token_file(self) -> Path:
        """What the hub shows to the proxy."""
        return self.path / "secrets" / "proxy_token"

    @property
    def database(self) -> Path:
        """JupyterHub's SQLite file."""
        return self.path / "jupyterhub.sqlite"

    @property
    def logs(self) -> Path:
        """``hub.log`` and one log for each user's server."""
        return self.path / "logs"

    @property
    def users(self) -> Path:
        """One folder for each user."""
        return self.path / "users"

    @property
    def curated(self) -> Path:
        """The read-only copy of the curated notebooks."""
        return self.path / "curated"

    @property
    def delivered(self) -> Path:
        """The curated notebooks in one language, where no other folder of them is named."""
        return self.path / "notebooks"

    @property
    def jupyter(self) -> Path:
        """What the users' servers read: kernel and configuration."""
        return self.path / "jupyter"

    @property
    def run_file(self) -> Path:
        """The settings of the present run; left behind only by a run that was killed."""
        return self.path / "run.json"

    @property
    def proxy_pid_file(self) -> Path:
        """JupyterHub's note on its proxy."""
        return self.path / "proxy.pid"

    @property
    def lock_file(self) -> Path:
        """Held as long as a supervisor lives."""
        return self.path / "lock"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise HubFailed(
                f"the hub cannot write its folder {self.path}: {problem.strerror or problem}",
                hint="Choose a folder of yours: --state DIR.",
            ) from problem

    def make_folders(self) -> None:
        """Make the folder and its parts, for their owner alone.

        Raises
        ------
        HubFailed
            If the folder cannot be written.
        """
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            for folder in (self.logs, self.users, self.jupyter, self.password_file.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)

    def make_secrets(self) -> None:
        """Make the secrets of a run; only who holds the lock does.

        Raises
        ------
        HubFailed
            If the folder cannot be written.
        """
        with self._writing():
            if not self.password_file.exists():  # a restart locks nobody out
                write_whole(self.password_file, _password() + "\n", mode=_PRIVATE)
            self.password_file.chmod(0o600)
            # New at each start: cookies of the last run, and of who left the list, end with it.
            for file in (self.cookie_file, self.token_file):
                write_whole(file, secrets.token_hex(32) + "\n", mode=_PRIVATE)

    def lock(self) -> int:
        """Take the folder for this process.

        Returns
        -------
        int
            The file that holds the lock; the kernel lets go of it when this process ends,
            however it ends.

        Raises
        ------
        HubFailed
            If a hub runs on this folder.
        """
        with self._writing():
            file = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            owner = os.read(file, 100).decode(errors="replace").strip()
            os.close(file)
            raise HubFailed(
                f"a hub runs already on {self.path}: {owner or 'it is starting'}",
                hint="Stop it with Ctrl-C where it was started, or name another folder: --state.",
            ) from problem
        os.ftruncate(file, 0)
        return file

    def read_secret(self, file: Path) -> str:
        """Return the text of a secret file."""
        return file.read_text(encoding="utf-8").strip()

    def write_run(self, run: HubRun) -> None:
        """Keep the settings of a run, for JupyterHub's configuration and for the next start."""
        write_whole(self.run_file, run.model_dump_json(indent=1) + "\n", mode=_PRIVATE)
