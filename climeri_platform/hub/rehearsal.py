"""The whole way of a user: log in, get a server, run a notebook in its kernel."""

from __future__ import annotations

import asyncio
import json
import re
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub.server_files import CURATED, KERNEL
from climeri_platform.hub.visitor import Answer, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Rehearsal", "rehearse"]

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How long each part of the way took, in seconds."""

    notebook: str
    cells: int
    login: float
    spawn: float
    """From the request to the page of JupyterLab."""
    kernel: float
    """From the request to the answer of a kernel."""
    run: float
    """All code cells."""
    text: str
    """What the cells printed and showed as text."""


def rehearse(
    address: str,
    user: str,
    password: str,
    notebook: str,
    *,
    seconds: float = 300.0,
    tell: Callable[[str], None] = lambda line: None,  # noqa: ARG005 - says nothing
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - shows nothing
) -> Rehearsal:
    """Walk the whole way of a user over HTTP, as a browser does.

    Parameters
    ----------
    address
        The hub's address.
    user, password
        Who logs in.
    notebook
        A curated notebook: its path inside the curated folder.
    seconds
        How long all cells together may take.
    tell
        Gets one line for each step.
    progress
        Gets the number of cells that have run, and of all.

    Returns
    -------
    Rehearsal
        The times, and what the notebook said.

    Raises
    ------
    HubFailed
        At the first step that does not go as it should; for a cell that fails, with its error.
    """
    visitor = Visitor(address)
    clock = time.monotonic()
    tell(f"logging in as {user}")
    landed = visitor.log_in(user, password)
    if "/hub/login" in landed.url or landed.status == 403:
        raise HubFailed(f"the hub refuses {user}: wrong name or password")
    login, clock = time.monotonic() - clock, time.monotonic()
    tell("starting the user's server")
    visitor.spawn(user)
    base = f"/user/{user}/"
    lab = visitor.page(f"{base}lab")
    if lab.status != 200 or "jupyter-config-data" not in lab.text:
        raise HubFailed(f"JupyterLab does not open: {lab.status} for {lab.url}")
    spawn, clock = time.monotonic() - clock, time.monotonic()
    server = _Server(visitor, base)
    tell(f"running {notebook} in its kernel")
    cells = server.cells(f"{CURATED}/{notebook}")
    session = server.start_session(f"{CURATED}/{notebook}")
    try:
        kernel_id = str(session["kernel"]["id"])
        kernel, clock, text = asyncio.run(
            _run(server.channels(kernel_id), cells, clock, seconds, progress)
        )
    finally:
        server.end_session(str(session["id"]))
    return Rehearsal(
        notebook=notebook,
        cells=len(cells),
        login=round(login, 3),
        spawn=round(spawn, 3),
        kernel=round(kernel, 3),
        run=round(time.monotonic() - clock, 3),
        text=text,
    )


class _Server:
    """A user's server, seen from a page of JupyterLab."""

    def __init__(self, visitor: Visitor, base: str) -> None:
        self.visitor, self.base = visitor, base

    def _rest(self, method: str, path: str, body: object = None) -> Answer:
        answer = self.visitor.rest(method, path, base=self.base, body=body)
        if answer.status >= 400:
            raise HubFailed(
                f"the server refuses {method} {path}: {answer.status} {answer.text[:200]}"
            )
        return answer

    def cells(self, path: str) -> list[str]:
        """Return the code cells of a notebook."""
        content = self._rest("GET", f"api/contents/{urllib.parse.quote(path)}").json["content"]
        sources = [
            "".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"
        ]
        return [source for source in sources if source.strip()]

    def start_session(self, path: str) -> dict[str, Any]:
        """Start the kernel of a notebook."""
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": KERNEL}}
        session: dict[str, Any] = self._rest("POST", "api/sessions", body).json
        return session

    def end_session(self, session: str) -> None:
        """End the kernel."""
        self.visitor.rest("DELETE", f"api/sessions/{session}", base=self.base)

    def channels(self, kernel: str) -> HTTPRequest:
        """Return the address of the kernel's messages."""
        path = f"{self.base}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        url = urllib.parse.urljoin(self.visitor.address, path)
        cookies = "; ".join(
            f"{each.name}={each.value}"
            for each in self.visitor.cookies
            if path.startswith(each.path)
        )
        return HTTPRequest(
            f"ws{url.removeprefix('http')}",
            headers={
                "Cookie": cookies,
                "Origin": self.visitor.address.rstrip("/"),
                "Sec-Fetch-Mode": "websocket",
                "Sec-Fetch-Site": "same-origin",
            },
        )


async def _run(
    channels: HTTPRequest,
    cells: list[str],
    clock: float,
    seconds: float,
    progress: Callable[[int, int], None],
) -> tuple[float, float, str]:
    """Return the seconds until the kernel answered, when it did, and the text of the cells."""
    connection = await websocket_connect(channels)
    try:
        async with asyncio.timeout(60):
            await _execute(connection, "", 0)
        kernel, clock = time.monotonic() - clock, time.monotonic()
        texts = []
        async with asyncio.timeout(seconds):
            for number, cell in enumerate(cells, start=1):
                texts.append(await _execute(connection, cell, number))
                progress(number, len(cells))
    except TimeoutError as problem:
        raise HubFailed(f"the kernel did not answer within {seconds:.0f} s") from problem
    finally:
        connection.close()
        while await connection.read_message() is not None:  # until the other side has hung up
            pass
    return kernel, clock, "".join(texts)


async def _execute(connection: WebSocketClientConnection, code: str, number: int) -> str:
    """Run one cell and return its text; what is not ours (other parents) is passed over."""
    request = uuid.uuid4().hex
    header = {
        "msg_id": request,
        "msg_type": "execute_request",
        "session": request,
        "username": "",
        "version": "5.3",
        "date": "",
    }
    content = {"code": code, "silent": not code, "store_history": bool(code), "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await connection.write_message(json.dumps({**message, "channel": "shell", "buffers": []}))
    texts: list[str] = []
    replied = idle = False
    while not (replied and idle):
        told = await connection.read_message()
        if told is None:
            raise HubFailed(f"the kernel went away in cell {number}")
        if isinstance(told, bytes):  # widgets with buffers
            continue
        answer = json.loads(told)
        if answer.get("parent_header", {}).get("msg_id") != request:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "error":
            trace = COLOURS.sub("", "\n".join(content.get("traceback", [])))
            raise HubFailed(
                f"cell {number} fails: {content['ename']}: {content['evalue']}", hint=trace
            )
        replied = replied or kind == "execute_reply"
        idle = idle or (kind == "status" and content["execution_state"] == "idle")
        if kind == "stream":
            texts.append(content["text"])
        elif kind in {"execute_result", "display_data"}:
            texts.append(content["data"].get("text/plain", "") + "\n")
    return "".join(texts)
