"""Facets that no level of a path says, but that follow from another facet."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, ConfigDict

from climeri_platform.catalog.vocabulary import variable_names

__all__ = ["Derived"]


class Derived(BaseModel):
    """How a facet follows from another one.

    Attributes
    ----------
    facet
        The other facet, or several: the first that a path has.
    map
        Value to those of the other facet that mean it; others say nothing.
    variables
        Instead of a map, a table of ``catalogs/variables``: native to CMIP names. A name that it
        does not hold stays as it is.
    joined_by
        Instead of a map, what stands between the values of all these facets.
    within
        The facet whose value says which part of that table holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    facet: str | list[str]
    map: dict[str, list[str]] = {}
    variables: str | None = None
    joined_by: str | None = None
    within: str | None = None

    @cached_property
    def of(self) -> dict[str, str]:
        """Value of the other facet to value of this one."""
        return {value: name for name, values in self.map.items() for value in values}

    @property
    def asks(self) -> list[str]:
        """The facets on which the value depends."""
        return [*self._facets, *([self.within] if self.within else [])]

    @cached_property
    def _facets(self) -> list[str]:
        return [self.facet] if isinstance(self.facet, str) else self.facet

    def value(self, facets: dict[str, str]) -> str | None:
        """Return the facet's value, or None if nothing says it."""
        if self.joined_by is not None:
            parts = [facets.get(each) for each in self._facets]
            return None if None in parts else self.joined_by.join(filter(None, parts))
        for each in self._facets:
            there = facets.get(each)
            if there is None:
                continue
            if self.variables is None:
                if there in self.of:
                    return self.of[there]
                continue
            tables = variable_names(self.variables)
            part = tables.get(facets.get(self.within, "") if self.within else "all", {})
            return part.get(there, there)
        return None
