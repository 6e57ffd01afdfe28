"""Where measured tables go: a block of docs/reference/speed.md, with the day and the machine."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from pathlib import Path

# what is measured is an installed platform, and that has its bytecode
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "speed.md"


def measured_on() -> str:
    """Return the day, the cores and their load, and the Python."""
    today, load = dt.datetime.now(dt.UTC).date().isoformat(), os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores shared with other work (load {load:.1f})"
    return f"{today}, {machine}, Python {platform.python_version()}"


def show(name: str, lines: list[str], *, print_only: bool) -> None:
    """Print a table, and put it into the page."""
    text = "\n".join(lines) + "\n"
    print(text)
    if print_only:
        return
    block = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end measured -->)", re.DOTALL)
    page, blocks = block.subn(lambda m: m[1] + text + m[2], PAGE.read_text(encoding="utf-8"))
    if blocks != 1:
        raise SystemExit(f"{PAGE} has {blocks} places for {name}")
    PAGE.write_text(page, encoding="utf-8")
