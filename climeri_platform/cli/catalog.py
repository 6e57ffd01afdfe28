"""``climeri catalog``: build, search and describe catalogs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from climeri_platform.cli import history, lineage, night, own, refresh
from climeri_platform.cli.progress import counting
from climeri_platform.cli.questions import COMMANDS, JSON, STORE, parse_facets
from climeri_platform.cli.reports import CONTENTS, print_report
from climeri_platform.cli.tables import size_of
from climeri_platform.core.errors import StoreError, StoreMissing
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from climeri_platform.catalog import Snapshot

__all__ = ["command", "parse_facets", "size_of"]


@click.group("catalog")
def command() -> None:
    """Build, search and describe catalogs."""


for _each in (
    *COMMANDS,
    *own.COMMANDS,
    *lineage.COMMANDS,
    refresh.refresh,
    night.report,
    history.log,
    history.diff,
    history.rollback,
    history.forget,
    history.check,
):
    command.add_command(_each)


@command.command("build")
@click.argument("family")
@click.argument("root")
@STORE
@click.option("--root-id", metavar="ID", help="The name of this root in the store.")
@click.option("--site", metavar="SITE", help="Where this runs [default: the setting `site`].")
@click.option("--inventory", metavar="FILE", help="A list of the files, in place of a walk.")
@click.option("--cards", metavar="FOLDER", help="Further simulation cards, *.yaml.")
@click.option("--accept-loss", is_flag=True, help="Publish even if much of the root is gone.")
@CONTENTS
@JSON
def build(
    family: str,
    root: str,
    store: str | None,
    root_id: str | None,
    site: str | None,
    inventory: str | None,
    cards: str | None,
    accept_loss: bool,
    contents: bool,
    as_json: bool,
) -> None:
    """Catalogue the files under ROOT, by their names.

    FAMILY is an archive family, or the path of a YAML file of one's own.
    """
    from climeri_platform.catalog import build_catalog

    with counting(f"{family}: files") as follow:
        report = build_catalog(
            family,
            root,
            store=store,
            root_id=root_id,
            site=site,
            inventory=inventory,
            cards=cards,
            accept_loss=accept_loss,
            contents=contents,
            progress=follow,
        )
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        print_report(report)


@command.command("list")
@STORE
@JSON
def list_(store: str | None, as_json: bool) -> None:
    """List the catalogs of a store, or of all that you have, and the roots they cover."""
    from climeri_platform.catalog import open_snapshot

    if store is not None:
        snapshot = open_snapshot(store)
        if as_json:
            click.echo(snapshot.card.model_dump_json(indent=2))
        else:
            _list_one(snapshot)
        return
    found = _snapshots()
    if as_json:
        told = [{"store": str(each.store), **each.card.model_dump(mode="json")} for each in found]
        click.echo(json.dumps(told, indent=2))
        return
    for snapshot in found:
        _list_one(snapshot)


def _snapshots() -> list[Snapshot]:
    """Return what is published in every store that answers; the others are told on stderr."""
    from climeri_platform.catalog import open_snapshot
    from climeri_platform.catalog.stores import named_stores

    found = []
    problems = []
    for each in named_stores():
        try:
            found.append(open_snapshot(each.path))
        except StoreError as problem:
            if each.expected or not isinstance(problem, StoreMissing):
                problems.append(problem)
    if not found:
        if problems:
            raise problems[0]
        return [open_snapshot(None)]  # which says that no store was named
    for told in problems:
        click.echo(f"climeri: does not answer: {told.message}", err=True)
    return found


def _list_one(snapshot: Snapshot) -> None:
    click.echo(f"snapshot {snapshot.name} of {snapshot.store}")
    for root in snapshot.card.roots:
        click.echo(
            f"  {root.family:9} {root.catalogued:9} files  {root.mount}  "
            f"({root.root_id}, {root.walked})"
        )


@command.command("rejected")
@click.argument("name")
@STORE
@JSON
def rejected(name: str, store: str | None, as_json: bool) -> None:
    """List the files that do not follow the rules of the catalog NAME, each with its reason."""
    from climeri_platform.catalog import CatalogView

    view = CatalogView.open(name, store)
    rows = view.snapshot.read(view.family.family, "rejected")
    if as_json:
        click.echo(json.dumps(rows.to_dicts(), indent=2))
        return
    for row in rows.iter_rows(named=True):
        click.echo(f"{row['root']}: {row['path']}: {row['reason']}")
    click.echo(f"{many(rows.height, 'file')} rejected", err=True)
