"""Runs that belong together: a scenario and its historical run, a run and its control, an RCM and its GCM.

Only names are compared: what files say of their parents comes with a header pass. What has no partner is
told, with the reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from climeri_platform.catalog.members import member_order
from climeri_platform.catalog.narrowing import Narrowing
from climeri_platform.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from climeri_platform.catalog.search import CatalogView

__all__ = ["PAIRS", "controls", "driving_runs", "gcm_name", "histories", "of_keys"]

PAIRS = {"dataset": pl.String, "partner": pl.String, "reason": pl.String}
"""Columns of a table of pairs: a key, its partner's or null, and why it is null."""

Rows = list[dict[str, Any]]
_REANALYSIS = re.compile(r"ERA|NCEP|JRA|MERRA|CFSR|20CR", re.IGNORECASE)
_DRIVING = {
    "model": ("driving_model", "driving_source_id", "driving_model_id"),
    "experiment": ("driving_experiment_id", "driving_experiment", "experiment"),
    "member": ("driving_variant_label", "driving_ensemble_member", "ensemble"),
}


def of_keys(view: CatalogView, keys: Iterable[str], said: str) -> CatalogView:
    """Return the view of some datasets."""
    table = pl.DataFrame({"dataset": list(dict.fromkeys(keys))}, schema={"dataset": pl.String})
    return view.narrow(Narrowing(said, within=table))


def _unasked(view: CatalogView, *names: str) -> CatalogView:
    """Return the view without what was asked of some facets, as far as the family has them."""
    known = view.family.names
    return view.without(*{known[each] for each in names if each in known})


def _rows(view: CatalogView, facets: Sequence[str]) -> Rows:
    columns = list(dict.fromkeys([*facets, "dataset", "start"]))
    found = view.select(*columns).unique("dataset", keep="first", maintain_order=True)
    return found.to_dicts()


def _same(view: CatalogView, *but: str) -> list[str]:
    """Return the facets of a dataset in which partners agree."""
    known = view.family.names
    # the activity and the institution follow from the experiment: CMIP beside ScenarioMIP
    differ = {known.get(each, each) for each in (*but, "experiment", "institution")}
    differ |= {"activity_id", "product"}
    facets = view.family.dataset
    if view.family.cards:
        # a native run has the names of its job and of its experiment in each of its levels
        behind = {each for each in view.family.behind_cards.values() if each}
        differ |= {known.get("simulation", "expid"), "expid", "ensemble_name", "ensemble_date", *behind}
        facets = [*facets, *({"model", "member"} - differ)]
    return [each for each in facets if each not in differ]


def _index(rows: Rows, facets: Sequence[str]) -> dict[tuple[Any, ...], Rows]:
    found: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[each] for each in facets), []).append(row)
    return found


def _pairs(rows: Rows, partner: Callable[[dict[str, Any]], str | Rows]) -> pl.DataFrame:
    told: list[tuple[str, str | None, str | None]] = []
    for row in rows:
        found = partner(row)
        if isinstance(found, str):
            told.append((row["dataset"], None, found))
        else:
            told.append((row["dataset"], found[0]["dataset"], None))
    return pl.DataFrame(told, schema=PAIRS, orient="row")


def histories(view: CatalogView, scenario: str, historical: str = "historical") -> pl.DataFrame:
    """Pair each dataset of a scenario with that of the historical run that it continues.

    Partners have the same model, member, table, variable and grid. What the view asks of the
    experiment, the activity, the version and the period does not count.

    Parameters
    ----------
    view
        Whose models, members and variables are meant.
    scenario, historical
        The experiments.

    Returns
    -------
    polars.DataFrame
        As `PAIRS`: ``dataset`` is the scenario's, ``partner`` the historical run's.
    """
    base = _unasked(view, "experiment", "activity_id", "version", "product", "institution")
    member = view.facet("member")
    facets = _same(view)
    # what chose among rows or periods of one experiment says nothing of the other
    of_one = [n for n, each in enumerate(base.also) if not _holds_for_all(view, each)]
    base = base.without(*of_one)
    later = _rows(base.search(experiment=scenario), facets)
    if of_one:
        meant = set(view.select(*facets).rows())
        later = [row for row in later if tuple(row[each] for each in facets) in meant]
    earlier = _rows(base.search(experiment=historical), facets)
    by_all = _index(earlier, facets)
    grid = "grid_label" if "grid_label" in facets else ""
    ungridded = [each for each in facets if each != grid]
    other_grid = _index(earlier, ungridded)
    alone = [each for each in facets if each != member]
    other_member = _index(earlier, alone)

    def partner(row: dict[str, Any]) -> str | Rows:
        if found := by_all.get(tuple(row[each] for each in facets)):
            return found
        if grid and (found := other_grid.get(tuple(row[each] for each in ungridded))):
            return f"{historical} is on the grid {found[0][grid]}, {scenario} on {row[grid]}"
        if found := other_member.get(tuple(row[each] for each in alone)):
            has = sorted({each[member] for each in found}, key=member_order)
            return f"{historical} has {_few(has)}, not {row[member]}"
        return f"there is no {historical} of it"

    return _pairs(later, partner)


def _holds_for_all(view: CatalogView, narrowing: Narrowing) -> bool:
    table = narrowing.within
    return table is not None and not {"dataset", view.facet("experiment")} & set(table.columns)


def _few(words: Sequence[str]) -> str:
    more = f" and {len(words) - 4} more" if len(words) > 4 else ""
    return ", ".join(words[:4]) + more


def controls(view: CatalogView, control: str = "piControl") -> pl.DataFrame:
    """Pair each dataset of a view with that of its model's control.

    Partners have the same model, table, variable and grid. Where the control has several members,
    the one with the same initialization, physics and forcing is taken before others, and then the
    lowest.

    Parameters
    ----------
    view
        The runs.
    control
        The experiment.

    Returns
    -------
    polars.DataFrame
        As `PAIRS`.
    """
    member = view.facet("member")
    base = _unasked(
        view, "experiment", "activity_id", "member", "version", "product", "institution"
    )
    # narrowings chose among the runs, not among their controls
    base = base.without(*range(len(base.also)))
    facets = _same(view, "member")
    experiment = view.facet("experiment")
    model = view.facet("model")
    rows = _rows(view, [*facets, member, experiment, model])
    runs = [row for row in rows if row[experiment] != control]
    found = base.search(experiment=control)
    known = {str(row[model]) for row in runs}
    if model not in base.asked and known:
        asked: dict[str, Any] = {model: sorted(known)}
        found = found.search(**asked)
    there = _index(_rows(found, [*facets, member]), facets)
    models = set(_unasked(found, "variable", "table", "frequency").values(model))

    def partner(row: dict[str, Any]) -> str | Rows:
        several = there.get(tuple(row[each] for each in facets), [])
        if several:
            own = member_order(row[member] or "")[0][1:]
            order = [
                (
                    member_order(each[member] or "")[0][1:] != own,
                    member_order(each[member] or ""),
                    n,
                )
                for n, each in enumerate(several)
            ]
            return [several[min(order)[-1]]]
        if row[model] in models:
            return f"{control} of {row[model]} has not this variable on this grid"
        return f"there is no {control} of {row[model]}"

    return _pairs(runs, partner)


def gcm_name(driving_model: str, models: Iterable[str], institutions: Iterable[str] = ()) -> str:
    """Return the GCM that a CORDEX name joins to its institute: "" if it is not among the models.

    Parameters
    ----------
    driving_model
        Such as ``MPI-M-MPI-ESM-LR``.
    models
        The models that there are.
    institutions
        Those of the models, preferred where more than one model ends the name.

    Examples
    --------
    >>> gcm_name("MPI-M-MPI-ESM-LR", ["ESM-LR", "MPI-ESM-LR"])
    'MPI-ESM-LR'
    >>> gcm_name("IPSL-IPSL-CM5A-MR", ["IPSL-CM5A-MR", "CM5A-MR"])
    'IPSL-CM5A-MR'
    >>> gcm_name("ECMWF-ERAINT", ["MPI-ESM-LR"])
    ''
    """
    spelled = {re.sub(r"[.(),]+", "-", each).strip("-"): each for each in models}
    if driving_model in spelled:
        return spelled[driving_model]
    fits = [each for each in spelled if driving_model.endswith(f"-{each}")]
    known = set(institutions)
    exact = [each for each in fits if driving_model.removesuffix(f"-{each}") in known]
    best = max(exact or fits, key=len, default="")
    return spelled.get(best, "")


def _same_run(one: str, other: str) -> bool:
    """Say whether two members are one run; names of the CMIP5 era have no forcing index."""
    pairs = zip(member_order(one)[0], member_order(other)[0], strict=False)
    return all(a == b for a, b in pairs)


def driving_runs(view: CatalogView, gcms: CatalogView) -> pl.DataFrame:
    """Pair each dataset of a regional model with that of the global run that drives it.

    Partners have the same experiment, variable and frequency and the same realization,
    initialization and physics; CMIP5-era names (``r1i1p1``) find CMIP6 members (``r1i1p1f1``).

    Parameters
    ----------
    view
        Regional runs: CORDEX, CORDEX-CMIP6.
    gcms
        A catalog of global runs: CMIP5, CMIP6.

    Returns
    -------
    polars.DataFrame
        As `PAIRS`.

    Raises
    ------
    UsageError
        If the view is not of regional runs.
    """
    has = view.family.facets
    driving = {
        what: next((each for each in names if each in has), "") for what, names in _DRIVING.items()
    }
    if not driving["model"]:
        raise UsageError(
            f"{view.family.family} has no driving models", hint="Ask a CORDEX catalog."
        )
    variable = view.family.names.get("variable", view.family.variable)
    rows = _rows(view, [*driving.values(), variable, "frequency"])
    theirs = {each: gcms.facet(each) for each in ("model", "experiment", "member", "variable")}
    models, institutions = gcms.values(theirs["model"]), gcms.values(gcms.facet("institution"))
    named = {
        each: gcm_name(each, models, institutions) for each in {r[driving["model"]] for r in rows}
    }
    wanted = sorted({each for each in named.values() if each})
    there: Rows = []
    if wanted:
        asked: dict[str, Any] = {theirs["model"]: wanted}
        there = _rows(gcms.search(**asked), [*theirs.values(), "frequency"])
    by_run = _index(there, [theirs["model"], theirs["experiment"]])

    def partner(row: dict[str, Any]) -> str | Rows:
        driver, experiment = row[driving["model"]], row[driving["experiment"]]
        gcm, member = named[driver], row[driving["member"]]
        if not gcm:
            if _REANALYSIS.search(driver) or experiment == "evaluation":
                return f"{driver} is a reanalysis"
            return f"no model of {gcms.family.family} is named in {driver}"
        run = by_run.get((gcm, experiment), [])
        if not run:
            return f"there is no {experiment} of {gcm}"
        same = [each for each in run if _same_run(each[theirs["member"]], member)]
        if row["start"] is None:  # fixed fields hold for every member; CMIP5's are of r0i0p0
            same += [each for each in run if each not in same]
        if not same:
            has = sorted({each[theirs["member"]] for each in run}, key=member_order)
            return f"{experiment} of {gcm} has {_few(has)}, not {member}"
        fits = [
            each
            for each in same
            if (each[theirs["variable"]], each["frequency"]) == (row[variable], row["frequency"])
        ]
        if not fits:
            return f"the run is there ({gcm} {experiment} {same[0][theirs['member']]}), without {row[variable]} {row['frequency']}"
        return sorted(
            fits,
            key=lambda each: (
                not _same_run(each[theirs["member"]], member),
                member_order(each[theirs["member"]]),
                each["dataset"],
            ),
        )

    return _pairs(rows, partner)
