"""A demonstration archive with a known truth, and what else a test of climate software needs.

.. code-block:: text

    recipe ─> energy_balance ─> simulation ─┐            (global means, exactly: the truth)
                    grids, land, climate ───┼─> fields ─> cmip6 | cordex | libigcm | observations
                              weather ──────┘                        └─> netcdf (files) + truth.json

Everything is computed here from the physics: this room imports neither ``analysis`` nor
``access``, so that the truth is never computed by the code under test.

The door is lazy: importing it loads neither numpy nor netCDF4. Apart stand
:mod:`climeri_platform.testing.defects` (spoil files on purpose) and
:mod:`climeri_platform.testing.strategies` (needs hypothesis).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.testing.build import ArchiveSummary, build_archive
    from climeri_platform.testing.recipe import ARCHIVE_ROOTS
    from climeri_platform.testing.truth import read_truth

__all__ = ["ARCHIVE_ROOTS", "ArchiveSummary", "build_archive", "read_truth"]

_WHERE = {
    "ARCHIVE_ROOTS": "recipe",
    "ArchiveSummary": "build",
    "build_archive": "build",
    "read_truth": "truth",
}

__getattr__, __dir__ = lazy_door(
    __name__, _WHERE, extra="testing", doing="the demonstration archive"
)
