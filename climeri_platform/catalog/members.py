"""Members of ensembles: their order, one for each model, and which models have all that is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.explain import translate_value
from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = [
    "FIXED_MEMBER",
    "complete",
    "is_fixed",
    "member_of",
    "member_order",
    "one_member_per_model",
    "physics",
    "variable_of",
]

Place = tuple[str, str | None]  # an experiment and a member
Rows = list[dict[str, Any]]

_NUMBER = re.compile(r"([a-z]*?)(\d+)", re.ASCII)
_DRIVERS = ("driving_model", "driving_source_id")
FIXED_MEMBER = "r0i0p0"  # CMIP5's ensemble of fixed fields
_PHYSICS = re.compile(r"p(\d+)(?:f\d+)?$", re.ASCII)


def member_order(member: str) -> tuple[tuple[int, ...], str]:
    """Return what sorts members as people do: r2 before r10, and first by realization.

    Examples
    --------
    >>> sorted(["r10i1p1f1", "r2i1p1f1", "r1i1p2f1", "r1i1p1f2"], key=member_order)
    ['r1i1p1f2', 'r1i1p2f1', 'r2i1p1f1', 'r10i1p1f1']
    """
    return tuple(int(number) for _, number in _NUMBER.findall(member)), member


def physics(member: str | None) -> str:
    """Return the physics of a member, such as ``p1``: "" where its name says none.

    Examples
    --------
    >>> physics("r1i1p3f1"), physics("s1960-r1i1p1f1"), physics("CM61-LR-hist-01")
    ('p3', 'p1', '')
    """
    found = _PHYSICS.search(member or "")
    return f"p{found[1]}" if found else ""


def member_of(view: CatalogView) -> pl.Expr:
    """Return the member of a row: the simulation, where nothing says the member of a native run."""
    member = pl.col(view.facet("member"))
    simulation = view.family.names.get("simulation")
    return pl.coalesce(member, simulation) if view.family.cards and simulation else member


def variable_of(view: CatalogView) -> str:
    """Return the facet that tells variables apart: in CMIP7 with its branding."""
    names = view.family.names
    return names.get("branded_variable") or view.facet("variable")


def is_fixed(view: CatalogView) -> pl.Expr:
    """Return whether a row of `datasets` holds at any time, and so for every member of a run."""
    timeless = pl.col("start").is_null()
    if "frequency" not in view.family.facets:
        return timeless
    # stores of whole series have names without a time as well
    return timeless & (pl.col("frequency").fill_null("fx") == "fx")


def one_member_per_model(view: CatalogView) -> CatalogView:
    """Return the view with one member of each model: one model, one vote.

    Of the members that have the most of what is selected (pairs of experiment and variable), the
    lowest is taken. Fixed fields have no say, because they are every member's: those of CMIP5,
    whose member is always r0i0p0, stay, and so does a field of an experiment that only another
    member has (``areacella``), of the lowest of those that have it. Native runs of which nothing
    says the member have one vote each: nothing says that they are of one ensemble.

    Raises
    ------
    UnknownFacet
        If the family has no models or no members.
    """
    model, member = view.facet("model"), view.facet("member")
    # a regional model has one vote for each run that drives it
    of = [model, *(each for each in view.family.facets if each in _DRIVERS)]
    what = [view.facet("experiment"), variable_of(view)]
    has = view.rows.select(*of, member, *what, _fixed=is_fixed(view)).unique()
    fixed = pl.col("_fixed")
    own = fixed.sum().alias("_own")
    # a stream counts for each variable that it holds
    rows = view.spread(view.rows, what[1])
    each = rows.select(*of, member, *what, _fixed=is_fixed(view)).unique()
    with view.reading("datasets"):
        counts = each.group_by(*of, member).agg((~fixed).sum(), own).collect()
    best: dict[tuple[str, ...], Any] = {}
    kept: set[tuple[str | None, ...]] = set()
    for *place, its_member, count, own in counts.iter_rows():
        if its_member is None:
            kept.add((*place, None))
            continue
        # of a model that has nothing else, fixed fields are what is selected
        rank = (its_member == FIXED_MEMBER, -count, 0 if count else -own, member_order(its_member))
        best[tuple(place)] = min(rank, best.get(tuple(place), rank))
    chosen = {its: rank[-1][1] for its, rank in best.items()}
    for its, name in chosen.items():
        kept |= {(*its, name), (*its, FIXED_MEMBER)}
    with view.reading("datasets"):
        lent, other = _lent(has, of, member, what, chosen)
    kept |= {row[: len(of) + 1] for row in lent}
    schema = dict.fromkeys((*of, member), pl.String)
    table = pl.DataFrame(list(kept), schema=schema, orient="row")
    return view.narrow(Narrowing("one member per model", within=table, without=other))


def _lent(
    has: pl.LazyFrame,
    of: list[str],
    member: str,
    what: list[str],
    chosen: dict[tuple[str, ...], str],
) -> tuple[list[tuple[str, ...]], pl.DataFrame | None]:
    """Return the fixed fields that other members lend to the chosen one, and all else they have."""
    names = [*of, member, *what]
    fixed = has.filter(pl.col("_fixed") & pl.col(member).is_not_null()).select(names).collect()
    lenders: dict[tuple[str, ...], list[str]] = {}
    for row in fixed.iter_rows():
        its, name, field = row[: len(of)], row[len(of)], row[len(of) + 1 :]
        lenders.setdefault((*its, *field), []).append(name)
    lent = [
        (*key[: len(of)], min(members, key=member_order), *key[len(of) :])
        for key, members in lenders.items()
        if not {chosen.get(key[: len(of)]), FIXED_MEMBER} & set(members)
    ]
    if not lent:
        return [], None
    table = pl.DataFrame(lent, schema=dict.fromkeys(names, pl.String), orient="row")
    theirs = has.join(table.lazy(), on=[*of, member], how="semi", nulls_equal=True).select(names)
    other = theirs.join(table.lazy(), on=names, how="anti", nulls_equal=True).unique().collect()
    return lent, other


def complete(
    view: CatalogView,
    experiments: Sequence[str],
    variables: Sequence[str],
    members: int = 1,
    *,
    same_members: bool = False,
) -> tuple[CatalogView, pl.DataFrame]:
    """Return the view with the models that have all of this, and what each model has.

    A member counts for an experiment if it has every one of the variables in it; a fixed field
    (``sftlf``, ``areacella``) that one member of a run has, or CMIP5's r0i0p0, is every member's.
    A model is complete if each experiment has at least ``members`` of them; with
    ``same_members``, if at least ``members`` count for every experiment. Of native runs whose
    member nothing says each counts for one.

    Parameters
    ----------
    view
        Where to look; choose the table or the frequency in it first.
    experiments, variables
        All of them are wanted. In CMIP7 variables are branded (``tas_tavg-h2m-hxy-u``); a name of
        CMIP6 will do where it can mean one of them only.
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
    if isinstance(experiments, str):
        experiments = [experiments]
    if isinstance(variables, str):
        variables = [variables]
    names = [view.facet(each) for each in ("model", "experiment", "member")]
    model, experiment, member = names
    variable = variable_of(view)
    asking: dict[str, Any] = {experiment: experiments, variable: _in_words_of(view, variables)}
    wanted = view.search(**asking)
    asked = [wanted.asked[experiment], wanted.asked[variable]]
    # native runs have no names in common from experiment to experiment
    label = pl.col(member) if same_members else member_of(view)
    simulation = view.family.names.get("simulation") if view.family.cards else None
    columns = list(dict.fromkeys([*names, variable, *filter(None, [simulation])]))
    # a stream counts for each variable that it holds, and stays as the one row that it is
    spread = wanted.spread(wanted.rows.with_columns(_in_row=pl.col(variable)), variable)
    wide = spread.select(*columns, "_in_row", _label=label, _fixed=is_fixed(view)).unique()
    with view.reading("datasets"):
        rows = wide.collect()
    of_model: dict[str | None, _Places] = {each: _Places() for each in view.values(model)}
    for row in rows.iter_rows(named=True):
        places = of_model.setdefault(row[model], _Places())
        places.add(row[experiment], row["_label"], row[variable], row, fixed=row["_fixed"])
    good: Rows = []
    told = []
    for name, found in of_model.items():
        has = found.with_fixed()
        count, enough, missing = _judge(has, asked[0], asked[1], members, same=same_members)
        told.append((name, count, not missing, "; ".join(missing)))
        if not missing:
            good += [{**row, variable: row["_in_row"]} for row in found.of(enough)]
    schema = dict.fromkeys(columns, pl.String)
    table = pl.DataFrame([[row[each] for each in columns] for row in good], schema, orient="row")
    said = f"models with all of it and {members} or more members"
    report = {"model": pl.String, "members": pl.Int64, "complete": pl.Boolean, "missing": pl.String}
    return (
        wanted.narrow(Narrowing(said, within=table)),
        pl.DataFrame(told, schema=report, orient="row").sort("model", nulls_last=True),
    )


def _in_words_of(view: CatalogView, variables: Sequence[str]) -> list[str]:
    """Return the variables, those of CMIP6 as the one branded variable that each can only mean."""
    if "branded_variable" not in view.family.facets:
        return list(variables)
    known = view.values("branded_variable")
    meant = {each: translate_value(each, known) for each in variables if each not in known}
    return [meant[each][0] if len(meant.get(each, [])) == 1 else each for each in variables]


class _Places:
    """What one model has of each experiment and member; fixed fields apart."""

    def __init__(self) -> None:
        self.rows: dict[Place, dict[str, Rows]] = {}
        self.fixed: dict[Place, dict[str, Rows]] = {}

    def add(
        self,
        experiment: str,
        member: str | None,
        variable: str,
        row: dict[str, Any],
        *,
        fixed: bool,
    ) -> None:
        places = (self.fixed if fixed else self.rows).setdefault((experiment, member), {})
        places.setdefault(variable, []).append(row)

    def _fixed_of(self, experiment: str) -> dict[str, dict[str | None, Rows]]:
        """Return variables that an experiment has as fixed fields only, and whose they are."""
        varies = {v for (name, _), its in self.rows.items() if name == experiment for v in its}
        found: dict[str, dict[str | None, Rows]] = {}
        for (name, member), its in self.fixed.items():
            for variable, rows in its.items():
                if name == experiment and variable not in varies:
                    found.setdefault(variable, {})[member] = rows
        return found

    def with_fixed(self) -> dict[Place, set[str]]:
        """Return the variables of each member, those of its run's fixed fields among them."""
        found = {place: set(its) for place, its in self.rows.items()}
        running = {experiment for experiment, _ in found}
        for place, its in self.fixed.items():
            if place[0] not in running:  # nothing but fixed fields: they are whose they are
                found[place] = set(its)
        for place, its_variables in found.items():
            if place[0] in running:
                its_variables.update(self._fixed_of(place[0]))
        return found

    def of(self, places: Sequence[Place]) -> Rows:
        """Return the rows of some members; a fixed field of another one where they have none."""
        found = []
        for place in places:
            for rows in (self.rows.get(place, {}) | self.fixed.get(place, {})).values():
                found += rows
        for experiment in {experiment for experiment, _ in places}:
            members = {member for name, member in places if name == experiment}
            for its in self._fixed_of(experiment).values():
                if not members & its.keys():
                    found += its[min(its, key=lambda each: member_order(each or ""))]
        return found


def _judge(
    found: dict[Place, set[str]],
    experiments: Sequence[str],
    variables: Sequence[str],
    members: int,
    *,
    same: bool,
) -> tuple[int, list[Place], list[str]]:
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
    places = [(name, member) for name, its in counting.items() for member in its]
    return min(map(len, counting.values())), places, missing
