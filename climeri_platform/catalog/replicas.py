"""Which replica of a dataset is read: the one choice that opening, costs and the export share.

A dataset that several roots have is one dataset with several replicas. The nearest that is here is
taken: roots that the site's profile names, in its order; then others that are where they were
walked; then those on tape. Among equals the one that covers most time wins, then the one with
most files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.core.errors import NotHere
from climeri_platform.sites import is_address, load_site, read_sites

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from climeri_platform.catalog.layout import Root, Snapshot
    from climeri_platform.catalog.search import CatalogView
    from climeri_platform.sites import Site

__all__ = [
    "Replica",
    "all_here",
    "choose",
    "mounts_for",
    "not_here",
    "one_replica",
    "only_here",
    "paths_here",
    "replicas_here",
    "state_of",
]

_NAMED, _WALKED, _TAPE, _NOT_HERE = range(4)
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Replica:
    """A root as a site has it.

    Attributes
    ----------
    mount
        Its absolute path there; None if it is not there.
    rank
        The lower, the nearer; equal ranks are equally near.
    tape
        Whether its files may lie on tape.
    reason
        Why it is not there.
    """

    mount: str | None
    rank: tuple[int, int]
    tape: bool = False
    reason: str = ""


def state_of(mount: str) -> str:
    """Return why nothing can be read under a mount; "" if something can.

    Parameters
    ----------
    mount
        An absolute path; the server of an address is not asked.

    Examples
    --------
    >>> state_of("/"), state_of("/no/such/mount")
    ('', 'it does not exist')
    """
    if is_address(mount):
        return ""
    try:
        with os.scandir(mount) as entries:
            return "" if next(entries, None) else "it is empty: is it mounted?"
    except PermissionError:
        # a folder that may be passed through, not listed, is whole
        return "" if os.access(mount, os.X_OK) else "you may not read it"
    except FileNotFoundError:
        return "it does not exist"
    except OSError as problem:
        return problem.strerror or str(problem)


def mounts_for(roots: Iterable[Root], site: Site, *, here: bool = False) -> dict[str, Replica]:
    """Return the roots of a snapshot as a site has them.

    A root that the profile names is where it says. Any other is where it was walked, if this site
    walked it; of one that nobody says to have walked, it is looked whether it is there.

    Parameters
    ----------
    roots
        The roots of the snapshot.
    site
        The reader's site.
    here
        Whether the site is where this runs, and files will be opened now: every mount is looked
        at then, whoever walked it. An export rather keeps the rows of a mount that is away for a
        night.

    Returns
    -------
    dict
        Root id to `Replica`, also of the roots that are not there.

    Raises
    ------
    UnknownSite
        If the profile names a variable that is not set.
    """
    order = {root: number for number, root in enumerate(site.mounts)}
    found: dict[str, Replica] = {}
    for root in roots:
        if root.root_id in found:
            continue  # one mount, walked for several families
        if root.root_id in order:
            mount, tape = site.mount(root.root_id), site.tape(root.root_id)
            rank = (_TAPE if tape else _NAMED, order[root.root_id])
            look, reason = here, "" if mount else f"the site {site.site} cannot reach it"
        else:
            mount, tape, rank = root.mount, False, (_WALKED, 0)
            look, reason = here or not root.site, ""
            if not look and root.site != site.site:
                reason = f"the site {site.site} does not name it"
        if mount and look and (problem := state_of(mount)):
            reason = f"{mount}: {problem}"
        found[root.root_id] = (
            Replica(None, (_NOT_HERE, 0), tape, reason) if reason else Replica(mount, rank, tape)
        )
    return found


def replicas_here(snapshot: Snapshot, site: Site | None = None) -> dict[str, Replica]:
    """Return the roots of a snapshot as they are here and now.

    Parameters
    ----------
    snapshot
        The snapshot that is read.
    site
        By default the one that the settings choose.

    Raises
    ------
    UnknownSite
        If there is no such site, or its profile names a variable that is not set.
    """
    return mounts_for(snapshot.card.roots, site or load_site(), here=True)


def choose(files: pl.DataFrame, replicas: Mapping[str, Replica]) -> pl.DataFrame:
    """Return the replica that is read of each version of each dataset.

    Parameters
    ----------
    files
        Rows of the `files` table: dataset, version, root, start, end.
    replicas
        The roots, as `mounts_for` gives them.

    Returns
    -------
    polars.DataFrame
        dataset, version and root, in the order of the files. Of a dataset that is not here, the
        replica that covers most.
    """
    place = ["dataset", "version", "root"]
    if files["root"].n_unique() <= 1:
        return files.select(place).unique(maintain_order=True)
    order = sorted({each.rank for each in replicas.values()})
    ranks = {root: order.index(each.rank) for root, each in replicas.items()}
    # of files that overlap, what an earlier one holds is not counted twice
    before = pl.col("last").cum_max().shift(1).over(place)
    held = (pl.col("last") - pl.max_horizontal("first", before + 1) + 1).clip(lower_bound=0)
    return (
        files.with_row_index("at")
        .with_columns(first=_moment("start"), last=_moment("end"))
        .sort(*place, "first", nulls_last=True)
        .with_columns(held=held)
        .group_by(place)
        .agg(pl.col("held").sum(), pl.len(), pl.col("at").min())
        .with_columns(rank=pl.col("root").replace_strict(ranks, return_dtype=pl.Int64))
        .sort(["rank", "held", "len", "root"], descending=[False, True, True, False])
        .unique(["dataset", "version"], keep="first", maintain_order=True)
        .sort("at")
        .select(place)
    )


def _moment(column: str) -> pl.Expr:
    # YYYYMMDDhhmm as minutes of months of 31 days: it grows with time, in every calendar
    at = pl.col(column)
    days = (at // 10**8 * 12 + at // 10**6 % 100) * 31 + at // 10**4 % 100
    return days * 1440 + at // 100 % 100 * 60 + at % 100


def one_replica(files: pl.DataFrame, replicas: Mapping[str, Replica]) -> pl.DataFrame:
    """Return the files of the replica that is read of each version of each dataset.

    Parameters
    ----------
    files
        As `choose` takes them, with any columns beside.
    replicas
        The roots, as `mounts_for` gives them.
    """
    if files["root"].n_unique() <= 1:
        return files
    what, place = ["dataset", "version"], ["dataset", "version", "root"]
    root = pl.col("root")
    several = files.group_by(what).agg(are=root.min() != root.max()).filter("are")
    contested = files.join(several.select(what), on=what, how="semi", nulls_equal=True)
    chosen = choose(contested, replicas)
    others = contested.select(place).unique().join(chosen, on=place, how="anti", nulls_equal=True)
    return files.join(others, on=place, how="anti", nulls_equal=True, maintain_order="left")


def only_here(view: CatalogView) -> CatalogView:
    """Return the view with what can be read from here.

    Parameters
    ----------
    view
        Any.
    """
    replicas = replicas_here(view.snapshot)
    roots = [root for root, each in replicas.items() if each.mount is not None]
    return view.narrow(Narrowing("readable here", where=pl.col("root").is_in(roots)))


def all_here(view: CatalogView) -> dict[str, Replica]:
    """Return the roots as they are here, if each dataset of a view can be read from one of them.

    Parameters
    ----------
    view
        What will be read.

    Raises
    ------
    NotHere
        If some cannot.
    """
    replicas = replicas_here(view.snapshot)
    away = [root for root, each in replicas.items() if each.mount is None]
    if not away:
        return replicas
    there = (~pl.col("root").is_in(away)).any()
    rows = view.select("dataset", "version", "root")
    lacking = rows.group_by("dataset", "version").agg("root", there=there).filter(~pl.col("there"))
    if not lacking.height:
        return replicas
    first = str(lacking["dataset"].sort()[0])
    more = f" and {lacking.height - 1} other datasets" if lacking.height > 1 else ""
    roots = set(lacking["root"].explode())
    raise not_here(f"{first}{more}", roots, view.snapshot.card.roots, replicas)


def paths_here(view: CatalogView) -> list[str]:
    """Return the absolute paths of the files that are read of a view, on tape or not.

    Parameters
    ----------
    view
        What will be read.

    Raises
    ------
    NotHere
        If a dataset has no replica here.
    """
    replicas = all_here(view)
    files = one_replica(view.files("dataset", "version", "root", "path", "start", "end"), replicas)
    return [f"{replicas[root].mount}/{path}" for root, path in files.select("root", "path").rows()]


def not_here(
    what: str, wanted: Collection[str], roots: Iterable[Root], replicas: Mapping[str, Replica]
) -> NotHere:
    """Return the error for data of which no replica is here: where they are, and what to do.

    Parameters
    ----------
    what
        What was asked for.
    wanted
        The roots that have it.
    roots
        The roots of the snapshot.
    replicas
        The roots, as `mounts_for` gives them.
    """
    walked = {root.root_id: root for root in roots}
    sites, _ = read_sites()
    places = []
    for root in sorted(wanted)[:_TOLD]:
        centres = {
            each.site for each in sites if root in each.mounts and each.mounts[root].reachable
        }
        if walked[root].site:
            centres.add(walked[root].site)
        at = f", at {' and '.join(sorted(centres))}" if centres else ""
        places.append(f"{root} ({replicas[root].reason}{at})")
    more = f" and {len(wanted) - _TOLD} more" if len(wanted) > _TOLD else ""
    return NotHere(
        f"no replica of {what} is here; it is in the root{'s' * (len(wanted) > 1)} "
        f"{', '.join(places)}{more}",
        hint="Mount it, name where it is in a site profile (`climeri sites show`, the settings "
        "`site` and `sites_dir`), or go on at a centre that has it.",
    )
