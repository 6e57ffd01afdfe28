"""Ctrl-C while the archive is being built."""

import os
import signal
import subprocess
import sys
import time

BUILD = """
from climeri_platform.testing import build_archive

if __name__ == "__main__":
    build_archive({folder!r}, workers=2)
"""


def test_ctrl_c_does_not_wait_for_the_jobs_under_way(tmp_path):
    script = tmp_path / "build.py"
    script.write_text(BUILD.format(folder=str(tmp_path / "demo")), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        until = time.monotonic() + 60
        while not any(tmp_path.glob("demo/**/*.partial")) and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)  # a terminal tells the whole group
        _, said = running.communicate(timeout=8)  # the first jobs would take ten seconds and more
    assert running.returncode != 0
    assert b"KeyboardInterrupt" in said
