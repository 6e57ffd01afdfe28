"""The demonstration from the empty folder to the last cell, by command and in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from pathlib import Path

import pytest

pytestmark = pytest.mark.hub

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",  # root and containers cannot have it; only our own hub is opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for both: the archive is written once."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def checked(climeri, proxy, folder):
    """``climeri demo --check`` in an empty folder."""
    running = climeri("demo", "--check", "--dir", folder, "--language", "en")
    running.printed, _ = running.process.communicate(timeout=300)
    return running


def block(process):
    """Read what the demonstration prints until it is ready."""
    told = {}
    for line in process.stdout:
        name, _, value = line.strip().partition("  ")
        told[name] = value.strip()
        if name == "stop":
            return told
    return pytest.fail(f"no hub; it printed {told}")


@pytest.fixture
def demo(checked, climeri, folder):
    """``climeri demo`` after it: everything is there already."""
    running = climeri("demo", "--dir", folder, "--port", "0", "--language", "en")
    running.told = block(running.process)
    running.address = running.told["address"]
    running.look()
    yield running
    running.close()


def test_the_check_runs_the_first_notebook_and_ends_clean(checked):
    printed = checked.printed
    assert checked.process.returncode == 0, checked.said()
    assert re.search(r"archive: written, \d+ files, [\d.]+ MB, in [\d.]+ s\n", printed)
    assert re.search(
        r"datasets catalogued: CMIP6 \d+, CORDEX \d+, libIGCM \d+, obs4MIPs \d+\n", printed
    )
    assert re.search(
        r"00-start-here/start-here\.ipynb: \d+ code cells ran in the hub\. Hub ready", printed
    )
    steps = [line for line in checked.said().splitlines() if line.endswith(" ...")]
    for word in (
        "archive",
        "catalogs",
        "notebooks (en)",
        "starting",
        "logging in",
        "running",
        "stopping",
    ):
        assert any(word in step for step in steps), word
    assert "\r" not in checked.said()  # no bar where there is no terminal
    assert "Traceback" not in checked.said()
    state = checked.folder / "hub"
    assert not (state / "run.json").exists()
    assert (state / "secrets" / "password").read_text().strip() not in printed + checked.said()


@pytest.fixture
def page(tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="the package playwright is wanted")
    if not CHROMIUM.exists():
        pytest.skip(f"Debian's chromium is wanted: {CHROMIUM}")
    with api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, headless=True,
            viewport={"width": 1280, "height": 800}, args=FLAGS,
        )  # fmt: skip
        context.set_default_timeout(60_000)
        try:
            yield context.pages[0]
        finally:
            keep(context.pages[0], "end", tmp_path)
            context.close()


def keep(page, name, tmp_path):
    """Take a picture; it goes to the folder of the variable where one is set (CI keeps it)."""
    file = Path(os.environ.get("CLIMERI_TEST_ARTIFACTS") or tmp_path) / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file)
    assert file.stat().st_size > 10_000  # a page, and not a white one


@pytest.mark.browser
def test_the_first_notebook_runs_in_a_browser(demo, page, tmp_path):
    problems, foreign = [], set()
    ours = (demo.address, demo.address.replace("http", "ws", 1), "data:", "blob:")
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith(ours) or foreign.add(sent.url))
    user = demo.told["user"]
    page.goto(demo.told["start with"])
    page.fill("#username_input", user)
    page.fill("#password_input", demo.told["password"])
    keep(page, "login", tmp_path)
    page.click("#login_submit")
    page.wait_for_url(re.compile(f"/user/{user}/lab"))
    panel = page.locator(".jp-NotebookPanel")
    panel.wait_for()
    idle = page.get_by_text("CLIMERI (Python 3) | Idle")
    idle.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    notebook = demo.folder / "hub" / "curated" / "00-start-here" / "start-here.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = sum(cell["cell_type"] == "code" for cell in cells)
    last = panel.locator(".jp-CodeCell").last
    last.get_by_text(f"[{code}]:").first.wait_for()
    idle.wait_for()
    last.scroll_into_view_if_needed()
    keep(page, "last-cell", tmp_path)
    assert last.locator(".jp-OutputArea-output").inner_text().strip()
    pictures = panel.locator(".jp-OutputArea-output img")
    assert pictures.count() >= 1
    pictures.last.scroll_into_view_if_needed()
    keep(page, "notebook", tmp_path)
    assert panel.locator("[data-mime-type$='.stderr'], [data-mime-type$='.error']").count() == 0
    assert page.locator(".jp-Dialog").count() == 0
    assert problems == []
    assert foreign == set()


def test_what_the_demonstration_starts_listens_on_loopback_and_ends(demo, folder):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", demo.address)
    assert {ip for ip, _ in demo.ports()} == {"127.0.0.1"}
    assert stat.S_IMODE((folder / "hub").stat().st_mode) == 0o700
    places = demo.ports()
    assert demo.end(signal.SIGINT) == 0
    assert demo.wait_for_end(2) == []
    assert not demo.open_ports(places)


def test_what_would_be_refused_at_the_end_is_refused_at_once(climeri, proxy, tmp_path, busy_port):
    running = climeri("demo", "--dir", tmp_path / "demo", "--port", busy_port)
    assert running.process.wait(30) == 8
    assert f"port {busy_port} of 127.0.0.1 is taken by" in running.said()
    assert not (tmp_path / "demo").exists()


def test_the_archive_alone(checked, climeri, folder):
    running = climeri("demo", "--archive-only", folder / "archive")
    printed, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 0, running.said()
    assert re.fullmatch(
        rf"{re.escape(str(folder))}/archive: is there already, \d+ files, [\d.]+ MB, in [\d.]+ s\n",
        printed,
    )
    assert (folder / "archive" / "truth.json").is_file()
