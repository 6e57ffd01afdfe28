"""``climeri catalog log | diff | rollback | check``: the snapshots of a store."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from climeri_platform.core.errors import StoreDamaged

__all__ = ["check", "diff", "forget", "log", "rollback"]

_STORE = click.option(
    "--store", metavar="DIR", help="The folder of the catalogs [default: the setting `store`]."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SHOWN = 20  # paths of a kind; --json prints all


@click.command("log")
@_STORE
@_JSON
def log(store: str | None, as_json: bool) -> None:
    """List the snapshots, the newest first; `*` marks the published one."""
    from climeri_platform.catalog.history import snapshot_log

    entries = snapshot_log(store)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in entries], indent=2))
        return
    for each in entries:
        held = ", ".join(f"{family} {count}" for family, count in each.files.items())
        click.echo(f"{'*' if each.current else ' '} {each.snapshot}  {held or each.problem}")


@click.command("diff")
@click.argument("before")
@click.argument("after", required=False)
@_STORE
@_JSON
def diff(before: str, after: str | None, store: str | None, as_json: bool) -> None:
    """Show what changed from snapshot BEFORE to AFTER (the published one by default)."""
    from climeri_platform.catalog.history import changes

    found = changes(before, after, store=store)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    if not found:
        click.echo("nothing changed", err=True)
    for each in found:
        kinds = {
            "added": each.added,
            "gone": each.gone,
            "changed": each.changed,
            "moved": [f"{old} -> {new}" for old, new in each.moved],
            "re-versioned": [f"{key}: {old} -> {new}" for key, old, new in each.re_versioned],
        }
        counts = ", ".join(f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths)
        click.echo(f"{each.family}: {counts}")
        for kind, paths in kinds.items():
            for path in paths[:_SHOWN]:
                click.echo(f"  {kind}: {path}")
            if len(paths) > _SHOWN:
                click.echo(f"  {kind}: and {len(paths) - _SHOWN} more; --json lists them")


@click.command("rollback")
@click.argument("snapshot")
@_STORE
def rollback(snapshot: str, store: str | None) -> None:
    """Publish an older SNAPSHOT again; the newer ones stay."""
    from climeri_platform.catalog.history import named_snapshot
    from climeri_platform.catalog.publish import roll_back

    found = named_snapshot(store, snapshot)
    roll_back(found.store, found.name)
    click.echo(f"{found.store}: published {found.name}")


@click.command("forget")
@click.argument("root")
@_STORE
def forget(root: str, store: str | None) -> None:
    """Take the root id ROOT out of the catalogs; no file is touched, and rollback undoes it."""
    from climeri_platform.catalog.forget import forget_root

    snapshot = forget_root(root, store=store)
    click.echo(f"{snapshot.store}: published {snapshot.name}, without {root}")


@click.command("check")
@_STORE
@_JSON
def check(store: str | None, as_json: bool) -> None:
    """Read the published snapshot to its end, and count."""
    from climeri_platform.catalog import open_snapshot
    from climeri_platform.catalog.history import check_store

    defects = check_store(store)
    snapshot = open_snapshot(store)
    if as_json:
        click.echo(json.dumps({"snapshot": snapshot.name, "defects": defects}, indent=2))
    if defects:
        raise StoreDamaged(
            f"the snapshot {snapshot.name} of {snapshot.store}: {'; '.join(defects)}",
            hint="`climeri catalog rollback` publishes an older one; `build` mends a family.",
        )
    if not as_json:
        click.echo(f"{snapshot.store}: snapshot {snapshot.name} is whole")
