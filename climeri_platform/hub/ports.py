"""Ports on the loopback address: is this one free, and give me a free one."""

from __future__ import annotations

import errno
import socket

import psutil

from climeri_platform.core.errors import HubFailed, PortBusy
from climeri_platform.hub.settings import LOOPBACK

__all__ = ["free_port", "free_ports"]


def _listener(port: int) -> str:
    """Say who listens on a port, as far as this user may know."""
    try:
        for each in psutil.net_connections("tcp"):
            if each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN:
                if each.pid is None:
                    break
                return f"process {each.pid} ({psutil.Process(each.pid).name()})"
    except (psutil.Error, OSError):
        pass
    return "another program"


def free_port(port: int = 0) -> int:
    """Return a port that nobody listens on.

    Parameters
    ----------
    port
        The wanted port; 0 takes any free one.

    Returns
    -------
    int
        The port, free a moment ago.

    Raises
    ------
    PortBusy
        If somebody listens on it.
    HubFailed
        If this user may not listen on it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        # connections of an ended server that linger for a minute do not make a port busy
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                raise PortBusy(
                    f"port {port} of {LOOPBACK} is taken by {_listener(port)}",
                    hint="Stop it, or choose another port: --port 8001 (0 takes a free one).",
                ) from problem
            raise HubFailed(
                f"port {port} of {LOOPBACK} cannot be listened on: {problem.strerror}",
                hint="Ports below 1024 belong to root: choose another one, --port 8000.",
            ) from problem
        found: int = trial.getsockname()[1]
        return found


def free_ports(count: int, *, but: tuple[int, ...] = ()) -> list[int]:
    """Return different free ports.

    Parameters
    ----------
    count
        How many.
    but
        Ports that are spoken for.

    Returns
    -------
    list of int
        Free a moment ago.
    """
    found: list[int] = []
    while len(found) < count:
        port = free_port()
        if port not in found and port not in but:
            found.append(port)
    return found
