"""Set up `.venv` from the pinned dependencies. Standard library only: this runs before anything.

Nothing outside the checkout is touched. A second run with unchanged pins does nothing.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryFile

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "climeri-setup"
PINS = [
    HERE / "bootstrap.lock",
    HERE / "dev.lock",
    CHECKOUT / "pyproject.toml",
    CHECKOUT / "deploy" / "hub" / "package-lock.json",
]
WIDTH = 30


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"set-up: {line}", file=sys.stderr, flush=True)


def fingerprint() -> str:
    """Return what identifies this set-up: the pins, the Python, and where it is."""
    digest = hashlib.sha256(f"{sys.version} {CHECKOUT}".encode())
    for path in PINS:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installed() -> int:
    """Return how many packages are in the environment."""
    return sum(1 for _ in VENV.glob("lib/python3*/site-packages/*.dist-info"))


def draw(began: float, done: int, total: int) -> None:
    """Draw the bar, where somebody may be looking, after two seconds."""
    seconds = time.monotonic() - began
    if sys.stderr.isatty() and seconds > 2:
        filled = WIDTH * min(done, total) // max(total, 1)
        bar = "#" * filled + "." * (WIDTH - filled)
        print(f"\r  [{bar}] {done}/{total} packages, {seconds:.0f} s", end="", file=sys.stderr)


def follow(command: list[str | Path], total: int) -> int:
    """Run a command with a progress bar; its output is shown only if it fails."""
    began = time.monotonic()
    with TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=CHECKOUT)
        try:
            while child.poll() is None:
                draw(began, installed(), total)
                time.sleep(0.3)
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
        if sys.stderr.isatty() and time.monotonic() - began > 2:
            print(file=sys.stderr)
        if child.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace").splitlines()
            print("\n".join(text[-20:]), file=sys.stderr)
    return child.returncode


def install_packages() -> None:
    """Install the pinned packages: with uv, which is ten times as fast, or else with pip."""
    lock = HERE / "dev.lock"
    total = sum(1 for line in lock.read_text().splitlines() if "==" in line and line[0].isalnum())
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check"]
    if follow([*pip, "install", "--require-hashes", "-r", HERE / "bootstrap.lock"], total):
        sys.exit("set-up: pip cannot reach a package index; set one in its configuration")
    say(f"installing {total} pinned packages")
    uv = VENV / "bin" / "uv"
    if follow([uv, "pip", "install", "--python", PYTHON, "--require-hashes", "-r", lock], total):
        say("uv could not; trying pip, which is slower")
        if follow([*pip, "install", "--require-hashes", "-r", lock], total):
            sys.exit("set-up: the pinned packages could not be installed; see above")
    say("installing climeri_platform, editable")
    editable = ["install", "--no-deps", "--no-build-isolation", "-e", CHECKOUT]
    if follow([*pip, *editable], total):
        sys.exit("set-up: climeri_platform itself could not be installed; see above")


def install_proxy() -> None:
    """Install the hub's proxy with the Node.js of the environment."""
    say("installing the hub's proxy")
    done = subprocess.run(
        [VENV / "bin" / "climeri", "hub", "install-proxy"], check=False, cwd=CHECKOUT
    )
    if done.returncode:
        sys.exit("set-up: the hub's proxy could not be installed; see above")


def main() -> None:
    """Bring `.venv` to what the pins say."""
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"set-up: Python 3.11 or newer is needed, and {sys.executable} is {found}; make PYTHON=..."
        )
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and os.access(PYTHON, os.X_OK):
        return
    STAMP.unlink(missing_ok=True)
    began = time.monotonic()
    if not os.access(PYTHON, os.X_OK):
        say("making .venv")
        try:
            venv.create(VENV, with_pip=True, clear=VENV.exists())
        except (OSError, subprocess.CalledProcessError) as problem:
            sys.exit(f"set-up: .venv cannot be made: {problem}; is python3-venv installed?")
    install_packages()
    install_proxy()
    STAMP.write_text(wanted)
    say(f"done in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
