"""Who holds a lock: the content of its file, and whether that process can still be alive."""

from __future__ import annotations

import getpass
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Owner"]


class Owner(BaseModel):
    """The process that holds a lock.

    Attributes
    ----------
    token
        Names this one holding; never given twice.
    host, pid, user
        Whose process, and where.
    boot
        The id of the host's last start, None where the system tells none.
    namespace
        The container whose process numbers ``pid`` belongs to, None where there is none.
    started
        When the process started, in ticks since the host did: a number that is given to another
        process later does not pass for this one.
    purpose
        What for, in words.
    acquired
        Since when, in UTC, ISO 8601, by the clock of the host.
    heartbeat
        Seconds between two renewals; the time of the last one is the file's own.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    token: str = Field(pattern=r"^[0-9a-f]{16}$")  # it becomes part of a file's name
    host: str
    pid: int = Field(gt=0)
    user: str
    boot: str | None = None
    namespace: str | None = None
    started: int | None = None
    purpose: str
    acquired: str
    heartbeat: float

    @classmethod
    def of_this_process(cls, purpose: str, *, heartbeat: float) -> Owner:
        """Return this process as an owner, with a token of its own."""
        return cls(
            token=secrets.token_hex(8),
            host=os.uname().nodename,
            pid=os.getpid(),
            user=_user(),
            boot=_boot(),
            namespace=_namespace(),
            started=_running(os.getpid())[1],
            purpose=purpose,
            acquired=datetime.now(UTC).isoformat(timespec="seconds"),
            heartbeat=heartbeat,
        )

    def ended(self) -> str | None:
        """Say why the process cannot be alive; None if it is, or if this host cannot know.

        Examples
        --------
        >>> owner = Owner.of_this_process("a publish", heartbeat=30)
        >>> owner.ended() is None
        True
        >>> owner.model_copy(update={"boot": "an older one"}).ended()
        'its host was started again since'
        """
        if self.host != os.uname().nodename:
            return None
        boot = _boot()
        if self.boot is not None and boot is not None and self.boot != boot:
            return "its host was started again since"
        if not self.is_visible():
            return None
        runs, started = _running(self.pid)
        if not runs:
            return "its process ended"
        if self.started is not None and started is not None and self.started != started:
            return "its process ended, and its number is another's"
        return None

    def is_visible(self) -> bool:
        """Whether this host and container see the process as long as it is alive."""
        return self.host == os.uname().nodename and self.namespace == _namespace()

    def __str__(self) -> str:
        return (
            f"{self.user}, pid {self.pid} on {self.host}, for {self.purpose}, since {self.acquired}"
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in containers
        return f"user {os.getuid()}"


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


def _namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _running(pid: int) -> tuple[bool, int | None]:
    """Whether a process runs, and when it started, if that can be known."""
    try:
        os.kill(pid, 0)  # asks, and sends nothing
    except PermissionError:
        pass  # somebody else's; /proc may hide it, so that its absence there says nothing
    except (ProcessLookupError, OverflowError):
        return False, None
    try:
        # the name stands in brackets and may hold any character
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return words[0] not in (b"Z", b"X"), int(words[19])
    except (OSError, ValueError, IndexError):
        return True, None
