"""``climeri catalog add | import``: catalogs of one's own."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from climeri_platform.cli.progress import counting
from climeri_platform.cli.questions import JSON
from climeri_platform.cli.reports import CONTENTS, print_report
from climeri_platform.core.sizes import many

__all__ = ["COMMANDS"]

OWN_STORE = click.option(
    "--store", metavar="DIR", help="The folder of the catalogs [default: the setting `own_store`]."
)


@click.command("add")
@click.argument("root")
@click.option("--family", metavar="NAME", help="An archive family [default: guessed].")
@click.option("--template", metavar="FILE", help="The YAML file of a family of your own.")
@OWN_STORE
@click.option("--root-id", metavar="ID", help="The name of this root in the store.")
@click.option("--cards", metavar="FOLDER", help="Further simulation cards, *.yaml.")
@click.option("--accept-loss", is_flag=True, help="Publish even if much of the root is gone.")
@CONTENTS
@JSON
def add(
    root: str,
    family: str | None,
    template: str | None,
    store: str | None,
    root_id: str | None,
    cards: str | None,
    accept_loss: bool,
    contents: bool,
    as_json: bool,
) -> None:
    """Catalogue the files under ROOT in a catalog of your own, by their names.

    Searches without a name find it beside the shared catalogs. Run it again to renew it.
    """
    from climeri_platform.catalog.own import add_catalog

    with counting(f"{root}: files") as follow:
        report, guess = add_catalog(
            root,
            family=family,
            template=template,
            store=store,
            root_id=root_id,
            cards=cards,
            accept_loss=accept_loss,
            contents=contents,
            progress=follow,
        )
    if as_json:
        fits = {"guessed": guess.fits, "sample": guess.sample} if guess is not None else {}
        click.echo(json.dumps({**report.as_dict(), **fits}, indent=2))
        return
    if guess is not None:
        click.echo(f"guessed: {guess}", err=True)
    print_report(report)


@click.command("import")
@click.argument("path")
@click.option(
    "--root",
    "roots",
    multiple=True,
    required=True,
    metavar="DIR",
    help="Where the runs are; {TGCC_User} and other fields are those of each run.",
)
@OWN_STORE
@JSON
def import_(path: str, roots: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Catalogue the runs that the JSON file PATH lists, each with its entry as its card."""
    from climeri_platform.catalog.handmade import import_runs

    runs, reports = import_runs(path, roots, store=store)
    if as_json:
        told = {"runs": [asdict(each) for each in runs]}
        click.echo(json.dumps({**told, "builds": [each.as_dict() for each in reports]}, indent=2))
        return
    for each in runs:
        left = f"  (not taken: {', '.join(each.left)})" if each.left else ""
        said = each.problem or f"{many(each.files, 'file')}, {each.folder}"
        click.echo(f"{each.name}: {said}{left}")
    for report in reports:
        print_report(report)


COMMANDS = (add, import_)
"""The commands that `climeri catalog` adds to its own."""
