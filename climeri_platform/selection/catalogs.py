"""Every catalog that the user has, asked together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from climeri_platform.catalog.asking import items_of, show
from climeri_platform.catalog.cardfacets import spread_parameters
from climeri_platform.catalog.replicas import only_here
from climeri_platform.catalog.union import (
    check_facets,
    count_datasets,
    count_values,
    datasets_table,
    narrow_all,
    without_replicas,
)
from climeri_platform.catalog.vocabulary import COMMON
from climeri_platform.core.errors import (
    NothingFound,
    StoreError,
    UnknownFamily,
    UsageError,
    nearest,
)
from climeri_platform.core.extras import needs
from climeri_platform.core.sizes import many
from climeri_platform.selection.results import facets_html
from climeri_platform.selection.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import polars as pl

    from climeri_platform.access import Opened
    from climeri_platform.catalog.asking import Asked
    from climeri_platform.catalog.union import Located
    from climeri_platform.selection.staging import Staging

__all__ = ["Catalogs", "MissingCatalogWarning", "Trouble"]

_Answer = TypeVar("_Answer")
_OUTDONE = "another store has newer versions of what it has"


class MissingCatalogWarning(UserWarning):
    """A catalog that does not answer; the others do."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A store, or a catalog of it, that does not answer.

    Attributes
    ----------
    store
        Its folder.
    problem
        Why.
    """

    store: str
    problem: str

    def __str__(self) -> str:
        return self.problem if self.store in self.problem else f"{self.store}: {self.problem}"


@dataclass(frozen=True, repr=False, eq=False)
class Catalogs:
    """Datasets of all catalogs of all stores that the user has, chosen by the common facets.

    `search` narrows all of them alike, ``catalogs["CMIP6"]`` is the ordinary `Selection` of one.
    Its length is the number of datasets; one that two stores hold counts once, and of two versions
    in two stores only the newest is there unless ``version`` is asked for. One that two families
    hold, such as CMIP5 and PMIP3, counts in both, as `datasets` lists it and `facets` counts it:
    which are the same is known from all their facets, by `open`, which opens them once.

    Attributes
    ----------
    parts
        The catalogs, those of the shared store first.
    troubles
        What does not answer, and why.
    asked
        What was asked for, as it was said.
    """

    parts: tuple[Located, ...]
    troubles: list[Trouble] = field(default_factory=list)
    asked: tuple[str, ...] = ()

    def search(
        self,
        /,
        *,
        period: str | None = None,
        covers: str | None = None,
        require_all_on: str | Sequence[str] | None = None,
        **facets: Asked,
    ) -> Catalogs:
        """Return the datasets that also have these facets, whatever their catalog is.

        Parameters
        ----------
        period, covers, require_all_on
            As `Selection.search` takes them.
        **facets
            A facet by its common name (``model``, ``experiment``, ``variable``, ...), or one that
            only some families have, with what `Selection.search` takes. A catalog that lacks the
            facet or the value has nothing to give: `why_empty` says so.

        Returns
        -------
        Catalogs

        Raises
        ------
        UnknownFacet, UnknownValue
            If no catalog has the facet, or one of the values; the nearest of all are named.
        UsageError
            If a value, a period or a group is none.

        Examples
        --------
        >>> open_catalog().search(variable="tas", experiment="historical")  # doctest: +SKIP
        """
        groups = [require_all_on] if isinstance(require_all_on, str) else require_all_on
        if groups is not None and not list(groups):
            raise UsageError("require_all_on names no facet")

        items = {name: items_of(name, given) for name, given in spread_parameters(facets).items()}

        def narrow(parts: Sequence[Located]) -> list[Located]:
            return narrow_all(parts, items, period=period, covers=covers, require_all_on=groups)

        said = [f"{name}={','.join(map(show, asked))}" for name, asked in items.items()]
        times = {"period": period, "covers": covers}
        said += [f"{name}={text}" for name, text in times.items() if text is not None]
        said += [f"all of it on {', '.join(groups)}"] if groups else []
        return replace(self, parts=tuple(self._ask(narrow)), asked=(*self.asked, *said))

    def _ask(self, ask: Callable[[Sequence[Located]], _Answer]) -> _Answer:
        """Put a question to all catalogs; one that turns out to be damaged is told and left out."""
        try:
            return ask(self.parts)
        except StoreError:
            sound = [part for part in self.parts if self._answers(part, ask)]
            if not sound:
                raise
            return ask(sound)

    def _answers(self, part: Located, ask: Callable[[Sequence[Located]], object]) -> bool:
        try:
            ask([part])
        except UsageError:  # what one catalog does not know, another may
            return True
        except StoreError as problem:
            self.tell(Trouble(str(part.view.snapshot.store), problem.message))
            return False
        return True

    def tell(self, trouble: Trouble) -> None:
        """Note what does not answer, and warn of it once."""
        if trouble not in self.troubles:
            self.troubles.append(trouble)
            warnings.warn(f"{trouble}", MissingCatalogWarning, stacklevel=5)

    @property
    def catalogs(self) -> list[str]:
        """The names by which one catalog is taken: ``CMIP6``, or ``own:CMIP6`` if two stores have it."""
        return list(self._named())

    def _named(self) -> dict[str, Located]:
        families = [part.family for part in self.parts]
        return {
            part.family if families.count(part.family) == 1 else f"{part.store}:{part.family}": part
            for part in self.parts
        }

    def __getitem__(self, name: str) -> Selection:
        named = self._named()
        if not isinstance(name, str):
            raise UnknownFamily(
                f"[{name!r}]: a catalog is taken by its name, a text",
                hint=f"There is: {', '.join(named)}.",
            )
        lower = {each.lower(): part for each, part in named.items()}
        lower |= {f"{part.store}:{part.family}".lower(): part for part in self.parts}
        if name.lower() not in lower:
            several = [each for each in named if each.lower().endswith(f":{name.lower()}")]
            like = several or nearest(name, named)
            said = f"{len(several)} stores have a catalog" if several else "there is no catalog"
            raise UnknownFamily(
                f"{said} {name!r}",
                hint=f"Did you mean {' or '.join(like or named) or 'to make one'}?",
            )
        return Selection(lower[name.lower()].view)

    def __iter__(self) -> Iterator[str]:
        return iter(self.catalogs)

    def __contains__(self, name: object) -> bool:
        return name in self.catalogs

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many datasets each family has, over all stores."""
        return self._ask(count_datasets)

    def __len__(self) -> int:
        return sum(self.counts.values())

    @cached_property
    def datasets(self) -> pl.DataFrame:
        """One row for each version of each dataset: common facets, period, size, and where from.

        ``catalog``, ``store`` and ``root`` say where it is taken from, ``replicas`` where else it
        is.
        """
        return self._ask(datasets_table)

    def facets(self, *names: str) -> dict[str, dict[str, int]]:
        """Return values of facets and how many datasets have them, over all catalogs.

        Parameters
        ----------
        *names
            Which facets; by default the common ones, and how many each catalog has.

        Raises
        ------
        UnknownFacet
            If no catalog has one of them.
        """
        wanted = [each for each in names or COMMON if each != "catalog"]
        check_facets(self.parts, wanted if names else ())

        def count(parts: Sequence[Located]) -> dict[str, dict[str, int]]:
            return count_values(parts, wanted)

        found = self._ask(count)
        if not names or "catalog" in names:
            found["catalog"] = {name: count for name, count in self.counts.items() if count}
        return found

    def why_empty(self) -> str:
        """Return why each catalog has nothing of what was asked for; "" if one has."""
        if len(self):
            return ""
        reasons = [
            f"{name}: {part.emptied or part.view.why_empty() or _OUTDONE}"
            for name, part in self._named().items()
        ]
        asked = ", ".join(self.asked)
        return f"no catalog has a dataset of {asked or 'anything'}: {'; '.join(reasons)}"

    def here(self) -> Catalogs:
        """Return the datasets of which some replica can be read from here, on tape or not.

        Raises
        ------
        UnknownSite
            If the site's profile is not there, or names a variable that is not set.
        """
        parts = [replace(part, view=only_here(part.view)) for part in self.parts]
        return replace(self, parts=tuple(parts), asked=(*self.asked, "here"))

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
        """Open the datasets of all catalogs lazily, as `Selection.open` does.

        Parameters
        ----------
        period, region, chunks, on_error, members, pad, merge, allow_gaps, harmonise, recall, measures, \
        units, calendar
            The same.

        Returns
        -------
        Opened
            Keys are ``catalog:key``, with the version behind it where there are several of a dataset.
            What is in several catalogs is opened once, and members and variables stand together
            whichever catalog they are of (``CMIP6+mine:key`` if of two families). The attributes
            ``climeri_catalog`` and ``climeri_store`` say where each is from.

        Raises
        ------
        NothingFound
            If there is nothing to open.
        DataError
            If nothing could be opened, or at the first defect with ``on_error="raise"``.
        UsageError
            If what is asked for is none, as `Selection.open` says.
        MissingExtra
            If the packages that read data are not installed.
        """
        if not len(self):
            raise NothingFound(self.why_empty())
        options: dict[str, Any] = {
            "period": period,
            "region": region,
            "chunks": chunks,
            "on_error": on_error,
            "members": members,
            "pad": pad,
            "merge": merge,
            "allow_gaps": allow_gaps,
            "harmonise": harmonise,
            "recall": recall,
            "measures": measures,
            "units": units,
            "calendar": calendar,
        }
        with needs("access", "opening data"):
            from climeri_platform.selection.together import open_together
        return open_together(self._ask(without_replicas), self.parts, options)

    def stage(self) -> Staging:
        """Return the commands that recall what is on tape, as `Selection.stage` does.

        What another store has on disk is not recalled: the same version of a dataset of the same
        family, with files of the same names. `Staging.spared` counts it.

        Raises
        ------
        NothingFound
            If there is nothing to recall from.
        """
        from climeri_platform.selection.staging import stage

        if not len(self):
            raise NothingFound(self.why_empty())
        wanted = [part.view for part in self._ask(without_replicas) if not part.emptied]
        return stage(wanted, [part.view for part in self.parts if not part.emptied])

    def __repr__(self) -> str:
        of = f" of {', '.join(self.asked)}" if self.asked else ""
        lines = [f"<{many(len(self.parts), 'catalog')}: {many(len(self), 'dataset')}{of}>"]
        for name, part in self._named().items():
            held = "nothing" if part.emptied else many(len(part.view), "dataset")
            why = part.emptied or part.unread
            why = f" ({why})" if why else ""
            lines.append(f"  {name}: {held}{why}, {part.store} {part.view.snapshot.store}")
        return "\n".join([*lines, *(f"  does not answer: {each}" for each in self.troubles)])

    def _repr_html_(self) -> str:
        head, *lines = repr(self).splitlines()
        small = "<br>".join(map(escape, lines))
        title = f"<p><b>{escape(head[1:-1])}</b><br><small>{small}</small></p>"
        return title + facets_html(self.facets())
