"""What this process may use: cores and memory, within the cgroup that a scheduler put it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from climeri_platform.core.extras import needs

__all__ = ["Limits", "cgroup_memory", "machine_limits"]

_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"


@dataclass(frozen=True, slots=True)
class Limits:
    """Cores, and bytes of memory."""

    cores: int
    memory: int


def _read(path: Path) -> int | None:
    try:
        value = int(path.read_text())
    except (OSError, ValueError):  # no such controller, or "max"
        return None
    return value if 0 < value < _UNLIMITED else None


def cgroup_memory(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return the smallest memory limit of this process's cgroup and those above it.

    Parameters
    ----------
    cgroups
        Where the hierarchies are mounted.
    own
        The list of this process's cgroups.

    Returns
    -------
    int or None
        Bytes; None where nothing limits it.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    found: list[int] = []
    for line in lines:
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        _, controllers, path = parts
        if controllers and "memory" not in controllers.split(","):
            continue
        top = cgroups / "memory" if controllers else cgroups
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        here = top / path.lstrip("/")
        # Slurm limits a job, a step and a task: any of the levels may be the narrow one
        for folder in (here, *here.parents):
            if (limit := _read(folder / name)) is not None:
                found.append(limit)
            if folder == top:
                break
    return min(found, default=None)


def machine_limits() -> Limits:
    """Return what this process may use.

    Returns
    -------
    Limits
        Cores by affinity and cgroup quota; memory by the machine, the cgroup and ``ulimit``.

    Raises
    ------
    MissingExtra
        If the packages that look are not installed.
    """
    with needs("compute", "looking at the limits of this process"):
        from dask.system import cpu_count
        from distributed.system import memory_limit

    memory = int(memory_limit())
    return Limits(cpu_count(), min(memory, cgroup_memory() or memory))
