"""What this process may use: the narrowest of the machine and its cgroups."""

from __future__ import annotations

import pytest

from climeri_platform.compute import limits
from climeri_platform.compute.limits import cgroup_memory, machine_limits

GIB = 1 << 30
NO_LIMIT = "9223372036854771712"  # what v1 writes where nothing is set


def tree(top, values):
    for path, value in values.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(f"{value}\n")
    return top


def own(tmp_path, text):
    path = tmp_path / "cgroup"
    path.write_text(text)
    return path


def test_slurm_under_v2_is_limited_by_the_narrowest_level(tmp_path):
    job = "system.slice/slurmstepd.scope/job_42"
    top = tree(
        tmp_path / "fs",
        {
            "memory.max": "max",
            f"{job}/memory.max": 8 * GIB,
            f"{job}/step_0/memory.max": 4 * GIB,
            f"{job}/step_0/user/task_0/memory.max": "max",
        },
    )
    mine = own(tmp_path, f"0::/{job}/step_0/user/task_0\n")
    assert cgroup_memory(top, mine) == 4 * GIB
    (top / job / "memory.max").write_text(str(2 * GIB))
    assert cgroup_memory(top, mine) == 2 * GIB


def test_slurm_under_v1(tmp_path):
    top = tree(
        tmp_path / "fs",
        {
            "memory/memory.limit_in_bytes": NO_LIMIT,
            "memory/slurm/uid_1000/job_42/memory.limit_in_bytes": 6 * GIB,
            "memory/slurm/uid_1000/job_42/step_0/memory.limit_in_bytes": NO_LIMIT,
        },
    )
    mine = own(
        tmp_path,
        "9:name=systemd:/\n4:memory:/slurm/uid_1000/job_42/step_0\n"
        "3:cpuset:/slurm/uid_1000/job_42\n0::/\n",
    )
    assert cgroup_memory(top, mine) == 6 * GIB


def test_a_container_sees_its_own_cgroup_as_the_top(tmp_path):
    top = tree(tmp_path / "fs", {"memory/memory.limit_in_bytes": 3 * GIB})
    assert cgroup_memory(top, own(tmp_path, "4:memory:/docker/abc\n")) == 3 * GIB
    top = tree(tmp_path / "two", {"memory.max": 5 * GIB})
    assert cgroup_memory(top, own(tmp_path, "0::/../../elsewhere\n")) == 5 * GIB


@pytest.mark.parametrize("text", ["", "0::/\n", "nonsense\n", "1:cpu:/\n", "4:memory:/x\n"])
def test_where_nothing_limits(tmp_path, text):
    top = tree(tmp_path / "fs", {"memory.max": "max", "memory/memory.limit_in_bytes": NO_LIMIT})
    assert cgroup_memory(top, own(tmp_path, text)) is None


def test_a_system_without_cgroups(tmp_path):
    assert cgroup_memory(tmp_path, tmp_path / "none") is None


def test_the_narrower_of_machine_and_cgroup(monkeypatch):
    free = machine_limits()
    assert free.cores >= 1
    monkeypatch.setattr(limits, "cgroup_memory", lambda: free.memory // 2)
    assert machine_limits().memory == free.memory // 2
    monkeypatch.setattr(limits, "cgroup_memory", lambda: free.memory * 2)
    assert machine_limits() == free
