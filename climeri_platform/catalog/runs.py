"""What tells one run from another: the name of a job is its own only within the levels above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from climeri_platform.catalog.templates import FACET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from climeri_platform.catalog.family import Family

__all__ = ["run_expr", "run_levels", "several_runs"]


def run_levels(family: Family) -> list[str]:
    """Return the facets that together name a run: the levels of directories down to its own.

    Parameters
    ----------
    family
        One that knows simulations; of others there are none.

    Returns
    -------
    list of str
        In the order of the levels, the simulation's own last. What says which of a run's files
        they are (the variable, the frequency, the realm, the table) names no run.
    """
    simulation = family.names.get("simulation")
    if simulation is None:
        return []
    not_of_runs = {family.variable, *map(family.names.get, ("frequency", "realm", "table"))}
    above: dict[str, None] = {}
    for tree in family.trees:
        for each in tree.directories:
            levels = FACET.findall(each)
            if simulation in levels:
                above |= dict.fromkeys(levels[: levels.index(simulation)])
    known = [each for each in above if each in family.facets and each not in not_of_runs]
    return [*known, simulation]


def run_expr(family: Family) -> pl.Expr:
    """Return the expression for a run's levels, as ``IPSLCM6/PROD/historical/J1``."""
    return pl.concat_str(*run_levels(family), separator="/", ignore_nulls=True)


def several_runs(family: Family, files: pl.DataFrame, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of simulations that several runs have, each with those runs.

    Parameters
    ----------
    family
        The rules.
    files
        Rows of the `files` table, of one root.
    names
        Of simulations; others are not looked at.
    """
    simulation = family.names.get("simulation")
    if simulation is None:
        return {}
    named = files.filter(pl.col(simulation).is_in(list(names)))
    runs = named.select(pl.col(simulation).alias("name"), run_expr(family).alias("run")).unique()
    each = runs.group_by("name").agg(pl.col("run").sort())
    return {name: its for name, its in each.sort("name").iter_rows() if len(its) > 1}
