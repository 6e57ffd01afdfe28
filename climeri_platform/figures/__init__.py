"""Maps and series, ready for a talk. The only room that draws.

Nothing here touches pyplot: figures are plain objects, shown by a notebook when a cell ends with
one (``map_of(field).figure``), saved by ``figure.savefig``, and gone when nobody holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from climeri_platform.core.extras import lazy_door

if TYPE_CHECKING:
    from climeri_platform.figures.availability import availability
    from climeri_platform.figures.lines import series
    from climeri_platform.figures.maps import map_of

__all__ = ["availability", "map_of", "series"]

_WHERE = {"availability": "availability", "map_of": "maps", "series": "lines"}

__getattr__, __dir__ = lazy_door(__name__, _WHERE, extra="figures", doing="drawing")
