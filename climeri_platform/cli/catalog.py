"""``climeri catalog``: build, search and describe catalogs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.core.errors import NothingFound, UsageError

if TYPE_CHECKING:
    from climeri_platform.catalog import BuildReport, CatalogView

__all__ = ["command"]

_STORE = click.option(
    "--store", metavar="DIR", help="The folder of the catalogs [default: the setting `store`]."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("catalog")
def command() -> None:
    """Build, search and describe catalogs."""


def size_of(count: float) -> str:
    """Return a number of bytes as people write it.

    Examples
    --------
    >>> size_of(1234567)
    '1.2 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


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
@_STORE
@click.option("--root-id", metavar="ID", help="The name of this root in the store.")
@_JSON
def build(family: str, root: str, store: str | None, root_id: str | None, as_json: bool) -> None:
    """Catalogue the FAMILY's files under ROOT; no file is opened."""
    from tqdm import tqdm

    from climeri_platform.catalog import build_catalog

    with tqdm(desc=f"{family}: files", unit="", delay=2, leave=False) as bar:

        def follow(seen: int) -> None:
            bar.update(seen - bar.n)

        report = build_catalog(family, root, store=store, root_id=root_id, progress=follow)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        print_report(report)


def parse_facets(words: tuple[str, ...]) -> dict[str, list[str]]:
    """Return ``facet=value[,value]`` words as a dictionary.

    Raises
    ------
    UsageError
        If a word has no ``=``.
    """
    facets: dict[str, list[str]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not (name and equals and values):
            raise UsageError(f"{word!r} is no facet=value", hint="Such as variable_id=tas,pr")
        facets.setdefault(name, []).extend(each for each in values.split(",") if each)
    return facets


def _span(row: dict[str, Any]) -> str:
    if row["start"] is None:
        return "fixed"
    return f"{str(row['start']).zfill(12)[:6]}-{str(row['end']).zfill(12)[:6]}"


def _found(name: str, facets: tuple[str, ...], store: str | None) -> CatalogView:
    from climeri_platform.catalog import CatalogView

    asked: dict[str, Any] = parse_facets(facets)
    view = CatalogView.open(name, store).search(**asked)
    if not len(view):
        raise NothingFound(view.why_empty())
    return view


@command.command("search")
@click.argument("name")
@click.argument("facets", nargs=-1, metavar="[FACET=VALUE[,VALUE]]...")
@_STORE
@_JSON
def search(name: str, facets: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """List the datasets of the catalog NAME that have these facets."""
    view = _found(name, facets, store)
    if as_json:
        paths: dict[tuple[str, str | None, str], list[str]] = {}
        mounts = view.snapshot.mounts
        for row in view.files().iter_rows(named=True):
            place = (row["dataset"], row["version"], row["root"])
            paths.setdefault(place, []).append(f"{mounts[row['root']]}/{row['path']}")
        datasets = [
            {**row, "paths": paths[row["dataset"], row["version"], row["root"]]}
            for row in view.describe()
        ]
        click.echo(
            json.dumps(
                {
                    "catalog": view.family.family,
                    "snapshot": view.snapshot.name,
                    "datasets": datasets,
                },
                indent=2,
            )
        )
        return
    rows = view.describe()
    width = max(len(row["dataset"]) for row in rows)
    for row in rows:
        version = row["version"] or "-"
        click.echo(
            f"{row['dataset']:{width}}  {version:10} {_span(row):13} "
            f"{row['files']:4} files {size_of(row['size']):>9}"
        )
    click.echo(f"{len(view)} datasets, snapshot {view.snapshot.name}", err=True)


@command.command("facets")
@click.argument("name")
@click.argument("facets", nargs=-1, metavar="[FACET=VALUE[,VALUE]]...")
@_STORE
@_JSON
def facets_(name: str, facets: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Count the values of each facet, within a search."""
    counts = _found(name, facets, store).facets()
    if as_json:
        click.echo(json.dumps(counts, indent=2))
        return
    for facet, values in counts.items():
        shown = ", ".join(f"{value} ({count})" for value, count in values.items())
        click.echo(f"{facet}: {shown}")


@command.command("list")
@_STORE
@_JSON
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
@_STORE
@_JSON
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
