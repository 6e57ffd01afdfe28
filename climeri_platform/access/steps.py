"""What was changed on the way from a file to what is opened."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One change, or one that was refused.

    Attributes
    ----------
    fix
        What did it, such as ``native names``.
    variable
        The name that it has now; of the dataset as a whole, none.
    said
        A sentence for the report.
    factor, offset
        Value now = factor times value in the file plus offset.
    native_name, native_units
        As in the file.

    Examples
    --------
    >>> Step("native names", "hfls", "flat is hfls", factor=-1.0, native_name="flat").changes_numbers
    True
    """

    fix: str
    variable: str = ""
    said: str = ""
    factor: float = 1.0
    offset: float = 0.0
    native_name: str = ""
    native_units: str = ""

    @property
    def changes_numbers(self) -> bool:
        """Whether values are other than in the file."""
        return (self.factor, self.offset) != (1.0, 0.0)
