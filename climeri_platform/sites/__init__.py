"""What a centre is: mounts now; scheduler and limits when the centres follow."""

from __future__ import annotations

from climeri_platform.sites.profile import Site, load_site, site_names

__all__ = ["Site", "load_site", "site_names"]
