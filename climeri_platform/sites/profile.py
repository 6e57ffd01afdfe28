"""Profiles of centres: where their archives are mounted. Data, not code."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from climeri_platform.core.declared import read_declared
from climeri_platform.core.errors import UnknownSite, UsageError, nearest
from climeri_platform.core.resources import data_path
from climeri_platform.core.settings import setting
from climeri_platform.sites.recall import (  # noqa: TC001 - pydantic looks them up
    AbsolutePath,
    Recall,
)

__all__ = ["Mount", "Site", "is_address", "load_site", "read_sites", "site_names"]

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # a folder of the export bears it


_ADDRESS = re.compile(r"(https?|s3|gs|dap2|dap4)://[^\s/]+")


def is_address(place: str) -> bool:
    """Return whether a place is on a server, and no folder here."""
    return _ADDRESS.match(place) is not None


def _place(given: str) -> str:
    if not is_address(given) and not given.startswith(("/", "${")):
        raise ValueError(
            f"{given!r} is neither an absolute path nor an address such as https://server/data"
        )
    return given.rstrip("/") or "/"


class Mount(BaseModel):
    """Where a centre has a root.

    Attributes
    ----------
    path
        Its absolute path there, or the address of a server that has it (``https://``, ``s3://``,
        ``dap2://``, ...). ``${NAME}`` stands for a variable of the environment.
    tape
        Whether its files may lie on tape, so that opening one starts a recall.
    aliases
        Other absolute prefixes of the same bytes.
    reachable
        False where nothing can be opened under it, ever: it is not even looked at.
    recall
        How its files come back from tape: a `Recall`, or the words of its command.
    note
        What people should know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, AfterValidator(_place)]
    tape: bool = False
    aliases: tuple[AbsolutePath, ...] = ()
    reachable: bool = True
    recall: Recall | None = None
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given


class Site(BaseModel):
    """What a centre is.

    Attributes
    ----------
    site, title
        The name that people type, and what it stands for.
    aliases
        Other names that people type.
    mounts
        Root id to `Mount`, the nearest first: where a dataset has several replicas, the first
        of these roots that is here is read, disk before tape. A root that is not named is looked
        for where it was catalogued.

    Examples
    --------
    >>> site = Site(site="x", title="X", mounts={"CMIP6": {"path": "/bdd/CMIP6", "tape": True}})
    >>> site.resolve("CMIP6", "CMIP/IPSL"), site.tape("CMIP6"), site.where("/bdd/CMIP6/CMIP")
    ('/bdd/CMIP6/CMIP/IPSL', True, ('CMIP6', 'CMIP'))
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(pattern=rf"^{_NAME}$")
    title: str
    aliases: tuple[str, ...] = ()
    mounts: dict[str, Mount] = {}

    @model_validator(mode="after")
    def _one_root_each(self) -> Site:
        seen: dict[str, str] = {}
        for root, mount in self.mounts.items():
            for prefix in {_normal(each) for each in (mount.path, *mount.aliases)}:
                if prefix in seen:
                    raise ValueError(f"the roots {seen[prefix]} and {root} are both at {prefix}")
                seen[prefix] = root
        return self

    def mount(self, root_id: str) -> str | None:
        """Return the absolute path of a root here; None if the profile names or reaches it not.

        Raises
        ------
        UnknownSite
            If its path names a variable that is not set, or is not absolute with its value.
        """
        mount = self.mounts.get(root_id)
        if mount is None or not mount.reachable:
            return None
        return self._expanded(root_id, mount.path)

    def resolve(self, root_id: str, relative: str) -> str | None:
        """Return the absolute path of a file of a root here; None if the root is not here.

        Parameters
        ----------
        root_id
            The name under which paths of the root are stored.
        relative
            The path below it.

        Raises
        ------
        UnknownSite
            As `mount`.
        """
        mount = self.mount(root_id)
        if mount is None or not relative:
            return mount
        return f"{mount.rstrip('/')}/{relative}"

    def where(self, path: str | os.PathLike[str]) -> tuple[str, str] | None:
        """Return the root and the relative path of an absolute path; None if it is in no root.

        The longest mount or alias that holds it decides. Mounts whose variables are not set hold
        nothing.

        Raises
        ------
        UsageError
            If the path is not absolute.
        """
        typed = os.fspath(path)
        if not typed.startswith("/"):
            raise UsageError(f"{typed!r} is not an absolute path")
        wanted = _normal(typed)
        best = ("", "")
        for root, mount in self.mounts.items():
            for each in (mount.path, *mount.aliases):
                try:
                    prefix = self._expanded(root, each)
                except UnknownSite:
                    continue
                holds = f"{wanted}/".startswith(f"{prefix.rstrip('/')}/")
                if holds and len(prefix) > len(best[1]):
                    best = (root, prefix)
        if not best[0]:
            return None
        return best[0], wanted[len(best[1].rstrip("/")) :].lstrip("/")

    def tape(self, root_id: str) -> bool:
        """Return whether the files of a root may lie on tape here."""
        return root_id in self.mounts and self.mounts[root_id].tape

    def _expanded(self, root: str, path: str) -> str:
        missing = [name for name in _VARIABLE.findall(path) if not os.environ.get(name)]
        if missing:
            raise UnknownSite(
                f"the site {self.site} has the root {root} at {path}, and {missing[0]} is not set",
                hint=f"Set the variable {missing[0]} in the environment, or choose another site.",
            )
        found = _VARIABLE.sub(lambda name: os.environ[name[1]], path)
        if not found.startswith("/") and not is_address(found):
            raise UnknownSite(
                f"the site {self.site} has the root {root} at {path}, which is {found!r} and not "
                "an absolute path"
            )
        return _normal(found)


def _normal(path: str) -> str:
    if is_address(path):
        return path.rstrip("/")
    # POSIX lets two leading slashes stand, which name the same here
    return re.sub("^//", "/", os.path.normpath(path))


def _profiles() -> dict[str, Path]:
    """Return name to file of every profile; one's own win over the packaged ones."""
    folders = [data_path("sites")]
    if own := setting("sites_dir"):
        folder = Path(os.path.expanduser(own))  # noqa: PTH111 - keeps an unknown ~name
        if not folder.is_dir():
            raise UnknownSite(
                f"the folder of site profiles {folder} is not there",
                hint="The setting `sites_dir` (CLIMERI_SITES_DIR) names it.",
            )
        folders.append(folder)
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def site_names() -> list[str]:
    """Return the names of the sites that this installation knows.

    Raises
    ------
    UnknownSite
        If the setting ``sites_dir`` names a folder that is not there.
    """
    return sorted(_profiles())


def read_sites() -> tuple[list[Site], dict[str, str]]:
    """Return every profile that can be read, and for each other one its name and why not.

    Raises
    ------
    UnknownSite
        If the setting ``sites_dir`` names a folder that is not there.
    """
    sites, wrong = [], {}
    for name, path in sorted(_profiles().items()):
        try:
            sites.append(_read(path, name))
        except UnknownSite as problem:
            wrong[name] = problem.message
    return sites, wrong


@lru_cache(maxsize=64)
def _parse(path: Path, mtime: int) -> Site:  # noqa: ARG001 - a profile that was edited is read anew
    mend = f"Mend it; valid ones are in {data_path('sites')}."
    return read_declared(path, Site, what="site profile", error=UnknownSite, hint=mend)


def _read(path: Path, name: str | None = None) -> Site:
    try:
        site = _parse(path, path.stat().st_mtime_ns)
    except FileNotFoundError as problem:
        raise UnknownSite(f"there is no site profile {path}") from problem
    except OSError as problem:
        said = problem.strerror or problem
        raise UnknownSite(f"the site profile {path} cannot be read: {said}") from problem
    if name not in (None, site.site):
        raise UnknownSite(f"the site profile {path} is not valid: it calls itself {site.site!r}")
    return site


def load_site(name: str | None = None) -> Site:
    """Read the profile of a site.

    Parameters
    ----------
    name
        A name, an alias, or the path of a profile (with a ``/`` in it, ending in ``.yaml``); by
        default the setting ``site``.

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
    wanted = setting("site", name)
    if "/" in wanted:
        if not wanted.endswith((".yaml", ".yml")):
            raise UnknownSite(f"{wanted!r} is no site profile: that ends in .yaml")
        return _read(Path(os.path.expanduser(wanted)))  # noqa: PTH111 - keeps an unknown ~name
    profiles = _profiles()
    if wanted in profiles:
        return _read(profiles[wanted], wanted)
    sites, wrong = read_sites()
    for site in sites:
        if wanted in site.aliases:
            return site
    known = [*profiles, *(alias for site in sites for alias in site.aliases)]
    like = nearest(wanted, known) or known
    also = f" Not readable: {', '.join(wrong)}." if wrong else ""
    raise UnknownSite(
        f"there is no site {wanted!r}", hint=f"Did you mean {' or '.join(like)}?{also}"
    )
