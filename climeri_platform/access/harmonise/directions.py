"""Fluxes that count in another direction than CMIP6 has them are told.

CMIP6's tables say it by ``positive`` (doi:10.5194/gmd-13-201-2020, the data request;
``catalogs/units.yaml``), and a file by the same attribute and by words of its standard name. Which of
its metadata and its numbers is wrong, no attribute says: nothing is turned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.conversion import table
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from typing import Any

    import xarray as xr

__all__ = ["check_directions"]

_FIX = "directions"


def check_directions(
    dataset: xr.Dataset, about: Mapping[str, str]
) -> tuple[xr.Dataset, list[Step]]:
    """Note the fluxes whose metadata say another direction than CMIP6.

    Parameters
    ----------
    dataset
        Variables by their CMIP names; it is returned as it is.
    about
        Not used: the direction is the file's to say.
    """
    del about
    steps: list[Step] = []
    known = table().positive
    for name in [str(each) for each in dataset.data_vars if each in known]:
        wanted = known[name]
        for where, way in _stated(dataset[name].attrs):
            if way != wanted:
                said = f"it counts {way} by its {where}, and CMIP6 {wanted}; its values are left"
                remedy = (
                    f"Look at the sign of its values: if they do count {way}, -ds[{name!r}] counts "
                    f"{wanted}."
                )
                steps.append(Step(_FIX, name, said, remedy=remedy))
                break
    return dataset, steps


def _stated(attributes: Mapping[Hashable, Any]) -> Iterator[tuple[str, str]]:
    """Yield where metadata say a direction, and which."""
    own = str(attributes.get("positive", "")).strip().lower()
    if own in ("up", "down"):
        yield f"attribute positive = {own!r}", own
    name = str(attributes.get("standard_name", ""))
    words = table().directions
    ways = sorted({words[word] for word in name.split("_") if word in words})
    if len(ways) == 1:
        yield f"standard name {name}", ways[0]
