"""Profiles of centres: where their archives are mounted. Data, not code."""

from __future__ import annotations

from functools import lru_cache

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from climeri_platform.core.errors import UnknownSite, nearest
from climeri_platform.core.resources import data_path
from climeri_platform.core.settings import setting

__all__ = ["Site", "load_site", "site_names"]


class Site(BaseModel):
    """What a centre is.

    Attributes
    ----------
    site, title
        The name that people type, and what it stands for.
    mounts
        Root id to the absolute path under which this centre mounts it; a root that is not named
        is looked for where it was catalogued.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str
    title: str
    mounts: dict[str, str] = {}


def site_names() -> list[str]:
    """Return the names of the sites that this installation knows."""
    return sorted(path.stem for path in data_path("sites").glob("*.yaml"))


@lru_cache(maxsize=32)
def _read(name: str) -> Site:
    known = site_names()
    if name not in known:
        like = nearest(name, known) or known
        raise UnknownSite(f"there is no site {name!r}", hint=f"Did you mean {' or '.join(like)}?")
    path = data_path("sites") / f"{name}.yaml"
    try:
        return Site.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, OSError, UnicodeDecodeError) as problem:
        raise UnknownSite(f"the site profile {path} is not valid: {problem}") from problem


def load_site(name: str | None = None) -> Site:
    """Read the profile of a site.

    Parameters
    ----------
    name
        By default the setting ``site``.

    Returns
    -------
    Site

    Raises
    ------
    UnknownSite
        If there is no such site, or its profile is not valid.

    Examples
    --------
    >>> load_site("local").title
    'This machine'
    """
    return _read(setting("site", name))
