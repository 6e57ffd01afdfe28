"""What a centre is: mounts now; scheduler and limits when the centres follow."""

from __future__ import annotations

from climeri_platform.sites.profile import (
    Mount,
    Site,
    is_address,
    load_site,
    read_sites,
    site_names,
)
from climeri_platform.sites.recall import OnTapeFile, Recall, shell_text

__all__ = [
    "Mount",
    "OnTapeFile",
    "Recall",
    "Site",
    "is_address",
    "load_site",
    "read_sites",
    "shell_text",
    "site_names",
]
