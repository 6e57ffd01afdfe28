"""What a centre is: mounts now; scheduler and limits when the centres follow."""

from __future__ import annotations

from climeri_platform.sites.profile import Mount, Site, load_site, read_sites, site_names

__all__ = ["Mount", "Site", "load_site", "read_sites", "site_names"]
