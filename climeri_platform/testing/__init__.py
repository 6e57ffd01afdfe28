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

from importlib import import_module
from typing import TYPE_CHECKING

from climeri_platform.core.extras import needs

if TYPE_CHECKING:
    from climeri_platform.testing.build import ArchiveSummary, build_archive
    from climeri_platform.testing.recipe import ARCHIVE_ROOTS
    from climeri_platform.testing.truth import read_truth

__all__ = ["ARCHIVE_ROOTS", "ArchiveSummary", "build_archive", "read_truth"]

_ROOMS = {
    "ARCHIVE_ROOTS": "climeri_platform.testing.recipe",
    "ArchiveSummary": "climeri_platform.testing.build",
    "build_archive": "climeri_platform.testing.build",
    "read_truth": "climeri_platform.testing.truth",
}


def __getattr__(name: str) -> object:
    try:
        room = _ROOMS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    with needs("testing", "the demonstration archive"):
        value = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
