"""A Dask cluster on this machine, that fits it."""

from __future__ import annotations

from multiprocessing import current_process
from typing import TYPE_CHECKING, Any

from climeri_platform.compute.limits import machine_limits
from climeri_platform.core.errors import ComputeError, UsageError
from climeri_platform.core.extras import needs
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distributed import Client

__all__ = ["cluster", "worker_memory"]

_SHARE = 0.8  # of the memory: the notebook, the scheduler and the system need the rest
_LEAST = 512 << 20  # a worker with less dies while it imports and reads its first chunk
_DIES = 128 << 20  # less than the packages alone take
_GUARD = (
    "In a script, what follows cluster() stands below `if __name__ == '__main__':`, because the "
    "workers import it."
)
_running: list[tuple[dict[str, Any], Client]] = []


def cluster(
    *,
    workers: int | None = None,
    threads_per_worker: int | None = None,
    memory: int | str | None = None,
) -> Client:
    """Return a Dask client whose workers fit the cores and the memory of this machine.

    Called again with the same wishes, it returns the client that is running, so that a notebook
    cell may be run twice. Closing the client ends the workers.

    Parameters
    ----------
    workers
        Worker processes; by default as many as the cores carry.
    threads_per_worker
        By default the cores over the workers.
    memory
        For all workers together, in bytes or as ``"8 GB"``; by default 80 % of what this process
        may use, cgroup limits included.

    Returns
    -------
    distributed.Client
        On loopback, the dashboard included; scheduler and workers speak TLS with certificates that
        live as long as the client, so that nobody else on a shared machine can join.

    Raises
    ------
    UsageError
        If a wish exceeds the limits or makes no sense.
    ComputeError
        If the workers do not start.

    Examples
    --------
    >>> from climeri_platform import cluster
    >>> with cluster(workers=1) as client:
    ...     client.submit(sum, [1, 2]).result()
    3
    """
    with needs("compute", "a Dask cluster"):
        import distributed  # noqa: F401 - that it is there is said before anything is planned

    wishes = _plan(workers, threads_per_worker, memory)
    for known, client in list(_running):
        if client.status != "running":
            _running.remove((known, client))
        elif known == wishes:
            return client
    said = f"the local Dask cluster ({many(wishes['n_workers'], 'worker')}) did not start"
    if _is_importing_a_script():
        raise ComputeError(f"{said}: a worker was importing the script that calls it", hint=_GUARD)
    try:
        client = _started(wishes)
    except (OSError, RuntimeError, TimeoutError) as problem:
        raise ComputeError(f"{said}: {problem}", hint=f"{_GUARD} Is /tmp writable?") from problem
    _running.append((wishes, client))
    return client


def _is_importing_a_script() -> bool:
    """Whether this process is one of multiprocessing's that is still importing its script."""
    # what multiprocessing itself looks at before it refuses to start another one from there
    return bool(vars(current_process()).get("_inheriting", False))


def _started(wishes: Mapping[str, Any]) -> Client:
    """Return a client, and its workers; if either does not start, neither is left.

    Client() that starts a cluster by itself becomes Dask's default before there is one, and stays
    it, with an open scheduler, if there will be none. LocalCluster closes what it opened.
    """
    import distributed

    class Client(distributed.Client):  # type: ignore[misc] # distributed ships no types
        """A client that ends its workers, as distributed's does where it started them itself."""

        def close(self, *args: Any, **options: Any) -> Any:
            try:
                return super().close(*args, **options)
            finally:
                workers.close()

    workers = distributed.LocalCluster(
        **wishes,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        # without it, anybody on a shared node may run code in these workers
        protocol="tls://",
        security=True,
    )
    try:
        return Client(workers, set_as_default=True)
    except BaseException:
        workers.close()
        raise


def worker_memory() -> int | None:
    """Return the bytes that a thread of the smallest running cluster has; None if none runs."""
    return min(
        (
            wishes["memory_limit"] // wishes["threads_per_worker"]
            for wishes, client in _running
            if client.status == "running"
        ),
        default=None,
    )


def _plan(
    workers: int | None, threads_per_worker: int | None, memory: int | str | None
) -> dict[str, Any]:
    from dask.utils import format_bytes, parse_bytes
    from distributed.deploy.utils import nprocesses_nthreads

    for name, wish in (("workers", workers), ("threads_per_worker", threads_per_worker)):
        if wish is not None and (type(wish) is not int or wish < 1):
            raise UsageError(f"{name}={wish!r}: a whole number, at least 1")
    limits = machine_limits()
    try:
        total = int(limits.memory * _SHARE) if memory is None else parse_bytes(memory)
    except ValueError:
        raise UsageError(f"memory={memory!r} is no amount of memory such as '8 GB'") from None
    if not 0 < total <= limits.memory:
        raise UsageError(
            f"memory={memory!r} cannot be had: this process may use {format_bytes(limits.memory)}",
            hint="Ask the scheduler for a larger job, or name less.",
        )
    processes = workers or nprocesses_nthreads(limits.cores)[0]
    if workers is None:  # fewer, rather than workers too small to live
        processes = max(1, min(processes, total // _LEAST))
    if total // processes < _DIES:
        raise UsageError(
            f"{processes} workers would have {format_bytes(total // processes)} each, "
            f"and none lives on less than {format_bytes(_DIES)}",
            hint="Fewer workers, or more memory.",
        )
    threads = threads_per_worker or max(1, limits.cores // processes)
    return {
        "n_workers": int(processes),
        "threads_per_worker": int(threads),
        "memory_limit": total // int(processes),
    }
