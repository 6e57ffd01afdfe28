"""What others on the machine can see of a running hub."""

from __future__ import annotations

import os
import stat

import psutil
import pytest

from climeri_platform.hub import rehearse

pytestmark = pytest.mark.hub


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_loopback_address_is_listened_on(hub, ada):
    places = hub.ports()
    assert {ip for ip, _ in places} == {"127.0.0.1"}
    assert int(hub.address.rsplit(":", 1)[1].strip("/")) in {port for _, port in places}


def test_a_kernel_listens_on_no_port(hub, ada):
    before = hub.ports()
    session = ada.rest(
        "POST", "api/sessions", base="/user/ada/",
        body={"path": "x.ipynb", "name": "", "type": "notebook", "kernel": {"name": "climeri"}},
    ).json  # fmt: skip
    try:
        kernels = [
            each
            for each in hub.look()
            if each.is_running() and "ipykernel_launcher" in each.cmdline()
        ]
        assert len(kernels) == 1
        assert not [each for each in kernels[0].net_connections("inet") if each.status == "LISTEN"]
        assert hub.ports() == before
    finally:
        ada.rest("DELETE", f"api/sessions/{session['id']}", base="/user/ada/")


def test_folders_and_secrets_belong_to_their_owner_alone(hub, ada):
    for folder in (".", "users", "users/ada", "logs", "secrets", "jupyter"):
        assert mode(hub.state / folder) == 0o700, folder
    for name in ("password", "cookie_secret", "proxy_token"):
        assert mode(hub.state / "secrets" / name) == 0o600
    for name in ("jupyterhub.sqlite", "run.json", "logs/hub.log", "logs/server-ada.log"):
        assert mode(hub.state / name) == 0o600, name


def test_no_secret_is_in_a_command_line_or_a_log(hub, notebooks):
    rehearse(hub.address, "ada", hub.password, hub.info["first_notebook"])
    secrets = [
        (hub.state / "secrets" / name).read_text(encoding="utf-8").strip()
        for name in ("password", "cookie_secret", "proxy_token")
    ]
    assert all(len(secret) >= 19 for secret in secrets)
    words = []
    for process in hub.look():
        try:
            words += process.cmdline()
        except psutil.NoSuchProcess:
            continue
    texts = " ".join(words) + hub.said() + (hub.state / "run.json").read_text(encoding="utf-8")
    for log in (hub.state / "logs").iterdir():
        texts += log.read_text(encoding="utf-8")
    assert "hub.serve" in texts
    for secret in secrets:
        assert secret not in texts


def test_who_runs_as_root_is_warned(hub):
    assert ("this hub runs as root" in hub.said()) == (os.geteuid() == 0)
