"""``climeri sites``: the profiles of centres that this installation knows."""

from __future__ import annotations

import json

import click

from climeri_platform.core.errors import UnknownSite
from climeri_platform.core.sizes import many
from climeri_platform.sites import Site, load_site, read_sites

__all__ = ["command"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("sites")
def command() -> None:
    """Show the centres, and where each has its archives."""


@command.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List the sites; `*` marks the one that the settings choose."""
    sites, wrong = read_sites()
    here = load_site()
    if here not in sites:  # chosen by a path
        sites.append(here)
    if as_json:
        described = [
            {
                "site": each.site,
                "title": each.title,
                "aliases": list(each.aliases),
                "roots": len(each.mounts),
                "current": each == here,
            }
            for each in sites
        ]
        click.echo(json.dumps({"sites": described, "wrong": wrong}, indent=2))
        return
    for each in sites:
        also = f" (also {', '.join(each.aliases)})" if each.aliases else ""
        mark = "*" if each == here else " "
        click.echo(f"{mark} {each.site:14} {each.title}{also}, {many(len(each.mounts), 'root')}")
    for problem in wrong.values():
        click.echo(problem, err=True)


def _paths(site: Site) -> dict[str, tuple[str | None, str]]:
    """Return root id to its path here, and why there is none."""
    paths: dict[str, tuple[str | None, str]] = {}
    for root, mount in site.mounts.items():
        try:
            path = site.mount(root)
            paths[root] = (path, "" if path else f"{mount.path} is not reachable")
        except UnknownSite as problem:
            paths[root] = (None, problem.message)
    return paths


@command.command("show")
@click.argument("name", required=False)
@_JSON
def show(name: str | None, as_json: bool) -> None:
    """Show the site NAME (a name, an alias or a file), by default the one of the settings.

    Roots are in the order in which replicas are chosen, disk before tape.
    """
    site = load_site(name)
    paths = _paths(site)
    if as_json:
        card = site.model_dump(mode="json")
        for root, (path, problem) in paths.items():
            card["mounts"][root] |= {"resolved": path, "problem": problem}
        click.echo(json.dumps(card, indent=2))
        return
    click.echo(f"{site.site}: {site.title}")
    for root, mount in site.mounts.items():
        path, problem = paths[root]
        click.echo(f"  {root:16} {path or problem}{'  (tape)' if mount.tape else ''}")
        for alias in mount.aliases:
            click.echo(f"  {'':16} also {alias}")
        if mount.note:
            click.echo(f"  {'':16} {mount.note}")
