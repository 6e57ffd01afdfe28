"""The control of a run: of the same model with the same physics, and driven by emissions if the run is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from climeri_platform.catalog.members import member_order, physics
from climeri_platform.catalog.pairing import (
    OF_A_RUN,
    Rows,
    by_facets,
    of_any_simulation,
    pairs_of,
    rows_of,
    same_facets,
    unasked,
)

if TYPE_CHECKING:
    import polars as pl

    from climeri_platform.catalog.search import CatalogView

__all__ = ["control_of", "controls"]

_CONTROL = "piControl"
_OF_A_VARIABLE = ("variable", "branded_variable", "table", "frequency")
# CMIP5's other esm runs (esmFixClim1, esmFdbk1) have prescribed concentrations, as piControl has
_OF_EMISSIONS = re.compile(r"(esm-).+|(esm)(?:Historical|rcp\d+)")
_NO_OCEAN = re.compile(r"amip|aqua|sst|pisst|a4sst|piclim|highressst|land-", re.IGNORECASE)


def control_of(experiment: str) -> str:
    """Return the experiment that is the control of another one: "" if it can have none.

    Examples
    --------
    >>> control_of("historical"), control_of("esm-hist"), control_of("esmHistorical")
    ('piControl', 'esm-piControl', 'esmControl')
    >>> control_of("amip-4xCO2")
    ''
    """
    if found := _OF_EMISSIONS.fullmatch(experiment):
        return "esm-piControl" if found[1] else "esmControl"
    return "" if _NO_OCEAN.match(experiment) else _CONTROL


def controls(view: CatalogView, control: str = _CONTROL) -> pl.DataFrame:
    """Pair each dataset of a view with that of its model's control.

    Partners have the same model, physics, table, variable and grid. Where the control has several
    members, the one with the same initialization and forcing is taken before others, and then the
    lowest. Runs that emissions drive have a control of their own (``esm-piControl``,
    ``esmControl``); runs without an ocean (``amip``) have none.

    Parameters
    ----------
    view
        The runs.
    control
        The experiment. Any but ``piControl`` is taken for all runs, whatever they are.

    Returns
    -------
    polars.DataFrame
        As `pairing.PAIRS`.

    Raises
    ------
    UnknownValue
        If another control than ``piControl`` is asked for that the catalog does not have.
    """
    member, experiment, model = (view.facet(each) for each in ("member", "experiment", "model"))
    base = of_any_simulation(unasked(view, *OF_A_RUN, "member"))
    # narrowings chose among the runs, not among their controls
    base = base.without(*range(len(base.also)))
    facets = same_facets(view, "member")
    rows = rows_of(view, [*facets, member, experiment, model])
    usual = control == _CONTROL
    its = {
        each: control_of(each or "") if usual else control
        for each in {row[experiment] for row in rows}
    }
    wanted = {each for each in its.values() if each}
    runs = [row for row in rows if row[experiment] not in wanted]
    if usual:
        wanted &= set(unasked(base, *_OF_A_VARIABLE).values(experiment))
    there, models = _there(base, sorted(wanted), runs, facets) if wanted else ({}, set())

    def partner(row: dict[str, Any]) -> str | Rows:
        name = its[row[experiment]]
        if not name:
            return f"{row[experiment]} runs without an ocean, and has no control"
        several = there.get((name, *(row[each] for each in facets)), [])
        if several:
            return _best(row, several, name, member)
        if (name, row[model]) in models:
            return f"{name} of {row[model]} has not this variable on this grid"
        if row[model] is None:
            return f"nothing names its model, so that no {name} can be its own"
        return f"there is no {name} of {row[model]}"

    return pairs_of(runs, partner)


def _there(
    base: CatalogView, wanted: list[str], runs: Rows, facets: list[str]
) -> tuple[dict[tuple[Any, ...], Rows], set[tuple[str, str]]]:
    """Return the datasets of controls by experiment and facets, and which models have which."""
    member, experiment, model = (base.facet(each) for each in ("member", "experiment", "model"))
    asked: dict[str, Any] = {experiment: wanted}
    known = {row[model] for row in runs if row[model] is not None}
    if model not in base.asked and known:
        asked[model] = sorted(known)
    found = base.search(**asked)
    rows = rows_of(found, [*facets, member, experiment])
    anything = unasked(found, *_OF_A_VARIABLE).select(experiment, model)
    return by_facets(rows, [experiment, *facets]), set(anything.unique().rows())


def _best(row: dict[str, Any], several: Rows, name: str, member: str) -> str | Rows:
    """Return the control that is nearest to a run, or why none of them is its own."""
    own = physics(row[member])
    # a fixed field is that of every member
    if own and row["start"] is not None:
        same = [each for each in several if physics(each[member]) in ("", own)]
        if not same:
            has = sorted({physics(each[member]) for each in several})
            return f"{name} has the physics {', '.join(has)}, not {own}"
        several = same

    def order(each: dict[str, Any]) -> tuple[Any, ...]:
        numbers, text = member_order(each[member] or "")
        return numbers[1:] != member_order(row[member] or "")[0][1:], numbers, text

    return [min(several, key=order)]
