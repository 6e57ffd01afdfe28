"""Pin the dependencies anew: `dev.lock` for development and the demo, `bootstrap.lock` for uv.

One more for each version of intake-esm in which the tests open the export.

The locks carry hashes and name no registry, so that any mirror may serve them.

polars is that of intake-esm, which wants it below 1.33 (2025.12.12); users without that extra have polars 2.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
UV = Path(sys.executable).with_name("uv")
# users have these; each with what it needs beside its own requirements to be imported, and to read
INTAKE = {
    "intake-esm-2025.2.3": ("intake-esm==2025.2.3", "pandas<3", "fastprogress<1.1", "netCDF4"),
    "intake-esm-2025.12.12": ("intake-esm==2025.12.12", "netCDF4"),
    "intake-esm-access-2026.4.15": (
        "intake-esm-access==2026.4.15",
        "pandas<3",
        "fastprogress<1.1",
        "netCDF4",
    ),
}
OPTIONS = [
    "--universal",  # numpy, scipy and zarr differ from Python 3.12 on
    "--generate-hashes",
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
    for name, wanted in INTAKE.items():
        compile_lock(f"{name}.lock", "-", text="\n".join(wanted) + "\n")
