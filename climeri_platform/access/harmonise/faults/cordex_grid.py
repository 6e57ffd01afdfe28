"""Rotated coordinates of regional models differ in their last digits.

Models write ``rlat`` and ``rlon`` in single precision, or add spacings up; with noise of 1e-6
degrees in one of two datasets, xarray's alignment drops rows without a word. They are snapped to
the grid of their domain (CORDEX domain tables, https://github.com/WCRP-CORDEX/domain-tables), where
the whole axis lies on it within a hundredth of its spacing. A grid that is shifted (HadREM3-GA7-05,
py-cordex #42: half a cell) is another grid, and stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from climeri_platform.access.harmonise.faults.cordex_domains import Domain, domains
from climeri_platform.access.steps import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["domain_of", "snap_to_domain"]

_FIX = "cordex-grid"
_NOISE = 0.01  # of the spacing


def domain_of(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[str, Domain | None]:
    """Return the name of a dataset's domain, and its grid if the table has it."""
    named = (
        about.get("domain") or dataset.attrs.get("CORDEX_domain") or dataset.attrs.get("domain_id")
    )
    name = str(named or "")
    return name, domains().get(name) if name else None


def snap_to_domain(dataset: xr.Dataset, about: Mapping[str, str]) -> tuple[xr.Dataset, list[Step]]:
    """Give ``rlat`` and ``rlon`` the values of their domain's grid.

    Parameters
    ----------
    dataset
        With the names of the common vocabulary.
    about
        Common facets; ``domain`` is used.
    """
    steps: list[Step] = []
    name, domain = domain_of(dataset, about)
    if domain is None:
        return dataset, steps
    for axis, first, size in (
        ("rlat", domain.lower, domain.rows),
        ("rlon", domain.left, domain.columns),
    ):
        if axis not in dataset.indexes or dataset[axis].dtype.kind != "f":
            continue
        native = np.asarray(dataset[axis].values, float)
        turns = 360.0 * np.round((native - first) / 360.0) if axis == "rlon" else 0.0
        cells = np.round((native - turns - first) / domain.spacing)
        snapped = np.round(first + domain.spacing * cells + turns, 6)
        worst = float(np.abs(snapped - native).max()) if native.size else 0.0
        # a relaxation zone beyond the domain is on its grid too
        near = bool((cells >= -50).all() and (cells <= size + 50).all())
        if worst > _NOISE * domain.spacing or not near:
            if native.size > 1:
                said = f"{axis} is up to {worst:.2g} degrees off the grid of {name}; it is another grid"
                steps.append(Step(_FIX, axis, said))
            continue
        if np.array_equal(snapped, native) and dataset[axis].dtype == np.float64:
            continue
        old = dataset[axis].variable
        dataset = dataset.assign_coords(
            {axis: xr.Variable(old.dims, snapped, old.attrs, old.encoding)}
        )
        said = f"{axis} is snapped to the grid of {name}; it was off by up to {worst:.1e} degrees"
        steps.append(Step(_FIX, axis, said, "numbers"))
    return dataset, steps
