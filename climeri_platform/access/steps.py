"""What was changed on the way from a file to what is opened, one sentence for each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

__all__ = ["NATIVE_NAME", "NATIVE_UNITS", "STEPS", "Kind", "Step", "remember", "was_done"]

Kind = Literal["numbers", "order", "names", "noted"]

STEPS = "climeri_steps"
NATIVE_NAME = "native_name"
NATIVE_UNITS = "native_units"
"""The attributes of a variable that say what was done to it, and what it was before."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or that was seen and left.

    Attributes
    ----------
    fix
        Which fix it was; the word that ``without=`` takes.
    variable
        The variable, by its name afterwards; of the dataset as a whole, none.
    said
        One sentence.
    kind
        ``numbers``: values differ from the file's. ``order``: the same values at the same places,
        in another order. ``names``: names, attributes or units' spelling. ``noted``: it was left
        as it is, and the sentence says why.
    factor, offset
        New values are old values times factor, plus offset; None where that is not what happened.
    native_name, native_units, units
        As the file has them, and as they are now; empty where they did not change.
    remedy
        What can be done about it, where that is not plain from what was said.
    """

    fix: str
    variable: str = ""
    said: str = ""
    kind: Kind = "noted"
    factor: float | None = None
    offset: float | None = None
    native_name: str = ""
    native_units: str = ""
    units: str = ""
    remedy: str = ""

    @property
    def changes_anything(self) -> bool:
        """Whether something is other than in the file; else it was seen, and left."""
        return self.kind != "noted"


def remember(dataset: xr.Dataset, steps: Iterable[Step]) -> xr.Dataset:
    """Write into the attributes of variables what was done to their values and names.

    Parameters
    ----------
    dataset
        What came out; it is not changed.
    steps
        What was done.

    Returns
    -------
    xarray.Dataset
        The same data. The first native name and units are kept, whatever follows.
    """
    told = dataset.copy(deep=False)
    for step in steps:
        if step.variable not in told.variables:
            continue
        attributes = told[step.variable].attrs
        if step.native_name:
            attributes.setdefault(NATIVE_NAME, step.native_name)
        if step.native_units:
            attributes.setdefault(NATIVE_UNITS, step.native_units)
        if step.kind in ("numbers", "order"):
            before = attributes.get(STEPS)
            attributes[STEPS] = f"{before}; {step.said}" if before else step.said
    return told


def was_done(variable: xr.Variable | xr.DataArray, said: str) -> bool:
    """Whether the steps of a variable, as `remember` wrote them, say something already."""
    return said in str(variable.attrs.get(STEPS, ""))
