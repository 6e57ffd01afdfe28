"""Processes that read headers: each one file at a time, and none that takes others down with it.

Plain subprocesses and pipes, not a pool of `concurrent.futures`: that breaks as a whole when one of
its processes dies, and does not say on which file. A worker of Dask may start these as well.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from typing import IO, TYPE_CHECKING, Any

from climeri_platform.core.errors import ClimeriError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["read_files"]

_COMMAND = (sys.executable, "-P", "-m", "climeri_platform.catalog.header_file")
_AHEAD = 2  # files that a worker has been given: the one it reads, and the next
_STARTS = 3  # attempts in a row
_START = 60.0  # seconds for each: its packages may come from a slow network file system
_LOOK = 0.2  # seconds between looks at the clock


class _Worker:
    """One process, and what it has been given."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.given: deque[int] = deque()
        self.ready = False
        self.since = time.monotonic()
        self._rest = b""
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - until its end
        # HDF5 would lock what it reads, which read-only and network file systems refuse
        environment = {"HDF5_USE_FILE_LOCKING": "FALSE", **os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if each)
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=environment,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.asking, self.answering = self.process.stdin, self.process.stdout
        self.tell(orders)

    def tell(self, what: Any) -> None:
        try:
            self.asking.write(json.dumps(what).encode() + b"\n")
            self.asking.flush()
        except BrokenPipeError:
            return  # it is dead, as the end of its answers says next

    def give(self, number: int, path: str, variable: str | None) -> None:
        if not self.given:
            self.since = time.monotonic()
        self.given.append(number)
        self.tell((path, variable))

    def answers(self) -> list[bytes] | None:
        """Return the lines that have come, None after the last."""
        data = os.read(self.answering.fileno(), 1 << 16)
        if not data:
            return None
        self.since = time.monotonic()
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def end(self) -> str:
        """Kill it, unless it is dead, and return what it died of."""
        self.process.kill()
        for pipe in (self.asking, self.answering):
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "it hangs in the system"  # on a mount that does not answer, nothing ends it
        finally:
            self._complaints.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def complaint(self) -> str:
        self._complaints.seek(0)
        return " ".join(self._complaints.read().decode(errors="replace").split())[-500:]


class _Crew:
    """The workers, the files that wait for one, and the answers."""

    def __init__(
        self, files: Sequence[tuple[str, str | None]], orders: dict[str, Any], size: int
    ) -> None:
        self.files, self.orders, self.size = files, orders, size
        self.waiting = deque(range(len(files)))
        self.workers: list[_Worker] = []
        self.pipes = selectors.DefaultSelector()
        self.failed_starts = 0

    def fill(self) -> None:
        """Start the workers that lack, and give each enough to do."""
        if self.orders["deadline"] is not None and time.monotonic() >= self.orders["deadline"]:
            self.waiting.clear()
        idle = sum(not each.given for each in self.workers)
        while len(self.workers) < self.size and len(self.waiting) > idle:
            worker = _Worker(self.orders)
            self.workers.append(worker)
            self.pipes.register(worker.answering, selectors.EVENT_READ, worker)
            idle += 1
        for worker in self.workers:
            while worker.ready and self.waiting and len(worker.given) < _AHEAD:
                number = self.waiting.popleft()
                worker.give(number, *self.files[number])

    def answers(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Wait a little, and yield what has come."""
        for key, _ in self.pipes.select(_LOOK):
            worker = key.data
            lines = worker.answers()
            if lines is None:
                yield from self._lost(worker, "the process that read it died")
                continue
            for line in lines:
                if not worker.ready:
                    worker.ready, self.failed_starts = True, 0
                    continue
                number, answer = worker.given.popleft(), json.loads(line)
                if answer is not None:
                    yield number, answer
        yield from self._late()

    def _late(self) -> Iterator[tuple[int, dict[str, Any]]]:
        now, limit = time.monotonic(), self.orders["timeout"]
        late = [
            each
            for each in self.workers
            if (each.given and each.ready and now - each.since > limit)
            or (not each.ready and now - each.since > max(limit, _START))
        ]
        if late:
            # whoever takes the answers may have been slow, and more have come since
            heard = {key.data for key, _ in self.pipes.select(0)}
            for worker in late:
                if worker not in heard:
                    yield from self._lost(worker, f"no answer within {limit:g} s")

    def _lost(self, worker: _Worker, why: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Bury a worker: the file that it was reading is named, the others wait again."""
        self.pipes.unregister(worker.answering)
        self.workers.remove(worker)
        complaint = "" if worker.ready else worker.complaint()
        cause = worker.end()
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= _STARTS:
                raise ClimeriError(
                    f"the process that reads headers does not start: {cause}; {complaint}",
                    hint=f"See what this says: {' '.join(_COMMAND[-2:])}",
                )
        elif worker.given:
            number = worker.given.popleft()
            self.waiting.extendleft(reversed(worker.given))
            yield number, {"problem": f"{why} ({cause})"}

    def close(self) -> None:
        """End them all."""
        self.pipes.close()
        for worker in self.workers:
            worker.end()


def read_files(
    files: Sequence[tuple[str, str | None]],
    *,
    names: Sequence[str] = (),
    workers: int = 1,
    timeout: float = 60.0,
    deadline: float | None = None,
    on_disk: bool = False,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the headers of files as they come, read by processes of their own.

    Parameters
    ----------
    files
        Path and main variable of each.
    names
        Global attributes to return beside.
    workers
        How many processes.
    timeout
        Seconds after which a file is given up, and the process that reads it is killed.
    deadline
        Of the monotonic clock; no file is opened after it.
    on_disk
        Whether a file that has a size and no blocks is not opened: it is on tape.

    Yields
    ------
    tuple
        The place of the file in the sequence, and what `read_header` returned, or a ``problem``
        where the process died or hung.

    Raises
    ------
    ClimeriError
        If the processes do not start.

    Examples
    --------
    >>> list(read_files([]))
    []
    """
    orders = {"names": list(names), "timeout": timeout, "deadline": deadline, "on_disk": on_disk}
    crew = _Crew(files, orders, max(1, workers))
    try:
        crew.fill()
        while crew.waiting or any(each.given for each in crew.workers):
            yield from crew.answers()
            crew.fill()
    finally:
        crew.close()
