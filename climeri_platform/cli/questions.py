"""What ``climeri catalog`` answers: search, facets, coverage, complete, cost, freeze."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from climeri_platform.cli.tables import card_marks, print_everywhere, size_of, span_text
from climeri_platform.core.errors import NothingFound, UsageError
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from collections.abc import Callable

    from climeri_platform.selection import Catalogs, Selection

__all__ = [
    "COMMANDS",
    "JSON",
    "STORE",
    "found_anywhere",
    "found_in",
    "narrowed",
    "narrowed_anywhere",
    "parse_facets",
]

STORE = click.option(
    "--store", metavar="DIR", help="The folder of the catalogs [default: the setting `store`]."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_NAME = click.argument("name")
_ANY_NAME = click.argument("name", required=False)
_FACETS = click.argument("facets", nargs=-1, metavar="[FACET=VALUE[,VALUE]]...")
_NARROWING = (
    click.option("--period", metavar="Y/Y", help="Datasets of which a file overlaps 1980/2014."),
    click.option("--covers", metavar="Y/Y", help="Datasets that hold all of 1980/2014, no hole."),
    click.option(
        "--require-all-on",
        metavar="FACET[,FACET]",
        help="Only groups of these facets that have all values asked for.",
    ),
    click.option("--snapshot", metavar="NAME", help="An older snapshot [default: the published]."),
)


def parse_facets(words: tuple[str, ...]) -> dict[str, list[Any]]:
    """Return ``facet=value[,value]`` words as a dictionary; ``facet=~regex`` is one expression.

    Raises
    ------
    UsageError
        If a word has no ``=``, or a regular expression is none.
    """
    facets: dict[str, list[Any]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not (name and equals and values):
            raise UsageError(f"{word!r} is no facet=value", hint="Such as variable_id=tas,pr")
        if values.startswith("~"):
            from climeri_platform.catalog.asking import regex_of

            # commas belong to the expression: a{1,2}
            facets.setdefault(name, []).append(regex_of(values[1:]))
        else:
            facets.setdefault(name, []).extend(each for each in values.split(",") if each)
    return facets


def _options(*first: Callable[..., Any]) -> Callable[..., Any]:
    def with_options(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed((*first, _FACETS, STORE, *_NARROWING, JSON)):
            function = option(function)
        return function

    return with_options


narrowed = _options(_NAME)
"""Decorates a command that searches the catalog NAME, and prints JSON if asked."""
narrowed_anywhere = _options(_ANY_NAME)
"""Decorates one that searches every catalog if there is no NAME."""


def _asked(
    facets: tuple[str, ...],
    *,
    store: str | None,
    snapshot: str | None,
    period: str | None,
    covers: str | None,
    require_all_on: str | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `open_catalog` and what `search` takes."""
    groups = require_all_on.split(",") if require_all_on is not None else None
    how: dict[str, Any] = {"period": period, "covers": covers, "require_all_on": groups}
    what = parse_facets(facets)
    for name in ("period", "covers"):  # as a word beside the facets, too
        if name in what:
            how[name] = ",".join(map(str, what.pop(name)))
    if "require_all_on" in what:
        how["require_all_on"] = what.pop("require_all_on")
    return {"store": store, "snapshot": snapshot}, {**how, **what}


def found_in(name: str, facets: tuple[str, ...], **how: Any) -> Selection:
    """Return what a command's words and options ask of one catalog.

    Raises
    ------
    NothingFound
        If that is nothing.
    """
    from climeri_platform.selection import open_catalog

    where, what = _asked(facets, **how)
    found = open_catalog(name, **where).search(**what)
    if not len(found):
        raise NothingFound(found.why_empty())
    for each in found.not_known():
        click.echo(f"climeri: {each}", err=True)
    return found


def found_anywhere(facets: tuple[str, ...], **how: Any) -> Catalogs:
    """Search all catalogs; those that do not answer are told on stderr."""
    import warnings

    from climeri_platform.selection import MissingCatalogWarning, open_catalog

    where, what = _asked(facets, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingCatalogWarning)
        found: Catalogs = open_catalog(**where).search(**what)
        empty = not len(found)
    for each in found.troubles:
        click.echo(f"climeri: does not answer: {each}", err=True)
    if empty:
        raise NothingFound(found.why_empty())
    for part in found.parts:
        if part.unread:
            click.echo(f"climeri: {part.family}: {part.unread}", err=True)
    return found


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


@click.command("search")
@click.option(
    "--one-member-per-model", "one_member", is_flag=True, help="One model, one vote; wants NAME."
)
@narrowed_anywhere
def search(
    name: str | None, facets: tuple[str, ...], *, one_member: bool, as_json: bool, **how: Any
) -> None:
    """List the datasets of the catalog NAME that have these facets.

    Without NAME, those of every catalog that you have: the shared ones, your own, others that the
    settings name. A value may be a glob (experiment='ssp*') or, after ~, a regular expression
    (variable='~^ua|^va') that matches anywhere in a value. A parameter of simulation cards may be a
    range of numbers (params.tau=0.1/0.3, params.tau=0.1/).
    """
    if name is None or "=" in name:
        words = facets if name is None else (name, *facets)
        if one_member:
            raise UsageError("--one-member-per-model wants the NAME of one catalog")
        print_everywhere(found_anywhere(words, **how), as_json=as_json)
        return
    found = found_in(name, facets, **how)
    view = found.one_member_per_model().view if one_member else found.view
    if as_json:
        paths: dict[tuple[str, str | None, str], list[str]] = {}
        from climeri_platform.catalog.replicas import replicas_here

        here = {root: each.mount for root, each in replicas_here(view.snapshot).items()}
        files = view.files("dataset", "version", "root", "path")
        for dataset, version, root, path in files.iter_rows():
            paths.setdefault((dataset, version, root), []).append(
                f"{here[root] or view.snapshot.mounts[root]}/{path}"
            )
        datasets = [
            {
                **row,
                "here": here[row["root"]] is not None,
                "paths": paths[row["dataset"], row["version"], row["root"]],
            }
            for row in view.describe()
        ]
        _print_json(
            {
                "catalog": view.family.family,
                "snapshot": view.snapshot.name,
                "datasets": datasets,
            }
        )
        return
    rows = view.describe()
    width = max(len(row["dataset"]) for row in rows)
    for row in rows:
        version = row["version"] or "-"
        click.echo(
            f"{row['dataset']:{width}}  {version:10} {span_text(row):13} "
            f"{row['files']:4} files {size_of(row['size']):>9}{card_marks(row)}"
        )
    click.echo(f"{many(len(view), 'dataset')}, snapshot {view.snapshot.name}", err=True)


@click.command("facets")
@narrowed_anywhere
def facets_(name: str | None, facets: tuple[str, ...], *, as_json: bool, **how: Any) -> None:
    """Count the values of each facet, within a search; without NAME, in every catalog."""
    if name is None or "=" in name:
        words = facets if name is None else (name, *facets)
        counts = found_anywhere(words, **how).facets()
    else:
        counts = found_in(name, facets, **how).facets()
    if as_json:
        _print_json(counts)
        return
    for facet, values in counts.items():
        shown = ", ".join(f"{value} ({count})" for value, count in values.items())
        click.echo(f"{facet}: {shown}")


@click.command("coverage")
@click.option("--picture", metavar="FILE", help="Draw the matrix into a PNG, SVG or PDF.")
@narrowed
def coverage(
    name: str, facets: tuple[str, ...], *, picture: str | None, as_json: bool, **how: Any
) -> None:
    """Tell which model has which variable of which experiment: years, holes, members."""
    found = found_in(name, facets, **how).coverage()
    if picture is not None:
        figure: Any = found.picture().figure
        try:
            figure.savefig(picture)
        except (OSError, ValueError) as problem:
            raise UsageError(f"the picture {picture} cannot be written: {problem}") from problem
    if as_json:
        _print_json(found.table.to_dicts())
        return
    rows = found.table.to_dicts()
    width = max(len(str(row["model"])) for row in rows)
    for row in rows:
        years = "fixed" if row["years"] is None else f"{row['years']} years"
        if row["climatology"]:
            years = "climatology"
        span = "" if row["first"] is None else f"{row['first']}-{row['last']}"
        holes = f"  holes: {row['holes']}" if row["holes"] else ""
        what = f"{row['experiment'] or '-'} {row['table'] or '-'} {row['variable'] or '-'}"
        click.echo(
            f"{row['model']!s:{width}}  {what:30}  {span:9}  {years:>10}  "
            f"{row['members']:3} members{holes}"
        )


@click.command("complete")
@click.option("--experiments", required=True, metavar="A,B", help="All of them are wanted.")
@click.option("--variables", required=True, metavar="A,B", help="All of them are wanted.")
@click.option("--members", default=1, show_default=True, help="The least number of members.")
@click.option("--same-members", is_flag=True, help="The same members in every experiment.")
@narrowed
def complete(
    name: str,
    facets: tuple[str, ...],
    *,
    experiments: str,
    variables: str,
    members: int,
    same_members: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Tell which models have all of these variables in all of these experiments."""
    told = found_in(name, facets, **how).completeness(
        experiments.split(","), variables.split(","), members, same_members=same_members
    )
    if as_json:
        _print_json(told.to_dicts())
    else:
        for row in told.iter_rows(named=True):
            said = f"{row['members']} members" if row["complete"] else f"no: {row['missing']}"
            click.echo(f"{row['model']}: {said}")
    if not told["complete"].any():
        raise NothingFound(f"none of the {told.height} models has all of it")


@click.command("cost")
@narrowed
def cost(name: str, facets: tuple[str, ...], *, as_json: bool, **how: Any) -> None:
    """Tell files and bytes of a search, and estimate chunks and memory."""
    found = found_in(name, facets, **how).cost()
    if as_json:
        _print_json(found.as_dict())
        return
    click.echo(str(found))
    click.echo(f"({found.how})", err=True)


@click.command("freeze")
@click.option("--to", required=True, metavar="FILE", help="The JSON file to write.")
@narrowed
def freeze(name: str, facets: tuple[str, ...], *, to: str, as_json: bool, **how: Any) -> None:
    """Write exactly the files of a search into a small JSON file."""
    found = found_in(name, facets, **how)
    path = found.freeze(to)
    price = found.cost()
    if as_json:
        _print_json({"frozen": str(path), "datasets": price.datasets, "snapshot": found.snapshot})
        return
    click.echo(f"{path}: {many(price.datasets, 'dataset')}, {many(price.files, 'file')}")


@click.command("thaw")
@click.argument("path")
@STORE
@JSON
def thaw(path: str, store: str | None, as_json: bool) -> None:
    """Tell what became of the frozen selection PATH."""
    from climeri_platform.core.errors import SelectionChanged
    from climeri_platform.selection import open_selection

    found = open_selection(path, store=store, on_change="report")
    if as_json:
        _print_json({"datasets": found.keys, "changes": found.changes.as_dict()})
    else:
        click.echo(f"{many(len(found), 'dataset')}: {found.changes}")
    if found.changes.fatal:
        raise SelectionChanged(
            f"{many(len(found.changes.gone), 'file')} gone and {len(found.changes.changed)} changed"
        )


COMMANDS = (search, facets_, coverage, complete, cost, freeze, thaw)
"""The commands that `climeri catalog` adds to its own."""
