"""Writing files: the same bytes every time, and never half a file under its final name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["FILL", "created", "put", "put_time"]

FILL = np.float32(1e20)
"""The missing value of CMIP."""


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
    fill: np.float32 | None = None,
    **attributes: Any,
) -> netCDF4.Variable[Any]:
    """Add a variable; large ones (with ``chunks``) are shuffled and deflated."""
    packed: dict[str, Any] = {}
    if chunks is not None:
        packed = {"compression": "zlib", "complevel": 2, "shuffle": True, "chunksizes": chunks}
    variable = dataset.createVariable(name, kind, tuple(dimensions), fill_value=fill, **packed)
    for key, value in attributes.items():
        variable.setncattr(key, value)
    if values is not None:
        variable[...] = values
    return variable


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
