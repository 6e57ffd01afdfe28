"""What cannot be started is told in one sentence, with what to do."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.hub


def refusal(hub, code=8):
    """Return what was said, without the lines on the steps."""
    assert hub.process.wait(40) == code, hub.said()
    assert hub.process.stdout.read() == ""
    assert hub.wait_for_end(2) == []
    said = [
        line
        for line in hub.said().splitlines()
        if not line.endswith("...") and "warning" not in line
    ]
    assert "Traceback" not in hub.said()
    assert said[0].startswith("climeri: ")
    assert len(said) <= 2
    return "\n".join(said)


def test_a_busy_port(start, busy_port):
    said = refusal(start("--port", busy_port, "--store", "/", ready=False))
    assert f"port {busy_port} of 127.0.0.1 is taken by process" in said
    assert "--port 8001" in said


def test_a_missing_proxy(start, tmp_path):
    said = refusal(start("--proxy", tmp_path / "nothing", "--store", "/", ready=False))
    assert f"the hub's proxy is not installed in {tmp_path / 'nothing'}" in said
    assert "climeri hub install-proxy" in said


@pytest.mark.parametrize("place", ["below a file", "proc"])
def test_a_folder_that_cannot_be_written(start, tmp_path, place):
    (tmp_path / "file").write_text("")
    folder = {"below a file": tmp_path / "file" / "state", "proc": "/proc/climeri"}[place]
    said = refusal(start("--state", folder, "--store", "/", ready=False))
    assert re.search(rf"the hub cannot write its folder {re.escape(str(folder))}: \w+", said)
    assert "--state DIR" in said


def test_a_folder_that_an_ordinary_user_may_not_write(start, tmp_path, ordinary):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    hub = start("--state", folder / "state", "--store", "/", ready=False, prefix=ordinary)
    assert f"the hub cannot write its folder {folder / 'state'}: Permission denied" in refusal(hub)


def test_a_second_hub_on_the_same_folder(hub, start):
    said = refusal(start("--state", hub.state, "--store", "/", ready=False))
    assert f"a hub runs already on {hub.state}: process {hub.pid} at {hub.address}" in said
    assert hub.visitor().page("hub/login").status == 200


def test_notebooks_that_are_not_there(start, tmp_path):
    said = refusal(start("--notebooks", tmp_path / "none", "--store", "/", ready=False))
    assert f"curated notebooks does not exist: {tmp_path / 'none'}" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--user", "Jean Dupont"), "'Jean Dupont' is no user name of the hub"),
        (("--user", "../../etc"), "'../../etc' is no user name of the hub"),
        (("--port", "70000"), "port: Input should be less than or equal to 65535"),
    ],
)
def test_values_that_are_not_possible(start, words, told):
    assert told in refusal(start(*words, "--store", "/", ready=False), code=2)


def test_a_store_that_is_not_there(start, tmp_path):
    said = refusal(start("--store", tmp_path / "nowhere", ready=False), code=5)
    assert "is not a directory" in said
