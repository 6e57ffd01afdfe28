"""JupyterHub on one machine: proxy, hub, and a JupyterLab for each user.

The way of a start: `HubSettings` says what is asked; ``state`` prepares the directory and the
secrets; ``supervise`` starts JupyterHub as a child (``serve``), whose configuration
(``jupyterhub_config``) reads one file and only sets values; ``spawner`` starts the users' servers,
which keep the curated notebooks read-only (``contents``); ``rehearsal`` walks the whole way as a
browser does. Ending: whatever was started is a descendant of the supervisor, and is ended by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

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

_WHERE = {
    "HubSettings": "settings",
    "Rehearsal": "rehearsal",
    "RunningHub": "supervise",
    "default_user": "settings",
    "install_proxy": "proxy",
    "proxy_folder": "proxy",
    "rehearse": "rehearsal",
    "run_hub": "supervise",
}

__getattr__, __dir__ = lazy_door(__name__, _WHERE, extra="hub", doing="the hub")
