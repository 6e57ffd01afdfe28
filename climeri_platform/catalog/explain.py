"""What to say of a question that finds nothing: which part is wrong, and what is near it.

Names of other archive families are translated: ``member_id`` is ``ensemble`` in CMIP5 and
``variant_label`` in CMIP7, ``rcp85`` became ``ssp585``, ``Amon`` is monthly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from climeri_platform.catalog.asking import NumberRange, pattern_of, show
from climeri_platform.catalog.facets import facet_values
from climeri_platform.catalog.family import family_names, load_family
from climeri_platform.core.errors import (
    UnknownFacet,
    UnknownFamily,
    UnknownValue,
    nearest,
)
from climeri_platform.core.sizes import many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from climeri_platform.catalog.asking import Item
    from climeri_platform.catalog.family import Family
    from climeri_platform.catalog.layout import Snapshot
    from climeri_platform.catalog.search import CatalogView

__all__ = ["translate_value", "unknown_facet", "unknown_value", "why_empty"]

SHOWN = 6
# experiments that carry on one another from phase to phase, and are not the same
_EXPERIMENTS = (
    ("rcp26", "ssp126", "vl"),
    ("rcp45", "ssp245", "m"),
    ("rcp60", "ssp460"),
    ("rcp85", "ssp585", "h", "scen7-h"),
    ("abrupt4xCO2", "abrupt-4xCO2"),
    ("esmHistorical", "esm-hist"),
    ("esmControl", "esm-piControl"),
)
# extremes within a day, which CMIP7 tells apart by the time label of the branding
_EXTREMES = {
    "tasmax": ("tas", "tmax"),
    "tasmin": ("tas", "tmin"),
    "sfcWindmax": ("sfcWind", "tmax"),
}


def _others(family: Family) -> list[Family]:
    found = []
    for name in family_names():
        try:
            each = load_family(name)
        except UnknownFamily:  # a broken file of another family is not this question's business
            continue
        if each.family != family.family:
            found.append(each)
    return found


def _in_other_families(family: Family, typed: str) -> str:
    for other in _others(family):
        if typed not in other.names:
            continue
        facet = other.names[typed]
        common = [name for name, its in other.common.items() if its == facet]
        for name in [*common, facet]:
            if name in family.names:
                return f"{other.family}'s {typed} is {family.names[name]} in {family.family}."
        if other.frequency is not None and other.frequency.facet == facet:
            return (
                f"{other.family}'s {typed} is no facet of {family.family}: ask for the frequency."
            )
    return ""


def unknown_facet(family: Family, typed: str) -> UnknownFacet:
    """Return the error for a facet that a family does not have, with the nearest names."""
    names = family.names
    like = nearest(typed, names)
    hint = _in_other_families(family, typed)
    if not hint:
        hint = f"Did you mean {' or '.join(like)}?" if like else f"It has: {', '.join(names)}."
    return UnknownFacet(f"{family.family} has no facet {typed!r}", hint=hint)


def translate_value(value: str, known: Iterable[str]) -> list[str]:
    """Return the known values that a value of another archive family stands for.

    Examples
    --------
    >>> translate_value("tas", ["tas_tavg-h2m-hxy-u", "tas_tmaxavg-h2m-hxy-u"])
    ['tas_tavg-h2m-hxy-u']
    >>> translate_value("tasmax", ["tas_tavg-h2m-hxy-u", "tas_tmaxavg-h2m-hxy-u"])
    ['tas_tmaxavg-h2m-hxy-u']
    >>> translate_value("tas_tmaxavg-h2m-hxy-u", ["tas", "tasmax"])
    ['tasmax']
    >>> translate_value("rcp85", ["ssp126", "ssp585"])
    ['ssp585']
    >>> translate_value("r1i1p1", ["r1i1p1f2", "r10i1p1f2"])
    ['r1i1p1f2']
    """
    words = list(known)
    # a member got its forcing index with CMIP6
    longer = [each for each in words if each.startswith(f"{value}f")]
    branded = [each for each in words if "_" in each and _unbranded(each) == value]
    shorter = [each for each in words if "_" in value and each == _unbranded(value)]
    same = [each for group in _EXPERIMENTS if value in group for each in words if each in group]
    found = [each for each in [*branded, *longer, *shorter, *same] if each != value]
    return [each for each in dict.fromkeys(found) if _is_translation(value, each)]


def _unbranded(variable: str) -> str:
    """Return what CMIP6 calls a branded variable of CMIP7."""
    root, _, branding = variable.partition("_")
    for name, (its_root, label) in _EXTREMES.items():
        if root == its_root and branding.startswith(label):
            return name
    return root


def _is_translation(value: str, found: str) -> bool:
    if found.startswith(f"{value}f"):
        return found[len(value) + 1 :].isdigit() and value[-1:].isdigit()
    return True


def _elsewhere(family: Family, facet: str, value: str) -> str:
    # a table of CMIP6 asked as a frequency, or the other way round
    for other in [family, *_others(family)]:
        if other.frequency is not None and facet == "frequency":
            frequency = other.frequency.of.get(value)
            if frequency is not None:
                its = (
                    other.frequency.facet if isinstance(other.frequency.facet, str) else "frequency"
                )
                return f"{value} is a {its} of {other.family}: frequency={frequency}."
    return ""


def _branded(snapshot: Snapshot, family: Family, facet: str, words: Sequence[str]) -> list[str]:
    """Return the branded variables that were meant by asking for a variable."""
    if facet != family.variable or "branded_variable" not in family.facets:
        return []
    known = facet_values(snapshot, family.family, "branded_variable")
    found = [each for word in words for each in (*translate_value(word, known), word)]
    return [each for each in dict.fromkeys(found) if each in known][:SHOWN]


def unknown_value(view: CatalogView, facet: str, missing: Sequence[Item]) -> UnknownValue:
    """Return the error for values that no dataset of a catalog has, with the nearest.

    Parameters
    ----------
    view
        Of the catalog.
    facet, missing
        What was asked for.
    """
    snapshot, family = view.snapshot, view.family
    known = facet_values(snapshot, family.family, facet)
    words = [each for each in missing if isinstance(each, str) and pattern_of(each) is None]
    hint = ""
    if facet == "version" and "latest" in missing:
        hint = "The newest version is what a search gives: leave the version out."
    elif branded := _branded(snapshot, family, facet, words):
        hint = f"In {family.family} ask for branded_variable={' or '.join(branded)}."
    elif meant := [found for each in words for found in translate_value(each, known)][:SHOWN]:
        hint = f"In {family.family} that is {' or '.join(meant)}."
    elif elsewhere := " ".join(filter(None, (_elsewhere(family, facet, each) for each in words))):
        hint = elsewhere
    elif like := [found for each in words for found in nearest(each, known)]:
        hint = f"Did you mean {' or '.join(dict.fromkeys(like))}?"
    shown = ", ".join(known[:SHOWN])
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    everything = NumberRange("", -math.inf, math.inf)
    if any(isinstance(each, NumberRange) for each in missing) and known:
        numbers = any(map(everything.search, known))
        hint = hint if numbers else f"None of its values is a number: {shown}{more}."
    said = ", ".join(repr(show(each)) for each in missing)
    unread = view.said_of_unread() if facet in family.held else ""
    return UnknownValue(
        f"no dataset of {family.family} has {facet}={said}{unread and f'; but {unread}'}",
        hint=hint or (f"It has: {shown}{more}." if known else f"No dataset of it has a {facet}."),
    )


def why_empty(view: CatalogView) -> str:
    """Return one sentence that says which parts of a question empty a view."""
    unread = view.said_of_unread() if {*view.asked} & {*view.family.held} else ""
    return f"{_why_empty(view)}{unread and f'; but {unread}'}"


def _why_empty(view: CatalogView) -> str:
    culprits = []
    name = view.family.family
    for facet, wanted in view.asked.items():
        has = view.without(facet).values(facet)
        if not has:
            continue
        near = [each for value in wanted for each in nearest(value, has, count=2)]
        first = list(dict.fromkeys([*near, *has]))[:SHOWN]
        shown = [each for each in has if each in first] if len(has) <= SHOWN else first
        more = f" and {len(has) - len(shown)} more" if len(has) > len(shown) else ""
        there = f"there is {', '.join(shown)}{more}"
        if wanted:
            culprits.append(f"without {facet}={view.said(facet)} {there}")
        else:
            culprits.append(f"{facet} was asked for twice, with no value in common; {there}")
    for number, each in enumerate(view.also):
        left = len(view.without(number))
        if left:
            culprits.append(
                f"without {each.said} there {'is' if left == 1 else 'are'} {many(left, 'dataset')}"
            )
    if culprits:
        return f"no dataset of {name} has all of this: {'; '.join(culprits)}"
    words = [f"{facet}={view.said(facet)}" for facet in view.asked]
    words += [each.said for each in view.also]
    return f"no dataset of {name} has all of {', '.join(words)}, nor all but one of them"
