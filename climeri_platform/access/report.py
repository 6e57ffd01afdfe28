"""What was opened, what was not, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from climeri_platform.core.sizes import many, size_text
from climeri_platform.core.writing import write_named

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

__all__ = ["STATUSES", "Entry", "IncompleteDataWarning", "OpenReport", "Status"]

Status = Literal["opened", "renamed", "repaired", "noted", "offline", "skipped"]
STATUSES: tuple[Status, ...] = ("skipped", "offline", "repaired", "noted", "renamed", "opened")
"""What a line may say, the gravest first."""
_SHOWN = 20  # lines on a terminal


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
        ``opened``; ``repaired`` (numbers or axes are not those of the file any more); ``renamed``
        (names, attributes or the spelling of units are not); ``noted`` (opened, and there is
        something to know); ``offline`` (on tape, and left there); ``skipped``.
    path
        The file that it is about; empty for the whole dataset.
    cause, remedy
        What was seen or done, and what can be done.
    files, size
        How many files it is about, of how many bytes, where it counts them; else 0.
    """

    dataset: str
    status: Status
    path: str = ""
    cause: str = ""
    remedy: str = ""
    files: int = 0
    size: int = 0


@dataclass(slots=True)
class OpenReport:
    """The lines of one opening, in order."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, dataset: str, status: Status, **said: Any) -> None:
        """Append a line.

        Parameters
        ----------
        dataset
            The key of the dataset.
        status
            One of `STATUSES`.
        **said
            ``path``, ``cause``, ``remedy``, ``files``, ``size``, as `Entry` has them.
        """
        self.entries.append(Entry(dataset, status, **said))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def having(self, status: Status) -> list[Entry]:
        """Return the lines of one status."""
        return [each for each in self.entries if each.status == status]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the lines as plain values, for JSON."""
        return [asdict(each) for each in self.entries]

    @property
    def table(self) -> pl.DataFrame:
        """The lines as a table: dataset, status, path, cause, remedy, files, size."""
        import polars as pl

        schema: dict[str, Any] = dict.fromkeys(Entry.__slots__, pl.String)
        schema |= {"files": pl.Int64, "size": pl.Int64}
        rows = pl.DataFrame(self.to_dicts(), schema=schema)
        return rows.with_columns(pl.col("status").cast(pl.Enum(list(STATUSES))))

    def summary(self) -> str:
        """Return one sentence."""
        counts = {each: len(self.having(each)) for each in STATUSES}
        parts = [f"{many(counts['opened'], 'dataset')} opened"]
        if counts["repaired"]:
            parts.append(many(counts["repaired"], "repair"))
        if counts["renamed"]:
            parts.append(many(counts["renamed"], "name") + " changed")
        parts.append(many(counts["noted"], "note"))
        files, size = self.offline
        if files:
            text = f" ({size_text(size)})" if size else ""
            parts.append(f"{many(files, 'file')} offline{text}")
        return ", ".join([*parts, f"{counts['skipped']} skipped"])

    @property
    def offline(self) -> tuple[int, int]:
        """How many files are on tape and were not opened, and their bytes."""
        there = self.having("offline")
        return sum(each.files or 1 for each in there), sum(each.size for each in there)

    def __str__(self) -> str:
        told = sorted(
            (each for each in self._briefly() if each.status != "opened"),
            key=lambda each: STATUSES.index(each.status),
        )
        lines = [self.summary()]
        remedy = ""
        for each in told[:_SHOWN]:
            lines.append(f"  {each.status}: {each.path or each.dataset}: {each.cause}")
            if each.remedy and each.remedy != remedy:
                lines.append(f"    {each.remedy}")
            remedy = each.remedy
        if len(told) > _SHOWN:
            lines.append(f"  … and {len(told) - _SHOWN} more lines, in `report.table`")
        return "\n".join(lines)

    __repr__ = __str__

    def _briefly(self) -> list[Entry]:
        """Return the lines, with what was renamed in one line for each dataset."""
        names: dict[str, list[str]] = {}
        for each in self.having("renamed"):
            names.setdefault(each.dataset, []).append(each.cause)
        lines = [each for each in self.entries if each.status != "renamed"]
        return lines + [
            Entry(key, "renamed", cause="; ".join(causes)) for key, causes in names.items()
        ]

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as one page that any browser shows, without anything from elsewhere.

        Parameters
        ----------
        path
            Where; the file is there whole, or as it was.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        UsageError
            If it cannot be written there.
        """
        from climeri_platform.access.report_page import page

        # a name of a file need not be text
        return write_named(path, page(self).encode(errors="backslashreplace"))

    def _repr_html_(self) -> str:
        from climeri_platform.access.report_page import view

        return view(self)
