"""What a hub is asked to be, and what one run of it adds."""

from __future__ import annotations

import getpass
import re
import sys
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["HubRun", "HubSettings", "default_user"]

LOOPBACK = "127.0.0.1"  # the only address that this hub ever listens on
USER_PATTERN = r"[a-z0-9][a-z0-9._-]{0,31}"  # also a folder name that hides nothing


def default_user() -> str:
    """Return the name that the hub gives to whoever starts it.

    Returns
    -------
    str
        The Unix user name in the letters that the hub accepts; ``demo`` for root.
    """
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        name = ""
    name = re.sub(r"[^a-z0-9._-]", "-", name.lower()).lstrip("._-")[:32]
    return "demo" if name in {"", "root"} else name


class HubSettings(BaseModel):
    """What ``climeri hub up`` is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path
    """Folder of everything that the hub writes."""
    proxy: Path
    """Folder that holds the proxy's ``node_modules``."""
    notebooks: Path
    """Folder of the curated notebooks; it is copied, never written."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port on the loopback address; 0 takes a free one."""
    users: tuple[str, ...] = Field(default_factory=lambda: (default_user(),), min_length=1)
    """Who may log in."""
    store: Path | None = None
    """Folder of the catalogs, handed to the notebooks as ``CLIMERI_STORE``."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Further variables of the users' servers."""
    server_command: tuple[str, ...] = (sys.executable, "-P", "-m", "jupyterhub.singleuser")
    """What a user's server is; ``-P`` keeps the user's folder off its import path."""
    server_timeout: Annotated[int, Field(gt=0)] = 120
    """Seconds that a user's server may take to answer."""

    @field_validator("users")
    @classmethod
    def _names(cls, users: tuple[str, ...]) -> tuple[str, ...]:
        for name in users:
            if not re.fullmatch(USER_PATTERN, name):
                raise ValueError(
                    f"{name!r} is no user name of the hub: up to 32 of a-z 0-9 . _ -, "
                    "a letter or a digit first"
                )
        return tuple(dict.fromkeys(users))


class HubRun(HubSettings):
    """One run of a hub: the settings and what was chosen at its start.

    Written for the configuration of JupyterHub to read. It holds no secret: those stand in files
    of their own, named by `climeri_platform.hub.state`.
    """

    mark: str
    """Random word in the environment of every process of this run."""
    runtime: Path
    """Short private folder for the sockets of the kernels."""
    hub_port: int
    api_port: int
    proxy_command: tuple[str, ...]
    root: bool
    """Whether the processes run as root, which Jupyter wants to be told."""

    @property
    def address(self) -> str:
        """The address for a browser."""
        return f"http://{LOOPBACK}:{self.port}/"
