"""However a hub ends, nothing of it stays: no process, no port, no socket folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from climeri_platform.core.errors import HubFailed
from climeri_platform.hub import rehearse
from climeri_platform.hub.settings import HubRun

pytestmark = pytest.mark.hub


def give_it_work(hub):
    """Log in, start a server, leave a kernel running, and a process that hides from its tree."""
    done = rehearse(hub.address, "ada", hub.password, "01-next/sleeper.ipynb")
    sleeper = psutil.Process(int(done.text))
    assert sleeper.cmdline() == ["sleep", "1000"]
    visitor = hub.visitor("ada")
    visitor.page("user/ada/lab")
    body = {"path": "x.ipynb", "name": "", "type": "notebook", "kernel": {"name": "climeri"}}
    assert visitor.rest("POST", "api/sessions", base="/user/ada/", body=body).status == 201
    hub.look()
    hub.seen[sleeper.pid] = sleeper
    names = [" ".join(each.cmdline()) for each in hub.alive()]
    for word in ("hub.serve", "configurable-http-proxy", "jupyterhub.singleuser", "ipykernel"):
        assert any(word in name for name in names), word
    return HubRun.model_validate_json((hub.state / "run.json").read_text(encoding="utf-8"))


def nothing_is_left(hub, run, places):
    assert hub.wait_for_end(2) == []
    assert not hub.open_ports(places)
    assert not run.runtime.exists()
    assert not (hub.state / "run.json").exists()
    assert not (hub.state / "proxy.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_it(start, number):
    hub = start()
    run = give_it_work(hub)
    places = hub.ports()
    assert len(places) >= 4  # the address, the proxy's interface, the hub, ada's server
    assert hub.end(number) == 0
    nothing_is_left(hub, run, places)
    assert "Traceback" not in hub.said()


def test_it_works_and_ends_as_an_ordinary_user(start, ordinary):
    hub = start(prefix=ordinary)
    assert "root" not in hub.said()
    run = give_it_work(hub)
    assert run.root is False
    assert not any("--allow-root" in each.cmdline() for each in hub.alive())
    places = hub.ports()
    assert hub.end(signal.SIGTERM) == 0
    nothing_is_left(hub, run, places)
    password = hub.password
    again = start(prefix=ordinary)  # over the read-only folders of the first
    assert again.password == password
    assert again.end(signal.SIGINT) == 0
    removed = subprocess.run([*ordinary, "rm", "-r", str(hub.state)], check=False)
    assert removed.returncode == 0


def test_a_signal_during_the_start_ends_it_too(start):
    hub = start(ready=False)
    until = time.monotonic() + 20
    while len(hub.look()) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(hub.seen) >= 2
    assert hub.end(signal.SIGINT) == 0
    assert hub.wait_for_end(2) == []
    assert hub.process.stdout.read() == ""
    assert "Traceback" not in hub.said()


def test_a_stopped_server_leaves_nothing_while_the_hub_stays(start):
    hub = start()
    give_it_work(hub)
    visitor = hub.visitor("ada")
    below = [
        each for each in hub.alive()
        if each.pid not in {hub.pid, hub.info["hub_pid"]}
        and "configurable-http-proxy" not in " ".join(each.cmdline())
    ]  # fmt: skip
    assert len(below) >= 2
    visitor.page("hub/home")
    assert visitor.rest("DELETE", "api/users/ada/server", base="/hub/").status in {202, 204}
    until = time.monotonic() + 20
    # the sleeper left its tree before: it goes with the hub
    while sum(each.is_running() for each in below) > 1 and time.monotonic() < until:
        time.sleep(0.1)
    assert [each.cmdline()[0] for each in below if each.is_running()] == ["sleep"]
    assert hub.end() == 0
    assert hub.wait_for_end(2) == []


def test_a_hub_that_dies_is_told_and_cleaned_up(start):
    hub = start()
    run = give_it_work(hub)
    places = hub.ports()
    os.kill(hub.info["hub_pid"], signal.SIGKILL)
    assert hub.process.wait(40) == 8
    nothing_is_left(hub, run, places)
    assert "JupyterHub ended by itself (exit code -9)" in hub.said()
    assert "Traceback" not in hub.said()


def test_a_killed_supervisor_takes_its_hub_with_it(start):
    hub = start()
    give_it_work(hub)
    places = hub.ports()
    os.kill(hub.pid, signal.SIGKILL)
    until = time.monotonic() + 20
    while hub.open_ports(places) and time.monotonic() < until:
        time.sleep(0.1)
    assert not hub.open_ports(places)


def test_the_next_start_ends_what_killed_hubs_left(start):
    hub = start()
    run = give_it_work(hub)
    places = hub.ports()
    password = hub.password
    for pid in (hub.pid, hub.info["hub_pid"]):  # neither can clean up
        os.kill(pid, signal.SIGKILL)
    hub.process.wait(10)
    left = hub.alive()
    assert len(left) >= 3
    assert hub.open_ports(places)
    again = start()
    assert hub.wait_for_end(2) == []
    assert not hub.open_ports(places)
    assert not run.runtime.exists()
    assert again.password == password
    told = re.search(
        r"the last hub of this folder was killed: ending (\d+) processes", again.said()
    )
    assert told
    assert 2 <= int(told[1]) <= len(left)  # kernels end by themselves in between
    assert again.end() == 0


def test_a_process_with_the_number_of_an_old_proxy_is_not_touched(start, tmp_path):
    """JupyterHub ends the process that its old note names, whoever that is now."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "proxy.pid").write_text(str(os.getpid()))
    hub = start()
    assert hub.end() == 0


def test_a_restart_keeps_the_password_and_drops_who_left_the_list(start, tmp_path):
    hub = start("--user", "ben")
    password = hub.password
    ben = hub.visitor("ben")
    assert ben.page("hub/home").status == 200
    assert hub.end() == 0
    again = start()
    assert again.password == password
    assert again.visitor("ada").page("hub/home").url.endswith("/hub/home")
    assert "/hub/login" in again.visitor("ben").page("hub/home").url
    ben.address = again.address
    assert "/hub/login" in ben.page("hub/home").url  # nor with the cookies of before
    assert (again.state / "logs" / "hub.log.1").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/no/such/server", "/no/such/server: No such file or directory"),
        (
            f"{sys.executable} -c \"raise SystemExit('the disk of ada is full')\"",
            "stopped while it was starting (exit code 1): the disk of ada is full",
        ),
    ],
)
def test_a_server_that_cannot_start_is_told_and_leaves_nothing(start, command, reason):
    hub = start("--server-command", command)
    before = {each.pid for each in hub.look()}
    with pytest.raises(HubFailed, match="the server of ada does not start") as told:
        rehearse(hub.address, "ada", hub.password, hub.info["first_notebook"])
    assert reason in told.value.message
    assert {each.pid for each in hub.look() if each.is_running()} == before
    assert hub.visitor("ada").page("hub/home").status == 200
    places = hub.ports()
    assert hub.end() == 0
    assert hub.wait_for_end(2) == []
    assert not hub.open_ports(places)


def test_a_folder_of_a_user_that_cannot_be_used_is_told(start, tmp_path):
    users = tmp_path / "state" / "users"
    users.mkdir(parents=True)
    (users / "ada").write_text("a file where a folder should be")
    hub = start()
    with pytest.raises(HubFailed, match=r"users/ada is in the way: rename it"):
        rehearse(hub.address, "ada", hub.password, hub.info["first_notebook"])
    (users / "ada").unlink()
    assert rehearse(hub.address, "ada", hub.password, hub.info["first_notebook"]).cells == 4
    (users / "ada" / "curated").unlink()
    (users / "ada" / "curated").symlink_to(Path(os.sep))
    assert hub.end() == 0
