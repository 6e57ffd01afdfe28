"""What the user holds: datasets chosen by facets, ready to be opened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, overload

from climeri_platform.catalog.replicas import only_here, paths_here
from climeri_platform.core.errors import NothingFound, UnknownValue, UsageError, nearest
from climeri_platform.core.extras import needs
from climeri_platform.core.sizes import many
from climeri_platform.selection.changes import Changes
from climeri_platform.selection.frozen import compare, freeze
from climeri_platform.selection.opening import check_variables, open_view
from climeri_platform.selection.questions import Questions
from climeri_platform.selection.results import facets_html

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from climeri_platform.access import Opened
    from climeri_platform.catalog.asking import Asked
    from climeri_platform.selection.catalogs import Catalogs

__all__ = ["FrozenSelection", "Selection", "open_catalog", "open_selection"]

_FEW = 20_000  # keys among which a wrong one is looked for


@overload
def open_catalog(
    name: str, *, store: str | os.PathLike[str] | None = ..., snapshot: str | None = ...
) -> Selection: ...


@overload
def open_catalog(
    name: None = ..., *, store: str | os.PathLike[str] | None = ..., snapshot: str | None = ...
) -> Catalogs: ...


def open_catalog(
    name: str | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    snapshot: str | None = None,
) -> Selection | Catalogs:
    """Open a catalog, or without a name every catalog that the user has.

    Parameters
    ----------
    name
        An archive family: ``CMIP6``, ``CMIP5``, ``CORDEX``, ``libIGCM``, ... Without a store, the
        first that has it is taken: the shared one, one's own (``own:libIGCM`` is always that
        one), then the others of the settings.
    store
        The folder of the catalogs; by default what the settings ``store``, ``own_store`` and
        ``stores`` name.
    snapshot
        The name of an older snapshot that the store keeps; by default the published one.

    Returns
    -------
    Selection or Catalogs
        Of all its datasets, each in its newest version; without a name, of all catalogs.

    Raises
    ------
    UnknownFamily
        If no store has such a catalog, the nearest is named; or if the name is no text.
    StoreError
        If the store or the snapshot is missing, damaged, or written by a newer version.

    Examples
    --------
    >>> catalog = open_catalog("CMIP6", store="/data/store")  # doctest: +SKIP
    >>> catalog.search(variable_id="tas", experiment_id="historical").open()  # doctest: +SKIP
    >>> open_catalog().search(variable="tas", experiment="historical")  # doctest: +SKIP
    """
    from climeri_platform.selection.finding import find_catalog, open_catalogs

    if name is None:
        return open_catalogs(store, snapshot)
    return Selection(find_catalog(name, store, snapshot))


def open_selection(
    path: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    on_change: Literal["raise", "report"] = "raise",
) -> FrozenSelection:
    """Open a selection that `Selection.freeze` wrote.

    Its files are looked up in the catalog as it is published now, by root and path, or by dataset,
    version and name at other roots; its snapshot need not be kept.

    Parameters
    ----------
    path
        The JSON file.
    store
        The folder of the catalogs; by default the settings' store that it was frozen from, shared
        or one's own, or another of them that has more of its files.
    on_change
        ``"raise"`` refuses if files are gone or changed; ``"report"`` leaves them out.

    Returns
    -------
    FrozenSelection
        ``changes`` says what changed: also newer versions and added files, which are not taken.

    Raises
    ------
    SelectionChanged
        If files are gone, or have another size or tracking id.
    UnknownFamily
        If no store here has its catalog; it says from which catalog, store and roots it is.
    UsageError
        If the file is no frozen selection.

    Examples
    --------
    >>> open_selection("paper.json", store="/data/store").changes  # doctest: +SKIP
    """
    if on_change not in ("raise", "report"):
        raise UsageError(f"on_change={on_change!r}: it is 'raise' or 'report'")
    view, changes = compare(path, store, refuse=on_change == "raise")
    return FrozenSelection(view, changes)


@dataclass(frozen=True, repr=False, eq=False)
class Selection(Questions):
    """Datasets of a catalog; `search` narrows it, `open` gives the data.

    Its length is the number of datasets, and iterating gives their keys.
    """

    def search(
        self,
        /,
        *,
        period: str | None = None,
        covers: str | None = None,
        require_all_on: str | Sequence[str] | None = None,
        **facets: Asked,
    ) -> Selection:
        """Return the datasets that also have these facets.

        Parameters
        ----------
        period
            ``"1980/2014"``, ``"1980-01/1980-06"``, ``"1980/"``, ``"1980"``: datasets of which at
            least one file overlaps it. A dataset is never cut: its other files stay.
        covers
            The same form: datasets whose files hold all of it, without a hole. Both keep fixed
            fields, which hold at any time. Where CMIP5's ``output1`` and ``output2`` (the same
            dataset but for the product) hold it only together, both are kept.
        require_all_on
            A facet or several: only their groups that have every combination of the values asked
            for in this search, as in intake-esm.
        **facets
            A facet, by its own name (``source_id``) or the common one (``model``), and a value, a
            glob (``"ssp*"``), a compiled regular expression (``re.compile("^ua")``, which matches
            anywhere in a value), or a list of them. A string is never a regular expression:
            names hold dots and parentheses. ``version="all"`` or a version turns off the choice
            of the newest. ``parameter={"tau": 0.1}`` asks for values of simulation cards,
            ``parameter={"tau": "0.1/0.3"}`` for a range of them, ``"0.1/"`` for an open one.

        Returns
        -------
        Selection
            May be empty: `why_empty` says which facet empties it.

        Raises
        ------
        UnknownFacet, UnknownValue
            If the catalog has no such facet or value at all; the nearest are named.
        UsageError
            If a value, a period or a group is none.

        Examples
        --------
        >>> catalog = open_catalog("CMIP6", store="/data/store")  # doctest: +SKIP
        >>> catalog.search(  # doctest: +SKIP
        ...     model="IPSL-*",
        ...     experiment=["historical", "ssp585"],
        ...     covers="1980/2000",
        ... )
        """
        view = self.view.search(
            period=period, covers=covers, require_all_on=require_all_on, **facets
        )
        return Selection(view)

    def latest(self) -> Selection:
        """Return the datasets in their newest versions, which is what a catalog begins with."""
        return replace(self, view=self.view.latest())

    def __getitem__(self, key: str) -> Selection:
        found = self.view.at(key)
        if not found.datasets.height:
            like = nearest(key, self.keys if len(self) < _FEW else [])
            raise UnknownValue(
                f"the selection has no dataset {key!r}",
                hint=f"Did you mean {' or '.join(like)}?" if like else "Its keys are in `keys`.",
            )
        return Selection(found)

    def facets(self, *names: str) -> dict[str, dict[str, int]]:
        """Return each facet's values, each with the number of datasets that have it.

        Parameters
        ----------
        *names
            Which facets; by default all.
        """
        return self.view.facets(*names)

    def why_empty(self) -> str:
        """Return which facets empty the selection; "" if it is not empty."""
        return self.view.why_empty()

    @property
    def snapshot(self) -> str:
        """The name of the snapshot that it reads, which never changes."""
        return self.view.snapshot.name

    @property
    def keys(self) -> list[str]:
        """The keys of the datasets, in order."""
        return self.view.keys

    @property
    def datasets(self) -> pl.DataFrame:
        """One row for each dataset, version and root, with facets, period and size."""
        return self.view.datasets

    def __len__(self) -> int:
        return len(self.view)

    def __iter__(self) -> Iterator[str]:
        return iter(self.view.keys)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.view.at(key).datasets.height > 0

    def here(self) -> Selection:
        """Return the datasets of which some replica can be read from here, on tape or not.

        Raises
        ------
        UnknownSite
            If the site's profile is not there, or names a variable that is not set.
        """
        return replace(self, view=only_here(self.view))

    def paths(self) -> list[str]:
        """Return the absolute paths of the files that `open` would open, those on tape too.

        Raises
        ------
        NotHere
            If a dataset has no replica here; `here` leaves such out.
        """
        return paths_here(self.view)

    def open(
        self,
        *,
        period: str | None = None,
        region: Any = None,
        chunks: Any = "auto",
        on_error: Literal["report", "raise"] = "report",
        members: Literal["apart", "stack"] = "apart",
        pad: bool = False,
        merge: bool = False,
        allow_gaps: bool = True,
        harmonise: bool = True,
        recall: bool = False,
        measures: bool = False,
        units: Mapping[str, str] | None = None,
        calendar: str | None = None,
    ) -> Opened:
        """Open the datasets lazily.

        A dataset is the files of one version at one root, joined in time; nothing is computed. Of
        several roots the nearest is taken: those that the site's profile names, in its order, then
        others that are here, then those on tape; the report says which, and what others have more.

        Parameters
        ----------
        period
            Dates (``"1980/2014"``, ``"1980-01/1980-06"``, ``"1980/"``), ``"last_30Y"``,
            ``"first_10Y"`` (whole years) or ``"full"``. Files outside are not opened.
        region
            ``(lon_min, lon_max, lat_min, lat_max)`` or ``{"lon": (170, -170), "lat": (-5, 5)}``,
            eastwards from the first longitude: the cells with their centre in it.
        chunks
            As xarray takes them; ``"auto"`` makes multiples of the files' own.
        on_error
            ``"report"`` leaves out what cannot be used, names it in the report and warns;
            ``"raise"`` refuses at the first.
        members
            ``"stack"`` puts the members of a model along a dimension ``member``, each joined in
            time before; attributes that differ become coordinates along it.
        pad
            Where members are stacked or variables merged, fill the shorter ones with missing
            values; by default all are cut to their common period.
        merge
            Put the variables of one run, table and grid into one Dataset.
        allow_gaps
            False leaves out datasets with a hole in time, or a file that cannot be read.
        harmonise
            Names, units, signs and coordinates become those that all models share, native output
            beside CMIP's; the report and the attributes say what was changed. False gives the
            files' own.
        recall
            Open files that are on tape, too: each waits for its recall. Otherwise they are not
            touched, the rest is opened, and the report counts them; `stage` recalls them.
        measures
            Attach cell areas and land fractions as coordinates: those of the same model that the
            catalog has on the same grid, else the exact areas of bands; the report says which.
        units
            Variable to the units that are wanted, ``{"pr": "mm/day", "tas": "degC"}``, in CF's
            words; others keep theirs. Datasets that do not convert are left out, and told.
        calendar
            The calendar that all get, such as ``"noleap"``; by default each keeps its own. No
            months are lost, and the days that are or are missing are told (``convert_calendar``).

        Returns
        -------
        Opened
            A mapping from keys to xarray Datasets, with ``report``.

        Raises
        ------
        NothingFound
            If the selection is empty.
        NotHere, OnTape
            If no dataset has a replica here, or a file that is not on tape.
        DataError
            If nothing could be opened, or at the first defect with ``on_error="raise"``.
        UsageError
            If the period or the region is none, or measures are wanted with ``harmonise=False``, or there are
            no such units, calendar or variable.
        MissingExtra
            If the packages that read data are not installed.
        """
        if not len(self):
            raise NothingFound(self.why_empty())
        opened = open_view(
            self.view,
            period=period,
            region=region,
            chunks=chunks,
            on_error=on_error,
            members=members,
            pad=pad,
            merge=merge,
            allow_gaps=allow_gaps,
            harmonise=harmonise,
            recall=recall,
            measures=measures,
            units=units,
            calendar=calendar,
        )
        check_variables(units, opened)
        return opened

    def freeze(self, path: str | os.PathLike[str]) -> Path:
        """Write exactly these files to a small JSON file; `open_selection` reads it.

        Parameters
        ----------
        path
            Where; the file is there whole, or not at all.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        NothingFound
            If the selection is empty.
        UsageError
            If it cannot be written there.
        """
        if not len(self):
            raise NothingFound(self.why_empty())
        return freeze(self.view, path)

    def to_intake(self) -> Any:
        """Return the selection as an ``intake_esm.esm_datastore``.

        The version is one of its grouping facets, so that it never mixes two.

        Raises
        ------
        NotHere
            If a dataset has no replica here; `here` leaves such out.
        MissingExtra
            If intake-esm is not installed.
        """
        with needs("intake", "handing over to intake-esm"):
            from climeri_platform.selection.handover import datastore
        return datastore(self.view)

    def __repr__(self) -> str:
        words = [f"{name}={self.view.said(name)}" for name in self.view.asked]
        words += [each.said for each in self.view.also]
        of = f" of {', '.join(words)}" if words else ""
        told = f"{self.view.family.family}: {many(len(self), 'dataset')}{of}"
        return "\n".join([f"<{told}, snapshot {self.snapshot}>", *self.not_known()])

    def _repr_html_(self) -> str:
        title = escape(f"{self.view.family.title}: {many(len(self), 'dataset')}")
        notes = "".join(f"<p>{escape(each)}</p>" for each in self.not_known(listed=True))
        small = f"<small>snapshot {escape(self.snapshot)}</small>"
        return f"<p><b>{title}</b><br>{small}</p>{facets_html(self.facets())}{notes}"


@dataclass(frozen=True, repr=False, eq=False)
class FrozenSelection(Selection):
    """A selection that was frozen.

    Attributes
    ----------
    changes
        What changed since.
    """

    changes: Changes = field(default_factory=Changes)
