"""The carbon sink of SAM0-UNICON has the sign of a source.

ESMValCore #1112, #1113: nbp, which is positive downward in CMIP6, is positive upward in version
v20190323. Values alone do not tell: of another version a note says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.access.harmonise.fields import model
from climeri_platform.access.harmonise.units import scaled
from climeri_platform.access.steps import Step, was_done

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["turned_sign"]

_FIX = "turned-sign"
_FAULTY = {("SAM0-UNICON", "nbp"): ("20190323",)}


def turned_sign(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Turn the sign of known versions.

    Parameters
    ----------
    dataset
        With CMIP's names of variables.
    about
        Common facets; ``model`` and ``version`` are used.
    """
    steps: list[Step] = []
    name = model(about, dataset)
    version = str(about.get("version") or "").removeprefix("v")
    for each in [str(held) for held in dataset.data_vars]:
        known = _FAULTY.get((name, each))
        if known is None or was_done(dataset[each], _FIX):
            continue
        if version not in known:
            said = (
                f"{_FIX}: {each} of {name} had the wrong sign in v{', v'.join(known)}; it is left"
            )
            steps.append(Step(_FIX, each, said))
            continue
        units = str(dataset[each].attrs.get("units", ""))
        said = f"{_FIX}: {each} of {name} v{version} is times -1"
        dataset, step = scaled(dataset, each, -1.0, 0.0, units, fix=_FIX, why=said)
        steps.append(step)
    return dataset, steps
