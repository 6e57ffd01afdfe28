"""``climeri demo``: a demonstration archive, its catalogs, the notebooks and a hub."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from climeri_platform.cli.hub import FOLDER, make_settings, show, tell, waiting_bar, warn_root
from climeri_platform.cli.progress import counting
from climeri_platform.core.errors import HubFailed
from climeri_platform.core.settings import setting
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from pathlib import Path

    from climeri_platform.hub import Rehearsal, RunningHub
    from climeri_platform.testing import ArchiveSummary

__all__ = ["command"]


def _look_ahead(port: int) -> None:
    """Refuse at once what would be refused after the archive is written."""
    from climeri_platform.hub import proxy_folder
    from climeri_platform.hub.ports import free_port
    from climeri_platform.hub.proxy import proxy_command

    proxy_command(proxy_folder())
    free_port(port)


def _archive(folder: Path, size: str, *, replace: bool) -> ArchiveSummary:
    from climeri_platform.testing import build_archive

    tell(f"demonstration archive, size {size}, in {folder}")
    with counting("archive", " parts") as follow:

        def progress(step: str, done: int, total: int) -> None:  # noqa: ARG001 - the interface of build_archive
            follow(done, total)

        return build_archive(folder, size=size, replace=replace, progress=progress)


def _told(summary: ArchiveSummary) -> str:
    state = "is there already" if summary.reused else "written"
    return (
        f"{summary.directory}: {state}, {many(summary.files, 'file')}, "
        f"{summary.bytes / 1e6:.1f} MB, in {summary.seconds:.1f} s"
    )


def _catalogs(archive: Path, store: Path) -> str:
    from climeri_platform.catalog import build_catalog
    from climeri_platform.testing import ARCHIVE_ROOTS

    tell(f"catalogs in {store}")
    counts = []
    for family, root in ARCHIVE_ROOTS.items():
        with counting(family, " files") as follow:
            report = build_catalog(
                family,
                archive / root,
                store=store,
                # a name that stays, so that an archive built again replaces its rows
                root_id=f"demo-{family}",
                accept_loss=True,  # another version's archive may hold less
                contents=True,
                progress=lambda seen, follow=follow: follow(seen, None),  # type: ignore[misc] # bound here
            )
        counts.append(f"{family} {report.datasets}")
    return f"datasets catalogued: {', '.join(counts)}"


def _notebooks(folder: Path, language: str) -> Path:
    from climeri_platform.delivery import deliver_notebooks

    tell(f"curated notebooks ({language}) in {folder}")
    deliver_notebooks(folder, language=language)
    return folder


def _rehearse(hub: RunningHub) -> Rehearsal:
    from climeri_platform.hub import rehearse

    if not hub.first_notebook:
        raise HubFailed("there is no curated notebook to run")
    with counting("cells", " cells") as follow:
        return rehearse(
            hub.address,
            hub.run.users[0],
            hub.password,
            hub.first_notebook,
            tell=tell,
            progress=follow,
        )


def _show_rehearsal(hub: RunningHub, done: Rehearsal, seconds: float) -> None:
    click.echo(
        f"{done.notebook}: {done.cells} code cells ran in the hub. Hub ready after "
        f"{hub.seconds:.1f} s, login {done.login:.1f} s, server {done.spawn:.1f} s, kernel "
        f"{done.kernel:.1f} s, cells {done.run:.1f} s; {seconds:.1f} s in all"
    )


@click.command()
@click.option(
    "--dir",
    "folder",
    type=FOLDER,
    help="Where everything goes. Default: ~/.local/share/climeri/demo.",
)
@click.option(
    "--size",
    type=click.Choice(["small", "full"]),
    default="small",
    show_default=True,
    help="Of the archive.",
)
@click.option(
    "--archive-only",
    type=FOLDER,
    metavar="DIR",
    help="Write the archive there, and stop.",
)
@click.option("--check", is_flag=True, help="Log in, run the first notebook in the hub, and stop.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Of the hub; 0 takes a free one. Default: 8000, a free one with --check.",
)
@click.option(
    "--language",
    type=click.Choice(["fr", "en"]),
    help="Of the notebooks. Default: the setting `language`.",
)
def command(
    folder: Path | None,
    size: str,
    archive_only: Path | None,
    check: bool,
    port: int | None,
    language: str | None,
) -> None:
    """Build a small archive and its catalogs, and start a hub on them."""
    if archive_only is not None:
        click.echo(_told(_archive(archive_only, size, replace=False)))
        return
    from climeri_platform.hub import run_hub
    from climeri_platform.hub.state import default_state

    began = time.monotonic()
    port = (0 if check else 8000) if port is None else port
    _look_ahead(port)
    folder = (folder or default_state().with_name("demo")).expanduser().absolute()
    language = setting("language", language)
    summary = _archive(folder / "archive", size, replace=True)
    click.echo(_told(summary))
    store = folder / "catalogs"
    click.echo(_catalogs(summary.directory, store))
    settings = make_settings(
        port=port,
        state=folder / "hub",
        notebooks=_notebooks(folder / "notebooks", language),
        store=store,
        site="local",
        archive=summary.directory,
        environment={"CLIMERI_LANGUAGE": language},
    )
    warn_root()
    ran: list[Rehearsal] = []
    bar = waiting_bar()

    def ready(hub: RunningHub) -> bool:
        bar.close()
        if check:
            ran.append(_rehearse(hub))
            _show_rehearsal(hub, ran[0], time.monotonic() - began)
        else:
            show(hub)
        return not check

    run_hub(settings, ready, tell=tell, waiting=bar.update)
    if check and not ran:  # a signal came before the end
        raise click.Abort
