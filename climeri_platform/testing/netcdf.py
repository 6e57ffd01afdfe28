"""Writing files: the same bytes every time, and never half a file under its final name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import netCDF4

from climeri_platform.testing.fields import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["created", "put", "put_fields", "put_time"]


@contextmanager
def created(path: Path, attributes: Mapping[str, Any]) -> Iterator[netCDF4.Dataset]:
    """Write a file beside its place, and put it there when it is complete.

    Parameters
    ----------
    path
        Where the file shall stand; its folder is made.
    attributes
        Global attributes, in their order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with netCDF4.Dataset(partial, "w", format="NETCDF4_CLASSIC") as dataset:
        dataset.set_fill_off()
        for key, value in attributes.items():
            # XIOS writes a global attribute called name, which setattr would take for another
            dataset.setncattr(key, value)
        yield dataset
    partial.replace(path)


def put(
    dataset: netCDF4.Dataset,
    name: str,
    dimensions: Sequence[str],
    values: Any = None,
    *,
    kind: str = "f8",
    chunks: Sequence[int] | None = None,
    fill: bool = False,
    **attributes: Any,
) -> netCDF4.Variable[Any]:
    """Add a variable; large ones (with ``chunks``) are shuffled and deflated."""
    packed: dict[str, Any] = {}
    if chunks is not None:
        packed = {"compression": "zlib", "complevel": 6, "shuffle": True, "chunksizes": chunks}
    variable = dataset.createVariable(
        name, kind, tuple(dimensions), fill_value=MISSING if fill else None, **packed
    )
    for key, value in attributes.items():
        variable.setncattr(key, value)
    if values is not None:
        variable[...] = values
    return variable


def put_fields(
    dataset: netCDF4.Dataset,
    name: str,
    dimensions: Sequence[str],
    blocks: Iterable[NDArray[np.float32]],
    *,
    chunks: Sequence[int],
    **attributes: Any,
) -> None:
    """Add a variable of float32 and write its fields, (t, row, column), block after block."""
    variable = put(
        dataset, name, dimensions, kind="f4", fill=True, chunks=chunks,
        **attributes, missing_value=MISSING,
    )  # fmt: skip
    first = 0
    for block in blocks:
        variable[first : first + len(block)] = block
        first += len(block)


def put_time(
    dataset: netCDF4.Dataset, centres: Any, bounds: Any, *, units: str, calendar: str
) -> None:
    """Add the unlimited ``time`` of CMIP with its bounds."""
    dataset.createDimension("time", None)
    dataset.createDimension("bnds", 2)
    steps = len(centres)
    put(
        dataset,
        "time",
        ("time",),
        centres,
        chunks=(min(steps, 512),),
        bounds="time_bnds",
        units=units,
        calendar=calendar,
        axis="T",
        long_name="time",
        standard_name="time",
    )
    put(dataset, "time_bnds", ("time", "bnds"), bounds, chunks=(min(steps, 512), 2))
