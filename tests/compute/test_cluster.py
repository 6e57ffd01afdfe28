"""The local cluster: fits the machine, is one, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import dask
import dask.array as da
import distributed
import numpy as np
import psutil
import pytest

from climeri_platform.compute import cluster, local, progress
from climeri_platform.compute.limits import Limits
from climeri_platform.core.errors import ComputeError, UsageError

GIB = 1 << 30


def plan(monkeypatch, cores, has, **wishes):
    monkeypatch.setattr(local, "machine_limits", lambda: Limits(cores, has))
    wishes = {"workers": None, "threads_per_worker": None, "memory": None, **wishes}
    return local._plan(**wishes)


@pytest.mark.parametrize(
    ("machine", "wishes", "workers", "threads", "each"),
    [
        ((2, 24 * GIB), {}, 2, 1, 0.8 * 24 * GIB / 2),
        ((16, 64 * GIB), {"workers": 4}, 4, 4, 0.8 * 64 * GIB / 4),
        ((4, 1 * GIB), {}, 1, 4, 0.8 * GIB),  # one that lives, rather than four that die
        ((1, 8 * GIB), {"memory": "4 GiB"}, 1, 1, 4 * GIB),
        ((8, 32 * GIB), {"workers": 2, "threads_per_worker": 1, "memory": 8 * GIB}, 2, 1, 4 * GIB),
    ],
)
def test_sizes_follow_the_limits(monkeypatch, machine, wishes, workers, threads, each):
    found = plan(monkeypatch, *machine, **wishes)
    assert (found["n_workers"], found["threads_per_worker"]) == (workers, threads)
    assert found["memory_limit"] == pytest.approx(each, abs=8)


@pytest.mark.parametrize("cores", [1, 3, 8, 24, 128])
@pytest.mark.parametrize("memory", [1, 4, 180, 2000])
def test_all_together_never_exceed_the_machine(monkeypatch, cores, memory):
    found = plan(monkeypatch, cores, memory * GIB)
    assert found["n_workers"] * found["threads_per_worker"] <= max(cores, 1)
    assert found["n_workers"] * found["memory_limit"] <= 0.8 * memory * GIB
    assert found["memory_limit"] >= min(0.8 * memory * GIB, 512 << 20)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"workers": 0}, "workers=0"),
        ({"workers": -1}, "workers=-1"),
        ({"workers": 1.5}, "workers=1.5"),
        ({"workers": "2"}, "workers='2'"),
        ({"workers": True}, "workers=True"),
        ({"threads_per_worker": 0}, "threads_per_worker=0"),
        ({"memory": "much"}, "memory='much'"),
        ({"memory": "100 TB"}, "cannot be had"),
        ({"memory": 0}, "cannot be had"),
        ({"memory": -5}, "cannot be had"),
        ({"workers": 1000}, "1000 workers"),
    ],
)
def test_wrong_wishes_are_refused(monkeypatch, wishes, said):
    with pytest.raises(UsageError) as refused:
        plan(monkeypatch, 4, 16 * GIB, **wishes)
    assert said in refused.value.message


def listeners():
    found = psutil.Process().net_connections()
    return {each.laddr for each in found if each.status == psutil.CONN_LISTEN}


def default():
    try:
        return distributed.default_client()
    except ValueError:
        return None


@pytest.mark.parametrize("one_runs", [False, True])
def test_a_cluster_that_cannot_start_is_told_and_nothing_of_it_is_left(one_runs):
    running = cluster(workers=1, threads_per_worker=1) if one_runs else None
    before = default(), dask.config.get("scheduler", None), listeners(), threading.active_count()
    try:
        with (
            dask.config.set({"distributed.worker.preload": ["no_such_module_at_all"]}),
            pytest.raises(ComputeError, match=r"1 worker\)") as told,
        ):
            cluster(workers=1, threads_per_worker=2)
        assert "if __name__ == '__main__'" in told.value.hint
        assert (default(), dask.config.get("scheduler", None), listeners()) == before[:3]
        assert threading.active_count() <= before[3]
        assert float(da.ones(3, chunks=1).sum().compute()) == 3
    finally:
        if running is not None:
            running.close()


UNGUARDED = """
import dask.array as da
import distributed
from climeri_platform import cluster
from climeri_platform.core.errors import ComputeError

try:
    client = cluster(workers=1)
except ComputeError as problem:
    print("told:", problem.message, problem.hint)
    print("clients:", len(distributed.Client._instances))
print(float(da.ones(3, chunks=1).sum().compute()))
"""


def test_a_script_without_a_guard_computes_on_after_it_was_told(tmp_path):
    """The worker imports the script and asks for a cluster itself: it must not wait for ever."""
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, script], check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    told, none, in_worker, in_script = done.stdout.splitlines()
    assert "a worker was importing the script" in told
    assert "if __name__ == '__main__'" in told
    assert (none, in_worker, in_script) == ("clients: 0", "3.0", "3.0")


def test_a_script_without_a_guard_ends_with_the_remedy(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from climeri_platform import cluster\ncluster(workers=1)\n")
    done = subprocess.run(
        [sys.executable, script], check=False, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1
    assert "if __name__ == '__main__'" in done.stderr.splitlines()[-1]


def processes():
    return {each.pid for each in psutil.Process().children(recursive=True)}


def test_one_cluster_from_start_to_end(capfd):
    """All on one cluster, because starting it takes seconds."""
    before = processes()
    client = cluster(workers=1, threads_per_worker=1)
    try:
        assert cluster(workers=1, threads_per_worker=1) is client
        (address,) = client.scheduler_info()["workers"]
        assert address.startswith("tls://127.0.0.1:")
        assert client.dashboard_link.startswith("http://127.0.0.1:")
        (pid,) = client.run(os.getpid).values()
        assert pid in processes() - before
        # progress sends the work to the workers
        where = progress(da.from_delayed(dask.delayed(os.getpid)(), (), dtype=int))
        assert int(where) == pid
        assert capfd.readouterr().out == ""
        _a_worker_that_dies(client)
    finally:
        client.close()
    assert not [each for each in processes() - before if _works(each)]
    again = cluster(workers=1, threads_per_worker=1)
    again.close()
    assert again is not client


def _works(pid):
    # multiprocessing's own tracker and fork server stay for the next pool
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False
    return not ("resource_tracker" in command or "forkserver" in command)


def _a_worker_that_dies(client):
    def die(block):
        os._exit(1)

    client.run_on_scheduler(_no_second_chance)
    deadly = da.ones(2, chunks=1).map_blocks(die, dtype=float, meta=np.ones(0))
    with pytest.raises(ComputeError, match="died while computing") as told:
        progress(deadly)
    assert "memory" in told.value.hint


def _no_second_chance(dask_scheduler):
    dask_scheduler.allowed_failures = 0


def test_nobody_else_on_the_machine_can_join(tmp_path):
    """Without the certificates, a stranger who finds the port gets no further than the handshake."""
    with cluster(workers=1) as client:
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        stranger = (
            "import sys\n"
            "from distributed import Client\n"
            "try:\n"
            "    Client(sys.argv[1], timeout=3).submit(sum, [1, 2]).result(3)\n"
            "except (OSError, TypeError, ValueError) as refused:\n"
            "    print('refused')\n"
        )
        for way in (address, address.replace("tls", "tcp")):
            done = subprocess.run(
                [sys.executable, "-c", stranger, way],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.stdout.strip() == "refused", done.stderr
        assert client.submit(sum, [1, 2]).result() == 3
