"""The part of a family that knows of files of many variables."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel

from climeri_platform.catalog.cardfacets import WithCards

__all__ = ["WithContents"]


class WithContents(WithCards, BaseModel):
    """The part of a family that knows of files of many variables.

    Attributes
    ----------
    contents
        Whether a file whose name says no variable holds many, which its header says.
    """

    variable: str
    optional: list[str] = []
    contents: bool = False

    @cached_property
    def name_in_files(self) -> str:
        """The facet that says what files call the variable: models write names of their own."""
        return "native_variable" if "native_variable" in self.dataset else self.variable

    @cached_property
    def held(self) -> list[str]:
        """The facets that contents say where names do not; none where names always do."""
        names = dict.fromkeys((self.name_in_files, self.variable))
        return list(names) if self.contents else []

    def check_contents(self) -> None:
        """Refuse contents where every name has to say the variable.

        Raises
        ------
        ValueError
            If it does.
        """
        if always := sorted({*self.held} - {*self.optional}):
            raise ValueError(f"with contents, {' and '.join(always)} must be optional")
