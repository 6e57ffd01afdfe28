"""``climeri catalog``: build, search and describe catalogs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from climeri_platform.cli import history, refresh
from climeri_platform.cli.questions import COMMANDS, JSON, STORE, parse_facets, size_of

if TYPE_CHECKING:
    from climeri_platform.catalog import BuildReport

__all__ = ["command", "parse_facets", "size_of"]


@click.group("catalog")
def command() -> None:
    """Build, search and describe catalogs."""


for _each in (
    *COMMANDS,
    refresh.refresh,
    history.log,
    history.diff,
    history.rollback,
    history.check,
):
    command.add_command(_each)


def print_report(report: BuildReport) -> None:
    """Print what a build did."""
    click.echo(
        f"{report.family}: {report.found} NetCDF files found under {report.root}, "
        f"{report.catalogued} catalogued ({report.datasets} datasets, {size_of(report.size)}), "
        f"{report.rejected} rejected, in {report.seconds:.1f} s"
    )
    for code, count in report.reasons.items():
        click.echo(f"  rejected, {code}: {count}")
    if report.rejected:
        click.echo(
            f"  each with its reason: climeri catalog rejected {report.family} --store {report.store}"
        )
    if report.links:
        click.echo(f"  directory links not followed: {report.links}")
    if report.unreadable:
        path, reason = report.unreadable[0]
        click.echo(f"  not readable: {len(report.unreadable)}, the first: {path}: {reason}")
    click.echo(f"  snapshot {report.snapshot} in {report.store}")


@command.command("build")
@click.argument("family")
@click.argument("root")
@STORE
@click.option("--root-id", metavar="ID", help="The name of this root in the store.")
@click.option("--site", metavar="SITE", help="Where this runs [default: the setting `site`].")
@click.option("--inventory", metavar="FILE", help="A list of the files, in place of a walk.")
@click.option("--accept-loss", is_flag=True, help="Publish even if much of the root is gone.")
@JSON
def build(
    family: str,
    root: str,
    store: str | None,
    root_id: str | None,
    site: str | None,
    inventory: str | None,
    accept_loss: bool,
    as_json: bool,
) -> None:
    """Catalogue the files under ROOT; no file is opened.

    FAMILY is an archive family, or the path of a YAML file of one's own.
    """
    from tqdm import tqdm

    from climeri_platform.catalog import build_catalog

    with tqdm(desc=f"{family}: files", unit="", delay=2, leave=False) as bar:

        def follow(seen: int) -> None:
            bar.update(seen - bar.n)

        report = build_catalog(
            family,
            root,
            store=store,
            root_id=root_id,
            site=site,
            inventory=inventory,
            accept_loss=accept_loss,
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
    """List the catalogs of the store and the roots they cover."""
    from climeri_platform.catalog import open_snapshot

    snapshot = open_snapshot(store)
    if as_json:
        click.echo(snapshot.card.model_dump_json(indent=2))
        return
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
    click.echo(f"{rows.height} files rejected", err=True)
