"""JupyterHub on one machine: proxy, hub, and a JupyterLab for each user.

The way of a start: `HubSettings` says what is asked; ``state`` prepares the directory and the
secrets; ``supervise`` starts JupyterHub as a child (``serve``), whose configuration
(``jupyterhub_config``) reads one file and only sets values; ``spawner`` starts the users' servers,
which keep the curated notebooks read-only (``contents``); ``rehearsal`` walks the whole way as a
browser does. Ending: whatever was started is a descendant of the supervisor, and is ended by it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from climeri_platform.core.errors import MissingExtra

if TYPE_CHECKING:
    from climeri_platform.hub.proxy import install_proxy, proxy_folder
    from climeri_platform.hub.rehearsal import Rehearsal, rehearse
    from climeri_platform.hub.settings import HubSettings, default_user
    from climeri_platform.hub.supervise import RunningHub, run_hub

__all__ = [
    "HubSettings",
    "Rehearsal",
    "RunningHub",
    "default_user",
    "install_proxy",
    "proxy_folder",
    "rehearse",
    "run_hub",
]

_PLACES = {
    "HubSettings": "settings",
    "Rehearsal": "rehearsal",
    "RunningHub": "supervise",
    "default_user": "settings",
    "install_proxy": "proxy",
    "proxy_folder": "proxy",
    "rehearse": "rehearsal",
    "run_hub": "supervise",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    except ModuleNotFoundError as problem:
        if (problem.name or "").startswith("climeri_platform"):
            raise
        raise MissingExtra(
            f"the hub needs the package {problem.name!r}, which is not installed",
            hint="pip install 'climeri-platform[hub]'",
        ) from problem
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
