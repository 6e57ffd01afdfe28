"""Members of ensembles: their order, one for each model, and which models have all that is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = ["complete", "member_order", "one_member_per_model"]

_NUMBER = re.compile(r"([a-z]*?)(\d+)", re.ASCII)
_DRIVERS = ("driving_model", "driving_source_id")
_FIXED = "r0i0p0"  # CMIP5's ensemble of fixed fields


def member_order(member: str) -> tuple[tuple[int, ...], str]:
    """Return what sorts members as people do: r2 before r10, and first by realization.

    Examples
    --------
    >>> sorted(["r10i1p1f1", "r2i1p1f1", "r1i1p2f1", "r1i1p1f2"], key=member_order)
    ['r1i1p1f2', 'r1i1p2f1', 'r2i1p1f1', 'r10i1p1f1']
    """
    return tuple(int(number) for _, number in _NUMBER.findall(member)), member


def one_member_per_model(view: CatalogView) -> CatalogView:
    """Return the view with one member of each model: one model, one vote.

    Of the members that have the most of what is selected (pairs of experiment and variable), the
    lowest is taken. Fixed fields of CMIP5, whose member is always r0i0p0, stay.

    Raises
    ------
    UnknownFacet
        If the family has no models or no members.
    """
    model, member = view.facet("model"), view.facet("member")
    # a regional model has one vote for each run that drives it
    of = [model, *(each for each in view.family.facets if each in _DRIVERS)]
    what = [view.facet("experiment"), view.facet("variable")]
    has = view.rows.select(*of, member, *what).unique()
    counts = has.group_by(*of, member).len().collect()
    best: dict[tuple[str, ...], Any] = {}
    for *place, its_member, count in counts.iter_rows():
        # of native runs nothing may say the member: they are their model's only one
        rank = (its_member == _FIXED, -count, member_order(its_member or ""), its_member)
        best[tuple(place)] = min(rank, best.get(tuple(place), rank))
    chosen = [(*place, rank[-1]) for place, rank in best.items()]
    fixed = [(*place, _FIXED) for *place, its in chosen if its != _FIXED]
    schema = dict.fromkeys((*of, member), pl.String)
    table = pl.DataFrame([*chosen, *fixed], schema=schema, orient="row")
    return view.narrow(Narrowing("one member per model", within=table))


def complete(
    view: CatalogView,
    experiments: Sequence[str],
    variables: Sequence[str],
    members: int = 1,
    *,
    same_members: bool = False,
) -> tuple[CatalogView, pl.DataFrame]:
    """Return the view with the models that have all of this, and what each model has.

    A member counts for an experiment if it has every one of the variables in it. A model is
    complete if each experiment has at least ``members`` of them; with ``same_members``, if at
    least ``members`` count for every experiment.

    Parameters
    ----------
    view
        Where to look; choose the table or the frequency in it first.
    experiments, variables
        All of them are wanted.
    members
        How many.
    same_members
        Whether the same members are wanted in all experiments.

    Returns
    -------
    CatalogView
        Of the complete models, with these experiments and variables and the members that count.
    polars.DataFrame
        For every model: ``model``, ``members`` (the least of an experiment), ``complete`` and
        ``missing`` (what would have to be there).

    Raises
    ------
    UsageError
        If nothing is wanted, or fewer members than one.
    UnknownFacet, UnknownValue
        If the catalog does not have one of them at all.
    """
    if members < 1 or not experiments or not variables:
        raise UsageError(
            "complete() wants experiments, variables and at least one member",
            hint="Such as experiments=['historical', 'ssp585'], variables=['tas', 'pr'].",
        )
    names = [view.facet(each) for each in ("model", "experiment", "member", "variable")]
    model, experiment, member, variable = names
    wanted = view.search(experiment=experiments, variable=variables)
    asked = [wanted.asked[experiment], wanted.asked[variable]]
    rows = wanted.rows.select(names).unique().collect().rows()
    has: dict[str, dict[tuple[str, str], set[str]]] = {each: {} for each in view.values(model)}
    for its_model, its_experiment, its_member, its_variable in rows:
        place = has[its_model].setdefault((its_experiment, its_member), set())
        place.add(its_variable)
    good: list[tuple[str, str, str]] = []
    told = []
    for name, found in has.items():
        count, enough, missing = _judge(found, asked[0], asked[1], members, same=same_members)
        told.append((name, count, not missing, "; ".join(missing)))
        if not missing:
            good += [(name, *place) for place in enough]
    schema = dict.fromkeys((model, experiment, member), pl.String)
    table = pl.DataFrame(good, schema=schema, orient="row")
    said = f"models with all of it and {members} or more members"
    report = {"model": pl.String, "members": pl.Int64, "complete": pl.Boolean, "missing": pl.String}
    return (
        wanted.narrow(Narrowing(said, within=table)),
        pl.DataFrame(told, schema=report, orient="row").sort("model"),
    )


def _judge(
    found: dict[tuple[str, str], set[str]],
    experiments: Sequence[str],
    variables: Sequence[str],
    members: int,
    *,
    same: bool,
) -> tuple[int, list[tuple[str, str]], list[str]]:
    """Return the number of members, the places (experiment, member) that count, what is missing."""
    counting = {
        each: {
            member
            for (name, member), its in found.items()
            if name == each and its >= set(variables)
        }
        for each in experiments
    }
    if same:
        common = set.intersection(*counting.values())
        counting = dict.fromkeys(experiments, common)
    missing = []
    for each in experiments:
        count = len(counting[each])
        if count >= members:
            continue
        there = set().union(*(its for (name, _), its in found.items() if name == each))
        lacking = [variable for variable in variables if variable not in there]
        if lacking:
            missing.append(f"{each}: no {', '.join(lacking)}")
        else:
            missing.append(f"{each}: {count} of {members} members")
    places = [(name, member) for name, its in counting.items() for member in sorted(its)]
    return min(map(len, counting.values())), places, missing
