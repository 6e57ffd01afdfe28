"""Building a catalog: walk a root, parse its names, publish."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.assembly import assemble
from climeri_platform.catalog.carding import check_given_cards
from climeri_platform.catalog.contents import contents_of
from climeri_platform.catalog.contents_reading import read_contents
from climeri_platform.catalog.family import Family, load_family
from climeri_platform.catalog.heading import with_headers
from climeri_platform.catalog.layout import store_path
from climeri_platform.catalog.publish import current_or_none, prepare_store, publish, writing
from climeri_platform.catalog.renewal import LOSS_LIMIT, renew
from climeri_platform.catalog.scan import compare_root
from climeri_platform.catalog.walk import check_root
from climeri_platform.core.errors import RootUnusable, UsageError
from climeri_platform.sites import load_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from climeri_platform.catalog.carding import GivenCards
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.renewal import Renewal
    from climeri_platform.catalog.scan import Difference
    from climeri_platform.sites import Site

__all__ = ["BuildReport", "build_catalog", "check_root_id", "default_root_id", "nothing_found"]

_ROOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build found and did.

    Attributes
    ----------
    family, root_id, root, store, snapshot
        What was built, from where, and where it is.
    found, catalogued, rejected
        Numbers of NetCDF files by name; ``found == catalogued + rejected``.
    reasons
        Code of a rejection to how many files.
    datasets
        How many datasets the catalogued files form, versions counted once.
    other, links, unreadable
        Files of other kinds; directory links that were not followed; paths that could not be
        read, with the system's reason.
    repeated
        Other paths of files that are catalogued in the same version, which are no rows.
    gone
        Files and directories that went away under way.
    notes, unknown
        What looks wrong in the tree; what the list of files could not say.
    carried
        Catalogued files at which nobody could look now, and which stay as they were.
    opened
        Streams of many variables of which a file was opened, to know which they hold.
    unread
        Streams of which that is not known.
    size
        Bytes of the catalogued files; those that versions share are counted once.
    seconds
        How long it took.
    """

    family: str
    root_id: str
    root: str
    store: str
    snapshot: str
    found: int
    catalogued: int
    rejected: int
    reasons: dict[str, int]
    datasets: int
    other: int
    links: int
    unreadable: list[tuple[str, str]]
    repeated: int
    gone: int
    notes: list[str]
    unknown: list[str]
    carried: int
    opened: int
    unread: int
    size: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)


def default_root_id(root: Path) -> str:
    """Return the id of a root that was given none: its name and a mark of its place.

    Examples
    --------
    >>> from pathlib import Path
    >>> default_root_id(Path("/bdd/CMIP6"))
    'CMIP6-374ef0'
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-._") or "root"
    return f"{name}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:6]}"


def named_root(site: Site, place: Path) -> str:
    """Return the root id whose mount, or an alias of it, a path is; "" if it is none."""
    root, below = site.where(place) or ("", "")
    return root if not below else ""


def build_catalog(
    family: str | os.PathLike[str],
    root: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    root_id: str | None = None,
    site: str | None = None,
    inventory: str | os.PathLike[str] | None = None,
    cards: GivenCards = None,
    accept_loss: bool = False,
    contents: bool = False,
    progress: Callable[[int], None] | None = None,
) -> BuildReport:
    """Catalogue one root of an archive family, and publish it.

    No file is opened, but for ``contents``. Rows of other families and of other roots stay as they
    are; rows of this root are replaced.

    Parameters
    ----------
    family
        An archive family: `family_names` lists them. Or the path of a YAML file of one's own.
    root
        The top of the tree, or any folder in it.
    store
        The folder of the catalogs, made if need be; by default the setting ``store``.
    root_id
        The name under which paths of this root are stored; by default the one that the site's
        profile gives to this path, or else from the path.
    site
        The site that this runs at, whose export is written; by default the setting ``site``.
    inventory
        A list of the root's files, taken in place of a walk (see `catalog.inventory`); the root
        need not be mounted here then.
    cards
        A folder of simulation cards, beside those in the runs' own folders, each for the one run
        that has its ``simulation``; or cards by the folders of their runs below the root.
    accept_loss
        Publish even if more than a tenth of the root's catalogued files is gone.
    contents
        Open one file of each stream of many variables, to know which it holds; none of it is
        opened again before it has a newer file.
    progress
        Is called with the number of files seen so far.

    Returns
    -------
    BuildReport

    Raises
    ------
    UnknownFamily, UnknownSite
        If there is no such family or site, or the site's profile names a variable that is not set.
    UsageError
        If the root id is not one, or stands for another root already; if contents are wanted of
        an inventory; or if a folder of cards is not there, or is given for a family without cards.
    MissingExtra
        If contents are wanted, and netCDF4 is not installed.
    RootUnusable
        If the root cannot be walked, or holds no file of the family. Nothing is published then.
    RootShrunk
        If too much of the root vanished since the last build. Nothing is published then.
    StoreError
        If the store cannot be written. What was published before stays.
    """
    began = time.perf_counter()
    if contents and inventory is not None:
        raise UsageError(
            f"the list {inventory} stands for its files, and of contents one file each is opened",
            hint="Leave out one of the two.",
        )
    rules = load_family(family)
    check_given_cards(rules, cards)
    here = load_site(site)
    for each in here.mounts:
        here.mount(each)  # a variable that is not set is told before the walk, not after
    place = check_root(root) if inventory is None else Path(os.path.abspath(root))  # noqa: PTH100 - as there
    name = root_id or named_root(here, place) or default_root_id(place)
    check_root_id(name)
    folder = store_path(store)
    prepare_store(folder)
    scan = compare_root(rules, place, name, inventory=inventory, progress=progress)
    if not scan.files:
        raise nothing_found(rules, place, scan)
    scan.look_for_cards(place, folder=cards, look=inventory is None)

    def renewed(previous: Snapshot | None, loss: float) -> Renewal:
        walked = inventory is None
        return renew(previous, rules, name, str(place), scan, loss=loss, here=here, walked=walked)

    # files are opened before the store is held
    said = read_contents(renewed(current_or_none(folder), 1.0)) if contents else None
    with writing(folder):
        previous = current_or_none(folder)
        renewal = renewed(previous, 1.0 if accept_loss else LOSS_LIMIT)
        if said is not None:
            renewal = with_headers(renewal, said)
        tables, roots = assemble(previous, [renewal])
        snapshot = publish(folder, tables, roots, site=site, previous=previous)
    opened = said.height if said is not None else 0
    return _report(renewal, scan, snapshot, opened=opened, began=began)


def _unread(snapshot: Snapshot, datasets: pl.LazyFrame, rules: Family) -> int:
    known = contents_of(snapshot, snapshot.rules(rules.family))
    if known is None:
        return 0
    rows = datasets.filter(known.unread(rules)).select(pl.col("dataset").n_unique())
    return int(snapshot.collect(rows, rules.family, "datasets").item())


def _report(
    renewal: Renewal, scan: Difference, snapshot: Snapshot, *, opened: int, began: float
) -> BuildReport:
    codes = scan.rejected["code"].value_counts().sort("code")
    family, root = renewal.root.family, renewal.root.root_id
    here = snapshot.scan(family, "datasets").filter(pl.col("root") == root)
    datasets = snapshot.collect(here.select(pl.col("dataset").n_unique()), family, "datasets")
    return BuildReport(
        family=renewal.root.family,
        root_id=renewal.root.root_id,
        root=renewal.root.mount,
        store=str(snapshot.store),
        snapshot=snapshot.name,
        found=scan.files + scan.rejected.height,
        catalogued=scan.files,
        rejected=scan.rejected.height,
        reasons=dict(codes.iter_rows()),
        datasets=datasets.item(),
        other=scan.skipped.other,
        links=len(scan.skipped.links),
        unreadable=scan.skipped.unreadable,
        repeated=len(scan.skipped.repeated),
        gone=len(scan.skipped.gone),
        notes=scan.skipped.notes,
        unknown=scan.skipped.unknown,
        carried=renewal.root.carried,
        opened=opened,
        unread=_unread(snapshot, here, renewal.family),
        size=int(scan.fresh["size"].sum()) - scan.skipped.shared,
        seconds=round(time.perf_counter() - began, 3),
    )


def check_root_id(name: str) -> None:
    """Refuse a name that cannot stand in paths and in addresses.

    Raises
    ------
    UsageError
    """
    if not _ROOT_ID.fullmatch(name):
        raise UsageError(f"{name!r} is no root id: letters, digits, '.', '_' and '-' only")


def nothing_found(rules: Family, place: Path, scan: Difference) -> RootUnusable:
    """Return the error for a root without any file of the family."""
    skipped, rejected = scan.skipped, scan.rejected
    if not rejected.height:
        seen = f"it holds {skipped.other} other files" if skipped.other else "it is empty"
        if skipped.unreadable:
            seen = f"{len(skipped.unreadable)} paths in it cannot be read"
        return RootUnusable(
            f"no NetCDF file was found under {place}: {seen}",
            hint="Nothing was published. Is the mount there, and is it the right folder?",
        )
    return RootUnusable(
        f"none of the {rejected.height} NetCDF files under {place} follows {rules.family}; "
        f"the first: {rejected['path'][0]}: {rejected['reason'][0]}",
        hint="Nothing was published. Is it another archive family?",
    )
