"""What became of a frozen selection."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Changes"]

_TOLD = 20  # changes in the text of an error


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a frozen selection.

    Attributes
    ----------
    gone
        Files that no root has any more.
    changed
        Files of another size, or with another tracking id, as ``path: before -> now``.
    rewritten
        Files of the same size that were written at another time.
    added
        Files that the same version has besides.
    retracted
        Files that their centre took back since, as ``path``: they are there, and should not be used.
    unchecked
        Stores that are directories (Zarr): a chunk that was rewritten inside cannot be seen, since
        a catalog looks at their top directory only. They are no change.
    newer
        Datasets of which there is a newer version, as ``dataset: frozen -> newest``.
    moved
        Files that are found at another root.
    """

    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    retracted: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(several for what, several in asdict(self).items() if what != "unchecked")

    @property
    def fatal(self) -> bool:
        """Whether some of the frozen files cannot be had as they were."""
        return bool(self.gone or self.changed)

    def __str__(self) -> str:
        told = {what: several for what, several in asdict(self).items() if what != "unchecked"}
        lines = [f"{what}: {each}" for what, several in told.items() for each in several]
        more = [f"... and {len(lines) - _TOLD} more"] if len(lines) > _TOLD else []
        lines = [*lines[:_TOLD], *more]
        if self.unchecked:
            lines = lines or ["nothing that can be checked changed"]
            lines.append(
                f"cannot be checked: {len(self.unchecked)} stores that are directories; only "
                "their top directory was looked at"
            )
        return "\n".join(lines) or "nothing changed"

    def as_dict(self) -> dict[str, list[str]]:
        """Return it as plain values, for JSON."""
        return {name: list(values) for name, values in asdict(self).items()}
