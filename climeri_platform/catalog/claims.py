"""Who follows whom in holding a lock, decided by files that only one process can make.

.. code-block:: text

    .writing                  made by owner A
    .writing.after-A          made by B, if A is dead; or by A itself, to let go
    .writing.after-B          made by C, if B died before it could clear up

The last of this chain holds the lock, and it alone may remove or replace ``.writing``: no fresh
lock is removed for a stale one (but by a process that slept, between two calls, for longer than
the age at which others take it for dead; its follower sees that when it looks). A token is
never given twice, so that a file made too late, after an owner who is in the chain no longer,
means nothing.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from climeri_platform.catalog.owner import Owner

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Claim", "claim_after", "last_claim", "make_claim", "read_claim", "same_file"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A file of the chain.

    Attributes
    ----------
    token
        The owner's; of a file that cannot be read, a mark of the file.
    owner
        Who made it, None where that cannot be read.
    renewed
        Its last heartbeat: when it was last changed, by the clock of the file system.
    """

    token: str
    owner: Owner | None
    renewed: float


def claim_after(lock: Path, token: str) -> Path:
    """Return the file by which somebody follows an owner.

    Examples
    --------
    >>> from pathlib import Path
    >>> claim_after(Path(".writing"), "0123456789abcdef").name
    '.writing.after-0123456789abcdef'
    """
    return lock.with_name(f"{lock.name}.after-{token}")


def read_claim(path: Path) -> Claim | None:
    """Return what a file of the chain says; None if it is not there.

    Raises
    ------
    OSError
        If it is not a file, or the mount is ill.
    """
    content = b""
    try:
        about = path.stat()
        with suppress(PermissionError), path.open("rb") as file:
            about = os.fstat(file.fileno())
            content = file.read(100_000)
        owner = Owner.model_validate_json(content)
    except FileNotFoundError:
        return None
    except ValidationError:
        # older versions wrote a line of text; a disk may lose what it was given
        return Claim(f"{about.st_ino:x}-{about.st_mtime_ns:x}", None, about.st_mtime)
    except OSError as problem:
        if problem.errno == errno.ESTALE:
            return None  # another host removed it while we read
        raise
    return Claim(owner.token, owner, about.st_mtime)


def last_claim(lock: Path) -> Claim | None:
    """Return the end of the chain, which holds the lock; None if nobody does."""
    last = read_claim(lock)
    seen: set[str] = set()
    while last is not None and last.token not in seen:  # a circle, made by hand, is an end too
        seen.add(last.token)
        following = read_claim(claim_after(lock, last.token))
        if following is None:
            break
        if following.token == last.token:  # it lets go: who comes now follows that
            following = replace(following, token=f"{last.token}-released")
        last = following
    return last


def same_file(one: Path, other: Path) -> bool:
    """Whether two names are one file; False if either is not there."""
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def make_claim(content: Path, place: Path) -> bool:
    """Make a file that must not be there yet, with the content of another.

    Returns
    -------
    bool
        Whether it was this call that made it: of many processes one gets True.
    """
    try:
        os.link(content, place)
    except FileExistsError:
        return same_file(content, place)  # over NFS a call may succeed and its answer be lost
    except OSError:
        # a file system without links: for a moment the file is empty, and its age counts
        try:
            with place.open("xb") as file:
                file.write(content.read_bytes())
        except FileExistsError:
            return same_file(content, place)
    return True
