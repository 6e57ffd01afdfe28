"""What a selection costs before it is opened."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from climeri_platform.core.sizes import many, size_text

if TYPE_CHECKING:
    from climeri_platform.catalog import CatalogView

__all__ = ["Cost", "cost_of"]

_INFLATION = 2.0  # deflated float32 fields of climate models shrink to about half
_CHUNK = 128 * 2**20  # dask's array.chunk-size, which chunks="auto" aims at
_HOW = (
    "files and bytes are the catalog's, the replica of each dataset that would be opened; decoded arrays "
    "are taken as twice the bytes on disk (compressed 32-bit fields), chunks as pieces of 128 MiB "
    "and at least one for each file; no file was opened"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection costs; ``str()`` says it in a line.

    Attributes
    ----------
    datasets, files, bytes
        As the catalog counts them, replicas once.
    unknown
        How many of the files the catalog has no size of: stores that are directories. The other
        figures are then the least that it can be.
    memory
        Estimated bytes of the decoded arrays, if all of it were loaded.
    chunks
        Estimated number of chunks.
    how
        How the estimates are made.
    """

    datasets: int
    files: int
    bytes: int
    memory: int
    chunks: int
    unknown: int = 0
    how: str = _HOW

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        disk, memory = size_text(self.bytes), size_text(self.memory)
        counts = f"{many(self.datasets, 'dataset')}, {many(self.files, 'file')}"
        if self.unknown:
            return (
                f"{counts}, at least {disk} on disk; at least about {memory} in memory if loaded "
                f"whole, in {many(self.chunks, 'chunk')} or more; {many(self.unknown, 'file')} of unknown size"
            )
        return (
            f"{counts}, {disk} on disk; about {memory} in memory if loaded whole, "
            f"in about {many(self.chunks, 'chunk')}"
        )


def cost_of(view: CatalogView) -> Cost:
    """Return the cost of the datasets of a view.

    Parameters
    ----------
    view
        What would be opened.
    """
    import polars as pl

    from climeri_platform.catalog.replicas import one_replica, replicas_here

    columns = ("dataset", "version", "root", "start", "end", "size")
    files = one_replica(view.files(*columns), replicas_here(view.snapshot))
    decoded = pl.col("size") * _INFLATION
    sums = files.select(
        bytes=pl.col("size").sum(),
        memory=decoded.sum().cast(pl.Int64),
        chunks=(decoded / _CHUNK).ceil().clip(lower_bound=1).fill_null(1).sum().cast(pl.Int64),
        unknown=pl.col("size").null_count(),
    ).row(0)
    size, memory, chunks, unknown = (int(each) for each in sums)
    return Cost(len(view), files.height, size, memory, chunks, unknown)
