"""``climeri catalog refresh``: the night."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from climeri_platform.cli.night import watched
from climeri_platform.cli.progress import counting
from climeri_platform.core.errors import RootsStale
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from climeri_platform.catalog.night import NightReport, RootNight

__all__ = ["refresh"]


# polars has its allocator keep freed memory until the system wants it; the memory of millions of rows
# goes back after half a second here. It is read once, when polars is loaded; what stands in the
# environment is ours to change if a polars that runs this command put it there
_POLARS_OWN = ("dirty_decay_ms:500,muzzy_decay_ms:-1",)


@click.command("refresh")
@click.option("--site", metavar="SITE", help="The site [default: the setting `site`].")
@click.option("--store", metavar="DIR", help="The folder of the catalogs [default: the setting].")
@click.option("--sources", metavar="DIR", help="Its source files [default: catalogs/SITE].")
@click.option(
    "--accept-loss",
    metavar="ROOT",
    multiple=True,
    help="A root id of which any number of files may be gone; may be given again.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many roots at the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@watched
def refresh(
    site: str | None,
    store: str | None,
    sources: str | None,
    accept_loss: tuple[str, ...],
    at_once: int,
    as_json: bool,
) -> None:
    """Do all that the sources of a site declare, and publish one snapshot.

    What cannot be had is carried forward as it was, marked stale; the exit code is 12 then.
    """
    if os.environ.get("_RJEM_MALLOC_CONF") in (None, *_POLARS_OWN):
        os.environ["_RJEM_MALLOC_CONF"] = "muzzy_decay_ms:500"
    from climeri_platform.catalog.refresh import refresh as refresh_site

    seen: dict[str, int] = {}
    with counting("files") as show:

        def follow(root: str, count: int) -> None:
            seen[root] = count
            show(sum(seen.values()))

        report = refresh_site(
            site,
            store=store,
            sources=sources,
            accept_loss=accept_loss,
            at_once=at_once,
            progress=follow,
        )
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        print_night(report)
    if report.problems:
        from climeri_platform.catalog.page import printable

        raise RootsStale(
            f"snapshot {report.snapshot} is published; carried forward as they were: "
            + printable("; ".join(report.problems)),
            hint="Their rows are marked stale. If files were meant to go: --accept-loss ROOT; if a "
            "root was: climeri catalog forget ROOT.",
        )


def print_night(report: NightReport) -> None:
    """Print what a refresh did."""
    from climeri_platform.catalog.page import printable

    for each in report.roots:
        click.echo(printable(f"{each.root_id} ({each.family}): {_root(each)}"))
    moved = sum(each["numbers"]["moved"] for each in report.changes)
    versions = sum(each["numbers"]["re_versioned"] for each in report.changes)
    if moved or versions:
        click.echo(
            f"{many(moved, 'file')} moved, {many(versions, 'dataset')} with another newest version"
        )
    if report.not_compared:
        click.echo(f"what changed is not known: {report.not_compared}")
    if report.duplicated_count:
        click.echo(f"at several roots: {many(report.duplicated_count, 'dataset')}")
    click.echo(
        f"snapshot {report.snapshot} in {report.store}, {report.seconds:.1f} s; "
        f"report: {report.store}/reports/{report.snapshot}.json"
    )


def _root(night: RootNight) -> str:
    from climeri_platform.catalog.night import STALE, UNCOUNTED

    if night.state in UNCOUNTED:
        return UNCOUNTED[night.state]
    counts = (
        f"{many(night.catalogued, 'file')} ({night.new} new, {night.changed} changed, {night.gone} gone), "
        f"{night.rejected} rejected"
    )
    if night.state == "carried forward" and night.stale is None:
        return f"nothing to carry forward: {night.reason}"
    if night.state in STALE:
        return f"carried forward since {night.stale}, {counts}: {night.reason}"
    more = [
        f"{night.carried} not seen and kept" if night.carried else "",
        f"{night.pending} directories left for the next night" if night.pending else "",
        f"{night.unlisted} directories not listed" if night.unlisted else "",
        f"{night.unreadable_count} not readable" if night.unreadable_count else "",
        f"{night.headers} headers read" if night.headers else "",
        f"{night.headers_failed_count} headers not readable" if night.headers_failed else "",
        f"{night.contradictions_count} headers contradict names" if night.contradictions else "",
        f"{night.headers_left} headers left for the next night" if night.headers_left else "",
        f"no headers: {night.headers_problem}" if night.headers_problem else "",
        "resumed" if night.resumed else "",
    ]
    return ", ".join([counts, *filter(None, more)])
