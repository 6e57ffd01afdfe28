"""Which processes belong to a hub, and how they are ended.

A hub is a tree: supervisor, JupyterHub, the proxy, the users' servers, their kernels, and whatever
those start. Every branch lives in a session of its own, and an orphan leaves the tree for process
1, so neither a process group nor a list of children would find all of them. Two marks do:

- while the supervisor lives, it is the *subreaper* of its descendants: Linux hands it every
  orphan below it, so that its descendants are complete at any time, whoever died in between;
- after a supervisor that was killed, the processes carry the random mark of that run in their
  environment, and the next start finds them by it.

A process is always held by its id and its start time together (`psutil.Process` compares both):
an id that went to somebody else is never signalled. Names are never looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Descendants", "die_with_parent", "end_all", "marked"]

MARK = "CLIMERI_HUB_RUN"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Have this process told to end (SIGTERM) when its parent ends, however it ends.

    Parameters
    ----------
    parent
        Id of the process that started this one.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the line above
        raise SystemExit(0)


class Descendants:
    """The processes that are started below this one from now on."""

    def __init__(self) -> None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._before = set(psutil.Process().children())

    def close(self) -> None:
        """Stop adopting orphans."""
        _prctl(PR_SET_CHILD_SUBREAPER, 0)

    def alive(self) -> list[psutil.Process]:
        """Return every process below this one that was not there at the beginning."""
        found = []
        for child in psutil.Process().children():
            if child not in self._before:
                found.append(child)
                with contextlib.suppress(psutil.Error):
                    found.extend(child.children(recursive=True))
        return found

    def bury(self, *, but: int = 0) -> None:
        """Collect adopted orphans that have ended, which would stay zombies otherwise.

        Parameters
        ----------
        but
            Id of a child that somebody else waits for.
        """
        for child in psutil.Process().children():
            if child.pid == but or child in self._before:
                continue
            with contextlib.suppress(psutil.Error, ChildProcessError):
                if child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes of this user that carry the mark of a run.

    Parameters
    ----------
    mark
        The value of ``CLIMERI_HUB_RUN`` in their environment.

    Returns
    -------
    list of psutil.Process
        Without this process itself.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return those that are still there after a while; a zombie is not."""
    _, there = psutil.wait_procs(processes, timeout=seconds)
    left = []
    for process in there:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def end_all(processes: Iterable[psutil.Process], *, patience: float = 3.0) -> list[psutil.Process]:
    """Ask processes to end, then make them.

    Parameters
    ----------
    processes
        What to end.
    patience
        Seconds between the request (SIGTERM) and the end (SIGKILL).

    Returns
    -------
    list of psutil.Process
        What did not end even so.
    """
    left = list(processes)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    left = _wait(left, patience)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return _wait(left, 5.0) if left else []
