"""Of a stream of many variables, those that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.native.translate import only
from climeri_platform.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["of_many"]


def of_many(dataset: xr.Dataset, variables: Sequence[str], key: str) -> xr.Dataset:
    """Return a stream with some of its variables, and what belongs to them (`only`).

    Parameters
    ----------
    dataset
        As `to_cmip` gives it, or as its files are.
    variables
        As its files call them; none: all of it.
    key
        Its name, for the error.

    Raises
    ------
    DataError
        If it holds none of them.
    """
    if not variables:
        return dataset
    wanted = set(variables)
    names = [
        str(name)
        for name, each in dataset.data_vars.items()
        if wanted & {str(name), *str(each.attrs.get("native_name", name)).split()}
    ]
    if not names:
        raise DataError(
            f"{key}: there is no {' and no '.join(variables)} in the files that were opened",
            hint="The catalog goes by the newest file that it read; other periods may hold others.",
        )
    return only(dataset, names)
