"""``climeri settings``: every setting, its value, and where it comes from."""

from __future__ import annotations

import click

from climeri_platform.core.settings import SETTINGS, read_settings

__all__ = ["command"]


@click.command("settings")
def command() -> None:
    """Show the settings and where each comes from."""
    for name, each in read_settings().items():
        click.echo(f"{name:14} {each.value or '-':40} {each.origin:14} {SETTINGS[name][1]}")
