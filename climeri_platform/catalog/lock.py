"""The lock of a store: one writer at a time, among all hosts that mount it.

A lock is a file that only one process can make; its content is its `Owner`, its time of change
the owner's last heartbeat. How one holder follows another is told in `catalog.claims`.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from climeri_platform.catalog.claims import (
    claim_after,
    last_claim,
    make_claim,
    read_claim,
    same_file,
)
from climeri_platform.catalog.owner import Owner
from climeri_platform.core.errors import StoreBusy, StoreError
from climeri_platform.core.writing import sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from climeri_platform.catalog.claims import Claim

__all__ = ["Held", "holding", "still_held"]

_LOG = logging.getLogger(__name__)
_TRIES = 100  # each one that fails is another process's success
_MINE: dict[str, Held] = {}  # by token; from before the file is made until after it is removed


class Held:
    """A lock that this process holds.

    Attributes
    ----------
    store
        The folder of the catalogs.
    file
        The lock's.
    owner
        What the file says.
    """

    def __init__(self, store: Path, name: str, owner: Owner) -> None:
        self.store = store.absolute()
        self.file = self.store / f".{name}"
        self.owner = owner
        self.taken = False

    def check(self) -> None:
        """Refuse to go on if somebody took the lock over.

        Raises
        ------
        StoreBusy
            If this process holds the lock no longer.
        StoreError
            If that cannot be read.
        """
        try:
            last = last_claim(self.file)
        except OSError as problem:
            raise StoreError(
                f"the lock {self.file} cannot be read: {problem.strerror}",
                hint="What was published before is unchanged. Check the mount, then run it again.",
            ) from problem
        if last is not None and last.token == self.owner.token:
            return
        who = "nobody holds it" if last is None else f"it is held by {last.owner or 'an unknown'}"
        raise StoreBusy(
            f"the lock {self.file} of {self.owner} was lost: {who}",
            hint="Nothing was published: another process may write. Run this again.",
        )


def still_held(store: Path) -> None:
    """Refuse to go on if a lock that this process took on a store was taken over since.

    Raises
    ------
    StoreBusy
        If one was.
    """
    for held in list(_MINE.values()):
        if held.taken and held.store == store.absolute():
            held.check()


@contextmanager
def holding(
    store: Path,
    name: str,
    *,
    purpose: str,
    stale_after: float = 900.0,
    heartbeat: float = 30.0,
) -> Iterator[Held]:
    """Hold a lock of a store, for as long as it takes.

    A holder of this host that died is followed at once; one of another host when it was not
    heard of for ``stale_after``, by the file system's own clock. A live process of this host is
    never followed, however busy it is.

    Parameters
    ----------
    store
        The folder of the catalogs.
    name
        The lock's: ``writing`` for a publish, ``refreshing`` for the whole of a refresh.
    purpose
        What for; others that want it are told.
    stale_after
        Seconds without a heartbeat after which a holder that cannot be seen from here is dead.
    heartbeat
        Seconds between two of them.

    Yields
    ------
    Held
        Its `check` refuses if the lock was taken over.

    Raises
    ------
    StoreBusy
        If another process holds it.
    StoreError
        If the folder may not be written to.
    ValueError
        If a holder would be dead after one heartbeat that is late.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with holding(Path(folder), "writing", purpose="a test") as held:
    ...         held.check()
    ...         held.file.name
    '.writing'
    """
    if not 0 < 2 * heartbeat <= stale_after:
        raise ValueError(f"{stale_after=} must be twice {heartbeat=} or more")
    held = Held(store, name, Owner.of_this_process(purpose, heartbeat=heartbeat))
    _MINE[held.owner.token] = held
    stop = threading.Event()
    try:
        try:
            _take(held, stale_after)
        except OSError as problem:
            raise StoreError(
                f"the store {store} cannot be locked for writing: {problem.strerror}",
                hint=f"Check the rights and the space, and what {held.file} is.",
            ) from problem
        held.taken = True
        beat = threading.Thread(target=_beat, args=(held, stop), name="lock", daemon=True)
        try:
            beat.start()
            yield held
        finally:
            stop.set()
            if beat.is_alive():
                beat.join(timeout=5)  # a mount that hangs may keep it
            _let_go(held)
    finally:
        del _MINE[held.owner.token]


def _take(held: Held, stale_after: float) -> None:
    lock, owner = held.file, held.owner
    private = lock.with_name(f"{lock.name}.by-{owner.token}")
    try:
        private.write_text(owner.model_dump_json(indent=2), encoding="utf-8")
        sync(private)  # a lock that lost its content to a power cut would be nobody's
        for _ in range(_TRIES):
            last = last_claim(lock)
            place, reason = lock, None
            if last is not None:
                os.utime(private)  # by the file system's clock: hosts disagree
                age = private.stat().st_mtime - last.renewed
                reason = _stale(last, age, stale_after)
                if reason is None:
                    raise _busy(held.store, last, age, stale_after)
                place = claim_after(lock, last.token)
            if make_claim(private, place) and _is_mine(held):
                if last is not None:
                    told = last.owner or "an unknown process"
                    _LOG.warning("the lock %s of %s is taken over: %s", lock, told, reason)
                try:
                    if not same_file(private, lock):
                        private.replace(lock)
                except OSError:
                    place.unlink(missing_ok=True)  # not ours to replace: the lock stays theirs
                    raise
                _clear(held, stale_after)
                return
        raise StoreBusy(
            f"the store {held.store} is wanted by too many processes at once",
            hint="Run this again.",
        )
    finally:
        private.unlink(missing_ok=True)


def _stale(last: Claim, age: float, stale_after: float) -> str | None:
    """Say why a holder is dead, None if it must be taken for alive."""
    owner = last.owner
    if owner is not None:
        if owner.is_visible() and owner.pid == os.getpid() and owner.ended() is None:
            # what this process could not remove when it let go
            return None if owner.token in _MINE else "this process let go of it"
        if (reason := owner.ended()) is not None:
            return reason
        if owner.is_visible():
            return None
    # a time to come is no heartbeat either, and must not block for ever
    return f"its last heartbeat is {age:.0f} s old" if abs(age) > stale_after else None


def _busy(store: Path, last: Claim, age: float, stale_after: float) -> StoreBusy:
    who = last.owner or "an unknown process, whose lock cannot be read"
    hint = "Wait for it to end, then run this again."
    if last.owner is None or not last.owner.is_visible():
        hint = f"{hint} Without a heartbeat for {stale_after:g} s it is taken for dead."
    return StoreBusy(
        f"another process writes to the store {store}: {who}; last heartbeat {age:.0f} s ago",
        hint=hint,
    )


def _is_mine(held: Held) -> bool:
    last = last_claim(held.file)
    return last is not None and last.token == held.owner.token


def _clear(held: Held, stale_after: float) -> None:
    """Remove what those before, and those who died waiting, have left."""
    lock, mine = held.file, claim_after(held.file, held.owner.token)
    with suppress(OSError):  # of other users, perhaps: they mean nothing, and may stay
        _remove_left(lock, mine, held.owner.token, stale_after)


def _remove_left(lock: Path, mine: Path, token: str, stale_after: float) -> None:
    followed = [each for each in lock.parent.glob(f"{lock.name}.after-*") if each != mine]
    if not _starts_with(lock, token):
        return  # what was seen before is out of the chain for ever only if we are its start
    for each in followed:
        each.unlink(missing_ok=True)
    now = lock.stat().st_mtime
    for each in lock.parent.glob(f"{lock.name}.by-*"):
        left = read_claim(each)
        if left is not None and _stale(left, now - left.renewed, stale_after) is not None:
            each.unlink(missing_ok=True)


def _starts_with(lock: Path, token: str) -> bool:
    found = read_claim(lock)
    return found is not None and found.token == token


def _beat(held: Held, stop: threading.Event) -> None:
    while not stop.wait(held.owner.heartbeat):
        try:
            held.check()
            os.utime(held.file)
        except StoreBusy as lost:
            _LOG.error("%s", lost.message)
            return
        except (OSError, StoreError) as problem:
            _LOG.warning("the lock %s could not be renewed: %s", held.file, problem)


def _let_go(held: Held) -> None:
    if os.getpid() != held.owner.pid:
        return  # a fork of the holder: the lock is not its own
    lock, mine = held.file, claim_after(held.file, held.owner.token)
    try:
        if not (_starts_with(lock, held.owner.token) and _is_mine(held)):
            return  # it was taken over
        try:
            free = make_claim(lock, mine)  # nobody may follow us from here on
        except OSError:
            free = _is_mine(held)  # no space even for that
        if free:
            lock.unlink()
            mine.unlink(missing_ok=True)
    except OSError as problem:
        _LOG.warning("the lock %s could not be removed: %s", lock, problem)
