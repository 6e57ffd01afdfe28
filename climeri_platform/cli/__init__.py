"""The ``climeri`` command: parse, call, print. One file per command group."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    import sys

    from climeri_platform.cli.front import run

    sys.exit(run(sys.argv[1:]))
