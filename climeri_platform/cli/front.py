"""The front of the command line: which groups there are, and how errors are told."""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from climeri_platform import __version__
from climeri_platform.core.errors import ClimeriError

if TYPE_CHECKING:
    from collections.abc import Sequence

# name -> (module, one line for `climeri --help`); the module is imported when its group is called
GROUPS = {
    "card": ("climeri_platform.cli.card", "Write and check the cards of simulations."),
    "catalog": ("climeri_platform.cli.catalog", "Build, search and describe catalogs."),
    "demo": ("climeri_platform.cli.demo", "A demonstration archive, its catalogs and a hub."),
    "hub": ("climeri_platform.cli.hub", "Run the JupyterHub of the platform."),
    "sites": ("climeri_platform.cli.sites", "Show the centres and where each has its archives."),
    "stage": ("climeri_platform.cli.stage", "Write the commands that recall files from tape."),
    "settings": ("climeri_platform.cli.settings", "Show the settings and where each comes from."),
}
INTERRUPTED = 130  # 128 + SIGINT, as shells expect
INTERNAL = 70  # EX_SOFTWARE: a defect of ours, not of the input


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in GROUPS:
            return None
        command: click.Command = import_module(GROUPS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # `climeri catalog search ... | head`: the reader left, which is no error
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in GROUPS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="climeri")
@click.option("-v", "--verbose", count=True, help="Tell more on stderr; twice for everything.")
def command(verbose: int) -> None:
    """Find, open, analyse and cite climate simulations at the CLIMERI-France centres."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )


def _tell(message: str, hint: str = "") -> None:
    click.echo(f"climeri: {message}", err=True)
    if hint:
        click.echo(f"         {hint}", err=True)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; bad input never shows a traceback.

    Parameters
    ----------
    arguments
        The words after ``climeri``.

    Returns
    -------
    int
        0, or the exit code of the error's class (``core/errors.py``).
    """
    try:
        result: Any = command.main(list(arguments), prog_name="climeri", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        _tell("interrupted")
        return INTERRUPTED
    except ClimeriError as problem:
        _tell(problem.message, problem.hint)
        return problem.exit_code
    except OSError as problem:
        if problem.errno != errno.ENOSPC or problem.filename is not None:
            return _defect(problem)
        # most often what was printed: those who write files name them
        _tell(
            "what was to be printed, or a file, cannot be written: No space left on device",
            "Make room on the disk that it goes to, and run it again.",
        )
        return ClimeriError.exit_code
    except Exception as problem:  # noqa: BLE001 - the last one who can tell it
        return _defect(problem)
    return result if isinstance(result, int) else 0


def _defect(problem: Exception) -> int:
    if os.environ.get("CLIMERI_DEBUG"):
        raise problem
    _tell(
        f"a defect in climeri_platform {__version__}: {type(problem).__name__}: {problem}",
        "Set CLIMERI_DEBUG=1 and run it again to see where; please report it with that output.",
    )
    return INTERNAL
