"""Pin the dependencies anew: `dev.lock` for development and the demo, `bootstrap.lock` for uv.

The locks carry hashes and name no registry, so that any mirror may serve them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
UV = Path(sys.executable).with_name("uv")
OPTIONS = [
    "--universal",  # numpy, scipy and zarr differ from Python 3.12 on
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--quiet",
    "--python-version=3.11",
]


def compile_lock(name: str, source: str | Path, *more: str, text: str | None = None) -> None:
    """Write one lock."""
    command = [UV, "pip", "compile", *OPTIONS, *more, source, "-o", HERE / name]
    subprocess.run(command, check=True, cwd=CHECKOUT, input=text, text=True)


if __name__ == "__main__":
    compile_lock("dev.lock", "pyproject.toml", "--all-extras", "--group=dev")
    pin = next(
        line.split()[0]
        for line in (HERE / "dev.lock").read_text().splitlines()
        if line.startswith("uv==")
    )
    compile_lock("bootstrap.lock", "-", text=f"{pin}\n")
