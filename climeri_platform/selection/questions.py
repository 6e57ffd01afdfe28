"""Questions to a selection beyond facets: who has it all, what belongs together, what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from climeri_platform.catalog import CatalogView
from climeri_platform.catalog.controls import controls
from climeri_platform.catalog.coverage import coverage_table
from climeri_platform.catalog.lineage import driving_runs, histories
from climeri_platform.catalog.members import complete, one_member_per_model
from climeri_platform.catalog.pairing import of_keys
from climeri_platform.catalog.simulations import simulations_table
from climeri_platform.core.errors import NothingFound, UnknownFamily
from climeri_platform.selection.cost import Cost, cost_of
from climeri_platform.selection.results import Coverage, Pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import polars as pl

    from climeri_platform.selection.staging import Staging

__all__ = ["Questions"]

_GLOBAL = ("CMIP5", "CMIP6", "CMIP6Plus", "CMIP7")


@dataclass(frozen=True, repr=False, eq=False)
class Questions:
    """What a selection can be asked; `Selection` is one."""

    view: CatalogView

    def not_known(self, *, listed: bool = False) -> list[str]:
        """Return what a search for variables could not know: streams that nobody has looked into.

        Parameters
        ----------
        listed
            Whether variables are listed, so that it is to be said without such a search, too.
        """
        asks = listed or {*self.view.asked} & {*self.view.family.held}
        return [self.view.said_of_unread()] if asks and self.view.unread else []

    def one_member_per_model(self) -> Self:
        """Return the selection with one member of each model: one model, one vote.

        Of the members that have the most of what is selected (pairs of experiment and variable),
        the lowest is taken, r2 before r10. Fixed fields have no say: what another member of the
        run has of them is lent to the one that is taken. A regional model has one vote for each
        run that drives it.
        """
        return replace(self, view=one_member_per_model(self.view))

    def complete(
        self,
        experiments: Sequence[str],
        variables: Sequence[str],
        members: int = 1,
        *,
        same_members: bool = False,
    ) -> Self:
        """Return the models that have all of these variables in all of these experiments.

        A member counts for an experiment if it has every variable in it, fixed fields from
        whichever member of the run has them; a model is complete if each experiment has at least
        ``members`` of them. Choose the table or the frequency before.

        Parameters
        ----------
        experiments, variables
            All of them are wanted.
        members
            How many, at the least.
        same_members
            Whether they must be the same in every experiment, as for a scenario and its history.

        Returns
        -------
        Selection
            Of these models, experiments and variables, with the members that count.

        Raises
        ------
        UnknownFacet, UnknownValue
            If the catalog does not have one of them at all.
        UsageError
            If nothing is wanted.

        Examples
        --------
        >>> catalog.search(table="Amon").complete(  # doctest: +SKIP
        ...     ["historical", "ssp585"], ["tas", "pr"], members=3
        ... ).facets("model")
        """
        found, _ = complete(self.view, experiments, variables, members, same_members=same_members)
        return replace(self, view=found)

    def completeness(
        self,
        experiments: Sequence[str],
        variables: Sequence[str],
        members: int = 1,
        *,
        same_members: bool = False,
    ) -> pl.DataFrame:
        """Return for every model what `complete` thinks of it.

        Parameters
        ----------
        experiments, variables, members, same_members
            As for `complete`.

        Returns
        -------
        polars.DataFrame
            ``model``, ``members``, ``complete``, ``missing``.
        """
        return complete(self.view, experiments, variables, members, same_members=same_members)[1]

    def coverage(self) -> Coverage:
        """Return the availability matrix: model x experiment x variable, years, holes, members."""
        words = [f"{name}={self.view.said(name)}" for name in self.view.asked]
        words += [each.said for each in self.view.also]
        title = f"{self.view.family.family} {', '.join(words)}".strip()
        return Coverage(coverage_table(self.view), title)

    def history_with(self, scenario: str, historical: str = "historical") -> Pairs:
        """Pair the datasets of a scenario with those of the historical run that it continues.

        Partners have the same model, member, table, variable and grid. What the selection asks of
        the experiment does not count.

        Parameters
        ----------
        scenario
            Such as ``ssp585``.
        historical
            The experiment that it continues.

        Returns
        -------
        Pairs
            With ``unmatched``: the scenario's datasets that have no history, and why.

        Examples
        --------
        >>> pairs = catalog.search(table="Amon", variable="tas").history_with("ssp585")  # doctest: +SKIP
        >>> pairs.keys, pairs.unmatched  # doctest: +SKIP
        """
        return self._pairs(histories(self.view, scenario, historical))

    def control(self, control: str = "piControl") -> Pairs:
        """Pair the datasets with those of their models' control runs, of the same physics.

        Runs that emissions drive have ``esm-piControl`` or ``esmControl``; those without an ocean
        (``amip``) have none.

        Parameters
        ----------
        control
            The experiment. Any but ``piControl`` is taken for all runs.

        Returns
        -------
        Pairs
            ``partners`` is the selection of controls; ``unmatched`` says what has none, and why.
        """
        return self._pairs(controls(self.view, control))

    def driving_gcm(self, catalog: str | None = None) -> Pairs:
        """Pair the datasets of regional models with those of the global runs that drive them.

        Names such as ``MPI-M-MPI-ESM-LR`` find ``MPI-ESM-LR``, and members of the CMIP5 era
        (``r1i1p1``) those of CMIP6 (``r1i1p1f1``).

        Parameters
        ----------
        catalog
            Where the global runs are; by default each catalog of CMIP runs in the same store,
            CMIP5 first.

        Returns
        -------
        Pairs
            ``partners`` is of the catalog in which most partners were found.

        Raises
        ------
        UnknownFamily
            If the store has no catalog of global runs.
        UsageError
            If the selection is not of regional runs.
        """
        snapshot = self.view.snapshot
        names = [catalog] if catalog else [e for e in _GLOBAL if e in snapshot.families]
        if not names:
            raise UnknownFamily(
                f"the store {snapshot.store} has no catalog of global runs",
                hint=f"Build one of {', '.join(_GLOBAL)} in the same store.",
            )
        found = []
        for name in names:
            gcms = CatalogView.open(name, snapshot.store, snapshot.name)
            table = driving_runs(self.view, gcms)
            found.append((table["partner"].drop_nulls().len(), table, gcms))
        _, table, gcms = max(found, key=lambda each: each[0])
        return self._pairs(table, gcms)

    def _pairs(self, table: pl.DataFrame, of: CatalogView | None = None) -> Pairs:
        from climeri_platform.selection.selection import Selection

        # of a stream, what is asked is all that is opened
        held = {
            each: self.view.asked[each] for each in self.view.family.held if each in self.view.asked
        }
        whole = replace(self.view, asked=held, also=(), typed={})
        matched = table.drop_nulls("partner")
        return Pairs(
            table,
            Selection(of_keys(whole, matched["dataset"], "that have a partner")),
            Selection(of_keys(of or whole, matched["partner"], "partners")),
        )

    def simulations(self) -> pl.DataFrame:
        """Return one row for each simulation of the selection, with what its card says.

        Parameters of tuning ensembles are columns ``params.NAME``, as numbers where they are.

        Raises
        ------
        UnknownFacet
            If the family has no simulation cards, as CMIP's have none.
        """
        return simulations_table(self.view)

    def cost(self) -> Cost:
        """Return files, bytes, and an estimate of chunks and memory; opens nothing."""
        return cost_of(self.view)

    def stage(self) -> Staging:
        """Return the commands that recall what of it is on tape, one script for each centre.

        They are the centre's own (`lfs hsm_restore`, `ftget`), as its profile names them, in
        batches. No file is opened, and nothing is recalled before somebody runs the script.

        Returns
        -------
        Staging
            ``write(folder)`` writes the scripts; ``str()`` says what they recall.

        Raises
        ------
        NothingFound
            If the selection is empty.

        Examples
        --------
        >>> found = climeri_platform.open_catalog("libIGCM").search(simulation="CM61-LR-hist-03")  # doctest: +SKIP
        >>> found.stage().write("recalls")  # doctest: +SKIP
        """
        from climeri_platform.selection.staging import stage

        if not len(self.view):
            raise NothingFound(self.view.why_empty())
        return stage([self.view])
