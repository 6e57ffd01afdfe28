"""``climeri catalog lineage``: what a run continues, is measured against, or is driven by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.cli.questions import found_in, narrowed
from climeri_platform.core.errors import NothingFound, UsageError

if TYPE_CHECKING:
    from climeri_platform.selection import Selection
    from climeri_platform.selection.results import Pairs

__all__ = ["COMMANDS"]


@click.command("lineage")
@click.option(
    "--of",
    required=True,
    type=click.Choice(["history", "control", "driving-gcm"]),
    help="The run that a scenario continues, the control run, or the global run that drives it.",
)
@click.option(
    "--experiment",
    metavar="NAME",
    help="For history the scenario; for control the control experiment [default: piControl].",
)
@narrowed
def lineage(
    name: str,
    facets: tuple[str, ...],
    *,
    of: str,
    experiment: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Pair the datasets of a search with those of the runs that theirs come from."""
    if of == "history" and experiment is None:
        raise UsageError("--of history wants a scenario", hint="Such as --experiment ssp585.")
    if of == "driving-gcm" and experiment is not None:
        raise UsageError("--of driving-gcm takes no --experiment: it is that of the regional run")
    pairs = _pairs(found_in(name, facets, **how), of, experiment)
    if as_json:
        click.echo(json.dumps(pairs.table.to_dicts(), indent=2))
    else:
        for row in pairs.table.iter_rows(named=True):
            click.echo(f"{row['dataset']}  {row['partner'] or '-  ' + row['reason']}")
        click.echo(repr(pairs)[1:-1], err=True)
    if not len(pairs):
        raise NothingFound(f"none of the {pairs.table.height} datasets has a partner")


def _pairs(found: Selection, of: str, experiment: str | None) -> Pairs:
    if of == "history":
        assert experiment is not None
        return found.history_with(experiment)
    if of == "control":
        return found.control(experiment or "piControl")
    return found.driving_gcm()


COMMANDS = (lineage,)
"""The commands that `climeri catalog` adds to its own."""
