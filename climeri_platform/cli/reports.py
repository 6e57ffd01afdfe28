"""What builds print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from climeri_platform.cli.tables import size_of

if TYPE_CHECKING:
    from climeri_platform.catalog import BuildReport

__all__ = ["print_report"]


def print_report(report: BuildReport) -> None:
    """Print what a build did."""
    click.echo(
        f"{report.family}: {report.found} data files found under {report.root}, "
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
    if report.repeated:
        click.echo(f"  other paths to the same file of a version: {report.repeated}")
    if report.gone:
        click.echo(f"  gone under way: {report.gone}")
    if report.notes:
        click.echo(f"  looks wrong: {len(report.notes)}, the first: {report.notes[0]}")
    for each in report.unknown:
        click.echo(f"  the inventory cannot say {each}")
    if report.carried:
        click.echo(f"  not seen now, and kept as they were: {report.carried}")
    click.echo(f"  snapshot {report.snapshot} in {report.store}")
