"""What was opened, what was not, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.core.sizes import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "IncompleteDataWarning", "OpenReport"]

Status = Literal["opened", "noted", "skipped", "offline"]


class IncompleteDataWarning(UserWarning):
    """Something of what was asked for is not in the result; the report names it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the report.

    Attributes
    ----------
    dataset
        The key of the dataset.
    status
        ``opened``, ``noted`` (opened, and there is something to know), ``skipped``, or ``offline``
        (files that are on tape, and were not touched).
    path
        The file that it is about; empty for the whole dataset.
    cause, remedy
        What was seen, and what can be done.
    files, bytes
        How much is offline.
    """

    dataset: str
    status: Status
    path: str = ""
    cause: str = ""
    remedy: str = ""
    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class OpenReport:
    """The lines of one opening, in order."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, dataset: str, status: Status, **said: Any) -> None:
        """Append a line."""
        self.entries.append(Entry(dataset, status, **said))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def having(self, status: Status) -> list[Entry]:
        """Return the lines of one status."""
        return [each for each in self.entries if each.status == status]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the lines as plain values, for a table or JSON."""
        return [asdict(each) for each in self.entries]

    def summary(self) -> str:
        """Return one sentence."""
        opened, noted, skipped = (len(self.having(each)) for each in ("opened", "noted", "skipped"))
        said = f"{opened} datasets opened, {noted} notes, {skipped} skipped"
        files, size = self.offline
        return f"{said}, {files} files ({size_text(size)}) offline" if files else said

    @property
    def offline(self) -> tuple[int, int]:
        """How many files are on tape and were not opened, and their bytes."""
        there = self.having("offline")
        return sum(each.files for each in there), sum(each.bytes for each in there)

    def __str__(self) -> str:
        lines = [self.summary()]
        for each in self.entries:
            if each.status != "opened":
                lines.append(f"  {each.status}: {each.path or each.dataset}: {each.cause}")
                lines.extend([f"    {each.remedy}"] if each.remedy else [])
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{each.status}</td><td>{escape(each.path or each.dataset)}</td>"
            f"<td>{escape(each.cause)}</td><td>{escape(each.remedy)}</td></tr>"
            for each in self.entries
            if each.status != "opened"
        )
        head = "<tr><th></th><th>file or dataset</th><th>cause</th><th>remedy</th></tr>"
        table = f"<table>{head}{rows}</table>" if rows else ""
        return f"<p>{escape(self.summary())}</p>{table}"
