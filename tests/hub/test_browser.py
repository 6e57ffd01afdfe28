"""The first notebook in a real browser: login, JupyterLab, run all cells, look at it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.hub, pytest.mark.browser]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",  # containers and root have no user namespaces for it; only our own hub is opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page(tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="the package playwright is wanted")
    if not CHROMIUM.exists():
        pytest.skip(f"Debian's chromium is wanted: {CHROMIUM}")
    with api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            headless=True,
            viewport={"width": 1280, "height": 800},
            args=FLAGS,
        )
        context.set_default_timeout(30_000)
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
    return file


def test_the_first_notebook_runs_in_a_browser(hub, page, tmp_path):
    problems, foreign = [], set()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            foreign.add(sent.url)
            if not sent.url.startswith(
                (hub.address, hub.address.replace("http", "ws"), "data:", "blob:")
            )
            else None
        ),
    )
    page.goto(f"{hub.address}hub/user-redirect/lab/tree/curated/{hub.info['first_notebook']}")
    page.fill("#username_input", "ben")
    page.fill("#password_input", hub.password)
    keep(page, "login", tmp_path)
    page.click("#login_submit")
    page.wait_for_url(re.compile(r"/user/ben/lab"), timeout=60_000)
    panel = page.locator(".jp-NotebookPanel")
    panel.wait_for(timeout=60_000)
    page.get_by_text("CLIMERI (Python 3) | Idle").wait_for(timeout=60_000)
    assert page.locator(".jp-Dialog").count() == 0
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = panel.locator(".jp-OutputArea-output pre").last
    last.get_by_text("the last line").wait_for()
    page.get_by_text("CLIMERI (Python 3) | Idle").wait_for()
    keep(page, "notebook", tmp_path)
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert problems == []
    assert foreign == set()
