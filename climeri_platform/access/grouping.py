"""Which datasets belong together, also where they are of several archive families.

Within a family all facets say it. Families have other facets, so that across them the names that
both have decide: a run of one's own that says no table and no grid may be a member of an ensemble of
CMIP6, if model, experiment, frequency and all else that both say agree. Where it could be of two
ensembles, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["agree", "catalog_of", "catalogs_said", "clusters", "in_catalogs", "unclear"]

# how it was published, in words that each family uses as it likes
_PUBLISHING = ("family", "product", "activity")
# what has none of these is no part of what has one
_SAID_BY_BOTH_OR_NONE = (
    *("domain", "driving_model", "driving_experiment", "driving_member", "member"),
)
_NEEDED = ("model", "experiment", "frequency")

Facets = Mapping[str, str]


def catalog_of(key: str) -> str:
    """Return the catalog that a key begins with; "" where only one is open.

    Examples
    --------
    >>> catalog_of("CMIP6:CMIP.IPSL.tas"), catalog_of("CMIP.IPSL.tas")
    ('CMIP6', '')
    """
    return key.partition(":")[0] if ":" in key else ""


def catalogs_said(keys: Iterable[str]) -> list[str]:
    """Return the catalogs of some keys, each once.

    Examples
    --------
    >>> catalogs_said(["CMIP6+mine:tas", "mine:pr", "CORDEX:tas"])
    ['CMIP6', 'mine', 'CORDEX']
    """
    names = [name for key in keys for name in catalog_of(key).split("+") if name]
    return list(dict.fromkeys(names))


def in_catalogs(key: str, keys: Iterable[str]) -> str:
    """Return a key that begins with all catalogs of several keys.

    Examples
    --------
    >>> in_catalogs("CMIP6:historical.Amon", ["CMIP6:historical.Amon.tas", "mine:run.pr"])
    'CMIP6+mine:historical.Amon'
    """
    said = catalogs_said(keys)
    return f"{'+'.join(said)}:{key.partition(':')[2]}" if said else key


def unclear(done: str, rivals: Sequence[str]) -> str:
    """Return what is said of a dataset that could belong with several."""
    more = f" and {len(rivals) - 2} more" if len(rivals) > 2 else ""
    return f"not {done} with another catalog's: it could be with {' or '.join(rivals[:2])}{more}"


def agree(here: Facets, there: Facets, *, but: Collection[str], needed: Collection[str]) -> bool:
    """Return whether two families speak of the same thing.

    Parameters
    ----------
    here, there
        Facets by the names that all families share, others under their own.
    but
        Those in which they may differ.
    needed
        Those that both must say.
    """
    if any(not here.get(word) or here.get(word) != there.get(word) for word in needed):
        return False
    words = {*here, *there} - {*but, *_PUBLISHING}
    return all(
        here.get(word) == there.get(word)
        or (word not in _SAID_BY_BOTH_OR_NONE and not (here.get(word) and there.get(word)))
        for word in words
    )


def clusters(
    groups: Sequence[tuple[Facets, object]], *, but: Collection[str], variable: bool
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield which groups of datasets belong together though their families differ.

    Parameters
    ----------
    groups
        Of each group of one family what its datasets have in common, and what else must be equal.
    but
        The facets in which the datasets of a group differ.
    variable
        Whether they are of one variable.

    Yields
    ------
    together
        Places in the list, each in one of them; of one family at most one in each.
    rivals
        Where it is not clear with which of several a group belongs, these, and the group is alone.
    """
    needed = (*_NEEDED, "variable") if variable else _NEEDED
    alike: dict[object, list[int]] = {}
    for at, (facets, also) in enumerate(groups):
        said = tuple(facets.get(word) for word in needed)
        alike.setdefault((said, also) if all(said) else at, []).append(at)
    for places in alike.values():
        yield from _split(places, [facets for facets, _ in groups], but, needed)


def _split(
    places: Sequence[int],
    facets: Sequence[Facets],
    but: Collection[str],
    needed: Collection[str],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the places that agree with each other; what is not clear stays alone."""
    if len({facets[at].get("family") for at in places}) < 2:
        yield from (((at,), ()) for at in places)
        return
    friends = {at: {at} for at in places}
    for one, other in combinations(places, 2):
        if facets[one].get("family") != facets[other].get("family") and agree(
            facets[one], facets[other], but=but, needed=needed
        ):
            friends[one].add(other)
            friends[other].add(one)
    done: set[int] = set()
    for at in places:
        if at in done:
            continue
        clear = all(friends[other] == friends[at] for other in friends[at])
        if clear:
            done |= friends[at]
            yield tuple(sorted(friends[at])), ()
        else:
            others = tuple(sorted(friends[at] - {at}))
            yield (at,), others if len(others) > 1 else ()  # told of what has to choose
