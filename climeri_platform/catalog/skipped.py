"""What a scan saw of a tree and did not take."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

__all__ = ["Skipped"]


@dataclass(slots=True)
class Skipped:
    """What a walk saw and did not take, for the report.

    Attributes
    ----------
    other
        How many files were not data by name.
    links
        Directory links, which are not followed: ``latest`` and its like repeat the tree.
    latest
        Those of them whose name is ``latest``, with their targets.
    unreadable
        Relative path of a directory, or a file, and the reason of the system.
    unseen
        Relative paths of directories and files at which nobody could look: what is known of them,
        and of all below them, stays true. A dangling link is none of them.
    pending
        Directories that the time did not allow; `unseen` holds them too.
    gone
        Files and directories that went away while the walk was on its way to them.
    repeated
        Pairs of paths of one version that are the same file: the one that is catalogued, and the
        other.
    shared
        Bytes that are counted more than once in the rows, because versions share files.
    notes
        What looks wrong in the tree, in words.
    unknown
        What a list of files could not say.
    """

    other: int = 0
    links: list[str] = field(default_factory=list)
    latest: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    repeated: list[tuple[str, str]] = field(default_factory=list)
    shared: int = 0
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def take(self, other: Skipped) -> None:
        """Add what another one holds."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def sort(self) -> None:
        """Put it in an order that does not depend on who came first."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, list):
                value.sort()
