"""What builds print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from climeri_platform.cli.tables import size_of
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from climeri_platform.catalog import BuildReport

__all__ = ["CONTENTS", "print_report"]

CONTENTS = click.option(
    "--contents",
    is_flag=True,
    help="Open one file of each stream of many variables, to know which it holds.",
)


def print_report(report: BuildReport) -> None:
    """Print what a build did."""
    click.echo(
        f"{report.family}: {report.found} data files found under {report.root}, "
        f"{report.catalogued} catalogued ({many(report.datasets, 'dataset')}, {size_of(report.size)}), "
        f"{report.rejected} rejected, in {report.seconds:.1f} s"
    )
    for code, count in report.reasons.items():
        click.echo(f"  rejected, {code}: {count}")
    if report.rejected:
        click.echo(
            f"  each with its reason: climeri catalog rejected {report.family} --store {report.store}"
        )
    for each in _noted(report):
        click.echo(f"  {each}")
    click.echo(f"  snapshot {report.snapshot} in {report.store}")


def _noted(report: BuildReport) -> list[str]:
    """Return what is to be told beside the numbers of files."""
    counts = {
        "directory links not followed": report.links,
        "other paths to the same file of a version": report.repeated,
        "gone under way": report.gone,
        "not seen now, and kept as they were": report.carried,
        "streams opened for what they hold": report.opened,
        "streams of which nobody has read what they hold (--contents does)": report.unread,
    }
    lines = [f"{what}: {count}" for what, count in counts.items() if count]
    if report.unreadable:
        path, reason = report.unreadable[0]
        lines.append(f"not readable: {len(report.unreadable)}, the first: {path}: {reason}")
    if report.notes:
        lines.append(f"looks wrong: {len(report.notes)}, the first: {report.notes[0]}")
    return [*lines, *(f"the inventory cannot say {each}" for each in report.unknown)]
