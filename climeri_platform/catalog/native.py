"""What models call their variables, and how their numbers become those of CMIP.

One table for each model, ``catalogs/variables/*.yaml``: the names that the catalog gives beside native
ones and the factors by which files are opened are of the same rows. Units and directions of CMIP
itself are in ``catalogs/cmip-variables.yaml``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from climeri_platform.core.declared import read_declared
from climeri_platform.core.errors import UnknownFamily
from climeri_platform.core.resources import data_path, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CmipVariable",
    "Component",
    "NativeTable",
    "NativeVariable",
    "cmip_variables",
    "native_table",
    "native_tables",
]

Direction = Literal["up", "down"]


class CmipVariable(BaseModel):
    """What CMIP says of a variable.

    Attributes
    ----------
    units, standard_name
        As in its tables.
    positive
        The direction in which a flux counts, where it has one.
    unlike
        Standard names by which a file says that it holds another quantity.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    units: str
    standard_name: str = ""
    positive: Direction | None = None
    unlike: tuple[str, ...] = ()


class NativeVariable(BaseModel):
    """One row: a native variable, and what makes it CMIP's.

    Attributes
    ----------
    variable
        The CMIP name.
    units
        The native ones; None if only the file can say them.
    factor, offset
        Value in CMIP's units = factor times value plus offset.
    positive
        The native direction of a flux, where it is not CMIP's.
    streams
        The files that hold it, as far as they are known.
    frequencies
        Where given, in others it is something else.
    basin
        The part of the ocean over which it was summed; CMIP has it as a dimension.
    source
        A key of the table's sources.
    note
        Where a factor comes from that the units do not explain.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    variable: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    units: str | None = None
    factor: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    positive: Direction | None = None
    streams: tuple[str, ...] = ()
    frequencies: tuple[str, ...] = ()
    basin: str = ""
    source: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _means_something(self) -> NativeVariable:
        cmip = cmip_variables().get(self.variable)
        if cmip is None:
            raise ValueError(f"{self.variable} is not in cmip-variables.yaml")
        if self.factor == 0:
            raise ValueError(f"{self.variable}: the factor is 0")
        if self.units is None and (self.factor, self.offset) != (1.0, 0.0):
            raise ValueError(f"{self.variable}: a factor without the units that it is for")
        if self.positive is not None and cmip.positive is None:
            raise ValueError(f"{self.variable} has no direction in CMIP")
        if self.sign * self.factor < 0:
            raise ValueError(f"{self.variable}: factor {self.factor} contradicts its directions")
        return self

    @property
    def cmip(self) -> CmipVariable:
        """What CMIP says of the variable."""
        return cmip_variables()[self.variable]

    @property
    def sign(self) -> int:
        """-1 if the model counts the other way than CMIP, else 1."""
        return -1 if self.positive is not None and self.positive != self.cmip.positive else 1


class Component(BaseModel):
    """The variables of one component of a model: native name to row."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str
    variables: dict[str, NativeVariable]


class NativeTable(BaseModel):
    """A file of ``catalogs/variables``.

    Attributes
    ----------
    sources
        Key to reference.
    components
        Name to component; ``all`` where names do not depend on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    sources: dict[str, str]
    components: dict[str, Component]

    @model_validator(mode="after")
    def _sources_are_named(self) -> NativeTable:
        for name, component in self.components.items():
            used = {component.source, *(each.source for each in component.variables.values())}
            if missing := sorted(used - {"", *self.sources}):
                raise ValueError(f"{name}: no such source: {', '.join(missing)}")
        return self

    def rows(self, component: str | None) -> dict[str, NativeVariable]:
        """Return the rows of a component by native name; none if it is not known.

        Parameters
        ----------
        component
            As paths name it, such as ``ATM``.
        """
        found = self.components.get(component or "all") or self.components.get("all")
        return found.variables if found else {}


def _folder() -> Path:
    return data_path("catalogs") / "variables"


def native_tables() -> list[str]:
    """Return the names of the tables that there are, which are those of families."""
    return sorted(each.stem for each in _folder().glob("*.yaml"))


@lru_cache(maxsize=1)
def cmip_variables() -> dict[str, CmipVariable]:
    """Return what CMIP says of the variables to which the tables lead.

    Examples
    --------
    >>> cmip_variables()["hfls"].positive
    'up'
    """
    read: dict[str, Any] = read_yaml(data_path("catalogs") / "cmip-variables.yaml")
    return {name: CmipVariable.model_validate(each) for name, each in read.items()}


@lru_cache(maxsize=32)
def native_table(name: str) -> NativeTable:
    """Return the table of a model's own variables.

    Parameters
    ----------
    name
        A file of ``catalogs/variables``, without its ending.

    Returns
    -------
    NativeTable

    Raises
    ------
    UnknownFamily
        If there is no such table, or it is not valid.

    Examples
    --------
    >>> row = native_table("libIGCM").rows("ATM")["flat"]
    >>> row.variable, row.factor, row.cmip.units
    ('hfls', -1.0, 'W m-2')
    """
    path = _folder() / f"{name}.yaml"
    if not re.fullmatch(r"[\w-]+", name) or not path.is_file():
        raise UnknownFamily(
            f"there is no table of variables {name!r}",
            hint=f"There is: {', '.join(native_tables())}.",
        )
    return read_declared(
        path,
        NativeTable,
        what="table of variables",
        error=UnknownFamily,
        hint="docs/design/007-native-names.md says what a row holds.",
        read=read_yaml,
    )
