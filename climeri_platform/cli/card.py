"""``climeri card``: what no file name says of a simulation."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from climeri_platform.cli.questions import JSON
from climeri_platform.core.errors import UsageError

__all__ = ["command"]


@click.group("card")
def command() -> None:
    """Write and check the cards of simulations."""


@command.command("new")
@click.argument("rundir")
@click.option("--to", metavar="FILE", help="The card [default: simulation.yaml in RUNDIR].")
def new(rundir: str, to: str | None) -> None:
    """Write a card for the run in RUNDIR, filled in from its config.card and run.card."""
    from climeri_platform.catalog.newcard import new_card

    click.echo(new_card(rundir, to))
    click.echo("Fill in the rest, then: climeri card check FILE", err=True)


@command.command("check")
@click.argument("path")
@JSON
def check(path: str, as_json: bool) -> None:
    """Tell everything that is wrong in the card PATH, each with its line and a remedy."""
    from climeri_platform.catalog.cards import check_card

    card, problems = check_card(path)
    if as_json:
        said = card.model_dump(mode="json", exclude_none=True) if card is not None else None
        told = [asdict(each) for each in problems]
        click.echo(json.dumps({"card": said, "problems": told}, indent=2))
    else:
        for each in problems:
            click.echo(f"{path}: {each}")
        if card is not None:
            click.echo(f"{path}: {card.title}: good")
    if problems:
        raise UsageError(f"{len(problems)} things are wrong in the card {path}")
