"""``climeri stage``: the commands that bring files back from tape."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.cli.questions import found_anywhere, found_in, narrowed_anywhere
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from climeri_platform.selection import Staging

__all__ = ["command"]


@click.command("stage")
@click.option("--to", metavar="FOLDER", help="Write a script for each centre into this folder.")
@narrowed_anywhere
def command(
    name: str | None, facets: tuple[str, ...], *, to: str | None, as_json: bool, **how: Any
) -> None:
    """Write the commands that recall from tape what a search finds.

    They are the centre's own, in batches, as a script that is to be run there: this recalls nothing
    itself. Without --to the script is printed. Without NAME every catalog is searched.
    """
    if name is None or "=" in name:
        words = facets if name is None else (name, *facets)
        staged = found_anywhere(words, **how).stage()
    else:
        staged = found_in(name, facets, **how).stage()
    written = [str(path) for path in staged.write(to)] if to is not None else []
    if as_json:
        _print_json(staged, written)
        return
    if to is not None:
        for path in written:
            click.echo(path)
    elif len(staged.scripts) > 1:
        sites = ", ".join(each.site for each in staged.scripts)
        raise UsageError(
            f"files are on tape at several centres: {sites}",
            hint="Write a script each: --to FOLDER.",
        )
    else:
        for each in staged.scripts:
            click.echo(each.text, nl=False)
    click.echo(str(staged), err=True)


def _print_json(staged: Staging, written: list[str]) -> None:
    scripts = [
        {
            "site": each.site,
            "files": each.files,
            "bytes": each.bytes,
            "batches": each.batches,
            "script": each.text,
        }
        for each in staged.scripts
    ]
    said = {
        "scripts": scripts,
        "left": list(staged.left),
        "spared": staged.spared,
        "written": written,
    }
    click.echo(json.dumps(said, indent=2))
