"""The settings, in one order, each value with its origin.

Defaults < packaged site < ``/etc/climeri/climeri.yaml`` < ``~/.config/climeri/climeri.yaml`` <
environment (``CLIMERI_STORE``, ...) < argument.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from climeri_platform.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SETTINGS", "Setting", "default_own_store", "read_settings", "setting"]

# name -> (default, what it is)
SETTINGS: dict[str, tuple[str, str]] = {
    "site": ("local", "the centre this runs at: a profile of `deploy/sites`"),
    "store": ("", "the folder of the catalogs"),
    "sites_dir": ("", "a folder of site profiles of one's own, before the packaged ones"),
    "own_store": ("", "the folder of one's own catalogs, which `climeri catalog add` makes"),
    "stores": ("", "further folders of catalogs, joined by ':'"),
    "demo_archive": ("", "the folder of the demonstration archive"),
    "header_cache": ("", "the folder of headers that were read, or off"),
    "language": ("fr", "fr or en: the language of notebooks and hub pages"),
}
SYSTEM_FILE = Path("/etc/climeri/climeri.yaml")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it comes from."""

    name: str
    value: str
    origin: str


def user_file() -> Path:
    """Return the user's settings file, which need not exist."""
    # Path.home() raises for a user without a home, as containers have them
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    return Path(home) / "climeri" / "climeri.yaml"


def default_own_store() -> str:
    """Return the folder of one's own catalogs where nothing sets it."""
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111
    return str(Path(home) / "climeri" / "catalogs")


def _from_file(path: Path) -> dict[str, str]:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as problem:
        raise UsageError(f"the settings file {path} cannot be read: {problem}") from problem
    if not isinstance(read, dict):
        raise UsageError(f"the settings file {path} holds no `name: value` pairs")
    for name in read:
        if name not in SETTINGS:
            like = ", ".join(nearest(str(name), SETTINGS)) or ", ".join(SETTINGS)
            raise UsageError(
                f"the settings file {path} sets {name!r}, which is no setting",
                hint=f"Did you mean {like}?",
            )
    # `store:` with nothing behind it sets nothing
    return {name: str(value) for name, value in read.items() if value is not None}


def read_settings(
    arguments: Mapping[str, str | None] | None = None,
    *,
    site_defaults: Mapping[str, str] | None = None,
) -> dict[str, Setting]:
    """Return every setting with its origin.

    Parameters
    ----------
    arguments
        What the caller was given; None values do not count.
    site_defaults
        What the profile of the site sets.

    Returns
    -------
    dict
        Name to `Setting`, in the order of `SETTINGS`.

    Raises
    ------
    UsageError
        If a settings file cannot be read or sets something unknown.
    """
    system, user = _from_file(SYSTEM_FILE), _from_file(user_file())
    environment = {
        name: value for name in SETTINGS if (value := os.environ.get(f"CLIMERI_{name.upper()}"))
    }
    defaults = {name: default for name, (default, _) in SETTINGS.items()}
    layers: list[tuple[str, Mapping[str, str]]] = [
        ("default", {**defaults, "own_store": default_own_store()}),
        ("site profile", site_defaults or {}),
        (str(SYSTEM_FILE), system),
        (str(user_file()), user),
        ("environment", environment),
        ("argument", {k: v for k, v in (arguments or {}).items() if v is not None}),
    ]
    found: dict[str, Setting] = {}
    for origin, values in layers:
        for name, value in values.items():
            found[name] = Setting(name, value, origin)
    return {name: found[name] for name in SETTINGS}


def setting(name: str, argument: str | os.PathLike[str] | None = None) -> str:
    """Return the value of one setting.

    Parameters
    ----------
    name
        A name of `SETTINGS`.
    argument
        What the caller was given, if anything: it wins.

    Returns
    -------
    str
        The value; empty where nothing sets it.

    Raises
    ------
    UsageError
        If the argument is neither a text nor a path, or a settings file cannot be read.

    Examples
    --------
    >>> setting("store", "/data/store")
    '/data/store'
    """
    if argument is not None:
        try:
            text = os.fspath(argument)
        except TypeError as problem:
            raise UsageError(f"{name}={argument!r}: it is a text, or a path") from problem
        if not isinstance(text, str):  # bytes
            raise UsageError(f"{name}={argument!r}: it is a text, or a path")
        return text
    return read_settings()[name].value
