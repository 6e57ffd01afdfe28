"""Many hands for one walk: tasks that make more tasks, a limit of calls, a limit of time.

On a network file system each call waits for an answer and nothing else; threads that wait cost
nothing. Where nothing waits, threads only stand in each other's way: several walkers begin as one,
and the others come when that one is seen to wait.
"""

from __future__ import annotations

import queue
import resource
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Pace", "Spread"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_BURST = 0.05  # seconds of calls that may be caught up after a pause
_TRIAL = 0.02  # seconds of work after which one sees whether it was waiting
_SLEEPS = 0.5  # how often a task gives the processor away; more is waiting, not being driven out


class Pace:
    """A limit of calls per second, kept by all that share it.

    Parameters
    ----------
    rate
        Calls per second; None for no limit.

    Examples
    --------
    >>> Pace(None).take()
    """

    def __init__(self, rate: float | None) -> None:
        self._each = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._due = 0.0

    def take(self) -> None:
        """Wait until one more call is allowed."""
        if not self._each:
            return
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now - _BURST) + self._each
            wait = self._due - now
        if wait > 0:
            time.sleep(wait)


def _sleeps() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Spread(Generic[Task, Result]):
    """Tasks that several threads do, each of which may make more.

    Tasks are done last in, first out, so that what waits stays short. One walker is the caller
    itself, without a thread; so it is with several, until the tasks are seen to wait.

    Parameters
    ----------
    work
        Does a task; returns its result, and the tasks that follow from it.
    tasks
        Those to begin with; the last is done first.
    walkers
        How many do them at the same time, at most.
    until
        The moment of `time.monotonic` from which no task is begun; None for never.
    """

    def __init__(
        self,
        work: Callable[[Task], tuple[Result, Iterable[Task]]],
        tasks: Iterable[Task],
        *,
        walkers: int = 1,
        until: float | None = None,
    ) -> None:
        self._work = work
        self.waiting = list(tasks)
        self._walkers = walkers
        self._until = until
        self._change = threading.Condition()
        self._busy = 0
        self._stopped = False
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Result]:
        """Yield each result; afterwards, `waiting` is what the time did not allow."""
        yield from self._alone()
        if self._walkers > 1 and self.waiting:
            yield from self._together()

    def _over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def _alone(self) -> Iterator[Result]:
        """Do tasks until none is left, or until it is worth having others."""
        waiting, work, endless = self.waiting, self._work, self._until is None
        several, spent, tasks, slept = self._walkers > 1, 0.0, 0, _sleeps()
        while waiting and (endless or not self._over()):
            began = time.perf_counter() if several else 0.0
            result, more = work(waiting.pop())
            if more:
                waiting.extend(more)
            if several:
                spent += time.perf_counter() - began
                tasks += 1
            yield result
            if spent > _TRIAL:
                before, slept = slept, _sleeps()
                if slept - before >= _SLEEPS * tasks:
                    return
                spent, tasks = 0.0, 0

    def _together(self) -> Iterator[Result]:
        threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self._walkers)]
        try:
            for each in threads:
                each.start()
            left = len(threads)
            while left:
                kind, value = self._done.get()
                if kind == "result":
                    yield value
                elif kind == "end":
                    left -= 1
                else:
                    raise value
        finally:
            # daemons: one that hangs in the file system is not waited for
            with self._change:
                self._stopped = True
                self._change.notify_all()

    def _run(self) -> None:
        try:
            while (task := self._next()) is not None:
                more: Iterable[Task] = ()
                try:
                    result, more = self._work(task[0])
                    self._done.put(("result", result))
                finally:
                    self._add(more)
        except BaseException as problem:  # noqa: BLE001 - it is raised again by the one who asked
            self._done.put(("problem", problem))
        self._done.put(("end", None))

    def _add(self, more: Iterable[Task]) -> None:
        with self._change:
            before = len(self.waiting)
            self.waiting.extend(more)
            self._busy -= 1
            # as many as there is work for; all when there will be none
            if self._busy or self.waiting:
                self._change.notify(len(self.waiting) - before)
            else:
                self._change.notify_all()

    def _next(self) -> tuple[Task] | None:
        with self._change:
            while True:
                if self._stopped or self._over():
                    self._change.notify_all()
                    return None
                if self.waiting:
                    self._busy += 1
                    return (self.waiting.pop(),)
                if not self._busy:
                    return None
                self._change.wait()
